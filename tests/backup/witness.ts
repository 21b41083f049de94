/**
 * What clients know of the messages of a broker at any moment, and so what a backup of that moment may
 * hold.
 *
 * @module
 */

import type { HistoryEvent, Label, StoredIn } from "../support/checking/history.ts";

/** A message that was found in a restored journal. */
export interface FoundMessage extends StoredIn {
  readonly label: Label | undefined;
  readonly hash: number;
}

/** The moments around the position of a backup, as {@linkcode Witness.moment} tells them. */
export interface Span {
  /** Before the backup was begun: what was known then is in it. */
  readonly from: number;
  /** When its position was certainly fixed: what began later is not in it. */
  readonly to: number;
}

interface KnownMessage {
  readonly hash: number;
  readonly targets: readonly string[];
  readonly attemptedAt: number;
  refusedAt: number;
}

interface KnownPlace {
  readonly label: Label;
  confirmedAt: number;
  ackSentAt: number;
  ackConfirmedAt: number;
}

/** Hears a history. */
export class Witness {
  readonly #messages = new Map<string, KnownMessage>();
  readonly #places = new Map<string, KnownPlace>();
  #moment = 0;

  /** How many events there were. */
  get moment(): number {
    return this.#moment;
  }

  /** Hears the next event. */
  note(event: HistoryEvent): void {
    this.#moment++;
    switch (event.type) {
      case "attempted": {
        const { hash, targets } = event;
        const attemptedAt = this.#moment;
        this.#messages.set(show(event), { hash, targets, attemptedAt, refusedAt: Infinity });
        return;
      }
      case "refused":
        this.#messages.get(show(event))!.refusedAt = this.#moment;
        return;
      case "confirmed":
        for (const place of event.storedIn) {
          const known = this.#place(place, event);
          known.confirmedAt = Math.min(known.confirmedAt, this.#moment);
        }
        return;
      case "delivered":
        if (event.label !== undefined) this.#place(event, event.label);
        return;
      case "ackSent": {
        const place = this.#places.get(showPlace(event))!;
        place.ackSentAt = Math.min(place.ackSentAt, this.#moment);
        return;
      }
      case "ackConfirmed": {
        const place = this.#places.get(showPlace(event))!;
        place.ackConfirmedAt = Math.min(place.ackConfirmedAt, this.#moment);
        return;
      }
    }
  }

  /** Compares all messages of a restored journal with what is known; returns all that is wrong. */
  findWrong(found: readonly FoundMessage[], span: Span): string[] {
    const there = new Map(found.map((message) => [showPlace(message), message]));
    return [
      ...this.#findLost(there, span),
      ...found.flatMap((message) => this.#findInvented(message, span)),
      ...findReordered(found),
    ];
  }

  *#findLost(there: ReadonlyMap<string, FoundMessage>, { from, to }: Span): Generator<string> {
    for (const [place, { label, confirmedAt, ackSentAt, ackConfirmedAt }] of this.#places) {
      const message = there.get(place);
      if (message === undefined && confirmedAt <= from && ackSentAt > to) {
        yield `${place}: ${show(label)} was confirmed before, and is not there`;
      }
      if (message !== undefined && ackConfirmedAt <= from) {
        yield `${place}: ${show(label)} was acknowledged for good before, and is there`;
      }
    }
  }

  #findInvented(message: FoundMessage, { to, from }: Span): string[] {
    const place = showPlace(message);
    const { label } = message;
    const known = label && this.#messages.get(show(label));
    if (label === undefined || known === undefined) return [`${place}: nobody has sent that`];
    const what = `${place}: ${show(label)}`;
    const wrong: string[] = [];
    if (known.attemptedAt > to) wrong.push(`${what} was sent later`);
    if (known.refusedAt <= from) wrong.push(`${what} was refused`);
    if (known.hash !== message.hash) wrong.push(`${what} has another body`);
    if (!known.targets.includes(message.stream)) wrong.push(`${what} was not for that stream`);
    const holder = this.#places.get(place);
    if (holder !== undefined && show(holder.label) !== show(label)) {
      wrong.push(`${what} has the id of ${show(holder.label)}`);
    }
    return wrong;
  }

  #place(place: StoredIn, { publisher, number }: Label): KnownPlace {
    return this.#places.getOrInsertComputed(showPlace(place), () => ({
      label: { publisher, number },
      confirmedAt: Infinity,
      ackSentAt: Infinity,
      ackConfirmedAt: Infinity,
    }));
  }
}

/** Messages of one publisher have ids in the order in which they were sent, and each is there once. */
function* findReordered(found: readonly FoundMessage[]): Generator<string> {
  const last = new Map<string, FoundMessage>();
  for (const message of found) {
    if (message.label === undefined) continue;
    const key = `${message.stream} ${message.label.publisher}`;
    const before = last.get(key);
    last.set(key, message);
    if (before === undefined || before.label!.number < message.label.number) continue;
    yield `${showPlace(message)}: ${show(message.label)} comes after ${show(before.label!)}`;
  }
}

function show({ publisher, number }: Label): string {
  return `${publisher} ${number}`;
}

function showPlace({ stream, id }: StoredIn): string {
  return `${stream} ${id}`;
}

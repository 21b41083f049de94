/**
 * Checks a history against what a broker promises. Each event is looked at once, when it comes, and
 * each message once more in the end, so that histories of millions of events can be checked while
 * they happen.
 *
 * The end is after a full drain: every stream is empty, every handler has acknowledged what it had.
 *
 * @module
 */

import type {
  AckConfirmed,
  AckSent,
  AckUnknown,
  Attempted,
  Confirmed,
  Delivered,
  FaultKind,
  HistoryEvent,
  Label,
  StoredIn,
} from "./history.ts";
import { Findings, type Verdict } from "./verdict.ts";

/** What is known of the messages of one call. */
interface Call {
  readonly number: number;
  readonly first: Label;
  /** How often they must be delivered, over all streams, or not at all. */
  expected: number;
  /** How many of these deliveries there were. */
  found: number;
  /** Whether some of them were seen while a disk was cut off, and may come to nothing. */
  isUncertain: boolean;
}

/** What is known of a message from its publisher. */
interface SentMessage {
  readonly label: Label;
  readonly hash: number;
  readonly targets: readonly string[];
  /** Its id in each of the targets; 0 as long as it is not known. */
  readonly ids: number[];
  readonly call: Call;
  /** After which broker it was sent, if there was none; otherwise 0. */
  readonly deadGeneration: number;
  outcome: "open" | "confirmed" | "refused";
}

/** What is known of a message in a stream. */
interface StoredMessage {
  readonly message: SentMessage;
  deliveryCount: number;
  /** Who has had it last. */
  follower: string;
  /** Which broker has delivered it last. */
  generation: number;
  attempts: number;
  /** When that was: attempts of an earlier era may be forgotten. */
  era: number;
  /** What is known of an acknowledgement of the last delivery. */
  ack: "none" | "sent" | "unknown" | "confirmed";
}

/** What is known of a stream. */
interface CheckedStream {
  readonly messages: Map<number, StoredMessage>;
  readonly followers: Set<string>;
  /** The number of the last message that was delivered for the first time, by publisher. */
  readonly lastFirst: Map<string, number>;
  /** Messages that were out of order, if there was one follower only. */
  readonly reordered: string[];
}

/** Looks at events as they come. */
export class Checker {
  readonly #findings = new Findings();
  readonly #sent = new Map<string, Map<number, SentMessage>>();
  readonly #lastCalls = new Map<string, Call>();
  readonly #streams = new Map<string, CheckedStream>();
  readonly #counts = {
    attempted: 0,
    confirmed: 0,
    uncertain: 0,
    refused: 0,
    unknown: 0,
    delivered: 0,
    repeated: 0,
    repeatedAfterAck: 0,
    acked: 0,
    ackConfirmed: 0,
    faults: 0,
  };
  #fault: FaultKind | undefined;
  /** Whether the broker is there no more, and no new one yet. */
  #isStruck = false;
  /** Each broker has one. */
  #generation = 1;
  #era = 1;

  /** Looks at the next event. */
  note(event: HistoryEvent): void {
    switch (event.type) {
      case "attempted":
        return this.#noteAttempted(event);
      case "confirmed":
        return this.#noteConfirmed(event);
      case "refused":
        return this.#noteRefused(event);
      case "unknown":
        this.#counts.unknown++;
        return;
      case "delivered":
        return this.#noteDelivered(event);
      case "ackSent":
        return this.#noteAckSent(event);
      case "ackConfirmed":
        return this.#noteAckConfirmed(event);
      case "ackUnknown":
        return this.#noteAckUnknown(event);
      case "faultBegun":
        this.#counts.faults++;
        this.#fault = event.kind;
        return;
      case "faultStruck":
        this.#isStruck = true;
        return;
      case "faultEnded":
        return this.#noteFaultEnded();
    }
  }

  /** Tells what it all comes to, if this was everything. */
  finish(): Verdict {
    const findings = new Findings(this.#findings);
    for (const messages of this.#sent.values()) {
      for (const message of messages.values()) this.#checkInTheEnd(message, findings);
    }
    for (const { reordered } of this.#streams.values()) {
      for (const what of reordered) findings.add("reordered", what);
    }
    return findings.judge(this.#counts);
  }

  // Publishing.

  #noteAttempted({ publisher, number, hash, targets, call: callNumber }: Attempted): void {
    this.#counts.attempted++;
    const label = { publisher, number };
    let call = this.#lastCalls.get(publisher);
    if (call?.number !== callNumber) {
      call = { number: callNumber, first: label, expected: 0, found: 0, isUncertain: false };
      this.#lastCalls.set(publisher, call);
    }
    call.expected += targets.length;
    getOrAdd(this.#sent, publisher, () => new Map<number, SentMessage>()).set(number, {
      label,
      hash,
      targets,
      ids: targets.map(() => 0),
      call,
      deadGeneration: this.#isStruck ? this.#generation : 0,
      outcome: "open",
    });
  }

  #noteConfirmed(event: Confirmed): void {
    const message = this.#find(event);
    if (message === undefined) return this.#findings.add("phantom", `${show(event)} confirmed`);
    if (this.#isStruck && message.deadGeneration === this.#generation) {
      this.#findings.add("confirmedDead", show(event));
    }
    if (this.#isUncertain) {
      this.#counts.uncertain++;
      return;
    }
    this.#counts.confirmed++;
    message.outcome = "confirmed";
    for (const place of event.storedIn) {
      const stored = this.#stream(place.stream).messages.get(place.id);
      this.#checkIdentity(stored ?? this.#store(message, place), message, place);
    }
  }

  #noteRefused(event: Label): void {
    this.#counts.refused++;
    const message = this.#find(event);
    if (message !== undefined) message.outcome = "refused";
  }

  // Following.

  #noteDelivered(event: Delivered): void {
    this.#counts.delivered++;
    const message = event.label && this.#find(event.label);
    if (message === undefined) return this.#findings.add("phantom", `${showPlace(event)}`);
    if (message.hash !== event.hash || !message.targets.includes(event.stream)) {
      const what = `${showPlace(event)}: not as ${show(message.label)} was sent`;
      return this.#findings.add("phantom", what);
    }
    let stored = this.#stream(event.stream).messages.get(event.id);
    if (stored === undefined) {
      // It may be gone when there is a broker again, and its id may be another message's.
      if (this.#isUncertain) {
        message.call.isUncertain = true;
        return;
      }
      stored = this.#store(message, event);
    }
    if (!this.#checkIdentity(stored, message, event)) return;
    if (stored.deliveryCount++ > 0) this.#checkRepetition(stored, event);
    else this.#noteFirst(message, event);
    this.#noteFollower(event);
    stored.follower = event.follower;
    stored.generation = this.#generation;
    stored.attempts = event.attempts;
    stored.era = this.#era;
    stored.ack = "none";
  }

  #noteFirst({ label: { publisher, number }, call }: SentMessage, event: Delivered): void {
    call.found++;
    const stream = this.#stream(event.stream);
    const last = stream.lastFirst.get(publisher) ?? 0;
    if (number >= last) stream.lastFirst.set(publisher, number);
    else stream.reordered.push(`${showPlace(event)}: ${publisher} ${number} after ${last}`);
  }

  /** With several followers, who is done first is open. */
  #noteFollower({ stream, follower }: Delivered): void {
    const { followers, reordered } = this.#stream(stream);
    followers.add(follower);
    if (followers.size > 1) reordered.length = 0;
  }

  #checkRepetition(stored: StoredMessage, event: Delivered): void {
    this.#counts.repeated++;
    const what = `${showPlace(event)}, ${show(stored.message.label)}`;
    if (stored.ack === "confirmed") this.#findings.add("redelivered", what);
    if (stored.ack === "sent") this.#counts.repeatedAfterAck++;
    if (stored.era === this.#era && event.attempts < stored.attempts) {
      this.#findings.add("attemptsDown", `${what}: ${event.attempts} after ${stored.attempts}`);
    }
  }

  #noteAckSent(event: AckSent): void {
    this.#counts.acked++;
    const stored = this.#findHeld(event);
    // If the broker is gone that has delivered it, this does nothing, and the message comes again.
    if (stored === undefined || this.#isStruck || stored.generation !== this.#generation) return;
    stored.ack = "sent";
  }

  #noteAckConfirmed(event: AckConfirmed): void {
    this.#counts.ackConfirmed++;
    const stored = this.#streams.get(event.stream)?.messages.get(event.id);
    if (stored === undefined) return;
    if (stored.follower !== event.follower) {
      const what = `${showPlace(event)} to ${stored.follower} while ${event.follower} had it`;
      return this.#findings.add("redelivered", what);
    }
    stored.ack = this.#isUncertain ? "unknown" : "confirmed";
  }

  #noteAckUnknown(event: AckUnknown): void {
    const stored = this.#findHeld(event);
    if (stored?.ack === "sent") stored.ack = "unknown";
  }

  // Faults.

  #noteFaultEnded(): void {
    // How often something was worked on is flushed in time, not at once.
    if (this.#isUncertain) this.#era++;
    this.#fault = undefined;
    this.#isStruck = false;
    this.#generation++;
  }

  /** Whether what is heard now may come to nothing although the broker is right to say it. */
  get #isUncertain(): boolean {
    return this.#fault === "cut";
  }

  // What is known.

  #find({ publisher, number }: Label): SentMessage | undefined {
    return this.#sent.get(publisher)?.get(number);
  }

  #stream(name: string): CheckedStream {
    return getOrAdd(this.#streams, name, () => ({
      messages: new Map(),
      followers: new Set(),
      lastFirst: new Map(),
      reordered: [],
    }));
  }

  #store(message: SentMessage, { stream, id }: StoredIn): StoredMessage {
    const stored: StoredMessage = {
      message,
      deliveryCount: 0,
      follower: "",
      generation: 0,
      attempts: 0,
      era: 0,
      ack: "none",
    };
    this.#stream(stream).messages.set(id, stored);
    return stored;
  }

  /** The message of an acknowledgement, if nobody else was given it since. */
  #findHeld({ stream, id, follower }: AckSent | AckUnknown): StoredMessage | undefined {
    const stored = this.#streams.get(stream)?.messages.get(id);
    return stored?.follower === follower ? stored : undefined;
  }

  /** An id belongs to one message, and a message has one id in each stream. */
  #checkIdentity(stored: StoredMessage, message: SentMessage, place: StoredIn): boolean {
    if (stored.message !== message) {
      const what = `${showPlace(place)}: ${show(stored.message.label)}, ${show(message.label)}`;
      this.#findings.add("reusedIds", what);
      return false;
    }
    const index = message.targets.indexOf(place.stream);
    const known = message.ids[index];
    message.ids[index] = place.id;
    if (known !== undefined && known !== 0 && known !== place.id) {
      const what = `${show(message.label)}: ${showPlace(place)}, before ${known}`;
      this.#findings.add("duplicates", what);
    }
    return true;
  }

  #checkInTheEnd(message: SentMessage, findings: Findings): void {
    const { label, targets, ids, call, outcome } = message;
    targets.forEach((stream, index) => {
      const id = ids[index]!;
      const stored = this.#streams.get(stream)?.messages.get(id);
      const isDone = stored === undefined ? call.isUncertain : stored.ack !== "none";
      const { deliveryCount = 0 } = stored ?? {};
      if (outcome === "confirmed" && !isDone) {
        const what = `${show(label)} in ${stream} with id ${id}: ${deliveryCount} deliveries`;
        findings.add("lost", what);
      }
      if (outcome === "refused" && deliveryCount > 0) {
        findings.add("refusedDelivered", `${show(label)} in ${stream} with id ${id}`);
      }
    });
    const isTorn = call.found > 0 && call.found < call.expected && !call.isUncertain;
    if (isTorn && call.first === label) {
      findings.add("torn", `the call of ${show(label)}: ${call.found} of ${call.expected}`);
    }
  }
}

/** Checks a history that is complete. */
export function checkHistory(events: Iterable<HistoryEvent>): Verdict {
  const checker = new Checker();
  for (const event of events) checker.note(event);
  return checker.finish();
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}

function show({ publisher, number }: Label): string {
  return `${publisher} ${number}`;
}

function showPlace({ stream, id }: StoredIn): string {
  return `${stream} ${id}`;
}

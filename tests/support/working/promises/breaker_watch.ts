import { BREAKER_DEFAULT } from "../../../../src/protocol/messages/stream_options.ts";
import type { WorkCopy } from "./work_copy.ts";
import type { WorkLife, WorkParts } from "../work_parts.ts";
import type { WorkStream } from "../work_streams.ts";

/** A state of a breaker. */
interface KnownState {
  /** When it opened, by the time of the rules; undefined if it is closed. */
  readonly openedAt: number | undefined;
  /** When that was seen, by the true time. */
  readonly seenAt: number;
  isDurable: boolean;
}

/** What a breaker was, from the last state that is sure to outlive its broker. */
interface History {
  states: KnownState[];
  life: WorkLife;
  /** When the last probe went, in this life. */
  probedAt: number;
  /** The same for the one before: a probe that nobody has seen is none. */
  probedBefore: number;
}

/** Breakers: after the end of a broker they are as somebody knows them, and while they are open only probes go. */
export class BreakerWatch {
  readonly #histories = new Map<string, History>();
  readonly #hasTrueClocks: boolean;

  constructor(hasTrueClocks: boolean) {
    this.#hasTrueClocks = hasTrueClocks;
  }

  /** Looks at all breakers of a process, before and after it does something. */
  look(parts: WorkParts, life: WorkLife): void {
    if (!life.leads) return;
    for (const stream of parts.streams) {
      if (!stream.options.breaker) continue;
      const open = findOpen(life, stream);
      for (const lane of listBreakers(stream)) {
        this.#note(parts, life, { stream, lane }, open.get(lane));
      }
    }
  }

  /** A message is out, as the only probe, or as one of many. Returns since when its breaker is open, if it is. */
  checkDelivery(
    parts: WorkParts,
    life: WorkLife,
    copy: WorkCopy,
    others: Iterable<{ readonly probeOf: number | undefined; readonly copy: WorkCopy }>,
  ): number | undefined {
    const { stream } = copy;
    const lane = breakerOf(copy);
    if (!stream.options.breaker || lane === undefined) return undefined;
    const openedAt = findOpen(life, stream).get(lane);
    if (openedAt === undefined) return undefined;
    const { ledger, counts, time: { now } } = parts;
    counts.probes++;
    for (const other of others) {
      if (
        other.probeOf !== openedAt || other.copy.stream !== stream || breakerOf(other.copy) !== lane
      ) {
        continue;
      }
      ledger.report(`${life.name}: ${copy} and ${other.copy} are both probes`);
    }
    const history = this.#histories.get(`${stream.name} ${lane}`);
    if (history?.life !== life) return openedAt;
    const last = Math.max(history.states.at(-1)!.seenAt, history.probedAt);
    const openMs = stream.options.breaker.openMs ?? BREAKER_DEFAULT.openMs;
    if (this.#hasTrueClocks && now < last + openMs - 2) {
      ledger.report(`${life.name}: ${copy} is a probe at ${now}, the last one went at ${last}`);
    }
    history.probedBefore = history.probedAt;
    history.probedAt = now;
    return openedAt;
  }

  /** A probe comes back that no handler has seen: the next one may go at once. */
  refund(copy: WorkCopy): void {
    const history = this.#histories.get(`${copy.stream.name} ${breakerOf(copy)}`);
    if (history !== undefined) history.probedAt = history.probedBefore;
  }

  /** Whether the attempts of a message cost nothing now. */
  isOpen(life: WorkLife, copy: WorkCopy): boolean {
    const lane = breakerOf(copy);
    if (!copy.stream.options.breaker || lane === undefined) return false;
    return findOpen(life, copy.stream).has(lane);
  }

  #note(
    { ledger, counts, time: { now } }: WorkParts,
    life: WorkLife,
    { stream, lane }: { readonly stream: WorkStream; readonly lane: string },
    openedAt: number | undefined,
  ): void {
    const place = `${stream.name} ${lane}`;
    const history = this.#histories.getOrInsertComputed(place, () => {
      const states = [{ openedAt: undefined, seenAt: 0, isDurable: true }];
      return { states, life, probedAt: -Infinity, probedBefore: -Infinity };
    });
    if (history.life !== life) {
      const found = history.states.find((state) => state.openedAt === openedAt);
      if (found === undefined) {
        const known = history.states.map((one) => one.openedAt ?? "closed").join(", ");
        const what = openedAt === undefined ? "closed" : `open since ${openedAt}`;
        ledger.report(`${life.name}: the breaker of ${place} is ${what}, known is ${known}`);
      }
      if (openedAt !== undefined) counts.stayedOpen++;
      history.states = [{ openedAt, seenAt: found?.seenAt ?? now, isDurable: true }];
      history.life = life;
      history.probedAt = history.probedBefore = -Infinity;
      return;
    }
    if (history.states.at(-1)!.openedAt === openedAt) return;
    const state = { openedAt, seenAt: now, isDurable: false };
    history.states.push(state);
    if (openedAt !== undefined) counts.opened++;
    const settle = () => {
      const index = history.states.indexOf(state);
      if (index >= 0) history.states.splice(0, index);
    };
    const durable = life.engine.whenDurable();
    if (durable === undefined) settle();
    else durable.then(settle, () => {});
  }
}

/** The lane whose breaker a message goes by; "" for that of the stream, undefined for none. */
function breakerOf({ stream, lane }: WorkCopy): string | undefined {
  return stream.options.breaker?.of === "lane" ? lane : "";
}

function listBreakers({ options: { breaker }, lanes }: WorkStream): string[] {
  if (breaker?.of !== "lane") return [""];
  return Array.from({ length: lanes }, (_, index) => `L${index}`);
}

/** Since when breakers of a stream are open. */
function findOpen({ engine }: WorkLife, { name }: WorkStream): Map<string, number> {
  const { breakers } = engine.state.router.requireStream(name).share;
  const found = new Map<string, number>();
  for (const [{ lane }, { openedAt }] of breakers?.listOpen() ?? []) {
    found.set(lane?.name ?? "", openedAt);
  }
  return found;
}

import type { BrokerEvent, Page } from "../../protocol.ts";

/** The most events that are kept. */
export const EVENTS_MAX = 1000;

/** The most characters of events that are kept, in UTF-16 units. */
const LENGTH_MAX = 512 * 1024;

/** The most events of a page. */
const PAGE_EVENTS = 200;

/** What an event takes beside its texts, in UTF-16 units. */
const EVENT_LENGTH = 64;

/** The last lines of a log, for those who cannot read where it is written. */
export class EventRing {
  readonly #events: BrokerEvent[] = [];
  #lastNumber = 0;
  #length = 0;

  /** Keeps an event, and drops the oldest ones beyond the limits. */
  add(event: Omit<BrokerEvent, "number">): void {
    const numbered = { number: ++this.#lastNumber, ...event };
    this.#events.push(numbered);
    this.#length += lengthOf(numbered);
    while (this.#events.length > EVENTS_MAX || this.#length > LENGTH_MAX) {
      this.#length -= lengthOf(this.#events.shift()!);
    }
  }

  /** One page of events, the oldest first, behind the one with the number `after`. */
  list(after: number): Page<BrokerEvent> {
    const rest = this.#events.filter(({ number }) => number > after);
    const items = rest.slice(0, PAGE_EVENTS);
    return { items, ...items.length < rest.length && { next: items.at(-1)!.number } };
  }
}

function lengthOf({ message, fields }: Omit<BrokerEvent, "number">): number {
  let length = EVENT_LENGTH + message.length;
  for (const name in fields) length += name.length + String(fields[name]).length;
  return length;
}

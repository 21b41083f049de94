/**
 * Whatever is lost, and whoever is forgotten: what a publisher sends again is stored once, or the
 * publisher is told that nobody knows.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Event } from "../../../src/broker/event.ts";
import { textsOf } from "../../support/wire/batches.ts";
import { fuzz } from "../../support/wire/fuzz.ts";
import { TestBroker, type TestPublisher } from "../../support/broker/test_broker.ts";

const MINUTE_MS = 60_000;

/** A batch as its client sees it. */
interface Sent {
  readonly sequence: number;
  readonly text: string;
  readonly at: number;
}

/** A client with one publisher, whose connection may be lost with the answers that are on it. */
class Client {
  readonly name: string;
  session: TestPublisher | undefined;
  /** Batches without an answer that has arrived, in order. */
  unanswered: Sent[] = [];
  #next = 1;
  #heard = 0;
  /** The first number that was sent for the first time in this session. */
  #newFrom = 1;

  constructor(name: string) {
    this.name = name;
  }

  /** Opens its publisher, unless it is open, and sends again what has no answer. */
  open(test: TestBroker): TestPublisher {
    if (this.session !== undefined) return this.session;
    const [first] = this.unanswered;
    const sent = first && { sentUntil: this.#next - 1, sentMs: Math.ceil(test.now - first.at) };
    this.session = test.publisher("orders", this.name, sent);
    this.#heard = 0;
    this.#newFrom = this.#next;
    for (const { sequence, text } of this.unanswered) this.session.publishAs(sequence, text);
    return this.session;
  }

  send(test: TestBroker): void {
    const session = this.open(test);
    const sequence = this.#next++;
    const text = `${this.name}:${sequence}`;
    this.unanswered.push({ sequence, text, at: test.now });
    session.publishAs(sequence, text);
  }

  /** Hears what has arrived; tells what was confirmed and what is not known. */
  hear(confirmed: Set<string>, unknown: Set<string>): void {
    for (const { sequence, code } of this.session?.sink.outcomes.slice(this.#heard) ?? []) {
      this.#heard++;
      const { text } = this.unanswered.shift()!;
      assertEquals(text, `${this.name}:${sequence}`, "answers come in order");
      if (code === undefined) confirmed.add(text);
      else {
        assertEquals(code, "PUBLISHER_FORGOTTEN");
        assert(sequence < this.#newFrom, "what is sent for the first time is stored");
        unknown.add(text);
      }
    }
  }

  lose(): void {
    if (this.session !== undefined) this.session.publisher.lose();
    this.session = undefined;
  }
}

/** A broker that is made again of what an earlier one has written. */
function restart(events: readonly Event[], now: number): TestBroker {
  const test = new TestBroker();
  test.now = now;
  const { state } = test.broker;
  state.beginRestoration();
  for (const event of events) state.apply(event);
  state.finishRestoration(now);
  return test;
}

/** How often each text was stored. */
function countStored(events: readonly Event[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of events) {
    if (event.type !== "published") continue;
    for (const text of textsOf(event.batch)) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return counts;
}

Deno.test("what is sent again is stored once, or it is told that nobody knows (random)", () => {
  let unknownCount = 0;
  const step = fc.record({
    do: fc.constantFrom("send", "send", "send", "hear", "lose", "open", "passTime", "restart"),
    who: fc.nat(3),
    ms: fc.oneof(fc.nat(1000), fc.nat(15 * MINUTE_MS)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let test = new TestBroker("orders");
      test.now = 1000 * MINUTE_MS;
      const events: Event[] = [];
      const clients = ["a", "b", "c", "d"].map((name) => new Client(name));
      const confirmed = new Set<string>();
      const unknown = new Set<string>();
      for (const { do: what, who, ms } of steps) {
        const client = clients[who]!;
        if (what === "send") client.send(test);
        else if (what === "hear") client.hear(confirmed, unknown);
        else if (what === "lose") client.lose();
        else if (what === "open") client.open(test);
        else if (what === "passTime") {
          test.now += ms;
          test.broker.tick(test.now);
        } else {
          for (const one of clients) one.lose();
          events.push(...test.events);
          test = restart(events, test.now);
        }
      }
      for (const client of clients) {
        client.open(test);
        client.hear(confirmed, unknown);
        assertEquals(client.unanswered, []);
      }
      const counts = countStored([...events, ...test.events]);
      for (const [text, count] of counts) assertEquals(count, 1, text);
      for (const text of confirmed) assertEquals(counts.get(text), 1, `${text} was confirmed`);
      for (const text of unknown) assert(!confirmed.has(text));
      unknownCount += unknown.size;
    }),
    fuzz(400),
  );
  assert(unknownCount > 0, "some of them were forgotten");
});

/**
 * The events of a log that are kept: how many, how large, and what they show.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { BrokerEvent } from "../../protocol.ts";
import { createToken } from "../../src/server/access/users/token.ts";
import { EventRing } from "../../src/server/event_ring.ts";
import { Log, LOG_LEVELS } from "../../src/server/log.ts";

/** All events of a ring, page by page. */
function listAll(ring: EventRing, from = 0): BrokerEvent[] {
  const all: BrokerEvent[] = [];
  for (let after: number | undefined = from; after !== undefined;) {
    const { items, next }: { items: readonly BrokerEvent[]; next?: number } = ring.list(after);
    all.push(...items);
    after = next;
  }
  return all;
}

function add(ring: EventRing, message: string, fields: BrokerEvent["fields"] = {}): void {
  ring.add({ at: 0, level: "info", message, fields });
}

Deno.test("EventRing: the last thousand are kept, and listed in pages", () => {
  const ring = new EventRing();
  assertEquals(ring.list(0), { items: [] });
  for (let number = 1; number <= 1234; number++) add(ring, `event ${number}`);
  const all = listAll(ring);
  assertEquals([all.length, all[0]!.number, all.at(-1)!.number], [1000, 235, 1234]);
  assertEquals(all[0]!.message, "event 235");
  assertEquals(ring.list(0).items.length, 200);
  assertEquals(listAll(ring, 1230).map(({ number }) => number), [1231, 1232, 1233, 1234]);
  assertEquals(ring.list(1234), { items: [] });
  assertEquals(ring.list(Number.MAX_SAFE_INTEGER), { items: [] });
});

Deno.test("EventRing: large events push out older ones, and the last one stays", () => {
  const ring = new EventRing();
  const large = "x".repeat(4096);
  for (let number = 1; number <= 1000; number++) add(ring, "large", { large });
  const kept = listAll(ring);
  assert(kept.length > 100 && kept.length < 130, `${kept.length} are kept`);
  assertEquals(kept.at(-1)!.number, 1000);
});

Deno.test("the log keeps events at info or above, whatever its level is", () => {
  for (const level of LOG_LEVELS) {
    const log = new Log({ level, write: () => {}, now: () => 1 });
    log.debug("a");
    log.info("b", { count: 1, isRight: true, none: undefined, list: [1] });
    log.warning("c", { error: new Error("why") });
    assertEquals(log.events.list(0).items, [
      {
        number: 1,
        at: 1,
        level: "info",
        message: "b",
        fields: { count: 1, isRight: true, list: "[1]" },
      },
      { number: 2, at: 1, level: "warning", message: "c", fields: { error: "Error: why" } },
    ]);
  }
});

Deno.test("the events that the log keeps have no tokens in them, and no endless texts", () => {
  const log = new Log({ level: "error", write: () => {} });
  const token = createToken();
  log.info(`token ${token}`, { token, long: "x".repeat(100_000) });
  const text = JSON.stringify(log.events.list(0));
  assert(!text.includes(token));
  assert(text.length < 10_000, `${text.length}`);
});

Deno.test("the level of a log is set while it is written", () => {
  const lines: string[] = [];
  const log = new Log({ level: "warning", write: (line) => lines.push(line) });
  const writeAll = () => LOG_LEVELS.forEach((level) => log[level](level));
  for (const [level, count] of [["debug", 4], ["error", 1], ["info", 3]] as const) {
    log.level = level;
    assertEquals(log.level, level);
    lines.length = 0;
    writeAll();
    assertEquals(lines.length, count, level);
  }
});

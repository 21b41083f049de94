/**
 * Which message ids a stream remembers, and for how long.
 *
 * @module
 */

import { assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { DedupWindow, type RememberedMessage } from "../../src/broker/dedup_window.ts";
import { fuzz } from "../support/fuzz.ts";

const WINDOW_MS = 100;

function messageOf(id: number, at: number, isStored = true): RememberedMessage {
  return { id, at, isStored };
}

Deno.test("DedupWindow.find() finds what came within the window", () => {
  const window = new DedupWindow();
  const message = messageOf(7, 1000);
  window.add("a", message, WINDOW_MS);
  assertStrictEquals(window.find("a", 1000, WINDOW_MS), message);
  assertStrictEquals(window.find("a", 1099, WINDOW_MS), message);
  assertEquals(window.find("a", 1100, WINDOW_MS), undefined);
  assertEquals(window.find("b", 1000, WINDOW_MS), undefined);
  assertEquals(window.find("a", 1000, 0), undefined, "a window of 0 remembers nothing");
});

Deno.test("DedupWindow.add() forgets what is too old, the oldest first", () => {
  const window = new DedupWindow();
  for (const [index, at] of [1000, 1050, 1099].entries()) {
    window.add(`${index}`, messageOf(index, at), WINDOW_MS);
  }
  assertEquals(window.size, 3);
  window.add("new", messageOf(9, 1150), WINDOW_MS);
  assertEquals(window.takeSnapshot().map(({ messageId }) => messageId), ["2", "new"]);
});

Deno.test("DedupWindow.add() keeps so many and no more, whatever their time", () => {
  const window = new DedupWindow(3);
  for (let id = 1; id <= 5; id++) window.add(`m${id}`, messageOf(id, 1000), WINDOW_MS);
  assertEquals(window.takeSnapshot().map(({ id }) => id), [3, 4, 5]);
});

Deno.test("DedupWindow.add() of the same message id counts as the newest", () => {
  const window = new DedupWindow(2);
  window.add("a", messageOf(1, 1000), WINDOW_MS);
  window.add("b", messageOf(2, 1000), WINDOW_MS);
  window.add("a", messageOf(3, 2000), WINDOW_MS * 100);
  window.add("c", messageOf(4, 2000), WINDOW_MS * 100);
  assertEquals(window.takeSnapshot().map(({ messageId, id }) => [messageId, id]), [
    ["a", 3],
    ["c", 4],
  ]);
});

Deno.test("DedupWindow.delete() forgets that very message, and no other of its message id", () => {
  const window = new DedupWindow();
  window.add("a", messageOf(1, 1000), WINDOW_MS);
  window.delete("a", 2);
  assertEquals(window.size, 1);
  window.delete("a", 1);
  window.delete("a", 1);
  assertEquals([window.size, window.find("a", 1000, WINDOW_MS)], [0, undefined]);
});

Deno.test("DedupWindow.takeSnapshot() has only what is durable", () => {
  const window = new DedupWindow();
  const underway = messageOf(2, 1000, false);
  window.add("a", messageOf(1, 1000), WINDOW_MS);
  window.add("b", underway, WINDOW_MS);
  assertEquals(window.takeSnapshot(), [{ messageId: "a", id: 1, at: 1000 }]);
  underway.isStored = true;
  assertEquals(window.takeSnapshot().length, 2);
});

Deno.test("DedupWindow finds the same as a plain list (random)", () => {
  const step = fc.record({ messageId: fc.nat(12), isAdded: fc.boolean(), ms: fc.nat(30) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 100 }),
      fc.integer({ min: 1, max: 8 }),
      (steps, max) => {
        const window = new DedupWindow(max);
        let model: { messageId: string; id: number; at: number }[] = [];
        let now = 0;
        for (const [id, step] of steps.entries()) {
          now += step.ms;
          const messageId = `m${step.messageId}`;
          if (step.isAdded) {
            model = model.filter((one) => one.messageId !== messageId);
            model.push({ messageId, id, at: now });
            model = model.filter(({ at }) => at + WINDOW_MS > now).slice(-max);
            window.add(messageId, messageOf(id, now), WINDOW_MS);
            assertEquals(window.takeSnapshot(), model);
          }
          const expected = model.find((one) =>
            one.messageId === messageId && one.at + WINDOW_MS > now
          );
          assertEquals(window.find(messageId, now, WINDOW_MS)?.id, expected?.id);
        }
      },
    ),
    fuzz(200),
  );
});

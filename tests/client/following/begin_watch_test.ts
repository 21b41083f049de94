import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { BeginWatch } from "../../../src/client/following/begin_watch.ts";
import { HeldMessages } from "../../../src/client/deliveries/held_messages.ts";
import { DeliveredMessage } from "../../../src/client/deliveries/delivered_message.ts";
import { PATIENCE_MS } from "../support.ts";

Deno.test("a handler that takes long is reported once, and then nobody looks any more", async () => {
  const held = new HeldMessages();
  const reported: number[] = [];
  let isReported = Promise.withResolvers<void>();
  const report = (tag: number) => {
    reported.push(tag);
    isReported.resolve();
  };
  let hasMore = true;
  const watch = new BeginWatch({ held, hasMore: () => hasMore, report, schedule: () => {} });
  watch.start(1);
  for (const tag of [1, 2]) {
    isReported = Promise.withResolvers();
    watch.wake(false);
    const message = new DeliveredMessage({ bytes: new Uint8Array(64) } as never, 0, { id: 1, tag });
    held.add(message);
    // The second message was fetched with the first one, and is the last.
    if (tag === 2) hasMore = false;
    await deadline(isReported.promise, PATIENCE_MS);
    if (tag === 1) held.remove(message);
  }
  assertEquals(reported, [1, 2]);
  // A timer that went on would be a leak of this test.
});

Deno.test("what several handlers have is told when something is written, but for what is finished", () => {
  const held = new HeldMessages();
  let scheduled = 0;
  const watch = new BeginWatch({
    held,
    hasMore: () => false,
    report: (tag) => assertEquals(tag, 0),
    schedule: () => scheduled++,
  });
  watch.start(1000);
  const messages = [1, 2, 3, 4].map((tag) => {
    return new DeliveredMessage({ bytes: new Uint8Array(64) } as never, 0, { id: 1, tag });
  });
  const hand = (message: DeliveredMessage) => watch.note(message, held.add(message));
  messages.slice(0, 3).forEach(hand);
  assertEquals(scheduled, 1);
  held.remove(messages[1]!);
  assertEquals(watch.takeBegun(), [1, 3]);
  assertEquals(watch.takeBegun(), []);
  hand(messages[3]!);
  assertEquals(scheduled, 2);
  held.remove(messages[0]!);
  held.remove(messages[2]!);
  assertEquals(watch.takeBegun(), [], "the only one is assumed to be in a handler");
});

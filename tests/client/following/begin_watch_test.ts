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
  const watch = new BeginWatch({ held, hasMore: () => hasMore, report });
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

Deno.test("a slow handler beside quick ones is reported, although it is the only one that is left", () => {
  const held = new HeldMessages();
  const reported: number[] = [];
  const watch = new BeginWatch({
    held,
    hasMore: () => false,
    report: (tag) => reported.push(tag),
  });
  watch.start(1000);
  const [slow, quick] = [1, 2].map((tag) => {
    return new DeliveredMessage({ bytes: new Uint8Array(64) } as never, 0, { id: 1, tag });
  });
  for (const message of [slow!, quick!]) {
    const othersCount = held.add(message);
    if (othersCount > 0) watch.note(message, othersCount);
  }
  held.remove(quick!);
  assertEquals(reported, [1, 2]);
});

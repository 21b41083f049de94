/**
 * What every engine does with messages that have a coalescing id: at most one of them waits.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Coalesce } from "../../../../protocol.ts";
import { EngineTests } from "../../engine_tests.ts";
import type { EngineUse, Following, WishedMessage } from "../../engine_use.ts";

/** How messages are coalesced. */
export const coalesceTests: EngineTests = new EngineTests();

/** A message with the coalescing id `doc`, unless another one is given. */
export function doc(
  text: string,
  coalesce: Partial<Coalesce> = {},
  others: Omit<WishedMessage, "text" | "coalesce"> = {},
): WishedMessage {
  const { quietMs = 0, atMostMs = 12 * quietMs, ...rest } = coalesce;
  const whole = {
    id: "doc",
    take: "last",
    whileWorked: "wait",
    ...rest,
    quietMs,
    atMostMs,
  } as const;
  return { text, coalesce: whole, ...others };
}

/** Lets time pass in steps, and tells what a follower has got after each of them. */
async function watch(use: EngineUse, { sink }: Following, ...steps: readonly number[]) {
  const seen: number[] = [];
  for (const ms of steps) {
    use.advance(ms);
    await use.fence();
    seen.push(sink.texts.length);
  }
  return seen;
}

coalesceTests.add("of the messages of one id, only the last one waits", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  assertEquals(await publisher.storeWished(doc("a")), "docs:1");
  assertEquals(await publisher.storeWished(doc("b")), "docs:2 for 1");
  assertEquals(await publisher.storeWished(doc("other", { id: "2" })), "docs:3");
  assertEquals(await publisher.storeWished(doc("c")), "docs:4 for 2");
  await publisher.store("plain");
  assertEquals(await use.look("docs"), ["3×0 ready other", "4×0 ready c", "5×0 ready plain"]);
  const { totals, ready } = await use.engine.getStream("docs");
  assertEquals([ready, totals.published, totals.replaced, totals.dropped], [3, 5, 2, 0]);
});

coalesceTests.add(
  "of the messages of one id, only the first one waits if that is asked for",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    assertEquals(await publisher.storeWished(doc("a", { take: "first" })), "docs:1");
    assertEquals(await publisher.storeWished(doc("b", { take: "first" })), "docs:1 kept");
    // The newer one says what is done with both.
    assertEquals(await publisher.storeWished(doc("c", { take: "last" })), "docs:2 for 1");
    assertEquals(await use.look("docs"), ["2×0 ready c"]);
  },
);

coalesceTests.add("a burst is one message, delivered when it has been quiet", async (use) => {
  await use.create("docs");
  const follower = use.follower("docs");
  const publisher = use.publisher("docs");
  for (const text of ["a", "b", "c"]) {
    await publisher.storeWished(doc(text, { quietMs: 1000 }));
    use.advance(900);
  }
  assertEquals(await watch(use, follower, 0), [0]);
  use.advance(100);
  assertEquals(await follower.received(1), ["docs:3×1 c"]);
});

coalesceTests.add(
  "no burst delays a message for longer than its limit after the first",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    const follower = use.follower("docs");
    const times = { quietMs: 1000, atMostMs: 3000 };
    for (let at = 0; at < 3000; at += 500) {
      await publisher.storeWished(doc(`${at}`, times));
      // Another limit can only be an earlier one.
      if (at === 1000) {
        await publisher.storeWished(
          doc("longer", { quietMs: 1000, atMostMs: 60_000 }),
        );
      }
      use.advance(500);
    }
    assertEquals((await follower.received(1)).length, 1);
    assertEquals(follower.sink.texts, ["2500"]);
    await follower.ack(1);
    // The next one is the first of a new burst.
    await publisher.storeWished(doc("next", times));
    assertEquals(await watch(use, follower, 999), [1]);
    use.advance(1);
    await follower.received(2);
  },
);

coalesceTests.add(
  "without a quiet time but with a limit, one comes in each interval",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    const follower = use.follower("docs");
    const throttle = { take: "first", atMostMs: 1000 } as const;
    for (let at = 0; at < 3000; at += 100) {
      await publisher.storeWished(doc(`${at}`, throttle));
      use.advance(100);
      await use.fence();
      for (const { tag } of follower.sink.messages.slice(-1)) {
        await follower.ack(tag).catch(
          () => {},
        );
      }
    }
    assertEquals(follower.sink.texts, ["0", "1000", "2000"]);
  },
);

coalesceTests.add("one that stays waits anew with each that is let go", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  const follower = use.follower("docs");
  const times = { quietMs: 1000, atMostMs: 2500, take: "first" } as const;
  await publisher.storeWished(doc("a", times));
  for (const text of ["b", "c", "d"]) {
    use.advance(800);
    assertEquals(await publisher.storeWished(doc(text, times)), "docs:1 kept");
  }
  assertEquals(await watch(use, follower, 99, 1), [0, 1]);
  assertEquals(follower.sink.texts, ["a"]);
});

coalesceTests.add(
  "while one is worked on, the next one waits for its end, and at most one",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a"));
    const follower = use.follower("docs", { ordersKeys: true });
    await follower.received(1);
    assertEquals(await publisher.storeWished(doc("b")), "docs:2");
    assertEquals(await publisher.storeWished(doc("c")), "docs:3 for 2");
    await use.fence();
    assertEquals(follower.sink.texts, ["a"]);
    assertEquals(await use.look("docs"), ["1×1 pending a", "3×0 ready c"]);
    await follower.ack(1);
    assertEquals(await follower.received(2), ["docs:1×1 a", "docs:3×1 c"]);
  },
);

coalesceTests.add(
  "while one is worked on, the next one is let go if that is asked for",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a", { whileWorked: "drop" }));
    const follower = use.follower("docs");
    await follower.received(1);
    assertEquals(await publisher.storeWished(doc("b", { whileWorked: "drop" })), "docs:1 kept");
    await follower.ack(1);
    assertEquals(await publisher.storeWished(doc("c", { whileWorked: "drop" })), "docs:2");
    await follower.received(2);
    assertEquals(follower.sink.texts, ["a", "c"]);
  },
);

coalesceTests.add(
  "one that has failed waits again, and is replaced without its delay",
  async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a", { quietMs: 1000 }));
    use.advance(1000);
    const follower = use.follower("docs");
    await follower.received(1);
    await follower.nack([1], { delayMs: 60_000 });
    assertEquals(await publisher.storeWished(doc("b", { quietMs: 1000 })), "docs:2 for 1");
    assertEquals(await watch(use, follower, 999, 1), [1, 2]);
    assertEquals(await follower.received(2), ["docs:1×1 a", "docs:2×1 b"]);
  },
);

for (
  const [way, end] of Object.entries({
    "has failed": (follower: Following) => follower.nack([1], { delayMs: 60_000 }),
    "was released": (follower: Following) => follower.port.release([{ firstTag: 1, count: 1 }]),
    "has lost its follower": (follower: Following) => follower.port.close(),
  })
) {
  coalesceTests.add(`one that ${way} gives way to a newer one that waits`, async (use) => {
    await use.create("docs");
    const publisher = use.publisher("docs");
    await publisher.storeWished(doc("a"));
    const follower = use.follower("docs", { messages: 1 });
    await follower.received(1);
    await publisher.storeWished(doc("b"));
    await end(follower);
    const isLost = way === "has lost its follower";
    const next = isLost ? use.follower("docs", { name: "next" }) : follower;
    await next.received(isLost ? 1 : 2);
    assertEquals(next.sink.texts.at(-1), "b");
    const { totals } = await use.engine.getStream("docs");
    assertEquals([(await use.look("docs")).length, totals.replaced], [1, 1]);
  });
}

coalesceTests.add("a dead letter is not replaced, and its id is free", async (use) => {
  await use.create("docs");
  const publisher = use.publisher("docs");
  await publisher.storeWished(doc("a"));
  const follower = use.follower("docs");
  await follower.received(1);
  await follower.reject([1], "no");
  await use.fence();
  assertEquals(await publisher.storeWished(doc("b")), "docs:2");
  await follower.received(2);
  await follower.ack(2);
  // One that is sent back is a message like any other.
  await use.engine.redrive("docs.dead", [1]);
  await follower.received(3);
  await follower.nack([3], { delayMs: 60_000 });
  assertEquals(await publisher.storeWished(doc("c")), "docs:4");
  assertEquals((await use.look("docs")).length, 2);
});

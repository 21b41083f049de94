/**
 * Streams by number come in order, and a page of them costs what it has.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { NumberedStreams } from "../../../src/broker/stream/numbered_streams.ts";
import type { Stream } from "../../../src/broker/stream/stream.ts";
import { TestBroker } from "../../support/broker/test_broker.ts";
import { fuzz } from "../../support/wire/fuzz.ts";

Deno.test("NumberedStreams gives the same as a sorted list, whatever comes and goes (random)", () => {
  const step = fc.record({
    number: fc.integer({ min: 1, max: 3000 }),
    isGone: fc.boolean(),
    after: fc.integer({ min: 0, max: 3000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const streams = new NumberedStreams();
      const model = new Map<number, Stream>();
      for (const { number, isGone, after } of steps) {
        if (isGone) {
          streams.delete(number);
          model.delete(number);
        } else if (!model.has(number)) {
          const stream = { number } as Stream;
          streams.add(stream);
          model.set(number, stream);
        }
        assertEquals(streams.get(number), model.get(number));
        assertEquals(
          [...streams.listBehind(after)].map((one) => one.number),
          [...model.keys()].filter((one) => one > after).sort((one, other) => one - other),
        );
      }
    }),
    fuzz(200),
  );
});

Deno.test("a page of streams takes as many steps among very many as among few", async () => {
  const countSteps = async (count: number): Promise<number> => {
    const test = new TestBroker();
    for (let number = 1; number <= count; number++) test.create(`stream-${number}`);
    for (let number = 1; number <= count; number += 3) {
      await test.broker.deleteStream(`stream-${number}`);
    }
    const before = test.broker.steps;
    const { items, next } = await test.broker.listStreams(300);
    assertEquals([items.length, items[0]?.name, next], [500, "stream-302", 1050]);
    return test.broker.steps - before;
  };
  assertEquals(await countSteps(2000), await countSteps(20_000));
});

/**
 * What every log that several brokers share promises, whatever fills its port.
 *
 * @module
 */

import { assert, assertEquals, assertFalse, assertRejects, assertThrows } from "@std/assert";
import { LeaderlessError, type Log, RefusedError } from "../../../../src/engine/replicated/log.ts";
import { followingTests } from "./log_following.ts";
import {
  fill,
  type LogTest,
  type LogUse,
  type OpenLogUse,
  readSoon,
  RecordingReader,
  recordOf,
} from "./log_use.ts";

/** The most bytes that a record has: a head, and what a broker puts behind it. */
const LARGEST = 64 + 900 * 1024;
/** What is never a sequence. */
const NO_SEQUENCES = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53];

/** Registers the tests of a log. */
export function logConformance(name: string, openUse: OpenLogUse): void {
  const test = (what: string, body: (use: LogUse, log: Log) => Promise<void>) => {
    Deno.test(`${name} ${what}`, async () => {
      await using use = await openUse();
      const log = await use.open();
      try {
        await body(use, log);
      } finally {
        await log.close();
      }
    });
  };
  badInputTests(test);
  appendTests(test);
  readTests(test);
  trimTests(test);
  brokerTests(test);
  followingTests(test);
  fullTests(name, openUse);
}

function badInputTests(test: LogTest): void {
  test("refuses to append behind what is no sequence, and stores nothing", async (use, log) => {
    for (const expected of NO_SEQUENCES.filter((one) => one !== 0)) {
      await assertRejects(() => log.append(expected, recordOf(1)), RangeError, "Cannot append");
    }
    assertEquals((await use.until(log.bounds())).last, 0);
  });

  test("refuses to read, to follow and to trim what is no sequence", async (use, log) => {
    await fill(use, log, 2);
    const reader = new RecordingReader();
    for (const sequence of NO_SEQUENCES) {
      await assertRejects(() => log.read(sequence), RangeError, "Cannot read");
      assertThrows(() => log.follow(sequence, reader), RangeError, "Cannot follow");
      await assertRejects(() => log.trim(sequence), RangeError, "Cannot trim");
    }
    assertEquals((await use.until(log.bounds())).first, 1);
    assertEquals(reader.sequences, []);
  });

  test("refuses to trim what is not there yet: sequences have no gaps", async (use, log) => {
    await fill(use, log, 3);
    await assertRejects(() => use.until(log.trim(5)), RangeError, "up to 4 is allowed");
    const { first, last } = await use.until(log.bounds());
    assertEquals({ first, last }, { first: 1, last: 3 });
    assertEquals(await use.until(log.append(3, recordOf(4))), 4);
  });

  test("refuses everything after it was closed; closing it again is fine", async (use, log) => {
    await fill(use, log, 1);
    await log.close();
    await log.close();
    const calls: (() => Promise<unknown>)[] = [
      () => log.append(1, recordOf(2)),
      () => log.read(1),
      () => log.bounds(),
      () => log.trim(1),
      () => log.changeNode(),
      // deno-lint-ignore require-await
      async () => log.follow(1, new RecordingReader()),
    ];
    for (const call of calls) {
      const error = await assertRejects(call, Error, "closed");
      // Neither says that a record was not stored.
      assertFalse(error instanceof RefusedError || error instanceof LeaderlessError);
    }
    log.announce("to nobody");
  });

  test(
    "refuses to append behind another sequence than the last, and tells it",
    async (use, log) => {
      await fill(use, log, 3);
      for (const expected of [0, 2, 4, 1000]) {
        const append = () => use.until(log.append(expected, recordOf(9)));
        const error = await assertRejects(append, RefusedError);
        assertEquals(error.why, "sequence");
        assertEquals(error.last ?? 3, 3);
      }
      assertEquals((await use.until(log.bounds())).last, 3);
    },
  );
}

function appendTests(test: LogTest): void {
  test("numbers its records 1, 2, 3 …", async (use, log) => {
    for (let expected = 0; expected < 5; expected++) {
      assertEquals(await use.until(log.append(expected, recordOf(expected))), expected + 1);
    }
    assertEquals((await use.until(log.bounds())).last, 5);
  });

  test("keeps records as they are, the largest and the smallest", async (use, log) => {
    const records = [recordOf(1, LARGEST), recordOf(2, 64), recordOf(3, LARGEST - 1)];
    for (const [expected, record] of records.entries()) {
      await use.until(log.append(expected, record));
    }
    for (const [index, record] of records.entries()) {
      assertEquals(await readSoon(use, log, index + 1), record);
    }
  });

  test("does not need a record any more once it has answered", async (use, log) => {
    const record = recordOf(1);
    await use.until(log.append(0, record));
    record.fill(0xee);
    assertEquals(await readSoon(use, log, 1), recordOf(1));
  });

  test("lets one of several be the first, each time", async (use, log) => {
    const logs = [log, await use.open(), await use.open()];
    for (let round = 0; round < 20; round++) {
      const calls = logs.map((one, index) => one.append(round, recordOf(round * 3 + index)));
      const outcomes = await use.until(Promise.allSettled(calls));
      const winners = outcomes.flatMap(({ status }, index) =>
        status === "fulfilled" ? [index] : []
      );
      assertEquals(winners.length, 1);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") assert(outcome.reason instanceof RefusedError);
      }
      assertEquals(await readSoon(use, log, round + 1), recordOf(round * 3 + winners[0]!));
    }
    for (const one of logs.slice(1)) await one.close();
  });

  test("takes several that are under way, in the order of the calls", async (use, log) => {
    for (let round = 0; round < 5; round++) {
      const calls = [0, 1, 2, 3].map((index) => log.append(round * 4 + index, recordOf(index)));
      const first = round * 4 + 1;
      assertEquals(await use.until(Promise.all(calls)), [first, first + 1, first + 2, first + 3]);
    }
  });

  test(
    "compares numbers and nothing else: who comes behind another's record is let in",
    async (use, log) => {
      const other = await use.open();
      await use.until(other.append(0, recordOf(1)));
      const calls = [log.append(0, recordOf(2)), log.append(1, recordOf(3))];
      const [first, second] = await use.until(Promise.allSettled(calls));
      assertEquals(first!.status, "rejected");
      assertEquals(second, { status: "fulfilled", value: 2 });
      assertEquals(await readSoon(use, log, 1), recordOf(1));
      assertEquals(await readSoon(use, log, 2), recordOf(3));
      await other.close();
    },
  );
}

function readTests(test: LogTest): void {
  test("reads nothing where nothing is", async (use, log) => {
    assertEquals(await use.until(log.read(1)), undefined);
    await fill(use, log, 2);
    assertEquals(await use.until(log.read(3)), undefined);
    assertEquals(await use.until(log.read(2 ** 40)), undefined);
  });

  test("is empty at first, and tells its bounds", async (use, log) => {
    const { first, last, bytes } = await use.until(log.bounds());
    assertEquals({ first, last, bytes }, { first: 1, last: 0, bytes: 0 });
    await fill(use, log, 4);
    const bounds = await use.until(log.bounds());
    assertEquals([bounds.first, bounds.last], [1, 4]);
    assert(bounds.bytes >= 400);
    assertEquals(bounds.bytesMax, undefined);
  });
}

function trimTests(test: LogTest): void {
  test("removes the records before a sequence, and no others", async (use, log) => {
    await fill(use, log, 6);
    await use.until(log.trim(4));
    const { first, last } = await use.until(log.bounds());
    assertEquals({ first, last }, { first: 4, last: 6 });
    assertEquals(await use.until(log.read(3)), undefined);
    assertEquals(await readSoon(use, log, 4), recordOf(4));
    assertEquals(await use.until(log.append(6, recordOf(7))), 7);
  });

  test("has nothing to do where nothing is to be removed", async (use, log) => {
    await use.until(log.trim(1));
    await fill(use, log, 3);
    await use.until(log.trim(3));
    await use.until(log.trim(3));
    await use.until(log.trim(1));
    assertEquals((await use.until(log.bounds())).first, 3);
  });

  test("goes on with the next sequence when it was emptied", async (use, log) => {
    await fill(use, log, 3);
    await use.until(log.trim(4));
    const { first, last, bytes } = await use.until(log.bounds());
    assertEquals({ first, last, bytes }, { first: 4, last: 3, bytes: 0 });
    assertEquals(await use.until(log.append(3, recordOf(4))), 4);
    assertEquals(await readSoon(use, log, 4), recordOf(4));
  });
}

function brokerTests(test: LogTest): void {
  test("is the same for whoever opens it later", async (use, log) => {
    await fill(use, log, 3);
    const other = await use.open();
    const { first, last } = await use.until(other.bounds());
    assertEquals({ first, last }, { first: 1, last: 3 });
    assertEquals(await readSoon(use, other, 2), recordOf(2));
    await log.close();
    assertEquals(await use.until(other.append(3, recordOf(4))), 4);
    await other.close();
  });

  test("settles what is under way when it is closed", async (use, log) => {
    const append = log.append(0, recordOf(1));
    const outcome = append.then(() => "stored", () => "unknown");
    await log.close();
    assert(["stored", "unknown"].includes(await use.until(outcome)));
  });

  test("tells all brokers what one announces, itself included", async (use, log) => {
    const other = await use.open();
    const text = JSON.stringify({ id: "a", text: 'line\nwith "quotes" and 🦀' });
    const heard = [log, other].map((one) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      one.listen(resolve);
      return promise;
    });
    // Nobody promises that it arrives; whoever is there now hears it.
    await use.until(other.bounds());
    log.announce(text);
    assertEquals(await use.until(Promise.all(heard)), [text, text]);
    await other.close();
  });

  test("goes on by another node", async (use, log) => {
    const reader = new RecordingReader();
    const following = log.follow(1, reader);
    await fill(use, log, 2);
    await use.until(log.changeNode());
    await fill(use, log, 4);
    await use.until(reader.whenHas(4));
    assertEquals(reader.sequences, [1, 2, 3, 4]);
    following.stop();
  });
}

function fullTests(name: string, openUse: OpenLogUse): void {
  Deno.test(`${name} refuses what it has no room for, and goes on after a trim`, async () => {
    const bytesMax = 64 * 1024;
    await using use = await openUse(bytesMax);
    const log = await use.open();
    assertEquals((await use.until(log.bounds())).bytesMax, bytesMax);
    let last = 0;
    let refused: unknown;
    while (refused === undefined) {
      const append = log.append(last, recordOf(last, 8000));
      await use.until(append.then(() => last++, (error) => refused = error));
    }
    assert(refused instanceof RefusedError && refused.why === "full");
    assert(last >= 4 && last <= 8, `${last} fit`);
    assertEquals((await use.until(log.bounds())).last, last);
    await use.until(log.trim(last));
    assertEquals(await use.until(log.append(last, recordOf(last, 8000))), last + 1);
    await log.close();
  });
}

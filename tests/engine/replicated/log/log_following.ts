import { assert, assertEquals } from "@std/assert";
import type { Log } from "../../../../src/engine/replicated/log.ts";
import { fill, type LogTest, type LogUse, RecordingReader, recordOf } from "./log_use.ts";

/** The whole numbers from one to another. */
function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** Checks that a reader has these records, in order. */
function assertHas({ sequences, records }: RecordingReader, from: number, to: number): void {
  assertEquals(sequences, numbers(from, to));
  for (const [index, sequence] of sequences.entries()) {
    assertEquals(records[index], recordOf(sequence));
  }
}

/** Registers the tests of following. */
export function followingTests(test: LogTest): void {
  test("hands over all records from a sequence on, in order", async (use, log) => {
    await fill(use, log, 300);
    for (const from of [1, 2, 299, 300]) {
      const reader = new RecordingReader();
      const following = log.follow(from, reader);
      await use.until(reader.whenHas(301 - from));
      assertHas(reader, from, 300);
      following.stop();
    }
  });

  test("hands over what is appended later, by whomever", async (use, log) => {
    const other = await use.open();
    const readers = [new RecordingReader(), new RecordingReader(), new RecordingReader()];
    const followings = [log.follow(1, readers[0]!), other.follow(1, readers[1]!)];
    await fill(use, log, 10);
    await fill(use, other, 20);
    followings.push(other.follow(15, readers[2]!));
    await fill(use, log, 40);
    await use.until(Promise.all(readers.map((one, index) => one.whenHas(index === 2 ? 26 : 40))));
    assertHas(readers[0]!, 1, 40);
    assertHas(readers[1]!, 1, 40);
    assertHas(readers[2]!, 15, 40);
    for (const following of followings) following.stop();
    await other.close();
  });

  test("hands nothing over before there is something", async (use, log) => {
    await fill(use, log, 2);
    const reader = new RecordingReader();
    const following = log.follow(5, reader);
    await fill(use, log, 6);
    await use.until(reader.whenHas(2));
    assertHas(reader, 5, 6);
    following.stop();
  });

  test("hands nothing over once it is stopped, within a call or after it", stopTest);
  test("tells that a sequence is not there any more, and is silent then", trimmedTest);

  test("goes on when what was handed over is trimmed", async (use, log) => {
    const reader = new RecordingReader();
    const following = log.follow(1, reader);
    await fill(use, log, 5);
    await use.until(reader.whenHas(5));
    await use.until(log.trim(6));
    await fill(use, log, 8);
    await use.until(reader.whenHas(8));
    assertHas(reader, 1, 8);
    assertEquals(reader.first, undefined);
    following.stop();
  });

  test("goes on for others when one closes", closingTest);

  test("tells that the log has become shorter, and goes on when it has grown again", shorterTest);
}

async function stopTest(use: LogUse, log: Log): Promise<void> {
  await fill(use, log, 5);
  const others = new RecordingReader();
  const all = log.follow(1, others);
  const reader = new RecordingReader(({ sequences }) => sequences.length === 3 && within.stop());
  const within = log.follow(1, reader);
  const late = new RecordingReader();
  const after = log.follow(1, late);
  await use.until(Promise.all([others.whenHas(5), reader.whenHas(3), late.whenHas(5)]));
  after.stop();
  after.stop();
  await fill(use, log, 8);
  await use.until(others.whenHas(8));
  assertHas(reader, 1, 3);
  assertHas(late, 1, 5);
  all.stop();
}

async function trimmedTest(use: LogUse, log: Log): Promise<void> {
  await fill(use, log, 8);
  await use.until(log.trim(5));
  const readers = [1, 4].map((from) => {
    const reader = new RecordingReader();
    log.follow(from, reader);
    return reader;
  });
  const there = new RecordingReader();
  const following = log.follow(5, there);
  await use.until(Promise.all(readers.map((one) => one.when(({ first }) => first !== undefined))));
  await fill(use, log, 10);
  await use.until(there.whenHas(6));
  for (const { first, sequences } of readers) {
    assertEquals(first, 5);
    assertEquals(sequences, []);
  }
  assertHas(there, 5, 10);
  following.stop();
}

async function shorterTest(use: LogUse, log: Log): Promise<void> {
  if (use.shrink === undefined) return;
  await fill(use, log, 6);
  const reader = new RecordingReader();
  const following = log.follow(1, reader);
  await use.until(reader.whenHas(6));
  use.shrink(4);
  await use.until(reader.when(({ ends }) => ends.length > 0));
  assertEquals(reader.ends[0], 4);
  assertEquals((await use.until(log.bounds())).last, 4);
  // What it had handed over is not handed over again.
  await fill(use, log, 8);
  await use.until(reader.whenHas(8));
  assertHas(reader, 1, 8);
  assert(reader.ends.every((end) => end === 4 || end === 5));
  following.stop();
}

async function closingTest(use: LogUse, log: Log): Promise<void> {
  const other = await use.open();
  const readers = [new RecordingReader(), new RecordingReader()];
  log.follow(1, readers[0]!);
  const following = other.follow(1, readers[1]!);
  await fill(use, log, 3);
  await use.until(Promise.all(readers.map((one) => one.whenHas(3))));
  await log.close();
  await fill(use, other, 6);
  await use.until(readers[1]!.whenHas(6));
  assertHas(readers[0]!, 1, 3);
  assertHas(readers[1]!, 1, 6);
  following.stop();
  await other.close();
}

/**
 * A journal in which whole blocks are not what they should be: zeros, another block, an older state
 * of the file, another file. Nothing of it is delivered, and nothing is missing without a word.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { turn } from "../../../support/broker/broker.ts";
import { type JournalState, readState } from "../../../support/disk/journal_state.ts";
import { openJournal, type TestJournalOptions } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { listSegments, type SmallSegment } from "../../../support/disk/small_journal.ts";
import { EngineUse } from "../../engine_use.ts";

/** What a disk writes in one piece. */
const BLOCK_BYTES = 512;

/** What was tried in this file, and how often something was not as it must be. */
const tried = { zeroed: 0, swapped: 0, files: 0, refused: 0, streams: 0, lost: 0 };

/** A journal in some segments of some blocks each. */
interface BlockJournal {
  readonly disk: SimulatedDisk;
  readonly segments: readonly SmallSegment[];
  /** What must be read. */
  readonly state: JournalState;
  /** Where the last group begins, the one that proves all before it. */
  readonly lastGroupAt: number;
  /** The disk, some time before. */
  readonly older: SimulatedDisk;
}

function open(disk: SimulatedDisk, options: TestJournalOptions = {}): Promise<LocalEngine> {
  const segmentBytes = 7 * 1024;
  return openJournal(disk, { segmentBytes, memoryLimit: 1, reserveBytes: 16, ...options });
}

async function readJournal(disk: SimulatedDisk): Promise<JournalState> {
  const state = await readState(await open(disk, { fail: () => {} }));
  disk.processKill();
  await turn();
  return state;
}

async function makeJournal(newJournalId: number): Promise<BlockJournal> {
  const disk = new SimulatedDisk({ seed: 1 });
  const use = new EngineUse(await open(disk, { newJournalId, fail: () => {} }));
  await use.create("a", "ab", "b");
  const all = use.publisher(/^a/, "all");
  const one = use.publisher("b", "one");
  const follower = use.follower("b");
  let older = disk;
  for (let round = 1; listSegments(disk).length < 4; round++) {
    await all.store(`${round} `.padEnd(100 + 40 * (round % 7), "all"));
    await one.store(`${round} `.padEnd(round % 4 === 0 ? 1800 : 200, "one"));
    await follower.received(round);
    if (round % 3 > 0) await follower.ack(round);
    if (round === 10) older = disk.clone(1);
  }
  follower.port.close(0);
  await turn();
  use.engine.tend(1_000_000);
  await turn();
  const { base, size } = listSegments(disk).at(-1)!;
  await all.store("the last one");
  disk.processKill();
  const segments = listSegments(disk);
  assertEquals(segments.at(-1)!.base, base);
  return { disk, segments, state: await readJournal(disk.clone(1)), lastGroupAt: size, older };
}

const journal = await makeJournal(1);
const { disk, segments } = journal;
const last = segments.at(-1)!;

function isEqual(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * Damages a copy of the journal and opens it; returns what is not as it must be, if anything is not.
 *
 * @param what What is done, in words.
 * @param damage Does it.
 * @param expected What may be found, for each stream that is served.
 */
async function judge(
  what: string,
  damage: (copy: SimulatedDisk) => void,
  expected: JournalState,
): Promise<string[]> {
  const copy = disk.clone(1);
  damage(copy);
  const found = await readOrRefuse(copy);
  if (found === "refused") return [];
  if (typeof found === "string") return wrong(`${what}: ${found}`);
  if (isEqual(found, expected) && expected !== journal.state) return [];
  const refused = Object.values(found.refused);
  if (refused.length > 0) tried.streams++;
  else return wrong(`${what}: ${JSON.stringify(found).slice(0, 200)}`);
  for (const message of refused) {
    if (!/: messages? \d+( to \d+)? in \S+\.journal at offset \d+ cannot be read/.test(message)) {
      return wrong(`${what}: ${message}`);
    }
  }
  for (const [stream, messages] of Object.entries(expected.served)) {
    if (stream in found.refused || isEqual(found.served[stream], messages)) continue;
    return wrong(`${what}: ${stream} has ${found.served[stream]?.length} of ${messages.length}`);
  }
  return [];
}

/**
 * What may be found when blocks are not as they were. Without the group that proves what was before
 * it, damage just before it looks like a write that was torn.
 */
async function expectWithout(...blocks: readonly Block[]): Promise<JournalState> {
  const torn = blocks.find(({ name, to }) => name === last.name && to > journal.lastGroupAt);
  if (torn === undefined) return journal.state;
  const copy = disk.clone(1);
  copy.cut(last.name, torn.from);
  return await readJournal(copy);
}

function wrong(what: string): string[] {
  tried.lost++;
  return [what];
}

async function readOrRefuse(copy: SimulatedDisk): Promise<JournalState | string> {
  try {
    return await readJournal(copy);
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    tried.refused++;
    return /\.journal at offset \d+: /.test(error.message) ? "refused" : error.message;
  }
}

/** A part of a file. */
interface Block {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** All blocks of all segments. */
function listBlocks(): Block[] {
  return segments.flatMap(({ name, size }) =>
    Array.from({ length: Math.ceil(size / BLOCK_BYTES) }, (_, index) => {
      const from = index * BLOCK_BYTES;
      return { name, from, to: Math.min(size, from + BLOCK_BYTES) };
    })
  );
}

Deno.test("block damage: the journal of this test is large enough", () => {
  assertEquals(segments.length, 4);
  assertGreater(listBlocks().length, 36);
  assertGreater(journal.state.served.a!.length, 15);
  assertGreater(listSegments(journal.older).length, 1);
});

Deno.test("block damage: no block can become zeros unnoticed", async () => {
  for (const block of listBlocks()) {
    tried.zeroed++;
    const { name, from, to } = block;
    const expected = await expectWithout(block);
    const what = `${name} zero from ${from}`;
    assertEquals(await judge(what, (copy) => copy.zero(name, from, to), expected), []);
  }
});

Deno.test("block damage: no two blocks can change places unnoticed", async () => {
  const blocks = listBlocks();
  for (const [index, one] of blocks.entries()) {
    for (const other of blocks.slice(index + 1)) {
      // What a checkpoint says may be the same in another one.
      if (one.to - one.from !== other.to - other.from || isSame(one, other)) continue;
      tried.swapped++;
      const what = `${one.name} ${one.from} and ${other.name} ${other.from}`;
      const expected = await expectWithout(one, other);
      const faults = await judge(what, (copy) => swapBlocks(copy, one, other), expected);
      assertEquals(faults, []);
    }
  }
});

function isSame(one: Block, other: Block): boolean {
  const [ones, others] = [one, other].map(({ name, from, to }) =>
    disk.readAll(name).subarray(from, to)
  );
  return ones!.every((byte, index) => byte === others![index]);
}

function swapBlocks(copy: SimulatedDisk, one: Block, other: Block): void {
  const ones = copy.readAll(one.name);
  const others = one.name === other.name ? ones : copy.readAll(other.name);
  const [oneBytes, otherBytes] = [ones.slice(one.from, one.to), others.slice(other.from, other.to)];
  ones.set(otherBytes, one.from);
  others.set(oneBytes, other.from);
  copy.replace(one.name, ones);
  copy.replace(other.name, others);
}

/** Damages that nothing is left of to be delivered: the journal is refused. */
async function assertRefused(damage: (copy: SimulatedDisk) => void, where: string): Promise<void> {
  tried.files++;
  const copy = disk.clone(1);
  damage(copy);
  const before = JSON.stringify(copy.list());
  try {
    await open(copy);
  } catch (error) {
    assert(error instanceof JournalError, String(error));
    assertEquals(error.trouble, "damaged");
    assert(error.message.includes(where), error.message);
    assertEquals(JSON.stringify(copy.list()), before, "nothing is changed by looking at it");
    return;
  }
  tried.lost++;
  assert(false, `${where}: the journal was opened`);
}

Deno.test("block damage: segments that are not what their names say are refused", async () => {
  for (const one of segments) {
    for (const other of segments) {
      if (one === other) continue;
      const bytes = disk.readAll(other.name);
      await assertRefused((copy) => copy.replace(one.name, bytes), "at offset 0: ");
      await assertRefused((copy) => {
        copy.replace(other.name, disk.readAll(one.name));
        copy.replace(one.name, bytes);
      }, "at offset 0: it begins at position");
    }
  }
});

Deno.test("block damage: a segment in the state of some time ago is refused, unless it was the last", async () => {
  for (const { name, size } of listSegments(journal.older)) {
    const stale = journal.older.readAll(name);
    if (stale.length === size) continue;
    await assertRefused((copy) => copy.replace(name, stale), `${name} at offset ${stale.length}`);
  }
});

Deno.test("block damage: a segment of another journal is refused", async () => {
  const other = await makeJournal(2);
  for (const { name } of segments) {
    const foreign = other.disk.readAll(name);
    await assertRefused((copy) => copy.replace(name, foreign), "it is of another journal");
  }
});

Deno.test("block damage: a segment that is missing in the middle is refused", async () => {
  for (const { name } of segments.slice(1, -1)) {
    await assertRefused((copy) => copy.remove(name), `the end is missing before `);
  }
});

Deno.test("block damage: a segment without a byte is refused, wherever it stands", async () => {
  for (const { name } of segments) {
    await assertRefused((copy) => copy.cut(name, 0), `${name} at offset 0: its head is cut short`);
  }
  const next = (last.base + last.size).toString(16).padStart(16, "0");
  const name = `${next}.journal`;
  await assertRefused((copy) => copy.replace(name, new Uint8Array(0)), `${name} at offset 0`);
});

Deno.test("block damage: garbage behind a segment hurts nobody, and is kept aside", async () => {
  const garbage = Uint8Array.from({ length: 700 }, (_, index) => index * 7);
  for (const { name } of segments) {
    tried.files++;
    const copy = disk.clone(1);
    const bytes = copy.readAll(name);
    copy.replace(name, new Uint8Array([...bytes, ...garbage]));
    assertEquals(await readJournal(copy), journal.state);
    const sides = copy.list().filter((entry) => entry.name.includes(".torn-"));
    if (name !== last.name) assertEquals(sides, []);
    else assertEquals(sides.map((side) => copy.readAll(side.name)), [garbage]);
  }
});

Deno.test("block damage: what was tried", () => {
  assertEquals(tried.lost, 0);
  // deno-lint-ignore no-console
  console.log(
    `block damage: ${tried.zeroed} blocks zeroed, ${tried.swapped} pairs swapped, ${tried.files} ` +
      `files exchanged; journal refused ${tried.refused}, streams refused ${tried.streams}, ` +
      `lost ${tried.lost}`,
  );
});

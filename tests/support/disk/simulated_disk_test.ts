/**
 * The simulated disk does what it is said to do: it keeps what was flushed, and over many seeds all
 * that may happen to the rest does happen.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { type DiskFile, DiskFullError } from "../../../src/engine/journal/disk/disk.ts";
import { Random } from "../random.ts";
import { SimulatedDisk, type SimulatedDiskOptions } from "./simulated_disk.ts";

const SEED_COUNT = 200;
const SECTOR_SIZE = 512;
const NOTHING = new Uint8Array(0);

/** A disk with a file "a" that is durable, and the file, open. */
async function diskWith(bytes: Uint8Array, options: SimulatedDiskOptions) {
  const disk = new SimulatedDisk(options);
  const file = disk.create("a");
  if (bytes.length > 0) file.write(bytes, 0);
  await disk.sync();
  await file.sync();
  return { disk, file };
}

function filled(byte: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(byte);
}

/** All files with their sizes. */
function describe(disk: SimulatedDisk): string {
  return disk.list().map(({ name, size }) => `${name}${size}`).sort().join(" ");
}

/** Of which byte each sector of "a" is full. */
function kindsOf(disk: SimulatedDisk): string {
  const bytes = disk.readAll("a");
  let kinds = "";
  for (let from = 0; from < bytes.length; from += SECTOR_SIZE) {
    const sector = bytes.subarray(from, from + SECTOR_SIZE);
    kinds += sector.every((byte) => byte === sector[0]) ? sector[0] : "?";
  }
  return kinds;
}

/** What is left by power cuts, over many seeds, and how often. */
async function leftovers(
  bytes: Uint8Array,
  use: (file: DiskFile, disk: SimulatedDisk) => void | Promise<void>,
  look: (disk: SimulatedDisk) => string = describe,
  options: Partial<SimulatedDiskOptions> = {},
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < SEED_COUNT; seed++) {
    const { disk, file } = await diskWith(bytes, { ...options, seed });
    await use(file, disk);
    disk.powerCut();
    const left = look(disk);
    counts.set(left, (counts.get(left) ?? 0) + 1);
  }
  return counts;
}

Deno.test("random numbers follow from their seed, and lie where they should", () => {
  const draw = (seed: number, random = new Random(seed)) => [random.next(), random.next()];
  assertEquals(draw(7), draw(7));
  const seeds = [0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1];
  assertEquals(new Set(seeds.map((seed) => draw(seed)[0])).size, seeds.length);
  const random = new Random(1);
  const counts = [0, 0, 0];
  for (let draw = 0; draw < 3000; draw++) counts[random.below(3)]!++;
  assert(counts.every((count) => count > 850 && count < 1150), `${counts}`);
  for (let draw = 0; draw < 100; draw++) assert(random.chance(1) && !random.chance(0));
  assertEquals(random.pick(["x"]), "x");
  assertThrows(() => random.pick([]), RangeError);
});

Deno.test("files are written, read, listed, renamed and removed", () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const file = disk.create("a");
  assertEquals([file.write(filled(1, 3), 0), file.write(filled(2, 2), 5)], [3, 2]);
  const buffer = filled(9, 10);
  assertEquals(file.read(buffer, 1), 6);
  assertEquals([...buffer], [1, 1, 0, 0, 2, 2, 9, 9, 9, 9]);
  assertEquals([file.read(buffer, 7), file.read(buffer, 100)], [0, 0]);
  file.truncate(2);
  file.write(filled(2, 1), 5);
  assertThrows(() => file.truncate(7), RangeError);
  disk.create("b").write(filled(3, 4), 0);
  disk.rename("a", "b");
  assertEquals(disk.list(), [{ name: "b", size: 6, isFile: true }]);
  assertEquals([...disk.readAll("b")], [1, 1, 0, 0, 0, 2]);
  assertThrows(() => disk.create("b"), Deno.errors.AlreadyExists);
  disk.remove("b");
  assertEquals(disk.list(), []);
  assertEquals(file.measure(), 6, "a file that is open outlives its name");
  const calls = [() => disk.open("b"), () => disk.remove("b"), () => disk.rename("b", "c")];
  for (const call of calls) assertThrows(call, Deno.errors.NotFound);
  file.close();
  assertThrows(() => file.measure(), Deno.errors.BadResource);
});

Deno.test("a power cut takes nothing of what was flushed", async () => {
  for (let seed = 0; seed < SEED_COUNT; seed++) {
    const { disk, file } = await diskWith(filled(1, 700), { seed });
    const bytes = filled(2, 1000);
    file.write(bytes, 700);
    bytes.fill(9);
    await file.sync();
    file.write(filled(3, 3000), 1700);
    file.write(filled(4, 100), 600);
    disk.create("b").write(filled(5, 100), 0);
    disk.powerCut();
    const left = disk.readAll("a");
    assertEquals(left.subarray(0, 600), filled(1, 600), `seed ${seed}`);
    assertEquals(left.subarray(700, 1700), filled(2, 1000), `seed ${seed}`);
    disk.powerCut();
    assertEquals(disk.readAll("a"), left, `seed ${seed}: there was nothing to lose`);
  }
});

Deno.test("a write that was not flushed is there, or lost, or torn, or garbage", async () => {
  const counts = await leftovers(filled(1, SECTOR_SIZE), (file) => {
    file.write(filled(2, 4 * SECTOR_SIZE), SECTOR_SIZE);
  }, kindsOf);
  for (const left of counts.keys()) assert(/^1[02?]*$/.test(left), left);
  const having = (pattern: RegExp) =>
    [...counts].reduce((sum, [left, count]) => sum + (pattern.test(left) ? count : 0), 0);
  assertGreater(having(/^1$/), 20, "lost");
  assertGreater(having(/^12222$/), 20, "there");
  assertGreater(having(/0.*2/), 5, "zeros before what arrived");
  assertGreater(having(/20/), 5, "zeros after what arrived");
  assertGreater(having(/\?/), 5, "garbage");
});

Deno.test("a file is as long as it was, or was to be, or any length between", async () => {
  const counts = await leftovers(filled(1, 100), (file) => {
    file.write(filled(2, 200), 100);
    file.write(filled(3, 700), 300);
  });
  const sizes = [...counts.keys()].map((state) => Number(state.slice(1))).sort((a, b) => a - b);
  assertEquals([sizes[0], sizes.at(-1)], [100, 1000]);
  assertGreater(sizes.length, 20);
  assert(counts.has("a300"), "the first write was made durable on its own");
});

Deno.test("a later write may arrive without one before it", async () => {
  const counts = await leftovers(NOTHING, (file) => {
    file.write(filled(1, SECTOR_SIZE), 0);
    file.write(filled(2, SECTOR_SIZE), SECTOR_SIZE);
  }, kindsOf);
  for (const left of ["", "1", "02", "12", "10"]) assert(counts.has(left), left);
});

Deno.test("bytes written again are old, new or garbage, and those beside them old", async () => {
  const half = SECTOR_SIZE / 2;
  const counts = await leftovers(filled(1, 6 * half), (file) => {
    file.write(filled(2, 2 * half), half);
    file.write(filled(3, 10), 0);
  }, (disk) => {
    const left = disk.readAll("a");
    assertEquals(left.length, 6 * half);
    assertEquals(left.subarray(10, half), filled(1, half - 10));
    assertEquals(left.subarray(3 * half), filled(1, 3 * half));
    return left.subarray(half, 3 * half).join();
  });
  const [old, fresh] = [1, 2].map((byte) => filled(byte, half).join());
  const mixes = [[old, old], [old, fresh], [fresh, old], [fresh, fresh]];
  for (const mix of mixes) assert(counts.delete(mix.join()));
  assertGreater(counts.size, 0, "garbage");
});

Deno.test("a flush makes durable what was written when it began", async () => {
  const counts = await leftovers(NOTHING, async (file) => {
    file.write(filled(1, SECTOR_SIZE), 0);
    const flushed = file.sync();
    file.write(filled(2, SECTOR_SIZE), SECTOR_SIZE);
    await flushed;
  }, kindsOf);
  for (const left of counts.keys()) assert(left.startsWith("1"), left);
  assertGreater(counts.get("1") ?? 0, 20);
  assertGreater(counts.get("12") ?? 0, 20);
});

Deno.test("a flush ends in a later microtask, after those of the file before it", async () => {
  for (let seed = 0; seed < SEED_COUNT; seed++) {
    const { file } = await diskWith(NOTHING, { seed });
    const ended: number[] = [];
    const flushes = [0, 1, 2].map((index) => file.sync().then(() => ended.push(index)));
    assertEquals(ended, []);
    await Promise.all(flushes);
    assertEquals(ended, [0, 1, 2]);
  }
});

for (const loss of ["powerCut", "processKill"] as const) {
  Deno.test(`after ${loss}() flushes never end, and files that were open are dead`, async () => {
    const { disk, file } = await diskWith(filled(1, 10), { seed: 3 });
    file.write(filled(2, 10), 10);
    let hasEnded = false;
    const end = () => hasEnded = true;
    for (const flush of [file.sync(), disk.sync()]) flush.then(end, end);
    disk[loss]();
    // More turns than a flush takes.
    for (let turn = 0; turn < 100; turn++) await undefined;
    assert(!hasEnded);
    const bytes = new Uint8Array(1);
    const calls: (() => unknown)[] = [() => file.read(bytes, 0), () => file.write(bytes, 0)];
    calls.push(() => file.measure(), () => file.truncate(0), () => file.close());
    for (const call of calls) assertThrows(call, Error, "disk is gone");
    await assertRejects(() => file.sync(), Error, "disk is gone");
    await disk.open("a").sync();
    await disk.sync();
  });
}

Deno.test("what a flush was about to make durable is lost by a power cut, or not", async () => {
  const counts = await leftovers(NOTHING, (file, disk) => {
    file.write(filled(1, 10), 0);
    disk.rename("a", "b");
    void file.sync();
    void disk.sync();
  });
  for (const left of ["a0", "a10", "b0", "b10"]) assert(counts.has(left), left);
});

Deno.test("a killed process loses nothing, but a power cut after it does", async () => {
  const counts = await leftovers(filled(1, 10), (file, disk) => {
    file.write(filled(2, 10), 10);
    disk.create("b");
    disk.processKill();
    assertEquals([...disk.readAll("a")], [...filled(1, 10), ...filled(2, 10)]);
    assertEquals(describe(disk), "a20 b0");
  });
  for (const left of ["a10", "a20", "a10 b0", "a20 b0"]) assert(counts.has(left), left);
});

Deno.test("a file that was cut has its old length or the new one", async () => {
  const counts = await leftovers(filled(1, 1000), (file) => {
    file.truncate(400);
    file.write(filled(2, 10), 500);
  }, (disk) => {
    const left = disk.readAll("a");
    assertEquals(left.subarray(0, 400), filled(1, 400));
    assert(left.length === 1000 || left.length <= 510);
    return `${left.length === 1000 ? "old" : "new"} ${left[400]}`;
  });
  // The page may have been written with zeros in place of what was cut.
  assertEquals([...counts.keys()].sort(), ["new 0", "new undefined", "old 0", "old 1"]);
});

Deno.test("a file that was cut and flushed never has its old length", async () => {
  const counts = await leftovers(filled(1, 1000), async (file) => {
    file.truncate(400);
    await file.sync();
    file.write(filled(2, 1), 400);
  });
  assertEquals([...counts.keys()].sort(), ["a400", "a401"]);
});

Deno.test("what is done to names reaches the disk in order, up to anywhere", async () => {
  const counts = await leftovers(filled(1, 10), (_file, disk) => {
    disk.create("b");
    disk.create("c");
    disk.rename("a", "b");
    disk.remove("c");
  });
  assertEquals([...counts.keys()].sort(), ["a10", "a10 b0", "a10 b0 c0", "b10", "b10 c0"]);
});

Deno.test("a flush of the directory makes durable what was done when it began", async () => {
  const counts = await leftovers(filled(1, 10), async (file, disk) => {
    disk.rename("a", "b");
    disk.create("c");
    disk.remove("c");
    const flushed = disk.sync();
    disk.create("d");
    await flushed;
    file.write(filled(1, 10), 10);
    await file.sync();
  });
  assertEquals([...counts.keys()].sort(), ["b20", "b20 d0"]);
});

Deno.test("a file that was flushed is gone all the same if its name was not", async () => {
  const counts = await leftovers(NOTHING, async (_file, disk) => {
    disk.powerCut();
    const file = disk.create("b");
    file.write(filled(1, 10), 0);
    await file.sync();
  });
  assertEquals([...counts.keys()].sort(), ["a0", "a0 b10"]);
});

/** Makes each call that can fail, once. */
async function useAll(disk: SimulatedDisk): Promise<void> {
  const file = disk.create("b");
  file.write(filled(1, 10), 0);
  await file.sync();
  file.truncate(5);
  disk.rename("b", "c");
  await disk.sync();
  disk.remove("c");
}

for (const fault of ["EIO", "ENOSPC"] as const) {
  Deno.test(`each call fails once with ${fault} if that is planned, and does nothing`, async () => {
    const left: string[] = [];
    for (let call = 1; call <= 8; call++) {
      const disk = new SimulatedDisk({ seed: call });
      disk.failAt(call, fault);
      const error = await useAll(disk).then(() => undefined, (error) => error);
      assertEquals(disk.calls, Math.min(call, 7));
      assertEquals(error === undefined, call === 8, "there are seven calls");
      if (error === undefined) break;
      left.push(describe(disk));
      const isOfWrite = fault === "ENOSPC" && call === 2;
      assertEquals(error instanceof DiskFullError, isOfWrite);
      if (!isOfWrite) assertEquals(error.code, fault);
      disk.create("d");
    }
    assertEquals(left, ["", "b0", "b10", "b10", "b5", "c5", "c5"]);
  });
}

Deno.test("faults come where they were planned, and are forgotten when asked to", () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const file = disk.create("a");
  for (const call of [2, 3, 4]) disk.failAt(call, "EIO");
  assertThrows(() => disk.failAt(0, "EIO"), RangeError);
  assertEquals(file.write(filled(1, 1), 0), 1);
  assertEquals([file.measure(), file.read(new Uint8Array(1), 0), disk.list().length], [1, 1, 1]);
  assertThrows(() => file.write(filled(1, 1), 0), Error, "EIO");
  assertThrows(() => file.write(filled(1, 1), 0), Error, "EIO");
  disk.heal();
  assertEquals(file.write(filled(1, 1), 0), 1);
});

Deno.test("a write that is short takes some bytes, and the next one all", async () => {
  const counts = new Set<number>();
  for (let seed = 0; seed < SEED_COUNT; seed++) {
    const disk = new SimulatedDisk({ seed });
    const file = disk.create("a");
    disk.failAt(1, "short");
    const count = file.write(filled(1, 5), 0);
    counts.add(count);
    assertEquals(disk.readAll("a"), filled(1, count));
    assertEquals(file.write(filled(1, 5), 0), 5);
    for (let call = 1; call <= 3; call++) disk.failAt(call, "short");
    assertEquals(file.write(filled(1, 1), 0), 1);
    await file.sync();
    await disk.sync();
  }
  assertEquals([...counts].sort(), [1, 2, 3, 4]);
});

Deno.test("what a flush failed to write is lost by a power cut, and read before it", async () => {
  const fail = async (file: DiskFile, disk: SimulatedDisk) => {
    file.write(filled(2, 10), 5);
    disk.failAt(1, "EIO");
    const failed = assertRejects(() => file.sync(), Error, "EIO");
    file.write(filled(3, 5), 20);
    await failed;
    assertEquals(disk.readAll("a").join(""), "1111122222222220000033333");
  };
  const look = (disk: SimulatedDisk) => disk.readAll("a").join("");
  const counts = await leftovers(filled(1, 10), fail, (disk) => look(disk).slice(0, 20));
  for (const left of counts.keys()) assert(/^1{10}0*$/.test(left), left);
  assertGreater(counts.size, 2);
  const flushed = await leftovers(filled(1, 10), async (file, disk) => {
    await fail(file, disk);
    await file.sync();
    disk.processKill();
    await disk.open("a").sync();
    assertEquals(look(disk), "1111122222222220000033333");
  }, look);
  assertEquals([...flushed.keys()], ["1111111111000000000033333"], "no flush saves it");
});

Deno.test("how a file was cut outlives a flush that failed, and how it grew may", async () => {
  const counts = await leftovers(filled(1, 10), async (file, disk) => {
    file.truncate(8);
    file.write(filled(2, 4), 8);
    disk.failAt(1, "EIO");
    await assertRejects(() => file.sync(), Error, "EIO");
    await file.sync();
  });
  assertEquals([...counts.keys()].sort(), ["a12", "a8"]);
});

Deno.test("a name that a flush failed to write is written by the next", async () => {
  const counts = await leftovers(filled(1, 10), async (_file, disk) => {
    disk.create("b");
    disk.failAt(1, "EIO");
    await assertRejects(() => disk.sync(), Error, "EIO");
    await disk.sync();
  });
  assertEquals([...counts.keys()], ["a10 b0"]);
});

Deno.test("a disk that is full takes what fits, and has room again for what is given back", () => {
  const disk = new SimulatedDisk({ seed: 1, capacity: 10 });
  const file = disk.create("a");
  assertEquals([file.write(filled(1, 8), 0), disk.measureFree()], [8, 2]);
  assertEquals(file.write(filled(2, 8), 6), 4);
  assertThrows(() => file.write(filled(2, 4), 10), DiskFullError);
  assertEquals(file.write(filled(3, 10), 0), 10, "what is there already needs no room");
  file.truncate(5);
  assertEquals(disk.measureFree(), 5);
  assertEquals(disk.create("b").write(filled(4, 9), 0), 5);
  disk.rename("a", "b");
  assertEquals(disk.measureFree(), 5);
  disk.capacity = 3;
  assertEquals(disk.measureFree(), 0);
  assertThrows(() => file.write(filled(2, 1), 5), DiskFullError);
  disk.remove("b");
  assertEquals(disk.measureFree(), 3);
  disk.capacity = undefined;
  assertEquals(disk.measureFree(), undefined);
  assertEquals(disk.create("c").write(filled(2, 10), 0), 10);
});

Deno.test("what is damaged from outside is so for reads and after a power cut", async () => {
  const { disk, file } = await diskWith(filled(1, 4), { seed: 2 });
  file.write(filled(1, 4), 4);
  disk.flipBit("a", 9);
  disk.zero("a", 4, 6);
  disk.cut("a", 7);
  disk.replace("b", filled(5, 3));
  disk.replace("b", filled(6, 2));
  for (let cut = 0; cut < 2; cut++) {
    assertEquals([...disk.readAll("a").subarray(0, 7)], [1, 3, 1, 1, 0, 0, 1]);
    assertEquals([...disk.readAll("b")], [6, 6]);
    disk.open("a").write(filled(9, 1), 7);
    disk.powerCut();
  }
  assertThrows(() => disk.flipBit("a", 64), RangeError);
  assertThrows(() => disk.cut("a", 9), RangeError);
});

/** What is left of some work that was not flushed. */
async function work(disk: SimulatedDisk): Promise<string> {
  const file = disk.create("x");
  await disk.sync();
  for (let index = 0; index < 20; index++) file.write(filled(index, 300), index * 300);
  disk.failAt(1, "short");
  file.write(filled(20, 300), 6000);
  disk.create("y");
  disk.powerCut();
  return `${describe(disk)} ${disk.readAll("x").join()}`;
}

Deno.test("the same seed leaves the same bytes, and another one others", async () => {
  const all = new Set<string>();
  for (let seed = 0; seed < SEED_COUNT; seed++) {
    const left = await work(new SimulatedDisk({ seed }));
    assertEquals(await work(new SimulatedDisk({ seed })), left);
    all.add(left);
  }
  assertGreater(all.size, SEED_COUNT / 2);
});

Deno.test("a clone is the same, has a seed of its own, and goes its own way", async () => {
  const { disk, file } = await diskWith(filled(1, 10), { seed: 1, capacity: 50 });
  file.write(filled(2, 10), 10);
  disk.create("b");
  disk.failAt(1, "EIO");
  const left = new Set<string>();
  for (let seed = 0; seed < SEED_COUNT; seed++) {
    const clone = disk.clone(seed);
    assertEquals([describe(clone), clone.measureFree(), clone.calls], ["a20 b0", 30, 0]);
    clone.open("a").write(filled(3, 5), 0);
    clone.powerCut();
    clone.flipBit("a", 0);
    left.add(describe(clone));
  }
  assert(["a10", "a20", "a10 b0", "a20 b0"].every((state) => left.has(state)));
  assertEquals([...disk.readAll("a")], [...filled(1, 10), ...filled(2, 10)]);
  assertEquals([describe(disk), file.measure()], ["a20 b0", 20]);
  const clone = disk.clone(4);
  const next = clone.open("a");
  next.write(filled(3, 5), 20);
  await next.sync();
  clone.powerCut();
  assertEquals([...clone.readAll("a").subarray(8)], [1, 1, ...filled(2, 10), ...filled(3, 5)]);
});

Deno.test("a disk that lies says it flushes, and does not", async () => {
  const countLost = async (lying: NonNullable<SimulatedDiskOptions["lying"]>) => {
    const counts = await leftovers(filled(1, 10), () => {}, describe, { lying });
    return SEED_COUNT - (counts.get("a10") ?? 0);
  };
  assertEquals(await countLost({}), 0);
  assertGreater(await countLost({ skipDirectorySync: true }), SEED_COUNT / 4);
  const always = await countLost({ skipFileSync: 1 });
  const sometimes = await countLost({ skipFileSync: 0.3 });
  assertGreater(always, SEED_COUNT / 4);
  assert(sometimes > 10 && sometimes < always, `${sometimes} of ${always}`);
});

/**
 * The simulated disk does what it is said to do: it keeps what was flushed, and over many seeds all
 * that may happen to the rest does happen.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { Random } from "../random.ts";
import { SimulatedDisk } from "./simulated_disk.ts";
import {
  describe,
  diskWith,
  filled,
  kindsOf,
  leftovers,
  NOTHING,
  SECTOR_SIZE,
  SEED_COUNT,
} from "./simulated_disk_use.ts";

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

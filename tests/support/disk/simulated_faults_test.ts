import { assert, assertEquals, assertGreater, assertRejects, assertThrows } from "@std/assert";
import { type DiskFile, DiskFullError } from "../../../src/engine/journal/disk/disk.ts";
import { SimulatedDisk, type SimulatedDiskOptions } from "./simulated_disk.ts";
import { describe, diskWith, filled, leftovers, SEED_COUNT } from "./simulated_disk_use.ts";

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

/**
 * Which slabs are in memory: the newest go first, and what is read back makes room for itself.
 *
 * @module
 */

import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import type { Segment } from "../../../src/broker/backlog/pager.ts";
import { Residency, SLAB_BYTES_MAX } from "../../../src/broker/backlog/residency.ts";
import { Slab } from "../../../src/broker/backlog/slab.ts";
import { batchOf, sizesOf } from "../../support/wire/batches.ts";
import { assertCode } from "../../support/wire/frames.ts";
import { measureCollections } from "../../support/broker/collections.ts";
import { MemoryPager } from "../../support/disk/memory_pager.ts";

/** So much is always for what has been read back. */
const LOADED_BYTES = 4 * SLAB_BYTES_MAX;

/** Room for what slabs take beside their bytes: for a hundred of them. */
const SIDE_BYTES = SLAB_BYTES_MAX / 2;

/** The bytes in front of each body. */
const HEAD = 8;

/** A residency, and slabs of one message each in it. */
class Memory {
  readonly pager = new MemoryPager();
  readonly segment: Segment = this.pager.begin();
  readonly residency: Residency;
  readonly slabs: Slab[] = [];

  /** Begins with room for so many slabs of full size that are not read back. */
  constructor(slabCount: number) {
    const bytesMax = LOADED_BYTES + SIDE_BYTES + slabCount * SLAB_BYTES_MAX;
    this.residency = new Residency({ bytesMax, pager: this.pager });
  }

  /** Adds slabs that are still being filled. */
  add(count: number, size = SLAB_BYTES_MAX): void {
    for (; count > 0; count--) {
      const firstId = this.slabs.length + 1;
      const bytes = this.residency.allocate(size);
      const slab = new Slab({ firstId, bytes, segment: this.segment });
      this.residency.add(slab);
      const batch = batchOf(size - HEAD);
      slab.append(batch, this.pager.store(this.segment, batch));
      this.slabs.push(slab);
    }
  }

  /** Adds slabs that take no more. */
  addSealed(count: number, size?: number): void {
    for (; count > 0; count--) {
      this.add(1, size);
      this.residency.seal(this.slabs.at(-1)!);
    }
  }

  /** The ids of the slabs that are in memory. */
  get resident(): number[] {
    return this.slabs.filter(({ isResident }) => isResident).map(({ firstId }) => firstId);
  }

  load(...ids: readonly number[]): void {
    for (const id of ids) this.residency.load(this.slabs[id - 1]!);
  }

  /** Lets a slab go for good. */
  remove(...ids: readonly number[]): void {
    for (const id of ids) {
      this.slabs[id - 1]!.forgetAll();
      this.residency.remove(this.slabs[id - 1]!);
    }
  }
}

Deno.test("Residency without a pager keeps everything in memory", () => {
  const residency = new Residency({ bytesMax: 0, pager: undefined });
  const slabs = [1, 2, 3].map((firstId) => {
    const slab = new Slab({ firstId, bytes: residency.allocate(1000), segment: undefined });
    residency.add(slab);
    residency.seal(slab);
    return slab;
  });
  assertEquals(residency.bytes, 3000);
  residency.remove(slabs[1]!);
  assertEquals(residency.bytes, 2000);
  assert(slabs.every(({ isResident }) => isResident));
});

Deno.test("Residency lets the newest go first that takes no more messages", () => {
  const memory = new Memory(4);
  memory.addSealed(4);
  assertEquals(memory.resident, [1, 2, 3, 4]);
  memory.addSealed(1);
  assertEquals(memory.resident, [1, 2, 3, 5]);
  memory.addSealed(3);
  assertEquals(memory.resident, [1, 2, 3, 8]);
  assertEquals(memory.residency.bytes, 4 * SLAB_BYTES_MAX);
});

Deno.test("Residency seals what came first and is still being filled, when nothing else can go", () => {
  const memory = new Memory(3);
  memory.add(3);
  memory.addSealed(1);
  assertEquals(memory.resident, [2, 3, 4]);
  assertEquals(memory.slabs.map(({ isSealed }) => isSealed), [true, false, false, true]);
  memory.add(2);
  assertEquals(memory.resident, [3, 5, 6]);
});

Deno.test("Residency keeps the slab that is being filled, however little room there is", () => {
  const memory = new Memory(0);
  memory.add(3, 2 * SLAB_BYTES_MAX);
  assertEquals(memory.resident, [3]);
});

Deno.test("Residency.load() brings back what was let go", () => {
  const memory = new Memory(1);
  memory.addSealed(2);
  memory.addSealed(1, 1000);
  memory.add(1);
  const slab = memory.slabs[2]!;
  assertEquals(memory.resident, [4]);
  memory.load(3, 3);
  assertEquals(memory.pager.reads.length, 1, "what is there is not read again");
  const batch = { count: 1, buffer: slab.bytes, start: 0, end: slab.used };
  assertEquals(sizesOf(batch), [1000]);
});

Deno.test("Residency.load() lets go of what was read back first, and of nothing that never left", () => {
  const memory = new Memory(1);
  memory.addSealed(8);
  assertEquals(memory.resident, [8]);
  memory.load(1, 2, 3, 4);
  assertEquals(memory.resident, [1, 2, 3, 4, 8]);
  memory.load(5);
  assertEquals(memory.resident, [2, 3, 4, 5, 8]);
  memory.load(2, 1);
  assertEquals(memory.resident, [1, 3, 4, 5, 8]);
  assertEquals(memory.residency.bytes, 5 * SLAB_BYTES_MAX);
});

Deno.test("Residency.load() has a slab that is larger than all room for what is read back", () => {
  const memory = new Memory(1);
  memory.addSealed(2);
  memory.addSealed(2, 5 * SLAB_BYTES_MAX);
  memory.load(1, 3);
  assertEquals(memory.resident, [3, 4]);
});

Deno.test("Residency.load() of damaged bytes throws, and takes no memory", () => {
  const memory = new Memory(1);
  memory.addSealed(3);
  const { bytes } = memory.residency;
  memory.pager.damage({ segment: memory.segment, offset: 1000 });
  assertCode("STREAM_DAMAGED", () => memory.load(1));
  assertEquals([memory.resident, memory.residency.bytes], [[3], bytes]);
  memory.load(2);
  assertEquals(memory.resident, [2, 3]);
});

Deno.test("Residency.remove() makes room, wherever the slab was", () => {
  const memory = new Memory(2);
  memory.addSealed(4);
  assertEquals(memory.resident, [1, 4]);
  memory.load(2);
  // One that never left, one that was read back, one that is not in memory.
  memory.remove(1, 2, 3);
  assertEquals(memory.residency.bytes, SLAB_BYTES_MAX);
  memory.addSealed(1);
  assertEquals([4, 5].map((id) => memory.slabs[id - 1]!.isResident), [true, true]);
  memory.addSealed(1);
  assertEquals([4, 5, 6].map((id) => memory.slabs[id - 1]!.isResident), [true, false, true]);
});

Deno.test("Residency has less room for bytes, the more slabs there are, until they are gone", () => {
  const memory = new Memory(2);
  // Each of them takes a kilobyte and more, and none of its bytes is in memory in the end.
  memory.addSealed(600, 2000);
  memory.addSealed(2);
  assertEquals(memory.resident.at(-1), 602);
  assertFalse(memory.resident.includes(601));
  memory.remove(...Array.from({ length: 600 }, (_, index) => index + 1));
  memory.addSealed(1);
  assertEquals(memory.resident, [602, 603]);
});

Deno.test("Residency frees the buffers that it does not keep for others", () => {
  const memory = new Memory(60);
  memory.addSealed(40);
  const buffers = memory.slabs.map(({ bytes }) => bytes);
  memory.remove(...memory.slabs.map(({ firstId }) => firstId));
  assertEquals(buffers.filter(({ length }) => length === SLAB_BYTES_MAX).length, 32);
  assertEquals(buffers.filter(({ length }) => length === 0).length, 8);
});

Deno.test("Residency forgets slabs that are gone, however many they were", () => {
  const memory = new Memory(1);
  for (let round = 0; round < 10; round++) {
    memory.addSealed(20, 1000);
    memory.remove(...memory.slabs.slice(-20).map(({ firstId }) => firstId));
  }
  assertEquals(memory.residency.bytes, 0);
  memory.addSealed(3);
  assertEquals(memory.slabs.slice(200).map(({ isResident }) => isResident), [false, false, true]);
});

Deno.test("Residency.allocate() gives buffers of full size again, and no others", () => {
  const memory = new Memory(10);
  memory.addSealed(2);
  memory.addSealed(1, 1000);
  const buffers = memory.slabs.map(({ bytes }) => bytes);
  memory.remove(1, 2, 3);
  assertStrictEquals(memory.residency.allocate(SLAB_BYTES_MAX), buffers[1]);
  assertStrictEquals(memory.residency.allocate(SLAB_BYTES_MAX), buffers[0]);
  assertFalse(buffers.includes(memory.residency.allocate(SLAB_BYTES_MAX)));
  assertFalse(memory.residency.allocate(1000) === buffers[2]);
});

Deno.test("Residency.allocate() keeps a bounded number of buffers", () => {
  const memory = new Memory(100);
  memory.addSealed(40);
  const buffers = new Set(memory.slabs.map(({ bytes }) => bytes));
  memory.remove(...memory.slabs.map(({ firstId }) => firstId));
  const again = Array.from({ length: 40 }, () => memory.residency.allocate(SLAB_BYTES_MAX));
  assertEquals(again.filter((bytes) => buffers.has(bytes)).length, 32);
});

Deno.test("Residency holds nothing of slabs that are gone, whatever their size", async () => {
  const memory = new Memory(100);
  const countSlabs = async () =>
    (await measureCollections([memory.residency])).get("objects of Slab") ?? 0;
  memory.addSealed(40, 1000);
  memory.addSealed(2, 4 * SLAB_BYTES_MAX);
  assertEquals(await countSlabs(), 42);
  memory.remove(...memory.slabs.map(({ firstId }) => firstId));
  assertEquals(await countSlabs(), 0);
});

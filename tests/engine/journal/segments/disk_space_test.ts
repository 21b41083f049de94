/**
 * Room on the disk: messages are refused before all of it is used, acknowledgements have a reserve,
 * and it does not go to and fro.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { RESERVE_NAME } from "../../../../src/engine/journal/segments/directory.ts";
import type { DiskFile } from "../../../../src/engine/journal/disk/disk.ts";
import { DiskSpace } from "../../../../src/engine/journal/segments/disk_space.ts";
import { FACT_BYTES } from "../../../../src/broker/events/fact_list.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";

const KIB = 1024;

/** What stays free beside the reserve when there are no messages. */
const FREE_MIN = 64 * KIB;

/** A disk with a file that takes up room, and what looks after it. */
class SpaceUse {
  readonly disk: SimulatedDisk;
  readonly space: DiskSpace;
  readonly changes: boolean[] = [];
  messageCount = 0;
  #now = 1000;
  readonly #file: DiskFile;

  constructor(capacity: number | undefined, reserveBytes: number) {
    this.disk = new SimulatedDisk({ seed: 1, capacity });
    this.#file = this.disk.create("other");
    this.space = new DiskSpace({
      disk: this.disk,
      reserveBytes,
      countMessages: () => this.messageCount,
      noteChange: (isFull) => void this.changes.push(isFull),
    });
  }

  /** How large the reserve is; `undefined` if there is none. */
  get reserve(): number | undefined {
    return this.disk.list().find(({ name }) => name === RESERVE_NAME)?.size;
  }

  get free(): number {
    return this.disk.measureFree()!;
  }

  /** Has the other file take up so much that so much is left. */
  leave(free: number): void {
    const size = this.#file.measure() + this.free - free;
    if (size < this.#file.measure()) this.#file.truncate(size);
    else if (size > 0) this.#file.write(new Uint8Array(1), size - 1);
    assertEquals(this.free, free);
  }

  /** Looks again, after so long that it does. */
  tick(): void {
    this.space.tick(this.#now += 10_000);
  }

  /** The code with which so many bytes are refused. */
  publish(bytes: number): string | undefined {
    return this.space.findObstacle(bytes)?.code;
  }
}

// The reserve.

Deno.test("DiskSpace: a reserve is written, as large as was asked for, of real bytes", () => {
  const use = new SpaceUse(100 * KIB * KIB, 3 * KIB * KIB + 17);
  use.space.begin();
  assertEquals(use.reserve, 3 * KIB * KIB + 17);
  assertEquals([use.space.isFull, use.changes], [false, []]);
});

Deno.test("DiskSpace: on a small disk the reserve is a small part of it", () => {
  const use = new SpaceUse(2048 * KIB, 16 * KIB * KIB);
  use.space.begin();
  assertEquals(use.reserve, 128 * KIB);
});

Deno.test("DiskSpace: a disk that does not tell how large it is has room, and a reserve", () => {
  const use = new SpaceUse(undefined, 5 * KIB);
  use.space.begin();
  assertEquals(use.reserve, 5 * KIB);
  assertEquals(use.publish(1e12), undefined);
});

Deno.test("DiskSpace: a reserve that is there is not written again", () => {
  const use = new SpaceUse(undefined, 5 * KIB);
  use.disk.replace(RESERVE_NAME, new Uint8Array(5 * KIB));
  const { calls } = use.disk;
  use.space.begin();
  assertEquals([use.disk.calls, use.reserve], [calls, 5 * KIB]);
});

Deno.test("DiskSpace: a reserve that a crash has left too small is made whole", () => {
  for (const size of [0, 1, 4 * KIB]) {
    const use = new SpaceUse(1024 * KIB, 5 * KIB);
    use.disk.replace(RESERVE_NAME, new Uint8Array(size));
    use.space.begin();
    assertEquals([use.reserve, use.space.isFull], [5 * KIB, false], `${size} bytes were left`);
  }
});

Deno.test("DiskSpace: without room for a reserve there is none for messages", () => {
  const use = new SpaceUse(2 * FREE_MIN + 3 * KIB, 4 * KIB);
  use.space.begin();
  assertEquals([use.reserve, use.space.isFull, use.changes], [undefined, true, [true]]);
  assertEquals(use.publish(1), "DISK_FULL");
  use.disk.capacity! += 2 * KIB;
  use.tick();
  assertEquals(use.reserve, 4 * KIB);
  assertEquals([use.publish(1), use.changes], [undefined, [true, false]]);
});

Deno.test("DiskSpace: a reserve that has no room after all leaves nothing behind", () => {
  const use = new SpaceUse(1024 * KIB, 8 * KIB);
  // The second call writes it.
  use.disk.failAt(2, "ENOSPC");
  use.space.begin();
  assertEquals([use.reserve, use.space.isFull], [undefined, true]);
  use.tick();
  assertEquals([use.reserve, use.space.isFull], [8 * KIB, false]);
});

Deno.test("DiskSpace: a write that takes only some of the bytes goes on", () => {
  const use = new SpaceUse(undefined, 8 * KIB);
  use.disk.failAt(2, "short");
  use.space.begin();
  assertEquals(use.reserve, 8 * KIB);
});

// Messages.

Deno.test("DiskSpace: messages are refused before the room is used up", () => {
  const use = new SpaceUse(1024 * KIB, 8 * KIB);
  use.space.begin();
  use.leave(FREE_MIN + 1000);
  use.tick();
  assertEquals(use.publish(1000), undefined);
  assertEquals(use.publish(1001), "DISK_FULL");
  assertEquals(use.changes, [true]);
  assertStringIncludes(use.space.findObstacle(7)!.message, "Cannot store 7 bytes: ");
  assertStringIncludes(use.space.findObstacle(7)!.message, "(simulated)");
});

Deno.test("DiskSpace: what is published counts before it is written", () => {
  const use = new SpaceUse(1024 * KIB, 8 * KIB);
  use.space.begin();
  use.leave(FREE_MIN + 1000);
  use.tick();
  let count = 0;
  while (use.publish(10) === undefined && count < 10_000) {
    count++;
    if (count % 10 === 0) use.leave(FREE_MIN + 1000 - count * 10);
  }
  assert(count >= 100 && count <= 110, `${count} times ten bytes`);
});

Deno.test("DiskSpace: what others free is found when it is needed", () => {
  const use = new SpaceUse(1024 * KIB, 8 * KIB);
  use.space.begin();
  use.leave(FREE_MIN + 1000);
  assertEquals(use.publish(900), undefined);
  use.leave(FREE_MIN + 50_000);
  assertEquals(use.publish(10_000), undefined);
  assertEquals(use.changes, []);
});

Deno.test("DiskSpace: each message that is stored needs room to be acknowledged", () => {
  const use = new SpaceUse(10_240 * KIB, 8 * KIB);
  use.space.begin();
  use.messageCount = 100_000;
  use.leave(FREE_MIN + 100_000 * FACT_BYTES + 500);
  use.tick();
  assertEquals(use.publish(501), "DISK_FULL");
  use.messageCount = 50_000;
  use.tick();
  assertEquals(use.publish(501), undefined);
});

// To and fro.

Deno.test("DiskSpace: when it was full there is room again only when there is more than needed", () => {
  const use = new SpaceUse(1024 * KIB, 8 * KIB);
  use.space.begin();
  use.leave(FREE_MIN - 1);
  use.tick();
  assertEquals(use.changes, [true]);
  for (const free of [FREE_MIN, FREE_MIN + 10_000, 2 * FREE_MIN - 1]) {
    use.leave(free);
    use.tick();
    assertEquals(use.publish(1), "DISK_FULL", `${free} bytes are free`);
  }
  use.leave(2 * FREE_MIN);
  use.tick();
  assertEquals([use.publish(1), use.changes], [undefined, [true, false]]);
  use.leave(FREE_MIN);
  use.tick();
  assertEquals([use.space.isFull, use.changes], [false, [true, false]]);
});

Deno.test("DiskSpace: what is told is told once for each change", () => {
  const use = new SpaceUse(1024 * KIB, 8 * KIB);
  use.space.begin();
  for (let round = 0; round < 3; round++) {
    use.leave(0);
    for (let again = 0; again < 3; again++) use.tick();
    use.leave(2 * FREE_MIN);
    for (let again = 0; again < 3; again++) use.tick();
  }
  assertEquals(use.changes, [true, false, true, false, true, false]);
});

Deno.test("DiskSpace: it looks again soon while it is full, and later otherwise", () => {
  const use = new SpaceUse(1024 * KIB, 8 * KIB);
  use.space.begin();
  assertEquals(use.space.tick(5000), 6000);
  use.leave(0);
  assertEquals(use.space.tick(5999), 6000, "it does not look before");
  assertEquals(use.space.isFull, false);
  assertEquals(use.space.tick(6000), 6250);
  assertEquals(use.space.isFull, true);
});

// Using the reserve.

Deno.test("DiskSpace: the reserve gives its room, and is made again when there is enough", () => {
  const use = new SpaceUse(1024 * KIB, 60 * KIB);
  use.space.begin();
  use.leave(0);
  use.space.useReserve();
  assertEquals([use.reserve, use.free], [undefined, 60 * KIB]);
  assertEquals([use.space.isFull, use.changes], [true, [true]]);
  use.space.useReserve();
  use.tick();
  assertEquals([use.reserve, use.publish(1)], [undefined, "DISK_FULL"]);
  use.leave(60 * KIB + 2 * FREE_MIN - 1);
  use.tick();
  assertEquals(use.reserve, undefined);
  use.leave(60 * KIB + 2 * FREE_MIN);
  use.tick();
  assertEquals([use.reserve, use.space.isFull], [60 * KIB, false]);
  assertEquals(use.changes, [true, false]);
});

Deno.test("DiskSpace: on a disk that grows the reserve is what it would have been at first", () => {
  const use = new SpaceUse(FREE_MIN, 16 * KIB * KIB);
  use.space.begin();
  assertEquals(use.reserve, undefined);
  use.disk.capacity = 1024 * KIB * KIB;
  use.tick();
  assertEquals(use.reserve, 16 * KIB * KIB);
  assertGreater(use.free, 1000 * KIB * KIB);
});

// No files.

Deno.test("DiskSpace: while no file can be opened everything stays as it is, and it looks again", () => {
  const use = new SpaceUse(100 * KIB * KIB, KIB * KIB);
  use.space.begin();
  use.leave(0);
  use.space.useReserve();
  use.leave(10 * KIB * KIB);
  use.disk.isOutOfDescriptors = true;
  assertEquals(use.space.tick(1e6), 1e6 + 250);
  assertEquals([use.space.isFull, use.changes], [true, [true]]);
  use.disk.isOutOfDescriptors = false;
  use.space.tick(1e6 + 250);
  assertEquals([use.space.isFull, use.changes], [false, [true, false]]);
});

/**
 * A disk that becomes full: messages are refused, all else goes on, and when what is on it has been
 * acknowledged there is room again, without anybody having to do anything.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { DenoDisk } from "../../../../src/engine/journal/disk/deno_disk.ts";
import type { Disk } from "../../../../src/engine/journal/disk/disk.ts";
import type { LocalEngine } from "../../../../src/engine/local_engine.ts";
import { JournalError } from "../../../../src/engine/journal/disk/journal_error.ts";
import { turn, until } from "../../../support/broker/broker.ts";
import { readState } from "../../../support/disk/journal_state.ts";
import { openJournal, type TestJournalOptions } from "../../../support/disk/journals.ts";
import { SimulatedDisk } from "../../../support/disk/simulated_disk.ts";
import { canMount, SmallFileSystem } from "../../../support/disk/small_file_system.ts";
import { EngineUse, type Following, TestClock } from "../../engine_use.ts";

const MIB = 1024 * 1024;
/** What it says when it becomes full. */
const FULL = "the disk is full: messages are refused";

const BODY = "x".repeat(2000);

/** A broker on a small disk. */
class FullUse {
  readonly engine: LocalEngine;
  readonly use: EngineUse;
  readonly reports: string[] = [];
  readonly failures: unknown[] = [];
  readonly #clock: TestClock;
  /** How much room there was at first, in bytes. */
  readonly #freeAtFirst: number;

  private constructor(
    engine: LocalEngine,
    clock: TestClock,
    { reports, failures }: { readonly reports: string[]; readonly failures: unknown[] },
  ) {
    this.engine = engine;
    this.#clock = clock;
    this.use = new EngineUse(engine);
    this.#freeAtFirst = this.freeBytes;
    this.reports = reports;
    this.failures = failures;
  }

  static async begin(disk: Disk, options: TestJournalOptions = {}): Promise<FullUse> {
    const reports: string[] = [];
    const failures: unknown[] = [];
    const clock = new TestClock();
    const engine = await openJournal(disk, {
      now: () => clock.now,
      segmentBytes: 128 * 1024,
      reserveBytes: 128 * 1024,
      memoryLimit: 1,
      report: (_level, message) => void reports.push(message),
      fail: (error) => void failures.push(error),
      ...options,
    });
    return new FullUse(engine, clock, { reports, failures });
  }

  get freeBytes(): number {
    return this.engine.counters.journal!.freeBytes!;
  }

  /** Lets so much time pass that it looks how much room there is. */
  async pass(): Promise<void> {
    await turn();
    this.engine.tick(this.#clock.now += 5000);
    this.engine.tend(this.#clock.now);
    await turn();
    await turn();
  }

  /** Publishes until there is no room; returns how many messages were stored. */
  async fill(identity: string): Promise<number> {
    const publisher = this.use.publisher("a", identity);
    for (let count = 0;; count++) {
      publisher.send(`${count} ${BODY}`);
      const outcome = (await publisher.outcomes()).at(-1)!;
      // It looks how much room there is now and then.
      if (count % 10 === 0) await this.pass();
      if (outcome.startsWith("a:")) continue;
      assertEquals(outcome, "DISK_FULL");
      publisher.port.lose();
      return count;
    }
  }

  /** Whether a message is stored. */
  async tryToStore(identity: string): Promise<string> {
    const publisher = this.use.publisher("a", identity);
    publisher.send("one more");
    const [outcome] = await publisher.outcomes();
    publisher.port.lose();
    return outcome!;
  }

  /** Acknowledges all of a stream, whatever it takes. */
  async drain(follower: Following, count: number): Promise<void> {
    await follower.received(count);
    for (const { tag } of follower.sink.messages) {
      follower.port.ack([{ firstTag: tag, count: 1 }], false);
      if (tag % 20 === 0) await this.pass();
    }
    await until("there is room again, and as much as before, or nearly", async () => {
      await this.pass();
      return this.reports.at(-1) !== FULL && this.freeBytes > this.#freeAtFirst * 0.7;
    });
  }
}

/** Fills a disk and empties it again, several times. */
async function fillAndEmpty(full: FullUse): Promise<void> {
  await full.use.create("a");
  let nextId = 1;
  let first = 0;
  for (let round = 1; round <= 4; round++) {
    const count = await full.fill(`round ${round}`);
    if (round === 1) first = count;
    assertGreater(count, first / 2, `round ${round}: as much as before fits, or nearly`);
    nextId += count;
    assertEquals((await full.engine.getStream("a")).nextId, nextId, "no id was used for nothing");
    assertEquals(await full.tryToStore(`also ${round}`), "DISK_FULL");
    const follower = full.use.follower("a");
    await full.drain(follower, count);
    follower.port.close(0);
    assertEquals(await full.use.counts("a"), [0, 0, 0]);
    assertEquals(await full.tryToStore(`after ${round}`), `a:${nextId}`);
    nextId++;
    const last = full.use.follower("a");
    await last.received(1);
    await last.ack(1);
    last.port.close();
  }
  assertEquals(full.failures, []);
}

Deno.test("full disk: it fills and empties again and again, and no id is left out", async () => {
  const full = await FullUse.begin(new SimulatedDisk({ seed: 1, capacity: MIB }));
  await fillAndEmpty(full);
  assertEquals(full.reports.filter((message) => message === FULL).length, 4);
  await full.engine.close();
});

Deno.test({
  name: "full disk: it fills and empties again and again, on a file system of this machine" +
    (canMount ? "" : " (skipped: nothing can be mounted)"),
  ignore: !canMount,
  async fn() {
    using fileSystem = new SmallFileSystem("size=1m");
    const full = await FullUse.begin(DenoDisk.open(fileSystem.path));
    await fillAndEmpty(full);
    await full.engine.close();
  },
});

Deno.test("full disk: one message that stays does not keep it full", async () => {
  const full = await FullUse.begin(new SimulatedDisk({ seed: 1, capacity: MIB }));
  await full.use.create("stuck", "a");
  await full.use.publisher("stuck", "stuck").store("stuck");
  for (let round = 1; round <= 3; round++) {
    const count = await full.fill(`round ${round}`);
    assertGreater(count, 100);
    const follower = full.use.follower("a");
    await full.drain(follower, count);
    follower.port.close(0);
  }
  assertEquals((await readState(full.engine)).served.stuck, ["next 2", "1×1 stuck"]);
  assertEquals(full.failures, []);
  await full.engine.close();
});

// When others take the room.

Deno.test("full disk: what has no room after all is refused in order, and never seen again", async () => {
  for (let room = 0; room < 12_000; room += 700) {
    const disk = new SimulatedDisk({ seed: 1 });
    const full = await FullUse.begin(disk);
    await full.use.create("a", "ab");
    await full.use.publisher(/^a/, "before").store("before");
    // It does not know, since it has not looked.
    disk.capacity = disk.list().reduce((sum, { size }) => sum + size, room);
    const publisher = full.use.publisher(/^a/, "many");
    for (let id = 2; id <= 6; id++) {
      publisher.send(`${id} ${BODY}`);
      if (id % 2 === 0) await turn();
    }
    const outcomes = await publisher.outcomes();
    const stored = outcomes.findIndex((outcome) => outcome === "DISK_FULL");
    const count = stored < 0 ? 5 : stored;
    const expected = [2, 3, 4, 5, 6].map((id) => id < 2 + count ? `a:${id},ab:${id}` : "DISK_FULL");
    assertEquals(outcomes, expected, `room for ${room} bytes`);
    if (count === 5) break;
    disk.capacity = undefined;
    await full.pass();
    const late = full.use.publisher(/^a/, "late");
    late.send("late");
    assertEquals(await late.outcomes(), [`a:${2 + count},ab:${2 + count}`]);
    disk.processKill();
    await turn();
    const { served } = await readState((await FullUse.begin(disk)).engine);
    const ids = served.ab!.slice(1).map((message) => message.split(" ")[0]!.slice(0, -2));
    assertEquals(served.ab!.length, served.a!.length);
    assertEquals(ids, Array.from({ length: count + 2 }, (_, index) => `${index + 1}`));
    assertEquals(served.ab!.at(-1), `${count + 2}×1 late`);
    assertEquals(full.failures, []);
  }
});

Deno.test("full disk: acknowledgements with a confirm are done, and stay done", async () => {
  const disk = new SimulatedDisk({ seed: 1, capacity: MIB });
  const full = await FullUse.begin(disk);
  await full.use.create("a");
  const count = await full.fill("me");
  // Others take the rest.
  disk.capacity = disk.list().reduce((sum, { size }) => sum + size, 0);
  const follower = full.use.follower("a");
  await follower.received(count);
  for (let tag = 2; tag <= count; tag += 2) await follower.ack(tag);
  assertLess(
    disk.list().filter(({ name }) => name === "reserve").length,
    1,
    "that is what it is for",
  );
  disk.powerCut();
  await turn();
  const { served } = await readState((await FullUse.begin(disk)).engine);
  assertEquals(served.a!.length, 1 + Math.ceil(count / 2));
});

// Starting.

Deno.test("full disk: a broker can be started on it, and what is there comes out", async () => {
  for (const end of ["close", "processKill", "powerCut"] as const) {
    const disk = new SimulatedDisk({ seed: 1, capacity: MIB });
    const first = await FullUse.begin(disk);
    await first.use.create("a");
    const count = await first.fill("me");
    disk.capacity = disk.list().reduce((sum, { size }) => sum + size, 0);
    if (end === "close") await first.engine.close();
    disk[end === "close" ? "processKill" : end]();
    await turn();
    const full = await FullUse.begin(disk);
    assertEquals(await full.tryToStore("early"), "DISK_FULL", end);
    await assertRejects(() => full.engine.createStream("b"), Error, "no room");
    const follower = full.use.follower("a");
    await follower.received(count);
    await follower.port.ack([{ firstTag: 1, count }], true);
    follower.port.close(0);
    disk.capacity = MIB;
    for (let round = 0; round < 3; round++) await full.pass();
    assertEquals(await full.tryToStore("late"), `a:${count + 1}`, end);
    assertEquals(full.failures, []);
    await full.engine.close();
  }
});

Deno.test("full disk: without any room at all a broker says so, and breaks nothing", async () => {
  const disk = new SimulatedDisk({ seed: 1, capacity: MIB });
  const first = await FullUse.begin(disk);
  await first.use.create("a");
  const count = await first.fill("me");
  disk.processKill();
  await turn();
  if (disk.list().some(({ name }) => name === "reserve")) disk.remove("reserve");
  disk.capacity = 1;
  const error = await assertRejects(() => FullUse.begin(disk), JournalError, "no room on its disk");
  assertEquals(error.trouble, "unusable");
  assert(!disk.list().some(({ name }) => name.endsWith(".tmp")), "what it began is gone");
  disk.capacity = MIB;
  const full = await FullUse.begin(disk);
  assertEquals((await full.engine.getStream("a")).ready, count);
  await full.engine.close();
});

Deno.test("full disk: a reserve that cannot be written is the end, and is told once", async () => {
  // The second call writes it.
  for (const call of [1, 2]) {
    const disk = new SimulatedDisk({ seed: 1, capacity: 100 * 1024 });
    const full = await FullUse.begin(disk);
    assertEquals(full.reports, [FULL]);
    disk.capacity = MIB;
    disk.failAt(call, "EIO");
    for (let round = 0; round < 3; round++) await full.pass();
    assertEquals(full.failures.map((error) => (error as { code?: string }).code), ["EIO"]);
    const told: string[] = [];
    full.engine.createStream("late").then(() => told.push("created"), () => {});
    for (let round = 0; round < 3; round++) await full.pass();
    assertEquals([told, full.failures.length], [[], 1]);
    disk.processKill();
    const again = await FullUse.begin(disk);
    await again.use.create("a");
    assertEquals(await again.tryToStore("me"), "a:1");
  }
});

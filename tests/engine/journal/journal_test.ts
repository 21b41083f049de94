/**
 * A journal whose surroundings change while it is open: files that go, directories that others take
 * away, descriptors that are short, and much that has to be removed while others publish.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { DenoDisk } from "../../../src/engine/journal/disk/deno_disk.ts";
import type { Disk } from "../../../src/engine/journal/disk/disk.ts";
import { turn } from "../../support/broker/broker.ts";
import {
  openJournal,
  TestDirectory,
  type TestJournalOptions,
} from "../../support/disk/journals.ts";
import { SimulatedDisk } from "../../support/disk/simulated_disk.ts";
import { listSegments } from "../../support/disk/small_journal.ts";
import { WatchedDisk } from "../../support/disk/watched_disk.ts";
import { EngineUse, TestClock } from "../engine_use.ts";

/** A journal with small segments, and with what it has failed. */
async function begin(disk: Disk, options: TestJournalOptions = {}) {
  const clock = new TestClock();
  const failures: unknown[] = [];
  const engine = await openJournal(disk, {
    now: () => clock.now,
    segmentBytes: 4096,
    memoryLimit: 1,
    fail: (error) => void failures.push(error),
    ...options,
  });
  return { use: new EngineUse(engine, { clock }), failures };
}

/** Fills so many segments of a stream. */
async function fill(use: EngineUse, stream: string, segmentCount: number): Promise<void> {
  const publisher = use.publisher(stream, `filling ${stream}`);
  for (let index = 0; index < segmentCount; index++) {
    publisher.settled = publisher.nextSequence;
    await publisher.store("x".repeat(3000));
  }
}

// What is taken away.

/** What somebody does to a directory, and what is said of it. */
const LOSSES: readonly {
  readonly what: string;
  readonly act: (path: string) => void;
  readonly why: RegExp;
}[] = [
  {
    what: "is removed",
    act: (path) => Deno.removeSync(path, { recursive: true }),
    why: /the directory .*data was removed or replaced$/,
  },
  {
    what: "gets another name",
    act: (path) => Deno.renameSync(path, `${path}-old`),
    why: /the directory .*data was removed or replaced$/,
  },
  {
    what: "is replaced by an empty one",
    act: (path) => {
      Deno.removeSync(path, { recursive: true });
      Deno.mkdirSync(path);
    },
    why: /the directory .*data was removed or replaced$/,
  },
  {
    what: "is replaced by a copy",
    act: (path) => {
      Deno.renameSync(path, `${path}-old`);
      Deno.mkdirSync(path);
      for (const { name } of Deno.readDirSync(`${path}-old`)) {
        Deno.copyFileSync(`${path}-old/${name}`, `${path}/${name}`);
      }
    },
    why: /the directory .*data was removed or replaced$/,
  },
  {
    what: "loses the segment that is written to",
    act: (path) => Deno.removeSync(`${path}/${namesOf(path).at(-1)}`),
    why: /data\/[0-9a-f]{16}\.journal was removed$/,
  },
  {
    what: "gets a copy of the segment that is written to",
    act: (path) => {
      const name = `${path}/${namesOf(path).at(-1)}`;
      Deno.copyFileSync(name, `${name}.copy`);
      Deno.renameSync(`${name}.copy`, name);
    },
    why: /data\/[0-9a-f]{16}\.journal was replaced$/,
  },
  {
    what: "loses an older segment",
    act: (path) => Deno.removeSync(`${path}/${namesOf(path)[1]}`),
    why: /data\/[0-9a-f]{16}\.journal was removed$/,
  },
  {
    what: "gets another lock",
    act: (path) => {
      Deno.removeSync(`${path}/LOCK`);
      Deno.writeTextFileSync(`${path}/LOCK`, "1\n");
    },
    why: /data\/LOCK was removed or replaced$/,
  },
  {
    what: "loses its lock",
    act: (path) => Deno.removeSync(`${path}/LOCK`),
    why: /data\/LOCK was removed or replaced$/,
  },
];

function namesOf(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name)
    .filter((name) => name.endsWith(".journal")).sort();
}

for (const { what, act, why } of LOSSES) {
  Deno.test(`Journal: a directory that ${what} is noticed, and nothing is confirmed after that`, {
    ignore: Deno.build.os === "windows",
  }, async () => {
    await using directory = await TestDirectory.create();
    const path = `${directory.path}/data`;
    const { use, failures } = await begin(DenoDisk.open(path));
    await use.create("a");
    await fill(use, "a", 5);
    use.advance(1000);
    use.advance(1000);
    await use.publisher("a").store("before");
    assertEquals(failures, []);
    act(path);
    use.advance(1000);
    assertEquals(failures.length, 1);
    assertMatch((failures[0] as Error).message, why);
    const late = use.publisher("a", "late");
    late.send("after");
    for (let round = 0; round < 5; round++) await turn();
    assertEquals(late.sink.outcomes, []);
    await use.engine.close();
  });
}

Deno.test("Journal: what comes and goes by itself is no loss, and is looked for once", async () => {
  await using directory = await TestDirectory.create();
  const { use, failures } = await begin(DenoDisk.open(directory.path));
  await use.create("a");
  for (let round = 0; round < 5; round++) {
    await fill(use, "a", 3);
    use.advance(1000);
    await use.engine.purgeStream("a");
    use.advance(1000);
  }
  assertEquals(failures, []);
  await use.engine.close();
});

Deno.test("Journal: nothing is removed by name in a directory that has come to its place", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using directory = await TestDirectory.create();
  const path = `${directory.path}/data`;
  const { use, failures } = await begin(DenoDisk.open(path));
  await use.create("a");
  await fill(use, "a", 5);
  const names = namesOf(path);
  await Deno.rename(path, `${path}-old`);
  const other = DenoDisk.open(path);
  for (const name of names) other.create(name).close();
  // All but the last one are free now; nobody has looked yet.
  await use.engine.purgeStream("a");
  for (let round = 0; round < 5; round++) await turn();
  assertEquals(namesOf(path), names);
  assertEquals(failures.length, 1);
  await use.engine.close();
  other.close();
});

// What has to be removed.

/** A disk that removes large files when the test says so, and tells how many are being removed. */
class SlowlyRemovingDisk extends WatchedDisk {
  removingCount = 0;
  #waiting: (() => void)[] = [];

  override async discard(name: string): Promise<void> {
    this.removingCount++;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await super.discard(name);
    this.removingCount--;
  }

  /** Lets one more be removed. */
  release(): void {
    this.#waiting.shift()?.();
  }
}

Deno.test("Journal: nobody waits for segments that are removed, however many there are", async () => {
  const simulated = new SimulatedDisk({ seed: 1 });
  const disk = new SlowlyRemovingDisk(simulated, () => {});
  const { use, failures } = await begin(disk);
  await use.create("large", "small");
  await fill(use, "large", 200);
  await use.engine.purgeStream("large");
  const publisher = use.publisher("small");
  // Not one is gone yet, and all this is confirmed; one is removed at a time.
  for (let round = 0; round < 20; round++) {
    await publisher.store(`message ${round}`);
    assertEquals(disk.removingCount, 1);
  }
  assertGreater(listSegments(simulated).length, 199);
  let isClosed = false;
  const closed = use.engine.close().then(() => isClosed = true);
  while (!isClosed) {
    disk.release();
    await turn();
  }
  await closed;
  assertLess(listSegments(simulated).length, 4);
  assertEquals(failures, []);
});

Deno.test("Journal: closing finishes what is being removed, so that no start has to read it", async () => {
  const simulated = new SimulatedDisk({ seed: 1 });
  const { use } = await begin(simulated);
  await use.create("large");
  await fill(use, "large", 20);
  await use.engine.purgeStream("large");
  await use.engine.close();
  assertEquals(listSegments(simulated).length, 1);
});

// What cannot be opened just now.

Deno.test("Journal: what cannot be read since too many files are open is delivered later", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const { use, failures } = await begin(disk);
  await use.createWith("a", { maxDeliveries: 1, backoffMs: [0] });
  await fill(use, "a", 4);
  disk.isOutOfDescriptors = true;
  const follower = use.follower("a");
  for (let round = 0; round < 3; round++) {
    await turn();
    use.advance(1000);
  }
  assertEquals([follower.sink.messages.length, (await use.engine.getStream("a")).ready], [0, 4]);
  disk.isOutOfDescriptors = false;
  use.advance(1000);
  await follower.received(4);
  // Dead letters are read, too; what has been read since has taken their memory.
  await use.create("b");
  await fill(use, "b", 4);
  await use.follower("b").received(4);
  disk.isOutOfDescriptors = true;
  const rejected = follower.reject([1, 2, 3, 4]);
  await turn();
  assertEquals((await use.engine.getStreams()).map(({ ready }) => ready), [0, 0, 0]);
  disk.isOutOfDescriptors = false;
  use.advance(10_000);
  await rejected;
  for (let round = 0; round < 5; round++) await turn();
  assertEquals((await use.engine.getStream("a.dead")).ready, 4);
  assertEquals(failures, []);
});

Deno.test("Journal: while no segment can be begun publishers wait, and lose nothing", async () => {
  const disk = new SimulatedDisk({ seed: 1 });
  const { use, failures } = await begin(disk);
  await use.create("a");
  await fill(use, "a", 2);
  disk.isOutOfDescriptors = true;
  const publisher = use.publisher("a");
  publisher.send("x".repeat(4000));
  publisher.send("behind");
  for (let round = 0; round < 3; round++) {
    await turn();
    use.advance(1000);
  }
  assertEquals([publisher.sink.outcomes.length, failures.length], [0, 0]);
  disk.isOutOfDescriptors = false;
  use.advance(1000);
  assertEquals(await publisher.outcomes(), ["a:3", "a:4"]);
});

Deno.test(
  "DenoDisk: when all descriptors are taken, segments begin, are read and flushed all the same",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    await using directory = await TestDirectory.create();
    const source = new URL("./starved_journal.ts", import.meta.url);
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const args = ["run", "-A", "--no-check", "--no-lock", "--config", config, source.href];
    // What the runtime says on its standard error is not the journal's.
    const { code, stdout } = await new Deno.Command("sh", {
      args: ["-c", 'ulimit -n 200; exec "$0" "$@"', Deno.execPath(), ...args, directory.path],
      env: { NO_COLOR: "1" },
      stderr: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals([code, text.trim()], [0, "stored 100, received 100, failures 0"]);
  },
);

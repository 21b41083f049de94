/**
 * A broker of a cluster dies between any two records of the log: within a group, within a checkpoint, before or
 * after a trim. Another one goes on, and so does the same one after a restart, with whatever a crash has left.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { readRecordHead, RECORD_TYPES } from "../../../src/engine/replicated/record.ts";
import { chooseLength, chooseOffset } from "../../support/length.ts";
import { type TestBroker, TestCluster } from "../../support/cluster/test_cluster.ts";
import type { SimulatedDisk } from "../../support/disk/simulated_disk.ts";

/** Segments and records so small that a checkpoint, and most groups, are several records. */
const SMALL = { segmentBytes: 1500, recordBytes: 300, pipeline: 2, memoryLimit: 1 };

/** What was asked for, and what was confirmed. */
class Work {
  readonly sent: string[] = [];
  readonly confirmed: string[] = [];
  readonly acknowledged: string[] = [];

  /** Stores messages of different sizes, and acknowledges every other one, until the broker dies. */
  async run({ use }: TestBroker): Promise<void> {
    await use.create("orders", "others");
    const publisher = use.publisher("orders", "steady");
    const follower = use.follower("orders", { messages: 100 });
    for (let number = 1; number <= 30; number++) {
      const text = `${number} ${"x".repeat(number * 37 % 700)}`;
      this.sent.push(text);
      await publisher.store(text);
      this.confirmed.push(text);
      await follower.received(number);
      if (number % 3 === 0) continue;
      await follower.ack(number);
      this.acknowledged.push(text);
    }
  }
}

/** The texts of the messages that a broker has. */
async function readTexts(cluster: TestCluster, { use }: TestBroker): Promise<string[]> {
  const lines = await cluster.until(use.look("orders"));
  return lines.map((line) => line.replace(/^\d+×\d+ \w+ /, ""));
}

function check(texts: readonly string[], { sent, confirmed, acknowledged }: Work): void {
  const lost = confirmed.filter((text) => !texts.includes(text) && !isGoing(text));
  // The last acknowledgement may be in the log without having been confirmed.
  function isGoing(text: string): boolean {
    return acknowledged.includes(text) || text === confirmed.at(-1);
  }
  assertEquals(lost, [], "lost");
  assertEquals(texts.filter((text) => !sent.includes(text)), [], "not sent");
  assertEquals(texts.filter((text) => acknowledged.includes(text)), [], "acknowledged");
  assertEquals(new Set(texts).size, texts.length, "stored twice");
}

/** Does what a crash may do to the own files. */
function damage(disk: SimulatedDisk, how: number): void {
  const names = disk.list().map(({ name }) => name).sort();
  const last = (suffix: string) => names.findLast((name) => name.endsWith(suffix));
  const file = how === 1 ? last(".records") : how === 2 ? last(".journal") : undefined;
  if (how === 3) disk.powerCut();
  if (file === undefined) return;
  const { size } = disk.list().find(({ name }) => name === file)!;
  disk.cut(file, Math.floor(size / 2));
}

/** Starts a broker, which begins anew if the log does not have any more what it needs. */
async function follow(cluster: TestCluster, { id, disk }: { id: string; disk?: SimulatedDisk }) {
  let broker = cluster.start(id, { ...SMALL, ...disk && { disk } });
  await cluster.pass(3000);
  if (broker.failure?.name !== "LogTrimmedError") return broker;
  broker.kill();
  broker = cluster.restart(broker, SMALL);
  await cluster.pass(3000);
  return broker;
}

async function dieAt(count: number): Promise<"over" | undefined> {
  const cluster = new TestCluster(count);
  cluster.server.faults = { ...cluster.server.faults, delayMs: [1, 1] };
  const first = cluster.start("a", SMALL);
  const second = cluster.start("b", SMALL);
  const work = new Work();
  void first.cluster.opening.then(() => work.run(first)).catch(() => {});
  for (let ms = 0; cluster.server.last < count; ms++) {
    if (ms > 3000) return await end(cluster, "over", first, second);
    await cluster.pass(1);
  }
  first.kill();
  damage(first.disk, count % 4);
  await cluster.until(second.cluster.opening);
  const texts = await readTexts(cluster, second).catch(() => []);
  check(texts, work);
  // The same broker again, and a new one, come to the same.
  const again = await follow(cluster, first);
  second.kill();
  await cluster.until(again.cluster.opening);
  assertEquals(await readTexts(cluster, again).catch(() => []), texts, "after a restart");
  const fresh = await follow(cluster, { id: "c" });
  again.kill();
  await cluster.until(fresh.cluster.opening);
  assertEquals(await readTexts(cluster, fresh).catch(() => []), texts, "from the log alone");
  assertEquals([again.failure, second.failure, fresh.failure], [undefined, undefined, undefined]);
  return await end(cluster, undefined, fresh);
}

/** Says where it was, if it fails. */
async function tryAt(count: number): Promise<"over" | undefined> {
  try {
    return await dieAt(count);
  } catch (cause) {
    throw new Error(`the broker that dies at record ${count} is missed`, { cause });
  }
}

/** Ends all brokers; whatever they have begun is over then. */
async function end<T>(cluster: TestCluster, result: T, ...brokers: TestBroker[]): Promise<T> {
  for (const broker of brokers) broker.kill();
  await cluster.pass(10);
  return result;
}

/** A broker dies behind each record, or behind one of so many. */
const STEP = chooseLength({ short: 8, long: 1 });

Deno.test({
  name: "records: a broker may die between any two of them",
  // Who waits for a dead broker waits in vain.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    let count = 1 + chooseOffset(STEP);
    while (await tryAt(count) === undefined) count += STEP;
    assert(count > 90, `${count} records`);
  },
});

Deno.test("records: all types are met that are between a broker's life and its death", async () => {
  const cluster = new TestCluster();
  const first = await cluster.startActive("a", SMALL);
  await cluster.until(new Work().run(first));
  await cluster.until(first.engine.close());
  const types = new Set(cluster.server.records.map((bytes) => {
    const head = readRecordHead(bytes);
    return typeof head === "string" ? head : head.type;
  }));
  const { bytes, trim, release, segment } = RECORD_TYPES;
  for (const type of [bytes, trim, release, segment]) assert(types.has(type), `type ${type}`);
  assert(cluster.server.first > 1);
});

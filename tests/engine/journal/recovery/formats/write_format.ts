/**
 * Writes a directory as a broker of this version of the journal's format leaves it, with some of
 * everything that the format knows. The directories beside this file were written by it, each in a
 * checkout of the last commit with its version; it is changed only to write a later one.
 *
 * ```sh
 * deno run -A tests/engine/journal/recovery/formats/write_format.ts v5
 * ```
 *
 * @module
 */

// deno-lint-ignore-file no-explicit-any
import { encodeBatch } from "../../../../../protocol.ts";
import * as batches from "../../../../../src/protocol/messages/batch.ts";
import { FORMAT_VERSION } from "../../../../../src/engine/journal/segments/format.ts";
import { batchOf } from "../../../../support/wire/batches.ts";
import { turn } from "../../../../support/broker/broker.ts";
import { openJournal } from "../../../../support/disk/journals.ts";
import { DenoDisk } from "../../../../../src/engine/journal/disk/deno_disk.ts";
import {
  RecordingFollowerSink,
  RecordingPublisherSink,
} from "../../../../support/broker/recording_sinks.ts";
import { bindOf, type TestBind } from "../../../../support/broker/test_broker.ts";

/** The time of the broker that writes. */
const NOW = 1_700_000_000_000;

/** A publisher that sends one batch after the other. */
class Sender {
  readonly sink = new RecordingPublisherSink();
  readonly port: any;
  #sequence = 1;
  #count = 0;

  constructor(engine: any, bind: TestBind, identity: string) {
    this.port = engine.openPublisher({ identity, bind: bindOf(bind) }, this.sink);
  }

  /** Sends texts; `settled` says how many of the last messages may be sent again. */
  async store(texts: readonly string[], wishes?: Record<string, unknown>): Promise<void> {
    const batch: any = wishes === undefined ? batchOf(...texts) : encodeBatch(texts.map((text) => {
      return { kind: 1, headers: {}, body: new TextEncoder().encode(text), wishes } as any;
    }));
    const flags = wishes === undefined ? undefined : (batches as any).checkBatch(batch, 1e6);
    const sequence = this.#sequence;
    this.#sequence += texts.length;
    const numbered = { ...batch, sequence, settled: Math.max(0, sequence - 3), bytes: batch.end };
    this.port.publish(flags === undefined ? numbered : { ...numbered, flags });
    await this.sink.waitFor(++this.#count);
  }
}

function follow(engine: any, stream: string) {
  const sink = new RecordingFollowerSink();
  const options = { name: "worker", bind: bindOf(stream), messages: 100, bytes: 1e6 };
  return { sink, port: engine.openFollower(options, sink) };
}

const range = (firstTag: number, count = 1) => [{ firstTag, count }];

/** What all versions know: streams, batches, acknowledgements, attempts. */
async function tellVersion1(engine: any): Promise<void> {
  for (const name of ["a", "ab", "b", "gone"]) await engine.createStream(name);
  const [both, one] = [new Sender(engine, /^a/, "both"), new Sender(engine, "b", "one")];
  for (let round = 1; round <= 8; round++) {
    await both.store([`x${round}`.padEnd(120, "."), `y${round}`]);
    await one.store([`z${round}`.padEnd(200, ".")]);
  }
  await new Sender(engine, "gone", "other").store(["lost with its stream"]);
  await engine.deleteStream("gone");
  const ended = new Sender(engine, "b", "ended");
  await ended.store(["of one that has ended"]);
  ended.port.close();
  const { sink, port } = follow(engine, "a");
  await sink.waitFor(16);
  await port.ack(range(1, 5), true);
  await port.ack(range(8), true);
  port.begin(range(7));
  await turn();
  port.close();
}

/** What version 2 knows beside that: options, times, message ids, failures, dead letters. */
async function tellVersion2(engine: any): Promise<void> {
  await engine.createStream("times", { maxDeliveries: 3 });
  await engine.updateStream("times", { ttlMs: 3_600_000 });
  await engine.createStream("paused");
  const sender = new Sender(engine, "times", "times");
  await sender.store(["later"], { delayMs: 60_000 });
  await sender.store(["short"], { ttlMs: 1000 });
  await sender.store(["known"], { dedupId: "id-1" });
  await sender.store(["failing"]);
  await sender.store(["rejected"]);
  await new Sender(engine, "paused", "paused").store(["waits"]);
  await engine.pauseStream("paused", true);
  const { sink, port } = follow(engine, "times");
  await sink.waitFor(4);
  await port.nack(range(3), { delayMs: 30_000, reason: "not now" }, true);
  await port.reject(range(4), "never", true);
  await turn();
  port.close(0);
}

/** What version 3 knows beside that: keys and priorities. */
async function tellVersion3(engine: any): Promise<void> {
  await engine.createStream("order");
  const sender = new Sender(engine, "order", "order");
  await sender.store(["low"], { priority: 1 });
  await sender.store(["usual"]);
  await sender.store(["high"], { priority: 8 });
  await sender.store(["first of k"], { key: "k" });
  await sender.store(["second of k"], { key: "k" });
}

/** What version 5 knows beside that: schedules, lanes, limits, breakers, postponed and coalesced messages. */
async function tellVersion5(engine: any): Promise<void> {
  for (const stream of ["scheduled", "lanes", "joined", "postponed"]) {
    await engine.createStream(stream);
  }
  const entry = (text: string) => {
    const { buffer } = encodeBatch([{ kind: 1, body: new TextEncoder().encode(text) }]);
    return btoa(String.fromCharCode(...buffer));
  };
  const put = (name: string, given: object) =>
    engine.schedules.put(name, { stream: "scheduled", entry: entry(name), ...given });
  await put("at-once", { everyMs: 3_600_000, now: true });
  await put("nightly", { cron: "30 3 * * *", timeZone: "Europe/Berlin", jitterMs: 60_000 });
  await put("gone", { everyMs: 3_600_000 });
  await engine.schedules.pause("nightly", true);
  await engine.schedules.delete("gone");
  engine.tick(NOW);
  await turn();
  await engine.lanes.putLimit("shared", { maxPending: 3 });
  await engine.updateStream("lanes", { sharedLimit: "shared", priorityAgingMs: 60_000 });
  await engine.lanes.set("lanes", "acme", { weight: 3, maxPending: 2 });
  await new Sender(engine, "lanes", "lanes").store(["of acme"], { lane: "acme" });
  const joined = new Sender(engine, "joined", "joined");
  const coalesce = { id: "c", quietMs: 0, atMostMs: 0, take: "last", whileWorked: "wait" };
  for (const text of ["first of c", "last of c"]) await joined.store([text], { coalesce });
  await new Sender(engine, "postponed", "postponed").store(["later"]);
  const { sink, port } = follow(engine, "postponed");
  await sink.waitFor(1);
  await port.nack(range(1), { delayMs: 30_000, reason: "busy", isPostponed: true }, true);
  port.close(0);
}

if (import.meta.main) {
  const [name = ""] = Deno.args;
  if (name !== `v${FORMAT_VERSION}`) throw new Error(`this broker writes v${FORMAT_VERSION}`);
  const directory = new URL(name, import.meta.url).pathname;
  await Deno.mkdir(directory);
  const disk = DenoDisk.open(directory);
  const options = { segmentBytes: 1000, reserveBytes: 16, now: () => NOW, newJournalId: 7 };
  const engine: any = await openJournal(disk, options);
  await tellVersion1(engine);
  if (FORMAT_VERSION >= 2) await tellVersion2(engine);
  if (FORMAT_VERSION >= 3) await tellVersion3(engine);
  if (FORMAT_VERSION >= 5) await tellVersion5(engine);
  await engine.close();
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.endsWith(".journal") && name !== "closed") await Deno.remove(`${directory}/${name}`);
  }
}

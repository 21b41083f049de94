/**
 * Measures bytes a second through a broker's journal, beside what its disk writes in pieces of 1 MiB, each
 * flushed with fdatasync; then counts the copies of bodies.
 *
 * ```text
 * deno run -A bench/bytes/main.ts [--megabytes 400] [--rounds 5] [--quick]
 * ```
 *
 * The broker is a process of its own; publisher and follower are in this one. First messages are only
 * published and confirmed, then also delivered and acknowledged. Disk and broker take turns in each round.
 *
 * @module
 */

import type { Connection } from "@simplemq/simplemq";
import { BrokerProcess } from "../harness/broker_process.ts";
import { Arguments } from "../harness/frame/arguments.ts";
import { runMain, runRounds } from "../harness/frame/main.ts";
import { print } from "../harness/print.ts";
import { readCpuSeconds } from "../harness/process/process_meter.ts";
import { summarise } from "../harness/statistics.ts";
import { formatColumns } from "../harness/table.ts";
import { printCopies } from "./copies.ts";

const MiB = 2 ** 20;

/** A way to send: the size of the bodies, and how many go in a call. */
const WAYS = [
  { name: "100 B, 256 in a call", bytes: 100, call: 256, share: 1 / 4 },
  { name: "1 KiB, 256 in a call", bytes: 1024, call: 256, share: 1 },
  { name: "64 KiB", bytes: 64 * 1024, call: 1, share: 1 },
  { name: "1 MiB", bytes: MiB, call: 1, share: 1 },
] as const;

/** As many calls are under way, at most, and as many bytes. */
const UNDER_WAY = 64;
const UNDER_WAY_BYTES = 16 * MiB;

/** What a way did: megabytes a second, and the seconds of processor time for each gigabyte. */
interface Flow {
  readonly rate: number;
  readonly brokerCpu: number;
  readonly clientCpu: number;
}

async function measure(args: readonly string[]): Promise<void> {
  const flags = new Arguments(args, ["megabytes", "rounds"], ["quick"]);
  const isQuick = flags.has("quick");
  const bytes = flags.readCount("megabytes", isQuick ? 4 : 400) * 1e6;
  await using broker = await BrokerProcess.start("journal");
  await using publishing = await broker.connect();
  await using following = await broker.connect();
  const found = await runRounds("bytes", flags.readCount("rounds", isQuick ? 1 : 5), async () => {
    const disk = measureDisk(broker.directory, bytes / 4);
    const flows = [];
    for (const way of WAYS) {
      const plan = { ...way, count: Math.ceil(bytes * way.share / way.bytes / way.call) };
      const only = await measureFlow(broker.pid, () => publish(publishing, plan), plan);
      const through = await measureFlow(
        broker.pid,
        () => pass(publishing, following, plan),
        plan,
      );
      flows.push([only, through] as const);
    }
    return { disk, flows };
  });
  const rows = WAYS.flatMap(({ name }, way) =>
    ["published", "and acknowledged"].map((what, index) => ({
      name: `${name}, ${what}`,
      flows: found.map(({ flows }) => flows[way]![index as 0 | 1]),
      shares: found.map(({ disk, flows }) => 100 * flows[way]![index as 0 | 1].rate / disk),
    }))
  );
  const median = (values: readonly number[]) => summarise(values).median;
  print(`The disk writes ${median(found.map(({ disk }) => disk)).toFixed(0)} MB/s so.\n`);
  print(formatColumns(rows, [
    ["bodies", ({ name }) => name],
    ["MB/s", ({ flows }) => median(flows.map(({ rate }) => rate))],
    ["% of the disk", ({ shares }) => median(shares)],
    ["lowest", ({ shares }) => Math.min(...shares)],
    ["highest", ({ shares }) => Math.max(...shares)],
    ["broker's CPU, s/GB", ({ flows }) => median(flows.map((one) => one.brokerCpu)), 2],
    ["clients' CPU, s/GB", ({ flows }) => median(flows.map((one) => one.clientCpu)), 2],
  ]));
  await printCopies(isQuick ? 3 : 100);
}

interface FlowPlan {
  readonly bytes: number;
  readonly call: number;
  /** How many calls. */
  readonly count: number;
}

async function measureFlow(
  pid: number,
  work: () => Promise<void>,
  { bytes, call, count }: FlowPlan,
): Promise<Flow> {
  const cpu = () => [readCpuSeconds(pid) ?? NaN, readCpuSeconds(Deno.pid) ?? NaN] as const;
  const before = cpu();
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1000;
  const after = cpu();
  const gigabytes = bytes * call * count / 1e9;
  return {
    rate: gigabytes * 1000 / seconds,
    brokerCpu: (after[0] - before[0]) / gigabytes,
    clientCpu: (after[1] - before[1]) / gigabytes,
  };
}

/** Publishes to a stream, which is deleted afterwards; resolves when all is confirmed. */
async function publish(connection: Connection, plan: FlowPlan): Promise<void> {
  await connection.cursor().createStream("bytes");
  await send(connection, plan);
  await connection.cursor().deleteStream("bytes");
}

/** Publishes to a stream, and acknowledges all that comes from it. */
async function pass(from: Connection, to: Connection, plan: FlowPlan): Promise<void> {
  await from.cursor().createStream("bytes");
  const sending = send(from, plan);
  const follower = to.follower("bytes");
  let left = plan.count * plan.call;
  for await (const message of follower.getMessages()) {
    await message.ack();
    if (--left === 0) break;
  }
  await sending;
  await follower.close();
  await from.cursor().deleteStream("bytes");
}

async function send(connection: Connection, { bytes, call, count }: FlowPlan): Promise<void> {
  await using publisher = connection.publisher("bytes");
  const bodies = new Array<Uint8Array>(call).fill(new Uint8Array(bytes).fill(7));
  const callsMax = Math.min(UNDER_WAY, Math.max(2, Math.floor(UNDER_WAY_BYTES / (bytes * call))));
  let left = count;
  const lane = async () => {
    while (left-- > 0) await publisher.sendMessages(bodies);
  };
  await Promise.all(Array.from({ length: callsMax }, lane));
}

/** Writes pieces of 1 MiB and flushes each; returns megabytes a second. */
function measureDisk(directory: string, bytes: number): number {
  const path = `${directory}/../probe-${Deno.pid}`;
  const piece = crypto.getRandomValues(new Uint8Array(65_536));
  const pieces = new Uint8Array(MiB);
  for (let at = 0; at < MiB; at += piece.length) pieces.set(piece, at);
  const file = Deno.openSync(path, { write: true, create: true, truncate: true });
  try {
    const count = Math.max(1, Math.round(bytes / MiB));
    const begin = performance.now();
    for (let left = count; left > 0; left--) {
      file.writeSync(pieces);
      file.syncDataSync();
    }
    return count * MiB / 1000 / (performance.now() - begin);
  } finally {
    file.close();
    Deno.removeSync(path);
  }
}

if (import.meta.main) await runMain(() => measure(Deno.args));

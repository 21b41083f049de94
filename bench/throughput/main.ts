/**
 * Measures a broker end to end: messages are published, confirmed, delivered and acknowledged. The
 * broker is a process of its own, as users run it; publisher and follower are in this one, each with
 * a connection of its own.
 *
 * ```text
 * deno task bench [--messages 800000] [--rounds 5] [--quick]
 * ```
 *
 * Every message carries a number. A round in which one is lost, doubled, mixed up or left behind
 * fails the bench: exit code 1 and no table.
 *
 * @module
 */

import { BrokerProcess, type EngineName, ENGINES } from "../harness/broker_process.ts";
import { repeat, runMain, runRounds } from "../harness/frame/main.ts";
import { CpuMeter } from "../harness/process/cpu_meter.ts";
import { readScale, type Scale, takeShare } from "../harness/frame/scale.ts";
import { describeSurroundings, type Fact } from "../harness/frame/surroundings.ts";
import { print } from "../harness/print.ts";
import { type Clients, type RoundPlan, runRound } from "../harness/round.ts";
import { WAYS } from "../harness/sending.ts";
import { measureIdleConnection, measureIdleCpu } from "../work/idle.ts";
import { measureReceipts, type ReceiptTimes } from "./receipt_time.ts";
import { formatReport, type Row } from "./report.ts";

/** The bodies, and which part of the messages is sent with them. */
const BODIES = [{ bytes: 100, share: 1 }, { bytes: 1024, share: 1 / 4 }];

/** Awaited one by one, a journal takes so many times as long; its rounds are shorter. */
const AWAITED_SHARE = 1 / 5;

const CLIENT = new URL("../harness/simplemq_client.ts", import.meta.url);

/** Measures everything, and prints it. */
async function measure(scale: Scale): Promise<void> {
  const { brokers, connections, starts, idleSeconds } = scale;
  const found = await measureRows(scale);
  const startMs = await repeat("start", starts, measureStart);
  const idleBytes = await repeat("idle connections", brokers, async () => {
    await using broker = await BrokerProcess.start("journal");
    const { pid, port } = broker;
    return await measureIdleConnection({ clientUrl: CLIENT.href, pid, port }, connections);
  });
  const idleCpu = await repeat("idle clients", 1, async () => {
    await using broker = await BrokerProcess.start("journal");
    const { pid, port } = broker;
    const span = { settleMs: idleSeconds * 1000, spanMs: idleSeconds * 1000 };
    return await measureIdleCpu({ clientUrl: CLIENT.href, pid, port }, connections, span);
  });
  print(formatReport({
    ...found,
    startMs,
    idleBytes: idleBytes.filter((bytes) => bytes !== undefined),
    idleCpu: idleCpu.filter((part) => part !== undefined),
    connections,
  }));
}

/** Measures all rows in turn, round after round, so that what disturbs one disturbs all. */
async function measureRows(scale: Scale): Promise<{
  readonly facts: readonly Fact[];
  readonly rows: readonly Row[];
  readonly receipts: readonly ReceiptTimes[];
}> {
  await using journal = await BrokerProcess.start("journal");
  await using memory = await BrokerProcess.start("memory");
  const clients = { journal: await connectTo(journal), memory: await connectTo(memory) };
  const meters = { journal: new CpuMeter(journal.pid), memory: new CpuMeter(memory.pid) };
  const benches = planRounds(scale);
  const rounds = await runRounds("throughput", scale.rounds, async () => {
    const results = [];
    for (const { engine, plan } of benches) {
      const meter = meters[engine];
      meter.start();
      const pass = await journal.during(memory.during(runRound(clients[engine], plan)));
      meter.stop();
      results.push({ ...pass, cpu: meter.taken });
    }
    const { publishing } = clients.journal;
    const measuring = measureReceipts(publishing, journal.directory, scale.flushes);
    return { results, receipts: await journal.during(measuring) };
  });
  const brokers = ENGINES.map((engine) => clients[engine].publishing.broker);
  for (const { publishing, following } of Object.values(clients)) {
    await Promise.all([publishing.close(), following.close()]);
  }
  return {
    facts: describeSurroundings(brokers),
    rows: benches.map((bench, row) => {
      return { ...bench, results: rounds.map(({ results }) => results[row]!) };
    }),
    receipts: rounds.map(({ receipts }) => receipts),
  };
}

async function connectTo(broker: BrokerProcess): Promise<Clients> {
  return { publishing: await broker.connect(), following: await broker.connect() };
}

function planRounds({ messages }: Scale): { engine: EngineName; plan: RoundPlan }[] {
  return WAYS.flatMap((way) =>
    BODIES.flatMap(({ bytes, share }) =>
      ENGINES.map((engine) => {
        const engineShare = engine === "journal" && way.isTimed ? AWAITED_SHARE : 1;
        const count = takeShare(takeShare(messages, way.share * share), engineShare);
        return { engine, plan: { way, bodyBytes: bytes, count } };
      })
    )
  );
}

/** Measures milliseconds from starting the process to the end of the first client's handshake. */
async function measureStart(): Promise<number> {
  const begin = performance.now();
  await using broker = await BrokerProcess.start("journal");
  await using _connection = await broker.connect();
  return performance.now() - begin;
}

if (import.meta.main) await runMain(() => measure(readScale(Deno.args)));

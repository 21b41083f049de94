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

import { connect } from "@simplemq/simplemq";
import { BrokerProcess, type EngineName, HOSTNAME } from "../harness/broker_process.ts";
import { killChildren } from "../harness/process/child.ts";
import { type FlushTimes, measureFlushes } from "../flush_time.ts";
import { measureIdleConnection } from "../idle_memory.ts";
import { print, tell } from "../harness/print.ts";
import { formatReport, type Row } from "./report.ts";
import { type Clients, type RoundPlan, type RoundResult, runRound } from "../harness/round.ts";
import { readScale, type Scale } from "../harness/frame/scale.ts";
import { WAYS } from "../harness/sending.ts";
import { measureStart } from "./start_time.ts";
import { describeSurroundings, type Fact } from "../harness/frame/surroundings.ts";

/** The bodies, and which part of the messages is sent with them. */
const BODIES = [{ bytes: 100, share: 1 }, { bytes: 1024, share: 1 / 4 }];

/** What is measured side by side. */
const ENGINES: readonly EngineName[] = ["journal", "memory"];

/** Awaited one by one, a journal takes so many times as long; its rounds are shorter. */
const AWAITED_SHARE = 1 / 5;

/** Measures everything, and prints it. */
async function measure(scale: Scale): Promise<void> {
  const { facts, rows, flushes } = await measureRounds(scale);
  const startMs = await repeat("start", scale.starts, () => measureStart());
  const idleBytes = await repeat(
    "idle connections",
    scale.brokers,
    () => measureIdleConnection(scale.connections),
  );
  const found = idleBytes.filter((bytes) => bytes !== undefined);
  const { connections } = scale;
  print(formatReport({ facts, rows, flushes, startMs, idleBytes: found, connections }));
}

/** What a round is run with. */
interface Bench {
  readonly engine: EngineName;
  readonly clients: Clients;
  readonly plan: RoundPlan;
}

/** Measures all rows in turn, round after round, so that what disturbs one disturbs all. */
async function measureRounds(
  scale: Scale,
): Promise<{ facts: readonly Fact[]; rows: Row[]; flushes: FlushTimes[] }> {
  await using journal = await BrokerProcess.start("journal");
  await using memory = await BrokerProcess.start("memory");
  const lost = Promise.race([journal.watch(), memory.watch()]);
  const clients = { journal: await connectTo(journal), memory: await connectTo(memory) };
  const brokers = ENGINES.map((engine) => clients[engine].publishing.broker);
  const facts = describeSurroundings(brokers, new Date());
  const benches: Bench[] = planRounds(scale).flatMap((plan) =>
    ENGINES.map((engine) => ({ engine, clients: clients[engine], plan: adapt(plan, engine) }))
  );
  const flushes: FlushTimes[] = [];
  const runAll = async () => {
    const results: RoundResult[] = [];
    for (const { clients, plan } of benches) {
      results.push(await Promise.race([runRound(clients, plan), lost]));
    }
    const { publishing } = clients.journal;
    const measuring = measureFlushes(publishing, journal.directory, scale.flushes);
    flushes.push(await Promise.race([measuring, lost]));
    return results;
  };
  await repeat("warm-up", 1, runAll);
  const rounds = await repeat("round", scale.rounds, runAll);
  for (const { publishing, following } of Object.values(clients)) {
    await Promise.all([publishing.close(), following.close()]);
  }
  const rows = benches.map(({ engine, plan }, row) => {
    return { engine, plan, results: rounds.map((results) => results[row]!) };
  });
  return { facts, rows, flushes: flushes.slice(1) };
}

async function connectTo({ port }: BrokerProcess): Promise<Clients> {
  return {
    publishing: await connect({ hostname: HOSTNAME, port, name: "bench-publisher" }),
    following: await connect({ hostname: HOSTNAME, port, name: "bench-follower" }),
  };
}

function planRounds({ messages }: Scale): RoundPlan[] {
  return WAYS.flatMap((way) =>
    BODIES.map(({ bytes, share }) => {
      const count = Math.max(1, Math.round(messages * way.share * share));
      return { way, bodyBytes: bytes, count };
    })
  );
}

function adapt(plan: RoundPlan, engine: EngineName): RoundPlan {
  if (engine === "memory" || !plan.way.isTimed) return plan;
  return { ...plan, count: Math.max(1, Math.round(plan.count * AWAITED_SHARE)) };
}

/** Does something several times, one after the other. */
async function repeat<T>(what: string, count: number, run: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < count) {
    tell(`${what} ${results.length + 1} of ${count}`);
    results.push(await run());
  }
  return results;
}

/** Nothing that was started stays behind when somebody stops the bench. */
function endWithSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killChildren();
      Deno.exit(1);
    });
  }
}

/** An error in a line, with what caused it. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${explain(error.cause)}`;
}

if (import.meta.main) {
  endWithSignals();
  try {
    await measure(readScale(Deno.args));
  } catch (error) {
    tell(`The bench has failed: ${explain(error)}`);
    killChildren();
    // Clients would look for their broker for ever.
    Deno.exit(1);
  }
}

import { connect, type Cursor } from "@simplemq/simplemq";
import { delay } from "@std/async/delay";
import { HOSTNAME } from "../harness/broker_process.ts";
import { readResidentBytes } from "../harness/process/process_meter.ts";
import { formatTable } from "../harness/table.ts";
import type { Machines } from "./machines.ts";

/** So long between two looks at how far the standby is, in milliseconds. */
const LOOK_MS = 100;

/** Messages to a batch, and batches under way. */
const BATCH = 256;
const BATCHES = 8;

/** Before memory is read, in milliseconds. */
const SETTLE_MS = 3_000;

const MIB = 1024 * 1024;

/**
 * Publishes messages of 100 bytes and leaves them there; meanwhile measures how long after the active broker the
 * standby has applied a record, questions and answers included. Then reads the memory of both.
 */
export async function measureStandby(machines: Machines, messages: number): Promise<string> {
  const { active, standby } = machines;
  await using publishing = await connect({ hostname: HOSTNAME, port: active.port, name: "bench" });
  await using one = await active.connect();
  await using other = await standby.connect();
  const before = [active, standby].map(({ pid }) => readResidentBytes(pid) ?? NaN);
  await publishing.cursor().createStream("standby");
  const over = new AbortController();
  const lags = watchLag(one.cursor(), other.cursor(), over.signal);
  const begun = performance.now();
  await fill(publishing, messages);
  const seconds = (performance.now() - begun) / 1000;
  over.abort();
  const sorted = (await lags).toSorted((a, b) => a - b);
  await delay(SETTLE_MS);
  const after = [active, standby].map(({ pid }) => readResidentBytes(pid) ?? NaN);
  await publishing.cursor().deleteStream("standby");
  const percentile = (part: number) => sorted[Math.floor((sorted.length - 1) * part)]!.toFixed(1);
  return [
    formatTable({
      head: ["standby behind, ms", "looks", "median", "99 %", "most"],
      rows: [
        ["while loaded", String(sorted.length), percentile(0.5), percentile(0.99), percentile(1)],
      ],
    }),
    formatTable({
      head: ["memory, MiB", "before", `with ${messages.toLocaleString("en")} messages`],
      rows: ["active", "standby"].map((name, index) => [
        name,
        (before[index]! / MIB).toFixed(0),
        (after[index]! / MIB).toFixed(0),
      ]),
    }),
    `${Math.round(messages / seconds).toLocaleString("en")} messages/s were published meanwhile`,
  ].join("\n\n");
}

async function fill(
  connection: Awaited<ReturnType<typeof connect>>,
  messages: number,
): Promise<void> {
  const publisher = connection.publisher("standby");
  const bodies = Array.from({ length: BATCH }, () => new Uint8Array(100));
  let left = messages;
  await Promise.all(Array.from({ length: BATCHES }, async () => {
    while (left > 0) {
      const count = Math.min(left, BATCH);
      left -= count;
      await publisher.sendMessages(bodies.slice(0, count));
    }
  }));
}

/** Asks the active broker how far it is, then the standby until it is as far. */
async function watchLag(active: Cursor, standby: Cursor, signal: AbortSignal): Promise<number[]> {
  const lags: number[] = [];
  while (!signal.aborted) {
    const wanted = await readSequence(active);
    const begun = performance.now();
    while (await readSequence(standby) < wanted) {
      // The next answer may have it.
    }
    lags.push(performance.now() - begun);
    await delay(LOOK_MS);
  }
  return lags;
}

/** The last record that the broker has applied which is asked. */
async function readSequence(cursor: Cursor): Promise<number> {
  const { id, brokers } = await cursor.getCluster();
  return brokers.find((broker) => broker.id === id)!.sequence;
}

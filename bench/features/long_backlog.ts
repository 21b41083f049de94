/**
 * Measures what operations cost while few and while very many messages wait: none may take longer the more
 * there are. The messages have keys, lanes and priorities, and every option that looks at them is set.
 *
 * ```text
 * deno run -A bench/features/long_backlog.ts [--messages 1000000] [--rounds 20]
 * ```
 *
 * @module
 */

import type { Connection, Cursor, Publisher } from "@simplemq/simplemq";
import { BrokerProcess } from "../harness/broker_process.ts";
import { runMain } from "../harness/frame/main.ts";
import { readScale } from "../harness/frame/scale.ts";
import { print } from "../harness/print.ts";
import { summarise } from "../harness/statistics.ts";
import { formatTable } from "../harness/table.ts";

const FEW = 1000;
const BATCH = 2000;
const BODY = new Uint8Array(100);

/** What an operation may use. */
interface Bench {
  readonly connection: Connection;
  readonly cursor: Cursor;
  readonly publisher: Publisher;
  readonly stream: string;
  /** Counts from 0 with each call. */
  readonly turn: number;
}

/** Something that is done to a stream; its time is measured. */
interface Step {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<unknown>;
}

const STEPS: readonly Step[] = [
  { name: "sendMessage", run: ({ publisher }) => publisher.sendMessage(BODY, { lane: "lane-1" }) },
  {
    name: "sendMessage, coalesced",
    run: ({ publisher }) =>
      publisher.sendMessage(BODY, { coalesce: { id: "doc", quietMs: 3_600_000 } }),
  },
  { name: "take one message, ack", run: takeOne },
  {
    name: "cancel a waiting message",
    run: ({ cursor, stream, turn }) => cursor.cancel(stream, FEW / 2 + turn),
  },
  {
    name: "cancelAll of a lane, at most 5",
    run: ({ cursor, stream, turn }) =>
      cursor.cancelAll(stream, { lane: `lane-${turn + 100}`, limit: 5 }),
  },
  {
    name: "setLane",
    run: ({ cursor, stream, turn }) =>
      cursor.setLane(stream, "lane-5", { weight: 2 + turn, maxPending: 5 }),
  },
  {
    name: "getLanes, 50 by waiting",
    run: ({ cursor, stream }) => cursor.getLanes(stream, { limit: 50, by: "waiting" }),
  },
  {
    name: "updateStream: limits, aging",
    run: ({ cursor, stream, turn }) =>
      cursor.updateStream(stream, { maxPending: 100 + turn, priorityAgingMs: 60_000 + turn }),
  },
  {
    name: "putSchedule, now",
    run: ({ cursor, stream, turn }) =>
      cursor.putSchedule(`s-${turn}`, { stream, body: turn, everyMs: 86_400_000, now: true }),
  },
  { name: "explain", run: ({ cursor, stream }) => cursor.explain(stream) },
  { name: "getStream", run: ({ cursor, stream }) => cursor.getStream(stream) },
  {
    name: "peek, 100",
    run: ({ cursor, stream, turn }) => cursor.peek(stream, { from: FEW / 2 + turn, limit: 100 }),
  },
];

/** Takes a message and acknowledges it; leaving the loop gives back what was fetched with it. */
async function takeOne({ connection, stream }: Bench): Promise<void> {
  await using follower = connection.follower(stream);
  for await (const message of follower.getMessages()) {
    await message.ack({ confirm: true });
    return;
  }
}

/** Fills a stream with messages of 1,000 lanes, 100 keys and all priorities. */
async function fill(publisher: Publisher, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += BATCH) {
    const bodies = new Array<Uint8Array>(Math.min(BATCH, count - sent)).fill(BODY);
    publisher.sendMessages(bodies, {
      lane: (_, index) => `lane-${(sent + index) % 1000}`,
      key: (_, index) => `key-${(sent + index) % 100}`,
      priority: (_, index) => (sent + index) % 10,
    });
  }
  await publisher.flush();
}

/** The median time of each step, in milliseconds. */
async function measure(connection: Connection, count: number, rounds: number): Promise<number[]> {
  const stream = `backlog-${count}`;
  const cursor = connection.cursor();
  await cursor.createStream(stream, {
    laneLimits: { maxPending: 10 },
    breaker: { failures: 100 },
    maxPending: 100,
    priorityAgingMs: 60_000,
  });
  const publisher = connection.publisher(stream);
  await fill(publisher, count);
  const medians: number[] = [];
  for (const { run } of STEPS) {
    const times: number[] = [];
    for (let turn = 0; turn < rounds; turn++) {
      const start = performance.now();
      await run({ connection, cursor, publisher, stream, turn });
      times.push(performance.now() - start);
    }
    medians.push(summarise(times).median);
  }
  return medians;
}

if (import.meta.main) {
  await runMain(async () => {
    const { messages } = readScale(Deno.args);
    const rounds = 20;
    await using broker = await BrokerProcess.start("journal");
    await using connection = await broker.connect();
    const few = await measure(connection, FEW, rounds);
    const many = await measure(connection, messages, rounds);
    const rows = STEPS.map(({ name }, index) => [
      name,
      few[index]!.toFixed(2),
      many[index]!.toFixed(2),
      (many[index]! / few[index]!).toFixed(2),
    ]);
    print(`\nMedians of ${rounds} calls, in milliseconds, engine journal, 100 bytes:\n`);
    print(formatTable({ head: ["operation", `${FEW} wait`, `${messages} wait`, "times"], rows }));
  });
}

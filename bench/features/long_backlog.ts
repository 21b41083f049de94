/**
 * Measures what operations cost while few and while very many messages wait: none may take longer the more
 * there are. The messages have keys, lanes and priorities, and every option that looks at them is set; or
 * they are delayed.
 *
 * ```text
 * deno run -A bench/features/long_backlog.ts [--messages 1000000]
 * ```
 *
 * @module
 */

import type {
  Connection,
  Cursor,
  Message,
  Publisher,
  StreamOptionsInput,
} from "@simplemq/simplemq";
import { BrokerProcess } from "../harness/broker_process.ts";
import { runMain } from "../harness/frame/main.ts";
import { readScale } from "../harness/frame/scale.ts";
import { print } from "../harness/print.ts";
import { summarise } from "../harness/statistics.ts";
import { formatTable } from "../harness/table.ts";

const FEW = 1000;
const ROUNDS = 20;
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

/** With messages of lanes and keys that are ready. */
const STEPS: readonly Step[] = [
  {
    name: "sendMessage, lane",
    run: ({ publisher }) => publisher.sendMessage(BODY, { lane: "lane-1" }),
  },
  {
    name: "sendMessage, key",
    run: ({ publisher }) => publisher.sendMessage(BODY, { key: "key-1" }),
  },
  {
    name: "sendMessage, coalesced",
    run: ({ publisher }) =>
      publisher.sendMessage(BODY, { coalesce: { id: "doc", quietMs: 3_600_000 } }),
  },
  {
    name: "sendMessage, delayed",
    run: ({ publisher, turn }) => publisher.sendMessage(BODY, { delayMs: 3_600_000 + turn }),
  },
  { name: "take one message, ack", run: (bench) => takeOne(bench, (one) => one.ack(WAITS)) },
  {
    name: "take one message, nack",
    run: (bench) => takeOne(bench, (one) => one.nack({ ...WAITS, delayMs: 3_600_000 })),
  },
  {
    name: "take one message, postpone",
    run: (bench) => takeOne(bench, (one) => one.postpone(3_600_000, WAITS)),
  },
  { name: "a message expires", run: expireOne },
  ...listLooks(),
  {
    name: "cancelAll of a lane, at most 5",
    run: ({ cursor, stream, turn }) =>
      cursor.cancelAll(stream, { lane: `lane-${turn + 100}`, limit: 5 }),
  },
  {
    name: "cancelAll of a key, at most 5",
    run: ({ cursor, stream, turn }) =>
      cursor.cancelAll(stream, { key: `key-${turn + 10}`, limit: 5 }),
  },
  {
    name: "cancelAll of a dedup id",
    run: async ({ cursor, publisher, stream, turn }) => {
      await publisher.sendMessage(BODY, { dedupId: `once-${turn}` });
      await cursor.cancelAll(stream, { dedupId: `id-${turn}`, limit: 1 });
    },
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
      cursor.putSchedule(`s-${turn}-${stream}`, {
        stream,
        body: turn,
        everyMs: 86_400_000,
        now: true,
      }),
  },
  { name: "getSchedules", run: ({ cursor }) => cursor.getSchedules() },
  { name: "a breaker opens and closes", run: openBreaker },
];

/** With messages that wait for different moments. */
const DELAYED_STEPS: readonly Step[] = [
  {
    name: "sendMessage, delayed",
    run: ({ publisher, turn }) => publisher.sendMessage(BODY, { delayMs: 3_600_000 + turn }),
  },
  ...listLooks(),
];

const WAITS = { confirm: true } as const;

/** Operations that look for messages by id, and those that tell of a stream. */
function listLooks(): Step[] {
  return [
    {
      name: "cancel a waiting message",
      run: ({ cursor, stream, turn }) => cursor.cancel(stream, FEW / 2 + turn),
    },
    {
      name: "peek, 100",
      run: ({ cursor, stream, turn }) => cursor.peek(stream, { from: FEW / 2 + turn, limit: 100 }),
    },
    { name: "explain", run: ({ cursor, stream }) => cursor.explain(stream) },
    { name: "getStream", run: ({ cursor, stream }) => cursor.getStream(stream) },
  ];
}

/** Takes a message and ends it; leaving the loop gives back what was fetched with it. */
async function takeOne(
  { connection, stream }: Bench,
  end: (message: Message) => Promise<void>,
): Promise<void> {
  await using follower = connection.follower(stream);
  for await (const message of follower.getMessages()) return await end(message);
}

/** Has a message expire behind all others. */
async function expireOne({ cursor, publisher, stream }: Bench): Promise<void> {
  const countExpired = async () => (await cursor.getStream(stream)).totals.expired;
  const before = await countExpired();
  await publisher.sendMessage(BODY, { ttlMs: 1 });
  while (await countExpired() === before);
}

/** One failure opens the breaker of the stream, and an operator closes it. */
async function openBreaker(bench: Bench): Promise<void> {
  const { cursor, stream, turn } = bench;
  if (turn === 0) await cursor.updateStream(stream, { breaker: { failures: 1, share: 0.01 } });
  await takeOne(bench, (one) => one.nack({ ...WAITS, fault: "downstream", delayMs: 3_600_000 }));
  await cursor.resumeStream(stream);
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

/** Fills a stream with messages that wait for moments in no order. */
async function fillDelayed(publisher: Publisher, count: number): Promise<void> {
  for (let sent = 1; sent <= count; sent++) {
    publisher.sendMessage(BODY, { delayMs: 3_600_000 + sent * 7919 % count });
    if (sent % BATCH === 0) await publisher.flush();
  }
  await publisher.flush();
}

/** A stream that is filled in some way, and what is done to it. */
interface Case {
  readonly name: string;
  readonly options: StreamOptionsInput;
  readonly fill: (publisher: Publisher, count: number) => Promise<void>;
  readonly steps: readonly Step[];
}

const CASES: readonly Case[] = [
  {
    name: "ready",
    options: {
      laneLimits: { maxPending: 10 },
      breaker: { failures: 100 },
      maxPending: 100,
      priorityAgingMs: 60_000,
    },
    fill,
    steps: STEPS,
  },
  { name: "delayed", options: {}, fill: fillDelayed, steps: DELAYED_STEPS },
];

/** The times of a step, in milliseconds. */
interface Times {
  /** Of the first call: what is made when it is needed is made then. */
  readonly first: number;
  readonly median: number;
}

/** Measures each step on streams with so many messages, by turns, so that other work slows down all of them. */
async function measure(
  connection: Connection,
  { name, options, fill, steps }: Case,
  counts: readonly number[],
): Promise<Times[][]> {
  const cursor = connection.cursor();
  const benches: Omit<Bench, "turn">[] = [];
  for (const count of counts) {
    const stream = `${name}-${count}`;
    await cursor.createStream(stream, options);
    const publisher = connection.publisher(stream);
    await fill(publisher, count);
    benches.push({ connection, cursor, publisher, stream });
  }
  const measured: Times[][] = [];
  for (const { run } of steps) {
    const times = counts.map((): number[] => []);
    for (let turn = 0; turn < ROUNDS; turn++) {
      for (const [index, bench] of benches.entries()) {
        const start = performance.now();
        await run({ ...bench, turn });
        times[index]!.push(performance.now() - start);
      }
    }
    measured.push(times.map((all) => ({ first: all[0]!, median: summarise(all).median })));
  }
  return measured;
}

if (import.meta.main) {
  await runMain(async () => {
    const { messages } = readScale(Deno.args);
    await using broker = await BrokerProcess.start("journal");
    await using connection = await broker.connect();
    const rows: string[][] = [];
    for (const one of CASES) {
      const measured = await measure(connection, one, [FEW, messages]);
      one.steps.forEach(({ name }, index) => {
        const [less, more] = measured[index] as [Times, Times];
        const times = [less.median, more.median, less.first, more.first].map((ms) => ms.toFixed(2));
        rows.push([one.name, name, ...times, (more.median / less.median).toFixed(2)]);
      });
    }
    const waits = [FEW, messages].map((count) => `${count} wait`);
    const head = [
      "messages",
      "operation",
      ...waits,
      ...waits.map((one) => `first, ${one}`),
      "times",
    ];
    print(`\nMedians of ${ROUNDS} calls, in milliseconds, engine journal, 100 bytes:\n`);
    print(formatTable({ head, rows }));
  });
}

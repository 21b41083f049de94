import type { Connection } from "../../../../client.ts";
import { ExitCode } from "../../process/exit_code.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { CONNECTION_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { type Column, printValue } from "../output/result_output.ts";

const NAME = "bench";

/** What is measured. */
interface BenchResult {
  readonly bodyBytes: number;
  /** Messages that were published and confirmed a second, in batches. */
  readonly publishedPerSecond: number;
  /** Messages that a follower got and acknowledged a second, at the same time. */
  readonly deliveredPerSecond: number;
  /** How long the confirm of a message alone takes, in milliseconds. */
  readonly confirmMs: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly durability: string;
}

const FIELDS: readonly Column<BenchResult>[] = [
  { title: "body", kind: "bytes", read: ({ bodyBytes }) => bodyBytes },
  { title: "durability", read: ({ durability }) => durability },
  { title: "published", read: (one) => `${one.publishedPerSecond} messages a second` },
  { title: "delivered", read: (one) => `${one.deliveredPerSecond} messages a second` },
  {
    title: "confirm",
    read: ({ confirmMs: { p50, p99, max } }) =>
      `${p50} ms median, ${p99} ms p99, ${max} ms at most`,
  },
];

const BATCH = 256;

const TIME_MS_MAX = 600_000;

/** `bench`: measures a running broker, on a stream of its own. */
export const bench: CommandBody = {
  examples: ["bench", "bench --time 10s --size 4096 --json"],
  flags: [
    { name: "time", value: "<span>", about: "How long each of two parts takes; 2s by default" },
    { name: "size", value: "<size>", about: "The bytes of a body; 100 by default" },
    { name: "json", about: "Prints one JSON value, for programs" },
    ...CONNECTION_FLAGS,
  ],
  words: [0, 0],
  details:
    "First batches are published and followed at once, then single messages, each of which\n" +
    "waits for its confirm. Stream and messages are removed at the end. One process is client of\n" +
    "both sides: what it shows is a floor, and the broker serves others more slowly meanwhile.",
  async run(args, context) {
    const reader = new FlagReader(args, NAME);
    const ms = reader.readSpan("time") ?? 2000;
    if (ms < 10 || ms > TIME_MS_MAX) reader.refuse("--time: allowed 10ms to 10m");
    const size = reader.readSize("size") ?? 100;
    reader.check();
    const stream = `bench-${crypto.randomUUID().slice(0, 8)}`;
    return await withBroker({ command: NAME, isEndless: true }, args, context, async (broker) => {
      const { connection, cursor, signal } = broker;
      await cursor.createStream(stream, { deadLetter: false }, { signal });
      try {
        const run = { connection, stream, body: "x".repeat(size), ms, signal };
        context.showStatus("measuring throughput");
        const rates = await measureThroughput(run);
        context.showStatus("measuring confirms");
        const confirmMs = await measureConfirms(run);
        context.showStatus("");
        const { durability } = connection.broker;
        printValue({ bodyBytes: size, durability, ...rates, confirmMs }, FIELDS, args, context);
        return ExitCode.stopped;
      } finally {
        context.showStatus("");
        await cursor.deleteStream(stream);
      }
    });
  },
};

interface Run {
  readonly connection: Connection;
  readonly stream: string;
  readonly body: string;
  readonly ms: number;
  readonly signal: AbortSignal;
}

async function measureThroughput(
  { connection, stream, body, ms, signal }: Run,
): Promise<Pick<BenchResult, "publishedPerSecond" | "deliveredPerSecond">> {
  const publisher = connection.publisher(stream);
  const follower = connection.follower(stream);
  let delivered = 0;
  const following = (async () => {
    for await (const message of follower.getMessages()) {
      message.ack();
      delivered++;
    }
  })();
  const bodies = Array<string>(BATCH).fill(body);
  const start = performance.now();
  let published = 0;
  // Two calls at a time, so that the broker never waits for the client.
  const send = async () => {
    while (performance.now() - start < ms) {
      await publisher.sendMessages(bodies, { signal });
      published += BATCH;
    }
  };
  await Promise.all([send(), send()]);
  const took = (performance.now() - start) / 1000;
  const rates = {
    publishedPerSecond: Math.round(published / took),
    deliveredPerSecond: Math.round(delivered / took),
  };
  await follower.close({ drainMs: 1000 });
  await following;
  await publisher.close();
  return rates;
}

async function measureConfirms(
  { connection, stream, body, ms, signal }: Run,
): Promise<BenchResult["confirmMs"]> {
  await using publisher = connection.publisher(stream);
  const times: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end;) {
    const start = performance.now();
    await publisher.sendMessage(body, { signal });
    times.push(performance.now() - start);
  }
  times.sort((one, other) => one - other);
  const at = (share: number) =>
    Number((times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0).toFixed(2));
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

import type { Connection, Publisher } from "@simplemq/simplemq";
import { BrokerProcess } from "../harness/broker_process.ts";
import { runRounds } from "../harness/frame/main.ts";
import { writeNumber } from "../harness/numbered_body.ts";
import { findQuantile } from "../harness/statistics.ts";
import { formatColumns } from "../harness/table.ts";
import { alternate } from "./comparison.ts";
import type { DoorName, Gate, NamedDoor } from "./gate.ts";
import type { TlsScale } from "./scale.ts";

/** The stream that requests go to. */
const STREAM = "bench-requests";

/** The bodies of requests, and of their replies. */
const BODIES = [{ name: "9 B", bytes: 9 }, { name: "64 KiB", bytes: 65_536 }];

const DOORS: readonly DoorName[] = ["plain", "TLS"];

/** So many requests on open connections come with one on a new connection. */
const REQUESTS_PER_CONNECTION = 20;

/** A broker whose requests are answered. */
interface Site {
  readonly door: NamedDoor;
  readonly broker: BrokerProcess;
  /** The connection of most requests. */
  readonly requesting: Connection;
}

/** Milliseconds of one kind of requests at one door, of all rounds. */
interface Times {
  /** From connecting to the reply of the first request. */
  readonly first: number[];
  /** From a request to its reply, over a connection that is in use. */
  readonly next: number[];
}

/** Measures requests at each door, in turn; returns the report. */
export async function measureRequests(gate: Gate, scale: TlsScale): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const sites: Site[] = [];
  for (const door of gate.find(...DOORS)) sites.push(await openSite(door, stack));
  const order = alternate(sites);
  const rounds = await runRounds("requests", scale.rounds, async () => {
    const round = order();
    const found: Record<string, Times>[] = [];
    for (const { bytes } of BODIES) {
      const times: Record<string, Times> = {};
      for (const { door, broker, requesting } of round) {
        const measuring = measureTimes({ broker, requesting }, bytes, scale.requests);
        times[door.name] = await broker.during(measuring);
      }
      found.push(times);
    }
    return found;
  }, scale.isWarmedUp);
  return format(rounds);
}

/** Starts a broker, and answers its requests until the stack is disposed of. */
async function openSite(door: NamedDoor, stack: AsyncDisposableStack): Promise<Site> {
  const broker = stack.use(await BrokerProcess.start("memory", undefined, {}, door));
  const requesting = stack.use(await broker.connect());
  const answering = stack.use(await broker.connect());
  await requesting.cursor().createStream(STREAM);
  void answerAll(answering);
  return { door, broker, requesting };
}

/** Sends each request back. */
async function answerAll(connection: Connection): Promise<void> {
  for await (const message of connection.follower(STREAM).getMessages()) {
    message.reply(message.bytes);
    message.ack();
  }
}

/** Makes requests one after the other, some of them over new connections. */
async function measureTimes(
  { broker, requesting }: Pick<Site, "broker" | "requesting">,
  bytes: number,
  count: number,
): Promise<Times> {
  const times: Times = { first: [], next: [] };
  await using publisher = requesting.publisher(STREAM);
  const body = new Uint8Array(bytes);
  for (let number = 0; number < count; number++) {
    writeNumber(body, number);
    times.next.push(await timeReply(publisher, body));
    if (number % REQUESTS_PER_CONNECTION !== 0) continue;
    const begin = performance.now();
    await using connection = await broker.connect();
    await timeReply(connection.publisher(STREAM), body);
    times.first.push(performance.now() - begin);
  }
  return times;
}

/**
 * Makes a request; resolves to how long its reply took, in milliseconds.
 *
 * @throws {Error} If the reply is another one's.
 */
async function timeReply(publisher: Publisher, body: Uint8Array): Promise<number> {
  const begin = performance.now();
  const { bytes } = await publisher.request(body);
  const ms = performance.now() - begin;
  if (bytes.length === body.length && bytes.every((byte, at) => byte === body[at])) return ms;
  throw new Error(`A request of ${body.length} bytes got the reply of another one`);
}

function format(rounds: readonly Record<string, Times>[][]): string {
  const rows = BODIES.flatMap(({ name }, index) =>
    (["first", "next"] as const).map((kind) => {
      const find = (door: DoorName, part: number) =>
        findQuantile(rounds.flatMap((found) => found[index]![door]![kind]), part);
      const what = kind === "first" ? "connect and first request" : "request and reply";
      return { name: `${what}, ${name}`, find };
    })
  );
  return formatColumns(rows, [
    ["milliseconds", ({ name }) => name],
    ["plain, p50", ({ find }) => find("plain", 0.5), 3],
    ["p99", ({ find }) => find("plain", 0.99), 3],
    ["TLS, p50", ({ find }) => find("TLS", 0.5), 3],
    ["p99", ({ find }) => find("TLS", 0.99), 3],
    ["p50, TLS / plain", ({ find }) => find("TLS", 0.5) / find("plain", 0.5), 2],
  ]);
}

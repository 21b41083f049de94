import type { Connection, Publisher, SendOptions } from "@simplemq/simplemq";
import { serve } from "@simplemq/simplemq/server";

/** Opens another connection. */
type Connect = () => Promise<Connection>;

/** A kind of journal that a broker starts with. */
export interface JournalKind {
  readonly name: string;
  /** How many bytes its journal has at full scale; about. */
  readonly bytes: number;
  /** How many bytes a message takes in the journal, about. */
  readonly messageBytes: number;
  readonly fill: (connection: Connection, count: number, connect: Connect) => Promise<void>;
}

/** So many publishers await each message, so that many are under way and each is a batch of its own. */
const PUBLISHERS = 256;

/** As many bodies are sent in a call otherwise. */
const CALL = 64;

/** The streams of the kind that has many, and how many of them are created at once. */
const STREAMS = 100_000;
const CREATED_AT_ONCE = 256;

/** The most publishers of a connection. */
const PUBLISHERS_MAX = 10_000;

/** The keys of the kind that has many. */
const KEYS = 100_000;

/** The lanes of the kind that has many. */
const LANES = 1000;

/** The delays are longer than any bench: an hour and more. */
const DELAY_MS = 3_600_000;

const GB = 1e9;

/** The kinds, by what is in the journal. */
export const KINDS: readonly JournalKind[] = [
  { name: "100 B, each alone", bytes: 0.2 * GB, messageBytes: 200, fill: fillAlone },
  { name: "1 KiB", bytes: 10 * GB, messageBytes: 1036, fill: (to, count) => fill(to, count, 1024) },
  {
    name: "64 KiB",
    bytes: 10 * GB,
    messageBytes: 65_560,
    fill: (to, count) => fill(to, count, 65_536),
  },
  { name: "1 KiB, 7 of 10 acknowledged", bytes: 10 * GB, messageBytes: 1100, fill: fillPartly },
  { name: "1 KiB, 100,000 streams", bytes: 10 * GB, messageBytes: 1050, fill: fillStreams },
  kindOf("100,000 keys", (n) => ({ key: `key-${n * 7919 % KEYS}` })),
  kindOf("each delayed otherwise", (n) => ({ delayMs: timeOf(n) })),
  kindOf("each expires otherwise", (n) => ({ ttlMs: timeOf(n) })),
  kindOf("by turns of ten priorities", (n) => ({ priority: n % 10 })),
  kindOf("by turns in 1,000 lanes", (n) => ({ lane: `lane-${n % LANES}` })),
  kindOf("each with a dedup id", (n) => ({ dedupId: `message-${n}` })),
  kindOf("each with a coalesce id", (n) => ({ coalesce: { id: `id-${n}`, quietMs: timeOf(n) } })),
  { name: "1 KiB, each failed once", bytes: 10 * GB, messageBytes: 1110, fill: fillFailed },
];

/** A kind whose messages have options of their own. */
function kindOf(name: string, optionsOf: (number: number) => SendOptions): JournalKind {
  return {
    name: `1 KiB, ${name}`,
    bytes: 10 * GB,
    messageBytes: 1050,
    fill: (to, count) => fill(to, count, 1024, optionsOf),
  };
}

/** A time that only this message has, or few others; its neighbours wait for quite other ones. */
function timeOf(number: number): number {
  return DELAY_MS + number * 7919 % 1e7;
}

/** Writes a journal of a kind to a directory, by a broker; resolves to the number of messages in it. */
export async function buildJournal(
  { fill, messageBytes }: JournalKind,
  { directory, bytes }: { readonly directory: string; readonly bytes: number },
): Promise<number> {
  const storage = { engine: "journal", directory, sync: "never" } as const;
  await using broker = await serve({ port: 0, http: { enabled: false }, storage });
  await using connection = await broker.connect();
  await fill(connection, Math.max(1, Math.round(bytes / messageBytes)), () => broker.connect());
  await using asking = await broker.connect();
  const streams = await asking.cursor().getStreams();
  return streams.reduce((sum, { ready, delayed }) => sum + ready + delayed, 0);
}

/** Fills a stream with messages, each published alone. */
async function fillAlone(connection: Connection, count: number): Promise<void> {
  await connection.cursor().createStream("alone");
  const body = new Uint8Array(100).fill(7);
  let left = count;
  const publish = async () => {
    await using publisher = connection.publisher("alone");
    while (left-- > 0) await publisher.sendMessage(body);
  };
  await Promise.all(Array.from({ length: PUBLISHERS }, publish));
}

/** Fills a stream in calls with many messages, or with one for each if each has options of its own. */
async function fill(
  connection: Connection,
  count: number,
  bytes: number,
  optionsOf?: (number: number) => SendOptions,
): Promise<void> {
  await connection.cursor().createStream("full");
  await using publisher = connection.publisher("full");
  const bodies = new Array<Uint8Array>(bytes > 4096 ? 1 : CALL).fill(new Uint8Array(bytes).fill(7));
  for (let number = 0; number < count; number += bodies.length) {
    if (optionsOf === undefined) void publisher.sendMessages(bodies);
    else {for (const [i, body] of bodies.entries()) {
        void publisher.sendMessage(body, optionsOf(number + i));
      }}
    if (number % (bodies.length * 64) === 0) await publisher.flush();
  }
  await publisher.flush();
}

/** Fills a stream that stays, and between its messages another one, whose messages are acknowledged. */
async function fillPartly(connection: Connection, count: number): Promise<void> {
  const cursor = connection.cursor();
  await cursor.createStream("done");
  await cursor.createStream("full");
  await using done = connection.publisher("done");
  await using full = connection.publisher("full");
  const body = new Uint8Array(1024).fill(7);
  let left = Math.ceil(count / 10) * 7;
  const follower = connection.follower("done");
  const following = follow();
  for (let number = 0; number < count; number += 10) {
    void done.sendMessages(new Array(7).fill(body));
    void full.sendMessages(new Array(3).fill(body));
    if (number % 4000 === 0) await Promise.all([done.flush(), full.flush()]);
  }
  await Promise.all([done.flush(), full.flush()]);
  await following;

  async function follow(): Promise<void> {
    for await (const message of follower.getMessages()) {
      await message.ack();
      if (--left === 0) break;
    }
    await follower.close();
  }
}

/** Fills a stream, and has each message fail for a reason of some; they wait for their next attempts. */
async function fillFailed(connection: Connection, count: number): Promise<void> {
  await fill(connection, count, 1024);
  const follower = connection.follower("full");
  let left = Math.ceil(count / CALL) * CALL;
  for await (const message of follower.getMessages()) {
    await message.nack({ delayMs: timeOf(left), reason: `reason ${left % 100}` });
    if (--left === 0) break;
  }
  await follower.close();
}

/** Fills many streams, in turn, with a few messages each time. */
async function fillStreams(first: Connection, count: number, connect: Connect): Promise<void> {
  const cursor = first.cursor();
  const connections: Connection[] = [first];
  const publishers: Publisher[] = [];
  for (let number = 0; number < Math.min(STREAMS, count); number++) {
    const created = cursor.createStream(`stream-${number}`);
    if (number % CREATED_AT_ONCE === 0) await created;
    if (number % PUBLISHERS_MAX === PUBLISHERS_MAX - 1) connections.push(await connect());
    publishers.push(connections.at(-1)!.publisher(`stream-${number}`));
  }
  const bodies = new Array<Uint8Array>(8).fill(new Uint8Array(1024).fill(7));
  for (let number = 0; number < count; number += bodies.length) {
    const publisher = publishers[number / bodies.length % publishers.length]!;
    const sent = publisher.sendMessages(bodies);
    if (number % 4096 === 0) await sent;
  }
  for (const connection of connections) await connection.close();
}

/**
 * Messages of one key at clients that fetch several of them: one at a time, in order, over all followers.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  type Batch,
  connect,
  type Connection,
  type Follower,
  type Message,
} from "@simplemq/simplemq";
import { startBroker, turn, until } from "../../support/broker/broker.ts";
import { chooseLength } from "../../support/length.ts";
import { Random } from "../../support/random.ts";
import { Proxy } from "../../support/wire/proxy.ts";

/** How many random stories are told; `KEY_SEED` repeats one. */
const STORIES = Number(Deno.env.get("KEY_STORIES") ?? chooseLength({ short: 2, long: 60 }));
const SEED = Number(Deno.env.get("KEY_SEED") ?? Math.floor(Math.random() * 2 ** 32));

interface Body {
  readonly key: string | undefined;
  readonly number: number;
}

/** What is known of the messages of a key: which are done, and which handlers have. */
class KeyRecord {
  /** The numbers that are done. */
  readonly done = new Set<number>();
  inHand: readonly Message<Body>[] = [];
}

/** Notes what handlers get, and complains of what they must not get. */
class Witness {
  readonly keys = new Map<string, KeyRecord>();
  readonly #about: string;
  readonly #sent: readonly Body[];
  /** Whether connections were cut: acknowledgements may have been lost with them. */
  hasCut = false;
  failure: Error | undefined;
  doneCount = 0;
  readonly #done = new Set<number>();

  constructor(about: string, sent: readonly Body[]) {
    this.#about = about;
    this.#sent = sent;
  }

  /** A handler gets messages: those of a key that come together are in order. */
  take(messages: readonly Message<Body>[]): void {
    const before = new Map([...this.keys].map(([key, { inHand }]) => [key, [...inHand]]));
    for (const message of messages) {
      const { body: { key, number } } = message;
      if (key === undefined) continue;
      const record = this.#recordOf(key);
      for (const other of before.get(key) ?? []) {
        if (other.signal.aborted) continue;
        this.#complain(`${key} ${number} came while ${other.body.number} was in hand`);
      }
      const together = new Set(record.inHand.map(({ body }) => body.number));
      for (const earlier of this.#sent) {
        if (earlier.number >= number) break;
        const isThere = record.done.has(earlier.number) || together.has(earlier.number);
        if (earlier.key !== key || isThere) continue;
        this.#complain(`${key} ${number} came before ${earlier.number} was done`);
      }
      if (record.done.has(number) && !this.hasCut) this.#complain(`${key} ${number} came again`);
      record.inHand = [...record.inHand.filter(({ signal }) => !signal.aborted), message];
    }
  }

  /** A handler has ended a message; `isDone` if it does not come again. */
  end({ body: { key, number } }: Message<Body>, isDone: boolean): void {
    if (isDone) this.#done.add(number);
    this.doneCount = this.#done.size;
    if (key === undefined) return;
    const record = this.#recordOf(key);
    record.inHand = record.inHand.filter(({ body }) => body.number !== number);
    if (isDone) record.done.add(number);
  }

  #recordOf(key: string): KeyRecord {
    const record = this.keys.get(key) ?? new KeyRecord();
    this.keys.set(key, record);
    return record;
  }

  #complain(what: string): void {
    this.failure ??= new Error(`${this.#about}: ${what}`);
  }
}

/** Does something with a message, after some turns. */
async function work(
  message: Message<Body>,
  witness: Witness,
  random: Random,
): Promise<"next" | "leave"> {
  witness.take([message]);
  for (let turns = random.below(4); turns > 0; turns--) await turn();
  const confirm = random.chance(0.1);
  const { aborted } = message.signal;
  const what = random.below(20);
  if (what < 14) {
    if (!aborted) witness.end(message, true);
    await message.ack({ confirm }).catch(() => {});
    return "next";
  }
  witness.end(message, what === 14 && !aborted);
  if (what === 14) await message.reject("no", { confirm }).catch(() => {});
  else if (what === 15) await message.nack({ delayMs: 0, confirm }).catch(() => {});
  else if (what === 16) await message.nack({ delayMs: 3 }).catch(() => {});
  else if (what === 17) await message.release({ confirm }).catch(() => {});
  else if (what === 18) await message.postpone(2).catch(() => {});
  else return "leave";
  return "next";
}

async function runLoop(follower: Follower<Body>, witness: Witness, random: Random): Promise<void> {
  for (let isOpen = true; isOpen;) {
    isOpen = false;
    for await (const message of follower.getMessages()) {
      isOpen = true;
      if (await work(message, witness, random) === "leave") break;
    }
  }
}

/** Does something with a batch, after some turns: some of it is settled one by one. */
async function workBatch(
  batch: Batch<Body>,
  witness: Witness,
  random: Random,
): Promise<"next" | "leave"> {
  const { messages } = batch;
  witness.take(messages);
  for (let turns = random.below(4); turns > 0; turns--) await turn();
  const settled = new Set<Message<Body>>();
  for (const message of messages) {
    if (!random.chance(0.1)) continue;
    settled.add(message);
    const isNacked = random.chance(0.5);
    witness.end(message, !isNacked && !message.signal.aborted);
    await (isNacked ? message.nack({ delayMs: 0 }) : message.ack()).catch(() => {});
  }
  const rest = messages.filter((message) => !settled.has(message));
  const what = random.below(10);
  for (const message of rest) witness.end(message, what < 7 && !message.signal.aborted);
  if (what < 7) await batch.ack().catch(() => {});
  else if (what === 7) await batch.nack({ delayMs: 0 }).catch(() => {});
  else if (what === 8) await batch.release().catch(() => {});
  else return "leave";
  return "next";
}

async function runBatches(follower: Follower<Body>, witness: Witness, random: Random) {
  const by = random.chance(0.7) ? "key" : null;
  const size = 1 + random.below(20);
  for (let isOpen = true; isOpen;) {
    isOpen = false;
    for await (const batch of follower.getBatches({ by, size })) {
      isOpen = true;
      if (await workBatch(batch, witness, random) === "leave") break;
    }
  }
}

function runHandlers(follower: Follower<Body>, witness: Witness, random: Random): void {
  follower.handle(async (message) => {
    if (await work(message, witness, random) === "leave") {
      throw new Error("thrown");
    }
  }, { concurrency: 1 + random.below(8) }).closed.catch(() => {});
}

async function tell(seed: number): Promise<void> {
  const random = new Random(seed);
  const about = `seed ${seed}`;
  await using broker = await startBroker();
  await using proxy = new Proxy(broker.port);
  await using publishing = await broker.connect();
  const stream = "orders";
  const options = { maxDeliveries: 10_000, backoffMs: [random.below(3)] };
  await publishing.cursor().createStream(stream, options);
  const count = 400;
  const keyCount = 1 + random.below(6);
  const sent = Array.from({ length: count }, (_, number): Body => {
    return { key: random.chance(0.15) ? undefined : `k${random.below(keyCount)}`, number };
  });
  const witness = new Witness(about, sent);
  const connections: Connection[] = [];
  const open = async () => {
    const isCut = random.chance(0.4);
    const connection = await connect({
      hostname: "127.0.0.1",
      port: isCut ? proxy.port : broker.port,
      drainMs: 0,
    });
    connections.push(connection);
    const prefetch = random.chance(0.5) ? "auto" : 1 + random.below(40);
    const follower = connection.follower<Body>(stream, { prefetch });
    if (random.chance(0.4)) runHandlers(follower, witness, random);
    else if (random.chance(0.5)) void runBatches(follower, witness, random).catch(() => {});
    else {
      for (let loops = 1 + random.below(3); loops > 0; loops--) {
        void runLoop(follower, witness, random).catch(() => {});
      }
    }
  };
  for (let followers = 1 + random.below(3); followers > 0; followers--) await open();
  const publisher = publishing.publisher<Body>(stream);
  for (let at = 0; at < count;) {
    const part = sent.slice(at, at + 1 + random.below(60));
    at += part.length;
    for (const body of part) {
      void publisher.sendMessage(body, body.key === undefined ? {} : { key: body.key });
    }
    await publisher.flush();
  }
  let cuts = 4;
  await until("all is done", async () => {
    if (witness.failure !== undefined) throw witness.failure;
    if (cuts > 0 && random.chance(0.05)) {
      cuts--;
      witness.hasCut = true;
      if (random.chance(0.5)) proxy.cut();
      else {
        const [first] = connections.splice(0, 1);
        await first?.close();
        await open();
      }
    }
    const { ready, delayed, pending } = await publishing.cursor().getStream(stream);
    return ready + delayed + pending === 0;
  }).catch(async (error) => {
    const explained = await publishing.cursor().explain(stream);
    throw new Error(`${about}: ${explained.join(" ")}`, { cause: error });
  });
  for (const connection of connections) await connection.close();
  if (witness.failure !== undefined) throw witness.failure;
  const left = await publishing.cursor().getStream(stream);
  assertEquals([left.ready, left.pending], [0, 0], about);
}

Deno.test("clients hand out messages of one key one at a time, in order (random)", async () => {
  for (let story = 0; story < STORIES; story++) await tell(SEED + story);
});

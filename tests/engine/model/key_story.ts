/**
 * Followers that do anything with messages of some keys, and what they must and must not get.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { TagRange } from "../../../protocol.ts";
import type { Delivery, EngineFollower, FollowerSink } from "../../../src/broker/engine.ts";
import { bindOf } from "../../support/broker/test_broker.ts";
import { Random } from "../../support/random.ts";
import { textsOf } from "../../support/wire/batches.ts";
import { BYTES, type EngineUse, upTo } from "../engine_use.ts";

/** The stream of a story. */
export const STREAM = "orders";
const ACK_TIMEOUT_MS = 5000;

/** A message as a follower has it. */
interface Held {
  readonly tag: number;
  readonly id: number;
  readonly key: string | undefined;
  readonly number: number;
  readonly attempts: number;
  readonly isDoubtful: boolean;
  readonly isSuspect: boolean;
}

interface Habits {
  readonly ordersKeys: boolean;
  readonly reportsBegin: boolean;
  readonly messages: number;
  readonly slots: number;
  /** How many messages of a key it hands out together, at the most. */
  readonly batch: number;
}

/** A client as it should be: hands out messages of a key one at a time, in order. */
class Client implements FollowerSink {
  isFull = false;
  port!: EngineFollower;
  readonly habits: Habits;
  fetched: Held[] = [];
  inHand: Held[] = [];
  readonly #story: KeyStory;

  constructor(story: KeyStory, habits: Habits) {
    this.#story = story;
    this.habits = habits;
  }

  deliver({ firstTag, firstId, attempts, isDoubtful, isSuspect = false, batch }: Delivery): void {
    const texts = textsOf(batch);
    texts.forEach((text, index) => {
      const [key, number] = text.split(" ");
      const held = {
        tag: firstTag + index,
        id: firstId + index,
        key: key === "free" ? undefined : key,
        number: Number(number),
        attempts,
        isDoubtful,
        isSuspect,
      };
      this.#story.checkDelivery(this, held);
      this.fetched.push(held);
    });
  }

  revoke(ranges: readonly TagRange[], reason: string): void {
    const isLeft = ({ tag }: Held) =>
      !ranges.some(({ firstTag, count }) => tag >= firstTag && tag < firstTag + count);
    if (reason.includes("in time")) this.#story.noteLate(this, (held) => !isLeft(held));
    this.fetched = this.fetched.filter(isLeft);
    this.inHand = this.inHand.filter(isLeft);
  }

  noteDeleted(): void {}
  end(): void {}

  /** Gives a free handler the first message whose key no other has, or several of that key. */
  handOut(): Held[] {
    if (this.inHand.length >= this.habits.slots) return [];
    const first = this.fetched.find(({ key }) =>
      key === undefined || !this.inHand.some((other) => other.key === key)
    );
    if (first === undefined) return [];
    // What has failed in a batch is not handed out with others; nor is what is behind it.
    const own = this.fetched.filter(({ key }) => key !== undefined && key === first.key);
    const end = own.findIndex(({ isSuspect }) => isSuspect);
    const taken = own.slice(0, Math.min(this.habits.batch, end < 0 ? own.length : end));
    if (taken.length === 0) taken.push(first);
    this.fetched = this.fetched.filter((held) => !taken.includes(held));
    this.inHand.push(...taken);
    return taken;
  }

  /** Whether it tells of its beginning when it gets its next message. */
  get mustReport(): boolean {
    return this.habits.reportsBegin && (this.inHand.length > 1 || this.fetched.length > 0);
  }
}

/** Sends messages of some keys, has followers do anything with them, and checks what they get. */
export class KeyStory {
  readonly #use: EngineUse;
  readonly #random: Random;
  readonly #about: string;
  readonly #canRestart: boolean;
  #clients: Client[] = [];
  readonly #done = new Set<number>();
  /** The numbers of each key's messages, in order. */
  readonly #sent = new Map<string, number[]>();
  /** How many attempts of each message count, at the most. */
  readonly #attempts = new Map<number, number>();

  constructor(use: EngineUse, seed: number, canRestart: boolean) {
    this.#use = use;
    this.#random = new Random(seed);
    this.#about = `KEY_SEED=${seed}`;
    this.#canRestart = canRestart;
  }

  async tell(): Promise<void> {
    const use = this.#use;
    const random = this.#random;
    const sentCount = 200;
    await use.createWith(STREAM, {
      maxDeliveries: 1000,
      ackTimeoutMs: ACK_TIMEOUT_MS,
      backoffMs: [random.below(3) * 200],
    });
    const keyCount = 1 + random.below(5);
    const laneCount = random.chance(0.5) ? 0 : 1 + random.below(3);
    let sent = 0;
    let publisherCount = 0;
    let publisher = use.publisher(STREAM, `publisher-${this.#about}-0`);
    this.#open();
    for (let idle = 0; this.#done.size < sentCount;) {
      assert(idle < 200, `${this.#about}: nothing comes any more, ${this.#done.size} are done`);
      if (sent < sentCount && random.chance(0.2)) {
        const batch = upTo(Math.min(sentCount - sent, 1 + random.below(40))).map(() => {
          const key = random.chance(0.15) ? undefined : `k${random.below(keyCount)}`;
          const number = ++sent;
          if (key !== undefined) this.#sent.set(key, [...this.#sent.get(key) ?? [], number]);
          // A key inside of one lane: between lanes, turns decide what is first.
          const lane = key === undefined ? random.below(3) : Number(key.slice(1)) % laneCount;
          const isLaned = laneCount > 0 && (key !== undefined || random.chance(0.5));
          const text = `${key ?? "free"} ${number}`;
          return { text, key, ...isLaned && { lane: `lane ${lane}` } };
        });
        await publisher.storeWished(...batch);
      }
      await this.#settle();
      const did = this.#work();
      idle = did || sent < sentCount ? 0 : idle + 1;
      // Whoever has lost something asks for more.
      if (!did) {
        for (const { port, habits } of this.#clients) port.setCredit(habits.messages, BYTES);
      }
      if (!did) use.advance(random.chance(0.1) ? ACK_TIMEOUT_MS : 200);
      if (random.chance(0.03)) this.#disturb();
      if (this.#canRestart && random.chance(0.01)) {
        await use.restart();
        // Afterwards: until its end, a broker delivers.
        for (const client of this.#clients) this.#noteLost(client);
        publisher = use.publisher(STREAM, `publisher-${this.#about}-${++publisherCount}`);
        this.#clients = [];
      }
      if (this.#clients.length === 0 || (this.#clients.length < 4 && random.chance(0.03))) {
        this.#open();
      }
    }
    for (const { port } of this.#clients) port.close();
    // A message that is rejected is there until it is stored among the dead letters.
    await use.fence();
    assertEquals(await use.counts(STREAM), [0, 0, 0], this.#about);
  }

  /** Lets the engine do what it does by itself. */
  async #settle(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await Promise.resolve();
    if (this.#random.chance(0.1)) await this.#use.fence();
  }

  #open(): void {
    const random = this.#random;
    const ordersKeys = random.chance(0.8);
    const bytes = random.chance(0.3) ? 30 + random.below(200) : BYTES;
    const slots = random.chance(0.5) ? 1 : 1 + random.below(6);
    const client = new Client(this, {
      ordersKeys,
      reportsBegin: ordersKeys || random.chance(0.5),
      messages: slots + random.below(40),
      slots,
      batch: random.chance(0.6) ? 1 : 1 + random.below(6),
    });
    const { habits } = client;
    const { messages, reportsBegin } = habits;
    client.port = this.#use.engine.openFollower({
      name: "worker",
      bind: bindOf(STREAM),
      bytes,
      messages,
      reportsBegin,
      ordersKeys,
      slots,
    }, client);
    this.#clients.push(client);
  }

  /** The promise to followers: a key is lent to one of them, and to others it is given once. */
  checkDelivery(client: Client, held: Held): void {
    const { key, number, attempts } = held;
    const most = 1 + (this.#attempts.get(number) ?? 0);
    assert(attempts <= most, `${this.#about}: ${number} has ${attempts} attempts, not ${most}`);
    if (key === undefined) return;
    for (const other of this.#clients) {
      const own = [...other.fetched, ...other.inHand].filter((one) => one.key === key);
      if (own.length === 0) continue;
      assert(other === client, `${this.#about}: ${key} ${number} is with two followers`);
      assert(client.habits.ordersKeys, `${this.#about}: ${key} ${number} is no second one here`);
    }
  }

  /** The promise to handlers: one message of a key at a time, in order. */
  #checkHandout(batch: readonly Held[]): void {
    const { key, number } = batch[0]!;
    if (key === undefined) return;
    const others = this.#clients.flatMap(({ inHand }) => inHand).filter((one) => one.key === key);
    assertEquals(others, [...batch], `${this.#about}: ${key} ${number} is not alone in hand`);
    const numbers = batch.map((held) => held.number);
    assertEquals(numbers, numbers.toSorted((one, other) => one - other), this.#about);
    for (const earlier of this.#sent.get(key)!) {
      if (earlier >= numbers.at(-1)!) break;
      const isThere = this.#done.has(earlier) || numbers.includes(earlier);
      assert(isThere, `${this.#about}: ${key} ${numbers} is before ${earlier}`);
    }
  }

  /** One of the handlers does something; returns whether one did. */
  #work(): boolean {
    const random = this.#random;
    for (const client of this.#shuffled()) {
      const batch = random.chance(0.5) ? client.handOut() : [];
      if (batch.length > 0) {
        this.#checkHandout(batch);
        this.#begin(client, batch);
        return true;
      }
      const one = client.inHand[random.below(Math.max(1, client.inHand.length))];
      if (one === undefined) continue;
      this.#end(client, one);
      return true;
    }
    return false;
  }

  #begin(client: Client, batch: readonly Held[]): void {
    if (!client.habits.reportsBegin) return;
    const ranges = batch.map(({ tag }) => ({ firstTag: tag, count: 1 }));
    if (batch.length > 1) return client.port.beginBatch(ranges);
    const isDue = batch[0]!.isDoubtful || client.mustReport || this.#random.chance(0.3);
    if (isDue) client.port.begin(ranges);
  }

  #end(client: Client, held: Held): void {
    const random = this.#random;
    const { tag, number } = held;
    const ranges = [{ firstTag: tag, count: 1 }];
    client.inHand = client.inHand.filter((one) => one !== held);
    const what = random.below(20);
    if (what < 2) {
      const rest = client.inHand.splice(0);
      for (const one of [held, ...rest]) this.#finish(one.number);
      ranges.push(...rest.map(({ tag }) => ({ firstTag: tag, count: 1 })));
      client.port.ack(ranges, false);
    } else if (what < 12) {
      this.#finish(number);
      client.port.ack(ranges, random.chance(0.2));
    } else if (what < 13) {
      this.#finish(number);
      client.port.reject(ranges, "", false);
    } else if (what < 16) {
      this.#count(number);
      client.port.nack(ranges, { reason: "", delayMs: random.below(3) * 300 }, false);
    } else if (what < 17) {
      if (this.#canRestart) this.#count(number);
      client.port.nack(ranges, { reason: "", delayMs: 100, isPostponed: true }, false);
    } else if (what < 18) {
      this.#failTogether(client, held);
    } else {
      // A handler that has begun does not release; but a client may.
      this.#count(number);
      client.port.release(ranges);
    }
  }

  /**
   * A message is done. A broker that ends may lose what nobody has waited for: then it comes back, and the
   * handler that had it counts. So does one whose failure cost nothing.
   */
  #finish(number: number): void {
    this.#done.add(number);
    if (this.#canRestart) this.#count(number);
  }

  /** All that handlers have of a key fails together. */
  #failTogether(client: Client, held: Held): void {
    const rest = client.inHand.filter(({ key }) => key !== undefined && key === held.key);
    client.inHand = client.inHand.filter((one) => !rest.includes(one));
    const together = [held, ...rest].sort((one, other) => one.tag - other.tag);
    if (together.length === 1 || this.#canRestart) {
      for (const one of together) this.#count(one.number);
    }
    const ranges = together.map(({ tag }) => ({ firstTag: tag, count: 1 }));
    client.port.nack(ranges, { reason: "", delayMs: 0, isTogether: true }, false);
  }

  /** Something that a handler does not do. */
  #disturb(): void {
    const random = this.#random;
    const [client] = this.#shuffled();
    if (client === undefined) return;
    const what = random.below(6);
    if (what === 0) {
      this.#noteLost(client);
      this.#clients = this.#clients.filter((one) => one !== client);
      client.port.close();
    } else if (what === 1) {
      this.#noteLost(client);
      client.port.silence();
      client.fetched = [];
      client.inHand = [];
    } else if (what === 2) {
      // It has no time for what it has fetched.
      const ranges = client.fetched.splice(0).map(({ tag }) => ({ firstTag: tag, count: 1 }));
      client.port.release(ranges);
    } else if (what === 3) {
      const lastTag = Math.max(0, ...client.inHand.map(({ tag }) => tag));
      for (const held of [...client.inHand, ...client.fetched]) this.#count(held.number);
      this.#clients = this.#clients.filter((one) => one !== client);
      client.port.close(lastTag);
    } else if (what === 4) {
      const messages = client.habits.slots + random.below(40);
      client.port.setCredit(messages, BYTES, client.habits.slots);
    } else {
      // Handlers hang: what they have runs out.
      this.#use.advance(ACK_TIMEOUT_MS);
    }
    for (const one of this.#clients) one.port.setCredit(one.habits.messages, BYTES);
  }

  /** Attempts may count of what handlers have, or of the oldest message that a client has. */
  #noteLost({ inHand, fetched }: Client): void {
    for (const { number } of [...inHand, ...fetched.slice(0, 1)]) this.#count(number);
  }

  /** What handlers had counts; of a client that does not report, it is not known what that is. */
  noteLate({ inHand, fetched, habits }: Client, isLate: (held: Held) => boolean): void {
    const others = habits.reportsBegin ? [] : fetched;
    for (const held of [...inHand, ...others]) if (isLate(held)) this.#count(held.number);
  }

  #count(number: number): void {
    this.#attempts.set(number, 1 + (this.#attempts.get(number) ?? 0));
  }

  #shuffled(): Client[] {
    const random = this.#random;
    return this.#clients.map((client) => ({ client, at: random.next() }))
      .sort((one, other) => one.at - other.at).map(({ client }) => client);
  }
}

/**
 * A small model of coalescing, and random commands for it and an engine: after each of them both have the same
 * messages in the same states, and have given the same answer.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Coalesce } from "../../../../protocol.ts";
import { Random } from "../../../support/random.ts";
import { type EngineUse, type Following, type Publishing, single } from "../../engine_use.ts";
import { doc } from "./coalescing.ts";

/** How many messages the follower holds at most. */
const ROOM = 2;

const IDS = ["a", "b", "c"];

/** A message that is there. */
interface ModelMessage {
  readonly id: number;
  readonly text: string;
  /** Its coalescing id. */
  readonly name: string;
  attempts: number;
  dueAt: number;
  readonly until: number;
  /** The tag of its delivery, if the follower has it. */
  tag?: number | undefined;
}

/** What a stream does with messages that have coalescing ids, said in a few lines. */
export class CoalesceModel {
  now: number;
  messages: ModelMessage[] = [];
  #nextId = 1;
  #nextTag = 1;

  constructor(now: number) {
    this.now = now;
  }

  get held(): ModelMessage[] {
    return this.messages.filter(({ tag }) => tag !== undefined);
  }

  publish(text: string, { id: name, take, whileWorked, quietMs, atMostMs }: Coalesce): string {
    const { now } = this;
    const quietEnd = quietMs > 0 ? now + quietMs : atMostMs > 0 ? Infinity : now;
    const newest = this.messages.findLast((message) => message.name === name);
    const waits = newest !== undefined && newest.tag === undefined;
    if (newest !== undefined && (waits ? take === "first" : whileWorked === "drop")) {
      const dueAt = Math.min(newest.until, quietEnd);
      const isQuiet = waits && newest.attempts === 0 && newest.dueAt > now;
      if (isQuiet && dueAt > newest.dueAt && dueAt < Infinity) newest.dueAt = dueAt;
      return `docs:${newest.id} kept`;
    }
    const first = waits && newest.attempts === 0 ? newest.until : Infinity;
    const until = Math.min(first, atMostMs > 0 ? now + atMostMs : Infinity);
    const dueAt = Math.max(now, Math.min(until, quietEnd));
    if (waits) this.#remove(newest);
    const id = this.#nextId++;
    this.messages.push({ id, text, name, attempts: 0, dueAt, until });
    return `docs:${id}${waits ? ` for ${newest.id}` : ""}`;
  }

  ack(message: ModelMessage): void {
    this.#remove(message);
  }

  /** The message comes back: at once, or after a time; an attempt counts only if it has failed. */
  giveBack(message: ModelMessage, delayMs?: number): void {
    message.tag = undefined;
    if (delayMs === undefined) message.attempts--;
    message.dueAt = this.now + (delayMs ?? 0);
    const { id, name } = message;
    if (this.messages.some((other) => other.name === name && other.id > id)) this.#remove(message);
  }

  cancel(id: number): string {
    const message = this.messages.find((one) => one.id === id);
    if (message === undefined) return "gone";
    this.#remove(message);
    if (message.tag !== undefined) return "pending";
    return message.dueAt > this.now ? "delayed" : "ready";
  }

  /** The follower, or the broker, is gone: all that it has comes back. */
  leave(): void {
    for (const message of this.held) this.giveBack(message);
    this.#nextTag = 1;
  }

  /** Delivers what the follower has room for. */
  deliver(): void {
    for (const message of this.messages) {
      if (this.held.length >= ROOM) return;
      const isWorkedOn = this.held.some(({ name }) => name === message.name);
      if (message.tag !== undefined || message.dueAt > this.now || isWorkedOn) continue;
      message.tag = this.#nextTag++;
      message.attempts++;
    }
  }

  look(): string[] {
    return this.messages.map(({ id, attempts, text, tag, dueAt }) => {
      const state = tag !== undefined ? "pending" : dueAt > this.now ? "delayed" : "ready";
      return `${id}×${attempts} ${state} ${text}`;
    });
  }

  #remove(message: ModelMessage): void {
    this.messages = this.messages.filter((one) => one !== message);
  }
}

/** Random commands for an engine and the model. */
class ModelRun {
  readonly #use: EngineUse;
  readonly #random: Random;
  readonly #model: CoalesceModel;
  #publisher: Publishing;
  #follower: Following;
  /** The last batches: publisher, number, answer. */
  readonly #sent: [identity: string, sequence: number, outcome: string][] = [];
  #count = 0;
  #beginCount = 0;

  constructor(use: EngineUse, random: Random) {
    this.#use = use;
    this.#random = random;
    this.#model = new CoalesceModel(use.clock.now);
    this.#publisher = this.#open();
    this.#follower = this.#follow();
  }

  /** Does one command, and compares; returns what it was. */
  async step(): Promise<string> {
    const commands = {
      publish: () => this.#publish(),
      publishAgain: () => this.#publish(),
      tick: () => this.#tick(),
      ack: () =>
        this.#end((message, tag) => {
          this.#model.ack(message);
          return this.#follower.ack(tag);
        }),
      nack: () =>
        this.#end((message, tag) => {
          const delayMs = this.#random.pick([0, 50, 300]);
          this.#model.giveBack(message, delayMs);
          return this.#follower.nack([tag], { delayMs });
        }),
      release: () =>
        this.#end(async (message, tag) => {
          this.#model.giveBack(message);
          await this.#follower.port.release([single(tag)]);
        }),
      cancel: () => this.#cancel(),
      leave: () => this.#random.chance(0.3) ? this.#leave() : undefined,
      restart: () => this.#random.chance(0.3) ? this.#restart() : undefined,
      sendAgain: () => this.#random.chance(0.3) ? this.#sendAgain() : undefined,
    };
    const names = Object.keys(commands) as (keyof typeof commands)[];
    const name = this.#random.pick(names);
    await commands[name]();
    this.#model.deliver();
    await this.#use.fence();
    assertEquals(await this.#use.look("docs"), this.#model.look(), `after ${name}`);
    return name;
  }

  #open(): Publishing {
    return this.#use.publisher("docs", `publisher ${this.#beginCount}`);
  }

  #follow(): Following {
    return this.#use.follower("docs", { messages: ROOM, reportsBegin: true, ordersKeys: true });
  }

  async #publish(): Promise<void> {
    const random = this.#random;
    const quietMs = random.pick([0, 0, 100, 200]);
    const message = doc(`${++this.#count}`, {
      id: random.pick(IDS),
      take: random.pick(["first", "last", "last"]),
      whileWorked: random.pick(["wait", "wait", "drop"]),
      quietMs,
      atMostMs: random.pick([0, 150, 500, 12 * quietMs]),
    });
    const expected = this.#model.publish(message.text, message.coalesce!);
    const sequence = this.#publisher.nextSequence;
    assertEquals(await this.#publisher.storeWished(message), expected);
    this.#sent.push([`publisher ${this.#beginCount}`, sequence, expected]);
  }

  #tick(): void {
    const ms = this.#random.pick([1, 49, 50, 100, 100, 250]);
    this.#model.now += ms;
    this.#use.advance(ms);
  }

  async #end(end: (message: ModelMessage, tag: number) => Promise<void>): Promise<void> {
    const { held } = this.#model;
    if (held.length === 0) return;
    const message = this.#random.pick(held);
    await end(message, message.tag!);
  }

  async #cancel(): Promise<void> {
    const id = 1 + this.#random.below(this.#count + 1);
    const { was } = await this.#use.engine.cancelMessage("docs", id);
    assertEquals(was, this.#model.cancel(id));
  }

  #leave(): void {
    this.#follower.port.close(0);
    this.#model.leave();
    this.#follower = this.#follow();
  }

  async #restart(): Promise<void> {
    await this.#use.restart();
    this.#model.leave();
    this.#beginCount++;
    this.#publisher = this.#open();
    this.#follower = this.#follow();
  }

  /** A batch that comes again has the answer that it had, whatever has happened since. */
  async #sendAgain(): Promise<void> {
    if (this.#sent.length === 0) return;
    const [identity, sequence, outcome] = this.#random.pick(this.#sent.slice(-10));
    const publisher = this.#use.publisher("docs", identity);
    publisher.sendAs(sequence, "again");
    assertEquals(await publisher.outcomes(), [`${outcome} again`]);
  }
}

/** Runs so many random commands; a failure tells the seed and the command. */
export async function runCoalesceModel(use: EngineUse, seed: number, steps: number): Promise<void> {
  await use.create("docs");
  const run = new ModelRun(use, new Random(seed));
  const done: string[] = [];
  try {
    while (done.length < steps) done.push(await run.step());
  } catch (cause) {
    throw new Error(`seed ${seed}, after ${done.join(" ")}`, { cause });
  }
}

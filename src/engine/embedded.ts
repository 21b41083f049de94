/**
 * The port, filled by the rules in this process. What is left open is when an event is durable: an
 * engine that keeps streams here says that, and nothing else.
 *
 * @module
 */

import {
  type BindFields,
  BrokerError,
  type MessageBatch,
  type Page,
  type PeekedMessages,
  type PendingEntry,
  type PendingEntryList,
  type StreamInfo,
  type StreamOptionsInput,
} from "../../protocol.ts";
import { Broker, type BrokerOptions } from "../broker/broker.ts";
import type {
  Engine,
  EngineFollower,
  EnginePublisher,
  EngineReplyStream,
  FollowerOptions,
  FollowerSink,
  PublisherOptions,
  PublisherSink,
  RedriveCount,
  ReplySink,
} from "../broker/engine.ts";
import { ClockReader } from "../broker/rules/clock_reader.ts";
import { ReplyStreams } from "../broker/rules/reply_streams.ts";
import { compilePattern } from "./pattern.ts";

/** What makes an engine of the rules. */
export interface EmbeddedEngineOptions extends
  Pick<
    BrokerOptions,
    "durability" | "residency" | "store" | "commit" | "settle" | "hasten" | "report"
  > {
  /** Its name in settings and in the handshake. */
  readonly name: string;
  /** Tells a time that nobody sets, in milliseconds. */
  readonly now: () => number;
  /** Tells what the machine's clock says, if that is something else. */
  readonly dateNow?: (() => number) | undefined;
  /** Does something soon, but not at once. */
  readonly schedule: (work: () => void) => void;
  /** Tells why so many more bytes of messages cannot be stored beside those there are, if so. */
  readonly findObstacle?: (bytes: number, bytesStored: number) => BrokerError | undefined;
}

/** Streams in this process. */
export class EmbeddedEngine implements Engine {
  readonly name: string;
  readonly durability: string;
  /** The rules. */
  protected readonly broker: Broker;
  readonly #options: EmbeddedEngineOptions;
  readonly #clockReader: ClockReader;
  readonly #replyStreams = new ReplyStreams();
  /** By so much the time of the rules, which goes on where an earlier broker has ended, is ahead. */
  #offsetMs = 0;
  #isWoken = false;

  constructor(options: EmbeddedEngineOptions) {
    const { name, durability, findObstacle } = options;
    this.name = name;
    this.durability = durability;
    this.#options = options;
    this.broker = new Broker({
      ...options,
      hasten: (at) => options.hasten?.(at - this.#offsetMs),
      compilePattern,
      findObstacle: (bytes) =>
        findObstacle?.(bytes, this.broker.bytes + options.residency.bookedBytes),
      wake: () => this.#wake(),
    });
    this.#clockReader = new ClockReader({ state: this.broker.state, commit: options.commit });
  }

  /** How many bytes of memory are taken up by what is known of failures. */
  get bookedBytes(): number {
    return this.#options.residency.bookedBytes;
  }

  createStream(name: string, options: StreamOptionsInput = {}): Promise<boolean> {
    return new Promise((resolve) => this.broker.createStream(name, options, resolve));
  }

  updateStream(name: string, options: StreamOptionsInput): Promise<void> {
    return new Promise((resolve) => this.broker.updateStream(name, options, resolve));
  }

  pauseStream(name: string, isPaused: boolean): Promise<void> {
    return new Promise((resolve) => this.broker.pauseStream(name, isPaused, resolve));
  }

  purgeStream(name: string): Promise<number> {
    return new Promise((resolve) => this.broker.purgeStream(name, resolve));
  }

  deleteStream(name: string): Promise<void> {
    return new Promise((resolve) => this.broker.deleteStream(name, resolve));
  }

  getStreams(): Promise<StreamInfo[]> {
    return Promise.resolve(this.broker.getStreams());
  }

  listStreams(after: number): Promise<Page<StreamInfo>> {
    return Promise.resolve(this.broker.listStreams(after));
  }

  listPels(after: number, name?: string): Promise<Page<PendingEntryList>> {
    const { now } = this;
    return new Promise((resolve) => resolve(this.broker.listPels({ after, name, now })));
  }

  hasStream(name: string): boolean {
    return this.broker.state.router.getStream(name) !== undefined;
  }

  get deletedCount(): number {
    return this.broker.state.router.removedCount;
  }

  getStream(name: string): Promise<StreamInfo> {
    return new Promise((resolve) => resolve(this.broker.getStream(name)));
  }

  getPels(): Promise<PendingEntryList[]> {
    return Promise.resolve(this.broker.getPels(this.now));
  }

  getPel(follower: string): Promise<PendingEntry[]> {
    return new Promise((resolve) => resolve(this.broker.getPel(follower, this.now)));
  }

  releasePel(follower: string): Promise<number> {
    const { now } = this;
    return new Promise((resolve) => this.broker.releasePel(follower, now, resolve));
  }

  peek(name: string, from: number, limit: number): Promise<PeekedMessages> {
    return new Promise((resolve) => resolve(this.broker.peek(name, from, limit)));
  }

  redrive(name: string, ids: readonly number[]): Promise<RedriveCount> {
    const { now } = this;
    return new Promise((resolve, reject) =>
      this.broker.redrive(name, ids, now, (result) => {
        if (result instanceof BrokerError) reject(result);
        else resolve(result);
      })
    );
  }

  explain(name: string): Promise<string[]> {
    return new Promise((resolve) => resolve(this.broker.explain(name, this.now)));
  }

  get steps(): number {
    return this.broker.steps;
  }

  prepare(bind: BindFields, stepsMax: number): boolean {
    return this.broker.prepare(bind, stepsMax);
  }

  prepareStream(name: string, stepsMax: number): boolean {
    return this.broker.state.router.prepareStream(name, stepsMax);
  }

  openPublisher(options: PublisherOptions, sink: PublisherSink): EnginePublisher {
    const { broker } = this;
    const now = () => this.now;
    const publisher = broker.openPublisher(options, sink, now());
    return {
      publish: (batch) => broker.publish(publisher, batch, now()),
      refuse: (batch, error) => broker.refuse(publisher, batch, error),
      close: () => broker.closePublisher(publisher),
      lose: () => broker.losePublisher(publisher, now()),
    };
  }

  openFollower(options: FollowerOptions, sink: FollowerSink): EngineFollower {
    const { broker } = this;
    const now = () => this.now;
    const follower = broker.openFollower(options, sink);
    const { bindType, routeString } = options.bind;
    const isMissing = bindType === "direct" && follower.attachments.size === 0;
    return {
      missing: isMissing ? routeString : undefined,
      attach: (countMax) => broker.attach(follower, countMax),
      setCredit: (messages, bytes) => broker.setCredit(follower, messages, bytes, now()),
      ack: (ranges, isConfirmed) => {
        if (!isConfirmed) return broker.ack(follower, ranges, now());
        return whenDone((done) => broker.ack(follower, ranges, now(), done));
      },
      nack: (ranges, options, isConfirmed) => {
        const timed = { ...options, now: now() };
        if (!isConfirmed) return broker.nack(follower, ranges, timed);
        return whenDone((done) => broker.nack(follower, ranges, timed, done));
      },
      reject: (ranges, reason, isConfirmed) => {
        const timed = { reason, now: now() };
        if (!isConfirmed) return broker.reject(follower, ranges, timed);
        return whenDone((done) => broker.reject(follower, ranges, timed, done));
      },
      extend: (ranges, ms) => broker.extend(follower, ranges, ms, now()),
      release: (ranges) => broker.release(follower, ranges, now()),
      begin: (ranges) => broker.begin(follower, ranges, now()),
      resume: () => broker.resume(follower),
      silence: () => broker.silenceFollower(follower, now()),
      close: (lastTag) => broker.closeFollower(follower, now(), lastTag),
    };
  }

  openReplyStream(name: string, sink: ReplySink): EngineReplyStream {
    return this.#replyStreams.open(name, sink);
  }

  reply(name: string, batch: MessageBatch): void {
    this.#replyStreams.reply(name, batch);
  }

  tick(now: number): number {
    this.readClock();
    return this.broker.tick(now + this.#offsetMs) - this.#offsetMs;
  }

  tend(_now: number): number {
    this.readClock();
    return Infinity;
  }

  settle(): Promise<void> | void {
    return whenDone((done) => this.broker.settle(done));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The time of the rules. */
  protected get now(): number {
    return this.#options.now() + this.#offsetMs;
  }

  /** What the machine's clock says. */
  protected get date(): number {
    const { now, dateNow = now } = this.#options;
    return dateNow();
  }

  /** Has the time of the rules go on where it was, after everything was made again. */
  protected continueTime(): void {
    const now = this.broker.state.continueTime(this.date);
    this.#offsetMs = now - this.#options.now();
  }

  /** Looks whether the machine's clock was set; `isNoted` if what it says is written in any case. */
  protected readClock(isNoted = false): void {
    this.#clockReader.read(this.now, this.date, isNoted);
  }

  /** Dispatches once for all that happens until then. */
  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.#options.schedule(() => {
      this.#isWoken = false;
      this.broker.dispatch(this.now);
    });
  }
}

/** Starts something; a promise is only made if it is not done at once. */
function whenDone(start: (done: () => void) => void): Promise<void> | undefined {
  let isDone = false;
  let resolve: (() => void) | undefined;
  start(() => {
    isDone = true;
    resolve?.();
  });
  if (isDone) return undefined;
  return new Promise((resolveThis) => resolve = resolveThis);
}

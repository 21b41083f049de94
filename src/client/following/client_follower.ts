import {
  type DeliverFields,
  type FrameDecoder,
  FrameType,
  type VerdictFields,
  writeControlFrame,
} from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import type { Bind } from "../member/bind.ts";
import { type CallOptions, checkCloseOptions, type CloseOptions } from "../member/call_options.ts";
import { type HandleOptions, resolveHandleOptions } from "../handling/handle_options.ts";
import type { Batch } from "../batching/batch.ts";
import {
  type GetBatchesOptions,
  type HandleBatchesOptions,
  resolveGetBatches,
  resolveHandleBatches,
} from "../batching/batch_options.ts";
import { BatchOutcomes } from "../batching/batch_outcomes.ts";
import { checkOptionNames } from "../member/option_check.ts";
import { HandlerWork } from "../handling/handler_work.ts";
import type { Handling } from "../handling/handling.ts";
import { MessageOutcomes } from "../handling/message_outcomes.ts";
import { ClosingLimit } from "../member/closing_limit.ts";
import type { FollowingMember } from "../uplink/member.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { explainFollowerEnd } from "../deliveries/delivery_mistake.ts";
import {
  DeliveryVerdicts,
  type ReplySender,
  type VerdictOwner,
} from "../deliveries/delivery_verdicts.ts";
import type { Follower, FollowerOptions, GetMessagesOptions } from "./follower.ts";
import type { HeldMessages } from "../deliveries/held_messages.ts";
import type { AckOptions, Message, NackOptions, PostponeOptions } from "../deliveries/message.ts";
import { MessageHandout } from "./message_handout.ts";

/** What the followers of a connection share. */
export interface FollowingWay {
  readonly uplink: Uplink;
  readonly replies: ReplySender;
  readonly tracing?: FollowerTracing | undefined;
}

/** Makes spans of a follower's messages. */
export interface FollowerTracing {
  makeHeld(): HeldMessages;
  watch(loop: AsyncIterableIterator<Message>): AsyncIterableIterator<Message>;
}

export class ClientFollower implements Follower<never>, FollowingMember, VerdictOwner {
  readonly name: string;
  readonly bind: Bind;
  readonly number: number;
  readonly #uplink: Uplink;
  readonly #verdicts: DeliveryVerdicts;
  readonly #handout: MessageHandout;
  readonly #tracing: FollowerTracing | undefined;
  /** Whether the follower is open on this link, or closed for good. */
  #state: "unknown" | "open" | "over" = "unknown";
  #closeCall: Promise<void> | undefined;
  readonly #works = new Set<Handling>();

  constructor(way: FollowingWay, bind: Bind, options: Required<FollowerOptions>) {
    const { uplink, replies, tracing } = way;
    this.#uplink = uplink;
    this.#tracing = tracing;
    this.bind = bind;
    this.name = options.name;
    this.number = uplink.members.nextNumber();
    this.#verdicts = new DeliveryVerdicts(this, uplink, replies, tracing?.makeHeld());
    this.#handout = new MessageHandout(uplink, this.#verdicts, options.prefetch);
    uplink.members.followers.set(this.number, this);
    // The follower is opened at the end of this turn: by then it is known whether a loop asks for messages.
    uplink.schedule(this);
  }

  get isClosed(): boolean {
    return this.#state === "over";
  }

  getMessages(options: GetMessagesOptions = {}): AsyncIterableIterator<Message<never>> {
    checkOptionNames(options, ["autoAck", "signal"], "Cannot get messages");
    const { autoAck = false, signal } = options;
    const loop: AsyncIterableIterator<Message> = this.#handout.loopMessages({
      autoAck,
      signal,
      keepsLast: true,
    });
    const isWatched = this.#tracing !== undefined && options.autoAck === true;
    return (isWatched ? this.#tracing.watch(loop) : loop) as AsyncIterableIterator<Message<never>>;
  }

  handle(
    handler: (message: Message<never>) => unknown,
    options: HandleOptions<never> = {},
  ): Handling {
    const { clock, drainMs } = this.#uplink.options;
    const resolved = resolveHandleOptions(handler, options as HandleOptions, drainMs);
    const work = new HandlerWork(handler as (message: Message) => unknown, resolved, {
      source: this.#handout.loopMessages({ autoAck: false, keepsLast: false }),
      outcomes: new MessageOutcomes(this.#verdicts),
      clock,
    });
    return this.#start(work, resolved.concurrency);
  }

  getBatches(options: GetBatchesOptions = {}): AsyncIterableIterator<Batch<never>> {
    const shape = resolveGetBatches(options);
    const loop: AsyncIterableIterator<Batch> = this.#handout.loopBatches(shape, 1, {
      signal: options.signal,
      keepsLast: true,
    });
    return loop as AsyncIterableIterator<Batch<never>>;
  }

  handleBatches(
    handler: (batch: Batch<never>) => unknown,
    options: HandleBatchesOptions<never> = {},
  ): Handling {
    const { clock, drainMs } = this.#uplink.options;
    const resolved = resolveHandleBatches(handler, options as HandleBatchesOptions, drainMs);
    const { shape, work: { concurrency } } = resolved;
    const work = new HandlerWork(handler as (batch: Batch) => unknown, resolved.work, {
      source: this.#handout.loopBatches(shape, concurrency, { keepsLast: false }),
      outcomes: new BatchOutcomes(this.#verdicts),
      clock,
    });
    return this.#start(work, 0);
  }

  ackMessage(message: Message, options?: AckOptions): Promise<void> {
    return this.#verdicts.ackMessage(message, options);
  }

  nackMessage(message: Message, options?: NackOptions): Promise<void> {
    return this.#verdicts.nackMessage(message, options);
  }

  postponeMessage(message: Message, ms: number, options?: PostponeOptions): Promise<void> {
    return this.#verdicts.postponeMessage(message, ms, options);
  }

  rejectMessage(message: Message, reason?: string | Error, options?: AckOptions): Promise<void> {
    return this.#verdicts.rejectMessage(message, reason, options);
  }

  releaseMessage(message: Message, options?: AckOptions): Promise<void> {
    return this.#verdicts.releaseMessage(message, options);
  }

  extendMessage(message: Message, ms: number, options?: CallOptions): Promise<void> {
    return this.#verdicts.extendMessage(message, ms, options);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    const { drainMs = this.#uplink.options.drainMs, signal } = options;
    if (!this.isClosed) this.#closeCall ??= this.#beginClosing();
    // What handlers do not finish in their own time goes back first.
    const works = [...this.#works].map((work) => work.close(options));
    // Only messages that loops have are waited for.
    const isDue = this.#verdicts.held.count === 0 || drainMs === 0;
    if (isDue && works.length === 0) this.#closeNow();
    const giveUp = () => Promise.all(works).then(() => this.#closeNow());
    const limit = this.isClosed ? undefined : new ClosingLimit({ drainMs, signal }, giveUp);
    await Promise.all([this.#closeCall, ...works]);
    limit?.end();
    await this.#uplink.drained();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  open(link: Link): void {
    this.#state = "open";
    const { routeString, bindType, ignoreCase } = this.bind;
    writeControlFrame(link.writer, "openFollower", {
      follower: this.number,
      name: this.name,
      bind: { routeString, bindType, ignoreCase },
      messages: this.#handout.open(),
      bytes: this.#uplink.limits.unacknowledgedBytes,
      ...this.#uplink.knowsWork && { slots: this.#handout.slots, ordersKeys: true },
    });
    link.flush();
  }

  write(link: Link): void {
    // A loop may be left after the follower is closed.
    if (this.isClosed) return;
    if (this.#state === "unknown") this.open(link);
    this.#handout.write(link.writer, this.number);
    link.flush();
  }

  lose(): void {
    const why = this.isClosed ? "its follower was closed" : "it was lost with its connection";
    if (this.#state === "open") this.#state = "unknown";
    this.#handout.lose();
    this.#verdicts.lose(why);
  }

  finish(): Promise<void> {
    this.#handout.stop();
    return this.#verdicts.held.emptied();
  }

  end(error: Error | undefined): void {
    if (this.isClosed) return;
    this.#closeOnBroker();
    this.#state = "over";
    this.#handout.end(error && explainFollowerEnd(error));
    this.lose();
  }

  handleDelivery(fields: DeliverFields, stream: string, frame: FrameDecoder): void {
    this.#handout.add(fields, stream, frame);
  }

  handleRevocation(fields: VerdictFields): void {
    this.#handout.revoke(fields);
  }

  #start<Unit>(work: HandlerWork<Unit>, slots: number): Handling {
    this.#works.add(work);
    this.#handout.addSlots(slots);
    work.start(() => {
      this.#works.delete(work);
      this.#handout.addSlots(-slots);
    });
    return work;
  }

  /** Ends the loops, and gives handlers time to finish. */
  async #beginClosing(): Promise<void> {
    this.#handout.close();
    await this.#verdicts.held.emptied();
    this.#closeNow();
  }

  #closeNow(): void {
    if (this.isClosed) return;
    // Sends acknowledgements, and the replies before them.
    if (this.#state === "open") this.#uplink.writeAll();
    this.end(undefined);
  }

  #closeOnBroker(): void {
    this.#uplink.forget(this);
    const { link } = this.#uplink;
    if (link === undefined || this.#state !== "open") return;
    link.writer.begin(FrameType.closeFollower);
    link.writer.u32(this.number);
    link.writer.u64(this.#handout.lastTag);
    link.writer.end();
    link.flush();
  }
}

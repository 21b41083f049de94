import {
  FrameType,
  type FrameWriter,
  type ReplyAddress,
  SPAN_MS_MAX,
  writeTags,
} from "../../../protocol.ts";
import type { CallOptions } from "../member/call_options.ts";
import { findNumberMistake, findOptionMistake } from "../member/option_check.ts";
import type { MessageBody } from "../outgoing/body.ts";
import type { ReplyOptions } from "../requesting/reply.ts";
import type { LinkWriter } from "../uplink/member.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { DeliveredMessage, type MessageOwner, type Verdict } from "./delivered_message.ts";
import { type DeliveryAction, explainAutomatic, explainStale } from "./delivery_mistake.ts";
import {
  DeliveryNotes,
  describeReason,
  type FailureNote,
  type NotedDelivery,
  writeNote,
  writeTag,
} from "./delivery_notes.ts";
import { abortSignal, explainLoss, HeldMessages, signalOf } from "./held_messages.ts";
import type { AckOptions, Message, NackOptions, PostponeOptions } from "./message.ts";

type WriteNote = (writer: FrameWriter, delivery: NotedDelivery) => void;

/** The follower that has taken the messages. */
export interface VerdictOwner extends LinkWriter {
  readonly name: string;
  readonly number: number;
  readonly isClosed: boolean;
}

/** Sends replies to messages. */
export interface ReplySender {
  send(
    address: ReplyAddress,
    body: MessageBody,
    options: ReplyOptions | undefined,
    message: Message,
  ): Promise<void>;
}

const nothing: Promise<void> = Promise.resolve();
const ACK_NAMES = ["confirm", "signal"];
const NACK_NAMES = ["delayMs", "reason", "fault", ...ACK_NAMES];
const POSTPONE_NAMES = ["reason", "lane", ...ACK_NAMES];
const LEFT = "its loop was left before it was ended";
const leftNote: FailureNote = { type: FrameType.nack, ms: 0, reason: LEFT };

/** Acknowledges, gives back, rejects, releases and extends the messages of a follower. */
export class DeliveryVerdicts implements MessageOwner {
  readonly held: HeldMessages;
  readonly notes: DeliveryNotes = new DeliveryNotes();
  /** Hears of messages that handlers give back, before they are no longer held. */
  returning: ((message: DeliveredMessage) => void) | undefined = undefined;
  readonly #owner: VerdictOwner;
  readonly #uplink: Uplink;
  readonly #replies: ReplySender;

  constructor(
    owner: VerdictOwner,
    uplink: Uplink,
    replies: ReplySender,
    held: HeldMessages = new HeldMessages(),
  ) {
    this.held = held;
    this.#owner = owner;
    this.#uplink = uplink;
    this.#replies = replies;
  }

  /** Schedules the writing of notes. */
  schedule(): void {
    this.#uplink.schedule(this.#owner);
  }

  ackMessage(message: Message, options?: AckOptions): Promise<void> {
    if (!this.#isOwn(message)) return this.#refuseForeign("acknowledge");
    const mistake = options && findOptionMistake(options, ACK_NAMES, "Cannot acknowledge");
    if (mistake !== undefined) return Promise.reject(mistake);
    if (message.verdict !== undefined || options?.signal?.aborted) {
      return refuseAgain("acknowledge", message, options);
    }
    // The broker decides whether the acknowledgement of a message that it has taken back still counts.
    const isHeld = this.#end(message, "acknowledged") || this.held.wasRevoked(message);
    if (options?.confirm) return this.#confirm("acknowledge", message, { isHeld, options }, ack);
    if (!isHeld) return this.#letGo("acknowledge", message);
    if (this.notes.ack(message.tag)) this.schedule();
    return nothing;
  }

  /** Acknowledges a message whose handler has returned, unless it has an outcome or is lost. */
  finish(message: DeliveredMessage): void {
    if (message.verdict !== undefined) return;
    const isHeld = this.#end(message, "acknowledged") || this.held.wasRevoked(message);
    if (isHeld && this.notes.ack(message.tag)) this.schedule();
  }

  releaseMessage(message: Message, options: AckOptions = {}): Promise<void> {
    const mistake = findOptionMistake(options, ACK_NAMES, "Cannot release");
    if (mistake !== undefined) return Promise.reject(mistake);
    return this.#giveUp("release", message, undefined, options);
  }

  nackMessage(message: Message, options: NackOptions = {}): Promise<void> {
    const { delayMs } = options ?? {};
    const mistake = findOptionMistake(options, NACK_NAMES, "Cannot nack") ??
      (delayMs === undefined ? undefined : findSpanMistake("nack", "delayMs", delayMs, 0)) ??
      findFaultMistake(options.fault);
    if (mistake !== undefined) return Promise.reject(mistake);
    const reason = describeReason(options.reason);
    const note: FailureNote = { type: FrameType.nack, ms: delayMs, reason };
    const isFault = options.fault !== undefined && this.#uplink.knowsWork;
    return this.#giveUp("nack", message, isFault ? { ...note, isFault } : note, options);
  }

  postponeMessage(message: Message, ms: number, options: PostponeOptions = {}): Promise<void> {
    const mistake = findSpanMistake("postpone", "ms", ms, 0) ??
      findOptionMistake(options, POSTPONE_NAMES, "Cannot postpone") ??
      (options.lane === undefined
        ? undefined
        : findSpanMistake("postpone", "lane", options.lane, ms));
    if (mistake !== undefined) return Promise.reject(mistake);
    const { lane, reason } = options;
    const note: FailureNote = {
      type: FrameType.nack,
      ms: lane ?? ms,
      reason: describeReason(reason),
      // An earlier broker gives the message back as late, with its attempt counted.
      ...this.#uplink.knowsWork && { isPostponed: true, holdsLane: lane !== undefined },
    };
    return this.#giveUp("postpone", message, note, options);
  }

  rejectMessage(
    message: Message,
    reason?: string | Error,
    options: AckOptions = {},
  ): Promise<void> {
    const mistake = findOptionMistake(options, ACK_NAMES, "Cannot reject");
    if (mistake !== undefined) return Promise.reject(mistake);
    const note = { type: FrameType.reject, ms: undefined, reason: describeReason(reason) };
    return this.#giveUp("reject", message, note, options);
  }

  async extendMessage(message: Message, ms: number, options: CallOptions = {}): Promise<void> {
    if (!this.#isOwn(message)) return this.#refuseForeign("extend");
    const mistake = findSpanMistake("extend", "ms", ms, 1);
    if (mistake !== undefined) throw mistake;
    if (message.verdict !== undefined || options.signal?.aborted) {
      return refuseAgain("extend", message, options);
    }
    if (!this.held.has(message)) throw this.#explainLost("extend", message);
    const note = { type: FrameType.extend, ms, reason: "" };
    await this.#ask(message, options, (writer, delivery) => writeNote(writer, delivery, note));
  }

  /** Extends the time of all messages that are still held, in one frame and without waiting for an answer. */
  extendAll(messages: readonly DeliveredMessage[], ms: number): void {
    for (const message of messages) {
      if (this.held.has(message)) this.notes.extend(message.tag, ms);
    }
    this.schedule();
  }

  /** Writes what is noted before anything else happens. */
  writeNow(): void {
    this.#uplink.writeNow();
  }

  reply(
    message: Message,
    address: ReplyAddress,
    body: MessageBody,
    options?: ReplyOptions,
  ): Promise<void> {
    return this.#replies.send(address, body, options, message);
  }

  signalOf(message: DeliveredMessage): AbortSignal {
    return signalOf(message);
  }

  /** Gives back the message of a loop that was left. */
  leave(message: DeliveredMessage): void {
    this.returning?.(message);
    this.#end(message, "given back");
    this.notes.fail(message.tag, leftNote);
    this.schedule();
    abortSignal(message, explainLoss(message, LEFT));
  }

  /** Asks a question that the broker answers when it has done all that was written before. */
  fence(writer: FrameWriter, query: number): void {
    writeTags(writer, FrameType.release, { follower: this.#owner.number, query, ranges: [] });
  }

  /** All deliveries are lost. */
  lose(why: string): void {
    this.notes.clear();
    this.held.loseAll(why);
  }

  #isOwn(message: Message): message is DeliveredMessage {
    return message instanceof DeliveredMessage && message.owner === this;
  }

  #refuseForeign(action: DeliveryAction): Promise<never> {
    const name = JSON.stringify(this.#owner.name);
    return Promise.reject(
      new TypeError(`Cannot ${action} a message that follower ${name} has not taken`),
    );
  }

  /** Ends a message; returns whether it was still this follower's. */
  #end(message: DeliveredMessage, verdict: Verdict): boolean {
    message.verdict = verdict;
    return this.held.remove(message);
  }

  /** Ends a message that is not acknowledged; without a note it is released. */
  #giveUp(
    action: "nack" | "postpone" | "reject" | "release",
    message: Message,
    note: FailureNote | undefined,
    options: AckOptions,
  ): Promise<void> {
    if (!this.#isOwn(message)) return this.#refuseForeign(action);
    if (message.verdict !== undefined || options.signal?.aborted) {
      return refuseAgain(action, message, options);
    }
    if (this.held.has(message)) this.returning?.(message);
    const isHeld = this.#end(message, action === "reject" ? "rejected" : "given back");
    if (options.confirm) {
      const write: WriteNote = (writer, delivery) =>
        note === undefined
          ? writeTag(writer, FrameType.release, delivery)
          : writeNote(writer, delivery, note);
      return this.#confirm(action, message, { isHeld, options }, write);
    }
    if (!isHeld) return this.#letGo(action, message);
    if (note === undefined) this.notes.release({ firstTag: message.tag, count: 1 });
    else this.notes.fail(message.tag, note);
    this.schedule();
    return nothing;
  }

  /**
   * Without `confirm`, ending a lost delivery is ignored: the message comes again, and a loop should not
   * end because its connection was lost for a moment. If the follower is closed, its loop does not go
   * on, and the caller has to know.
   */
  #letGo(action: DeliveryAction, message: DeliveredMessage): Promise<void> {
    if (!this.#owner.isClosed) return nothing;
    message.verdict = undefined;
    const error = this.#explainLost(action, message);
    abortSignal(message, error);
    return Promise.reject(error);
  }

  /** Ends a delivery and waits for the broker's answer. */
  async #confirm(
    action: DeliveryAction,
    message: DeliveredMessage,
    { isHeld, options }: { isHeld: boolean; options: CallOptions },
    write: WriteNote,
  ): Promise<void> {
    try {
      if (!isHeld) throw this.#explainLost(action, message);
      await this.#ask(message, options, write);
    } catch (error) {
      // After an aborted wait, the state of the message is unknown.
      if (!options.signal?.aborted) abortSignal(message, error);
      throw error;
    }
  }

  async #ask(message: DeliveredMessage, options: CallOptions, write: WriteNote): Promise<void> {
    const follower = this.#owner.number;
    await this.#uplink.queries.send((writer, query) => {
      write(writer, { follower, query, tag: message.tag });
    }, options);
  }

  #explainLost(action: DeliveryAction, message: DeliveredMessage): Error {
    return explainStale(action, message, this.held.lossOf(message) ?? "it was lost");
  }
}

const ack: WriteNote = (writer, delivery) => writeTag(writer, FrameType.ack, delivery);

function findSpanMistake(
  action: DeliveryAction,
  name: string,
  span: unknown,
  low: number,
): Error | undefined {
  return findNumberMistake(name, span, { low, high: SPAN_MS_MAX }, `Cannot ${action} a message`);
}

function findFaultMistake(fault: unknown): Error | undefined {
  if (fault === undefined || fault === "downstream") return undefined;
  const found = typeof fault === "string" ? JSON.stringify(fault) : typeof fault;
  const text = `Cannot nack a message: fault is "downstream" or left out, found ${found}`;
  return typeof fault === "string" ? new RangeError(text) : new TypeError(text);
}

/** Refuses to end a message twice, or with an aborted signal. */
function refuseAgain(
  action: DeliveryAction,
  message: DeliveredMessage,
  options: AckOptions | undefined,
): Promise<void> {
  const { verdict } = message;
  if (verdict === undefined) return Promise.reject(options?.signal?.reason);
  if (verdict !== "acknowledged by autoAck") {
    return Promise.reject(explainStale(action, message, `it was ${verdict} before`));
  }
  // There is nothing left to do, but `confirm` could promise nothing.
  if (action === "acknowledge" && !options?.confirm) return nothing;
  return Promise.reject(explainAutomatic(action, message));
}

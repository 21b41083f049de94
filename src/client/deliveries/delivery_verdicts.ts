import {
  FrameType,
  type FrameWriter,
  type ReplyAddress,
  type TagRange,
  writeTags,
  writeVerdict,
} from "../../../protocol.ts";
import type { CallOptions } from "../member/call_options.ts";
import type { MessageBody } from "../outgoing/body.ts";
import type { ReplyOptions } from "../requesting/reply.ts";
import type { LinkWriter } from "../uplink/member.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { DeliveredMessage, type MessageOwner, type Verdict } from "./delivered_message.ts";
import { type DeliveryAction, explainAutomatic, explainStale } from "./delivery_mistake.ts";
import {
  DeliveryNotes,
  type FailureNote,
  type NotedDelivery,
  TagRanges,
  writeNote,
  writeTag,
} from "./delivery_notes.ts";
import { abortSignal, explainLoss, HeldMessages, signalOf } from "./held_messages.ts";
import type { AckOptions, Message, NackOptions, PostponeOptions } from "./message.ts";
import { type Ending, type SeveralVerdicts, Together } from "./together.ts";
import {
  findAckMistake,
  findSpanMistake,
  readNack,
  readPostpone,
  readReject,
} from "./verdict_note.ts";

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
const LEFT = "its loop was left before it was ended";
const leftNote: FailureNote = { type: FrameType.nack, ms: 0, reason: LEFT };

/** Acknowledges, gives back, rejects, releases and extends the messages of a follower. */
export class DeliveryVerdicts implements MessageOwner, SeveralVerdicts {
  readonly held: HeldMessages;
  readonly notes: DeliveryNotes = new DeliveryNotes();
  /** What is said about several messages at once. */
  readonly together: Together = new Together(this);
  /** Hears of messages that handlers give back, before they are no longer held. */
  returning: ((message: DeliveredMessage) => void) | undefined = undefined;
  /** Whether messages are at hand that no handler has got. */
  hasMore: () => boolean = () => false;
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

  /** Notes an acknowledgement; it leaves with those of the messages that are at hand. */
  noteAck(tag: number): void {
    if (this.notes.ack(tag)) this.#uplink[this.hasMore() ? "postpone" : "schedule"](this.#owner);
  }

  ackMessage(message: Message, options?: AckOptions): Promise<void> {
    if (!this.#isOwn(message)) return this.#refuseForeign("acknowledge");
    const mistake = options && findAckMistake(options, "acknowledge");
    if (mistake !== undefined) return Promise.reject(mistake);
    if (message.verdict !== undefined || options?.signal?.aborted) {
      return refuseAgain("acknowledge", message, options);
    }
    // The broker decides whether the acknowledgement of a message that it has taken back still counts.
    const isHeld = this.#end(message, "acknowledged") || this.held.wasRevoked(message);
    if (options?.confirm) return this.#confirm("acknowledge", message, { isHeld, options }, ack);
    if (!isHeld) return this.#letGo("acknowledge", message);
    this.noteAck(message.tag);
    return nothing;
  }

  /** Acknowledges a message whose handler has returned, unless it has an outcome or is lost. */
  finish(message: DeliveredMessage): void {
    if (message.verdict !== undefined) return;
    const isHeld = this.#end(message, "acknowledged") || this.held.wasRevoked(message);
    if (isHeld) this.noteAck(message.tag);
  }

  releaseMessage(message: Message, options: AckOptions = {}): Promise<void> {
    const mistake = findAckMistake(options, "release");
    if (mistake !== undefined) return Promise.reject(mistake);
    return this.#giveUp("release", message, undefined, options);
  }

  nackMessage(message: Message, options: NackOptions = {}): Promise<void> {
    const note = readNack(options, this.knowsWork);
    if (note instanceof Error) return Promise.reject(note);
    return this.#giveUp("nack", message, note, options);
  }

  postponeMessage(message: Message, ms: number, options: PostponeOptions = {}): Promise<void> {
    const note = readPostpone(ms, options, this.knowsWork);
    if (note instanceof Error) return Promise.reject(note);
    return this.#giveUp("postpone", message, note, options);
  }

  rejectMessage(
    message: Message,
    reason?: string | Error,
    options: AckOptions = {},
  ): Promise<void> {
    const note = readReject(reason, options);
    if (note instanceof Error) return Promise.reject(note);
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

  get knowsWork(): boolean {
    return this.#uplink.knowsWork;
  }

  endAll(
    messages: readonly DeliveredMessage[],
    ending: Ending,
    options: AckOptions,
  ): Promise<void> {
    const { action } = ending;
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    const isAck = action === "acknowledge";
    const verdict = isAck ? "acknowledged" : action === "reject" ? "rejected" : "given back";
    const ended: DeliveredMessage[] = [];
    const lost: DeliveredMessage[] = [];
    for (const message of messages) {
      if (message.verdict !== undefined) continue;
      if (!isAck && this.held.has(message)) this.returning?.(message);
      const isHeld = this.#end(message, verdict) || (isAck && this.held.wasRevoked(message));
      (isHeld ? ended : lost).push(message);
    }
    if (options.confirm) return this.#confirmAll(ended, lost, { ending, options });
    if (ended.length > 0) this.#noteAll(ended, ending);
    const refusals = lost.map((message) => this.#letGo(action, message));
    return refusals.length === 0 ? nothing : Promise.all(refusals).then(() => {});
  }

  async extendNow(
    messages: readonly DeliveredMessage[],
    ms: number,
    options: CallOptions,
  ): Promise<void> {
    options.signal?.throwIfAborted();
    const lost = messages.find((message) => !this.held.has(message));
    if (lost !== undefined) throw this.#explainLost("extend", lost);
    if (messages.length === 0) return;
    const follower = this.#owner.number;
    const ranges = rangesOf(messages);
    await this.#uplink.queries.send((writer, query) => {
      writeVerdict(writer, FrameType.extend, { follower, query, ms, ranges, reason: "" });
    }, options);
  }

  /** Gives back the message of a loop that was left. */
  leave(message: DeliveredMessage): void {
    this.returning?.(message);
    this.#end(message, "given back");
    this.notes.fail(message.tag, leftNote);
    this.schedule();
    abortSignal(message, explainLoss(message, LEFT));
  }

  /** Gives back messages of a batch whose loop was left; returns the reason of their signals. */
  leaveAll(messages: readonly DeliveredMessage[], isTogether: boolean): Error {
    const note = isTogether && this.knowsWork ? { ...leftNote, isTogether } : leftNote;
    this.endAll(messages, { action: "nack", note }, {}).catch(() => {});
    const reasons = messages.map((message) => explainLoss(message, LEFT));
    messages.forEach((message, index) => abortSignal(message, reasons[index]));
    return reasons[0]!;
  }

  /** One handler gets several messages at once. */
  beginTogether(messages: readonly DeliveredMessage[]): void {
    if (this.knowsWork) this.notes.beginTogether(rangesOf(messages));
    else for (const { tag } of messages) this.notes.begin(tag);
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

  #noteAll(messages: readonly DeliveredMessage[], ending: Ending): void {
    if (ending.action === "acknowledge") { for (const { tag } of messages) this.notes.ack(tag); }
    else if (ending.action === "release") {
      for (const { tag } of messages) this.notes.release({ firstTag: tag, count: 1 });
    } else this.notes.failAll(rangesOf(messages), ending.note);
    this.schedule();
  }

  /** Ends deliveries, and waits for one answer of the broker. */
  async #confirmAll(
    ended: readonly DeliveredMessage[],
    lost: readonly DeliveredMessage[],
    { ending, options }: { ending: Ending; options: CallOptions },
  ): Promise<void> {
    const { action } = ending;
    const follower = this.#owner.number;
    const ranges = rangesOf(ended);
    try {
      if (ended.length > 0) {
        await this.#uplink.queries.send((writer, query) => {
          const fields = { follower, query, ranges };
          if (action === "acknowledge") writeTags(writer, FrameType.ack, fields);
          else if (action === "release") writeTags(writer, FrameType.release, fields);
          else writeVerdict(writer, ending.note.type, { ...ending.note, ...fields });
        }, options);
      }
      if (lost[0] !== undefined) throw this.#explainLost(action, lost[0]);
    } catch (error) {
      if (!options.signal?.aborted) { for (const message of lost) abortSignal(message, error); }
      throw error;
    }
  }

  async #ask(message: DeliveredMessage, options: CallOptions, write: WriteNote): Promise<void> {
    const about = { follower: this.#owner.number, tag: message.tag };
    await this.#uplink.queries.send((writer, query) => write(writer, { ...about, query }), options);
  }

  #explainLost(action: DeliveryAction, message: DeliveredMessage): Error {
    return explainStale(action, message, this.held.lossOf(message) ?? "it was lost");
  }
}

function rangesOf(messages: readonly DeliveredMessage[]): TagRange[] {
  const tags = new TagRanges();
  for (const { tag } of messages) tags.add(tag);
  return tags.take();
}

const ack: WriteNote = (writer, delivery) => writeTag(writer, FrameType.ack, delivery);

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

/**
 * One client's session: its handshake, and a table that says what each frame does. Nothing else knows
 * both frames and the engine.
 *
 * @module
 */

import { deadline } from "@std/async/deadline";
import {
  type BindFields,
  BrokerError,
  type FrameDecoder,
  FrameType,
  MAGIC,
  readControlFrame,
  readVerdict,
  type TagFields,
  writeControlFrame,
} from "../../../protocol.ts";
import { describeFrameType } from "../../protocol/frames/frame_type.ts";
import { readCredit, readPublish, readTags } from "../../protocol/frames/message_frame.ts";
import { writeResponse } from "../../protocol/frames/query_frame.ts";
import { HANDSHAKE_BYTES_MAX } from "../../protocol/limits.ts";
import type { Engine } from "../../broker/engine.ts";
import type { Duplex } from "../../transport/duplex.ts";
import type { LinkFault } from "../../transport/heartbeat.ts";
import { Link, type LinkOwner } from "../../transport/link.ts";
import {
  checkMagic,
  explainLate,
  FIRST_BYTE_OF_LINES,
  makeWelcome,
  readHello,
} from "./handshake.ts";
import { ReadingGate } from "../flow/reading_gate.ts";
import { type Place, PLACELESS_BYTES_MAX } from "../flow/receiving_room.ts";
import type { SessionContext } from "../flow/session_context.ts";
import { asBrokerError, explainFault } from "../flow/outlet.ts";
import { type Credit, SessionFollower } from "./session_follower.ts";
import type { SessionHost } from "./answers.ts";
import { SessionMembers } from "./session_members.ts";
import { SessionReplies } from "./session_replies.ts";
import { SessionQueries } from "./session_queries.ts";
import { SessionStreams } from "./session_streams.ts";
import { SessionPublisher } from "./session_publisher.ts";
import { SessionWatch } from "../flow/session_watch.ts";
import type { WaitingReplies } from "../flow/waiting_replies.ts";
import { SLICE_STEPS } from "../flow/work_turn.ts";

/** Whom a session is for. */
export interface SessionCaller {
  /** The connection. */
  readonly duplex: Duplex;
  /** Whose it is. */
  readonly peer: string;
  /** Takes the session's connection over if its first byte, which is read, begins a JSON line. */
  readonly handOver?: ((session: Session) => void) | undefined;
  /** How much of what was sent to it is not taken yet, where the system tells that. */
  readonly countQueued?: ((now: number) => number | undefined) | undefined;
}

/** How long an error frame may take to leave before the connection is closed, in milliseconds. */
const FAREWELL_MS = 1000;

/** One client's session. */
export class Session implements LinkOwner, SessionHost {
  readonly number: number;
  /** Whose it is. */
  readonly peer: string;
  /** When its connection was opened, in milliseconds. */
  readonly openedAt: number;
  /** What the broker's sessions share. */
  readonly context: SessionContext;
  /** Its connection. */
  readonly link: Link;
  /** Its publishers. */
  readonly publishers: SessionMembers<SessionPublisher> = new SessionMembers("publisher");
  /** Its followers. */
  readonly followers: SessionMembers<SessionFollower> = new SessionMembers("follower");
  /** Its requests that wait for replies, and its replies. */
  readonly replies: SessionReplies = new SessionReplies(this);
  readonly countQueued: SessionCaller["countQueued"];
  readonly #handOver: ((session: Session) => void) | undefined;
  #isHandedOver = false;
  readonly #queries: SessionQueries;
  readonly #gate: ReadingGate;
  /** Set while a large frame comes in. */
  #place: Place | undefined;
  readonly #streams: SessionStreams;
  #client: string | undefined;
  readonly #watch: SessionWatch;
  #hasSaidGoodbye = false;
  /** Set once the client is being told why the session ends. */
  #ending: Promise<void> | undefined;
  #wasFull = false;

  /**
   * @param caller The connection, whose it is, and what to do with one that speaks JSON lines.
   * @param number Its number, for logs.
   * @param context What the broker's sessions share.
   */
  constructor(
    { duplex, peer, handOver, countQueued }: SessionCaller,
    number: number,
    context: SessionContext,
  ) {
    this.number = number;
    this.context = context;
    this.peer = peer;
    this.countQueued = countQueued;
    this.openedAt = context.now();
    this.#handOver = handOver;
    this.link = new Link(duplex, this, HANDSHAKE_BYTES_MAX);
    this.#streams = new SessionStreams(context.engine, this.link.writer);
    this.#queries = new SessionQueries(this, context);
    this.#watch = new SessionWatch(this, {
      isDeaf: () => this.#gate.isDeaf,
      onFault: (fault) => this.#giveUp(fault),
    });
    this.#gate = new ReadingGate({
      link: this.link,
      budget: context.budget,
      answerBytesMax: context.outboundBytesMax,
      isBusy: () => this.#queries.isFull,
      turn: context.turn,
    });
  }

  get engine(): Engine {
    return this.context.engine;
  }

  get waitingReplies(): WaitingReplies {
    return this.context.waitingReplies;
  }

  get bodyBytesMax(): number {
    return this.context.limits.bodyBytes;
  }

  get isOver(): boolean {
    return this.#ending !== undefined || this.link.isClosed;
  }

  get isFull(): boolean {
    if (this.isOver || this.link.isCut) return true;
    const isFull = this.link.outboundBytes >= this.context.outboundBytesMax;
    if (isFull) this.#wasFull = true;
    return isFull;
  }

  /** Serves the client until it leaves or has to. */
  async run(): Promise<void> {
    this.#watch.begin(this.openedAt, this.openedAt + this.context.handshakeTimeoutMs);
    try {
      await this.#serve();
    } catch (error) {
      await this.endWith(error);
    } finally {
      if (!this.#isHandedOver) await this.#leave();
    }
  }

  /** Tells the client that the broker is being stopped. */
  sayGoodbye(): void {
    const code = "SHUTTING_DOWN";
    const message = "the broker is being stopped";
    // A client that is not welcomed yet expects a welcome or an error, and nothing else.
    if (this.#client === undefined) return void this.endWith(new BrokerError(code, message));
    this.#hasSaidGoodbye = true;
    writeControlFrame(this.link.writer, "goodbye", { code, message });
    this.link.flush();
  }

  numberOf(stream: string): number {
    return this.#streams.numberOf(stream);
  }

  report(
    error: BrokerError,
    about: { query?: number; publisher?: number; follower?: number },
  ): void {
    const { code, message, details } = error;
    const figures = Object.keys(details).length > 0 ? { details } : {};
    writeControlFrame(this.link.writer, "error", { code, message, ...about, ...figures });
    this.link.flush();
  }

  notePushed(bytes: number): void {
    this.#gate.notePushed(bytes);
  }

  useBudget(bytes: number): void {
    this.context.budget.use(bytes);
  }

  freeBudget(bytes: number): void {
    this.context.budget.free(bytes);
  }

  handleFrame(frame: FrameDecoder): void {
    if (this.#place !== undefined) this.#freePlace();
    // A session that has been told its end does nothing more.
    if (this.#ending !== undefined) return;
    if (this.#client === undefined) return this.#handleHello(frame);
    const handle = handlers[frame.type];
    if (handle === undefined) {
      throw new BrokerError(
        "UNKNOWN_FRAME",
        `Cannot handle a frame of type ${describeFrameType(frame.type)}: clients do not send it`,
      );
    }
    handle(this, frame);
  }

  handleReady(): void {
    this.#streams.forget();
    this.#gate.look();
    if (!this.#wasFull || this.link.outboundBytes >= this.context.outboundBytesMax) return;
    this.#wasFull = false;
    for (const follower of this.followers.values()) follower.resume();
  }

  waitToRead(): Promise<void> | undefined {
    return this.#gate.wait();
  }

  waitToReceive(bytes: number): Promise<void> | undefined {
    if (this.#place === undefined && bytes > PLACELESS_BYTES_MAX) {
      this.#place = this.context.receivingRoom.ask({
        bytes,
        countReceived: () => this.link.receivedBytes,
        end: (error) => void this.endWith(error),
      });
    }
    return this.#place?.wait();
  }

  handleClosed(): void {
    this.#freePlace();
    this.#gate.look();
  }

  /** Hears how much the client has received. */
  handleProgress(frame: FrameDecoder): void {
    const bytes = frame.u64();
    frame.finish();
    this.link.noteProgress(bytes);
  }

  /** Opens a publisher, or tells why not. */
  openPublisher(frame: FrameDecoder): void {
    const options = readControlFrame(frame, "openPublisher");
    const refusal = this.publishers.reserve(options.publisher);
    if (refusal !== undefined) return this.report(refusal, { publisher: options.publisher });
    this.#whenPrepared(options.bind, () => {
      this.publishers.add(options.publisher, new SessionPublisher(this, options));
      this.#logOpened("publisher", options.publisher, options.bind);
    });
  }

  /** Opens a follower, or tells why not. */
  openFollower(frame: FrameDecoder): void {
    const options = readControlFrame(frame, "openFollower");
    const refusal = this.followers.reserve(options.follower);
    if (refusal !== undefined) return this.report(refusal, { follower: options.follower });
    this.#whenPrepared(options.bind, () => {
      const capped = { ...options, ...this.#capCredit(options) };
      this.followers.add(options.follower, new SessionFollower(this, capped));
      this.#logOpened("follower", options.name, options.bind);
    }, () => this.followers.find(options.follower)?.attach() ?? true);
  }

  /** Hands a batch to its publisher. */
  publish(frame: FrameDecoder): void {
    const fields = readPublish(frame);
    const publisher = this.publishers.find(fields.publisher);
    if (publisher !== undefined) publisher.handlePublish(fields, frame);
    else SessionPublisher.refuseLate(this, fields, frame);
  }

  /** Sets how much a follower may hold. */
  setCredit(frame: FrameDecoder): void {
    const fields = readCredit(frame);
    this.followers.find(fields.follower)?.handleCredit(this.#capCredit(fields));
  }

  /** Hands what is said of deliveries to the follower that holds them. */
  handleTags(frame: FrameDecoder, verb: "ack" | "release" | "begin"): void {
    const fields = readTags(frame);
    const follower = this.followers.find(fields.follower);
    if (follower !== undefined) follower.handleTags(fields, verb);
    else this.#refuseLate(fields);
  }

  /** Hands what becomes of deliveries to the follower that holds them. */
  handleVerdict(frame: FrameDecoder, verb: "nack" | "reject" | "extend"): void {
    const fields = readVerdict(frame);
    const follower = this.followers.find(fields.follower);
    if (follower !== undefined) follower.handleVerdict(fields, verb);
    else this.#refuseLate(fields);
  }

  /** Ends a publisher for good. */
  closePublisher(frame: FrameDecoder): void {
    const number = frame.u32();
    frame.finish();
    this.publishers.take(number)?.close();
  }

  /** Ends a follower. */
  closeFollower(frame: FrameDecoder): void {
    const number = frame.u32();
    const lastTag = frame.u64();
    frame.finish();
    this.followers.take(number)?.close(lastTag);
  }

  /** The client is done: its publishers will not come back. */
  handleGoodbye(frame: FrameDecoder): void {
    readControlFrame(frame, "goodbye");
    this.#hasSaidGoodbye = true;
    this.#gate.hold(this.#closeMembers((publisher) => publisher.close()));
  }

  /** Carries out a cursor's operation and answers it. */
  handleQuery(frame: FrameDecoder): void {
    this.#queries.handleQuery(frame)?.then(() => this.#gate.look());
  }

  respond(query: number, result: unknown): void {
    if (this.isOver) return;
    writeResponse(this.link.writer, query, result);
    this.link.flush();
  }

  fail(cause: unknown, about: { query?: number; follower?: number }): void {
    const error = asBrokerError(cause, this.context.log);
    if (error.fatal) throw error;
    if (!this.isOver) this.report(error, about);
  }

  endWith(cause: unknown): Promise<void> {
    const error = asBrokerError(cause, this.context.log);
    this.#ending ??= this.#end(error);
    return this.#ending;
  }

  /** Opens a member when its pattern has been matched, and goes on until all is done: in many turns. */
  #whenPrepared(bind: BindFields, open: () => void, goOn: () => boolean = () => true): void {
    const { engine, turn } = this.context;
    const isPrepared = engine.prepare(bind, SLICE_STEPS);
    if (isPrepared) open();
    if (isPrepared && goOn()) return;
    const work = async () => {
      if (!isPrepared) {
        while (!this.isOver && !engine.prepare(bind, SLICE_STEPS)) await turn.note();
        if (this.isOver) return;
        open();
      }
      while (!this.isOver && !goOn()) await turn.note();
    };
    this.#gate.hold(work().catch((error) => this.endWith(error)));
  }

  #logOpened(kind: "publisher" | "follower", member: number | string, bind: BindFields): void {
    const about = { session: this.number, [kind]: member, [bind.bindType]: bind.routeString };
    this.context.log.debug(`${kind} opened`, about);
  }

  /** Ends all members; those of others are heard in between if that takes long. */
  async #closeMembers(end: (publisher: SessionPublisher) => void): Promise<void> {
    const { turn } = this.context;
    for (const follower of this.followers.takeAll()) {
      follower.close();
      const next = turn.note();
      if (next !== undefined) await next;
    }
    this.publishers.takeAll().forEach(end);
    this.replies.close();
  }

  /** What is said of deliveries of a follower that is closed changes nothing: they are not its any more. */
  #refuseLate({ follower, query }: TagFields): void {
    if (query === 0) return;
    const why = `Cannot find deliveries of follower ${follower}: it is closed`;
    this.report(new BrokerError("STALE_DELIVERY", why), { follower, query });
  }

  /** Credit as far as the broker's limits allow. */
  #capCredit({ messages, bytes }: Credit): Credit {
    const { unacknowledgedMessages, unacknowledgedBytes } = this.context.limits;
    return {
      messages: Math.min(messages, unacknowledgedMessages),
      bytes: Math.min(bytes, unacknowledgedBytes),
    };
  }

  #freePlace(): void {
    this.#place?.free();
    this.#place = undefined;
  }

  async #serve(): Promise<void> {
    const first = await this.link.readPreface(1);
    if (first === undefined) return;
    if (first[0] === FIRST_BYTE_OF_LINES && this.#handOver !== undefined && !this.isOver) {
      this.#isHandedOver = true;
      this.#watch.end();
      return this.#handOver(this);
    }
    const rest = await this.link.readPreface(MAGIC.length - 1);
    if (rest === undefined) return;
    checkMagic(new Uint8Array([...first, ...rest]));
    await this.link.run();
  }

  #handleHello(frame: FrameDecoder): void {
    const { client, capabilities } = readHello(frame);
    this.#client = client;
    const welcome = makeWelcome(this.context, this.number, capabilities);
    writeControlFrame(this.link.writer, "welcome", welcome);
    this.link.flush();
    frame.raiseLimit(this.context.limits.frameBytes);
    this.#watch.noteReady();
    this.context.log.info("session opened", {
      session: this.number,
      client,
      peer: this.peer,
    });
  }

  #giveUp(fault: LinkFault): void {
    if (fault === "late") return void this.endWith(explainLate(this.context.handshakeTimeoutMs));
    // A client that is silent or does not read cannot be told; its connection just ends.
    this.#logEnd(explainFault(fault));
    this.link.close();
  }

  async #end(error: BrokerError): Promise<void> {
    this.#watch.end();
    this.#logEnd(error);
    if (this.link.isClosed) return;
    const { code, message } = error;
    writeControlFrame(this.link.writer, "error", { code, message });
    // A client that does not take its error frame is closed all the same.
    await deadline(this.link.drain(), FAREWELL_MS).catch(() => {});
    this.link.close();
  }

  async #leave(): Promise<void> {
    this.#watch.end();
    this.link.close();
    await this.#closeMembers((publisher) => publisher.lose());
    if (this.#client === undefined) return;
    this.context.log.info(this.#hasSaidGoodbye ? "session closed" : "session lost", {
      session: this.number,
      client: this.#client,
    });
  }

  #logEnd(error: BrokerError): void {
    this.context.log.warning("session ended with an error", {
      session: this.number,
      client: this.#client ?? "unknown",
      peer: this.peer,
      code: error.code,
      error: error.message,
    });
  }
}

/** What each frame of a client does. */
const handlers: Record<number, (session: Session, frame: FrameDecoder) => void> = {
  [FrameType.heartbeat]: (_session, frame) => frame.finish(),
  [FrameType.progress]: (session, frame) => session.handleProgress(frame),
  [FrameType.goodbye]: (session, frame) => session.handleGoodbye(frame),
  [FrameType.query]: (session, frame) => session.handleQuery(frame),
  [FrameType.openPublisher]: (session, frame) => session.openPublisher(frame),
  [FrameType.closePublisher]: (session, frame) => session.closePublisher(frame),
  [FrameType.publish]: (session, frame) => session.publish(frame),
  [FrameType.openFollower]: (session, frame) => session.openFollower(frame),
  [FrameType.closeFollower]: (session, frame) => session.closeFollower(frame),
  [FrameType.credit]: (session, frame) => session.setCredit(frame),
  [FrameType.ack]: (session, frame) => session.handleTags(frame, "ack"),
  [FrameType.release]: (session, frame) => session.handleTags(frame, "release"),
  [FrameType.begin]: (session, frame) => session.handleTags(frame, "begin"),
  [FrameType.nack]: (session, frame) => session.handleVerdict(frame, "nack"),
  [FrameType.reject]: (session, frame) => session.handleVerdict(frame, "reject"),
  [FrameType.extend]: (session, frame) => session.handleVerdict(frame, "extend"),
  [FrameType.openReplies]: (session, frame) => session.replies.open(frame),
  [FrameType.reply]: (session, frame) => session.replies.handleReply(frame),
};

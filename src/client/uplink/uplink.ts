/**
 * The way to the broker: what all members of a connection share. It knows whether there is a link at
 * the moment, collects what members have to say into one write, and hands frames to the member they
 * are for.
 *
 * @module
 */

import {
  BrokerError,
  type ErrorReport,
  type FrameDecoder,
  FrameType,
  type FrameWriter,
  type Operation,
  type QueryFields,
  readConfirm,
  readControlFrame,
  readDeliver,
  readMessages,
  readResponse,
  readStream,
  readStreamsForgotten,
  readVerdict,
  type SessionLimits,
  type Welcome,
  writeQuery,
} from "../../../protocol.ts";
import { describeFrameType } from "../../protocol/frames/frame_type.ts";
import { FRAME_HEAD_BYTES } from "../../protocol/frames/frame_writer.ts";
import type { Clock } from "../../transport/clock.ts";
import type { Link } from "../../transport/link.ts";
import { type CallOptions, whenAborted } from "../member/call_options.ts";
import { type CallSite, noteCallSite, traceCaller } from "../member/caller_trace.ts";
import { ClosingPatience, FAREWELL_MS } from "../member/closing_limit.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import type { FollowingMember, Member, PublishingMember } from "../uplink/member.ts";
import { SpareBuffers } from "../outgoing/spare_buffers.ts";
import { OutgoingReplies } from "../requesting/outgoing_replies.ts";
import { PendingRequests } from "../requesting/pending_requests.ts";
import type { StatusBoard } from "./status.ts";

/** What a cursor asks for, without the number that the answer will carry. */
export type Query = Omit<QueryFields, "query">;

/**
 * What may be asked for again on a new link. Doing anything else a second time could undo or repeat
 * what somebody else did meanwhile: delete a stream that was created again, send dead letters back
 * twice.
 */
const REPEATABLE: ReadonlySet<Operation> = new Set<Operation>([
  "createStream",
  "updateStream",
  "pauseStream",
  "resumeStream",
  "getStreams",
  "getStream",
  "getPels",
  "getPel",
  "peek",
  "getMessage",
  "explain",
]);

/** A query is sent again so often at most: it may be what ends one connection after the other. */
const REPETITIONS_MAX = 5;

/** A query that waits for its answer. */
interface PendingQuery {
  /** The answer. */
  readonly promise: Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  /** What to send again on a new link; none if it may not be repeated. */
  readonly repeat: Query | undefined;
  /** How often it was sent. */
  sentCount: number;
}

/** The way to the broker. */
export class Uplink {
  readonly publishers: Map<number, PublishingMember> = new Map();
  readonly followers: Map<number, FollowingMember> = new Map();
  /** What publishers need for their batches, and have not in use. */
  readonly spareBuffers: SpareBuffers = new SpareBuffers();
  /** The time that calls go by which end after a while. */
  readonly clock: Clock;
  /** How long handlers may take when their follower is closed, in milliseconds. */
  readonly drainMs: number;
  /** Messages that were sent and wait for a reply. */
  readonly pendingRequests: PendingRequests = new PendingRequests(this);
  /** What is replied to messages of others. */
  readonly outgoingReplies: OutgoingReplies = new OutgoingReplies(this);
  /** After how long the broker of the newest session wants to know that a handler has a message. */
  beginMs = 0;
  #link: Link | undefined;
  #limits: SessionLimits;
  #error: Error | undefined;
  #isClosed = false;
  #lastNumber = 0;
  #isScheduled = false;
  /** How many bytes heartbeats were that have come over the link. */
  #idleBytes = 0;
  readonly #queries = new Map<number, PendingQuery>();
  readonly #streams = new Map<number, string>();
  readonly #dirty = new Set<Pick<Member, "write">>();
  readonly #board: StatusBoard;

  constructor(
    limits: SessionLimits,
    board: StatusBoard,
    options: { readonly clock: Clock; readonly drainMs: number },
  ) {
    this.#limits = limits;
    this.#board = board;
    this.clock = options.clock;
    this.drainMs = options.drainMs;
  }

  /** The link, if there is one now. */
  get link(): Link | undefined {
    return this.#link;
  }

  /** The limits of the newest session. */
  get limits(): SessionLimits {
    return this.#limits;
  }

  /** Whether the connection is closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** All publishers and followers. */
  get members(): Member[] {
    return [...this.publishers.values(), ...this.followers.values()];
  }

  /** A number that no member and no query has had. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Throws if the connection is closed. */
  requireOpen(action: string): void {
    if (this.#isClosed) throw this.#closedError(action);
  }

  /** Puts a new link into use: members come back, unanswered queries are asked again. */
  attach(link: Link, { limits, beginMs }: Welcome): void {
    this.#link = link;
    this.#limits = limits;
    this.beginMs = beginMs;
    this.#idleBytes = 0;
    this.#streams.clear();
    for (const [query, pending] of this.#queries) {
      if (pending.repeat === undefined) continue;
      writeQuery(link.writer, { query, ...pending.repeat });
      pending.sentCount++;
    }
    this.pendingRequests.attach(link);
    for (const member of this.members) member.open(link);
    this.#writeAll();
  }

  /** Takes the lost link out of use; `error` is why it was lost, if that is known. */
  detach(error: Error | undefined): void {
    this.#link = undefined;
    this.#dirty.clear();
    if (error instanceof BrokerError && error.code === "FRAME_TOO_LARGE") {
      this.#giveUpLargest(error);
    }
    for (const member of this.members) member.lose();
    this.pendingRequests.lose();
    for (const [number, pending] of this.#queries) {
      const loss = explainLoss(pending);
      if (loss === undefined) continue;
      this.#queries.delete(number);
      pending.reject(new ConnectionClosedError(loss));
    }
  }

  /** A frame was too large for the broker, whatever it has said of its limits: not once more. */
  #giveUpLargest(error: BrokerError): void {
    let largest: PublishingMember | undefined;
    for (const publisher of this.publishers.values()) {
      if (publisher.largestSent > (largest?.largestSent ?? 0)) largest = publisher;
    }
    largest?.giveUpLargest(error);
  }

  /** Ends everything, for good. */
  end(error: Error | undefined): void {
    this.#isClosed = true;
    this.#error = error;
    for (const member of this.members) member.end(error);
    for (const { reject } of this.#queries.values()) reject(this.#closedError("finish a query"));
    this.#queries.clear();
    this.pendingRequests.end(error);
    this.outgoingReplies.end();
  }

  /** Lets a member write soon, together with all others that have something to say. */
  schedule(member: Pick<Member, "write">): void {
    this.#dirty.add(member);
    // While the link is busy, more is collected: `handleReady` goes on.
    if (this.#isScheduled || !this.#link?.isReady) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#writeAll());
  }

  /**
   * Lets members write at once what they have to say, also if this turn of the event loop has seen a
   * write: for what must not be lost with the process. Nothing can be done about a link that is full.
   */
  writeNow(): void {
    if (this.#dirty.size === 0 || this.#link?.isSending !== false) return;
    this.#writeAll();
    this.#link.flushNow();
  }

  /** Leaves a member out from now on: it is closed, and has said its last word. */
  forget(member: Member, number: number): void {
    this.publishers.delete(number);
    this.followers.delete(number);
    this.#dirty.delete(member);
  }

  /** The link has room again. */
  handleReady(): void {
    if (this.#dirty.size > 0) this.#writeAll();
  }

  /** Asks the broker for something; resolves to the answer. */
  query(query: Query, options?: CallOptions): Promise<unknown> {
    const repeat = REPEATABLE.has(query.operation) ? query : undefined;
    return this.sendQuery(
      (writer, number) => writeQuery(writer, { query: number, ...query }),
      options,
      repeat,
      noteCallSite(),
    );
  }

  /**
   * Sends a frame that asks for an answer; resolves to it.
   *
   * @param write Writes the frame.
   * @param options A signal: after it, the answer is not looked at.
   * @param repeat What to ask again on a new link; without it the call fails with the link.
   * @param site Where the call was made, if that was noted.
   */
  sendQuery(
    write: (writer: FrameWriter, query: number) => void,
    options?: CallOptions,
    repeat?: Query,
    site?: CallSite,
  ): Promise<unknown> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#isClosed) return Promise.reject(this.#closedError("send a query"));
    const link = this.#link;
    if (link === undefined && repeat === undefined) {
      return Promise.reject(
        new ConnectionClosedError("Cannot send a query: the connection is lost"),
      );
    }
    const query = this.nextNumber();
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const reject = (error: Error) => resolve(traceCaller(error, site));
    const pending: PendingQuery = { promise, resolve, reject, repeat, sentCount: 0 };
    const entry = signal === undefined ? pending : this.#abortWith(signal, query, pending);
    this.#queries.set(query, entry);
    if (link === undefined) return pending.promise;
    // What members have said before comes before it.
    this.#writeAll();
    write(link.writer, query);
    entry.sentCount++;
    link.flush();
    return pending.promise;
  }

  /** Resolves when everything that is asked for now has its answer, or has failed. */
  async answered(): Promise<void> {
    // What is replied without waiting goes before whatever comes after this.
    this.#writeAll();
    await Promise.allSettled([...this.#queries.values()].map(({ promise }) => promise));
  }

  /** Resolves when what was said until now has left, or the link does not take it. */
  async drained(): Promise<void> {
    const link = this.#link;
    if (link === undefined || link.outboundBytes === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const patience = new ClosingPatience(FAREWELL_MS, () => this.progress, resolve);
    await Promise.race([link.drain(), promise]);
    patience.end();
  }

  /** Another text whenever something has moved; that the broker is there moves nothing. */
  get progress(): string {
    const { receivedBytes = 0, takenBytes, outboundBytes } = this.#link ?? {};
    return [this.#queries.size, receivedBytes - this.#idleBytes, takenBytes, outboundBytes].join();
  }

  /** The broker says that it is there. */
  noteHeartbeat(): void {
    this.#idleBytes += FRAME_HEAD_BYTES;
  }

  /** Waits until members have finished what is under way, and lets them say their last words. */
  async finish(): Promise<void> {
    await Promise.all(this.members.map((member) => member.finish()));
    this.#writeAll();
  }

  /** The name of a stream that the broker has numbered. */
  streamName(number: number): string {
    const name = this.#streams.get(number);
    if (name === undefined) throw new BrokerError("BAD_FRAME", `Stream ${number} has no name`);
    return name;
  }

  /** Hands a frame to whom it is for. */
  handleFrame(frame: FrameDecoder): void {
    const handle = handlers[frame.type];
    if (handle === undefined) {
      throw new BrokerError(
        "UNKNOWN_FRAME",
        `Cannot handle a frame of type ${describeFrameType(frame.type)}: brokers do not send it`,
      );
    }
    handle(this, frame);
  }

  /** How many streams have a number. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Forgets the names of streams that the broker does not speak of any more. */
  forgetStreams(frame: FrameDecoder): void {
    for (const stream of readStreamsForgotten(frame)) this.#streams.delete(stream);
  }

  /** Gives a number its stream. */
  nameStream(frame: FrameDecoder): void {
    const { stream, name } = readStream(frame);
    this.#streams.set(stream, name);
  }

  /** Answers a query. */
  respond({ query, result }: { query: number; result: unknown }): void {
    this.#queries.get(query)?.resolve(result);
    this.#queries.delete(query);
  }

  /** A stream is gone that a follower took from, or is not there yet. */
  handleAbsence(type: "streamDeleted" | "streamMissing", frame: FrameDecoder): void {
    const { follower, stream } = readControlFrame(frame, type);
    const member = this.followers.get(follower);
    if (member !== undefined) this.#board.post({ type, stream, follower: member.name });
  }

  /** Tells whoever caused an error. */
  handleError(report: ErrorReport): void {
    const { code, message, details = {} } = report;
    const error = new BrokerError(code, message, { details });
    if (error.fatal) throw error;
    if (report.query !== undefined) {
      this.#queries.get(report.query)?.reject(error);
      this.#queries.delete(report.query);
    } else if (report.publisher !== undefined) {
      this.publishers.get(report.publisher)?.end(error);
    } else if (report.follower !== undefined && !isAboutDelivery(error)) {
      this.followers.get(report.follower)?.end(error);
    }
  }

  /** Lets a signal end the waiting for an answer. */
  #abortWith(signal: AbortSignal, query: number, pending: PendingQuery): PendingQuery {
    const { resolve, reject } = pending;
    const forget = whenAborted(signal, () => {
      this.#queries.delete(query);
      reject(signal.reason);
    });
    return {
      ...pending,
      resolve: (result) => {
        forget();
        resolve(result);
      },
      reject: (error) => {
        forget();
        reject(error);
      },
    };
  }

  #writeAll(): void {
    this.#isScheduled = false;
    const link = this.#link;
    if (link === undefined) return;
    const members = [...this.#dirty];
    this.#dirty.clear();
    // A request is not acknowledged before its reply is sent.
    this.outgoingReplies.write(link);
    for (const member of members) member.write(link);
    link.flush();
  }

  #closedError(action: string): ConnectionClosedError {
    return new ConnectionClosedError(`Cannot ${action}: the connection is closed`, {
      cause: this.#error,
    });
  }
}

/** What each frame of the broker does. */
const handlers: Record<number, (uplink: Uplink, frame: FrameDecoder) => void> = {
  [FrameType.heartbeat]: (uplink) => uplink.noteHeartbeat(),
  [FrameType.stream]: (uplink, frame) => uplink.nameStream(frame),
  [FrameType.streamsForgotten]: (uplink, frame) => uplink.forgetStreams(frame),
  [FrameType.response]: (uplink, frame) => uplink.respond(readResponse(frame)),
  [FrameType.messages]: (uplink, frame) => {
    const { query, messages } = readMessages(frame);
    uplink.respond({ query, result: messages });
  },
  [FrameType.streamDeleted]: (uplink, frame) => uplink.handleAbsence("streamDeleted", frame),
  [FrameType.streamMissing]: (uplink, frame) => uplink.handleAbsence("streamMissing", frame),
  [FrameType.error]: (uplink, frame) => uplink.handleError(readControlFrame(frame, "error")),
  [FrameType.confirm]: (uplink, frame) => {
    const fields = readConfirm(frame);
    uplink.publishers.get(fields.publisher)?.handleConfirm(fields);
  },
  [FrameType.refuse]: (uplink, frame) => {
    const fields = readControlFrame(frame, "refuse");
    uplink.publishers.get(fields.publisher)?.handleRefusal(fields);
  },
  [FrameType.deliver]: (uplink, frame) => {
    const fields = readDeliver(frame);
    uplink.followers.get(fields.follower)?.handleDelivery(fields, frame);
  },
  [FrameType.replies]: (uplink, frame) => uplink.pendingRequests.handleReplies(frame),
  [FrameType.revoke]: (uplink, frame) => {
    const fields = readVerdict(frame);
    uplink.followers.get(fields.follower)?.handleRevocation(fields);
  },
};

/** Why a query fails with its link, if it does. */
function explainLoss({ repeat, sentCount }: PendingQuery): string | undefined {
  if (repeat === undefined) return "Cannot tell whether it was done: the connection was lost";
  if (sentCount <= REPETITIONS_MAX) return undefined;
  return `Cannot finish a query: it was sent ${sentCount} times, and the connection was lost each time`;
}

/**
 * Whether an error is about an acknowledgement that did not wait for an answer. Nobody can be told:
 * such a delivery is not this follower's any more (its stream was deleted, say), and the message is
 * where it belongs.
 */
function isAboutDelivery({ code }: BrokerError): boolean {
  return code === "STALE_DELIVERY" || code === "UNKNOWN_DELIVERY";
}

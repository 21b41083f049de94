/**
 * The way to the broker: what all members of a connection share. It knows whether there is a link at
 * the moment, collects what members have to say into one write, and hands frames to the member they
 * are for.
 *
 * @module
 */

import {
  BrokerError,
  describeFrameType,
  type ErrorReport,
  type FrameDecoder,
  FrameType,
  type FrameWriter,
  type Operation,
  readConfirm,
  readControlFrame,
  readDeliver,
  readResponse,
  readStream,
  type SessionLimits,
  writeRequest,
} from "../../protocol.ts";
import type { Link } from "../transport/link.ts";
import { ConnectionClosedError } from "./connection_closed_error.ts";
import type { FollowingMember, Member, PublishingMember } from "./member.ts";
import { SpareBuffers } from "./outgoing_batch.ts";

/** A request that waits for its answer. */
interface PendingRequest {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  /** What to send again on a new link; none if it may not be repeated. */
  readonly repeat: { readonly operation: Operation; readonly name: string } | undefined;
}

/** The way to the broker. */
export class Uplink {
  readonly publishers: Map<number, PublishingMember> = new Map();
  readonly followers: Map<number, FollowingMember> = new Map();
  /** What publishers need for their batches, and have not in use. */
  readonly spareBuffers: SpareBuffers = new SpareBuffers();
  #link: Link | undefined;
  #limits: SessionLimits;
  #error: Error | undefined;
  #isClosed = false;
  #lastNumber = 0;
  #isScheduled = false;
  readonly #requests = new Map<number, PendingRequest>();
  readonly #streams = new Map<number, string>();
  readonly #dirty = new Set<Member>();

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** The link, if there is one now. */
  get link(): Link | undefined {
    return this.#link;
  }

  /** The limits of the newest session. */
  get limits(): SessionLimits {
    return this.#limits;
  }

  /** All publishers and followers. */
  get members(): Member[] {
    return [...this.publishers.values(), ...this.followers.values()];
  }

  /** A number that no member and no request has had. */
  nextNumber(): number {
    return ++this.#lastNumber;
  }

  /** Throws if the connection is closed. */
  requireOpen(action: string): void {
    if (this.#isClosed) throw this.#closedError(action);
  }

  /** Puts a new link into use: members come back, unanswered requests are asked again. */
  attach(link: Link, limits: SessionLimits): void {
    this.#link = link;
    this.#limits = limits;
    this.#streams.clear();
    for (const [request, { repeat }] of this.#requests) {
      if (repeat !== undefined) writeRequest(link.writer, { request, ...repeat });
    }
    for (const member of this.members) member.open(link);
    this.#writeAll();
  }

  /** Takes the lost link out of use. */
  detach(): void {
    this.#link = undefined;
    this.#dirty.clear();
    for (const member of this.members) member.lose();
    for (const [number, { repeat, reject }] of this.#requests) {
      if (repeat !== undefined) continue;
      this.#requests.delete(number);
      reject(new ConnectionClosedError("Cannot tell whether it was done: the connection was lost"));
    }
  }

  /** Ends everything, for good. */
  end(error: Error | undefined): void {
    this.#isClosed = true;
    this.#error = error;
    for (const member of this.members) member.end(error);
    for (const { reject } of this.#requests.values()) reject(this.#closedError("finish a request"));
    this.#requests.clear();
  }

  /** Lets a member write soon, together with all others that have something to say. */
  schedule(member: Member): void {
    this.#dirty.add(member);
    // While the link is busy, more is collected: `handleReady` goes on.
    if (this.#isScheduled || !this.#link?.isReady) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#writeAll());
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
  request(operation: Operation, name = ""): Promise<unknown> {
    // Repeating a deletion could delete what was created meanwhile.
    const repeat = operation === "deleteStream" ? undefined : { operation, name };
    return this.sendRequest(repeat, (writer, request) => {
      writeRequest(writer, { request, operation, name });
    });
  }

  /** Sends a frame that asks for an answer; resolves to it. */
  sendRequest(
    repeat: PendingRequest["repeat"],
    write: (writer: FrameWriter, request: number) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(this.#closedError("send a request"));
      if (this.#link === undefined && repeat === undefined) {
        return reject(new ConnectionClosedError("Cannot send a request: the connection is lost"));
      }
      const request = this.nextNumber();
      this.#requests.set(request, { resolve, reject, repeat });
      if (this.#link === undefined) return;
      // What members have said before comes before it.
      this.#writeAll();
      write(this.#link.writer, request);
      this.#link.flush();
    });
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

  /** Gives a number its stream. */
  nameStream(frame: FrameDecoder): void {
    const { stream, name } = readStream(frame);
    this.#streams.set(stream, name);
  }

  /** Answers a request. */
  respond(frame: FrameDecoder): void {
    const { request, result } = readResponse(frame);
    this.#requests.get(request)?.resolve(result);
    this.#requests.delete(request);
  }

  /** Tells whoever caused an error. */
  handleError(report: ErrorReport): void {
    const error = new BrokerError(report.code, report.message);
    if (error.fatal) throw error;
    if (report.request !== undefined) {
      this.#requests.get(report.request)?.reject(error);
      this.#requests.delete(report.request);
    } else if (report.publisher !== undefined) {
      this.publishers.get(report.publisher)?.end(error);
    } else if (report.follower !== undefined && !isAboutDelivery(error)) {
      this.followers.get(report.follower)?.end(error);
    }
  }

  #writeAll(): void {
    this.#isScheduled = false;
    const link = this.#link;
    if (link === undefined) return;
    const members = [...this.#dirty];
    this.#dirty.clear();
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
  [FrameType.heartbeat]: () => {},
  [FrameType.stream]: (uplink, frame) => uplink.nameStream(frame),
  [FrameType.response]: (uplink, frame) => uplink.respond(frame),
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
};

/**
 * Whether an error is about an acknowledgement that did not wait for an answer. Nobody can be told:
 * such a delivery is not this follower's any more (its stream was deleted, say), and the message is
 * where it belongs.
 */
function isAboutDelivery({ code }: BrokerError): boolean {
  return code === "STALE_DELIVERY" || code === "UNKNOWN_DELIVERY";
}

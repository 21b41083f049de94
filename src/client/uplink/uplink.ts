import { setImmediate } from "node:timers";
import { BrokerError, type SessionLimits } from "../../../protocol.ts";
import { WORK } from "../../protocol/frames/control_frame.ts";
import type { Clock } from "../../transport/clock.ts";
import type { Link } from "../../transport/link.ts";
import { ClosingLimit, FAREWELL_MS } from "../member/closing_limit.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { type LinkWriter, type Member, MemberTable, type PublishingMember } from "./member.ts";
import { PendingQueries, type QueryWay } from "./pending_queries.ts";
import type { ClientSession } from "./client_session.ts";

/** Uses the link beside members and queries, as requests and replies do. */
export interface LinkUser {
  /** There is a new link; called before the members. */
  attach?(link: Link): void;
  /** Writes before the members. */
  write?(link: Link): void;
  /** The link is lost; called after the members. */
  lose?(): void;
  end(error: Error | undefined): void;
}

/** Options of all members of a connection. */
export interface UplinkOptions {
  /** The clock of timeouts. */
  readonly clock: Clock;
  /** The default of `close({ drainMs })`. */
  readonly drainMs: number;
}

/**
 * The part of a connection that its members share over all sessions: the present link, if there is one. It
 * collects their frames into one write.
 */
export class Uplink implements QueryWay {
  readonly members: MemberTable = new MemberTable();
  readonly queries: PendingQueries = new PendingQueries(this);
  readonly options: UplinkOptions;
  #users: readonly LinkUser[] = [];
  /** The newest session; it may have ended. */
  #session: ClientSession;
  #link: Link | undefined;
  #closed: { readonly cause: Error | undefined } | undefined;
  /** Members that have something to write. */
  readonly #dirty = new Set<LinkWriter>();
  #isScheduled = false;
  /** Whether the end of this turn of the event loop is waited for. */
  #isPostponed = false;

  constructor(session: ClientSession, options: UplinkOptions) {
    this.#session = session;
    this.options = options;
  }

  share(users: readonly LinkUser[]): void {
    this.#users = users;
  }

  /** The link, if there is one now. */
  get link(): Link | undefined {
    return this.#link;
  }

  get limits(): SessionLimits {
    return this.#session.welcome.limits;
  }

  /** Whether its broker knows what came with the capability `work`. */
  get knowsWork(): boolean {
    return this.#session.welcome.capabilities.includes(WORK);
  }

  /** The newest session; it may have ended. */
  get session(): ClientSession {
    return this.#session;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** The error of calls once the connection is closed. */
  findClosedError(action: string): ConnectionClosedError | undefined {
    if (this.#closed === undefined) return undefined;
    return new ConnectionClosedError(`Cannot ${action}: the connection is closed`, this.#closed);
  }

  /** Puts a new session into use: members are opened again, unanswered queries are repeated. */
  attach(session: ClientSession): void {
    const { link } = session;
    this.#session = session;
    this.#link = link;
    this.queries.attach(link);
    for (const user of this.#users) user.attach?.(link);
    for (const member of this.members.all) member.open(link);
    this.writeAll();
  }

  /** The link is lost; `error` tells why, if that is known. */
  detach(error: Error | undefined): void {
    this.#link = undefined;
    this.#dirty.clear();
    if (error instanceof BrokerError && error.code === "FRAME_TOO_LARGE") {
      this.#giveUpLargest(error);
    }
    for (const member of this.members.all) member.lose();
    for (const user of this.#users) user.lose?.();
    this.queries.lose();
  }

  /** Ends everything, for good. */
  end(error: Error | undefined): void {
    this.#closed = { cause: error };
    for (const member of this.members.all) member.end(error);
    this.queries.end(this.findClosedError("finish a query")!);
    for (const user of this.#users) user.end(error);
  }

  /** Lets a member write soon, together with all others that have something to write. */
  schedule(member: LinkWriter): void {
    this.#dirty.add(member);
    // While the link is busy, more is collected until `handleReady`.
    if (this.#isScheduled || !this.#link?.isReady) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.writeAll());
  }

  /** As {@linkcode Uplink.schedule}, at the end of this turn of the event loop: there is more to come. */
  postpone(member: LinkWriter): void {
    this.#dirty.add(member);
    if (this.#isScheduled || this.#isPostponed || !this.#link?.isReady) return;
    this.#isPostponed = true;
    setImmediate(() => {
      this.#isPostponed = false;
      // A link that is busy calls it by itself.
      if (this.#link?.isReady) this.handleReady();
    });
  }

  /**
   * Writes at once, even if this turn of the event loop has seen a write: for frames that must not be lost
   * with the process. If a write is under way, nothing can be done.
   */
  writeNow(): void {
    if (this.#dirty.size === 0 || this.#link?.isSending !== false) return;
    this.writeAll();
    this.#link.flushNow();
  }

  /** Removes a closed member. */
  forget(member: Member): void {
    this.members.delete(member);
    this.#dirty.delete(member);
  }

  /** The link has room again. */
  handleReady(): void {
    if (this.#dirty.size > 0) this.writeAll();
  }

  answered(): Promise<void> {
    // Replies without `confirm` go first.
    this.writeAll();
    return this.queries.answered();
  }

  /** Resolves when everything written so far has left, or the link takes nothing more. */
  async drained(): Promise<void> {
    const link = this.#link;
    if (link === undefined || link.outboundBytes === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const progress = () => this.progress;
    const limit = new ClosingLimit({ drainMs: FAREWELL_MS, progress }, () => resolve());
    await Promise.race([link.drain(), promise]);
    limit.end();
  }

  /** A value that changes with every progress, heartbeats excepted. */
  get progress(): string {
    const { receivedBytes = 0, takenBytes, outboundBytes } = this.#link ?? {};
    const movedBytes = receivedBytes - this.#session.idleBytes;
    return [this.queries.count, movedBytes, takenBytes, outboundBytes].join();
  }

  /** Waits until members have finished their work under way. */
  async finish(): Promise<void> {
    await Promise.all(this.members.all.map((member) => member.finish()));
    this.writeAll();
  }

  /** Lets all members write that have something to say. */
  writeAll(): void {
    this.#isScheduled = false;
    const link = this.#link;
    if (link === undefined) return;
    const members = [...this.#dirty];
    this.#dirty.clear();
    // A request is not acknowledged before its reply is sent.
    for (const user of this.#users) user.write?.(link);
    for (const member of members) member.write(link);
    link.flush();
  }

  /** A frame was too large for the broker, in spite of its limits: it is not sent again. */
  #giveUpLargest(error: BrokerError): void {
    let largest: PublishingMember | undefined;
    for (const publisher of this.members.publishers.values()) {
      if (publisher.largestSent > (largest?.largestSent ?? 0)) largest = publisher;
    }
    largest?.giveUpLargest(error);
  }
}

import { BrokerError, type SessionLimits } from "../../../protocol.ts";
import type { Clock } from "../../transport/clock.ts";
import type { Link } from "../../transport/link.ts";
import { ClosingLimit, FAREWELL_MS } from "../member/closing_limit.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";
import { type LinkWriter, type Member, MemberTable, type PublishingMember } from "./member.ts";
import { PendingQueries, type QueryWay } from "./pending_queries.ts";
import type { Session } from "./session.ts";

/** What uses the link beside members and queries: requests that wait, replies that leave. */
export interface LinkUser {
  /** There is a new link; comes before the members. */
  attach?(link: Link): void;
  /** Writes what leaves before anything that members have to say. */
  write?(link: Link): void;
  /** The link is lost; comes after the members. */
  lose?(): void;
  end(error: Error | undefined): void;
}

/** What goes for all members of a connection. */
export interface UplinkOptions {
  /** The time that calls go by which end after a while. */
  readonly clock: Clock;
  /** How long handlers may take when their follower is closed, in milliseconds. */
  readonly drainMs: number;
}

/**
 * What members share, over all sessions of their connection: the link of the moment, if there is one,
 * and the collecting of what they have to say into one write.
 */
export class Uplink implements QueryWay {
  readonly members: MemberTable = new MemberTable();
  readonly queries: PendingQueries = new PendingQueries(this);
  readonly options: UplinkOptions;
  #users: readonly LinkUser[] = [];
  /** The newest session; it may have ended. */
  #session: Session;
  #link: Link | undefined;
  #closed: { readonly cause: Error | undefined } | undefined;
  /** Who has something to say. */
  readonly #dirty = new Set<LinkWriter>();
  #isScheduled = false;

  constructor(session: Session, options: UplinkOptions) {
    this.#session = session;
    this.options = options;
  }

  /** Lets others use the link, too. */
  share(users: readonly LinkUser[]): void {
    this.#users = users;
  }

  /** The link, if there is one now. */
  get link(): Link | undefined {
    return this.#link;
  }

  /** The limits of the newest session. */
  get limits(): SessionLimits {
    return this.#session.welcome.limits;
  }

  /** The newest session; it may have ended. */
  get session(): Session {
    return this.#session;
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /** Why something cannot be done: the connection is closed. */
  findClosedError(action: string): ConnectionClosedError | undefined {
    if (this.#closed === undefined) return undefined;
    return new ConnectionClosedError(`Cannot ${action}: the connection is closed`, this.#closed);
  }

  /** Puts a new session into use: members come back, unanswered queries are asked again. */
  attach(session: Session): void {
    const { link } = session;
    this.#session = session;
    this.#link = link;
    this.queries.attach(link);
    for (const user of this.#users) user.attach?.(link);
    for (const member of this.members.all) member.open(link);
    this.writeAll();
  }

  /** Takes the lost link out of use; `error` is why it was lost, if that is known. */
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

  /** Lets a member write soon, together with all others that have something to say. */
  schedule(member: LinkWriter): void {
    this.#dirty.add(member);
    // While the link is busy, more is collected: `handleReady` goes on.
    if (this.#isScheduled || !this.#link?.isReady) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.writeAll());
  }

  /**
   * Lets members write at once what they have to say, also if this turn of the event loop has seen a
   * write: for what must not be lost with the process. Nothing can be done about a link that is full.
   */
  writeNow(): void {
    if (this.#dirty.size === 0 || this.#link?.isSending !== false) return;
    this.writeAll();
    this.#link.flushNow();
  }

  /** Leaves a member out from now on: it is closed, and has said its last word. */
  forget(member: Member): void {
    this.members.delete(member);
    this.#dirty.delete(member);
  }

  /** The link has room again. */
  handleReady(): void {
    if (this.#dirty.size > 0) this.writeAll();
  }

  /** Resolves when everything that is asked now has its answer, or has failed. */
  answered(): Promise<void> {
    // What is replied without waiting goes before whatever comes after this.
    this.writeAll();
    return this.queries.answered();
  }

  /** Resolves when what was said until now has left, or the link does not take it. */
  async drained(): Promise<void> {
    const link = this.#link;
    if (link === undefined || link.outboundBytes === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const progress = () => this.progress;
    const limit = new ClosingLimit({ drainMs: FAREWELL_MS, progress }, () => resolve());
    await Promise.race([link.drain(), promise]);
    limit.end();
  }

  /** Another text whenever something has moved; that the broker is there moves nothing. */
  get progress(): string {
    const { receivedBytes = 0, takenBytes, outboundBytes } = this.#link ?? {};
    const movedBytes = receivedBytes - this.#session.idleBytes;
    return [this.queries.count, movedBytes, takenBytes, outboundBytes].join();
  }

  /** Waits until members have finished what is under way, and lets them say their last words. */
  async finish(): Promise<void> {
    await Promise.all(this.members.all.map((member) => member.finish()));
    this.writeAll();
  }

  /** Lets everybody write who has something to say. */
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

  /** A frame was too large for the broker, whatever it has said of its limits: not once more. */
  #giveUpLargest(error: BrokerError): void {
    let largest: PublishingMember | undefined;
    for (const publisher of this.members.publishers.values()) {
      if (publisher.largestSent > (largest?.largestSent ?? 0)) largest = publisher;
    }
    largest?.giveUpLargest(error);
  }
}

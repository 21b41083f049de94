import {
  type BackupInfo,
  BrokerError,
  type MessageBatch,
  type Page,
  type PeekedMessages,
  type PendingEntry,
  type PendingEntryList,
  type StreamInfo,
  type StreamOptionsInput,
} from "../../../protocol.ts";
import type {
  CancelCounts,
  CancelDetails,
  CancelResult,
  CancelSelection,
  ClusterSeat,
  DropCount,
  Engine,
  EngineCounters,
  EngineFollower,
  EnginePublisher,
  EngineReplyStream,
  FollowerInit,
  FollowerSink,
  PelView,
  PublisherInit,
  PublisherSink,
  RedriveCount,
  ReplySink,
  StreamFilter,
  StreamSearch,
  StreamWatch,
} from "../../broker/engine.ts";
import type { Audit } from "./audit.ts";
import { GuardedMembers } from "./guarded_members.ts";
import {
  filterVerbOf,
  type GuardedOperation,
  memberVerbOf,
  type StreamNeed,
  streamNeedOf,
} from "./operation_verbs.ts";
import { GuardedLanes } from "./guards/guarded_lanes.ts";
import { GuardedSchedules } from "./guards/guarded_schedules.ts";
import type { Permissions } from "./permissions.ts";
import { describeNeed, refuse } from "./refusal.ts";
import type { User } from "./user.ts";
import { UserUsage } from "./user_usage.ts";

/**
 * The engine as one session of a user may use it. What the user may not do is refused with `FORBIDDEN`, in
 * the same way whether the stream exists or not; lists are as if other streams were not there.
 *
 * Permissions are checked when a member is opened and when a stream is found for a pattern, never per
 * message: members of the engine are passed on as they are. {@linkcode GuardedEngine.reconsider} applies
 * changed permissions to them. A user who may do everything needs no guard; a session that has the bare
 * engine must end when its user may do less.
 */
export class GuardedEngine implements Engine {
  readonly #engine: Engine;
  readonly #user: User;
  readonly #audit: Audit;
  readonly #usage: UserUsage;
  readonly #members: GuardedMembers;

  constructor(engine: Engine, user: User, audit: Audit) {
    this.#engine = engine;
    this.#user = user;
    this.#audit = audit;
    this.#usage = UserUsage.enter(engine, user, audit.now);
    this.#members = new GuardedMembers(user, this.#usage, audit);
  }

  /**
   * Applies the user's permissions and limits, which have changed, to the open members. Those that may no
   * longer be used are closed, and their clients told; patterns find their streams anew. All of that
   * is done when it returns.
   */
  reconsider(): void {
    this.#members.reconsider();
  }

  /** The session has ended. */
  end(): void {
    this.#usage.leave();
  }

  get name(): string {
    return this.#engine.name;
  }

  get durability(): string {
    return this.#engine.durability;
  }

  get cluster(): ClusterSeat | undefined {
    return this.#engine.cluster;
  }

  get schedules(): GuardedSchedules {
    return new GuardedSchedules(this.#engine.schedules, {
      may: (verb, stream) => this.#permissions.may(verb, stream),
      require: (verb, stream) => this.#requireNeed(verb, stream),
      filter: this.#permissions.filterOf("inspect"),
    });
  }

  get lanes(): GuardedLanes {
    return new GuardedLanes(this.#engine.lanes, {
      require: (verb, stream) => this.#requireNeed(verb, stream),
      requireAdmin: (action) => this.#requireAdmin(action),
      filter: this.#permissions.filterOf("inspect"),
    });
  }

  get streamCount(): number {
    throw notForSessions("streamCount");
  }

  get deletedCount(): number {
    return this.#engine.deletedCount;
  }

  get steps(): number {
    return this.#engine.steps;
  }

  // Streams.

  async createStream(name: string, options?: StreamOptionsInput): Promise<boolean> {
    this.#require("createStream", name);
    if (!this.#engine.hasStream(name)) {
      const error = this.#usage.findStreamExcess(name);
      if (error !== undefined) throw error;
    }
    return await this.#engine.createStream(name, options);
  }

  async updateStream(name: string, options: StreamOptionsInput): Promise<void> {
    this.#require("updateStream", name);
    await this.#engine.updateStream(name, options);
  }

  async pauseStream(name: string, isPaused: boolean): Promise<void> {
    this.#require(isPaused ? "pauseStream" : "resumeStream", name);
    await this.#engine.pauseStream(name, isPaused);
  }

  async purgeStream(name: string): Promise<number> {
    this.#require("purgeStream", name);
    return await this.#engine.purgeStream(name);
  }

  async dropMessages(name: string, ids: readonly number[]): Promise<DropCount> {
    this.#require("dropMessages", name);
    return await this.#engine.dropMessages(name, ids);
  }

  async cancelMessage(name: string, id: number, details?: CancelDetails): Promise<CancelResult> {
    this.#require("cancelMessage", name);
    return await this.#engine.cancelMessage(name, id, details);
  }

  async cancelMessages(name: string, selection: CancelSelection): Promise<CancelCounts> {
    this.#require("cancelMessages", name);
    return await this.#engine.cancelMessages(name, selection);
  }

  async deleteStream(name: string): Promise<number> {
    this.#require("deleteStream", name);
    return await this.#engine.deleteStream(name);
  }

  getStreams(): Promise<StreamInfo[]> {
    return this.#engine.getStreams(this.#filterOf("getStreams"));
  }

  listStreams(after: number): Promise<Page<StreamInfo>> {
    return this.#engine.listStreams(after, this.#filterOf("listStreams"));
  }

  hasStream(name: string): boolean {
    return this.#allows("hasStream", name) && this.#engine.hasStream(name);
  }

  async getStream(name: string): Promise<StreamInfo> {
    this.#require("getStream", name);
    return await this.#engine.getStream(name);
  }

  async peek(name: string, from: number, limit: number): Promise<PeekedMessages> {
    this.#require("peek", name);
    return await this.#engine.peek(name, from, limit);
  }

  async redrive(name: string, ids: readonly number[]): Promise<RedriveCount> {
    this.#require("redrive", name);
    return await this.#engine.redrive(name, ids);
  }

  async explain(name: string): Promise<string[]> {
    this.#require("explain", name);
    return await this.#engine.explain(name, this.#permissions.filterOf("inspect"));
  }

  prepareStream(name: string, stepsMax: number): boolean {
    // Nobody is kept busy by the name of a stream that is not created.
    if (!this.#allows("prepareStream", name)) return true;
    if (!this.#usage.prepare("manage", stepsMax)) return false;
    return this.#engine.prepareStream(name, stepsMax);
  }

  // The broker as a whole.

  async openBackup(): Promise<BackupInfo> {
    this.#requireAdmin("back up the broker");
    return await this.#engine.openBackup();
  }

  async readBackup(backup: number, file: string, offset: number): Promise<Uint8Array> {
    this.#requireAdmin("read a backup");
    return await this.#engine.readBackup(backup, file, offset);
  }

  closeBackup(backup: number): boolean {
    this.#requireAdmin("close a backup");
    return this.#engine.closeBackup(backup);
  }

  // Pending entry lists.

  getPels(): Promise<PendingEntryList[]> {
    return this.#engine.getPels(this.#viewOf("getPels"));
  }

  listPels(after: number, follower?: string): Promise<Page<PendingEntryList>> {
    const view = this.#viewOf("listPels");
    return this.#engine.listPels(after, follower, view);
  }

  getPel(follower: string): Promise<PendingEntry[]> {
    return this.#engine.getPel(follower, this.#viewOf("getPel"));
  }

  async releasePel(follower: string): Promise<number> {
    try {
      return await this.#engine.releasePel(follower, this.#viewOf("releasePel"));
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== "FOLLOWER_NOT_FOUND") throw error;
      // Throws the same if the user sees no such follower either.
      await this.listPels(0, follower);
      throw refuse(this.#audit, this.#user, {
        verb: filterVerbOf("releasePel"),
        action: `release the deliveries of follower "${follower}"`,
        permission: "manage any of their streams",
      });
    }
  }

  // Members.

  prepare(search: StreamSearch, stepsMax: number): boolean {
    const { kind, bind } = search;
    const verb = memberVerbOf(kind);
    if (kind === "publisher" && !this.#usage.prepare("store", stepsMax)) return false;
    if (bind.bindType === "direct" || !this.#permissions.hasAny(verb)) return true;
    return this.#engine.prepare({ kind, bind, filter: this.#permissions.filterOf(verb) }, stepsMax);
  }

  openPublisher(init: PublisherInit, sink: PublisherSink): EnginePublisher {
    return this.#members.open(memberVerbOf("publisher"), init, (permit) => {
      const publisher = this.#engine.openPublisher({ ...init, ...permit }, sink);
      if (this.#usage.hasBytesLimit) publisher.setAllowance(this.#usage);
      return publisher;
    });
  }

  openFollower(init: FollowerInit, sink: FollowerSink): EngineFollower {
    return this.#members.open(
      memberVerbOf("follower"),
      init,
      (permit) => this.#engine.openFollower({ ...init, ...permit }, sink),
    );
  }

  openReplyStream(name: string, sink: ReplySink): EngineReplyStream {
    return this.#engine.openReplyStream(name, sink, this.#user.name);
  }

  reply(name: string, batch: MessageBatch): void {
    this.#engine.reply(name, batch);
  }

  whenDurable(): Promise<void> | void {
    return this.#engine.whenDurable();
  }

  // Only the owner of the engine may do these, and has the bare one.

  get counters(): EngineCounters {
    throw notForSessions("counters");
  }

  watchStreams(_filter: StreamFilter): StreamWatch {
    throw notForSessions("watchStreams");
  }

  tick(_now: number): number {
    throw notForSessions("tick");
  }

  tend(_now: number): number {
    throw notForSessions("tend");
  }

  close(): Promise<void> {
    throw notForSessions("close");
  }

  get #permissions(): Permissions {
    return this.#user.permissions;
  }

  /** Throws `FORBIDDEN` unless the user may do that with a stream. */
  #require(operation: GuardedOperation, name: string): void {
    this.#requireNeed(streamNeedOf(operation), name);
  }

  #requireNeed(need: StreamNeed, name: string): void {
    if (this.#may(need, name)) return;
    throw refuse(this.#audit, this.#user, { ...describeNeed(need, name), stream: name });
  }

  /** Throws `FORBIDDEN` unless the user may do everything. */
  #requireAdmin(action: string): void {
    if (this.#permissions.isAdmin) return;
    throw refuse(this.#audit, this.#user, {
      verb: "admin",
      action,
      permission: "do that: it takes admin",
    });
  }

  #may(need: StreamNeed, name: string): boolean {
    if (need === "any") return this.#permissions.maySee(name);
    if (need !== "new") return this.#permissions.may(need, name);
    // For one that exists nothing is created.
    return this.#permissions.may("manage", name) || this.hasStream(name);
  }

  /** The streams that the user knows in an operation; undefined for all. */
  #filterOf(operation: GuardedOperation): StreamFilter | undefined {
    return this.#permissions.filterOf(filterVerbOf(operation));
  }

  /** Whether a stream is one of those that the user knows in an operation. */
  #allows(operation: GuardedOperation, name: string): boolean {
    return this.#filterOf(operation)?.allows(name) ?? true;
  }

  /** The deliveries that the user sees in an operation; undefined for all. */
  #viewOf(operation: GuardedOperation): PelView | undefined {
    const filter = this.#filterOf(operation);
    return filter && { filter, owner: this.#user.name };
  }
}

function notForSessions(method: keyof Engine): Error {
  return new Error(`Cannot call ${method} of a guarded engine: it is for the owner of the engine`);
}

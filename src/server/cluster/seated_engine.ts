import type {
  BackupInfo,
  MessageBatch,
  Page,
  PeekedMessages,
  PendingEntry,
  PendingEntryList,
  StreamInfo,
  StreamOptionsInput,
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
  EngineLanes,
  EnginePublisher,
  EngineReplyStream,
  EngineSchedules,
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
import type { SeatWatch } from "./seat_watch.ts";

/**
 * The engine of a broker in a cluster, as everybody in it may use it. What is asked for while the broker may
 * not answer waits until it may; a standby refuses with `NOT_ACTIVE`. Figures about the process, backups and
 * what the broker's own timers do are there on a standby, too.
 *
 * Members are passed on as they are: a message costs nothing here.
 */
export class SeatedEngine implements Engine {
  readonly #engine: Engine;
  readonly #seat: SeatWatch;

  constructor(engine: Engine, seat: SeatWatch) {
    this.#engine = engine;
    this.#seat = seat;
  }

  get name(): string {
    return this.#engine.name;
  }

  get durability(): string {
    return this.#engine.durability;
  }

  get cluster(): ClusterSeat {
    return this.#seat.seat;
  }

  get schedules(): EngineSchedules {
    const ask = <Result>(call: (schedules: EngineSchedules) => Promise<Result>) =>
      this.#ask(({ schedules }) => call(schedules));
    return {
      put: (name, input) => ask((schedules) => schedules.put(name, input)),
      list: (after, filter) => ask((schedules) => schedules.list(after, filter)),
      delete: (name) => ask((schedules) => schedules.delete(name)),
      pause: (name, isPaused) => ask((schedules) => schedules.pause(name, isPaused)),
      findStream: (name) => this.#engine.schedules.findStream(name),
    };
  }

  get lanes(): EngineLanes {
    const ask = <Result>(call: (lanes: EngineLanes) => Promise<Result>) =>
      this.#ask(({ lanes }) => call(lanes));
    return {
      set: (stream, lane, settings) => ask((lanes) => lanes.set(stream, lane, settings)),
      list: (stream, question) => ask((lanes) => lanes.list(stream, question)),
      putLimit: (name, settings) => ask((lanes) => lanes.putLimit(name, settings)),
      getLimits: (filter) => ask((lanes) => lanes.getLimits(filter)),
    };
  }

  // Figures.

  get streamCount(): number {
    return this.#seat.isClosed ? 0 : this.#engine.streamCount;
  }

  get deletedCount(): number {
    return this.#engine.deletedCount;
  }

  get counters(): EngineCounters {
    return this.#engine.counters;
  }

  get steps(): number {
    return this.#engine.steps;
  }

  // Calls that wait.

  createStream(name: string, options?: StreamOptionsInput): Promise<boolean> {
    return this.#ask((engine) => engine.createStream(name, options));
  }

  updateStream(name: string, options: StreamOptionsInput): Promise<void> {
    return this.#ask((engine) => engine.updateStream(name, options));
  }

  pauseStream(name: string, isPaused: boolean): Promise<void> {
    return this.#ask((engine) => engine.pauseStream(name, isPaused));
  }

  purgeStream(name: string): Promise<number> {
    return this.#ask((engine) => engine.purgeStream(name));
  }

  dropMessages(name: string, ids: readonly number[]): Promise<DropCount> {
    return this.#ask((engine) => engine.dropMessages(name, ids));
  }

  cancelMessage(name: string, id: number, details?: CancelDetails): Promise<CancelResult> {
    return this.#ask((engine) => engine.cancelMessage(name, id, details));
  }

  cancelMessages(name: string, selection: CancelSelection): Promise<CancelCounts> {
    return this.#ask((engine) => engine.cancelMessages(name, selection));
  }

  deleteStream(name: string): Promise<number> {
    return this.#ask((engine) => engine.deleteStream(name));
  }

  getStreams(filter?: StreamFilter): Promise<StreamInfo[]> {
    return this.#ask((engine) => engine.getStreams(filter));
  }

  listStreams(after: number, filter?: StreamFilter): Promise<Page<StreamInfo>> {
    return this.#ask((engine) => engine.listStreams(after, filter));
  }

  getStream(name: string): Promise<StreamInfo> {
    return this.#ask((engine) => engine.getStream(name));
  }

  getPels(view?: PelView): Promise<PendingEntryList[]> {
    return this.#ask((engine) => engine.getPels(view));
  }

  listPels(after: number, follower?: string, view?: PelView): Promise<Page<PendingEntryList>> {
    return this.#ask((engine) => engine.listPels(after, follower, view));
  }

  getPel(follower: string, view?: PelView): Promise<PendingEntry[]> {
    return this.#ask((engine) => engine.getPel(follower, view));
  }

  releasePel(follower: string, view?: PelView): Promise<number> {
    return this.#ask((engine) => engine.releasePel(follower, view));
  }

  peek(name: string, from: number, limit: number): Promise<PeekedMessages> {
    return this.#ask((engine) => engine.peek(name, from, limit));
  }

  redrive(name: string, ids: readonly number[]): Promise<RedriveCount> {
    return this.#ask((engine) => engine.redrive(name, ids));
  }

  explain(name: string, filter?: StreamFilter): Promise<string[]> {
    return this.#ask((engine) => engine.explain(name, filter));
  }

  // Calls that are done at once.

  hasStream(name: string): boolean {
    return !this.#seat.isClosed && this.#engine.hasStream(name);
  }

  watchStreams(filter: StreamFilter): StreamWatch {
    return this.#require("Cannot count streams").watchStreams(filter);
  }

  prepare(search: StreamSearch, stepsMax: number): boolean {
    return this.#require(`Cannot open a ${search.kind}`).prepare(search, stepsMax);
  }

  prepareStream(name: string, stepsMax: number): boolean {
    // What comes next waits, or is refused.
    return this.#seat.isClosed || this.#engine.prepareStream(name, stepsMax);
  }

  openPublisher(options: PublisherInit, sink: PublisherSink): EnginePublisher {
    return this.#require("Cannot open a publisher").openPublisher(options, sink);
  }

  openFollower(options: FollowerInit, sink: FollowerSink): EngineFollower {
    return this.#require("Cannot open a follower").openFollower(options, sink);
  }

  openReplyStream(name: string, sink: ReplySink, owner?: string): EngineReplyStream {
    return this.#require("Cannot open a stream for replies").openReplyStream(name, sink, owner);
  }

  reply(name: string, batch: MessageBatch): void {
    this.#require("Cannot reply").reply(name, batch);
  }

  // What a standby does, too.

  openBackup(): Promise<BackupInfo> {
    return this.#engine.openBackup();
  }

  readBackup(backup: number, file: string, offset: number): Promise<Uint8Array> {
    return this.#engine.readBackup(backup, file, offset);
  }

  closeBackup(backup: number): boolean {
    return this.#engine.closeBackup(backup);
  }

  tick(now: number): number {
    return this.#engine.tick(now);
  }

  tend(now: number): number {
    return this.#engine.tend(now);
  }

  whenDurable(): Promise<void> | void {
    return this.#seat.isClosed ? undefined : this.#engine.whenDurable();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #ask<Answer>(ask: (engine: Engine) => Promise<Answer>): Promise<Answer> {
    if (this.#seat.isServing) return ask(this.#engine);
    // The lease may be over again by then.
    return this.#seat.whenServing().then(() => this.#ask(ask));
  }

  /** Throws `NOT_ACTIVE` where there are no streams to use. */
  #require(action: string): Engine {
    if (!this.#seat.isClosed) return this.#engine;
    throw this.#seat.refuse(action);
  }
}

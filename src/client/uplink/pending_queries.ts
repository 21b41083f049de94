import {
  type FrameWriter,
  type Operation,
  type QueryFields,
  writeQuery,
} from "../../../protocol.ts";
import type { Link } from "../../transport/link.ts";
import { whenAborted } from "../member/abort_listener.ts";
import type { CallOptions } from "../member/call_options.ts";
import { type CallSite, noteCallSite, traceCaller } from "../member/caller_trace.ts";
import { ConnectionClosedError } from "../member/connection_closed_error.ts";

/** A cursor's query, without the number that the answer will carry. */
export type Query = Omit<QueryFields, "query">;

/**
 * The operations that may be repeated on a new link. A repetition of others could undo what another
 * client did meanwhile: delete a stream that was created again, send dead letters back twice.
 */
const REPEATABLE: ReadonlySet<Operation> = new Set<Operation>([
  "createStream",
  "updateStream",
  "pauseStream",
  "resumeStream",
  "putSchedule",
  "getSchedules",
  "pauseSchedule",
  "resumeSchedule",
  "setLane",
  "getLanes",
  "getLimits",
  "getStreams",
  "getStream",
  "getPels",
  "getPel",
  "peek",
  "getMessage",
  "explain",
  "getBroker",
  "getConnections",
  "setLogLevel",
  "getEvents",
  "getCluster",
  "readBackup",
  "closeBackup",
]);

/** The most repetitions of a query: it may be the cause of the lost connections. */
const REPETITIONS_MAX = 5;

interface PendingQuery {
  readonly promise: Promise<unknown>;
  readonly resolve: (result: unknown) => void;
  readonly site: CallSite | undefined;
  /** Removes the listener of the signal, if there is one. */
  readonly forget: (() => void) | undefined;
  /** The query to repeat on a new link; undefined if it may not be repeated. */
  readonly repeat: Query | undefined;
  sentCount: number;
}

/** The connection as its queries see it. */
export interface QueryWay {
  /** The link, if there is one now. */
  readonly link: Link | undefined;
  /** The error of calls once the connection is closed. */
  findClosedError(action: string): ConnectionClosedError | undefined;
  /** Lets all members write. */
  writeAll(): void;
}

/** The queries of a connection that wait for their answers. */
export class PendingQueries {
  readonly #way: QueryWay;
  readonly #queries = new Map<number, PendingQuery>();
  #lastNumber = 0;

  constructor(way: QueryWay) {
    this.#way = way;
  }

  get count(): number {
    return this.#queries.size;
  }

  /** Asks the broker; resolves to the answer. */
  ask(query: Query, options?: CallOptions): Promise<unknown> {
    const repeat = REPEATABLE.has(query.operation) ? query : undefined;
    return this.send(
      (writer, number) => writeQuery(writer, { query: number, ...query }),
      options,
      repeat,
      noteCallSite(),
    );
  }

  /**
   * Sends a frame that asks for an answer; resolves to the answer.
   *
   * @param write Writes the frame.
   * @param options A signal to stop waiting for the answer.
   * @param repeat The query to repeat on a new link; without it the call fails with the link.
   * @param site The place of the call, if it was noted.
   */
  send(
    write: (writer: FrameWriter, query: number) => void,
    options?: CallOptions,
    repeat?: Query,
    site?: CallSite,
  ): Promise<unknown> {
    const signal = options?.signal;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const closed = this.#way.findClosedError("send a query");
    if (closed !== undefined) return Promise.reject(closed);
    const { link } = this.#way;
    if (link === undefined && repeat === undefined) {
      return Promise.reject(
        new ConnectionClosedError("Cannot send a query: the connection is lost"),
      );
    }
    const number = ++this.#lastNumber;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const forget = signal && whenAborted(signal, () => this.fail(number, signal.reason));
    const pending: PendingQuery = { promise, resolve, site, forget, repeat, sentCount: 0 };
    this.#queries.set(number, pending);
    if (link === undefined) return promise;
    this.#way.writeAll();
    write(link.writer, number);
    pending.sentCount++;
    link.flush();
    return promise;
  }

  /** Repeats the queries that may be repeated. */
  attach(link: Link): void {
    for (const [query, pending] of this.#queries) {
      if (pending.repeat === undefined) continue;
      writeQuery(link.writer, { query, ...pending.repeat });
      pending.sentCount++;
    }
  }

  /** The link is lost: queries that may not be repeated fail. */
  lose(): void {
    for (const [number, pending] of this.#queries) {
      const loss = explainLoss(pending);
      if (loss !== undefined) this.fail(number, new ConnectionClosedError(loss));
    }
  }

  end(error: Error): void {
    for (const number of this.#queries.keys()) this.fail(number, error);
  }

  answer(number: number, result: unknown): void {
    this.#take(number)?.resolve(result);
  }

  fail(number: number, error: Error): void {
    const pending = this.#take(number);
    pending?.resolve(traceCaller(error, pending.site));
  }

  /** Resolves when every present query has its answer or has failed. */
  async answered(): Promise<void> {
    await Promise.allSettled([...this.#queries.values()].map(({ promise }) => promise));
  }

  #take(number: number): PendingQuery | undefined {
    const pending = this.#queries.get(number);
    this.#queries.delete(number);
    pending?.forget?.();
    return pending;
  }
}

/** Why a query fails with its link; undefined if it does not. */
function explainLoss({ repeat, sentCount }: PendingQuery): string | undefined {
  if (repeat === undefined) return "Cannot tell whether it was done: the connection was lost";
  if (sentCount <= REPETITIONS_MAX) return undefined;
  return `Cannot finish a query: it was sent ${sentCount} times, and the connection was lost each time`;
}

import {
  type BackupInfo,
  BrokerError,
  type BrokerEvent,
  type BrokerStatus,
  type ClusterStatus,
  type ConnectionInfo,
  type Handover,
  type LogLevel,
  type Operation,
  type Page,
  type PeekedMessages,
  type PendingEntry,
  type PendingEntryList,
  type QueryOptions,
  type StreamCreation,
  type StreamInfo,
  type StreamOptionsInput,
} from "../../../protocol.ts";
import { LOG_LEVELS } from "../../protocol/log_level.ts";
import { joinLists } from "../../protocol/answers/pending_entry_list.ts";
import { completeStreamInfo } from "../../protocol/answers/stream_info.ts";
import {
  findLabelMistake,
  findStreamNameMistake,
  PEEK_COUNT_MAX,
  REASON_BYTES_MAX,
} from "../../protocol/limits.ts";
import {
  DEAD_SUFFIX,
  deadNameOf,
  DIFFERENCE_WAYS,
  findStreamOptionsMistake,
  isDeadName,
} from "../../protocol/messages/stream_options.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";
import type { CallOptions } from "../member/call_options.ts";
import { checkNumber, checkOptionNames } from "../member/option_check.ts";
import type { PendingQueries } from "../uplink/pending_queries.ts";
import type { BackupPlace, CreateStreamOptions, Cursor, PeekOptions } from "./cursor.ts";
import {
  cancelAll,
  type CancelAllOptions,
  type CancelCounts,
  type CancelledMessage,
  type CancelOptions,
  readCancelAllOptions,
  readCancelOptions,
} from "./cancelling.ts";
import type { CloseConnectionOptions, DropResult, EventOptions } from "./operating.ts";
import { type PeekedMessage, readPeeked } from "./peeked_message.ts";
import {
  checkRedriveOptions,
  redrive,
  type RedriveOptions,
  type RedriveResult,
} from "./redrive.ts";
import { LimitCursor } from "./limit_cursor.ts";

const PEEK_COUNT_DEFAULT = 100;

const ID_RANGE = { low: 1, high: Number.MAX_SAFE_INTEGER } as const;

export class ClientCursor extends LimitCursor implements Cursor {
  readonly #queries: PendingQueries;

  constructor(queries: PendingQueries) {
    super(queries);
    this.#queries = queries;
  }

  async createStream(
    name: string,
    stream?: StreamOptionsInput,
    call: CreateStreamOptions = {},
  ): Promise<StreamCreation> {
    checkStreamOptions("create", name, stream ?? {});
    checkOptionNames(call, ["ifDifferent", "signal"], `Cannot create stream "${name}"`);
    const { ifDifferent, ...rest } = call;
    if (ifDifferent !== undefined && !DIFFERENCE_WAYS.includes(ifDifferent)) {
      throw new RangeError(
        `Cannot create stream "${name}": ifDifferent must be one of ${
          DIFFERENCE_WAYS.join(", ")
        }, ` +
          `found ${JSON.stringify(ifDifferent)}`,
      );
    }
    const given = { ...stream && { stream }, ...ifDifferent && { ifDifferent } };
    const options = Object.keys(given).length === 0 ? undefined : given;
    return await this.#askOf("createStream", name, rest, options) as StreamCreation;
  }

  async updateStream(name: string, stream: StreamOptionsInput, call?: CallOptions): Promise<void> {
    checkStreamOptions("update", name, stream);
    await this.#askOf("updateStream", name, call, { stream });
  }

  async pauseStream(name: string, call?: CallOptions): Promise<void> {
    await this.#askOf("pauseStream", name, call);
  }

  async resumeStream(name: string, call?: CallOptions): Promise<void> {
    await this.#askOf("resumeStream", name, call);
  }

  async purgeStream(name: string, call?: CallOptions): Promise<number> {
    return await this.#askOf("purgeStream", name, call) as number;
  }

  async dropMessages(
    stream: string,
    ids: readonly number[],
    call?: CallOptions,
  ): Promise<DropResult> {
    checkStreamName(stream);
    for (const id of ids) checkNumber("id", id, ID_RANGE, "Cannot drop messages");
    const total = { count: 0, skipped: 0 };
    // An empty list is asked for, too: it tells whether the stream exists.
    for (let at = 0; at === 0 || at < ids.length; at += PEEK_COUNT_MAX) {
      const options = { ids: ids.slice(at, at + PEEK_COUNT_MAX) };
      const result = await this.#ask("dropMessages", stream, call, options) as DropResult;
      total.count += result.count;
      total.skipped += result.skipped;
    }
    return total;
  }

  async cancel(
    stream: string,
    id: number,
    options: CancelOptions = {},
  ): Promise<CancelledMessage> {
    checkStreamName(stream);
    const action = `Cannot cancel a message of "${stream}"`;
    checkNumber("id", id, ID_RANGE, action);
    const wishes = readCancelOptions(options, action);
    if (wishes.reason !== undefined) checkReason(wishes.reason, action);
    const query = { from: id, ...wishes };
    return await this.#ask("cancelMessage", stream, callOf(options), query) as CancelledMessage;
  }

  async cancelAll(stream: string, options: CancelAllOptions): Promise<CancelCounts> {
    checkStreamName(stream);
    const action = `Cannot cancel messages of "${stream}"`;
    const selection = readCancelAllOptions(options, action);
    if (selection.reason !== undefined) checkReason(selection.reason, action);
    const ask = (query: QueryOptions) =>
      this.#ask("cancelMessages", stream, callOf(options), query);
    return await cancelAll(ask, selection, options.limit);
  }

  async deleteStream(name: string, call?: CallOptions): Promise<void> {
    await this.#askOf("deleteStream", name, call);
  }

  async getStreams(call?: CallOptions): Promise<StreamInfo[]> {
    const streams = await this.#askPages<StreamInfo>("getStreams", "", call);
    return streams.map(completeStreamInfo).sort((one, other) => one.name < other.name ? -1 : 1);
  }

  async getStream(name: string, call?: CallOptions): Promise<StreamInfo> {
    return completeStreamInfo(await this.#askOf("getStream", name, call) as StreamInfo);
  }

  async getPels(call?: CallOptions): Promise<PendingEntryList[]> {
    return joinLists(await this.#askPages<PendingEntryList>("getPels", "", call));
  }

  async getPel(followerName: string, call?: CallOptions): Promise<PendingEntry[]> {
    checkFollowerName(followerName);
    const lists = await this.#askPages<PendingEntryList>("getPel", followerName, call);
    const [list] = joinLists(lists);
    return [...list?.entries ?? []];
  }

  async releasePel(followerName: string, call?: CallOptions): Promise<number> {
    checkFollowerName(followerName);
    return await this.#ask("releasePel", followerName, call) as number;
  }

  async peek<Body>(
    stream: string,
    options?: PeekOptions,
    call?: CallOptions,
  ): Promise<PeekedMessage<Body>[]> {
    checkOptionNames(options ?? {}, ["from", "limit"], "Cannot peek");
    const { from = 1, limit = PEEK_COUNT_DEFAULT } = options ?? {};
    checkId("from", from);
    checkNumber("limit", limit, { low: 1, high: PEEK_COUNT_MAX }, "Cannot peek");
    const answer = await this.#askOf("peek", stream, call, { from, limit }) as PeekedMessages;
    return readPeeked(stream, answer) as PeekedMessage<Body>[];
  }

  async getMessage<Body>(
    stream: string,
    id: number,
    call?: CallOptions,
  ): Promise<PeekedMessage<Body>> {
    checkId("id", id);
    const answer = await this.#askOf("getMessage", stream, call, { from: id }) as PeekedMessages;
    const [message] = readPeeked(stream, answer);
    if (message !== undefined) return message as PeekedMessage<Body>;
    throw new BrokerError(
      "MESSAGE_NOT_FOUND",
      `Cannot get message ${id} of "${stream}": it is gone`,
    );
  }

  async redrive(stream: string, options: RedriveOptions = {}): Promise<RedriveResult> {
    checkStreamName(stream);
    checkRedriveOptions(options);
    const call = callOf(options);
    const dead = isDeadName(stream) ? stream : deadNameOf(stream);
    const send = async (ids: readonly number[]) =>
      await this.#ask("redrive", dead, call, { ids }) as RedriveResult;
    const peek = (from: number, limit: number) => this.peek(dead, { from, limit }, call);
    try {
      return await redrive({ peek, send }, options, await this.#findEnd(dead, call));
    } catch (error) {
      // A step may be refused by another verb; this tells the one that is needed.
      if (error instanceof BrokerError && error.code === "FORBIDDEN") await send([]);
      throw error;
    }
  }

  async explain(stream: string, call?: CallOptions): Promise<string[]> {
    return await this.#askOf("explain", stream, call) as string[];
  }

  async openBackup(call?: CallOptions): Promise<BackupInfo> {
    return await this.#ask("openBackup", "", call) as BackupInfo;
  }

  async readBackup(
    { backup, file, offset }: BackupPlace,
    call?: CallOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    for (const [name, number] of Object.entries({ backup, offset })) {
      checkNumber(name, number, { low: 0, high: Number.MAX_SAFE_INTEGER }, "Cannot read a backup");
    }
    const options = { backup, from: offset };
    return await this.#ask("readBackup", file, call, options) as Uint8Array<ArrayBuffer>;
  }

  async closeBackup(backup: number, call?: CallOptions): Promise<boolean> {
    return await this.#ask("closeBackup", "", call, { backup }) as boolean;
  }

  async getBroker(call?: CallOptions): Promise<BrokerStatus> {
    return await this.#ask("getBroker", "", call) as BrokerStatus;
  }

  async getConnections(call?: CallOptions): Promise<ConnectionInfo[]> {
    return await this.#askPages<ConnectionInfo>("getConnections", "", call);
  }

  async closeConnection(id: number, options: CloseConnectionOptions = {}): Promise<boolean> {
    const action = `Cannot close connection ${id}`;
    checkNumber("id", id, ID_RANGE, action);
    checkOptionNames(options, ["reason", "signal"], action);
    const { reason, ...call } = options;
    if (reason !== undefined) checkReason(reason, action);
    const given = { connection: id, ...reason !== undefined && { reason } };
    return await this.#ask("closeConnection", "", call, given) as boolean;
  }

  async setLogLevel(level: LogLevel, call?: CallOptions): Promise<void> {
    if (!LOG_LEVELS.includes(level)) {
      const allowed = `allowed are ${LOG_LEVELS.join(", ")}`;
      throw new RangeError(`Cannot set the level of the log: found ${level}, ${allowed}`);
    }
    await this.#ask("setLogLevel", "", call, { level });
  }

  async getEvents({ after = 0, ...call }: EventOptions = {}): Promise<BrokerEvent[]> {
    checkNumber("after", after, { low: 0, high: Number.MAX_SAFE_INTEGER }, "Cannot get events");
    return await this.#askPages<BrokerEvent>("getEvents", "", call, after);
  }

  async getCluster(call?: CallOptions): Promise<ClusterStatus> {
    return await this.#ask("getCluster", "", call) as ClusterStatus;
  }

  async handOver(call?: CallOptions): Promise<Handover> {
    return await this.#ask("handOver", "", call) as Handover;
  }

  /** The id of the next dead letter; 1 if there never was one. */
  async #findEnd(dead: string, call: CallOptions): Promise<number> {
    try {
      return (await this.getStream(dead, call)).nextId;
    } catch (error) {
      const isMissing = error instanceof BrokerError && error.code === "STREAM_NOT_FOUND";
      if (!isMissing) throw error;
    }
    // Without failures there is no dead-letter stream. The stream itself must exist, though.
    await this.getStream(dead.slice(0, -DEAD_SUFFIX.length), call);
    return 1;
  }

  /** Asks for one page after the other; other queries are served in between. */
  async #askPages<Item>(
    operation: Operation,
    name: string,
    call: CallOptions | undefined,
    from: number = 0,
  ): Promise<Item[]> {
    const all: Item[] = [];
    for (let after: number | undefined = from; after !== undefined;) {
      const page = await this.#ask(operation, name, call, { after }) as Page<Item>;
      for (const item of page.items) all.push(item);
      after = page.next;
    }
    return all;
  }

  /** Asks about a stream after checking its name. */
  #askOf(
    operation: Operation,
    stream: string,
    call: CallOptions | undefined,
    options?: QueryOptions,
  ): Promise<unknown> {
    checkStreamName(stream);
    return this.#ask(operation, stream, call, options);
  }

  #ask(
    operation: Operation,
    name: string,
    call: CallOptions | undefined,
    options?: QueryOptions,
  ): Promise<unknown> {
    checkOptionNames(call ?? {}, ["signal"], `Cannot call ${operation}`);
    const query = options === undefined ? { operation, name } : { operation, name, options };
    return this.#queries.ask(query, call);
  }
}

function callOf({ signal }: CallOptions): CallOptions {
  return signal === undefined ? {} : { signal };
}

function checkStreamName(name: string): void {
  const mistake = findStreamNameMistake(name);
  if (mistake !== undefined) throw new RangeError(`Cannot use a stream name: ${mistake}`);
}

function checkStreamOptions(action: string, name: string, options: StreamOptionsInput): void {
  checkStreamName(name);
  const mistake = findStreamOptionsMistake(options);
  if (mistake !== undefined) throw new RangeError(`Cannot ${action} stream "${name}": ${mistake}`);
}

function checkFollowerName(name: string): void {
  const mistake = findLabelMistake(name);
  if (mistake !== undefined) throw new RangeError(`Cannot find a follower: ${mistake}`);
}

function checkId(name: string, id: number): void {
  checkNumber(name, id, ID_RANGE, "Cannot peek");
}

function checkReason(reason: unknown, action: string): void {
  if (typeof reason === "string" && encodeUtf8(reason).length <= REASON_BYTES_MAX) return;
  throw new RangeError(`${action}: reason must be a text of at most ${REASON_BYTES_MAX} bytes`);
}

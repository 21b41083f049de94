import type {
  BackupInfo,
  DifferenceWay,
  PendingEntry,
  PendingEntryList,
  StreamCreation,
  StreamInfo,
  StreamOptionsInput,
} from "../../../protocol.ts";
import type { CallOptions } from "../member/call_options.ts";
import type { Cancelling } from "./cancelling.ts";
import type { DropResult, Operating } from "./operating.ts";
import type { PeekedMessage } from "./peeked_message.ts";
import type { RedriveOptions, RedriveResult } from "./redrive.ts";
import type { Limiting } from "./limiting.ts";
import type { Scheduling } from "./scheduling.ts";

/** Options of {@linkcode Cursor.createStream}. */
export interface CreateStreamOptions extends CallOptions {
  /**
   * What to do if the stream exists with other options: `"keep"` leaves it as it is, `"update"` sets the
   * given options, `"fail"` rejects with `STREAM_DIFFERS`.
   *
   * @default {"keep"}
   */
  readonly ifDifferent?: DifferenceWay;
}

/** Options of {@linkcode Cursor.peek}. */
export interface PeekOptions {
  /**
   * The id to begin with.
   *
   * @default {1}
   */
  readonly from?: number;
  /**
   * The maximum number of messages, 1 to 1,000.
   *
   * @default {100}
   */
  readonly limit?: number;
}

/** A place in a backup; see {@linkcode Cursor.readBackup}. */
export interface BackupPlace {
  /** The number of the backup. */
  readonly backup: number;
  /** The name of one of its files. */
  readonly file: string;
  /** Where to begin in that file, in bytes. */
  readonly offset: number;
}

/**
 * Creates, lists, inspects and deletes streams; takes no part in the exchange of messages.
 *
 * A name that is not allowed is a `RangeError`, and nothing is sent. Every call takes a signal to stop
 * waiting for the answer.
 *
 * If the connection is lost before the answer, queries that only read or may be repeated (create, update,
 * pause and resume a stream) are sent again on the next connection. All others fail with
 * `ConnectionClosedError`; whether they were carried out is then unknown.
 *
 * @example Inspecting streams
 * ```ts
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * const cursor = connection.cursor();
 * await cursor.createStream("orders");
 * await cursor.createStream("invoices");
 * assertEquals((await cursor.getStreams()).map(({ name }) => name), ["invoices", "orders"]);
 * assertEquals((await cursor.getStream("orders")).nextId, 1);
 * ```
 */
export interface Cursor extends Operating, Cancelling, Scheduling, Limiting {
  /**
   * Creates a stream. If the stream exists, it stays as it is unless `ifDifferent` says otherwise.
   *
   * @param name 1 to 128 of the characters `A-Z a-z 0-9 . _ -`, the first a letter or a digit.
   * @param options The stream's options; those left out have their defaults.
   * @param call What to do if the options differ, and a signal to stop waiting.
   * @returns Whether the stream was created, and which of the given options differ from those of an
   * existing stream. After a lost connection `created` may be `false` although this call has created it.
   * @throws {RangeError} If the name or an option is not allowed.
   * @throws {BrokerError} `TOO_MANY_STREAMS`; `STREAM_DIFFERS` with `ifDifferent: "fail"`; `FORBIDDEN`, and
   * `LIMIT_REACHED` if the user may manage as many streams as allowed.
   *
   * @example Changing an option with the next deployment
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders", { maxMessages: 1000, maxDeliveries: 3 });
   * const found = await cursor.createStream("orders", { maxDeliveries: 5 });
   * assertEquals(found, { created: false, differs: ["maxDeliveries"] });
   * await cursor.createStream("orders", { maxDeliveries: 5 }, { ifDifferent: "update" });
   * assertEquals((await cursor.getStream("orders")).options.maxDeliveries, 5);
   * ```
   */
  createStream(
    name: string,
    options?: StreamOptionsInput,
    call?: CreateStreamOptions,
  ): Promise<StreamCreation>;
  /**
   * Changes options of a stream; those left out stay as they are. With `overflow: "drop-oldest"` and a
   * limit that falls it answers when what is too much is gone, which may take seconds for a million
   * messages. Until then new messages take the place of the oldest ones, and the stream does not grow.
   *
   * @param options The new values.
   * @throws {RangeError} If the name or an option is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   */
  updateStream(name: string, options: StreamOptionsInput, call?: CallOptions): Promise<void>;
  /**
   * Stops deliveries from a stream until it is resumed, even if the broker is restarted. Publishing
   * goes on, and followers keep the messages they hold.
   *
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   */
  pauseStream(name: string, call?: CallOptions): Promise<void>;
  /**
   * Resumes deliveries from a paused stream. Does nothing if the stream is not paused.
   *
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   */
  resumeStream(name: string, call?: CallOptions): Promise<void>;
  /**
   * Removes all ready and delayed messages of a stream. They do not go to the dead letters; messages
   * that followers hold are not removed.
   *
   * @returns The number of removed messages.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   */
  purgeStream(name: string, call?: CallOptions): Promise<number>;
  /**
   * Removes single messages of a stream, ready or delayed ones. They do not go to the dead letters; those
   * that followers hold are not removed.
   *
   * @param ids The ids, any number of them; more than 1,000 are removed in steps.
   * @returns The number of messages removed, and of ids without a message to remove.
   * @throws {RangeError} If the name or an id is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   *
   * @example Removing dead letters that need no second try
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders");
   * await connection.publisher("orders").sendMessages(["test", "order", "test"]);
   * const tests = (await cursor.peek("orders")).filter(({ body }) => body === "test");
   * const result = await cursor.dropMessages("orders", tests.map(({ id }) => id));
   * assertEquals(result, { count: 2, skipped: 0 });
   * ```
   */
  dropMessages(stream: string, ids: readonly number[], call?: CallOptions): Promise<DropResult>;
  /**
   * Deletes a stream with all its messages. Its followers wait for a new stream of that name.
   *
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   */
  deleteStream(name: string, call?: CallOptions): Promise<void>;
  /** Lists all streams that the user may see, sorted by name. */
  getStreams(call?: CallOptions): Promise<StreamInfo[]>;
  /**
   * Describes one stream.
   *
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   */
  getStream(name: string, call?: CallOptions): Promise<StreamInfo>;
  /**
   * Lists the pending entry lists of all followers, by the followers' names, with the entries that the user
   * may see.
   */
  getPels(call?: CallOptions): Promise<PendingEntryList[]>;
  /**
   * Returns the pending entry list of all followers of one name: the messages they have taken and not yet
   * acknowledged, at most 50,000 entries.
   *
   * @throws {BrokerError} `FOLLOWER_NOT_FOUND` if no such follower is connected.
   */
  getPel(followerName: string, call?: CallOptions): Promise<PendingEntry[]>;
  /**
   * Takes back the messages that the followers of one name hold, so that others get them. Their signals
   * abort. An attempt counts if the client has reported that a handler began. It reports this about 50 ms
   * after the handler gets its message.
   *
   * @returns The number of messages taken back: those of the streams that the user may manage.
   * @throws {BrokerError} `FOLLOWER_NOT_FOUND` if no such follower is connected, `FORBIDDEN` if there are none
   * of these streams.
   */
  releasePel(followerName: string, call?: CallOptions): Promise<number>;
  /**
   * Looks at messages of a stream without taking them, in the order of their ids, in any state.
   *
   * An answer has at most 1 MiB, so it may have fewer messages than `limit`. To look at all messages,
   * continue after the last id until an answer is empty.
   *
   * @typeParam Body The type of the bodies; it is not checked.
   * @param options The first id, and the maximum number of messages.
   * @throws {RangeError} If the name, `from` or `limit` is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   *
   * @example Looking at waiting messages
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders");
   * await connection.publisher("orders").sendMessages(["one", "two", "three"]);
   * const messages = await cursor.peek("orders", { from: 2, limit: 10 });
   * assertEquals(messages.map(({ id, body, state }) => [id, body, state]), [
   *   [2, "two", "ready"],
   *   [3, "three", "ready"],
   * ]);
   * ```
   */
  peek<Body = unknown>(
    stream: string,
    options?: PeekOptions,
    call?: CallOptions,
  ): Promise<PeekedMessage<Body>[]>;
  /**
   * Looks at one message without taking it.
   *
   * @typeParam Body The type of the body; it is not checked.
   * @param id The message's id.
   * @throws {RangeError} If the name or the id is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`; `MESSAGE_NOT_FOUND` if there is no such message
   * now.
   */
  getMessage<Body = unknown>(
    stream: string,
    id: number,
    call?: CallOptions,
  ): Promise<PeekedMessage<Body>>;
  /**
   * Sends dead letters back to the streams they came from, the oldest first. Each gets a new id there
   * and starts with no attempts. Dead letters that arrive during the call stay where they are.
   *
   * @param stream The stream, or its dead-letter stream `<name>.dead`.
   * @param options A filter, a maximum number, a rate, and a signal to stop.
   * @returns The number of messages sent back, and of selected ones that were not.
   * @throws {TypeError | RangeError} If the name or an option is not allowed.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   * @throws {ConnectionClosedError} If the connection is lost while messages are sent back.
   *
   * @example Retrying rejected messages
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("orders");
   * await connection.publisher("orders").sendMessage("an order");
   * for await (const message of connection.follower("orders").getMessages()) {
   *   await message.reject("no such article", { confirm: true });
   *   break;
   * }
   * const result = await cursor.redrive("orders", {
   *   filter: ({ deadLetter }) => deadLetter?.cause === "rejected",
   * });
   * assertEquals(result, { count: 1, skipped: 0 });
   * assertEquals((await cursor.getStream("orders")).ready, 1);
   * ```
   */
  redrive(stream: string, options?: RedriveOptions): Promise<RedriveResult>;
  /**
   * Explains in sentences why messages of a stream are delivered or not: its followers and what they
   * hold, delayed messages, dead letters, whether it is paused. For a stream that does not exist it
   * names the followers that wait for it.
   *
   * @throws {BrokerError} `STREAM_NOT_FOUND` if it does not exist and no follower waits for it, `FORBIDDEN`.
   */
  explain(stream: string, call?: CallOptions): Promise<string[]>;
  /**
   * Opens a backup of the broker's journal. It fixes a position: everything that was confirmed before is in it.
   * The broker keeps the files up to there until they are read, for at most a minute after the last call of
   * {@linkcode Cursor.readBackup}. `simplemq backup` does all of this, and checks the result.
   *
   * @returns The files to read, in their order, and the position.
   * @throws {BrokerError} `FORBIDDEN` for all but administrators; `BAD_REQUEST` if four backups are open, or if
   * the engine keeps nothing on a disk.
   *
   * @example Reading a backup
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * const directory = await Deno.makeTempDir();
   * await using broker = await serve({ port: 0, storage: { directory } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * const { backup, files } = await cursor.openBackup();
   * for (const { name: file, bytes } of files) {
   *   let offset = 0;
   *   while (offset < bytes) offset += (await cursor.readBackup({ backup, file, offset })).length;
   *   assertEquals(offset, bytes);
   * }
   * await cursor.closeBackup(backup);
   * ```
   */
  openBackup(call?: CallOptions): Promise<BackupInfo>;
  /**
   * Reads up to 256 KiB of a file of a backup. Files are read in the order in which they are listed: those
   * before the one that is read are given up.
   *
   * @throws {RangeError} If a number is not allowed.
   * @throws {BrokerError} `FORBIDDEN`; `BAD_REQUEST` if the backup is over, or has no such file or offset;
   * `STREAM_DAMAGED` if the broker cannot read the file.
   */
  readBackup(place: BackupPlace, call?: CallOptions): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Ends a backup; returns whether it was open.
   *
   * @throws {BrokerError} `FORBIDDEN`.
   */
  closeBackup(backup: number, call?: CallOptions): Promise<boolean>;
}

// Errors between a client and the broker. The table is the documentation; programs compare codes, never
// sentences.

/** Every error code, with its meaning, and whether it ends the session or only the command. */
export const ERROR_CODES = {
  BAD_MAGIC: { fatal: true, meaning: "the connection does not begin with the magic bytes" },
  UNSUPPORTED_VERSION: { fatal: true, meaning: "the protocol version is not supported" },
  HANDSHAKE_EXPECTED: { fatal: true, meaning: "the first frame must be a HELLO" },
  HANDSHAKE_TIMEOUT: { fatal: true, meaning: "the handshake did not come in time" },
  BAD_FRAME: { fatal: true, meaning: "a frame is malformed" },
  UNKNOWN_FRAME: {
    fatal: true,
    meaning: "the frame type is unknown, or this side does not take it",
  },
  FRAME_TOO_LARGE: {
    fatal: true,
    meaning: "a frame is larger than the limit told in the handshake",
  },
  HEARTBEAT_LOST: { fatal: true, meaning: "the peer was silent for too long" },
  SLOW_READER: { fatal: true, meaning: "the peer does not read" },
  SLOW_WRITER: { fatal: true, meaning: "the peer sends too slowly, and others wait" },
  TOO_MANY_CONNECTIONS: { fatal: true, meaning: "the broker's connection limit is reached" },
  CLOSED_BY_OPERATOR: { fatal: true, meaning: "an operator has closed the connection" },
  SHUTTING_DOWN: { fatal: true, meaning: "the broker is being stopped" },
  NOT_ACTIVE: { fatal: true, meaning: "another broker of the cluster decides now" },
  UNAUTHORIZED: {
    fatal: true,
    meaning: "no valid token or certificate was shown, or it is no longer valid",
  },
  INTERNAL_ERROR: { fatal: true, meaning: "an unexpected fault in the broker; its log tells more" },
  FORBIDDEN: { fatal: false, meaning: "the user has no permission for that" },
  LIMIT_REACHED: { fatal: false, meaning: "a limit of the user is reached" },
  BAD_REQUEST: { fatal: false, meaning: "a query or a command has wrong arguments" },
  TOO_MANY_MEMBERS: { fatal: false, meaning: "the session's member limit is reached" },
  PUBLISHER_CLOSED: { fatal: false, meaning: "the publisher is closed" },
  TOO_MANY_STREAMS: { fatal: false, meaning: "the broker's stream limit is reached" },
  STREAM_NOT_FOUND: { fatal: false, meaning: "there is no such stream" },
  STREAM_DIFFERS: { fatal: false, meaning: "there is such a stream with other options" },
  NO_MATCHING_STREAM: {
    fatal: false,
    meaning: "the pattern matches no stream",
  },
  BAD_STREAM_NAME: { fatal: false, meaning: "the stream name is not allowed" },
  BAD_PATTERN: { fatal: false, meaning: "the pattern is invalid, too long or not supported" },
  FOLLOWER_NOT_FOUND: { fatal: false, meaning: "there is no such follower" },
  MESSAGE_TOO_LARGE: { fatal: false, meaning: "a body is over the limit" },
  HEADERS_TOO_LARGE: { fatal: false, meaning: "the headers are over the limit" },
  STREAM_FULL: { fatal: false, meaning: "the stream's limit is reached" },
  MESSAGE_NOT_FOUND: { fatal: false, meaning: "the stream has no message of that id" },
  MEMORY_FULL: { fatal: false, meaning: "the memory limit for bodies is reached" },
  PUBLISHER_FORGOTTEN: {
    fatal: false,
    meaning: "it is no longer known whether the message was stored",
  },
  DISK_FULL: { fatal: false, meaning: "the broker's disk is full" },
  STREAM_DAMAGED: { fatal: false, meaning: "some of the stream cannot be read from the disk" },
  UNKNOWN_DELIVERY: { fatal: false, meaning: "no such delivery was made to this follower" },
  STALE_DELIVERY: { fatal: false, meaning: "the delivery is no longer this follower's" },
  PUBLISH_TIMEOUT: { fatal: false, meaning: "a message was not confirmed in time" },
  REPLY_TIMEOUT: { fatal: false, meaning: "no reply came in time" },
  CANCELLED: { fatal: false, meaning: "the message was cancelled" },
  HANDLER_TIMEOUT: { fatal: false, meaning: "a handler did not end in time" },
  BATCH_NOT_SETTLED: {
    fatal: false,
    meaning: "the next batch was asked for before the messages of the last one had an outcome",
  },
  SCHEDULE_NOT_FOUND: { fatal: false, meaning: "there is no such schedule" },
  TOO_MANY_SCHEDULES: { fatal: false, meaning: "the broker's schedule limit is reached" },
  LIMIT_NOT_FOUND: { fatal: false, meaning: "there is no such shared limit" },
} as const;

/** One of the codes of {@linkcode ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Whether a value is one of the known codes. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(ERROR_CODES, text);
}

/** Figures of an error; the code determines which ones are present. */
export interface ErrorDetails {
  /** `STREAM_FULL`: the stream. */
  readonly stream?: string;
  /** `STREAM_FULL`: the lane, if it is the lane that is full. */
  readonly lane?: string;
  /**
   * The unit of `depth` and `limit`. `STREAM_FULL`: `messages` or `bytes`; `LIMIT_REACHED`: `bytes`, or
   * undefined if they are numbers of streams.
   */
  readonly what?: "messages" | "bytes";
  /** `STREAM_FULL`: the messages or bytes in the stream. `LIMIT_REACHED`: what the user takes up. */
  readonly depth?: number;
  /** `STREAM_FULL`: the limit of the stream. `LIMIT_REACHED`: the limit of the user. */
  readonly limit?: number;
  /** `STREAM_FULL`: the number of refused messages, from the first on, that there is room for. */
  readonly room?: number;
  /**
   * `STREAM_FULL`: the estimated time until there is room, in milliseconds, by the rate at which messages
   * left lately; undefined if the batch is larger than the stream may be.
   */
  readonly retryAfterMs?: number;
  /** `STREAM_FULL` of `redrive`: the number of dead letters sent back before the stream was full. */
  readonly redriven?: number;
  /** `NOT_ACTIVE`: the address of the broker that decides, `host:port`; undefined if that is not known. */
  readonly active?: string;
}

/**
 * An error that the broker reports, on the wire and in the client.
 *
 * @example Telling errors apart by their code
 * ```ts
 * import { BrokerError } from "@simplemq/simplemq";
 * import { serve } from "@simplemq/simplemq/server";
 * import { assert, assertEquals } from "@std/assert";
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * try {
 *   await connection.publisher("nowhere").sendMessage("lost?");
 * } catch (error) {
 *   assert(error instanceof BrokerError);
 *   assertEquals(error.code, "STREAM_NOT_FOUND");
 * }
 * ```
 */
export class BrokerError extends Error {
  /** The code: a key of {@linkcode ERROR_CODES}. */
  readonly code: ErrorCode;
  /** Whether the session has ended with this error. */
  readonly fatal: boolean;
  /** Figures of the error: of `STREAM_FULL` depth, limit, room and `retryAfterMs`. */
  readonly details: ErrorDetails;

  /**
   * Creates an error with a code of the table.
   *
   * @param code A code of the table.
   * @param message A sentence for people: what was tried, and why it failed.
   * @param options The `cause`, and figures.
   */
  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & { readonly details?: ErrorDetails },
  ) {
    super(message, options);
    this.name = "BrokerError";
    this.code = code;
    this.fatal = ERROR_CODES[code].fatal;
    this.details = options?.details ?? {};
  }
}

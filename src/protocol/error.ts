/**
 * What can go wrong between a client and the broker: one class, one table of codes. The table is the
 * documentation; programs compare codes, never sentences.
 *
 * @module
 */

/** What one error code stands for. */
export interface ErrorCodeEntry {
  /** Whether it ends the session, or only the one command that it answers. */
  readonly fatal: boolean;
  /** What it means, in a few words. */
  readonly meaning: string;
}

/** Every error code: what it means, and whether it ends the session. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeEntry>> = {
  /** The connection did not begin with the protocol's magic bytes. */
  BAD_MAGIC: { fatal: true, meaning: "the connection does not begin with the magic bytes" },
  /** The broker does not speak the protocol version that the client named. */
  UNSUPPORTED_VERSION: { fatal: true, meaning: "the protocol version is not spoken here" },
  /** The first frame was something else than a `HELLO`. */
  HANDSHAKE_EXPECTED: { fatal: true, meaning: "the first frame must be a HELLO" },
  /** The handshake did not come in time. */
  HANDSHAKE_TIMEOUT: { fatal: true, meaning: "the handshake did not come in time" },
  /** A frame's content does not have the layout of its type. */
  BAD_FRAME: { fatal: true, meaning: "a frame is malformed" },
  /** A frame type that this side does not know, or does not take. */
  UNKNOWN_FRAME: { fatal: true, meaning: "the frame type is unknown" },
  /** A frame announces more bytes than the limit told in the handshake. */
  FRAME_TOO_LARGE: { fatal: true, meaning: "a frame is larger than the limit" },
  /** Nothing was heard for longer than the heartbeat allows. */
  HEARTBEAT_LOST: { fatal: true, meaning: "the peer was silent for too long" },
  /** The peer does not read what was sent to it. */
  SLOW_READER: { fatal: true, meaning: "the peer does not read what is sent to it" },
  /** The peer sends a message so slowly that others, who send large ones too, would wait for long. */
  SLOW_WRITER: { fatal: true, meaning: "the peer sends too slowly, and others wait" },
  /** The broker holds as many connections as it may. */
  TOO_MANY_CONNECTIONS: { fatal: true, meaning: "the broker's connection limit is reached" },
  /** The broker is being stopped. */
  SHUTTING_DOWN: { fatal: true, meaning: "the broker is being stopped" },
  /** A fault in the broker; its log tells more. The session ends, the broker goes on. */
  INTERNAL_ERROR: { fatal: true, meaning: "an unexpected fault in the broker" },
  /** A query names an unknown operation or has wrong arguments. */
  BAD_REQUEST: { fatal: false, meaning: "a query or a command has wrong arguments" },
  /** The session has as many publishers, or followers, as it may. */
  TOO_MANY_MEMBERS: { fatal: false, meaning: "the session's member limit is reached" },
  /** The publisher was closed in this session, or could not be opened. */
  PUBLISHER_CLOSED: { fatal: false, meaning: "the publisher is closed" },
  /** The broker holds as many streams as it may. */
  TOO_MANY_STREAMS: { fatal: false, meaning: "the broker's stream limit is reached" },
  /** There is no stream of that name. */
  STREAM_NOT_FOUND: { fatal: false, meaning: "there is no such stream" },
  /** There is a stream of that name with other options, and the call was to fail then. */
  STREAM_DIFFERS: { fatal: false, meaning: "there is such a stream with other options" },
  /** A regex publisher's pattern matches no stream; nothing was stored. */
  NO_MATCHING_STREAM: { fatal: false, meaning: "the pattern matches no stream" },
  /** A stream name breaks the rule for names. */
  BAD_STREAM_NAME: { fatal: false, meaning: "the stream name is not allowed" },
  /** A pattern is too long, invalid, or needs what the linear-time engine cannot do. */
  BAD_PATTERN: { fatal: false, meaning: "the pattern is invalid, too long or not supported" },
  /** No follower has that name. */
  FOLLOWER_NOT_FOUND: { fatal: false, meaning: "there is no such follower" },
  /** A message's body is over the limit. */
  MESSAGE_TOO_LARGE: { fatal: false, meaning: "a body is over the limit" },
  /** A message's headers are over the limit. */
  HEADERS_TOO_LARGE: { fatal: false, meaning: "the headers are over the limit" },
  /** The stream has as many messages, or bytes, as its options allow. */
  STREAM_FULL: { fatal: false, meaning: "the stream has as much as its options allow" },
  /** The stream has no message of that id. */
  MESSAGE_NOT_FOUND: { fatal: false, meaning: "the stream has no message of that id" },
  /** The engine keeps messages in memory and its memory limit is reached. */
  MEMORY_FULL: { fatal: false, meaning: "the memory limit for bodies is reached" },
  /** The broker has forgotten the publisher, and cannot tell whether this was stored before. */
  PUBLISHER_FORGOTTEN: {
    fatal: false,
    meaning: "whether this was stored before is not known any more",
  },
  /** There is no room on the broker's disk; deliveries and acknowledgements go on. */
  DISK_FULL: { fatal: false, meaning: "the broker's disk is full" },
  /** Some of the stream cannot be read from the disk; the broker's log tells where. */
  STREAM_DAMAGED: { fatal: false, meaning: "some of the stream cannot be read from the disk" },
  /** The acknowledged delivery was never made to this follower. */
  UNKNOWN_DELIVERY: { fatal: false, meaning: "no such delivery was made to this follower" },
  /** The acknowledged delivery is no longer this follower's: acknowledged, given back or lost. */
  STALE_DELIVERY: { fatal: false, meaning: "the delivery is no longer this follower's" },
  /** A message was not confirmed in time; the broker does not send it. */
  PUBLISH_TIMEOUT: { fatal: false, meaning: "a message was not confirmed in time" },
  /** Nobody replied to a request in time; the broker does not send it. */
  REPLY_TIMEOUT: { fatal: false, meaning: "nobody replied to the request in time" },
};

/** One of the codes of {@linkcode ERROR_CODES}. */
export type ErrorCode =
  | "BAD_MAGIC"
  | "UNSUPPORTED_VERSION"
  | "HANDSHAKE_EXPECTED"
  | "HANDSHAKE_TIMEOUT"
  | "BAD_FRAME"
  | "UNKNOWN_FRAME"
  | "FRAME_TOO_LARGE"
  | "HEARTBEAT_LOST"
  | "SLOW_READER"
  | "SLOW_WRITER"
  | "TOO_MANY_CONNECTIONS"
  | "SHUTTING_DOWN"
  | "INTERNAL_ERROR"
  | "BAD_REQUEST"
  | "TOO_MANY_MEMBERS"
  | "PUBLISHER_CLOSED"
  | "TOO_MANY_STREAMS"
  | "STREAM_NOT_FOUND"
  | "STREAM_DIFFERS"
  | "NO_MATCHING_STREAM"
  | "BAD_STREAM_NAME"
  | "BAD_PATTERN"
  | "FOLLOWER_NOT_FOUND"
  | "MESSAGE_TOO_LARGE"
  | "HEADERS_TOO_LARGE"
  | "STREAM_FULL"
  | "MESSAGE_NOT_FOUND"
  | "MEMORY_FULL"
  | "PUBLISHER_FORGOTTEN"
  | "DISK_FULL"
  | "STREAM_DAMAGED"
  | "UNKNOWN_DELIVERY"
  | "STALE_DELIVERY"
  | "PUBLISH_TIMEOUT"
  | "REPLY_TIMEOUT";

/** Tells whether a text from the wire is one of the known codes. */
export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(ERROR_CODES, text);
}

/** Figures that belong to an error; which ones there are depends on its code. */
export interface ErrorDetails {
  /** `STREAM_FULL`: the stream. */
  readonly stream?: string;
  /** `STREAM_FULL`: what is limited, `messages` or `bytes`. */
  readonly what?: "messages" | "bytes";
  /** `STREAM_FULL`: how much of that the stream has. */
  readonly depth?: number;
  /** `STREAM_FULL`: how much of that it may have. */
  readonly limit?: number;
  /** `STREAM_FULL`: how many of the batch's first messages there is room for. */
  readonly room?: number;
  /**
   * `STREAM_FULL`: when there will be room, by what has left the stream lately, in milliseconds; not
   * there if the batch is larger than the stream may be.
   */
  readonly retryAfterMs?: number;
  /** `STREAM_FULL` while dead letters are sent back: how many were, before there was no more room. */
  readonly redriven?: number;
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
  /** What went wrong: a key of {@linkcode ERROR_CODES}. */
  readonly code: ErrorCode;
  /** Whether the session has ended with this error. */
  readonly fatal: boolean;
  /** Figures that belong to it; of `STREAM_FULL` depth, limit and `retryAfterMs`. */
  readonly details: ErrorDetails;

  /**
   * Creates an error with a code of the table.
   *
   * @param code What went wrong.
   * @param message What was tried, and why it failed, for a person to read.
   * @param options The `cause`, and figures that belong to it, where there are some.
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

import type { ErrorCode, ErrorDetails } from "../error.ts";
import type { FrameDecoder } from "./frame_decoder.ts";
import { FrameType } from "./frame_type.ts";
import type { FrameWriter } from "./frame_writer.ts";
import {
  count,
  errorCode,
  flag,
  label,
  number32,
  object,
  oneOf,
  optional,
  readField,
  type Shape,
  text,
  texts,
  withDefault,
} from "./json_fields.ts";

/** The capability of `deliver` frames to tell when their messages were stored. */
export const STORED_AT = "storedAt";

/** The capability of a cluster to tell when other brokers belong to it. */
export const BROKERS = "brokers";

/** The capability of lanes, coalescing, batches in a handler, slots, keys in order, postponing. */
export const WORK = "work";

/** The capabilities of this version beyond version 2 of the protocol. */
export const CAPABILITIES: readonly string[] = [STORED_AT, BROKERS, WORK];

/** A bind on the wire. */
export interface BindFields {
  /** A stream name (direct) or a pattern (regex). */
  readonly routeString: string;
  /** Whether `routeString` is a name or a pattern. */
  readonly bindType: "direct" | "regex";
  /** Whether a pattern ignores case. */
  readonly ignoreCase: boolean;
}

/** `hello`: the client's first frame. */
export interface Hello {
  /** The client's name, a label for logs. */
  readonly client: string;
  /** The client's capabilities beyond this version of the protocol. */
  readonly capabilities: readonly string[];
  /** The secret that shows who the client is; absent if it has none. */
  readonly token?: string;
  /**
   * Whether a standby of a cluster will do: it answers questions about itself and its cluster, and gives
   * backups. Default: false, then a standby refuses with `NOT_ACTIVE`.
   */
  readonly standby?: boolean;
}

/** The limits in force in a session. */
export interface SessionLimits {
  /** The largest body, in bytes. */
  readonly bodyBytes: number;
  /** The largest encoded headers of a message, in bytes. */
  readonly headerBytes: number;
  /**
   * The largest frame that the broker takes: type and fields, in bytes. Its own frames may be larger:
   * deliveries of up to 256 KiB, answers to a cursor of some megabytes.
   */
  readonly frameBytes: number;
  /** The most messages in one frame. */
  readonly batchCount: number;
  /** The most messages that a follower may hold unacknowledged. */
  readonly unacknowledgedMessages: number;
  /** The most bytes of messages that a follower may hold unacknowledged. */
  readonly unacknowledgedBytes: number;
}

/** `welcome`: the broker's answer to a `hello`. */
export interface Welcome {
  /** The number of the session, for logs. */
  readonly session: number;
  /** The user that the session acts for; `local` if the broker has no users. */
  readonly user: string;
  /** The version of the broker. */
  readonly version: string;
  /** The engine that holds the streams. */
  readonly engine: string;
  /** The durability that a confirm promises. */
  readonly durability: string;
  /** A side that has sent nothing for this many milliseconds sends a `heartbeat`. */
  readonly heartbeatMs: number;
  /** A side that has received nothing for this many milliseconds gives the connection up. */
  readonly heartbeatTimeoutMs: number;
  /** The limits in force. */
  readonly limits: SessionLimits;
  /** The capabilities that both sides have. */
  readonly capabilities: readonly string[];
  /** A client sends a `progress` within this many milliseconds after it has received something. */
  readonly progressMs: number;
  /**
   * A client sends a `begin` within this many milliseconds after a handler has got a message, if the handler
   * still has it then.
   */
  readonly beginMs: number;
  /** The addresses of all brokers of the cluster, its own one first, `host:port` each; empty outside of one. */
  readonly brokers: readonly string[];
}

/** `brokers`: the brokers of the cluster, when they are others than the `welcome` has told. */
export interface ClusterMembers {
  /** The addresses of all brokers of the cluster, its own one first, `host:port` each. */
  readonly brokers: readonly string[];
}

/** `pong`: the answer to a `ping`. */
export interface Pong {
  /** The version of the broker. */
  readonly version: string;
  /** Why the broker is not ready, a sentence each; none if all is well. */
  readonly problems: readonly string[];
}

/** `goodbye`: the session is about to end. */
export interface Goodbye {
  /**
   * `SHUTTING_DOWN` from a broker that stops, and finishes what is under way; `NOT_ACTIVE` from one that has
   * handed over, and finishes nothing more; absent from a client that is done.
   */
  readonly code?: ErrorCode;
  /** Why, for a person. */
  readonly message: string;
  /** Figures that belong to the code. */
  readonly details?: ErrorDetails;
}

/** `error`: a command failed, or the session has to end. */
export interface ErrorReport {
  /** What went wrong. */
  readonly code: ErrorCode;
  /** What failed and why, for a person. */
  readonly message: string;
  /** The query that failed. */
  readonly query?: number;
  /** The publisher that could not be opened. */
  readonly publisher?: number;
  /** The follower that could not be opened, or whose deliveries the error is about. */
  readonly follower?: number;
  /** Figures that belong to the code. */
  readonly details?: ErrorDetails;
}

/** `openPublisher`: a publisher of this session. */
export interface OpenPublisher {
  /** The number that stands for it in this session, chosen by the client. */
  readonly publisher: number;
  /** Its identity across connections: identity and sequence tell whether a batch is repeated. */
  readonly identity: string;
  /** The bind. */
  readonly bind: BindFields;
  /**
   * The number of the last message that it has sent over an earlier connection; absent if all messages
   * have their answers.
   */
  readonly sentUntil?: number;
  /** How long ago the first message without an answer was sent for the first time, in milliseconds. */
  readonly sentMs?: number;
}

/** `openFollower`: a follower of this session. */
export interface OpenFollower {
  /** The number that stands for it in this session, chosen by the client. */
  readonly follower: number;
  /** Its name, a label. */
  readonly name: string;
  /** The bind. */
  readonly bind: BindFields;
  /** The most messages that it may hold unacknowledged. */
  readonly messages: number;
  /** The most bytes of messages that it may hold unacknowledged. */
  readonly bytes: number;
  /** How many messages it works on at once; 1 by default. */
  readonly slots?: number | undefined;
  /**
   * Whether its client hands messages of one key out one at a time and in order, so that it may get several
   * of them at once. Default: false.
   */
  readonly ordersKeys?: boolean;
}

/** `openReplies`: the stream that receives the replies to this session's requests. */
export interface OpenReplies {
  /** Its unguessable name: `$reply.` and characters as in names of streams. */
  readonly stream: string;
}

/** `refuse`: a batch that was not stored. */
export interface Refusal {
  /** The publisher that sent it. */
  readonly publisher: number;
  /** The number of its first message. */
  readonly sequence: number;
  /** The number of its messages. */
  readonly count: number;
  /** Why it was not stored. */
  readonly code: ErrorCode;
  /** Why, for a person. */
  readonly message: string;
  /** Figures that belong to the code. */
  readonly details?: ErrorDetails;
}

/**
 * `streamDeleted`: a stream of a follower was deleted. `streamMissing`: a follower waits for a stream that
 * does not exist. `streamOpen`: the breaker of a stream is open. `streamResumed`: it is closed again.
 */
export interface StreamAbsence {
  /** The follower's number. */
  readonly follower: number;
  /** The stream's name. */
  readonly stream: string;
}

/** The control frames: which object belongs to which type. */
export interface ControlFrames {
  /** The client's first frame. */
  readonly hello: Hello;
  /** The broker's first frame. */
  readonly welcome: Welcome;
  /** The answer to a client that only asks whether the broker is well. */
  readonly pong: Pong;
  /** Which brokers belong to the cluster now. */
  readonly brokers: ClusterMembers;
  /** The last frame of either side. */
  readonly goodbye: Goodbye;
  /** What failed. */
  readonly error: ErrorReport;
  /** A new publisher. */
  readonly openPublisher: OpenPublisher;
  /** A new follower. */
  readonly openFollower: OpenFollower;
  /** The stream for replies. */
  readonly openReplies: OpenReplies;
  /** A batch not stored. */
  readonly refuse: Refusal;
  /** A stream that is gone. */
  readonly streamDeleted: StreamAbsence;
  /** A stream that is not there. */
  readonly streamMissing: StreamAbsence;
  /** A stream that delivers only probes. */
  readonly streamOpen: StreamAbsence;
  /** A stream that delivers all again. */
  readonly streamResumed: StreamAbsence;
}

/** The control frames that tell a follower of one of its streams. */
export type StreamNews = "streamDeleted" | "streamMissing" | "streamOpen" | "streamResumed";

/** Writes a control frame. */
export function writeControlFrame<Name extends keyof ControlFrames>(
  writer: FrameWriter,
  name: Name,
  content: ControlFrames[Name],
): void {
  writer.begin(FrameType[name]);
  writer.json(content);
  writer.end();
}

/**
 * Reads the current frame as a control frame.
 *
 * @param decoder A decoder on a frame of that type.
 * @param name Which control frame it is.
 * @returns The object, its fields checked.
 * @throws {BrokerError} With code `BAD_FRAME` if it is not one.
 */
export function readControlFrame<Name extends keyof ControlFrames>(
  decoder: FrameDecoder,
  name: Name,
): ControlFrames[Name] {
  const action = `Cannot read a frame of type ${name}`;
  return readField(object<ControlFrames[Name]>(shapes[name]), decoder.json(), {
    code: "BAD_FRAME",
    action,
  });
}

const bind = object<BindFields>({
  routeString: text,
  bindType: oneOf("direct", "regex"),
  ignoreCase: withDefault(flag, false),
});

/** Figures of an error; unknown ones are left out. */
const details = optional(object<ErrorDetails>({
  stream: optional(text),
  lane: optional(text),
  what: optional(oneOf("messages", "bytes")),
  depth: optional(count),
  limit: optional(count),
  room: optional(count),
  retryAfterMs: optional(count),
  redriven: optional(count),
  active: optional(text),
}));

const absence: Shape<StreamAbsence> = { follower: count, stream: text };

const shapes: { readonly [Name in keyof ControlFrames]: Shape<ControlFrames[Name]> } = {
  hello: {
    client: label,
    capabilities: withDefault(texts, []),
    token: optional(text),
    standby: optional(flag),
  },
  welcome: {
    session: count,
    user: text,
    version: text,
    engine: text,
    durability: text,
    heartbeatMs: count,
    heartbeatTimeoutMs: count,
    limits: object({
      bodyBytes: count,
      headerBytes: count,
      frameBytes: count,
      batchCount: count,
      unacknowledgedMessages: count,
      unacknowledgedBytes: count,
    }),
    capabilities: withDefault(texts, []),
    progressMs: count,
    beginMs: count,
    brokers: withDefault(texts, []),
  },
  brokers: { brokers: texts },
  pong: { version: text, problems: withDefault(texts, []) },
  goodbye: { code: optional(errorCode), message: text, details },
  error: {
    code: errorCode,
    message: text,
    query: optional(count),
    publisher: optional(count),
    follower: optional(count),
    details,
  },
  openPublisher: {
    publisher: number32,
    identity: label,
    bind,
    sentUntil: optional(count),
    sentMs: optional(count),
  },
  openFollower: {
    follower: number32,
    name: label,
    bind,
    messages: count,
    bytes: count,
    slots: optional(count),
    ordersKeys: optional(flag),
  },
  openReplies: { stream: text },
  refuse: {
    publisher: count,
    sequence: count,
    count,
    code: errorCode,
    message: text,
    details,
  },
  streamDeleted: absence,
  streamMissing: absence,
  streamOpen: absence,
  streamResumed: absence,
};

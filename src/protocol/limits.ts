import { findTextMistake } from "./utf8.ts";

/**
 * The rule for stream names; `$` is reserved for the broker's own streams. The name of a dead-letter stream
 * is the stream's name and `.dead`, even if the stream's name has the full length.
 */
export const STREAM_NAME_RULE: RegExp = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(\.dead)?$/;

/** The longest delay, and the longest time to live, in milliseconds: a hundred years. */
export const SPAN_MS_MAX: number = 100 * 365 * 24 * 60 * 60 * 1000;

/** The rule for names of reply streams: each belongs to one client, and ends with its session. */
const REPLY_STREAM_RULE = /^\$reply\.[A-Za-z0-9._-]{1,121}$/;

/** The longest pattern of a regex bind, in characters. */
export const PATTERN_LENGTH_MAX = 256;

/** The longest name of a follower or a client, in characters. */
export const LABEL_LENGTH_MAX = 128;

/** The default limit of one body, in bytes. */
export const BODY_BYTES_DEFAULT: number = 1024 * 1024;

/** The hard limit of one body, in bytes. */
export const BODY_BYTES_MAX: number = 64 * 1024 * 1024;

/** The limit of one message's encoded headers, in bytes. */
export const HEADER_BYTES_MAX = 4096;

/** The room of a frame beside the largest body: for fields, headers, or a batch of small messages. */
export const FRAME_BYTES_RESERVE: number = 64 * 1024;

/** The most messages that one frame may hold, and that one follower may hold unacknowledged. */
export const BATCH_COUNT_MAX = 4096;

/** The most bytes that may be sent before the handshake is complete. */
export const HANDSHAKE_BYTES_MAX = 8192;

/** The most entries of pending entry lists in one answer. */
export const PEL_ENTRIES_MAX = 50_000;

/** The most messages in one answer to `peek`. */
export const PEEK_COUNT_MAX = 1000;

/** The most bytes of messages in one answer to `peek`; a larger message is sent alone. */
export const PEEK_BYTES_MAX: number = 1024 * 1024;

/** The longest reason for a failure, in bytes. */
export const REASON_BYTES_MAX = 256;

/** The most publishers, and the most followers, that one session may have open. */
export const MEMBERS_MAX = 10_000;

/** Describes the mistake in a stream name, if there is one. */
export function findStreamNameMistake(name: unknown): string | undefined {
  if (typeof name !== "string") return `a stream name must be a string, found ${describe(name)}`;
  if (STREAM_NAME_RULE.test(name)) return undefined;
  return `a stream name must have 1 to 128 of the characters A-Z a-z 0-9 . _ - and begin with a letter ` +
    `or a digit, found ${describe(name)}`;
}

/** Describes the mistake in the name of a reply stream, if there is one. */
export function findReplyStreamMistake(name: unknown): string | undefined {
  if (typeof name === "string" && REPLY_STREAM_RULE.test(name)) return undefined;
  return `the name of a stream for replies must be $reply. and 1 to 121 of the characters ` +
    `A-Z a-z 0-9 . _ -, found ${describe(name)}`;
}

/** Describes the mistake in a pattern, if one can be found without compiling it. */
export function findPatternMistake(pattern: unknown): string | undefined {
  if (typeof pattern !== "string") return `a pattern must be a string, found ${describe(pattern)}`;
  if (pattern.length === 0) return "a pattern must have at least one character, found none";
  const fault = findTextMistake(pattern);
  if (fault !== undefined) return `a pattern ${fault}`;
  if (pattern.length <= PATTERN_LENGTH_MAX) return undefined;
  return `a pattern must have at most ${PATTERN_LENGTH_MAX} characters, found ${pattern.length}: ` +
    describe(pattern);
}

/** Describes the mistake in the name of a follower or a client, if there is one. */
export function findLabelMistake(label: unknown): string | undefined {
  if (typeof label !== "string") return `a name must be a string, found ${describe(label)}`;
  const fault = findTextMistake(label);
  if (fault !== undefined) return `a name ${fault}`;
  if (label.length > 0 && label.length <= LABEL_LENGTH_MAX) return undefined;
  return `a name must have 1 to ${LABEL_LENGTH_MAX} characters, found ${label.length}`;
}

/** Shows a value in a message: quoted, and never longer than a line. */
function describe(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : typeof value;
  return text.length <= 80 ? text : `${text.slice(0, 77)}..."`;
}

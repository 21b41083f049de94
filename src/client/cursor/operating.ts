import type { CallOptions } from "../member/call_options.ts";

/** Options of {@linkcode Cursor.closeConnection}. */
export interface CloseConnectionOptions extends CallOptions {
  /**
   * What the client is told, at most 256 bytes of UTF-8; it is in the broker's log, too.
   *
   * @default {"an operator has closed the connection"}
   */
  readonly reason?: string;
}

/** Options of {@linkcode Cursor.getEvents}. */
export interface EventOptions extends CallOptions {
  /**
   * The number of the last event that is known already: only later ones are returned.
   *
   * @default {0}
   */
  readonly after?: number;
}

/** The result of {@linkcode Cursor.dropMessages}. */
export interface DropResult {
  /** The number of messages removed. */
  readonly count: number;
  /** The number of ids whose messages were not removed: a follower holds them, or they are gone. */
  readonly skipped: number;
}

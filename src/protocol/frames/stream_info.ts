import type { StreamOptions } from "../messages/stream_options.ts";

/** The state of a stream. */
export interface StreamInfo {
  /** Its name. */
  readonly name: string;
  /** How many messages are ready. */
  readonly ready: number;
  /** How many messages are held back until a time. */
  readonly delayed: number;
  /** How many messages followers hold unacknowledged. */
  readonly pending: number;
  /** How many followers take from it. */
  readonly followers: number;
  /** The bytes of its messages, ready and pending, with their headers. */
  readonly bytes: number;
  /** The id that the next message will get. */
  readonly nextId: number;
  /** The durability that a confirm promises in this stream. */
  readonly durability: string;
  /** Whether deliveries are paused. */
  readonly isPaused: boolean;
  /** Its options. */
  readonly options: StreamOptions;
}

import type { StreamOptions } from "../messages/stream_options.ts";

/** The state of a stream. */
export interface StreamInfo {
  /** Its name. */
  readonly name: string;
  /** The number of ready messages. */
  readonly ready: number;
  /** The number of messages that are delayed until a time. */
  readonly delayed: number;
  /** The number of messages that followers hold unacknowledged. */
  readonly pending: number;
  /** The number of its followers. */
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

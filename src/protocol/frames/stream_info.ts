import type { StreamOptions } from "../messages/stream_options.ts";

/** What a stream looks like from outside, at one moment. */
export interface StreamInfo {
  /** Its name. */
  readonly name: string;
  /** Messages that wait to be taken. */
  readonly ready: number;
  /** Messages that are held back until a time. */
  readonly delayed: number;
  /** Messages that followers have taken and not acknowledged. */
  readonly pending: number;
  /** Followers that take from it. */
  readonly followers: number;
  /** The bytes of its messages, ready and pending, with their headers. */
  readonly bytes: number;
  /** The id that the next message will get. */
  readonly nextId: number;
  /** What a confirm promises in this stream. */
  readonly durability: string;
  /** Whether nothing is delivered from it until it is resumed. */
  readonly isPaused: boolean;
  /** What is set for it. */
  readonly options: StreamOptions;
}

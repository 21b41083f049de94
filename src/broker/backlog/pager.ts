// Where the bytes of messages are kept beside memory, so that a long backlog need not stay in memory.

import { BrokerError } from "../../../protocol.ts";

/** What is in the store cannot be read at this moment; nothing is wrong with it. */
export class StoreBusyError extends BrokerError {
  constructor(message: string, options?: ErrorOptions) {
    super("STREAM_DAMAGED", message, options);
  }
}

/** A part of the store that is freed as a whole. The backlog counts here what is still wanted of it. */
export interface Segment {
  liveCount: number;
  liveBytes: number;
}

/** Where the entries of a batch were written. */
export interface Place {
  readonly segment: Segment;
  /** Where in it the first entry begins; the others follow. */
  readonly offset: number;
}

/** Reads back what was written. */
export interface Pager {
  /**
   * Fills a buffer with the bytes at an offset of a segment. Throws a `BrokerError` with code
   * `STREAM_DAMAGED` if they cannot be read, a {@linkcode StoreBusyError} if that may pass.
   */
  read(segment: Segment, offset: number, into: Uint8Array): void;
  /** A checksum, by which bytes that come back wrong are noticed. */
  checksum(bytes: Uint8Array): number;
  /** The error for bytes that came back wrong. */
  explainDamage(segment: Segment, offset: number): Error;
}

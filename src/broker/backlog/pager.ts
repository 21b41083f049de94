// The store of message bytes outside memory, so that a long backlog need not stay in memory.

import { BrokerError } from "../../../protocol.ts";

/** The store cannot be read at this moment, although nothing in it is damaged. */
export class LogBusyError extends BrokerError {
  constructor(message: string, options?: ErrorOptions) {
    super("STREAM_DAMAGED", message, options);
  }
}

/** A part of the store that is freed as a whole. The backlog counts its live messages here. */
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

/** Reads bytes back from the store. */
export interface Pager {
  /**
   * Fills a buffer with the bytes at an offset of a segment. Throws a `BrokerError` with code
   * `STREAM_DAMAGED` if they cannot be read, a {@linkcode LogBusyError} if that may pass.
   */
  read(segment: Segment, offset: number, into: Uint8Array): void;
  /** A checksum that detects bytes that were read back wrong. */
  checksum(bytes: Uint8Array): number;
  /** The error for bytes that were read back wrong. */
  explainDamage(segment: Segment, offset: number): Error;
}

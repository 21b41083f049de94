/**
 * What a work is done on: a running broker and the way to connect to it.
 *
 * @module
 */

import type { OpenClient } from "./peer.ts";

/** A running broker, as those see it who work on it. */
export interface Host {
  /** Its port. */
  readonly port: number;
  /** Its process. */
  readonly pid: number;
  /** A directory on the disk that it writes to. */
  readonly directory: string;
  /** Where its client is. */
  readonly clientUrl: string;
  /** Connects to it. */
  readonly openClient: OpenClient;
}

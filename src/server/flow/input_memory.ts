import { BrokerError } from "../../../protocol.ts";
import { GRACE_MS, RATE_MIN } from "./receiving_room.ts";

/** A connection that takes up memory for received bytes. */
export interface InputHolder {
  /** The bytes received, in all. */
  readonly receivedBytes: number;
  /** Those of them that are a part of a frame or line whose rest has not come. */
  readonly unfinishedBytes: number;
  /** Ends its session. */
  endWith(error: BrokerError): unknown;
}

/** The memory of one connection. */
interface Share {
  bytes: number;
  /** Where the unfinished frame or line begins, in bytes received, and when it was first seen. */
  begin: number;
  since: number;
}

/**
 * The memory of all connections for received bytes, beyond a kilobyte that each may have. While it is
 * spent, buffers grow no more than a frame or line needs, those that are empty shrink, and to receive more of
 * one that does not fit into its buffer, a connection needs a place in a {@linkcode ReceivingRoom}. Connections
 * whose frame or line comes too slowly are ended then.
 */
export class InputMemory {
  readonly #bytesMax: number;
  readonly #shares = new Map<InputHolder, Share>();
  #bytes = 0;

  /** @param bytesMax The bytes at which memory is short. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The number of connections that take up memory. */
  get count(): number {
    return this.#shares.size;
  }

  get isSpent(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** Notes how many bytes a connection takes up now. */
  note(holder: InputHolder, bytes: number): void {
    const share = this.#shares.get(holder);
    this.#bytes += bytes - (share?.bytes ?? 0);
    if (bytes === 0) this.#shares.delete(holder);
    else if (share !== undefined) share.bytes = bytes;
    else this.#shares.set(holder, { bytes, begin: -1, since: 0 });
  }

  /** Ends sessions whose frame or line comes too slowly, while memory is short. */
  sweep(now: number): void {
    if (!this.isSpent) return;
    for (const [holder, share] of [...this.#shares]) {
      const { receivedBytes, unfinishedBytes } = holder;
      const begin = receivedBytes - unfinishedBytes;
      if (unfinishedBytes === 0 || begin !== share.begin) {
        share.begin = begin;
        share.since = now;
        continue;
      }
      const spanMs = now - share.since;
      if (spanMs <= GRACE_MS + unfinishedBytes / RATE_MIN * 1000) continue;
      holder.endWith(
        new BrokerError(
          "SLOW_WRITER",
          `Cannot wait for the rest of a message: ${unfinishedBytes} bytes came in ` +
            `${Math.round(spanMs)} ms, and memory for unfinished messages is short`,
        ),
      );
    }
  }
}

/**
 * A connection that makes the most of what a socket is allowed to do: it accepts writes in pieces of
 * any size, late, and reads in pieces; and it finds fault with whoever writes twice at once, or
 * changes bytes that are being written.
 *
 * @module
 */

import type { Duplex } from "../../../src/transport/duplex.ts";

/** How the connection behaves. */
export interface PickyDuplexOptions {
  /** How many bytes of each write it accepts, over and over; by default all. */
  readonly pieces?: readonly number[];
  /** Whether a write waits for {@linkcode PickyDuplex.accept}. */
  readonly isHeld?: boolean;
}

/** A connection whose other end is the test. */
export class PickyDuplex implements Duplex {
  /** All bytes that were accepted. */
  readonly written: number[] = [];
  /** What was wrong with how it was used. */
  readonly mistakes: string[] = [];
  /** How many writes were begun. */
  writeCount = 0;
  isClosed = false;
  readonly #options: PickyDuplexOptions;
  #current: { accept: () => void; fail: (error: unknown) => void } | undefined;
  #inbound: Uint8Array[] = [];
  #end: { error?: unknown } | undefined;
  #wakeReader: () => void = () => {};

  constructor(options: PickyDuplexOptions = {}) {
    this.#options = options;
  }

  /** Whether a write waits to be accepted. */
  get isWriting(): boolean {
    return this.#current !== undefined;
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#current !== undefined) this.mistakes.push("two writes at once");
    if (this.isClosed) this.mistakes.push("a write after close()");
    const { pieces = [Infinity], isHeld = false } = this.#options;
    const count = Math.min(bytes.length, pieces[this.writeCount++ % pieces.length]!);
    const before = bytes.slice();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#current = { accept: resolve, fail: reject };
    if (!isHeld) queueMicrotask(resolve);
    try {
      await promise;
    } finally {
      this.#current = undefined;
    }
    if (before.some((byte, index) => bytes[index] !== byte)) {
      this.mistakes.push("bytes were changed while they were being written");
    }
    for (const byte of before.subarray(0, count)) this.written.push(byte);
    return count;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#inbound.length === 0 && this.#end === undefined) {
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
    const piece = this.#inbound.shift();
    if (piece === undefined) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      return null;
    }
    const part = piece.subarray(0, buffer.length);
    if (part.length < piece.length) this.#inbound.unshift(piece.subarray(part.length));
    buffer.set(part);
    return part.length;
  }

  close(): void {
    this.isClosed = true;
    this.#current?.fail(new Deno.errors.Interrupted("closed"));
    this.end();
  }

  /** Lets the write that waits go on. */
  accept(): void {
    this.#current?.accept();
  }

  /** Lets the write that waits fail. */
  fail(error: unknown): void {
    this.#current?.fail(error);
  }

  /** Sends bytes to whoever reads. */
  send(bytes: Uint8Array): void {
    this.#inbound.push(bytes);
    this.#wakeReader();
  }

  /** Ends what can be read, or lets the next read fail. */
  end(error?: unknown): void {
    this.#end ??= { error };
    this.#wakeReader();
  }
}

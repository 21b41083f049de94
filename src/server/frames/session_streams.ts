/**
 * The numbers that a session has given to streams, so that their names are sent once. Names are
 * forgotten with their streams, on both sides; no number is used twice in a session.
 *
 * @module
 */

import type { FrameWriter } from "../../../protocol.ts";
import { writeStream, writeStreamsForgotten } from "../../protocol/frames/query_frame.ts";
import type { Engine } from "../../broker/engine.ts";

/** So many streams have to be gone before it is looked for those that are known here. */
const GONE_MIN = 64;

/** The streams that a session has numbered. */
export class SessionStreams {
  readonly #engine: Engine;
  readonly #writer: FrameWriter;
  readonly #numbers = new Map<string, number>();
  #lastNumber = 0;
  /** How many streams were gone when it was last looked for them. */
  #goneCount: number;

  /**
   * @param engine What holds the streams.
   * @param writer Where the client is told.
   */
  constructor(engine: Engine, writer: FrameWriter) {
    this.#engine = engine;
    this.#writer = writer;
    this.#goneCount = engine.deletedCount;
  }

  /** How many names are known. */
  get count(): number {
    return this.#numbers.size;
  }

  /** The number of a stream; the client is told when it is a new one. */
  numberOf(stream: string): number {
    const known = this.#numbers.get(stream);
    if (known !== undefined) return known;
    const number = ++this.#lastNumber;
    this.#numbers.set(stream, number);
    writeStream(this.#writer, number, stream);
    return number;
  }

  /**
   * Forgets streams that are gone, when enough of them are that looking for them is worth it. It is not
   * to be called while a frame is made: numbers that are in it must be known when it comes.
   *
   * @returns Whether something was written for it.
   */
  forget(): boolean {
    const { deletedCount } = this.#engine;
    const goneMin = Math.max(GONE_MIN, this.#numbers.size / 2);
    if (deletedCount - this.#goneCount < goneMin) return false;
    this.#goneCount = deletedCount;
    const gone: number[] = [];
    for (const [name, number] of this.#numbers) {
      if (this.#engine.hasStream(name)) continue;
      this.#numbers.delete(name);
      gone.push(number);
    }
    if (gone.length === 0) return false;
    writeStreamsForgotten(this.#writer, gone);
    return true;
  }
}

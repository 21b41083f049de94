import type { FrameWriter } from "../../../protocol.ts";
import { writeStream, writeStreamsForgotten } from "../../protocol/frames/query_frame.ts";
import type { KeyedHash } from "../../broker/collections/keyed_hash.ts";
import { TextMap } from "../../broker/collections/text_map.ts";
import type { Engine } from "../../broker/engine.ts";

/** The number of deleted streams at which names are checked. */
const GONE_MIN = 64;

/**
 * The numbers that a session has given to streams, so that their names are sent once. Names are
 * forgotten with their streams, on both sides; no number is used twice in a session.
 */
export class SessionStreams {
  readonly #engine: Engine;
  readonly #writer: FrameWriter;
  readonly #hash: KeyedHash;
  /** Undefined before the first stream. */
  #numbers: TextMap<number> | undefined;
  #lastNumber = 0;
  /** The number of deleted streams at the last check, from the first stream on. */
  #goneCount = 0;

  constructor(engine: Engine, writer: FrameWriter, hash: KeyedHash) {
    this.#hash = hash;
    this.#engine = engine;
    this.#writer = writer;
  }

  get count(): number {
    return this.#numbers?.size ?? 0;
  }

  /** The number of a stream; the client is told when it is a new one. */
  numberOf(stream: string): number {
    if (this.#numbers === undefined) {
      this.#numbers = new TextMap(this.#hash);
      this.#goneCount = this.#engine.deletedCount;
    }
    const known = this.#numbers.get(stream);
    if (known !== undefined) return known;
    const number = ++this.#lastNumber;
    this.#numbers.set(stream, number);
    writeStream(this.#writer, number, stream);
    return number;
  }

  /**
   * Forgets deleted streams, once there are enough of them. Must not be called while a frame is being
   * written: the client must know the numbers in it.
   *
   * @returns Whether a frame was written.
   */
  forget(): boolean {
    const numbers = this.#numbers;
    if (numbers === undefined) return false;
    const { deletedCount } = this.#engine;
    const goneMin = Math.max(GONE_MIN, numbers.size / 2);
    if (deletedCount - this.#goneCount < goneMin) return false;
    this.#goneCount = deletedCount;
    const gone: number[] = [];
    for (const [name, number] of numbers) {
      if (this.#engine.hasStream(name)) continue;
      numbers.delete(name);
      gone.push(number);
    }
    if (gone.length === 0) return false;
    writeStreamsForgotten(this.#writer, gone);
    return true;
  }
}

import { FrameType } from "../../../protocol.ts";

/** What only a broker that is the active one may say. */
const WORK: ReadonlyMap<number, string> = new Map([
  [FrameType.confirm, "confirm"],
  [FrameType.deliver, "delivery"],
  [FrameType.response, "answer"],
  [FrameType.messages, "answer"],
  [FrameType.replies, "reply"],
]);

/** Bytes of the length and the type. */
const HEAD_BYTES = 5;

/** Finds the frames in what a broker sends that only the active one may send. */
export class FrameScanner {
  readonly #found: (what: string) => void;
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #view = new DataView(this.#head.buffer);
  #headBytes = 0;
  /** How much of the current frame is still to come. */
  #left = 0;

  /** @param found Called with the kind of each of them, when its head has come. */
  constructor(found: (what: string) => void) {
    this.#found = found;
  }

  /** Takes the next bytes. */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, bytes.length - at);
        this.#left -= skipped;
        at += skipped;
        continue;
      }
      this.#head[this.#headBytes++] = bytes[at++]!;
      if (this.#headBytes < HEAD_BYTES) continue;
      this.#headBytes = 0;
      this.#left = this.#view.getUint32(0) - 1;
      const what = WORK.get(this.#head[HEAD_BYTES - 1]!);
      if (what !== undefined) this.#found(what);
    }
  }
}

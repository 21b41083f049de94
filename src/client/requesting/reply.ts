import type { CallOptions } from "../member/call_options.ts";
import { bodyOf, bytesOf, headersOf, type ReceivedContent } from "../member/entry_content.ts";
import { printAs } from "../member/inspection.ts";

/**
 * The reply to a request.
 *
 * @typeParam Body The type of the body; it is not checked.
 */
export type Reply<Body = unknown> = ReceivedContent<Body>;

/** Options of {@linkcode Message.reply}. */
export interface ReplyOptions extends CallOptions {
  /**
   * Names and values that travel with the reply, 4 KiB at most in total.
   *
   * @default {no headers}
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Wait until the broker has passed the reply on to the requester's connection. Without it, nothing
   * tells whether the requester was still there.
   *
   * @default {false}
   */
  readonly confirm?: boolean;
}

/** A reply in the bytes that it came in. */
export class ReceivedReply implements Reply {
  readonly #batch: Uint8Array;
  readonly #offset: number;
  #body: unknown;

  constructor(batch: Uint8Array, offset: number) {
    this.#batch = batch;
    this.#offset = offset;
  }

  get body(): unknown {
    this.#body ??= bodyOf(this.#batch, this.#offset);
    return this.#body;
  }

  get bytes(): Uint8Array {
    return bytesOf(this.#batch, this.#offset);
  }

  get headers(): Readonly<Record<string, string>> {
    return headersOf(this.#batch, this.#offset);
  }
}

printAs(ReceivedReply, ({ headers, body }, inspect) => `Reply ${inspect({ headers, body })}`);

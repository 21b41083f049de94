import type { CallOptions, CloseOptions } from "../member/call_options.ts";
import type { Bind } from "../member/bind.ts";
import { describeBind } from "../publishing/publishing_mistake.ts";
import { listBodies, type Sendable } from "../outgoing/body.ts";
import type { SendBatchOptions, SendOptions } from "../outgoing/send_options.ts";
import type { Publisher } from "../publishing/publisher.ts";
import type { BatchReceipt, Receipt } from "../publishing/receipt.ts";
import type { Reply } from "../requesting/reply.ts";
import type { RequestOptions } from "../requesting/request_options.ts";
import { BodyCheck, type BodyFault, checkReply, SCHEMA_HEADER } from "./body_check.ts";
import type { StreamDefinition } from "./stream_definition.ts";

/**
 * A publisher that checks each body before it sends it: `connection.publisher` with a
 * {@linkcode StreamDefinition}. A call with a body that is not valid rejects with an `InvalidBodyError`, which is a
 * `TypeError`, and sends nothing; of several bodies none is sent.
 *
 * If the schema answers with a promise, each call has to be awaited before the next one; otherwise it rejects with
 * a `TypeError`, because messages would be sent in the order in which their checks end.
 *
 * @typeParam Input The bodies that the schema accepts.
 * @typeParam Result The bodies of replies.
 */
export interface TypedPublisher<Input, Result = unknown> extends Omit<Publisher<Input>, "request"> {
  /**
   * Sends a message and waits for a reply to it, see {@linkcode Publisher.request}. The reply is checked, too.
   *
   * @throws {InvalidBodyError} If the body, or that of the reply, is not valid.
   */
  request(body: Input & Sendable<Input>, options?: RequestOptions): Promise<Reply<Result>>;
}

export class CheckedPublisher implements TypedPublisher<never, never> {
  readonly #inner: Publisher<never>;
  readonly #check: BodyCheck;
  readonly #action: string;
  /** What calls without options have: the same for all. */
  readonly #usual: { readonly headers: Readonly<Record<string, string>> };
  /** Set while a schema that answers later is asked. */
  #asking: Promise<unknown> | undefined;

  constructor(inner: Publisher<never>, definition: StreamDefinition) {
    this.#inner = inner;
    this.#check = new BodyCheck(definition);
    this.#action = `Cannot publish to ${describeBind(definition.bind)}`;
    this.#usual = { headers: { [SCHEMA_HEADER]: this.#check.mark } };
  }

  get bind(): Bind {
    return this.#inner.bind;
  }

  sendMessage(body: unknown, options?: SendOptions): Promise<Receipt> {
    const send = () => this.#inner.sendMessage(body as never, this.#mark(options));
    return this.#sendChecked(() => this.#check.checkSent(body, this.#action), send);
  }

  sendMessages(
    bodies: Iterable<unknown>,
    options?: SendBatchOptions<never>,
  ): Promise<BatchReceipt> {
    let all: readonly unknown[];
    const check = () => {
      all = listBodies(bodies, this.#action);
      const faults = all.map((body, index) =>
        this.#check.checkSent(body, `${this.#action}: body ${index + 1} of ${all.length}`)
      );
      const isLater = faults.some((fault) => fault instanceof Promise);
      return isLater ? Promise.all(faults).then(findFirst) : findFirst(faults as BodyFault[]);
    };
    const send = () => this.#inner.sendMessages(all as never, this.#mark(options));
    return this.#sendChecked(check, send);
  }

  async request(body: unknown, options?: RequestOptions): Promise<Reply<never>> {
    const send = () => this.#inner.request(body as never, this.#mark(options));
    const reply = await this.#sendChecked(() => this.#check.checkSent(body, this.#action), send);
    const { result } = this.#check.definition;
    if (result === undefined) return reply as Reply<never>;
    const { bytes, headers } = reply;
    return { body: await checkReply(result, reply.body) as never, bytes, headers };
  }

  async flush(options?: CallOptions): Promise<void> {
    await this.#asking;
    await this.#inner.flush(options);
  }

  async close(options?: CloseOptions): Promise<void> {
    if (this.#asking !== undefined) await this.#asking;
    await this.#inner.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Sends in this turn if the schema answers in this turn, so that the order of calls is that of messages. */
  #sendChecked<T>(check: () => BodyFault | Promise<BodyFault>, send: () => Promise<T>): Promise<T> {
    try {
      if (this.#asking !== undefined) {
        throw new TypeError(
          `${this.#action}: the schema answers with a promise, so each call must be awaited before the next one`,
        );
      }
      const fault = check();
      if (fault instanceof Promise) return this.#sendLater(fault, send);
      return fault === undefined ? send() : Promise.reject(fault);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #sendLater<T>(asked: Promise<BodyFault>, send: () => Promise<T>): Promise<T> {
    const asking = asked.catch(() => {});
    this.#asking = asking;
    try {
      const fault = await asked;
      if (fault !== undefined) throw fault;
    } finally {
      this.#asking = undefined;
    }
    return await send();
  }

  /** Adds the header of the definition to options. */
  #mark<T extends { readonly headers?: Readonly<Record<string, string>> }>(options?: T): T {
    if (options === undefined || options === null) return this.#usual as T;
    const { headers } = options;
    if (headers === undefined) return { ...options, ...this.#usual };
    if (typeof headers !== "object" || headers === null) return options;
    if (Object.hasOwn(headers, SCHEMA_HEADER)) {
      throw new TypeError(
        `${this.#action}: the header "${SCHEMA_HEADER}" is that of the definition`,
      );
    }
    return { ...options, headers: { ...headers, ...this.#usual.headers } };
  }
}

function findFirst(faults: readonly BodyFault[]): BodyFault {
  return faults.find((fault) => fault !== undefined);
}

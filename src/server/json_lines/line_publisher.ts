/**
 * A publisher of a session of JSON lines: one for each bind that the client publishes under.
 *
 * @module
 */

import {
  type BindFields,
  BrokerError,
  ENTRY_HEAD_BYTES,
  writeEntryHead,
} from "../../../protocol.ts";
import { checkBatch } from "../../protocol/messages/batch.ts";
import type {
  BatchNumber,
  EnginePublisher,
  NumberedBatch,
  PublisherSink,
} from "../../broker/engine.ts";
import type { JsonBody } from "./json_text.ts";
import type { LineHost } from "./line_answers.ts";

/** One publisher of one session. */
export class LinePublisher implements PublisherSink {
  readonly #host: LineHost;
  readonly #publisher: EnginePublisher;
  readonly #onOutcome: () => void;
  #lastSequence = 0;
  #settledSequence = 0;
  #isClosing = false;

  /** Opens it; throws `BAD_STREAM_NAME` or `BAD_PATTERN`. */
  constructor(host: LineHost, bind: BindFields, onOutcome: () => void) {
    this.#host = host;
    this.#onOutcome = onOutcome;
    // Nobody sends anything again under this name, also not to a later broker with the same streams.
    const identity = crypto.randomUUID();
    this.#publisher = host.engine.openPublisher({ identity, bind }, this);
  }

  /** Stores a message; what becomes of it is heard by whoever has opened the publisher. */
  publish(body: JsonBody): void {
    const batch = this.#makeBatch(body);
    this.#host.useBudget(batch.bytes);
    try {
      checkBatch(batch, this.#host.limits.bodyBytes);
      this.#publisher.publish(batch);
    } catch (error) {
      if (error instanceof BrokerError && !error.fatal) {
        return this.#publisher.refuse(batch, error);
      }
      this.#host.freeBudget(batch.bytes);
      throw error;
    }
  }

  confirm(batch: BatchNumber): void {
    this.#settle(batch);
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    this.#host.report(error);
    this.#settle(batch);
  }

  /** Ends it for good, as soon as all outcomes are known. */
  close(): void {
    this.#isClosing = true;
    this.#closeIfDone();
  }

  #makeBatch({ kind, bytes: body }: JsonBody): NumberedBatch {
    const size = ENTRY_HEAD_BYTES + body.length;
    const buffer = new Uint8Array(size);
    writeEntryHead(buffer, 0, { size, kind, headerBytes: 0 });
    buffer.set(body, ENTRY_HEAD_BYTES);
    const sequence = ++this.#lastSequence;
    const settled = this.#settledSequence + 1;
    return { count: 1, buffer, start: 0, end: size, sequence, settled, bytes: size };
  }

  #settle({ sequence, bytes }: BatchNumber): void {
    this.#settledSequence = sequence;
    this.#host.freeBudget(bytes);
    this.#onOutcome();
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isClosing && this.#settledSequence === this.#lastSequence) this.#publisher.close();
  }
}

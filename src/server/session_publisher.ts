/**
 * A publisher of a session: frames in, batches to the engine, outcomes out as frames.
 *
 * @module
 */

import type {
  BatchNumber,
  EnginePublisher,
  NumberedBatch,
  PublisherSink,
  StoredIn,
} from "../broker/engine.ts";
import {
  BrokerError,
  checkBatch,
  type FrameDecoder,
  type OpenPublisher,
  readBatch,
  readPublish,
  writeConfirm,
  writeControlFrame,
} from "../../protocol.ts";
import type { Session } from "./session.ts";

/** One publisher of one session. */
export class SessionPublisher implements PublisherSink {
  readonly #session: Session;
  readonly #number: number;
  /** What the engine holds of it; none if its bind was refused. */
  readonly #publisher: EnginePublisher | undefined;
  /** Why its bind was refused, if it was: batches that are under way already get the same answer. */
  readonly #error: BrokerError | undefined;

  constructor(session: Session, options: OpenPublisher) {
    this.#session = session;
    this.#number = options.publisher;
    try {
      this.#publisher = session.context.engine.openPublisher(options, this);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#error = error;
      session.report(error, { publisher: options.publisher });
    }
  }

  /** Handles a `publish` frame of a session. */
  static handlePublish(session: Session, frame: FrameDecoder): void {
    const fields = readPublish(frame);
    const batch = readBatch(frame);
    const publisher = session.publishers.get(fields.publisher);
    if (publisher === undefined || fields.sequence === 0) {
      throw new BrokerError(
        "BAD_FRAME",
        `Cannot publish message ${fields.sequence} of publisher ${fields.publisher}: not open`,
      );
    }
    publisher.#publish({ ...batch, ...fields, bytes: batch.end - batch.start });
  }

  confirm(batch: BatchNumber, storedIn: readonly StoredIn[], isDuplicate: boolean): void {
    const session = this.#session;
    session.context.budget.free(batch.bytes);
    if (session.link.isClosed) return;
    const stored = storedIn.map(({ stream, firstId }) => ({
      stream: session.numberOf(stream),
      firstId,
    }));
    const { sequence, count } = batch;
    writeConfirm(session.link.writer, {
      publisher: this.#number,
      sequence,
      count,
      isDuplicate,
      stored,
    });
    session.link.flush();
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    const session = this.#session;
    session.context.budget.free(batch.bytes);
    if (session.link.isClosed) return;
    const { sequence, count } = batch;
    const { code, message } = error;
    writeControlFrame(session.link.writer, "refuse", {
      publisher: this.#number,
      sequence,
      count,
      code,
      message,
    });
    session.link.flush();
  }

  /** Ends it for good. */
  close(): void {
    this.#publisher?.close();
  }

  /** Its connection is lost. */
  lose(): void {
    this.#publisher?.lose();
  }

  #publish(batch: NumberedBatch): void {
    this.#session.context.budget.use(batch.bytes);
    if (this.#publisher === undefined) return this.refuse(batch, this.#error!);
    try {
      checkBatch(batch, this.#session.context.limits.bodyBytes);
    } catch (error) {
      if (error instanceof BrokerError && !error.fatal) {
        return this.#publisher.refuse(batch, error);
      }
      this.#session.context.budget.free(batch.bytes);
      throw error;
    }
    this.#publisher.publish(batch);
  }
}

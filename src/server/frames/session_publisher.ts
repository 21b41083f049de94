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
} from "../../broker/engine.ts";
import {
  BrokerError,
  type FrameDecoder,
  type OpenPublisher,
  type PublishFields,
  readBatch,
  writeControlFrame,
} from "../../../protocol.ts";
import { writeConfirm } from "../../protocol/frames/message_frame.ts";
import { checkBatch } from "../../protocol/messages/batch.ts";
import type { SessionHost } from "./answers.ts";

/** One publisher of one session. */
export class SessionPublisher implements PublisherSink {
  readonly #session: SessionHost;
  readonly #number: number;
  /** What the engine holds of it; none if its bind was refused. */
  readonly #publisher: EnginePublisher | undefined;
  /** Why its bind was refused, if it was: batches that are under way already get the same answer. */
  readonly #error: BrokerError | undefined;

  constructor(session: SessionHost, options: OpenPublisher) {
    this.#session = session;
    this.#number = options.publisher;
    try {
      this.#publisher = session.engine.openPublisher(options, this);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#error = error;
      session.report(error, { publisher: options.publisher });
    }
  }

  /** Answers a `publish` that comes behind the end of its publisher: nothing of it is stored. */
  static refuseLate(session: SessionHost, fields: PublishFields, frame: FrameDecoder): void {
    const { publisher, sequence } = fields;
    writeControlFrame(session.link.writer, "refuse", {
      publisher,
      sequence,
      count: readBatch(frame).count,
      code: "PUBLISHER_CLOSED",
      message: `Cannot publish: publisher ${publisher} is closed`,
    });
    session.link.flush();
  }

  /** Handles the rest of a `publish` frame. */
  handlePublish(fields: PublishFields, frame: FrameDecoder): void {
    const batch = readBatch(frame);
    if (fields.sequence === 0) {
      throw new BrokerError("BAD_FRAME", "Cannot publish: messages are numbered from 1");
    }
    this.#publish({ ...batch, ...fields, bytes: batch.end - batch.start });
  }

  confirm(
    batch: BatchNumber,
    storedIn: readonly StoredIn[],
    isDuplicate: boolean,
    hasSameId: boolean,
  ): void {
    const session = this.#session;
    session.freeBudget(batch.bytes);
    if (session.isOver) return;
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
      hasSameId,
      stored,
    });
    session.link.flush();
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    const session = this.#session;
    session.freeBudget(batch.bytes);
    if (session.isOver) return;
    const { sequence, count } = batch;
    const { code, message, details } = error;
    writeControlFrame(session.link.writer, "refuse", {
      publisher: this.#number,
      sequence,
      count,
      code,
      message,
      ...Object.keys(details).length > 0 && { details },
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
    this.#session.useBudget(batch.bytes);
    if (this.#publisher === undefined) return this.refuse(batch, this.#error!);
    try {
      const flags = checkBatch(batch, this.#session.bodyBytesMax);
      this.#publisher.publish(flags === 0 ? batch : { ...batch, flags });
    } catch (error) {
      if (error instanceof BrokerError && !error.fatal) {
        return this.#publisher.refuse(batch, error);
      }
      this.#session.freeBudget(batch.bytes);
      throw error;
    }
  }
}

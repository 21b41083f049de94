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
import type { Outlet } from "../flow/outlet.ts";
import type { Answers } from "./answers.ts";

/** A publisher of a session: frames in, batches to the engine, outcomes out as frames. */
export class SessionPublisher implements PublisherSink {
  readonly #answers: Answers;
  readonly #number: number;
  /** The engine's publisher; undefined if its bind was refused. */
  readonly #publisher: EnginePublisher | undefined;
  /** The refusal of its bind, if any: batches that are under way get the same answer. */
  readonly #error: BrokerError | undefined;

  constructor(answers: Answers, options: OpenPublisher) {
    this.#answers = answers;
    this.#number = options.publisher;
    try {
      const { engine, user: { owner } } = answers.outlet;
      this.#publisher = engine.openPublisher({ ...options, owner }, this);
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#error = error;
      answers.report(error, { publisher: options.publisher });
    }
  }

  /** Refuses a `publish` that arrives after the end of its publisher. */
  static refuseLate({ link, context }: Outlet, fields: PublishFields, frame: FrameDecoder): void {
    const { publisher, sequence } = fields;
    context.engine.counters.noteRefused("PUBLISHER_CLOSED");
    writeControlFrame(link.writer, "refuse", {
      publisher,
      sequence,
      count: readBatch(frame).count,
      code: "PUBLISHER_CLOSED",
      message: `Cannot publish: publisher ${publisher} is closed`,
    });
    link.flush();
  }

  handlePublish(fields: PublishFields, frame: FrameDecoder): void {
    const batch = readBatch(frame);
    if (fields.sequence === 0) {
      throw new BrokerError("BAD_FRAME", "Cannot publish: messages are numbered from 1");
    }
    const { count, buffer, start, end, isOwn = false } = batch;
    const { sequence, settled } = fields;
    const arrivedAt = this.#answers.outlet.context.now();
    this.#publish({
      count,
      buffer,
      start,
      end,
      isOwn,
      sequence,
      settled,
      bytes: end - start,
      arrivedAt,
    });
  }

  confirm(
    batch: BatchNumber,
    storedIn: readonly StoredIn[],
    isDuplicate: boolean,
    hasSameId: boolean,
  ): void {
    const { outlet, streams, knowsWork } = this.#answers;
    outlet.context.budget.free(batch.bytes);
    if (outlet.isOver) return;
    const stored = storedIn.map(({ stream: name, firstId, replaced, isKept }) => {
      const stream = streams.numberOf(name);
      return knowsWork ? { stream, firstId, replaced, isKept } : { stream, firstId };
    });
    const { sequence, count } = batch;
    writeConfirm(outlet.link.writer, {
      publisher: this.#number,
      sequence,
      count,
      isDuplicate,
      hasSameId,
      stored,
    });
    outlet.link.flush();
    const { counters, now } = outlet.context;
    counters.confirm.observe((now() - batch.arrivedAt!) / 1000);
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    const { outlet } = this.#answers;
    outlet.context.budget.free(batch.bytes);
    if (outlet.isOver) return;
    const { sequence, count } = batch;
    const { code, message, details } = error;
    writeControlFrame(outlet.link.writer, "refuse", {
      publisher: this.#number,
      sequence,
      count,
      code,
      message,
      ...Object.keys(details).length > 0 && { details },
    });
    outlet.link.flush();
  }

  end(error: BrokerError): void {
    if (!this.#answers.outlet.isOver) this.#answers.report(error, { publisher: this.#number });
  }

  close(): void {
    this.#publisher?.close();
  }

  lose(): void {
    this.#publisher?.lose();
  }

  #publish(batch: NumberedBatch): void {
    const { context: { budget, limits }, user } = this.#answers.outlet;
    budget.use(batch.bytes);
    if (this.#publisher === undefined) {
      this.#answers.outlet.context.engine.counters.noteRefused(this.#error!.code);
      return this.refuse(batch, this.#error!);
    }
    try {
      const flags = checkBatch(batch, limits.bodyBytes, user.permissions.isAdmin);
      this.#publisher.publish(flags === 0 ? batch : { ...batch, flags });
    } catch (error) {
      if (error instanceof BrokerError && !error.fatal) {
        return this.#publisher.refuse(batch, error);
      }
      budget.free(batch.bytes);
      throw error;
    }
  }
}

import { type BindFields, BrokerError } from "../../../protocol.ts";
import { BATCH_COUNT_MAX, MEMBERS_MAX } from "../../protocol/limits.ts";
import { checkBatch } from "../../protocol/messages/batch.ts";
import { ENTRY_HEAD_BYTES, writeEntryHead } from "../../protocol/messages/entry.ts";
import type {
  BatchNumber,
  EnginePublisher,
  NumberedBatch,
  PublisherSink,
} from "../../broker/engine.ts";
import { TextMap } from "../../broker/collections/text_map.ts";
import type { JsonBody } from "./json_text.ts";
import type { LineAnswers } from "./line_answers.ts";
import type { PublishRequest } from "./line_request.ts";

/** The publishers of a session of JSON lines, by their binds, and their messages under way. */
export class LinePublishers {
  readonly #answers: LineAnswers;
  readonly #publishers: TextMap<LinePublisher>;
  #underWayCount = 0;

  constructor(answers: LineAnswers) {
    this.#answers = answers;
    this.#publishers = new TextMap(answers.outlet.context.hash);
  }

  get count(): number {
    return this.#publishers.size;
  }

  /** Whether the outcomes of all messages are known. */
  get isIdle(): boolean {
    return this.#underWayCount === 0;
  }

  /** Whether no more messages should be read until some outcomes are known. */
  get isFull(): boolean {
    return this.#underWayCount >= BATCH_COUNT_MAX;
  }

  /** Stores a message; throws if its bind is not allowed. Other errors are sent when they are known. */
  publish({ bind, body }: PublishRequest): void {
    const publisher = this.#open(bind);
    this.#underWayCount++;
    publisher.publish(body);
  }

  close(): void {
    for (const publisher of this.#publishers.values()) publisher.close();
    this.#publishers.clear();
  }

  #open(bind: BindFields): LinePublisher {
    const key = `${bind.bindType} ${bind.routeString}`;
    const known = this.#publishers.get(key);
    if (known !== undefined) return known;
    if (this.#publishers.size >= MEMBERS_MAX) {
      throw new BrokerError(
        "TOO_MANY_MEMBERS",
        `Cannot publish to another bind: the connection's limit of ${MEMBERS_MAX} is reached`,
      );
    }
    const publisher = new LinePublisher(this.#answers, bind, {
      outcome: () => {
        this.#underWayCount--;
        this.#answers.outlet.gate.look();
      },
      // The next message opens it again, if that is allowed by then.
      ended: () => this.#publishers.delete(key),
    });
    this.#publishers.set(key, publisher);
    return publisher;
  }
}

/** Hears of a publisher. */
interface PublisherOwner {
  outcome(): void;
  ended(): void;
}

class LinePublisher implements PublisherSink {
  readonly #answers: LineAnswers;
  readonly #publisher: EnginePublisher;
  readonly #owner: PublisherOwner;
  #lastSequence = 0;
  #settledSequence = 0;
  #isClosing = false;

  /** Opens it; throws `BAD_STREAM_NAME` or `BAD_PATTERN`. */
  constructor(answers: LineAnswers, bind: BindFields, owner: PublisherOwner) {
    this.#answers = answers;
    this.#owner = owner;
    // This identity is never used again, not even with a later broker.
    const identity = crypto.randomUUID();
    this.#publisher = answers.outlet.engine.openPublisher({ identity, bind }, this);
  }

  /** Stores a message; the outcome comes later. */
  publish(body: JsonBody): void {
    const batch = this.#makeBatch(body);
    const { budget, limits } = this.#answers.outlet.context;
    budget.use(batch.bytes);
    try {
      checkBatch(batch, limits.bodyBytes);
      this.#publisher.publish(batch);
    } catch (error) {
      if (error instanceof BrokerError && !error.fatal) {
        return this.#publisher.refuse(batch, error);
      }
      budget.free(batch.bytes);
      throw error;
    }
  }

  confirm(batch: BatchNumber): void {
    this.#settle(batch);
  }

  refuse(batch: BatchNumber, error: BrokerError): void {
    this.#answers.report(error);
    this.#settle(batch);
  }

  end(error: BrokerError): void {
    if (this.#isClosing) return;
    this.#answers.report(error);
    this.#owner.ended();
    this.close();
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
    this.#answers.outlet.context.budget.free(bytes);
    this.#owner.outcome();
    this.#closeIfDone();
  }

  #closeIfDone(): void {
    if (this.#isClosing && this.#settledSequence === this.#lastSequence) this.#publisher.close();
  }
}

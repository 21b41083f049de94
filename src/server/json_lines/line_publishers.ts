/**
 * The publishers of a session of JSON lines, and what they have under way together.
 *
 * @module
 */

import { BATCH_COUNT_MAX, type BindFields, BrokerError } from "../../../protocol.ts";
import { MEMBERS_MAX } from "../../protocol/limits.ts";
import type { LineHost } from "./line_answers.ts";
import { LinePublisher } from "./line_publisher.ts";
import type { PublishRequest } from "./line_request.ts";

/** The publishers of one session, by their binds. */
export class LinePublishers {
  readonly #host: LineHost;
  readonly #onOutcome: () => void;
  readonly #publishers = new Map<string, LinePublisher>();
  #underWayCount = 0;

  /** @param onOutcome Is called whenever it is known what became of a message. */
  constructor(host: LineHost, onOutcome: () => void) {
    this.#host = host;
    this.#onOutcome = onOutcome;
  }

  /** Whether it is known what became of all messages. */
  get isIdle(): boolean {
    return this.#underWayCount === 0;
  }

  /** Whether no more should be taken on until some outcomes are known. */
  get isFull(): boolean {
    return this.#underWayCount >= BATCH_COUNT_MAX;
  }

  /** Stores a message; throws if its bind is not allowed. Other errors are told when they are known. */
  publish({ bind, body }: PublishRequest): void {
    const publisher = this.#open(bind);
    this.#underWayCount++;
    publisher.publish(body);
  }

  /** Ends all of them. */
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
        `Cannot publish under another bind: the session has ${MEMBERS_MAX}, the most allowed`,
      );
    }
    const publisher = new LinePublisher(this.#host, bind, () => {
      this.#underWayCount--;
      this.#onOutcome();
    });
    this.#publishers.set(key, publisher);
    return publisher;
  }
}

import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { DeliveryVerdicts } from "../deliveries/delivery_verdicts.ts";
import type { BeginWatch } from "./begin_watch.ts";
import type { Hands } from "./handout_loop.ts";
import type { KeyOrder } from "./key_order.ts";
import type { Prefetch } from "./prefetch.ts";

/** What is needed to hand messages out. */
export interface HandoutParts {
  readonly order: KeyOrder;
  readonly verdicts: DeliveryVerdicts;
  readonly begins: BeginWatch;
  readonly prefetch: Prefetch;
}

const now = (): number => performance.now();

/** Hands messages out one by one. */
export class MessageHands implements Hands<DeliveredMessage> {
  readonly #parts: HandoutParts;
  readonly #autoAck: boolean;

  constructor(parts: HandoutParts, autoAck: boolean) {
    this.#parts = parts;
    this.#autoAck = autoAck;
  }

  hasNext(): boolean {
    return this.#parts.order.hasNext();
  }

  take(): DeliveredMessage {
    const { order, verdicts, begins, prefetch } = this.#parts;
    const message = order.take(!this.#autoAck);
    const { held } = verdicts;
    if (this.#autoAck) {
      message.verdict = "acknowledged by autoAck";
      verdicts.noteAck(message.tag);
    } else {
      const othersCount = held.add(message);
      if (othersCount > 0 || begins.isWary) begins.note(message, othersCount);
    }
    if (prefetch.take(now)) verdicts.schedule();
    return message;
  }

  isDoubtful(message: DeliveredMessage): boolean {
    return message.isDoubtful;
  }

  isOpen(message: DeliveredMessage): boolean {
    return this.#parts.verdicts.held.has(message);
  }

  leave(message: DeliveredMessage): void {
    this.#parts.verdicts.leave(message);
  }
}

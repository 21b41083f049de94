import { BrokerError } from "../../../protocol.ts";
import type { Stored } from "../../../src/broker/event.ts";
import type { StoreOutcome } from "../../../src/broker/event_log.ts";
import { MemoryLog } from "../../../src/engine/memory.ts";

/** A log that stores messages, or refuses them, when it is told to. */
export class HesitantLog extends MemoryLog {
  isHeld = false;
  /** Whether there is no room among the dead letters. */
  isDeadFull = false;
  /** Whether what is durable is told although messages wait. */
  isPrompt = false;
  #waiting: (() => void)[] = [];
  #refused = false;

  override store(event: Stored, outcome: StoreOutcome): void {
    if (this.isDeadFull && event.type === "transferred") {
      return queueMicrotask(() => outcome.failed(new BrokerError("DISK_FULL", "no room")));
    }
    if (!this.isHeld) return super.store(event, outcome);
    const { buffer, start, end, count } = event.batch;
    const batch = { count, buffer: buffer.slice(start, end), start: 0, end: end - start };
    this.#waiting.push(() => {
      const full = new BrokerError("DISK_FULL", "no room");
      return this.#refused ? outcome.failed(full) : outcome.stored({ ...event, batch });
    });
  }

  override whenDurable(done: () => void): void {
    if (this.isPrompt || this.#waiting.length === 0) done();
    else this.#waiting.push(done);
  }

  /** Stores so many of those that wait; refuses the others. */
  decide(storedCount: number): void {
    const waiting = this.#waiting.splice(0);
    waiting.forEach((next, index) => {
      this.#refused = index >= storedCount;
      next();
    });
    this.#refused = false;
    this.isHeld = false;
  }
}

import { BrokerError } from "../../protocol.ts";
import type { Decided, Stored } from "../broker/event.ts";
import type { Appender, EventLog, StoreOutcome } from "../broker/event_log.ts";
import { LocalEngine, type LocalEngineOptions } from "./local_engine.ts";

/** A log that keeps nothing: what is confirmed survives a lost connection, not the end of the process. */
export class MemoryLog implements EventLog, Appender {
  readonly name = "memory";
  readonly durability = "memory";
  readonly eventCount = 0;
  readonly #bytesMax: number;

  /** @param bytesMax How many bytes of messages may be kept; a batch that would go beyond is refused. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  open(): Promise<this> {
    return Promise.resolve(this);
  }

  // Nothing can be more durable here than it is at once.
  store(event: Stored, outcome: StoreOutcome): void {
    outcome.stored(event);
  }

  commit(_event: Decided, written?: () => void): void {
    written?.();
  }

  whenDurable(done: () => void): void {
    done();
  }

  findObstacle(bytes: number, bytesStored: number): BrokerError | undefined {
    if (bytesStored + bytes <= this.#bytesMax) return undefined;
    return new BrokerError(
      "MEMORY_FULL",
      `Cannot publish ${bytes} bytes: ${bytesStored} are in memory, limit is ${this.#bytesMax}`,
    );
  }

  tend(): number {
    return Infinity;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface MemoryEngineOptions extends Omit<LocalEngineOptions, "log" | "memoryLimit"> {
  /** How many bytes of messages it may keep; a batch that would go beyond is refused. */
  readonly memoryLimit: number;
}

/** Makes an engine that keeps everything in memory; it is ready at once, since there is nothing to read. */
export function createMemoryEngine({ memoryLimit, ...options }: MemoryEngineOptions): LocalEngine {
  const log = new MemoryLog(memoryLimit);
  const engine = new LocalEngine({ ...options, log });
  engine.begin(log);
  return engine;
}

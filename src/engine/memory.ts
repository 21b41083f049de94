import { BrokerError } from "../../protocol.ts";
import type { Decided, Stored } from "../broker/event.ts";
import type { Appender, EventLog, StoreOutcome } from "../broker/event_log.ts";
import { LocalEngine, type LocalEngineOptions } from "./local_engine.ts";

/** A log that keeps nothing: confirmed messages survive a lost connection, but not the process. */
export class MemoryLog implements EventLog, Appender {
  readonly name = "memory";
  readonly durability = "memory";
  readonly eventCount = 0;
  readonly memoryLimit: number;

  /** @param bytesMax The most bytes of messages; a batch that would exceed it is refused. */
  constructor(bytesMax: number) {
    this.memoryLimit = bytesMax;
  }

  open(): Promise<this> {
    return Promise.resolve(this);
  }

  // Here events are as durable as possible at once.
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
    if (bytesStored + bytes <= this.memoryLimit) return undefined;
    return new BrokerError(
      "MEMORY_FULL",
      `Cannot publish ${bytes} bytes: ${bytesStored} are in memory, limit is ${this.memoryLimit}`,
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
  /** The most bytes of messages; a batch that would exceed it is refused. */
  readonly memoryLimit: number;
}

/** Makes an engine in memory; it is ready at once, since it has no log to read. */
export function createMemoryEngine({ memoryLimit, ...options }: MemoryEngineOptions): LocalEngine {
  const log = new MemoryLog(memoryLimit);
  const engine = new LocalEngine({ ...options, log });
  engine.begin(log);
  return engine;
}

import { setImmediate } from "node:timers";
import type { Stored } from "../../../src/broker/event.ts";
import type { StoreOutcome } from "../../../src/broker/event_log.ts";
import type { LocalEngineOptions } from "../../../src/engine/local_engine.ts";
import { LocalEngine } from "../../../src/engine/local_engine.ts";
import { MemoryLog } from "../../../src/engine/memory.ts";

/**
 * A log that makes nothing durable before a later turn of the event loop, as one with a disk does:
 * what the rules promise must not depend on committing at once.
 */
class DeferredLog extends MemoryLog {
  #group: (() => void)[] = [];

  override store(event: Stored, outcome: StoreOutcome): void {
    const kept = keep(event);
    this.whenDurable(() => outcome.stored(kept));
  }

  override whenDurable(done: () => void): void {
    this.#group.push(done);
    if (this.#group.length > 1) return;
    setImmediate(() => {
      for (const finish of this.#group.splice(0)) finish();
    });
  }
}

/** The rules with commits that come a turn later, in groups, and work that does not begin at once. */
export function openDeferredEngine(options: Omit<LocalEngineOptions, "log">): Promise<LocalEngine> {
  const schedule = (work: () => void) => void setImmediate(work);
  return LocalEngine.open({ ...options, log: new DeferredLog(Infinity), schedule });
}

/** An event that stays as it is when the buffer of its batch is used again. */
function keep(event: Stored): Stored {
  const { count, buffer, start, end } = event.batch;
  return {
    ...event,
    batch: { count, buffer: buffer.slice(start, end), start: 0, end: end - start },
  };
}

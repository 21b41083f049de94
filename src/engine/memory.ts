/**
 * The engine that keeps everything in memory: what is confirmed survives a lost connection, and
 * nothing survives the end of the process.
 *
 * @module
 */

import { BrokerError } from "../../protocol.ts";
import type { Report } from "../broker/rules/notices.ts";
import { Residency } from "../broker/backlog/residency.ts";
import { EmbeddedEngine } from "./embedded.ts";

/** What a memory engine needs. */
export interface MemoryEngineOptions {
  /** How many bytes of messages it may keep; a batch that would go beyond is refused. */
  readonly memoryLimit: number;
  /** Tells a time that nobody sets, in milliseconds. */
  readonly now: () => number;
  /** Tells what the machine's clock says, if that is something else. */
  readonly dateNow?: (() => number) | undefined;
  /** Is told of a deadline that is earlier than `tick` has said. */
  readonly hasten?: (at: number) => void;
  /** Is told what an operator should look at. */
  readonly report?: Report;
}

/** Streams in memory. */
export class MemoryEngine extends EmbeddedEngine {
  constructor({ memoryLimit, now, dateNow, hasten, report }: MemoryEngineOptions) {
    super({
      name: "memory",
      durability: "memory",
      now,
      dateNow,
      ...hasten && { hasten },
      ...report && { report },
      residency: new Residency({ bytesMax: Infinity, pager: undefined }),
      // Nothing can be more durable here than it is at once.
      store: (event, outcome) => outcome.stored(event),
      commit: (_event, written) => written?.(),
      settle: (done) => done(),
      // Once for all that happens in this turn of the event loop.
      schedule: queueMicrotask,
      findObstacle: (bytes, bytesStored) => findObstacle(bytes, bytesStored, memoryLimit),
    });
  }
}

function findObstacle(
  bytes: number,
  bytesStored: number,
  memoryLimit: number,
): BrokerError | undefined {
  if (bytesStored + bytes <= memoryLimit) return undefined;
  return new BrokerError(
    "MEMORY_FULL",
    `Cannot publish ${bytes} bytes: ${bytesStored} are in memory, limit is ${memoryLimit}`,
  );
}

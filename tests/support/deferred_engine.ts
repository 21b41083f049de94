/**
 * An engine that makes nothing durable before a later turn of the event loop, as one with a disk does:
 * what the rules promise must not depend on committing at once.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Event } from "../../src/broker/event.ts";
import { EmbeddedEngine } from "../../src/engine/embedded.ts";

/** The rules with commits that come a turn later, in groups. */
export class DeferredEngine extends EmbeddedEngine {
  constructor() {
    let group: (() => void)[] = [];
    super({
      name: "deferred",
      durability: "deferred",
      now: () => 1000,
      commit: (event, apply) => {
        const kept = keep(event);
        group.push(() => apply(kept));
        if (group.length > 1) return;
        setImmediate(() => {
          const committed = group;
          group = [];
          for (const finish of committed) finish();
        });
      },
      schedule: (work) => setImmediate(work),
    });
  }
}

/** An event that stays as it is when the buffer of its batch is used again. */
function keep(event: Event): Event {
  if (event.type !== "published") return event;
  const { count, buffer, start, end } = event.batch;
  return {
    ...event,
    batch: { count, buffer: buffer.slice(start, end), start: 0, end: end - start },
  };
}

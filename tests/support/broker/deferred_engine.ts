/**
 * An engine that makes nothing durable before a later turn of the event loop, as one with a disk does:
 * what the rules promise must not depend on committing at once.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Stored } from "../../../src/broker/event.ts";
import type { Report } from "../../../src/broker/rules/notices.ts";
import { Residency } from "../../../src/broker/backlog/residency.ts";
import { EmbeddedEngine } from "../../../src/engine/embedded.ts";

/** The rules with commits that come a turn later, in groups. */
export class DeferredEngine extends EmbeddedEngine {
  constructor(now: () => number, report?: Report, dateNow?: () => number) {
    let group: (() => void)[] = [];
    const defer = (finish: () => void) => {
      group.push(finish);
      if (group.length > 1) return;
      setImmediate(() => {
        const committed = group;
        group = [];
        for (const finish of committed) finish();
      });
    };
    super({
      name: "deferred",
      durability: "deferred",
      now,
      dateNow,
      ...report && { report },
      residency: new Residency({ bytesMax: Infinity, pager: undefined }),
      store: (event, outcome) => {
        const kept = keep(event);
        defer(() => outcome.stored(kept));
      },
      commit: (_event, written) => written?.(),
      settle: defer,
      schedule: (work) => setImmediate(work),
    });
  }
}

/** An event that stays as it is when the buffer of its batch is used again. */
function keep(event: Stored): Stored {
  const { count, buffer, start, end } = event.batch;
  return {
    ...event,
    batch: { count, buffer: buffer.slice(start, end), start: 0, end: end - start },
  };
}

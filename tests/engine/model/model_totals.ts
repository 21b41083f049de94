/**
 * The figures of the engine beside the model: they are what followers saw, no message is unaccounted for, and
 * the age is that of the oldest ready message.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { StreamInfo } from "../../../protocol.ts";
import type { Engine } from "../../../src/broker/engine.ts";
import { isDead, type ModelStream } from "./model_message.ts";
import type { ModelStreams } from "./model_streams.ts";

/** What expires becomes a dead letter some milliseconds later than the model says. */
const EXPIRY_MS_MAX = 100;

/** What followers saw. */
export class ModelTotals {
  readonly #seen = new Map<ModelStream, { delivered: number; redelivered: number }>();
  #seenCount = 0;

  noteDelivery(stream: ModelStream, attempts: number): void {
    const { delivered, redelivered } = this.#seenOf(stream);
    this.#seen.set(stream, {
      delivered: delivered + 1,
      redelivered: redelivered + (attempts > 1 ? 1 : 0),
    });
    this.#seenCount++;
  }

  /** Compares what the engine tells of its streams. */
  check({ counters }: Engine, infos: readonly StreamInfo[], model: ModelStreams): void {
    assert(counters.totals.delivered === this.#seenCount, "all that followers saw");
    for (const info of infos) {
      const stream = model.streams.get(info.name)!;
      const { name, totals } = info;
      const { published, delivered, redelivered } = totals;
      const seen = this.#seenOf(stream);
      assert(
        delivered === seen.delivered,
        `${name}: ${delivered} delivered, not ${seen.delivered}`,
      );
      assert(redelivered === seen.redelivered, `${name}: ${redelivered} redelivered`);
      assert(published === info.nextId - 1, `${name}: ${published} were stored`);
      const left = info.ready + info.delayed + info.pending;
      const gone = countGone(info);
      // Dead letters that are sent back are in no figure.
      const isBalanced = isDead(stream) ? gone + left <= published : gone + left === published;
      assert(
        isBalanced,
        `${name}: of ${published} messages ${gone} are gone, and ${left} are left`,
      );
      this.#checkAge(info, stream, model);
    }
  }

  #checkAge({ name, oldestReadyMs }: StreamInfo, stream: ModelStream, model: ModelStreams): void {
    const ready = model.listReady(stream);
    assert((oldestReadyMs !== undefined) === ready.length > 0, `${name}: ${oldestReadyMs} ms`);
    if (oldestReadyMs === undefined) return;
    const age = model.now - Math.min(...ready.map(({ storedAt }) => storedAt));
    const what = `${name}: ${oldestReadyMs} ms, not ${age}`;
    assert(oldestReadyMs <= age && oldestReadyMs >= age - EXPIRY_MS_MAX, what);
  }

  #seenOf(stream: ModelStream): { delivered: number; redelivered: number } {
    return this.#seen.get(stream) ?? { delivered: 0, redelivered: 0 };
  }
}

function countGone({ totals }: StreamInfo): number {
  const { acknowledged, dead, expired, dropped } = totals;
  return acknowledged + dead.rejected + dead.maxDeliveries + expired + dropped;
}

/**
 * Many messages of different kinds, whose lists have as many runs, and turns of the event loop that are counted.
 *
 * @module
 */

import { encodeBatch } from "../../../protocol.ts";
import { findFlags } from "../../../src/protocol/messages/batch.ts";
import type { PropertyWishes } from "../../../src/protocol/messages/property_wishes.ts";
import type { TestBroker } from "../../support/broker/test_broker.ts";

/** The messages in a batch. */
const BATCH_COUNT = 4000;

/** Publishes messages to a stream, each with wishes of its own. */
export function publishMany(
  test: TestBroker,
  count: number,
  wishesAt: (index: number) => PropertyWishes,
  identity: string = "filler",
  stream: string = "orders",
): void {
  const { publisher } = test.publisher(stream, identity);
  const body = new Uint8Array(1);
  for (let from = 0; from < count; from += BATCH_COUNT) {
    const length = Math.min(BATCH_COUNT, count - from);
    const batch = encodeBatch(
      Array.from({ length }, (_, index) => ({ kind: 0, body, wishes: wishesAt(from + index) })),
    );
    const flags = findFlags(batch);
    publisher.publish({ ...batch, sequence: 1 + from, settled: 0, bytes: batch.end, flags });
  }
}

/** Has turns of the event loop until something is done; returns how many it took, and what came of it. */
export async function countTurns<Result>(
  test: TestBroker,
  work: Promise<Result>,
  during: (turn: number) => void = () => {},
): Promise<{ readonly turns: number; readonly result: Result }> {
  let isDone = false;
  work.then(() => isDone = true, () => isDone = true);
  let turns = 0;
  for (;; turns++) {
    for (let wait = 0; wait < 10; wait++) await Promise.resolve();
    if (isDone) return { turns, result: await work };
    during(turns);
    test.broker.tick(++test.now);
  }
}

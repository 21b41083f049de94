/**
 * How much is written of a failure.
 *
 * @module
 */

import type { Failure } from "../../../src/broker/failures/failure.ts";
import { Group } from "../../../src/engine/journal/segments/group.ts";

/** How many bytes are written of a failure, of whose reasons so many are new; of all if nothing is said. */
export function encodeFailed(failure: Failure, newReasons: number | undefined): number {
  const group = new Group();
  const before = group.size;
  group.addEvent({
    type: "failed",
    number: 1,
    firstId: 1,
    count: 1,
    attempts: 1,
    dueAt: 0,
    failure,
    ...newReasons !== undefined && { newReasons },
  });
  return group.size - before;
}

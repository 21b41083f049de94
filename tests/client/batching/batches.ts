/**
 * What the tests of batches share.
 *
 * @module
 */

import { assert } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { Batch } from "@simplemq/simplemq";
import { PATIENCE_MS } from "../support.ts";

type Loop = AsyncIterableIterator<Batch<unknown>>;

/** The next batch of a loop. */
export async function next(loop: Loop): Promise<Batch<unknown>> {
  const { value } = await deadline(loop.next(), PATIENCE_MS);
  assert(value !== undefined);
  return value;
}

/** Numbers from 0. */
export function count(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

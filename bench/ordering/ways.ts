/**
 * The ways to send that say something of the order: with keys, of which there are many or few, and
 * with priorities.
 *
 * @module
 */

import type { SendBatchOptions } from "@simplemq/simplemq";
import { readNumber } from "../harness/numbered_body.ts";
import { sendBatches, type Way } from "../harness/sending.ts";

/** How many keys there are, from hardly ever the same twice to all the same. */
const KEY_COUNTS = [100_000, 10_000, 1000, 100];

/** Spreads numbers evenly: neighbours have keys and priorities that have nothing to do with each other. */
const SPREAD = 2_654_435_761;

/** Each way, the one that says nothing of the order first. */
export const ORDERING_WAYS: readonly Way[] = [
  makeWay("no keys, no priorities", () => ({})),
  ...KEY_COUNTS.map((count) =>
    makeWay(`${count} keys`, (bodyBytes) => {
      const keys = Array.from({ length: count }, (_, index) => `customer-${index}`);
      return { key: (body) => keys[pick(body, bodyBytes, count)]! };
    })
  ),
  makeWay("priorities 0 to 9", (bodyBytes) => {
    return { priority: (body) => pick(body, bodyBytes, 10) };
  }),
  makeWay("one priority per call", () => ({ priority: 7 })),
];

function pick(body: unknown, bodyBytes: number, count: number): number {
  return (readNumber(body as Uint8Array, bodyBytes) * SPREAD) % 2 ** 32 % count;
}

function makeWay(name: string, describe: (bodyBytes: number) => SendBatchOptions): Way {
  const send: Way["send"] = (shipment) => sendBatches(shipment, describe(shipment.bodyBytes));
  return { name, share: 1, isTimed: false, send };
}

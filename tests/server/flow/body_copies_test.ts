/**
 * How often the bytes of a body are copied on their way through a broker: counted, so that no copy comes back.
 *
 * @module
 */

import { assert, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { countBodyCopies } from "../../../bench/bytes/copies.ts";
import type { Copies } from "../../../bench/bytes/copy_counter.ts";

/** The copies in places whose names have a match. */
function sum(copies: Copies, pattern: RegExp): number {
  let sum = 0;
  for (const [place, count] of copies) if (pattern.test(place)) sum += count;
  return sum;
}

/** A buffer that grows for a body copies what has come: an eighth. */
const GROWTH = { least: 0.1, most: 0.14 };

const ONCE = { least: 0.99, most: 1.01 };

for (
  const [size, bytes, received] of [
    ["64 KiB", 65_536, ONCE],
    ["1 MiB", 1_048_576, GROWTH],
  ] as const
) {
  Deno.test(`a body of ${size} is copied once at most on each side`, async () => {
    const copies = await countBodyCopies(bytes, 10);
    const said = JSON.stringify([...copies]);
    const sides = [
      { side: /outgoing/, ...ONCE },
      { side: /client\/(?!outgoing)/, ...received },
      { side: /session_follower/, ...ONCE },
      { side: /^(engine|broker)|frames\/session\.ts/, ...received },
    ];
    for (const { side, least, most } of sides) {
      assertLessOrEqual(sum(copies, side), most, said);
      // None of them has less: otherwise something is not counted.
      assertGreaterOrEqual(sum(copies, side), least, said);
    }
    assert(
      Math.abs(sum(copies, /./) - sides.reduce((all, one) => all + sum(copies, one.side), 0)) <
        0.01,
      said,
    );
  });
}

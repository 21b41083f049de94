/** What counts as grown, and what does not. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { HEAP } from "./figures.ts";
import { Flatness, LOOKS_AGAIN, LOOKS_MIN, WARM_UP } from "./flatness.ts";

/** Looks so often, at what a function of the number gives. */
function look(count: number, size: (look: number) => Record<string, number>): string[] {
  const flatness = new Flatness();
  for (let number = 0; number < count; number++) flatness.add(size(number));
  return flatness.findGrowth();
}

const MIB = 2 ** 20;

Deno.test("one more with each look is found, also from nothing, and is named", () => {
  const found = look(LOOKS_MIN, (at) => ({ "Router.#streams": at, "timers: Timeout": 3 }));
  assertEquals(found, ["Router.#streams: 2 3 … 6 7"]);
  const late = look(14, (at) => at < 10 ? {} : { "objects of Weed": 1 });
  assertEquals(late, ["objects of Weed: 0 0 0 0 … 1 1 1 1"]);
});

Deno.test("what goes up and down, or is there since the first looks, has not grown", () => {
  assertEquals(look(30, (at) => ({ a: 5 + at % 3, b: Math.min(at, WARM_UP) })), []);
  assertEquals(look(30, (at) => ({ a: 30 - at })), []);
});

Deno.test("what is kept on purpose may grow to its bound, and not beyond", () => {
  assertEquals(look(30, (at) => ({ "GroupQueue.#spare": Math.min(at, 8) })), []);
  const fields = "all objects of Object { stream, count, user, session }";
  assertEquals(look(30, (at) => ({ [fields]: 30 * at })), []);
  assertEquals(look(60, (at) => ({ [fields]: 30 * at })).length, 1);
  const found = look(9, (at) => ({ "GroupQueue.#spare": at + 2 }));
  assertEquals(found, ["GroupQueue.#spare: 4 5 … 9 10"]);
  const clients = new Flatness({ names: 20 });
  for (let at = 0; at < 30; at++) clients.add({ names: Math.min(at, 20), others: at });
  assertEquals(clients.findGrowth().map((growth) => growth.split(":")[0]), ["others"]);
});

Deno.test("bytes have grown beyond a margin, whatever they do in between", () => {
  assertEquals(look(14, (at) => ({ [HEAP]: (at % 2) * 3 * MIB })), []);
  assertEquals(look(14, (at) => ({ [HEAP]: at * MIB / 4 })), []);
  assertEquals(look(14, (at) => ({ [HEAP]: at * MIB })), [
    `${HEAP}: ${4 * MIB} → ${12 * MIB}, ${3 * MIB} more are allowed`,
  ]);
});

Deno.test("what has grown in few looks is looked at again: what stops growing was chance", () => {
  const flatness = new Flatness();
  const add = (count: number, sizes: (at: number) => Record<string, number>) => {
    for (let at = 0; at < count; at++) flatness.add(sizes(at));
  };
  add(LOOKS_MIN, (at) => ({ leak: Math.floor(at / 2), once: at < 5 ? 3 : 9, flat: 1 }));
  assertEquals(flatness.findGrowth(), ["leak: 1 1 … 3 3", "once: 3 3 … 9 9"]);
  assert(flatness.doubt());
  assertEquals(flatness.findGrowth(), [], "one look tells nothing");
  // What grows only now is chance as well: it was flat before.
  add(LOOKS_AGAIN, (at) => ({ leak: 4 + Math.floor(at / 2), once: 9, flat: 1 + at }));
  assertEquals(flatness.findGrowth(), ["leak: 3 4 … 6 6"]);
  assertFalse(flatness.doubt(), "twice is enough");
});

Deno.test("nothing is looked at again that has not grown, or was seen often", () => {
  for (const [count, size] of [[LOOKS_MIN, () => 1], [40, (at: number) => at]] as const) {
    const flatness = new Flatness();
    for (let at = 0; at < count; at++) flatness.add({ a: size(at) });
    assertFalse(flatness.doubt());
    // Another process may have to be looked at again.
    for (let at = 0; at < LOOKS_AGAIN; at++) flatness.add({ a: count + at });
    assertEquals(flatness.findGrowth().length, count === LOOKS_MIN ? 0 : 1);
  }
});

Deno.test("too few looks say nothing", () => {
  assertEquals(look(LOOKS_MIN - 1, (at) => ({ a: at })), []);
});

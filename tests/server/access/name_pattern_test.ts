import { assert, assertEquals, assertLess } from "@std/assert";
import {
  findNamePatternMistake,
  NAME_PATTERN_LENGTH_MAX,
  NamePattern,
} from "../../../src/server/access/name_pattern.ts";
import { Random } from "../../support/random.ts";
import { matchesSlowly } from "./matrix/policy_model.ts";

for (
  const [text, why] of [
    ["", "a pattern has letters"],
    ["orders/eu", "a pattern has letters"],
    ["orders\n", "a pattern has letters"],
    ["$reply.x", "a pattern has letters"],
    ["ordérs", "a pattern has letters"],
    ["or?ers", "a pattern has letters"],
    ["*".repeat(NAME_PATTERN_LENGTH_MAX + 1), "a pattern has at most 256 characters, found 257"],
  ] as const
) {
  Deno.test(`${JSON.stringify(text.slice(0, 20))} is no pattern of names`, () => {
    assertEquals(findNamePatternMistake(text)?.slice(0, why.length), why);
  });
}

for (const text of ["*", "orders", "orders.*", "*.dead", "a*b*c", "A-z_0.9", "*".repeat(256)]) {
  Deno.test(`${text.slice(0, 20)} is a pattern of names`, () => {
    assertEquals(findNamePatternMistake(text), undefined);
  });
}

Deno.test("a pattern is compared with the whole name", () => {
  for (
    const [pattern, matching, others] of [
      ["orders", ["orders"], ["order", "orders1", "1orders", "Orders", ""]],
      ["orders.*", ["orders.", "orders.eu", "orders.a.b"], ["orders", "ordersXeu", "a.orders.eu"]],
      ["*", ["", "a", "a.b-c"], []],
      ["**", ["", "a"], []],
      ["*.eu", [".eu", "a.eu", "a.eu.eu"], ["eu", "a.eu.us"]],
      ["a*b*c", ["abc", "aXbYc", "abbcc"], ["ab", "acb", "abcd"]],
      ["a.b", ["a.b"], ["aXb"]],
    ] as const
  ) {
    const one = new NamePattern(pattern);
    for (const name of matching) assert(one.matches(name), `${pattern} matches ${name}`);
    for (const name of others) assert(!one.matches(name), `${pattern} does not match ${name}`);
  }
});

Deno.test("a pattern matches what trying everything finds (random)", () => {
  const seed = Date.now();
  const random = new Random(seed);
  const make = (letters: string, lengthMax: number) =>
    Array.from({ length: random.below(lengthMax + 1) }, () => random.pick([...letters])).join("");
  let matchCount = 0;
  for (let round = 0; round < 20_000; round++) {
    const pattern = make("ab**.", 8);
    const name = make("ab.", 10);
    const expected = matchesSlowly(pattern, name);
    if (expected) matchCount++;
    const about = `seed ${seed}: "${pattern}" and "${name}"`;
    assertEquals(new NamePattern(pattern).matches(name), expected, about);
  }
  assert(matchCount > 500, `seed ${seed}: only ${matchCount} matched`);
});

Deno.test("the worst pattern takes time in proportion to its length and the name's", () => {
  const name = "a".repeat(133);
  const worst = new NamePattern(`${"a*".repeat(127)}b`);
  const plain = new NamePattern("a*b");
  const time = (pattern: NamePattern) => {
    const start = performance.now();
    for (let round = 0; round < 200; round++) pattern.matches(name);
    return performance.now() - start;
  };
  time(worst);
  // A search that tries everything again takes longer than the universe is old.
  assertLess(Math.min(time(worst), time(worst)), 1000 + 1000 * time(plain));
});

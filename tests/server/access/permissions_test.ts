import { assert, assertEquals } from "@std/assert";
import {
  type PermissionFields,
  Permissions,
  VERBS,
} from "../../../src/server/access/permissions.ts";
import { chooseLength } from "../../support/length.ts";
import { Random } from "../../support/random.ts";
import { PolicyModel } from "./matrix/policy_model.ts";

Deno.test("without permissions nothing is allowed, and nothing may be seen", () => {
  const none = new Permissions({});
  for (const verb of VERBS) {
    assert(!none.may(verb, "orders"));
    assert(!none.hasAny(verb));
    assertEquals(none.filterOf(verb)?.allows("orders"), false);
  }
  assert(!none.maySee("orders"));
  assert(!none.hasMetrics && !none.isAdmin);
});

Deno.test("an administrator may do everything, and has the metrics", () => {
  assert(Permissions.all.isAdmin && Permissions.all.hasMetrics);
  for (const verb of VERBS) {
    assert(Permissions.all.may(verb, "orders.dead") && Permissions.all.hasAny(verb));
    assertEquals(Permissions.all.filterOf(verb), undefined);
  }
  assertEquals(Permissions.all.filterOf("any"), undefined);
});

Deno.test("metrics allow nothing with streams", () => {
  const metrics = new Permissions({ metrics: true });
  assert(metrics.hasMetrics && !metrics.isAdmin && !metrics.maySee("orders"));
});

Deno.test("a stream's dead letters belong to it, except for publishing", () => {
  for (const verb of VERBS) {
    const permissions = new Permissions({ [verb]: ["orders", "eu.*"] });
    assertEquals(permissions.may(verb, "orders.dead"), verb !== "publish");
    assertEquals(permissions.may(verb, "orders.dead.dead"), false);
    assertEquals(permissions.may(verb, "eu.x.dead"), verb !== "publish");
    assertEquals(new Permissions({ [verb]: ["orders.dead"] }).may(verb, "orders"), false);
  }
});

Deno.test("a star does not stand for dead letters, but a pattern can end with them", () => {
  for (const verb of VERBS) {
    const below = new Permissions({ [verb]: ["orders.*"] });
    assert(below.may(verb, "orders.eu"));
    assert(!below.may(verb, "orders.dead"), "they are those of orders");
    const dead = new Permissions({ [verb]: ["*.dead"] });
    assert(dead.may(verb, "orders.dead") && !dead.may(verb, "orders"));
  }
  assert(!new Permissions({ publish: ["*"] }).may("publish", "orders.dead"));
  assert(new Permissions({ follow: ["*"] }).may("follow", "orders.dead"));
});

Deno.test("filters of the same patterns have the same key, whatever their order", () => {
  const one = new Permissions({ follow: ["a", "b.*"], publish: ["c"] });
  const same = new Permissions({ follow: ["b.*", "a", "a"], publish: ["d"] });
  assertEquals(one.filterOf("follow")?.key, same.filterOf("follow")?.key);
  assert(one.filterOf("publish")?.key !== same.filterOf("publish")?.key);
  const many = Array.from({ length: 1000 }, (_, index) => `${index}`);
  const keyOf = (follow: readonly string[]) => new Permissions({ follow }).filterOf("follow")!.key;
  assertEquals(keyOf(many), keyOf(many.toReversed()));
  assert(keyOf(many) !== keyOf(many.slice(1)) && keyOf(many).length < 50);
  // Publishing does not imply dead letters, following does.
  const both = new Permissions({ follow: ["a"], publish: ["a"] });
  assert(both.filterOf("follow")?.key !== both.filterOf("publish")?.key);
});

Deno.test("a filter of many patterns says that it takes long", () => {
  const patterns = Array.from({ length: 1000 }, (_, index) => `${index}.*`);
  const { steps } = new Permissions({ publish: patterns }).filterOf("publish")!;
  assert(steps >= 500, `${steps} steps`);
  const names = Array.from({ length: 1000 }, (_, index) => `${index}`);
  const { steps: few } = new Permissions({ publish: names }).filterOf("publish")!;
  assert(few < 5, `${few} steps: whole names are looked up`);
});

/** Makes permissions of few letters, so that patterns match often. */
function makeFields(random: Random): PermissionFields {
  const makePatterns = () =>
    Array.from({ length: random.below(4) }, () => {
      const length = 1 + random.below(4);
      return Array.from({ length }, () => random.pick([...["a", "b", "*", ".dead"]])).join("");
    });
  const verbs = VERBS.filter(() => random.chance(0.5)).map((verb) => [verb, makePatterns()]);
  return {
    ...Object.fromEntries(verbs),
    admin: random.chance(0.02),
    metrics: random.chance(0.02),
  };
}

function makeName(random: Random): string {
  const length = 1 + random.below(3);
  const base = Array.from({ length }, () => random.pick(["a", "b"])).join("");
  return base + random.pick(["", "", ".dead", ".dead.dead"]);
}

const POLICIES = chooseLength({ short: 4_000, long: 20_000 });

Deno.test(`permissions mean what the model says (${POLICIES} random policies)`, () => {
  const seed = Date.now();
  const random = new Random(seed);
  const filters = new Map<string, Permissions>();
  let allowedCount = 0;
  for (let round = 0; round < POLICIES; round++) {
    const fields = makeFields(random);
    const permissions = new Permissions(fields);
    const model = new PolicyModel(fields);
    for (let tries = 0; tries < 4; tries++) {
      const name = makeName(random);
      // Texts are made for mistakes only, of which there are none in a million comparisons.
      const check = (found: unknown, expected: unknown, what: string) => {
        if (found === expected) return;
        assertEquals(
          found,
          expected,
          `seed ${seed}: ${what}, ${JSON.stringify(fields)}, "${name}"`,
        );
      };
      for (const verb of VERBS) {
        const expected = model.may(verb, name);
        if (expected) allowedCount++;
        check(permissions.may(verb, name), expected, verb);
        check(permissions.filterOf(verb)?.allows(name) ?? true, expected, `filter of ${verb}`);
        check(permissions.hasAny(verb), model.hasAny(verb), `any ${verb}`);
      }
      check(permissions.maySee(name), model.maySee(name), "seeing");
      check(permissions.filterOf("any")?.allows(name) ?? true, model.maySee(name), "filter");
      // Members with the same key share what was found.
      for (const verb of ["any", ...VERBS] as const) {
        const filter = permissions.filterOf(verb);
        if (filter === undefined) continue;
        const other = filters.get(`${verb} ${filter.key}`) ?? permissions;
        filters.set(`${verb} ${filter.key}`, other);
        check(other.filterOf(verb)?.allows(name), filter.allows(name), `shared ${verb}`);
      }
    }
  }
  assert(allowedCount > POLICIES, `seed ${seed}: only ${allowedCount} were allowed`);
});

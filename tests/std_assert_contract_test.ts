/**
 * What SimpleMQ relies on in `@std/assert`. Passes on the member in `std/` and on the real package.
 * Whether an assertion fails is seen with plain code, because nothing else can be trusted yet.
 *
 * @module
 */

import {
  assert,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertIsError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
  unreachable,
} from "@std/assert";

/** Asserts with plain code that an assertion fails, with an AssertionError. */
function expectFailure(assertion: () => unknown, includes = ""): void {
  let thrown: unknown;
  try {
    assertion();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof AssertionError)) throw new Error(`Does not fail: ${assertion}`);
  if (!thrown.message.includes(includes)) throw new Error(`Lacks ${includes}: ${thrown.message}`);
}

async function expectRejection(assertion: () => Promise<unknown>, includes = ""): Promise<void> {
  const thrown = await assertion().then(() => undefined, (error: unknown) => error);
  expectFailure(() => {
    if (thrown !== undefined) throw thrown;
  }, includes);
}

Deno.test("assert() and its like fail with an AssertionError that holds the message", () => {
  expectFailure(() => assert(0, "why"), "why");
  expectFailure(() => assertFalse("text", "why"), "why");
  expectFailure(() => assertExists(null, "why"), "why");
  expectFailure(() => assertExists(undefined));
  expectFailure(() => fail("why"), "why");
  expectFailure(() => unreachable("why"), "why");
  assert("text");
  assertFalse(0);
  assertExists(0);
});

Deno.test("AssertionError is an Error with a name of its own and keeps its cause", () => {
  const cause = new TypeError("deeper");
  const error = new AssertionError("why", { cause });
  assert(error instanceof Error);
  assertEquals(error.name, "AssertionError");
  assertEquals(error.message, "why");
  assertStrictEquals(error.cause, cause);
});

class Point {
  constructor(readonly x: number) {}
}
class OtherPoint {
  constructor(readonly x: number) {}
}

const UNEQUAL: [string, unknown, unknown][] = [
  ["numbers", 1, 2],
  ["a number and its text", 1, "1"],
  ["null and undefined", null, undefined],
  ["lists of different order", [1, 2], [2, 1]],
  ["lists of different length", [1], [1, 2]],
  ["a list with a field of its own", Object.assign([1], { x: 1 }), [1]],
  ["a list with a gap and a field", Object.assign(new Array(2), { 1: 2, x: 1 }), [1, 2]],
  ["a list and an object", [1], { 0: 1 }],
  ["nested values", { a: { b: [1, { c: 2 }] } }, { a: { b: [1, { c: 3 }] } }],
  ["a missing and an undefined field", { a: undefined }, {}],
  ["an undefined and another field", { a: undefined }, { b: undefined }],
  ["dates", new Date(1), new Date(2)],
  ["patterns", /a/, /a/i],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  ["bytes of different length", new Uint8Array(1), new Uint8Array(2)],
  ["bytes and a list", new Uint8Array([1]), [1]],
  ["sets", new Set([1]), new Set([2])],
  ["sets of objects", new Set([{ a: 1 }]), new Set([{ a: 2 }])],
  ["map values", new Map([["a", 1]]), new Map([["a", 2]])],
  ["map keys", new Map([["a", 1]]), new Map([["b", 1]])],
  ["classes", new Point(1), new OtherPoint(1)],
  ["an instance and a plain object", new Point(1), { x: 1 }],
  ["error messages", new Error("a"), new Error("b")],
  ["functions", () => 1, () => 1],
];

const EQUAL: [string, unknown, unknown][] = [
  ["NaN", NaN, NaN],
  ["zeros", 0, -0],
  ["big integers", 10n, 10n],
  ["lists", [1, [2, "3"]], [1, [2, "3"]]],
  ["fields in another order", { a: 1, b: 2 }, { b: 2, a: 1 }],
  ["an object without a prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ["dates", new Date(1), new Date(1)],
  ["patterns", /a/g, /a/g],
  ["addresses", new URL("tcp://a:1"), new URL("tcp://a:1")],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["bytes of a view", new Uint8Array([0, 1, 2]).subarray(1), new Uint8Array([1, 2])],
  ["sets", new Set([1, 2]), new Set([2, 1])],
  ["sets of objects", new Set([{ a: 1 }]), new Set([{ a: 1 }])],
  ["maps", new Map([["a", { b: 1 }]]), new Map([["a", { b: 1 }]])],
  ["instances", new Point(1), new Point(1)],
];

for (const [what, a, b] of UNEQUAL) {
  Deno.test(`assertEquals() tells apart: ${what}`, () => {
    expectFailure(() => assertEquals(a, b, "why"), "why");
    assertNotEquals(a, b);
  });
}

for (const [what, a, b] of EQUAL) {
  Deno.test(`assertEquals() takes as equal: ${what}`, () => {
    assertEquals(a, b);
    expectFailure(() => assertNotEquals(a, b, "why"), "why");
  });
}

Deno.test("assertEquals() compares values that hold themselves", () => {
  const ring = (value: number) => {
    const link: Record<string, unknown> = { value };
    return Object.assign(link, { next: link });
  };
  assertEquals(ring(1), ring(1));
  expectFailure(() => assertEquals(ring(1), ring(2)));
});

Deno.test("assertEquals() shows both sides in its message", () => {
  expectFailure(() => assertEquals({ port: 9090 }, { port: 9191 }), "9090");
  expectFailure(() => assertEquals({ port: 9090 }, { port: 9191 }), "9191");
});

Deno.test("assertStrictEquals() wants the same value", () => {
  expectFailure(() => assertStrictEquals({}, {}, "why"), "why");
  expectFailure(() => assertStrictEquals(0, -0));
  const same = {};
  assertStrictEquals(same, same);
  assertStrictEquals(NaN, NaN);
});

Deno.test("assertObjectMatch() looks only at the expected fields", () => {
  expectFailure(() => assertObjectMatch({ a: 1 }, { a: 2 }, "why"), "why");
  expectFailure(() => assertObjectMatch({ a: 1 }, { b: 1 }));
  expectFailure(() => assertObjectMatch({ a: { b: 1 } }, { a: { b: 1, c: 2 } }));
  expectFailure(() => assertObjectMatch({ a: [1] }, { a: [1, 2] }));
  assertObjectMatch({ a: 1, b: 2 }, { a: 1 });
  assertObjectMatch({ a: { b: 1, c: 2 }, d: 3 }, { a: { b: 1 } });
  assertObjectMatch({ a: [{ b: 1, c: 2 }] }, { a: [{ b: 1 }] });
});

Deno.test("assertGreater() and its like compare", () => {
  expectFailure(() => assertGreater(1, 1, "why"), "why");
  expectFailure(() => assertGreaterOrEqual(1, 2));
  expectFailure(() => assertLess(1, 1));
  expectFailure(() => assertLessOrEqual(2, 1));
  assertGreater(2, 1);
  assertGreaterOrEqual(1, 1);
  assertLess(1n, 2n);
  assertLessOrEqual(1, 1);
});

Deno.test("assertStringIncludes(), assertMatch() and assertArrayIncludes() look inside", () => {
  expectFailure(() => assertStringIncludes("abc", "d", "why"), "why");
  expectFailure(() => assertMatch("abc", /d/, "why"), "why");
  expectFailure(() => assertArrayIncludes([1, 2], [2, 3], "why"), "why");
  assertStringIncludes("abc", "bc");
  assertMatch("abc", /^a.c$/);
  assertArrayIncludes([1, { a: 1 }], [{ a: 1 }]);
});

Deno.test("assertInstanceOf() and assertIsError() look at the class", () => {
  expectFailure(() => assertInstanceOf({}, Date, "why"), "why");
  expectFailure(() => assertIsError("text"));
  expectFailure(() => assertIsError(new Error("a"), TypeError, "a", "why"), "why");
  expectFailure(() => assertIsError(new TypeError("a"), TypeError, "b"));
  expectFailure(() => assertIsError(new TypeError("a"), TypeError, /b/));
  assertInstanceOf(new Date(), Date);
  assertIsError(new TypeError("abc"), Error, "bc");
  assertIsError(new TypeError("abc"), TypeError, /^a/);
});

function throwText(): never {
  // deno-lint-ignore no-throw-literal
  throw "text";
}

Deno.test("assertThrows() wants an error, of a class, with a message", () => {
  const throwError = () => {
    throw new RangeError("too large");
  };
  expectFailure(() => assertThrows(() => 1, "why"), "why");
  expectFailure(() => assertThrows(() => 1, Error, "", "why"), "why");
  expectFailure(() => assertThrows(throwError, TypeError));
  expectFailure(() => assertThrows(throwError, RangeError, "too small"));
  expectFailure(() => assertThrows(() => throwText(), Error));
  const error: RangeError = assertThrows(throwError, RangeError, "large");
  assertEquals(error.message, "too large");
  assertInstanceOf(assertThrows(throwError), RangeError);
});

Deno.test("assertRejects() wants a promise that rejects", async () => {
  const reject = () => Promise.reject(new RangeError("too large"));
  await expectRejection(() => assertRejects(() => Promise.resolve(1), "why"), "why");
  await expectRejection(() => assertRejects(reject, TypeError));
  await expectRejection(() => assertRejects(reject, RangeError, "too small"));
  await expectRejection(() =>
    assertRejects(() => {
      throw new RangeError("thrown, not rejected");
    }, RangeError)
  );
  const error: RangeError = await assertRejects(reject, RangeError, "large");
  assertEquals(error.message, "too large");
  assertInstanceOf(await assertRejects(reject), RangeError);
});

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { Bind } from "@simplemq/simplemq";

Deno.test("Bind.from() takes a string as a stream's name", () => {
  const { routeString, bindType } = Bind.from("hello_queue");
  assertEquals({ routeString, bindType }, { routeString: "hello_queue", bindType: "direct" });
});

Deno.test("Bind.from() takes a RegExp, with or without the flag i", () => {
  assertEquals(Bind.from(/.+_world/).routeString, ".+_world");
  assertEquals(Bind.from(/.+_world/).ignoreCase, false);
  assertEquals(Bind.from(/.+_WORLD/i).ignoreCase, true);
  assertEquals(Bind.from(/a\/b/).bindType, "regex");
});

Deno.test("Bind.from() gives a bind back as it is", () => {
  const bind = Bind.regex("a+");
  assertStrictEquals(Bind.from(bind), bind);
});

Deno.test("Bind.from() refuses flags that the broker does not keep", () => {
  for (const pattern of [/a/g, /a/m, /a/u, /a/iy, /a/s]) {
    assertThrows(() => Bind.from(pattern), TypeError, "the only flag allowed is i");
  }
});

Deno.test("Bind refuses bad names and patterns before anything is sent", () => {
  for (const name of ["", " ", "a b", "$internal", "../etc", "ü", "a".repeat(129), "-a"]) {
    assertThrows(() => Bind.direct(name), RangeError, "a stream name must have 1 to 128");
  }
  assertThrows(() => Bind.regex(""), RangeError, "at least one character");
  assertThrows(() => Bind.regex("a".repeat(257)), RangeError, "at most 256 characters");
  // @ts-expect-error: what a program without types may do
  assertThrows(() => Bind.from(7), TypeError, "a stream name, a RegExp or a Bind");
});

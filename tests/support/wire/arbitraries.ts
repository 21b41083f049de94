/**
 * What can stand in a frame, for property-based tests.
 *
 * @module
 */

import fc from "fast-check";
import { ERROR_CODES, type ErrorCode } from "../../../protocol.ts";

/** Any unsigned 32-bit number. */
export const number32: fc.Arbitrary<number> = fc.integer({ min: 0, max: 0xffff_ffff });

/** Any unsigned 32-bit number but 0. */
export const positive32: fc.Arbitrary<number> = fc.integer({ min: 1, max: 0xffff_ffff });

/** Any safe integer that is not negative. */
export const number64: fc.Arbitrary<number> = fc.maxSafeNat();

/** Any safe integer above 0. */
export const positive64: fc.Arbitrary<number> = fc.maxSafeNat().map((number) => number || 1);

/**
 * Any code point, but no half of a surrogate pair. As the unit of a string it stands for "binary", whose table of all
 * code points takes four seconds and 85 MB.
 */
export const codePoint: fc.Arbitrary<string> = fc.nat(0x10_ffff - 0x800)
  .map((number) => String.fromCodePoint(number < 0xd800 ? number : number + 0x800));

/** Any text. */
export const text: fc.Arbitrary<string> = fc.string({ unit: "grapheme", maxLength: 300 });

/** Some texts. */
export const texts: fc.Arbitrary<string[]> = fc.array(text, { maxLength: 4 });

/** The name of a follower or a client. */
export const label: fc.Arbitrary<string> = fc.string({
  unit: "grapheme-ascii",
  minLength: 1,
  maxLength: 128,
});

/** An error code. */
export const errorCode: fc.Arbitrary<ErrorCode> = fc.constantFrom(
  ...Object.keys(ERROR_CODES) as ErrorCode[],
);

/** Objects as object literals make them. */
export const plain: { readonly noNullPrototype: true } = { noNullPrototype: true };

/**
 * What a checkout has for `@std/assert`; `std/README.md` says why it is not `std/assert/` itself.
 *
 * @module
 */

export * from "../assert/mod.ts";

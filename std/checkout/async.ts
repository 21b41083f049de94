/**
 * What a checkout has for `@std/async`; `std/README.md` says why it is not `std/async/` itself.
 *
 * @module
 */

export * from "../async/mod.ts";

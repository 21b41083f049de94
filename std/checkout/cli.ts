/**
 * What a checkout has for `@std/cli`; `std/README.md` says why it is not `std/cli/` itself.
 *
 * @module
 */

export * from "../cli/mod.ts";

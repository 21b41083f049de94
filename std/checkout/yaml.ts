/**
 * What a checkout has for `@std/yaml`; `std/README.md` says why it is not `std/yaml/` itself.
 *
 * @module
 */

export * from "../yaml/mod.ts";

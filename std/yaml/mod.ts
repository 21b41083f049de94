/**
 * Stands in for the parts of `@std/yaml` that this project uses; `std/README.md` tells why.
 *
 * @module
 */

export * from "./parse.ts";
export * from "./stringify.ts";

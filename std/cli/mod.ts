/**
 * Stands in for the parts of `@std/cli` that this project uses; `std/README.md` tells why.
 *
 * @module
 */

export * from "./parse_args.ts";

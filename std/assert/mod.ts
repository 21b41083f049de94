/**
 * Stands in for the parts of `@std/assert` that this project uses; `std/README.md` tells why.
 *
 * @module
 */

export * from "./assertion_error.ts";
export * from "./equality.ts";
export * from "./inclusion.ts";
export * from "./order.ts";
export * from "./thrown.ts";
export * from "./truth.ts";

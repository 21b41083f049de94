/**
 * What a failed assertion throws.
 *
 * @module
 */

/** Tells that an assertion failed. */
export class AssertionError extends Error {
  /**
   * Creates the error.
   *
   * @param message What was expected, and what was found.
   * @param options The `cause`, where there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AssertionError";
  }
}

import type { SchemaIssue } from "./standard_schema.ts";

/**
 * A body that the schema of its stream does not accept. Nothing was sent; or a follower has got it from somebody
 * else, and its definition says `onInvalid: "throw"`.
 *
 * @example What is wrong
 * ```ts
 * import { defineStream, InvalidBodyError, type StandardSchema } from "@simplemq/simplemq";
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const number: StandardSchema<number> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate: (value) =>
 *       typeof value === "number" ? { value } : { issues: [{ message: "not a number" }] },
 *   },
 * };
 * const numbers = defineStream("numbers", { schema: number });
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * const publisher = connection.publisher(numbers);
 * const error = await assertRejects(
 *   () => publisher.sendMessage("one" as unknown as number),
 *   InvalidBodyError,
 * );
 * assertEquals(error.issues, [{ message: "not a number" }]);
 * ```
 */
export class InvalidBodyError extends TypeError {
  /** The name of the class. */
  override readonly name = "InvalidBodyError";
  /** What is wrong, as the schema says. */
  readonly issues: readonly SchemaIssue[];

  /**
   * Makes the error.
   *
   * @param action What cannot be done.
   * @param issues What is wrong.
   * @param options The error behind it, if there is one.
   */
  constructor(action: string, issues: readonly SchemaIssue[], options?: ErrorOptions) {
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
    super(`${action}: ${describeIssue(issues[0])}${more}`, options);
    this.issues = issues;
  }
}

/** An issue in a line: where it is, and what it is. */
export function describeIssue(issue: SchemaIssue | undefined): string {
  if (issue === undefined) return "it is not valid";
  const { message, path = [] } = issue;
  const place = path.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return place === "" ? message : `${place}: ${message}`;
}

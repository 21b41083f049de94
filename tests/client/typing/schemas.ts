/**
 * The same orders, described with three libraries that follow the Standard Schema.
 *
 * @module
 */

import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import type { StandardSchema } from "@simplemq/simplemq";

/** What is sent. */
export interface SentOrder {
  readonly pizza: number;
  readonly note?: string | undefined;
}

/** With zod: a default, and a text that is trimmed. */
const zodOrder = z.object({ pizza: z.number(), note: z.string().trim().default("none") });

/** With valibot. */
const valibotOrder = v.object({
  pizza: v.number(),
  note: v.optional(v.pipe(v.string(), v.trim()), "none"),
});

/** With arktype, whose schemas are functions. */
const arktypeOrder = type({ pizza: "number", note: "string.trim = 'none'" });

/** All of them, by the names of their libraries. */
export const ORDERS: Readonly<
  Record<string, StandardSchema<SentOrder, { pizza: number; note: string }>>
> = {
  zod: zodOrder,
  valibot: valibotOrder,
  arktype: arktypeOrder as unknown as StandardSchema<SentOrder, { pizza: number; note: string }>,
};

/** A schema of the test's own. */
export function schemaOf<Input, Output = Input>(
  validate: StandardSchema<Input, Output>["~standard"]["validate"],
): StandardSchema<Input, Output> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

/** Accepts numbers; answers later. */
export const laterNumber: StandardSchema<number> = schemaOf(async (value) => {
  await new Promise((resolve) => setTimeout(resolve, typeof value === "number" ? 10 - value : 0));
  if (typeof value === "number") return { value };
  return { issues: [{ message: "not a number" }] };
});

/**
 * Writes YAML with the npm package `yaml`, so that `@std/yaml` reads the same from it.
 *
 * @module
 */

import { Document } from "yaml";
import { replaceNumbers, withoutVariables } from "./schema.ts";

/** Options for {@linkcode stringify}. */
export interface StringifyOptions {
  /** The schema: nulls, booleans, numbers, text, lists and mappings. */
  schema: "core";
}

/**
 * Writes a value as a YAML document. What could be taken for something else is quoted; how, and where
 * long texts are broken, differs from the real package.
 *
 * @param data The value: plain objects, lists, texts, numbers, booleans and `null`.
 * @param options The schema.
 * @returns The text, with a line break at its end.
 * @throws {TypeError} If there is something else in the value, such as `undefined`.
 */
export function stringify(data: unknown, options: StringifyOptions): string {
  requireWritable(data);
  const { schema } = options;
  return withoutVariables(() => {
    const document = new Document(data, {
      schema,
      resolveKnownTags: false,
      customTags: replaceNumbers,
      aliasDuplicateObjects: false,
    });
    return document.toString();
  });
}

function requireWritable(data: unknown): void {
  if (typeof data === "object") {
    for (const part of Object.values(data ?? {})) requireWritable(part);
  } else if (!["string", "number", "boolean"].includes(typeof data)) {
    throw new TypeError(`Cannot stringify ${typeof data}`);
  }
}

/**
 * Reads YAML with the npm package `yaml`, to the results of `@std/yaml`.
 *
 * @module
 */

import { parseDocument } from "yaml";
import { replaceNumbers, withoutVariables } from "./schema.ts";

/** Options for {@linkcode parse}. */
export interface ParseOptions {
  /**
   * The schema: nulls, booleans, numbers, text, lists and mappings. The real package knows more of
   * them and takes another one by default, so that it has to be named here.
   */
  schema: "core";
  /**
   * Whether a key that comes twice replaces the earlier one; otherwise it is a mistake.
   *
   * @default {false}
   */
  allowDuplicateKeys?: boolean;
}

/** What the text broke, and where. */
export class YamlSyntaxError extends SyntaxError {
  /**
   * Creates the error; `message` names the position.
   *
   * @param message What is wrong, and where.
   * @param options The `cause`, where there is one.
   */
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "YamlSyntaxError";
  }
}

/**
 * Reads one YAML document.
 *
 * @param content The text.
 * @param options The schema, and how to treat duplicate keys.
 * @returns What the document stands for, `null` if it is empty.
 * @throws {YamlSyntaxError} If the text is not valid YAML, holds more than one document, names a key
 * twice or has an unknown tag.
 */
export function parse(content: string, options: ParseOptions): unknown {
  const { schema, allowDuplicateKeys = false } = options;
  const document = withoutVariables(() =>
    parseDocument(String(content), {
      schema,
      uniqueKeys: !allowDuplicateKeys,
      resolveKnownTags: false,
      customTags: replaceNumbers,
    })
  );
  // What is only a warning there, such as an unknown tag, is an error in `@std/yaml`.
  const mistake = document.errors[0] ?? document.warnings[0];
  if (mistake) throw new YamlSyntaxError(mistake.message, { cause: mistake });
  try {
    return document.toJS() ?? null;
  } catch (error) {
    // An alias without an anchor is noticed only here.
    if (!(error instanceof ReferenceError)) throw error;
    throw new YamlSyntaxError(error.message, { cause: error });
  }
}

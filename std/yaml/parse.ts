/**
 * Reads YAML with the npm package `yaml`, to the results of `@std/yaml`.
 *
 * @module
 */

import process from "node:process";
import { type Document, parseDocument, type ScalarTag, type Tags } from "yaml";

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

/** The notations of numbers that `@std/yaml` knows: it differs from the `yaml` package in these. */
const NUMBER_RULES = [
  /^[-+]?0b[01_]*[01]$/,
  /^[-+]?0x[0-9a-fA-F_]*[0-9a-fA-F]$/,
  /^[-+]?0[0-7_]*[0-7]$/,
  /^[-+]?(?:0|[1-9][0-9_]*)(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?(?<!_)$/,
  /^\.[0-9_]+(?:[eE][-+]?[0-9]+)?(?<!_)$/,
  /^[-+]?\.(?:inf|Inf|INF)$/,
  /^\.(?:nan|NaN|NAN)$/,
];

const NUMBER_TAG: ScalarTag = {
  tag: "tag:yaml.org,2002:float",
  default: true,
  identify: (value) => typeof value === "number",
  test: new RegExp(NUMBER_RULES.map((rule) => `(?:${rule.source})`).join("|")),
  resolve: readNumber,
};

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

/**
 * Calls something that sees no environment variables. The `yaml` package asks for some of its own, to
 * print what it reads, which would need a permission.
 */
function withoutVariables(read: () => Document.Parsed): Document.Parsed {
  const variables = process.env;
  process.env = {};
  try {
    return read();
  } finally {
    process.env = variables;
  }
}

function replaceNumbers(tags: Tags): Tags {
  const others = tags.filter((tag) => typeof tag === "string" || !/:(int|float)$/.test(tag.tag));
  return [...others, NUMBER_TAG];
}

function readNumber(text: string): number {
  const digits = text.replaceAll("_", "").replace(/^[-+]/, "").toLowerCase();
  const sign = text.startsWith("-") ? -1 : 1;
  if (digits === ".inf") return sign * Infinity;
  if (digits === ".nan") return NaN;
  if (/^0[0-7]+$/.test(digits)) return sign * parseInt(digits, 8);
  return sign * Number(digits);
}

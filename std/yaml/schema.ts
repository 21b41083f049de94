/**
 * The values that `@std/yaml` knows, for the npm package `yaml`.
 *
 * @module
 */

import process from "node:process";
import type { ScalarTag, Tags } from "yaml";

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
 * Calls something that sees no environment variables. The `yaml` package asks for some of its own, to
 * print what it reads or writes, which would need a permission.
 */
export function withoutVariables<T>(call: () => T): T {
  const variables = process.env;
  process.env = {};
  try {
    return call();
  } finally {
    process.env = variables;
  }
}

/** Puts the numbers of `@std/yaml` in place of those of the `yaml` package. */
export function replaceNumbers(tags: Tags): Tags {
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

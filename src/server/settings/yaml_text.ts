import { parse } from "@std/yaml";
import { firstLine } from "./found_value.ts";

/** What a text in YAML says, or why it cannot be read. */
export type YamlResult = { readonly value: unknown } | { readonly mistake: string };

/**
 * Reads a text in YAML.
 *
 * @param text The text.
 * @param bytesMax The most bytes that it may have.
 */
export function readYaml(text: string, bytesMax: number): YamlResult {
  const size = new TextEncoder().encode(text).length;
  if (size > bytesMax) return { mistake: `found ${size} bytes, allowed ${bytesMax}` };
  try {
    return { value: parse(text, { schema: "core" }) };
  } catch (error) {
    return { mistake: `found no valid YAML: ${firstLine(error)}` };
  }
}

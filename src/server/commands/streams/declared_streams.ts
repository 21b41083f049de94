import type { StreamOptionsInput } from "../../../../protocol.ts";
import { findStreamNameMistake } from "../../../protocol/limits.ts";
import { findStreamOptionsMistake } from "../../../protocol/messages/stream_options.ts";
import { describe, isPlainObject } from "../../settings/found_value.ts";
import { readYaml } from "../../settings/yaml_text.ts";
import { type CommandContext, CommandError } from "../command.ts";

/** A stream as a file declares it. */
export interface Declaration {
  readonly name: string;
  readonly options: StreamOptionsInput;
}

const FILE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Reads the streams that a file declares.
 *
 * @param path The file; `-` for standard input.
 * @throws {CommandError} With all mistakes.
 */
export async function readDeclarations(
  path: string,
  context: CommandContext,
): Promise<Declaration[]> {
  return parseDeclarations(await readText(path, context), path);
}

/**
 * Reads the streams that a text in YAML declares.
 *
 * @param path The name of its file, for messages.
 * @throws {CommandError} With all mistakes.
 */
export function parseDeclarations(text: string, path: string): Declaration[] {
  const found = readYaml(text, FILE_BYTES_MAX);
  const mistakes: string[] = [];
  const declarations = "mistake" in found ? [] : parse(found.value, mistakes);
  if ("mistake" in found) mistakes.push(found.mistake);
  if (mistakes.length === 0) return declarations;
  throw new CommandError(mistakes.map((mistake) => `Cannot apply ${path}: ${mistake}`));
}

async function readText(path: string, context: CommandContext): Promise<string> {
  if (path === "-") return await new Response(context.readInput()).text();
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    if (!(cause instanceof Error) || cause instanceof Deno.errors.NotCapable) throw cause;
    throw new CommandError(`Cannot apply ${path}: ${cause.message}`, { cause });
  }
}

function parse(value: unknown, mistakes: string[]): Declaration[] {
  const streams = isPlainObject(value) ? (value as Record<string, unknown>).streams : undefined;
  if (!isPlainObject(value) || !isPlainObject(streams)) {
    const what = isPlainObject(value) ? `${describe(streams)} as streams` : describe(value);
    mistakes.push(`found ${what}, allowed "streams:" and below it names with options`);
    return [];
  }
  for (const name of Object.keys(value).filter((name) => name !== "streams")) {
    mistakes.push(`found an unknown name ${describe(name)}, allowed streams`);
  }
  return Object.entries(streams).map(([name, given]) => {
    const options: unknown = given ?? {};
    const mistake = findStreamNameMistake(name) ?? findStreamOptionsMistake(options);
    if (mistake !== undefined) mistakes.push(`stream ${describe(name)}: ${mistake}`);
    return { name, options: options as StreamOptionsInput };
  });
}

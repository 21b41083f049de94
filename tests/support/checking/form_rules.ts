/**
 * How large folders, files and functions may be, as functions from sources to mistakes. Lengths of
 * functions are read from the indentation, which is enough for formatted code.
 *
 * @module
 */

/** The most files in a folder, folders in it not counted. */
export const FILES_MAX = 15;

/** The most lines of a file. */
export const LINES_MAX = 400;

/** The most lines of a function, from its head to its closing brace. */
export const FUNCTION_LINES_MAX = 70;

/** What begins a block that is no function. */
const OTHER_BLOCK =
  /^(?:\} )?(?:export |default |abstract |declare )*(?:class|interface|enum|namespace|type|if|else|for|while|do|switch|try|catch|finally|case|static \{)\b|^(?:\} )?(?:else|finally|try|do|static) \{$/;

/** The head of a function, or its last line if it has several. */
const FUNCTION_HEAD = /(?:=> |\)(?:: .+)? |\bfunction\b.*)\{$/;

/**
 * Finds folders with too many files.
 *
 * @param paths The files, by their path from the root.
 */
export function findFullFolders(paths: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const folder = path.slice(0, path.lastIndexOf("/") + 1) || "./";
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].map(([folder, count]) => ({ folder, count, max: FILES_MAX }))
    .filter(({ count, max }) => count > max)
    .map(({ folder, count, max }) => `${folder} has ${count} files, ${max} are allowed`);
}

/** Finds out whether a file is too long, and which of its functions are. */
export function findLongParts(path: string, source: string): string[] {
  const lines = source.split("\n");
  const mistakes: string[] = [];
  if (lines.length - 1 > LINES_MAX) {
    mistakes.push(`${path} has ${lines.length - 1} lines, ${LINES_MAX} are allowed`);
  }
  for (const { name, line, length } of findFunctions(lines)) {
    if (length <= FUNCTION_LINES_MAX) continue;
    const limit = `${FUNCTION_LINES_MAX} are allowed`;
    mistakes.push(`${path}:${line} ${name} has ${length} lines, ${limit}`);
  }
  return mistakes;
}

/** A function in a source. */
export interface FoundFunction {
  /** Its head, shortened. */
  readonly name: string;
  /** The line of its head, from 1. */
  readonly line: number;
  readonly length: number;
}

/** Finds all functions whose body takes several lines. */
export function findFunctions(lines: readonly string[]): FoundFunction[] {
  const found: FoundFunction[] = [];
  for (const [index, text] of lines.entries()) {
    const head = text.trimStart();
    if (!FUNCTION_HEAD.test(head) || OTHER_BLOCK.test(head) || head.startsWith("*")) continue;
    const indent = text.slice(0, text.length - head.length);
    const isLastOfSeveral = head.startsWith(")");
    const from = isLastOfSeveral ? findHead(lines, index, indent) : index;
    if (OTHER_BLOCK.test(lines[from]!.trimStart())) continue;
    const end = lines.findIndex((line, at) => at > index && line.startsWith(`${indent}}`));
    if (end < 0) continue;
    found.push({ name: lines[from]!.trim().slice(0, 60), line: from + 1, length: end - from + 1 });
  }
  return found;
}

/** The first line of a head of several lines: the next one above with the same indentation. */
function findHead(lines: readonly string[], last: number, indent: string): number {
  for (let at = last - 1; at >= 0; at--) {
    const line = lines[at]!;
    if (line.startsWith(indent) && line.length > indent.length && line[indent.length] !== " ") {
      return at;
    }
  }
  return last;
}

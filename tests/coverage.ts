/**
 * Runs all tests and shows which part of the lines they reach, by file and by group. Fails if a test
 * does, or if a group has less than it must have.
 *
 * ```text
 * deno task coverage
 * ```
 *
 * What happens in child processes of the tests does not count.
 *
 * @module
 */

import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { formatNumber, formatTable } from "../bench/harness/table.ts";

/** A part of the source whose lines must be reached. */
interface Group {
  /** What the table calls it. */
  readonly name: string;
  /** Which files belong to it. */
  readonly pattern: RegExp;
}

/** Lines that could be reached, and those that were. */
interface LineCount {
  readonly found: number;
  readonly hit: number;
}

const GROUPS: readonly Group[] = [
  { name: "src/broker/", pattern: /^src\/broker\// },
  { name: "src/client/", pattern: /^src\/client\// },
  { name: "protocol.ts and src/protocol/", pattern: /^(protocol\.ts$|src\/protocol\/)/ },
];

/** The least part of a group's lines, in percent. */
const PERCENT_MIN = 90;

/** Deno's own report would be about all files, and is not asked for. */
const RAW_DATA_ONLY = "--coverage-raw-data-only";

/** The root of the repository. */
const ROOT = new URL("../", import.meta.url);

/** Runs the tests and shows the coverage; gives the exit code. */
async function main(): Promise<number> {
  const directory = await Deno.makeTempDir({ prefix: "simplemq-coverage-" });
  try {
    const hasPassed = await run(["test", "-A", `--coverage=${directory}`, RAW_DATA_ONLY]);
    await loadAll(directory);
    const hasEnough = show(readReport(await makeReport(directory)));
    return hasPassed && hasEnough ? 0 : 1;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Runs Deno with its output shown; tells whether it went well. */
async function run(args: string[], env: Record<string, string> = {}): Promise<boolean> {
  const command = new Deno.Command(Deno.execPath(), { args, env, cwd: ROOT, stdin: "null" });
  return (await command.spawn().status).success;
}

/**
 * Loads every file of the groups, which counts as reaching its outermost lines: a file that no test
 * imports would otherwise be missing, and look as if it had no lines.
 */
async function loadAll(directory: string): Promise<void> {
  const imports = [...listFiles("")].filter(isCounted)
    .map((path) => `import "${new URL(path, ROOT).href}";`);
  const program = `${directory}/load_all.ts`;
  await Deno.writeTextFile(program, imports.join("\n"));
  const args = ["run", "-A", "--config", "deno.json", program];
  const success = await run(args, { DENO_COVERAGE_DIR: directory });
  if (!success) throw new Error("Cannot load the files whose coverage is to be shown");
}

/** The paths, from the root of the repository, of the source below a folder and beside it. */
function* listFiles(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(`./${folder}`, ROOT))) {
    if (!isDirectory) yield `${folder}${name}`;
    else if (folder !== "" || name === "src") yield* listFiles(`${folder}${name}/`);
  }
}

function isCounted(path: string): boolean {
  return path.endsWith(".ts") && GROUPS.some(({ pattern }) => pattern.test(path));
}

/** Makes of the raw data a report in the format of lcov. */
async function makeReport(directory: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["coverage", "--lcov", directory],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`Cannot make a coverage report: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** Reads of a report how many lines of each file were reached. */
function readReport(report: string): Map<string, LineCount> {
  const files = new Map<string, LineCount>();
  for (const record of report.split("end_of_record")) {
    const source = /^SF:(.+)$/m.exec(record)?.[1];
    if (source === undefined) continue;
    const path = relative(fileURLToPath(ROOT), source).replaceAll("\\", "/");
    const hits = [...record.matchAll(/^DA:\d+,(\d+)/gm)].map(([, count]) => Number(count));
    files.set(path, { found: hits.length, hit: hits.filter((count) => count > 0).length });
  }
  return files;
}

/** Prints a table; tells whether all groups have enough. */
function show(files: ReadonlyMap<string, LineCount>): boolean {
  const rows: string[][] = [];
  const poor: string[] = [];
  for (const { name, pattern } of GROUPS) {
    const own = [...files].filter(([path]) => pattern.test(path)).sort();
    const sum = addUp(own.map(([, count]) => count));
    rows.push(formatRow(`**${name}**`, sum), ...own.map(([path, count]) => formatRow(path, count)));
    // A group of which nothing is known is not a group that is covered.
    if (!(findPercent(sum) >= PERCENT_MIN)) poor.push(name);
  }
  print(`\n${formatTable({ head: ["lines", "reached", "of", "%"], rows })}\n`);
  if (poor.length > 0) print(`Below ${PERCENT_MIN} %: ${poor.join(", ")}`);
  return poor.length === 0;
}

function addUp(counts: readonly LineCount[]): LineCount {
  return counts.reduce(
    (sum, { found, hit }) => ({ found: sum.found + found, hit: sum.hit + hit }),
    { found: 0, hit: 0 },
  );
}

function formatRow(name: string, count: LineCount): string[] {
  const percent = formatNumber(findPercent(count), 1);
  return [name, formatNumber(count.hit), formatNumber(count.found), percent];
}

function findPercent({ found, hit }: LineCount): number {
  return hit / found * 100;
}

function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

if (import.meta.main) Deno.exit(await main());

/**
 * Measures starts: how long a broker takes until it is ready, and the most memory that it has until then.
 *
 * ```text
 * deno task bench:start [--gigabytes 10] [--rounds 3] [--kinds "1 KiB,64 KiB"] [--other ../old/server.ts]
 * ```
 *
 * A broker writes each journal, and is stopped. Then other ones are started on it, first with nothing in
 * the system's cache, where the system lets the bench empty it, then again. Before each start the files
 * are only read, to see what the disk can do. With `--other`, a broker of another checkout takes turns.
 * Journals are in the directory that the bench is started in, one at a time, or kept in `--keep`.
 *
 * @module
 */

import { Arguments } from "../harness/frame/arguments.ts";
import { repeat, runMain } from "../harness/frame/main.ts";
import { print, tell } from "../harness/print.ts";
import { makeWorkspace } from "../harness/process/workspace.ts";
import { summarise } from "../harness/statistics.ts";
import { formatColumns } from "../harness/table.ts";
import { buildJournal, type JournalKind, KINDS } from "./journals.ts";
import {
  dropCaches,
  measureBytes,
  measureReading,
  measureStart,
  type StartTime,
} from "./start_time.ts";

const OWN = new URL("../../server.ts", import.meta.url);

/** What is measured. */
interface Plan {
  readonly kinds: readonly JournalKind[];
  readonly rounds: number;
  /** The size of a journal, as a part of its full size. */
  readonly scale: number;
  readonly programs: readonly URL[];
  /** Where journals stay for the next run. */
  readonly keep: string | undefined;
}

/** Starts on one journal, by one program, cold or warm. */
interface Row {
  readonly name: string;
  readonly gigabytes: number;
  readonly messages: number;
  readonly reading: readonly number[];
  readonly starts: readonly StartTime[];
}

function readPlan(args: readonly string[]): Plan {
  const names = ["gigabytes", "rounds", "kinds", "other", "keep"];
  const flags = new Arguments(args, names, ["quick"]);
  const isQuick = flags.has("quick");
  const other = flags.readPath("other");
  return {
    kinds: flags.readSome("kinds", KINDS, ({ name }) => name.replaceAll(",", "")),
    rounds: flags.readCount("rounds", isQuick ? 1 : 3),
    scale: isQuick ? 0.001 : flags.readCount("gigabytes", 10) / 10,
    programs: [OWN].concat(other === undefined ? [] : new URL(other, `file://${Deno.cwd()}/`)),
    keep: flags.readPath("keep"),
  };
}

async function measure(plan: Plan): Promise<void> {
  const rows: Row[] = [];
  for (const kind of plan.kinds) {
    if (plan.keep === undefined) {
      await using workspace = await makeWorkspace();
      rows.push(...await measureKind(kind, workspace.directory, plan));
    } else {
      const directory = `${plan.keep}/${kind.name.replaceAll(/\W+/g, "-")}`;
      await Deno.mkdir(directory, { recursive: true });
      rows.push(...await measureKind(kind, directory, plan));
    }
  }
  const median = (values: readonly number[]) => summarise(values).median;
  print(formatColumns(rows, [
    ["start with", ({ name }) => name],
    ["messages", ({ messages }) => messages],
    ["GB", ({ gigabytes }) => gigabytes, 2],
    ["files read, s", ({ reading }) => median(reading), 2],
    ["ready, s", ({ starts }) => median(starts.map(({ seconds }) => seconds)), 2],
    ["longest", ({ starts }) => Math.max(...starts.map(({ seconds }) => seconds)), 2],
    ["peak, MiB", ({ starts }) => Math.max(...starts.map(({ peakMiB }) => peakMiB ?? NaN))],
    ["reports", ({ starts }) => median(starts.map(({ reports }) => reports))],
  ]));
}

async function measureKind(kind: JournalKind, path: string, plan: Plan): Promise<Row[]> {
  const { rounds, scale, programs } = plan;
  const directory = await Deno.realPath(path);
  tell(`writing a journal: ${kind.name}`);
  const messages = await buildJournal(kind, { directory, bytes: kind.bytes * scale });
  const gigabytes = measureBytes(directory) / 1e9;
  const found = await repeat(kind.name, rounds, async () => {
    const starts = [];
    for (const program of programs) starts.push(await startTwice(program, directory));
    return starts;
  });
  return programs.flatMap((_, program) =>
    [0, 1].flatMap((turn): Row[] => {
      const steps = found.map((starts) => starts[program]![turn]!).filter(({ start }) => start);
      if (steps.length === 0) return [];
      return [{
        name: `${kind.name}${turn === 0 ? ", cold" : ""}${program === 0 ? "" : ", other"}`,
        messages,
        gigabytes,
        reading: steps.map(({ reading }) => reading),
        starts: steps.map(({ start }) => start!),
      }];
    })
  );
}

/** Starts a broker with an empty cache, if that can be, and again. */
async function startTwice(program: URL, directory: string) {
  const cold = { reading: 0, start: undefined as StartTime | undefined };
  if (dropCaches()) {
    cold.reading = measureReading(directory);
    dropCaches();
    cold.start = await measureStart(program, directory);
  }
  const reading = measureReading(directory);
  const start: StartTime | undefined = await measureStart(program, directory);
  return [cold, { reading, start }];
}

if (import.meta.main) await runMain(() => measure(readPlan(Deno.args)));

import { formatTable, type Table } from "../../harness/table.ts";
import { BARE, DURABLE } from "../agenda.ts";
import type { FlushTime } from "../peer.ts";
import type { Findings } from "./findings.ts";
import {
  describeVersions,
  type Factors,
  formatTitle,
  summariseFactors,
  summariseRates,
  summariseStocks,
  summariseTimes,
} from "./summary.ts";

/** Where the documents are. */
const ROOT = new URL("../../../", import.meta.url);

/** Something in a document that comes from the figures: how its first line begins, and what it is now. */
type Part = readonly [begin: RegExp, make: (findings: Findings) => string];

/** The documents with figures of the peers. A table is known by its head, a paragraph by its first word. */
export const DOCUMENTS: readonly (readonly [path: string, parts: readonly Part[]])[] = [
  ["docs/internals/benchmarks.md", [
    [/^\| broker +\| +flushes to disk /, (findings) => formatTable(summariseRates(findings))],
    [/^\| broker +\| +one at a time, /, (findings) => formatTable(summariseTimes(findings))],
    [/^\| broker +\| +a million, MB /, (findings) => formatTable(summariseStocks(findings))],
    [/^Versions: /, describeVersions],
  ]],
  ["README.md", [[/^\| broker +\| +flushed to disk /, makeEnglish]]],
  ["docs/ru/README.md", [[/^\| брокер +\| +сброс на диск /, makeRussian]]],
];

/** Whom the documents show; the report has all. */
const SHOWN: readonly string[] = [...DURABLE, "simplemq-memory", BARE];

/** When peers flush, in Russian. */
const RUSSIAN: Readonly<Record<FlushTime, string>> = {
  "before each confirm": "до подтверждения записи",
  "every 50 ms": "не реже чем раз в 50 мс",
  "every second": "раз в секунду",
  "every two minutes": "раз в две минуты",
  "when the system does": "когда решит система",
  "never": "никогда",
};

/**
 * Writes the tables of a run into the documents, over those of an earlier one; what is around them stays.
 *
 * @returns The paths of the documents.
 * @throws {Error} If a document has no such table.
 */
export async function fillDocuments(findings: Findings): Promise<readonly string[]> {
  const shown = { ...findings, peers: findings.peers.filter(({ name }) => SHOWN.includes(name)) };
  for (const [path, parts] of DOCUMENTS) {
    const url = new URL(path, ROOT);
    let text = await Deno.readTextFile(url);
    for (const [begin, make] of parts) text = replacePart(text, begin, make(shown), path);
    await Deno.writeTextFile(url, text);
  }
  const paths = DOCUMENTS.map(([path]) => path);
  const args = ["fmt", "--quiet", ...paths];
  const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  if (!success) throw new Error(`deno fmt has failed for ${paths.join(", ")}`);
  return paths;
}

/** Replaces the lines from one that begins so to the next empty one. */
export function replacePart(text: string, begin: RegExp, part: string, path: string): string {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => begin.test(line));
  if (first < 0) throw new Error(`${path} has no line that begins with ${begin}`);
  const last = lines.indexOf("", first);
  return [...lines.slice(0, first), part, ...lines.slice(last)].join("\n");
}

function makeEnglish(findings: Findings): string {
  const head = ["broker", "flushed to disk", "100-byte messages", "1 KiB messages"];
  const ours = ["SimpleMQ", "before each confirm", "", ""];
  return formatTable(makeFactors(findings, head, ours, ({ peer }) => {
    return [formatTitle(peer), peer.flushed];
  }));
}

function makeRussian(findings: Findings): string {
  const head = ["брокер", "сброс на диск", "сообщения по 100 байт", "сообщения по 1 KiB"];
  const ours = ["SimpleMQ", RUSSIAN["before each confirm"], "", ""];
  return formatTable(makeFactors(findings, head, ours, ({ peer }) => {
    const title = formatTitle(peer).replace(" on ", " на ").replace(" queues", "");
    return [title, RUSSIAN[peer.flushed]];
  }));
}

function makeFactors(
  findings: Findings,
  head: readonly string[],
  ours: readonly string[],
  name: (factors: Factors) => readonly string[],
): Table {
  // One level of durability of this one is enough there.
  const shown = summariseFactors(findings).filter(({ peer }) => peer.name !== "jetstream-always");
  const others = shown.map((one) => [...name(one), ...one.factors]);
  return { head, rows: [ours, ...others], textCount: 2 };
}

/**
 * Compares SimpleMQ with other brokers: all do the same works on the same machine, and every message is
 * accounted for.
 *
 * ```text
 * deno task bench:peers [--rounds 3] [--quick] [--peers simplemq,redis-everysec,…]
 *                       [--works throughput-100,steady-10k,…] [--servers folder] [--suite forky]
 *                       [--without-servers] [--output bench/results/peers] [--from peers.json] [--documents]
 * ```
 *
 * The servers of the other brokers are brought from a later suite of Debian, and run by chroot: that needs
 * Debian and root, and installs nothing. With `--servers`, they stay in a folder and are not fetched again.
 *
 * Writes `peers.md`, `peers.json` with all figures, and charts. With `--documents`, its tables go into
 * README.md and docs/, too. With `--from`, nothing is measured: all that is made again from the figures of
 * a run. With `--quick`, the page is printed and nothing is kept. A work in which a message is lost,
 * doubled, mixed up or left behind fails the bench: exit code 1 and no page.
 *
 * @module
 */

import { runMain } from "../harness/frame/main.ts";
import { print, tell } from "../harness/print.ts";
import { CATALOGUE } from "./catalogue.ts";
import { type Choice, readChoice } from "./choice.ts";
import { callPeers, describeDisk, describeRun } from "./report/facts.ts";
import {
  describeAbsent,
  type Findings,
  type Measurement,
  readFindings,
} from "./report/findings.ts";
import { fillDocuments } from "./report/documents.ts";
import { formatReport } from "./report/report.ts";
import { measureRounds } from "./rounds.ts";
import { Supply } from "./servers/supply.ts";

/** Draws the charts; loaded only when needed, as its packages are large. */
const CHARTS = new URL("./charts.ts", import.meta.url).href;

/** The figures of a run that has not come to its end: `--from` can read them. */
const UNFINISHED = "peers.unfinished.json";

/** Measures; the figures are written after each work, as a run takes hours. */
async function measure(choice: Choice): Promise<Findings> {
  const { peers, agenda, rounds, isQuick, output } = choice;
  await using supply = await Supply.open(choice.supply, peers);
  const { present, known, absent } = await callPeers(peers, supply);
  for (const peer of absent) tell(describeAbsent(peer));
  if (present.length === 0) throw new Error("No peer is left to measure");
  const facts = await describeRun(known);
  const measurements: Measurement[] = [];
  const report = (): Findings => ({
    facts: [...facts, ...describeDisk(measurements)],
    rounds,
    peers: known,
    absent,
    agenda,
    measurements,
  });
  // Servers write below the directory that the bench is started in, so that the disk can be chosen.
  const { servers } = supply;
  const plan = { rounds, peers: present, agenda, parent: Deno.cwd(), servers };
  for await (const measurement of measureRounds(plan)) {
    measurements.push(measurement);
    if (!isQuick) await write(output, UNFINISHED, toJson(report()));
  }
  return report();
}

/** Writes the page, the figures and the charts. */
async function keep(findings: Findings, output: string): Promise<void> {
  await write(output, "peers.json", toJson(findings));
  await write(output, "peers.md", `${formatReport(findings)}\n`);
  const { drawCharts }: typeof import("./charts.ts") = await import(CHARTS);
  for (const { name, svg } of await drawCharts(findings)) await write(output, name, svg);
  await Deno.remove(`${output}/${UNFINISHED}`).catch(() => {});
}

async function write(directory: string, name: string, text: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/${name}`, text);
  if (name !== UNFINISHED) tell(`${directory}/${name} is written`);
}

function toJson(findings: Findings): string {
  return `${JSON.stringify(findings, null, 1)}\n`;
}

async function run(choice: Choice): Promise<void> {
  const { isQuick, from, output, hasDocuments } = choice;
  const findings = from === undefined ? await measure(choice) : await readFindings(from);
  print(formatReport(findings));
  if (isQuick) {
    print("\nThis was only a look at whether everything works: the figures mean nothing.");
    return;
  }
  await keep(findings, output);
  if (hasDocuments) tell(`${(await fillDocuments(findings)).join(", ")} have the new tables`);
}

if (import.meta.main) {
  await runMain(async () => {
    await run(readChoice(Deno.args, CATALOGUE));
  });
}

import { formatFacts } from "../../harness/frame/surroundings.ts";
import { formatColumns, formatNumber, formatTable } from "../../harness/table.ts";
import { summariseRates, summariseStocks, summariseTimes } from "./summary.ts";
import { describeAbsent, describeRounds, type Findings } from "./findings.ts";
import { makeWorkTable } from "./report_table.ts";
import { findTargets, type Target } from "./target.ts";

/** Writes the page. */
export function formatReport(findings: Findings): string {
  const { facts, absent, agenda } = findings;
  const sections = agenda.flatMap((entry) => {
    const table = makeWorkTable(findings, entry);
    return table === undefined ? [] : [`## ${entry.title}`, ...table];
  });
  return [
    "# SimpleMQ and its peers",
    formatFacts(facts),
    formatWays(findings),
    ...absent.map((peer) => `${describeAbsent(peer)}.`),
    formatAccount(findings),
    "## In short",
    "Messages a second, and the processor time of a message of 100 B:",
    formatTable(summariseRates(findings)),
    "Milliseconds until the confirm of 100 B: one at a time, and at a steady rate:",
    formatTable(summariseTimes(findings)),
    "Messages of 100 B that are queued, and idle connections:",
    formatTable(summariseStocks(findings)),
    ...sections,
    "## Asked and reached",
    "What the project asks of itself, from the medians of this run.",
    formatTargets(findTargets(findings)),
    "## How each peer was driven",
    formatPeers(findings),
  ].join("\n\n");
}

/** How to read the tables. */
function formatWays(findings: Findings): string {
  return [
    "Each round visits all peers in turn, each time another one first, with a server and a process of",
    "clients that are started for the visit. Rates are of messages that were published, confirmed,",
    `delivered and acknowledged: the median of ${
      describeRounds(findings)
    }, the lowest and the highest.`,
    "CPU is the processor time for a message, of the server's processes and of the process with both",
    "clients, as the system counts it. Memory is of all processes of a server, what they share counted",
    "once. Backlogs and idle connections are measured in the first round only, each on a server that was",
    "started for it. A ratio is the median of SimpleMQ, with its journal, divided by the one in the row:",
    "of rates more than 1 is in favour of SimpleMQ, of times and memory less than 1.",
  ].join(" ");
}

/** Tells what was accounted for; a work that does not add up has ended the bench before. */
function formatAccount({ measurements }: Findings): string {
  const count = formatNumber(measurements.reduce((sum, { result }) => sum + result.count, 0));
  return [
    `Accounted for: ${count} messages in ${formatNumber(measurements.length)} measurements, each`,
    "confirmed, delivered and acknowledged once, by count and by the sum of the numbers in them; and no",
    "server has kept any.",
  ].join(" ");
}

function formatTargets(targets: readonly Target[]): string {
  return formatColumns(targets, [
    ["what", ({ what }) => what],
    ["asked", ({ asked }) => asked],
    ["reached", ({ reached }) => reached ?? "not measured"],
    ["is it reached", ({ isReached }) => {
      return isReached === undefined ? "" : isReached ? "yes" : "no";
    }],
  ]);
}

function formatPeers({ peers }: Findings): string {
  return peers.map(({ title, version, durability, settings }) => {
    const lines = [`On disk before a confirm: ${durability}.`, ...settings];
    return [`### ${title}, version ${version}`, lines.map((line) => `- ${line}`).join("\n")];
  }).flat().join("\n\n");
}

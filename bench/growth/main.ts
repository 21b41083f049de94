/**
 * Measures throughput and latency as one thing grows: the size of messages, or the number of bodies in a
 * call, of streams, of followers, or of messages that are queued already.
 *
 * ```text
 * deno task bench:growth [--rounds 3] [--only size,batch,streams,followers,backlog] [--quick] [--page]
 * ```
 *
 * Writes `bench/results/growth/growth.md`, `growth.json` and two charts for each thing that grows; with
 * `--quick` it prints the page and keeps nothing. What is in `notes.md` beside this file goes into the
 * page. With `--only`, the others are taken from the last run. `--page` measures nothing and makes page
 * and charts anew from the kept figures.
 *
 * @module
 */

import { BrokerProcess } from "../harness/broker_process.ts";
import { runMain } from "../harness/frame/main.ts";
import { print, tell } from "../harness/print.ts";
import { describeSurroundings, type Fact } from "../harness/frame/surroundings.ts";
import { backlog } from "./dimensions/backlog.ts";
import { batch } from "./dimensions/batch.ts";
import type { Dimension } from "./dimensions/dimension.ts";
import { followers } from "./dimensions/followers.ts";
import type { Reading } from "./reading.ts";
import { formatReport, type Growth, readNotes } from "./report.ts";
import { readScale, type Scale } from "./scale.ts";
import { size } from "./dimensions/size.ts";
import { streams } from "./dimensions/streams.ts";

const DIMENSIONS: readonly Dimension[] = [size, batch, streams, followers, backlog];

/** Where results are kept. */
const RESULTS = new URL("../results/growth/", import.meta.url);

const NOTES = new URL("./notes.md", import.meta.url);

/** The figures of a run, as they are kept. */
interface Kept {
  readonly facts: readonly Fact[];
  /** All readings of all rounds, by the names of dimensions. */
  readonly readings: Record<string, readonly Reading[]>;
}

/**
 * Measures everything, round after round, so that what disturbs one point disturbs all. It yields after
 * each round: one that fails takes only itself away.
 */
async function* measure(scale: Scale): AsyncIterable<Kept> {
  const readings: Record<string, Reading[]> = {};
  const facts = await describe();
  for (let round = 1; round <= scale.rounds; round++) {
    for (const { name, label, points, measure } of scale.dimensions) {
      for (const x of points) {
        tell(`round ${round} of ${scale.rounds}: ${x} ${label}`);
        for await (const reading of measure(x, scale)) (readings[name] ??= []).push(reading);
      }
    }
    yield { facts, readings };
  }
}

async function describe(): Promise<readonly Fact[]> {
  await using broker = await BrokerProcess.start("journal");
  await using connection = await broker.connect();
  return describeSurroundings([connection.broker]);
}

function makeReport({ facts, readings }: Kept, notes: string): [string, Growth[]] {
  const growths = DIMENSIONS.flatMap((dimension) => {
    const found = readings[dimension.name];
    return found === undefined ? [] : [{ dimension, readings: found }];
  });
  return [formatReport({ facts, growths, notes: readNotes(notes) }), growths];
}

async function readKept(): Promise<Kept | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(new URL("growth.json", RESULTS)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes the results; dimensions that were not measured keep their figures. */
async function keep({ facts, readings }: Kept): Promise<void> {
  const kept: Kept = { facts, readings: { ...(await readKept())?.readings, ...readings } };
  await Deno.mkdir(RESULTS, { recursive: true });
  await Deno.writeTextFile(new URL("growth.json", RESULTS), `${JSON.stringify(kept)}\n`);
  await writePage(kept);
}

async function writePage(kept: Kept): Promise<void> {
  const [page, growths] = makeReport(kept, await Deno.readTextFile(NOTES));
  await Deno.writeTextFile(new URL("growth.md", RESULTS), page);
  // Loaded when they are drawn: a look at whether it works needs no charts.
  const { drawGrowth } = await import("./charts.ts");
  const charts = await Promise.all(growths.map(drawGrowth));
  for (const { name, svg } of charts.flat()) {
    await Deno.writeTextFile(new URL(name, RESULTS), svg);
  }
}

/** Makes the page anew from the kept figures. */
async function renewPage(): Promise<void> {
  const kept = await readKept();
  if (kept === undefined) {
    throw new Error("Cannot make the page anew: nothing was kept; measure without --page first");
  }
  await writePage(kept);
}

async function run(scale: Scale): Promise<void> {
  if (scale.isPageOnly) return await renewPage();
  for await (const found of measure(scale)) {
    if (scale.isQuick) print(makeReport(found, "")[0]);
    else await keep(found);
  }
}

if (import.meta.main) await runMain(() => run(readScale(Deno.args, DIMENSIONS)));

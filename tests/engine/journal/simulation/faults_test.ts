/**
 * Each call that a journal makes of its disk fails once, in each way. Whatever happens then: what was
 * confirmed is there afterwards, and what was refused or acknowledged is not.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Disk,
  type DiskFile,
  DiskFullError,
} from "../../../../src/engine/journal/disk/disk.ts";
import { turn } from "../../../support/broker/broker.ts";
import { chooseLength, chooseOffset } from "../../../support/length.ts";
import { type JournalState, readState } from "../../../support/disk/journal_state.ts";
import { openJournal } from "../../../support/disk/journals.ts";
import {
  AHEAD_BYTES,
  type DiskFault,
  SimulatedDisk,
} from "../../../support/disk/simulated_disk.ts";
import { EngineUse } from "../../engine_use.ts";
import { BrokenPromise, Promises, tellStory, type Told } from "./fault_story.ts";

/** What was tried in this file. */
const tried = { stories: 0, failed: 0, notOpened: 0, toTheEnd: 0, lost: 0 };

/** A disk on which there is no room for a file or a name as there is none for bytes. */
class StrictDisk implements Disk {
  readonly path: string;
  readonly #disk: SimulatedDisk;

  constructor(disk: SimulatedDisk) {
    this.path = disk.path;
    this.#disk = disk;
  }

  list = () => this.#disk.list();
  open = (name: string): DiskFile => this.#disk.open(name);
  create = (name: string): DiskFile => translate(() => this.#disk.create(name));
  rename = (from: string, to: string) => translate(() => this.#disk.rename(from, to));
  remove = (name: string) => this.#disk.remove(name);
  discard = (name: string) => this.#disk.discard(name);
  sync = () => this.#disk.sync();
  measureFree = () => this.#disk.measureFree();
  findLoss = (names: () => Iterable<string>) => this.#disk.findLoss(names);
  close = () => this.#disk.close();
}

function translate<T>(act: () => T): T {
  try {
    return act();
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ENOSPC") throw cause;
    throw new DiskFullError("no space left on the simulated disk", { cause });
  }
}

/** How a broker's life ends in a story. */
type End = "processKill" | "powerCut";

/** Which calls fail: from one on, so many. */
interface Plan {
  readonly fault: DiskFault;
  readonly call: number;
  readonly count: number;
  readonly end: End;
}

/** Tells the story with some calls failing; returns whether any of them did. */
async function tell({ fault, call, count, end }: Plan): Promise<boolean> {
  const aheadBytes = end === "powerCut" ? AHEAD_BYTES : undefined;
  const disk = new SimulatedDisk({ seed: call, aheadBytes });
  const promises = new Promises();
  for (let index = 0; index < count; index++) disk.failAt(call + index, fault);
  const told = await tellStory(new StrictDisk(disk), promises, () => disk[end]());
  const hasFailed = disk.calls >= call;
  disk.heal();
  disk[end]();
  await turn();
  checkTold(told, fault);
  await check(disk, promises);
  tried.stories++;
  return hasFailed;
}

function checkTold({ end, failures }: Told, fault: DiskFault): void {
  if (end === "the end") tried.toTheEnd++;
  else if (end === "failed") tried.failed++;
  else tried.notOpened++;
  if (fault === "short") assertEquals(end, "the end", `a short write is no trouble: ${failures}`);
  if (fault === "EMFILE" && end !== "the end") {
    // Who cannot begin says so; who has begun waits.
    assertEquals(end, "not opened", `${failures}`);
    assertStringIncludes(String(failures[0]), "too many files are open");
  }
  if (end === "the end") return;
  assertEquals(failures.length, 1);
  assert(failures[0] instanceof Error);
  assert(failures[0].message.length > 10, "it says what is wrong");
}

/** Compares what is there with what was promised, twice; then uses it. */
async function check(disk: SimulatedDisk, promises: Promises): Promise<void> {
  await openJournal(disk.clone(1), { fail: () => {} });
  const first = disk.clone(2);
  const state = await read(first);
  compare(state, promises);
  first.processKill();
  await turn();
  const names = (one: JournalState) => Object.values(one.served).map((messages) => messages.length);
  assertEquals(names(await read(first)), names(state), "the same the second time");
  first.processKill();
  const engine = await openJournal(disk);
  const use = new EngineUse(engine);
  await use.create("after");
  await use.publisher("after").store("after");
  assertEquals(await use.follower("after").received(1), ["after:1×1 after"]);
  await engine.close();
}

async function read(disk: SimulatedDisk): Promise<JournalState> {
  const state = await readState(await openJournal(disk, { fail: () => {} }));
  assertEquals(state.refused, {}, "no stream is refused");
  return state;
}

function compare({ served }: JournalState, promises: Promises): void {
  const { streams, unsureStreams, unsure, refused, asked } = promises;
  for (const [stream, messages] of streams) {
    if (unsureStreams.has(stream)) continue;
    if (served[stream] === undefined) throw new BrokenPromise(`"${stream}" is lost`);
    const found = new Map(served[stream].slice(1).map(parse));
    for (const [id, text] of messages) {
      if (found.get(id) === text) continue;
      throw new BrokenPromise(`${stream}:${id} "${text}" is lost, there is ${served[stream]}`);
    }
    for (const [id, text] of found) {
      if (messages.has(id) || asked.has(`${stream}:${id}`) || unsure.has(text)) continue;
      const why = refused.has(text) ? "was refused" : "is acknowledged, or was never sent";
      throw new BrokenPromise(`${stream}:${id} "${text}" is there, and ${why}`);
    }
  }
  for (const stream of Object.keys(served)) {
    if (streams.has(stream) || unsureStreams.has(stream)) continue;
    throw new BrokenPromise(`"${stream}" is there, and should not be`);
  }
}

/** A message out of its words. */
function parse(message: string): [id: number, text: string] {
  const [, id, text] = /^(\d+)×\d+ (.*)$/s.exec(message)!;
  return [Number(id), text!];
}

/** Each call fails in a story of its own, or one of so many does. */
const STEP = chooseLength({ short: 11, long: 1 });

/** Tells the story with one call failing, a later one, and so on, until no call fails. */
async function tellAll(fault: DiskFault, count: number, end: End): Promise<void> {
  const wrong: string[] = [];
  for (let call = 1 + chooseOffset(STEP);; call += STEP) {
    try {
      if (!await tell({ fault, call, count, end })) break;
    } catch (error) {
      const { message, stack } = error as Error;
      wrong.push(`call ${call}: ${error instanceof BrokenPromise ? message : stack ?? message}`);
    }
    assert(call < 2000, "the story comes to an end");
  }
  tried.lost += wrong.length;
  assertEquals(wrong.slice(0, 5), []);
}

for (const end of ["processKill", "powerCut"] as const) {
  Deno.test(`faults, ${end}: a call that fails with EIO, whichever it is`, async () => {
    await tellAll("EIO", 1, end);
  });

  Deno.test(`faults, ${end}: all calls fail with EIO, from whichever on`, async () => {
    await tellAll("EIO", 1000, end);
  });

  Deno.test(`faults, ${end}: a call for which there is no room, whichever it is`, async () => {
    await tellAll("ENOSPC", 1, end);
  });

  Deno.test(`faults, ${end}: several calls for which there is no room, from whichever on`, async () => {
    await tellAll("ENOSPC", 4, end);
  });
}

Deno.test("faults: a write that takes only some of the bytes, whichever it is", async () => {
  await tellAll("short", 1, "processKill");
});

for (const count of [1, 4]) {
  Deno.test(`faults: no more files can be open for ${count} calls, from whichever on`, async () => {
    await tellAll("EMFILE", count, "processKill");
  });
}

Deno.test("faults: what was tried", () => {
  assertEquals(tried.lost, 0);
  // deno-lint-ignore no-console
  console.log(
    `faults: ${tried.stories} stories, told to the end ${tried.toTheEnd}, broker failed ` +
      `${tried.failed}, not opened ${tried.notOpened}; promises broken ${tried.lost}`,
  );
});

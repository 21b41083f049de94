import { summarise, type Summary } from "../../harness/statistics.ts";
import type { Fact } from "../../harness/frame/surroundings.ts";
import type { AgendaEntry } from "../agenda.ts";
import type { Peer } from "../peer.ts";
import type { Result } from "../../work/work.ts";

/** All figures of a run, as they are kept: the report and the charts are made from them. */
export interface Findings {
  /** Where it was measured. */
  readonly facts: readonly Fact[];
  /** How often each work was done, except those that are done once. */
  readonly rounds: number;
  /** The peers that were measured, in the order of the tables. */
  readonly peers: readonly KnownPeer[];
  /** The peers whose servers were not there. */
  readonly absent: readonly AbsentPeer[];
  readonly agenda: readonly AgendaEntry[];
  readonly measurements: readonly Measurement[];
}

/** A peer that was measured. */
export interface KnownPeer
  extends Pick<Peer, "name" | "title" | "durability" | "flushed" | "settings"> {
  /** As its program tells it. */
  readonly version: string;
}

/** A peer whose server was not there. */
export interface AbsentPeer extends Pick<Peer, "name" | "title"> {
  /** Why. */
  readonly reason: string;
}

/** The figures of a work, done once. */
export interface Measurement {
  /** In which round, from 1. */
  readonly round: number;
  /** The name of the peer. */
  readonly peer: string;
  /** The id of the work. */
  readonly work: string;
  readonly result: Result;
}

/**
 * Reads the findings of a run.
 *
 * @throws {Error} If the file is of something else.
 */
export async function readFindings(path: string): Promise<Findings> {
  const text = await Deno.readTextFile(path);
  const lists = ["facts", "peers", "absent", "agenda", "measurements"];
  try {
    const findings = JSON.parse(text);
    if (lists.every((list) => Array.isArray(findings[list]))) return findings;
  } catch (cause) {
    throw new Error(`${path} is no JSON`, { cause });
  }
  throw new Error(`${path} is of no run: it must have the lists ${lists.join(", ")}`);
}

/** Tells how many rounds there were. */
export function describeRounds({ rounds }: Findings): string {
  return rounds === 1 ? "one round" : `${rounds} rounds`;
}

/** The figures of a peer in a work, of all rounds. */
export function findResults(findings: Findings, peer: string, work: string): readonly Result[] {
  return findings.measurements
    .filter((measurement) => measurement.peer === peer && measurement.work === work)
    .map(({ result }) => result);
}

/** Sums up one figure of a peer in a work, if there is one. */
export function sumUp(
  findings: Findings,
  peer: string,
  work: string,
  read: (result: Result) => number | undefined,
): Summary | undefined {
  const values = findResults(findings, peer, work).map(read).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : summarise(values);
}

/** Says who is left out, and why. */
export function describeAbsent({ title, reason }: AbsentPeer): string {
  return `${title} is left out: ${reason}`;
}

/**
 * Bugs that somebody could make, each as a small change of the sources, and which tests must find it.
 *
 * @module
 */

/** A bug to be planted. */
export interface PlantedBug {
  /** What is done wrong, in words. */
  readonly what: string;
  /** The file, from the root of the project. */
  readonly file: string;
  /** What is there now, once. */
  readonly from: string;
  /** What is there with the bug. */
  readonly to: string;
  /** What has to find it: arguments of `deno`. */
  readonly found: readonly string[];
}

/** Random crashes; a bug that shows in one of a thousand is found. */
export const SIMULATION: readonly string[] = [
  "run",
  "-A",
  "tests/engine/journal/simulation/simulate.ts",
  "--only",
  "messages",
  "--seed",
  "1",
  "--worlds",
  "1500",
];

/** Random crashes while clients use lanes, keys, breakers and coalesce ids. */
export const WORK_SIMULATION: readonly string[] = [
  "run",
  "-A",
  "tests/engine/journal/simulation/simulate.ts",
  "--only",
  "work",
  "--seed",
  "1",
  "--worlds",
  "150",
];

/** Tests of single files. */
export function tests(...paths: readonly string[]): string[] {
  return ["test", "-A", ...paths.map((path) => `tests/${path}`)];
}

/**
 * The settings of random tests. A failure names its seed; the environment replays and scales:
 *
 * ```sh
 * FUZZ_SEED=12345 deno test -A tests/engine/model/model_test.ts   # the same runs again
 * FUZZ_RUNS=100 deno test -A tests/                         # a hundred times as many
 * ```
 *
 * @module
 */

/** What of fast-check's parameters is set here. */
export interface FuzzParameters {
  /** What all random choices follow from. */
  seed: number;
  /** How many runs. */
  numRuns: number;
  /** How long shrinking may take before the smallest case so far is told, in milliseconds. */
  interruptAfterTimeLimit: number;
  /** Whether coming to that limit is itself a failure: not if all went well up to there. */
  markInterruptAsFailure: boolean;
}

const seedText = Deno.env.get("FUZZ_SEED");
const scaleText = Deno.env.get("FUZZ_RUNS");
const seed = readNumber("FUZZ_SEED", seedText, crypto.getRandomValues(new Int32Array(1))[0]!);
const scale = readNumber("FUZZ_RUNS", scaleText, 1);

/** Far longer than any run takes, and shorter than a person's patience with a shrinking failure. */
const TIME_LIMIT_MS = 10 * 60 * 1000;

/**
 * Parameters for `fc.assert`, which puts the seed into the message of a failure.
 *
 * @param runs How many runs are made when nothing else is asked for.
 */
export function fuzz(runs: number): FuzzParameters {
  const numRuns = Math.max(1, Math.round(runs * scale));
  // Who asks for particular runs wants to know of a test that hangs, too.
  // deno-lint-ignore no-console
  if (seedText !== undefined || scaleText !== undefined) console.log({ seed, numRuns });
  return { seed, numRuns, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: false };
}

function readNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isFinite(value)) throw new RangeError(`${name} is a number, found "${text}"`);
  return value;
}

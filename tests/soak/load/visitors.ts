/**
 * Visitors of a broker: each comes, does one thing, leaves, and comes again as somebody else.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { patiently } from "../../support/patience.ts";
import { BrokerError } from "../../../client.ts";
import { Random } from "../../support/random.ts";
import { CALL_VISITS } from "./call_visits.ts";
import { FAILURE_VISITS } from "./failure_visits.ts";
import { LANE_VISITS } from "./lane_visits.ts";
import { MANAGER_VISITS } from "./manager_visits.ts";
import { ORDER_VISITS } from "./order_visits.ts";
import type { Place } from "./place.ts";
import { type Notebook, PATIENCE_MS, Scene, type Visit } from "./scene.ts";
import { makeStrangerVisits } from "./stranger_visits.ts";
import { TIME_VISITS } from "./time_visits.ts";

/** What visitors have in common. */
export interface VisitorsOptions {
  readonly place: Place;
  readonly notebook: Notebook;
  readonly random: Random;
  /** How many are there at a time. */
  readonly count: number;
  /** Part of the names of all that they make. */
  readonly id: string;
  readonly tlsHello: Uint8Array;
  /** Aborted when no more are to come. */
  readonly signal: AbortSignal;
  /** Whether none is left out, however long that takes. */
  readonly areAll: boolean;
}

/** Lets visitors come and go; resolves when all have left. */
export async function letVisit(options: VisitorsOptions): Promise<void> {
  const { place, count, tlsHello, random } = options;
  const visits = [
    ...ORDER_VISITS,
    ...TIME_VISITS,
    ...FAILURE_VISITS,
    ...LANE_VISITS,
    ...CALL_VISITS,
    ...MANAGER_VISITS,
    ...makeStrangerVisits(tlsHello),
  ].filter(({ suits }) => suits?.(place) ?? true);
  // All of them have a turn before one has a second one.
  const turns = options.areAll ? [...visits] : [];
  const next = () => {
    if (options.signal.aborted && (turns.length === 0 || !options.areAll)) return undefined;
    if (turns.length === 0) turns.push(...visits);
    return turns.splice(random.below(turns.length), 1)[0]!;
  };
  await Promise.all(Array.from({ length: count }, (_, seat) => sit(options, seat, next)));
}

async function sit(
  options: VisitorsOptions,
  seat: number,
  next: () => Visit | undefined,
): Promise<void> {
  const { id } = options;
  const random = new Random(options.random.below(2 ** 32));
  for (let number = 0;; number++) {
    const visit = next();
    if (visit === undefined) return;
    const { isDirect } = visit;
    await attend(visit, new Scene({ ...options, random, id: `${id}.${seat}.${number}`, isDirect }));
    await delay(random.below(20));
  }
}

/** Attends one visit; notes what it does not end well for. */
async function attend(visit: Visit, scene: Scene): Promise<void> {
  const { notebook, place } = scene;
  notebook.count(`visits: ${visit.name}`);
  const beganAt = performance.now();
  const where = `${place.name}: ${visit.name}${scene.isSteady ? "" : ", on a way that is cut"}`;
  try {
    await patiently(visit.run(scene), 2 * PATIENCE_MS);
  } catch (error) {
    if (scene.isSteady || !isForgiven(error)) notebook.find(`${where}: ${describeError(error)}`);
    else notebook.count("visits that were cut short");
  }
  notebook.time(where, performance.now() - beganAt);
  await scene.leave().catch((error) =>
    notebook.find(`${where}: cannot leave: ${describeError(error)}`)
  );
}

/** What fails where connections are lost: commands whose answer has not come, and what relied on them. */
function isForgiven(error: unknown): boolean {
  if (!(error instanceof Error) || error.message.startsWith("waited in vain")) return false;
  if (error.cause instanceof Error && !isForgiven(error.cause)) return false;
  // A broker that is wrong says so itself.
  return !(error instanceof BrokerError && error.code === "INTERNAL_ERROR");
}

/** Tells all of an error, with its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause === undefined
    ? error.stack ?? error.message
    : `${error.message}: ${describeError(cause)}`;
}

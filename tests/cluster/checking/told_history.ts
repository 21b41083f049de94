/**
 * Histories of a cluster as a test tells them: two brokers, one active after the other, and what their
 * clients see.
 *
 * @module
 */

import type { ClusterVerdict } from "./cluster_verdict.ts";
import type { ClusterEvent, Handled } from "./history.ts";
import { HistoryChecker } from "./history_checker.ts";

/** Two brokers that were active one after the other, and two clients with a session at each of them. */
export const A = "a#1";
export const B = "b#1";
export const SESSIONS = { a1: 1, a2: 2, b1: 3, b2: 4 } as const;

/** Between two events of these histories, in milliseconds. */
export const STEP_MS = 10;
export const GRACE_MS: number = 3 * STEP_MS;

/** Sessions with the first broker, which is active. */
export const opening: ClusterEvent[] = [
  { type: "reignBegan", reign: A, epoch: 1 },
  { type: "opened", session: SESSIONS.a1, reign: A },
  { type: "opened", session: SESSIONS.a2, reign: A },
];

/** Another broker takes over, and clients have sessions with it; the first one may still be there. */
export const takeover: ClusterEvent[] = [
  { type: "reignBegan", reign: B, epoch: 2 },
  { type: "opened", session: SESSIONS.b1, reign: B },
  { type: "opened", session: SESSIONS.b2, reign: B },
];

export const kill: ClusterEvent[] = [
  { type: "fault", what: "kill" },
  { type: "reignEnded", reign: A },
  { type: "lost", session: SESSIONS.a1 },
  { type: "lost", session: SESSIONS.a2 },
];

/** A message is sent to a stream; its hash is its number. */
export function sent(
  number: number,
  options: { targets?: readonly string[]; call?: number } = {},
): ClusterEvent {
  const { targets = ["s"], call = number } = options;
  return { type: "sent", publisher: "p", number, targets, hash: number, call };
}

export function confirmed(number: number, id: number = number): ClusterEvent {
  return { type: "confirmed", publisher: "p", number, storedIn: [{ stream: "s", id }] };
}

export function published(number: number): ClusterEvent[] {
  return [sent(number), confirmed(number)];
}

/** A message is delivered; the delivery has the number of its message unless another one is given. */
export function delivered(number: number, options: {
  id?: number;
  stream?: string;
  delivery?: number;
  session?: number;
  key?: string;
  hash?: number;
} = {}): ClusterEvent {
  const {
    id = number,
    stream = "s",
    delivery = number,
    session = SESSIONS.a1,
    key,
    hash = number,
  } = options;
  const label = { publisher: "p", number };
  const follower = `f${session % 2}`;
  return { type: "delivered", delivery, follower, session, key, stream, id, label, hash };
}

/** What became of a delivery. */
export function handled(type: Handled["type"], delivery: number): ClusterEvent {
  return { type, delivery };
}

/** A message is delivered and acknowledged. */
export function done(
  number: number,
  options: Parameters<typeof delivered>[1] = {},
): ClusterEvent[] {
  return [delivered(number, options), handled("acked", options.delivery ?? number)];
}

export function check(events: readonly ClusterEvent[]): ClusterVerdict {
  const checker = new HistoryChecker(GRACE_MS);
  let at = 0;
  for (const event of [...opening, ...events]) checker.note(event, at += STEP_MS);
  return checker.finish();
}

/**
 * What a checked history of a cluster comes to: counts, and what must never happen.
 *
 * @module
 */

/** What must never happen, and what it means. */
export const CLUSTER_VIOLATIONS = {
  lost: "confirmed, and in the end not with anybody who acknowledged it",
  unknownMessage: "delivered or confirmed, and never sent like this to this stream",
  storedTwice: "stored under two ids of one stream",
  reusedIds: "an id that was another message's",
  reordered: "stored before an earlier message of its publisher",
  torn: "a call of which only a part was stored",
  refusedStored: "refused, and delivered all the same",
  heldTwice: "given to a follower while another one of the same reign held it",
  keyHeldTwice: "given to a follower while another message of its key was held in the same reign",
  keyReordered: "given to a follower for the first time after a later message of its key",
  redelivered: "delivered in the reign in which its acknowledgement was confirmed, or a later one",
  cameLate: "sent by a broker whose lease was over",
} as const;

/** One of the things that must never happen. */
export type ClusterViolation = keyof typeof CLUSTER_VIOLATIONS;

/** What else is counted. */
export interface ClusterCounts {
  faults: number;
  reigns: number;
  sessions: number;
  sent: number;
  confirmed: number;
  refused: number;
  unknown: number;
  delivered: number;
  /** Deliveries of what a handler had been given before: that is allowed. */
  repeated: number;
  acked: number;
  ackConfirmed: number;
  /** Deliveries by a broker that was not the active one any more, after another's: that is allowed. */
  acrossReigns: number;
  /** Deliveries of what somebody held whose session was lost, or looked silent: that is allowed. */
  takenOver: number;
}

/** What a history comes to. */
export interface ClusterVerdict
  extends Readonly<ClusterCounts>, Readonly<Record<ClusterViolation, number>> {
  /** Whether nothing has happened that must not. */
  readonly isClean: boolean;
  /** The first violations, in words. */
  readonly examples: readonly string[];
}

/** So many violations are told in words. */
const EXAMPLES_MAX = 20;

/** Violations that have been found. */
export class ClusterFindings {
  readonly #counts = noViolations();
  readonly #examples: string[] = [];

  /** Adds one, with words about what and where. */
  add(violation: ClusterViolation, what: string): void {
    this.#counts[violation]++;
    if (this.#examples.length < EXAMPLES_MAX) this.#examples.push(`${violation}: ${what}`);
  }

  /** Makes a verdict of them. */
  judge(counts: ClusterCounts): ClusterVerdict {
    const isClean = Object.values(this.#counts).every((count) => count === 0);
    return { ...counts, ...this.#counts, isClean, examples: [...this.#examples] };
  }
}

/** Writes the counts of a verdict in a line. */
export function formatClusterVerdict(verdict: ClusterVerdict): string {
  const { examples: _, isClean: __, ...counts } = verdict;
  return Object.entries(counts).map(([name, count]) => `${spell(name)} ${count}`).join(", ");
}

function noViolations(): Record<ClusterViolation, number> {
  const names = Object.keys(CLUSTER_VIOLATIONS) as ClusterViolation[];
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<ClusterViolation, number>;
}

/** Writes `reusedIds` as `reused ids`. */
function spell(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

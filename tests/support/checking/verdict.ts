/**
 * What a checked history comes to: counts, and what must never happen.
 *
 * @module
 */

/** What must never happen, and what it means. */
export const VIOLATIONS = {
  lost: "confirmed, and in the end not with anybody who acknowledged it",
  phantom: "delivered, and never sent like this to this stream",
  redelivered: "delivered although an acknowledgement had been confirmed",
  reordered: "delivered for the first time after a later one of its publisher, to one follower",
  reusedIds: "an id that was another message's",
  duplicates: "stored under two ids of one stream",
  attemptsDown: "delivered with fewer attempts than before",
  refusedDelivered: "refused, and delivered all the same",
  torn: "a call of which only a part was delivered in the end",
  confirmedDead: "sent when nothing could become durable any more, and confirmed all the same",
} as const;

/** One of the things that must never happen. */
export type Violation = keyof typeof VIOLATIONS;

/** How often each of them has happened. */
export type ViolationCounts = Record<Violation, number>;

/** What else is counted. */
export interface EventCounts {
  /** Messages that were sent. */
  attempted: number;
  /** Messages that must be there. */
  confirmed: number;
  /** Messages that were confirmed while a disk was cut off: they may be there. */
  uncertain: number;
  refused: number;
  unknown: number;
  /** Deliveries to handlers. */
  delivered: number;
  /** Deliveries of what a handler had been given before: that is allowed. */
  repeated: number;
  /** Those of them that came although an acknowledgement had been sent to the broker of then. */
  repeatedAfterAck: number;
  /** Acknowledgements that were sent, with those that were confirmed. */
  acked: number;
  ackConfirmed: number;
  faults: number;
}

/** What a history comes to. */
export interface Verdict extends Readonly<EventCounts>, Readonly<ViolationCounts> {
  /** Whether nothing has happened that must not. */
  readonly isClean: boolean;
  /** The first violations, in words. */
  readonly examples: readonly string[];
}

/** So many violations are told in words. */
const EXAMPLES_MAX = 20;

/** Violations that have been found. */
export class Findings {
  readonly #counts: ViolationCounts;
  readonly #examples: string[];

  /** Begins with those that others have found. */
  constructor(others?: Findings) {
    this.#counts = others === undefined ? noViolations() : { ...others.#counts };
    this.#examples = others === undefined ? [] : [...others.#examples];
  }

  /** Adds one, with words about what and where. */
  add(violation: Violation, what: string): void {
    this.#counts[violation]++;
    if (this.#examples.length < EXAMPLES_MAX) this.#examples.push(`${violation}: ${what}`);
  }

  /** Makes a verdict of them. */
  judge(counts: EventCounts): Verdict {
    const isClean = Object.values(this.#counts).every((count) => count === 0);
    return { ...counts, ...this.#counts, isClean, examples: [...this.#examples] };
  }
}

/** Writes the counts of a verdict in a line. */
export function formatVerdict(verdict: Verdict): string {
  const { examples: _, isClean: __, ...counts } = verdict;
  return Object.entries(counts).map(([name, count]) => `${spell(name)} ${count}`).join(", ");
}

function noViolations(): ViolationCounts {
  const counts: Partial<ViolationCounts> = {};
  for (const violation of Object.keys(VIOLATIONS) as Violation[]) counts[violation] = 0;
  return counts as ViolationCounts;
}

/** Writes `reusedIds` as `reused ids`. */
function spell(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** Streams by their names. */
export interface StreamFilter {
  /** Filters with the same key allow the same streams: members that share a pattern share the search. */
  readonly key: string;
  /** The cost of a question, in steps of about a microsecond; in proportion to the name's length. */
  readonly steps: number;
  allows(stream: string): boolean;
}

/** What a member's user may do; without it, everything. */
export interface MemberPermit {
  /** The name of the user. */
  readonly owner?: string | undefined;
  /** The streams that a pattern may find; a direct bind is not filtered. */
  readonly filter?: StreamFilter | undefined;
  /** Called once, when the member is closed or lost. */
  readonly ended?: (() => void) | undefined;
}

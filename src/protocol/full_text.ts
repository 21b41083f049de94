/** The figures of a stream or a lane that has no room for more. */
export interface FullFigures {
  readonly what: "messages" | "bytes";
  readonly depth: number;
  /** How much was sent. */
  readonly size: number;
  readonly limit: number;
}

/**
 * The text of `STREAM_FULL`.
 *
 * @param owner Who is full: `it`, or the name of a lane.
 */
export function describeFull(
  stream: string | undefined,
  owner: string,
  { what, depth, size, limit }: FullFigures,
): string {
  const unit = depth === 1 ? what.slice(0, -1) : what;
  const were = size === 1 ? "was" : "were";
  return `Cannot publish to "${stream}": ${owner} has ${depth} ${unit}, ` +
    `${size} more ${were} sent, limit is ${limit}`;
}

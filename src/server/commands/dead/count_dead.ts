import type { Cursor } from "../../../../client.ts";
import { type DeadFilter, findDeadLetters, findDeadStream } from "./dead_filter.ts";

/** Counts the dead letters that are meant; without conditions the broker knows the number. */
export async function countDeadLetters(
  cursor: Cursor,
  stream: string,
  filter: DeadFilter,
  signal: AbortSignal,
): Promise<number> {
  if (filter.isEmpty) {
    const dead = await findDeadStream(cursor, stream, signal);
    return (dead?.ready ?? 0) + (dead?.delayed ?? 0);
  }
  let count = 0;
  for await (const { state } of findDeadLetters(cursor, stream, filter, signal)) {
    if (state !== "pending") count++;
  }
  return count;
}

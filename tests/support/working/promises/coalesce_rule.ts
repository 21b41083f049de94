import type { WorkCopy } from "./work_copy.ts";

/**
 * Whether a message may be gone since a later one of its coalesce id has come in its place: by what its publisher was
 * told, or if nobody knows that. One that comes back gives way to a later one, too.
 */
export function isReplacedBy(copy: WorkCopy, others: Iterable<WorkCopy>): boolean {
  const { coalesce, stream, id } = copy;
  if (coalesce === undefined) return false;
  for (const other of others) {
    if (other === copy || other.stream !== stream || other.coalesce?.id !== coalesce.id) continue;
    if (other.replaced === id) return true;
    const isOpen = other.outcome === "sent" || other.outcome === "stored" && !other.isTold;
    if (isOpen && other.coalesce.take === "last") return true;
    if (copy.wasDelivered && other.outcome === "stored" && other.id! > id!) return true;
  }
  return false;
}

/**
 * The earliest end of the quiet time of a message that is there: the limits of those in whose place it came, one after
 * the other, may have brought it forward. These may have been sent later: who is not connected sends early, and is
 * stored late.
 */
export function findQuietEnd(copy: WorkCopy, others: Iterable<WorkCopy>): number {
  const { coalesce, stream, sentAt } = copy;
  if (coalesce === undefined) return 0;
  const { id, quietMs, atMostMs } = coalesce;
  const group = [...others].filter((other) => other.stream === stream && other.coalesce?.id === id);
  const limit = findLimit(copy, group, new Set());
  return Math.max(sentAt, Math.min(sentAt + (quietMs || atMostMs), limit));
}

/** The earliest limit of a message, and of all those that may have given way to it. */
function findLimit(copy: WorkCopy, group: readonly WorkCopy[], seen: Set<WorkCopy>): number {
  seen.add(copy);
  const { atMostMs } = copy.coalesce!;
  let limit = atMostMs > 0 ? copy.sentAt + atMostMs : Infinity;
  for (const other of listReplaced(copy, group)) {
    if (!seen.has(other)) limit = Math.min(limit, findLimit(other, group, seen));
  }
  return limit;
}

/** In whose place a message may have come: by what its publisher was told, or if nobody knows that. */
function listReplaced(copy: WorkCopy, group: readonly WorkCopy[]): WorkCopy[] {
  const { id = Infinity, isTold, replaced, sentAt } = copy;
  if (isTold && replaced === undefined) return [];
  const known = group.find((other) => isTold && other.id === replaced);
  if (known !== undefined) return [known];
  const may = isTold
    ? (other: WorkCopy) => other.id === undefined
    : (other: WorkCopy) => (other.id ?? 0) < id && other.goneAt >= sentAt;
  return group.filter((other) => other.outcome !== "kept" && may(other));
}

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

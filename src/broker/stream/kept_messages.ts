import type { StoredIn } from "../engine.ts";
import type { Kept, KeptMessage, PublishedNotes } from "../event.ts";
import type { Stream } from "./stream.ts";
import type { CoalescedTimes } from "../store/coalesce_index.ts";

/** Moves the end of a message's quiet time, and with it the end of its life. */
export function setDueAt(message: CoalescedTimes, dueAt: number): void {
  if (message.expiresAt !== undefined) message.expiresAt += dueAt - message.dueAt;
  message.dueAt = dueAt;
}

/** Lets a message wait longer, if it still waits. */
export function postponeKept(stream: Stream, { id, dueAt }: KeptMessage): void {
  const message = stream.coalesced?.get(id);
  if (message === undefined || dueAt === undefined) return;
  const [run] = stream.share.delayed.remove([{ firstId: id, count: 1 }]);
  if (run === undefined) return;
  stream.share.delayed.add({ ...run, at: dueAt });
  setDueAt(message, dueAt);
  const { expiresAt: at } = message;
  if (at !== undefined) stream.expiries.addOfStream({ firstId: id, count: 1, at, attempts: 0 });
}

/** Remembers a message under the dedup id of one that was let go for it. */
export function rememberKept(stream: Stream, { id }: KeptMessage, event: Kept | undefined): void {
  if (event?.dedupId === undefined) return;
  const message = { id, at: event.storedAt, isStored: true };
  stream.dedupIds.add(event.dedupId, message, stream.options.dedupWindowMs);
}

/** Where a message was stored, or which one stays in its place. */
export interface JoinedIn extends StoredIn {
  readonly number: number;
}

/** Adds to the streams of a batch what it has replaced there, and the streams where another one stays. */
export function joinNotes(
  storedIn: readonly JoinedIn[],
  { replaces = [], kept = [] }: PublishedNotes,
): JoinedIn[] {
  const stored = storedIn.map((at) => {
    const replaced = replaces.find(({ number }) => number === at.number);
    return replaced === undefined ? at : { ...at, replaced: replaced.id };
  });
  return [...stored, ...nameKept(kept)];
}

function nameKept(kept: readonly KeptMessage[]): JoinedIn[] {
  return kept.map(({ number, id }) => ({ number, stream: "", firstId: id, isKept: true }));
}

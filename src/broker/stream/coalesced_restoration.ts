// What is known of messages with coalescing ids when the log was read.

import type { MessageBatch } from "../../../protocol.ts";
import { readEntrySize } from "../../protocol/messages/entry.ts";
import { findEntryCoalesceId } from "../../protocol/messages/properties.ts";
import { GatheredRuns } from "./gathered_runs.ts";
import type { NotedMessages } from "./noted_messages.ts";
import type { Stream } from "./stream.ts";
import { readCoalesced } from "../store/coalesced_content.ts";

/** Notes messages that were moved in the log. What is not known yet of their times is told behind them. */
export function noteCoalescedEntries(stream: Stream, firstId: number, batch: MessageBatch): void {
  const { buffer, end } = batch;
  const index = stream.requireCoalesced();
  let id = firstId;
  for (let start = batch.start; start < end; id++) {
    const next = start + readEntrySize(buffer, start);
    const isNew = findEntryCoalesceId(buffer, start) !== 0 && !index.has(id);
    if (isNew) {
      const { mark, bytes } = readCoalesced({ buffer, start, end: next, count: 1 })!;
      const times = { dueAt: 0, until: Infinity, expiresAt: undefined };
      index.add(mark, { id, bytes, isStored: true, ...times });
    }
    start = next;
  }
}

/**
 * Gathers those that wait for a quiet time, except for those that were delivered before; notes when all of them
 * expire.
 *
 * @param notes What else is known of messages.
 */
export function gatherWaiting(stream: Stream, notes: NotedMessages, now: number): GatheredRuns {
  const waiting = new GatheredRuns();
  const hasNotes = notes.attempts.count > 0;
  stream.coalesced?.visitTimes((id, dueAt, expiresAt) => {
    if (expiresAt !== undefined) {
      stream.expiries.addOfStream({ firstId: id, count: 1, attempts: 0, at: expiresAt });
    }
    if (dueAt > now && !(hasNotes && notes.has(id))) waiting.add(id, 1, dueAt, 0);
  });
  return waiting;
}

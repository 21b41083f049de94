import type { DeadLetter, DeadLetterCause, MessageBatch } from "../../../protocol.ts";
import type { Redrives } from "../../protocol/messages/dead_letter.ts";
import { readEntryFlags } from "../../protocol/messages/entry.ts";
import { PropertyFlag, readProperties } from "../../protocol/messages/properties.ts";
import type { Failure } from "../failures/failure.ts";
import type { Share } from "../share/share.ts";

/** How often a message was sent back before; only those that were have a story outside of dead letters. */
export function readRedrives({ buffer }: MessageBatch, offset: number): Redrives | undefined {
  if ((readEntryFlags(buffer, offset) & PropertyFlag.story) === 0) return undefined;
  return readProperties(buffer, offset).redrives;
}

/** What is told of a message that becomes a dead letter. */
export function tellStory(
  { store: { calendar, name }, notes }: Share,
  { id, attempts, cause, now, redrives }: {
    readonly id: number;
    readonly attempts: number;
    readonly cause: DeadLetterCause;
    readonly now: number;
    readonly redrives: Redrives | undefined;
  },
): DeadLetter {
  const at = Math.floor(now);
  const failure: Failure | undefined = notes.failures.get(id);
  const { firstAt = at, reasons = [], follower = "" } = failure ?? {};
  return {
    stream: name,
    id,
    attempts,
    cause,
    firstAt: calendar.dateOf(firstAt),
    lastAt: calendar.dateOf(at),
    reasons,
    ...follower !== "" && { follower },
    ...redrives && { redrives },
  };
}

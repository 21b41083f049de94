// Which limits hold messages back, in sentences for a person.

import type { GateNote } from "../lanes/gate.ts";
import type { Lane } from "../lanes/lane.ts";
import { Breaker } from "../breaker/breaker.ts";
import type { Share } from "../share/share.ts";

/** The most lanes that are named. */
const NAMES_MAX = 3;

/** The most lanes that are held back among which those with most messages are looked for. */
export const LOOKS_MAX = 4096;

/** Explains which limits of a stream, and of its lanes, hold ready messages back. */
export function explainLimits(
  share: Share,
  now: number,
  formatTime: (time: number) => string,
): string[] {
  const sentences: string[] = [];
  for (const gate of share.gates ?? []) {
    const note = gate instanceof Breaker ? undefined : gate.explain(now);
    if (note === undefined) continue;
    const who = note.limit === undefined ? "The stream" : `Limit "${note.limit}"`;
    sentences.push(`${who} ${tell(note, formatTime)}.`);
  }
  return [...sentences, ...explainLanes(share, now, formatTime), ...explainSlots(share)];
}

function explainLanes(
  { lanes }: Share,
  now: number,
  formatTime: (time: number) => string,
): string[] {
  const closed: Lane[] = [];
  let count = lanes?.figures.limited ?? 0;
  for (const lane of lanes?.listLimited(LOOKS_MAX) ?? []) {
    if (lane.room(now) > 0) {
      // Its time has come, and it goes in this turn.
      count--;
      continue;
    }
    closed.push(lane);
    closed.sort((one, other) => other.count - one.count).splice(NAMES_MAX);
  }
  const sentences = closed.map((lane) => {
    const { name, count: ready } = lane;
    const waits = ready === 1 ? "1 message waits" : `${ready} messages wait`;
    return `Lane ${JSON.stringify(name)} ${tell(lane.explain(now)!, formatTime)}: ${waits}.`;
  });
  const more = count - closed.length;
  if (more > 0) {
    sentences.push(`${more === 1 ? "1 more lane is" : `${more} more lanes are`} held back.`);
  }
  return sentences;
}

function tell({ why, opensAt }: GateNote, formatTime: (time: number) => string): string {
  const next = opensAt === Infinity ? "" : `next at ${formatTime(opensAt)}`;
  if (why === "rate") return `is held back by its rate: ${next}`;
  if (why === "paused") return "is paused";
  if (why === "postponed") return `is postponed until ${formatTime(opensAt)}`;
  if (why.endsWith("pending")) return `has ${why}`;
  return `is held back, since ${why}${next === "" ? "" : `: ${next}`}`;
}

/** Whether all followers work on as many messages as they can, so that what is limited has to wait. */
function explainSlots(share: Share): string[] {
  const { ready, attachments } = share;
  if (!ready.hasNext || !share.needsSlots || attachments.size === 0) return [];
  for (const { follower } of attachments) if (follower.slotRoom > 0) return [];
  return [
    "What is limited is not fetched ahead, and each follower works on as many messages as it can at once.",
  ];
}

/**
 * Messages where they lie, as the model and a cursor tell of them.
 *
 * @module
 */

import { assert } from "@std/assert";
import type { ModelMessage, ModelStream } from "./model_message.ts";

/** A message as it lies in a stream. */
export interface Peeked {
  readonly id: number;
  readonly text: string;
  readonly place: string;
}

/** Tells of a message of the model what peeking must tell. */
export function describeMessage(message: ModelMessage): Peeked {
  const { id, attempts, dueAt, holder } = message;
  const text = describeText(message);
  if (holder !== undefined) return { id, text, place: `×${attempts + 1} pending ${holder.name}` };
  return { id, text, place: `×${attempts} ${dueAt === 0 ? "ready " : `delayed ${dueAt}`}` };
}

/** All that a message says that does not change. */
export function describeText(
  { text, dedupId, priority, story, redrives }: Pick<
    ModelMessage,
    "text" | "dedupId" | "priority" | "story" | "redrives"
  >,
): string {
  return JSON.stringify([text, dedupId, priority, story, redrives]);
}

/** Gives messages that have come from another stream the ids that they have got. */
export function numberArrivals(stream: ModelStream, peeked: readonly Peeked[]): void {
  for (const { id, text } of peeked) {
    if (id < stream.nextId || stream.arrivals.length === 0) continue;
    assert(id === stream.nextId, `${stream.name}:${id} is the next one`);
    const index = stream.arrivals.findIndex((one) => describeText(one) === text);
    assert(index >= 0, `${stream.name}:${id} has come from another stream: ${text}`);
    const [message] = stream.arrivals.splice(index, 1);
    stream.messages.push({ ...message!, id });
    stream.nextId++;
  }
  const missing = stream.arrivals.map(({ text }) => text);
  assert(missing.length === 0, `${missing} are in ${stream.name}`);
}

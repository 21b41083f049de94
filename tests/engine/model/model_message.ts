/**
 * What the model of the rules knows of streams, messages, followers and deliveries.
 *
 * @module
 */

import type { DeadLetter, Redrives, StreamOptions } from "../../../protocol.ts";

/** A message as it is sent. */
export interface SentMessage {
  readonly text: string;
  readonly delayMs?: number;
  /** What the machine's clock says when it may be delivered. */
  readonly deliverAt?: number;
  readonly ttlMs?: number;
  readonly priority?: number;
  readonly dedupId?: string | undefined;
}

/** A message that is not gone. */
export interface ModelMessage {
  /** Not known while it is on its way from another stream. */
  id: number;
  readonly text: string;
  readonly dedupId: string | undefined;
  /** What is told of it, if it is a dead letter. */
  readonly story?: DeadLetter | undefined;
  /** How often it was sent back from the dead letters, if it is none now. */
  readonly redrives?: Redrives | undefined;
  readonly bytes: number;
  readonly storedAt: number;
  /** The highest goes first. */
  readonly priority: number;
  /** How many of its deliveries count. */
  attempts: number;
  /** Until when it is held back; 0 if it is not. */
  dueAt: number;
  expiresAt: number;
  /** Whether it is held back until the machine's clock says something. */
  isDueDated: boolean;
  /** Whether it expires when the machine's clock says something. */
  readonly isExpiryDated: boolean;
  failure?: { readonly firstAt: number; readonly reasons: string[]; readonly follower: string };
  /** How often it lost its follower, in a row until now. */
  losses?: number;
  /** Whether a follower that says what it begins has to say so first. */
  isDoubtful?: boolean;
  /** How often a handler has seen it, as far as can be known. */
  seenCount?: number;
  /** Whose it is now. */
  holder: ModelFollower | undefined;
}

/** A stream and its messages, by id. */
export interface ModelStream {
  readonly name: string;
  readonly options: StreamOptions;
  nextId: number;
  messages: ModelMessage[];
  /** Messages that have come from another stream and have got ids: in which order is not said. */
  arrivals: ModelMessage[];
  isPaused: boolean;
  /** The message ids that have come, with the messages' own ids. */
  readonly dedupIds: Map<string, { readonly id: number; readonly at: number }>;
}

/** A delivery that is not acknowledged. */
export interface ModelDelivery {
  readonly tag: number;
  readonly stream: ModelStream;
  readonly message: ModelMessage;
  readonly deliveredAt: number;
  deadline: number;
  isBegun: boolean;
  /** Whether a handler has seen it, as far as can be known. */
  isSeen?: boolean;
  /** Whether it begins with a word, or not at all. */
  readonly isDoubtful: boolean;
}

/** A delivery that was taken back, and may be acknowledged late. */
export interface ModelLapse {
  readonly tag: number;
  readonly stream: ModelStream;
  readonly message: ModelMessage;
  readonly isLoss: boolean;
}

/** A follower and what it holds, by tag. */
export interface ModelFollower {
  readonly name: string;
  readonly matches: (stream: string) => boolean;
  messages: number;
  bytes: number;
  isFull: boolean;
  /** Whether it says what it begins. */
  readonly reportsBegin: boolean;
  /** When it showed life last. */
  lifeAt: number;
  /** Whether it gets nothing before it shows life. */
  isSuspended: boolean;
  nextTag: number;
  held: ModelDelivery[];
  lapsed: ModelLapse[];
  /** The tag of the oldest delivery, and since when it is the oldest; of one that had not begun. */
  oldest: { tag: number; since: number };
  /** The tags of all that was taken from it. */
  readonly revoked: number[];
}

/** Whether a stream holds dead letters. */
export function isDead({ name }: ModelStream): boolean {
  return name.endsWith(".dead");
}

/** Whether a message may not be delivered once more. */
export function isLast({ stream, message }: ModelDelivery): boolean {
  return message.attempts + 1 >= stream.options.maxDeliveries && !isDead(stream);
}

/** Notes that a handler has seen a message, if that is not known yet of this delivery. */
export function noteSeen(delivery: ModelDelivery): void {
  if (!delivery.isBegun && !delivery.isSeen) delivery.message.seenCount = countSeen(delivery) + 1;
  delivery.isSeen = true;
}

function countSeen({ message }: ModelDelivery): number {
  return message.seenCount ?? 0;
}

/** Whether the oldest delivery of a follower that is lost counts although nothing was said of it. */
export function mayHaveBegun({ reportsBegin }: ModelFollower, delivery: ModelDelivery): boolean {
  return !reportsBegin || (!delivery.isDoubtful && !isLast(delivery));
}

/** Takes a message out of its stream. */
export function forget(stream: ModelStream, message: ModelMessage): void {
  stream.messages.splice(stream.messages.indexOf(message), 1);
}

/** The bytes of messages. */
export function sumBytes(messages: readonly ModelMessage[]): number {
  return messages.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The size of a message with its head and all that it says of itself. */
export function measure(
  message: SentMessage & Pick<Partial<ModelMessage>, "story" | "redrives">,
): number {
  const { text, dedupId, delayMs, deliverAt = delayMs, ttlMs, redrives } = message;
  const { story = redrives && { redrives } } = message;
  return 8 + text.length + (deliverAt === undefined ? 0 : 8) + (ttlMs === undefined ? 0 : 8) +
    (dedupId === undefined ? 0 : 1 + dedupId.length) +
    (story === undefined ? 0 : 2 + JSON.stringify(story).length);
}

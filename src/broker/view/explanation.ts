// Why nothing moves in a stream, in sentences for a person.

import { BrokerError, ERROR_CODES } from "../../../protocol.ts";
import { readProperties } from "../../protocol/messages/properties.ts";
import { deadNameOf } from "../../protocol/messages/stream_options.ts";
import type { StreamFilter } from "../engine.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { KeyWait } from "../ready/parked_messages.ts";
import type { Router } from "../state/router.ts";
import { countPostponements, type Failure } from "../failures/failure.ts";
import type { Share } from "../share/share.ts";
import type { Store } from "../store/store.ts";
import type { Stream } from "../stream/stream.ts";
import { explainLimits, LOOKS_MAX } from "./limit_explanation.ts";

/** The most followers, or keys, that are named. */
const NAMES_MAX = 3;

/** The most messages that have failed among which the last failure is looked for. */
const FAILURES_MAX = 64;

/** When a stream is explained, and to whom. */
export interface Listener {
  readonly now: number;
  /** Why the broker refuses new messages of all streams, if it does. */
  readonly obstacle?: BrokerError | undefined;
  /** The other streams that may be named; all by default. */
  readonly filter?: StreamFilter | undefined;
}

/** The followers, or keys, that are looked through in about the time of a step. */
const LISTED_PER_STEP = 16;

/**
 * Explains the state of a stream, and why its messages are not delivered.
 *
 * @throws {BrokerError} `STREAM_NOT_FOUND` if the stream does not exist and no follower waits for it.
 */
export function explain(router: Router, name: string, listener: Listener): string[] {
  const waiting = router.findWaiting(name);
  if (waiting.length > 0) return [explainWaiting(name, waiting)];
  const stream = router.requireStream(name);
  const { attachments, keys, lanes } = stream.share;
  const limited = lanes?.figures.limited ?? 0;
  const waits = keys?.waitCount ?? 0;
  const listed = attachments.size + Math.min(waits, LOOKS_MAX) + Math.min(limited, LOOKS_MAX);
  router.steps += Math.floor(listed / LISTED_PER_STEP);
  const dead = router.getStream(deadNameOf(name))?.depthCount ?? 0;
  const sentences = explainShare(stream.share, listener);
  const { obstacle } = listener;
  if (obstacle !== undefined) {
    const { code } = obstacle;
    sentences.push(`New messages are refused: ${ERROR_CODES[code].meaning} (${code}).`);
  }
  if (dead > 0 && !stream.isDead) sentences.push(explainDead(stream, dead));
  return sentences;
}

/** How many dead letters a stream has, and what has made them since the start of the broker. */
function explainDead({ name, totals: { dead } }: Stream, count: number): string {
  const { rejected, maxDeliveries, expired, cancelled } = dead;
  const causes = [
    ...rejected > 0 ? [`${rejected} by reject`] : [],
    ...maxDeliveries > 0 ? [`${maxDeliveries} after the last delivery`] : [],
    ...expired > 0 ? [`${expired} whose time to live was over`] : [],
    ...cancelled > 0 ? [`${cancelled} cancelled`] : [],
  ];
  const since = causes.length === 0 ? "" : ` Since the broker's start: ${causes.join(", ")}.`;
  return `${say(count, "message is", "messages are")} in ${deadNameOf(name)}: ` +
    `redrive sends ${count === 1 ? "it" : "them"} back.${since}`;
}

/** Names the followers that wait for a stream that does not exist. */
function explainWaiting(name: string, followers: readonly FollowerState[]): string {
  const names = followers.slice(0, NAMES_MAX).map((follower) => `"${follower.name}"`).join(", ");
  const more = followers.length - NAMES_MAX;
  return `There is no stream "${name}": ` +
    `${say(followers.length, "follower waits", "followers wait")} for it to be created, ` +
    `${names}${more > 0 ? ` and ${more} more` : ""}.`;
}

function explainShare(share: Share, { now, filter }: Listener): string[] {
  const { store, readyCount, delayed, pendingCount: pending } = share;
  if (store.damage !== undefined) {
    return [`${store.damage.message}.`];
  }
  const sentences = explainBreaker(share);
  if (readyCount + delayed.messageCount + pending === 0) {
    return [...sentences, ...explainEmpty(share)];
  }
  sentences.push(...explainWaits(share, filter));
  sentences.push(...explainLimits(share, now, (time) => formatTime(store, time)));
  sentences.push(...explainKeys(share));
  if (sentences.length > 0 && readyCount > 0) sentences.push(...explainAge(share));
  if (delayed.messageCount > 0) sentences.push(explainDelay(share));
  if (pending > 0 && readyCount === 0) sentences.push(explainHolders(share, pending));
  const full = explainFullness(store);
  if (full !== undefined) sentences.push(full);
  if (sentences.length === 0) {
    const are = say(readyCount, "is", "are");
    sentences.push(`Messages move: ${are} about to be delivered at ${formatTime(store, now)}.`);
  }
  return [...sentences, ...explainFailures(share)];
}

/** Why only probes are delivered, if that is so, and when the next one goes. */
function explainBreaker({ breakers, store }: Share): string[] {
  const first = breakers?.listOpen().next().value;
  if (first === undefined) return [];
  const [{ isProbing, options, lane }, open] = first;
  const { openedAt, nextAt, probes, failed, ended, reason } = open;
  const whose = lane === undefined ? "" : ` of lane ${JSON.stringify(lane.name)}`;
  const last = reason === "" ? "" : `, the last because of ${JSON.stringify(reason)}`;
  const before = probes === 0 ? "" : `; ${say(probes, "probe was", "probes were")} sent so far`;
  const next = isProbing
    ? "A probe is with a follower, and the breaker closes if it is acknowledged"
    : `The next probe goes at ${formatTime(store, nextAt)}${before}`;
  const more = breakers!.openCount - 1;
  return [
    `The breaker${whose} is open since ${formatTime(store, openedAt)}: ${failed} of ${ended} ` +
    `deliveries had failed within ${options.withinMs} ms${last}.`,
    `${next}. Resuming the stream closes it.`,
    ...more > 0 ? [`The breakers of ${say(more, "other lane", "other lanes")} are open, too.`] : [],
  ];
}

/** Why ready messages wait: the stream is paused, nobody is there, or nobody takes more. */
function explainWaits(share: Share, filter: StreamFilter | undefined): string[] {
  const { store, readyCount } = share;
  const followers = [...share.attachments].map(({ follower }) => follower)
    .filter(({ isEnded }) => !isEnded);
  const sentences: string[] = [];
  if (share.isPaused) {
    const waits = say(readyCount, "message waits", "messages wait");
    sentences.push(`The stream is paused: ${waits} until it is resumed.`);
  }
  if (followers.length === 0) {
    const waits = readyCount === 0 ? "" : `: ${say(readyCount, "message waits", "messages wait")}`;
    const dead = store.isDead ? " Dead letters need none: redrive sends them back." : "";
    sentences.push(`There is no follower${waits}.${dead}`);
  } else if (share.ready.count > 0 && !share.isPaused) {
    sentences.push(...explainCredit(share, followers, filter));
  }
  return sentences;
}

/** Since when the oldest ready message waits. */
function explainAge({ store, oldestReadyId: id }: Share): string[] {
  const at = id === undefined ? 0 : store.backlog.storedAt(id);
  if (at === 0) return [];
  return [`The oldest ready message, ${id}, was stored at ${formatTime(store, at)}.`];
}

/** What has failed and is still there: messages that come back again and again look as if they moved. */
function explainFailures({ store, notes: { failures } }: Share): string[] {
  if (failures.size === 0) return [];
  let last: { readonly id: number; readonly failure: Failure } | undefined;
  let count = 0;
  for (const [id, failure] of failures) {
    if (last === undefined || failure.lastAt >= last.failure.lastAt) last = { id, failure };
    if (++count === FAILURES_MAX) break;
  }
  const { id, failure } = last!;
  const { lastAt, follower, reasons } = failure;
  const reason = reasons.at(-1);
  const why = reason === undefined ? "without a reason" : `because of ${JSON.stringify(reason)}`;
  const where = follower === "" ? "" : ` at follower "${follower}"`;
  const postponed = countPostponements(failure);
  const isPut = postponed > 0;
  const often = isPut ? `; it was postponed ${say(postponed, "time", "times")}` : "";
  const [one, many] = isPut ? [" or was postponed", " or were postponed"] : ["", ""];
  const have = say(failures.size, `message has failed${one}`, `messages have failed${many}`);
  return [
    `${have} before: message ${id} last at ${formatTime(store, lastAt)}${where}, ${why}${often}.`,
  ];
}

function explainEmpty({ store, isPaused, followerCount }: Share): string[] {
  const { nextId } = store.intake;
  const before = nextId === 1
    ? "no message has been stored yet"
    : `${say(nextId - 1, "message was", "messages were")} stored so far`;
  const sentences = [`The stream is empty: ${before}.`];
  if (isPaused) sentences.push("It is paused: new messages will wait until it is resumed.");
  if (followerCount === 0) sentences.push("There is no follower.");
  return sentences;
}

/** Why messages that are ready are not delivered although there are followers. */
function explainCredit(
  share: Share,
  followers: readonly FollowerState[],
  filter: StreamFilter | undefined,
): string[] {
  const { store, ready } = share;
  if (followers.some(({ room }) => room > 0)) return [];
  const waits = say(ready.count, "message waits", "messages wait");
  const isIdle = followers.every(({ pending }) => pending.count === 0);
  const why = isIdle
    ? "no follower asks for any"
    : "no follower takes more: each holds as many as it may";
  const sentences = [`${waits}, and ${why}.`];
  for (const follower of followers.slice(0, NAMES_MAX)) {
    const { name, pending, sink, liveness } = follower;
    const { first: oldest } = pending;
    if (liveness.isSilent) {
      sentences.push(
        `Nothing is heard from follower "${name}"; it gets messages again when it is active.`,
      );
    } else if (liveness.isSuspended) {
      sentences.push(
        `Follower "${name}" exceeded the acknowledgement timeout; it gets messages again when it is active.`,
      );
    } else if (sink.isFull) {
      sentences.push(
        `Follower "${name}" does not read its messages: its connection takes no more.`,
      );
    } else if (oldest === undefined) {
      sentences.push(`Follower "${name}" asks for nothing: its handler is not waiting.`);
    } else sentences.push(explainHolding(store, follower, filter));
  }
  const more = followers.length - NAMES_MAX;
  if (more > 0) {
    sentences.push(`The same holds for ${say(more, "other follower", "other followers")}.`);
  }
  return sentences;
}

/** What a follower holds; of streams that may not be named, neither which nor how many messages. */
function explainHolding(
  { calendar }: Store,
  { name, pending, credit }: FollowerState,
  filter: StreamFilter | undefined,
): string {
  const { runs } = pending;
  const mayTell = filter === undefined ||
    new Set(runs.map(({ share }) => share)).values().every(({ store }) =>
      filter.allows(store.name)
    );
  if (!mayTell) return `Follower "${name}" holds as much as it may, some of it of other streams.`;
  const { firstId, share: { store }, deliveredAt } = runs[0]!;
  return `Follower "${name}" holds ${say(pending.count, "message", "messages")} of ` +
    `${credit.messages} that it may hold, message ${firstId} of "${store.name}" since ` +
    `${formatTime({ calendar }, deliveredAt)}.`;
}

/** Which messages keep others of their key waiting. */
function explainKeys(share: Share): string[] {
  const waits = share.keys?.listWaits(LOOKS_MAX) ?? [];
  const sentences = findLongest(waits).map(({ holder, count }) => {
    const waiting = say(count, "other message waits", "other messages wait");
    return `${nameKey(share.store, holder)} is held by message ${holder} ` +
      `${explainHolder(share, holder)}: ${waiting}.`;
  });
  const more = (share.keys?.waitCount ?? 0) - NAMES_MAX;
  if (more > 0) sentences.push(`The same holds for ${say(more, "other key", "other keys")}.`);
  return sentences;
}

/** The keys for which most messages wait, in one pass. */
function findLongest(waits: readonly KeyWait[]): KeyWait[] {
  const longest: KeyWait[] = [];
  for (const wait of waits) {
    if (longest.length === NAMES_MAX && wait.count <= longest.at(-1)!.count) continue;
    longest.push(wait);
    longest.sort((one, other) => other.count - one.count);
    longest.length = Math.min(longest.length, NAMES_MAX);
  }
  return longest;
}

/** Where a message that holds a key is. */
function explainHolder(share: Share, id: number): string {
  const held = share.listHeld().find(({ run }) =>
    id >= run.firstId && id < run.firstId + run.count
  );
  if (held !== undefined) {
    const since = formatTime(share.store, held.run.deliveredAt);
    return `of follower "${held.follower.name}" since ${since}`;
  }
  const [delay] = share.delayed.find(id, id + 1);
  if (delay !== undefined) {
    return `that has failed and is due at ${formatTime(share.store, delay.at)}`;
  }
  const isReady = share.ready.list(id, id + 1).length > 0;
  return isReady ? "that is ready" : "on its way to another stream";
}

/** The key of a message, or the coalesce id that it has in its place. */
function nameKey({ backlog }: Store, id: number): string {
  try {
    const { buffer, start } = backlog.read(id, 1, 0);
    const { key, coalesce } = readProperties(buffer, start);
    if (key !== undefined || coalesce === undefined) return `Key ${JSON.stringify(key)}`;
    return `Coalesce id ${JSON.stringify(coalesce.id)}`;
  } catch (error) {
    if (error instanceof BrokerError) return "A key that cannot be read";
    throw error;
  }
}

function explainDelay({ store, delayed }: Share): string {
  const { messageCount, nextAt } = delayed;
  const first = messageCount === 1 ? "it is" : "the first of them is";
  const quiet = (store.coalesced?.size ?? 0) === 0
    ? ""
    : "; those with coalesce ids wait until nothing new comes for their ids";
  return `${say(messageCount, "message is", "messages are")} delayed; ${first} due at ` +
    `${formatTime(store, nextAt)}${quiet}.`;
}

/** Names the followers that hold pending messages. */
function explainHolders(share: Share, pending: number): string {
  const are = say(pending, "message is", "messages are");
  const held = Map.groupBy(share.listHeld(), ({ follower }) => follower);
  const holders = [...held].map(([{ name }, runs]) => {
    const count = runs.reduce((sum, { run }) => sum + run.count, 0);
    const since = formatTime(share.store, runs[0]!.run.deliveredAt);
    return { count, who: `follower "${name}" since ${since}` };
  });
  if (holders.length === 0) {
    return `${are} on ${pending === 1 ? "its" : "their"} way to another stream.`;
  }
  if (holders.length === 1) return `${are} held by ${holders[0]!.who}.`;
  const parts = holders.slice(0, NAMES_MAX).map(({ count, who }) => `${count} by ${who}`);
  const more = holders.length - NAMES_MAX;
  return `${are} held: ${parts.join(", ")}${more > 0 ? `, and others by ${more} more` : ""}.`;
}

function explainFullness(stream: Store): string | undefined {
  const { maxMessages, maxBytes, overflow } = stream.options;
  const isFull = (maxMessages !== null && stream.depthCount >= maxMessages) ||
    (maxBytes !== null && stream.depthBytes >= maxBytes);
  if (!isFull) return undefined;
  const then = overflow === "reject"
    ? "new messages are refused until there is room"
    : "each new message discards the oldest";
  const { depthCount, depthBytes } = stream;
  return `The stream is full, with ${say(depthCount, "message", "messages")} and ` +
    `${say(depthBytes, "byte", "bytes")}: ${then}.`;
}

function say(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** A time as people and programs read it. */
function formatTime({ calendar }: Pick<Store, "calendar">, time: number): string {
  const at = calendar.dateOf(time);
  // A time to live may reach beyond what a calendar knows.
  return new Date(Math.min(at, 8.64e15)).toISOString();
}

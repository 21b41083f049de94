import type { ConnectionInfo, PendingEntry, StreamInfo } from "../../../protocol.ts";

/** The most followers that are named to whoever asks why messages wait. */
export const HOLDERS_MAX = 5;

/** What is told of a connection that has a follower. */
export type HolderConnection = Pick<ConnectionInfo, "id" | "client" | "user" | "address">;

/** A follower that holds messages of a stream. */
export interface Holder {
  readonly follower: string;
  /** How many messages of the stream it holds. */
  readonly count: number;
  /** The message that it has held for the longest time. */
  readonly id: number;
  readonly attempts: number;
  readonly ageMs: number;
  /** When that one is taken back, in milliseconds since 1970. */
  readonly deadline: number;
  /** The connections that have a follower of this name, if they may be seen. */
  readonly connections: readonly HolderConnection[];
}

/** What could be done for a stream whose messages wait; `about` says what comes of it. */
export type Cure =
  & { readonly about: string }
  & (
    | { readonly kind: "create" | "resume" | "connections" | "dead" | "redrive" }
    | { readonly kind: "release"; readonly follower: string }
    | { readonly kind: "close"; readonly connection: number; readonly follower: string }
    | { readonly kind: "look" | "story" | "drop"; readonly message: number }
    | { readonly kind: "maxMessages" | "maxBytes"; readonly most: number }
  );

/** A stream and what surrounds it. */
export interface StuckStream {
  /** Undefined if it is not there, or may not be seen. */
  readonly stream: StreamInfo | undefined;
  /** The stream of its dead letters. */
  readonly dead: Pick<StreamInfo, "ready" | "delayed" | "pending"> | undefined;
  /** Who holds messages, the one with the oldest delivery first. */
  readonly holders: readonly Holder[];
  /** A dead letter that was sent back before and failed again, if one was looked for and found. */
  readonly returned?: number | undefined;
}

/** What a follower holds of a stream. @param entries At least one. */
export function makeHolder(
  follower: string,
  entries: readonly Pick<PendingEntry, "id" | "attempts" | "ageMs" | "deadline">[],
  count: number,
  connections: readonly HolderConnection[],
): Holder {
  const { id, attempts, ageMs, deadline } = entries.reduce((oldest, entry) =>
    entry.ageMs > oldest.ageMs ? entry : oldest
  );
  return { follower, count, id, attempts, ageMs, deadline, connections };
}

/** Finds what could help, by what is found; what may not help is left out. */
export function findCures({ stream, dead, holders, returned }: StuckStream): Cure[] {
  if (stream === undefined) {
    return [{ kind: "create", about: "create it, if the name is right" }];
  }
  const cures: Cure[] = [];
  if (stream.isPaused) cures.push({ kind: "resume", about: "go on with deliveries" });
  else if (stream.breaker !== undefined) {
    cures.push({ kind: "resume", about: "close the breaker, if what it waits for is well again" });
  }
  const hasReason = holders.length > 0 || stream.isPaused || stream.breaker !== undefined;
  if (stream.ready > 0 && (stream.followers === 0 || !hasReason)) {
    // One that holds nothing and asks for nothing hangs as well, and is not named.
    const about = stream.followers === 0
      ? "see which programs are here, and start the one that follows"
      : "see which programs follow, and end the one that hangs";
    cures.push({ kind: "connections", about });
  }
  // Those who hold messages are in the way where others wait.
  if (stream.ready > 0 || stream.followers > 0 && holders.length > 0) {
    for (const holder of holders.slice(0, HOLDERS_MAX)) cures.push(...findReleases(holder, stream));
  }
  const [oldest] = holders;
  if (oldest !== undefined) {
    cures.push({ kind: "look", message: oldest.id, about: "look at the message held longest" });
  }
  const { maxMessages, maxBytes } = stream.options;
  const depth = stream.ready + stream.delayed + stream.pending;
  if (maxMessages !== null && depth >= maxMessages) {
    cures.push({ kind: "maxMessages", most: maxMessages * 2, about: "make room" });
  }
  if (maxBytes !== null && stream.bytes >= maxBytes) {
    cures.push({ kind: "maxBytes", most: maxBytes * 2, about: "make room" });
  }
  if (dead !== undefined && dead.ready + dead.delayed + dead.pending > 0) {
    cures.push({ kind: "dead", about: "see why messages failed" });
    if (returned === undefined) {
      cures.push({ kind: "redrive", about: "count what could be sent back" });
    } else {
      const [story, drop] = [
        "see the story of one that came back",
        "remove it, if it can never succeed",
      ];
      cures.push({ kind: "story", message: returned, about: story });
      cures.push({ kind: "drop", message: returned, about: drop });
    }
  }
  return cures;
}

/** What is taken from a follower that hangs waits for it, unless there are others or it is gone. */
function findReleases(
  { follower, count, connections }: Holder,
  { followers }: StreamInfo,
): Cure[] {
  const isOnly = followers <= 1;
  const what = `take back ${count} ${count === 1 ? "message" : "messages"}`;
  const then = isOnly ? "it is the only follower: they wait for it" : "others get them";
  const [connection] = connections;
  const release: Cure = { kind: "release", follower, about: `${what}; ${then}` };
  if (connection === undefined) return [release];
  const { id, client } = connection;
  const others = isOnly ? "its messages wait for a follower" : "others get its messages";
  const about = `end it if ${client || "its program"} hangs: ${others}; restart that`;
  return [release, { kind: "close", connection: id, follower, about }];
}

import type { ConnectionInfo, PendingEntry, PendingEntryList } from "../../../../../protocol.ts";
import { TextMap } from "../../../../broker/collections/text_map.ts";
import type { HolderConnection } from "../../../management/stuck_stream.ts";
import type { Snapshots } from "../../figures/snapshots.ts";
import { TimeSlices } from "../../figures/time_slices.ts";
import type { HttpRequest } from "../../http_route.ts";
import type { ConnectionRow } from "../broker/connection_rows.ts";
import { operatorOf } from "../broker/operation_routes.ts";

/** How many followers are shown at once, and how many deliveries and connections of one. */
const FOLLOWERS_MAX = 50;
const ENTRIES_MAX = 100;
const CONNECTIONS_MAX = 10;

/** How long one request looks for followers, in milliseconds. */
const LOOK_MS_MAX = 100;

/** What is shown of a follower that holds messages of a stream. */
export interface ShownHolder {
  readonly name: string;
  pending: number;
  oldestMs: number;
  /** The first of its messages. */
  readonly entries: Omit<PendingEntry, "stream">[];
  /** The connections that have a follower of this name, as far as the user sees them. */
  readonly connections: HolderConnection[];
}

/** Where all connections are found. */
export type ConnectionSnapshots = Snapshots<ConnectionInfo, ConnectionRow>;

/**
 * Finds the followers that hold messages of a stream, the one with the oldest delivery first.
 *
 * @param after Where an earlier look has ended: a look has a limit.
 */
export async function findHolders(
  request: HttpRequest,
  connections: ConnectionSnapshots,
  after: number,
): Promise<{ holders: ShownHolder[]; next: number | undefined }> {
  const { engine, params: { name = "" } } = request;
  const endsAt = performance.now() + LOOK_MS_MAX;
  const slices = new TimeSlices();
  const found = new TextMap<ShownHolder>();
  let next: number | undefined = after;
  do {
    const page: { items: readonly PendingEntryList[]; next?: number } = await engine.listPels(next);
    for (const list of page.items) addList(found, list, name);
    next = page.next;
    if (slices.isOver) await slices.next();
  } while (next !== undefined && found.size < FOLLOWERS_MAX && performance.now() < endsAt);
  if (found.size > 0) await addConnections(found, request, connections);
  const holders = [...found.values()].sort((one, other) => other.oldestMs - one.oldestMs);
  return { holders, next };
}

/** Adds what a follower holds of a stream; several followers may have one name. */
function addList(
  found: TextMap<ShownHolder>,
  { follower: name, entries }: PendingEntryList,
  stream: string,
): void {
  for (const { stream: where, ...entry } of entries) {
    if (where !== stream) continue;
    let shown = found.get(name);
    if (shown === undefined) {
      found.set(name, shown = { name, pending: 0, oldestMs: 0, entries: [], connections: [] });
    }
    shown.pending++;
    shown.oldestMs = Math.max(shown.oldestMs, entry.ageMs);
    if (shown.entries.length < ENTRIES_MAX) shown.entries.push(entry);
  }
}

/** Adds the connections of those followers, of all that the user sees. */
async function addConnections(
  found: TextMap<ShownHolder>,
  request: HttpRequest,
  connections: ConnectionSnapshots,
): Promise<void> {
  if (!operatorOf(request).maySeeConnections) return;
  const { user } = request;
  const { rows } = await connections.get();
  const slices = new TimeSlices();
  for (const [index, row] of rows.all.entries()) {
    if (index % 32 === 0 && slices.isOver) await slices.next();
    if (!user.permissions.isAdmin && row.user !== user.name) continue;
    const { id, client, user: whose, address } = row;
    for (const name of row.followerNames ?? []) {
      const holder = found.get(name);
      if (holder === undefined || holder.connections.length >= CONNECTIONS_MAX) continue;
      holder.connections.push({ id, client, ...whose !== undefined && { user: whose }, address });
    }
  }
}

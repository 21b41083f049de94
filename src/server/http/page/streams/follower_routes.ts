import type { PendingEntry, PendingEntryList } from "../../../../../protocol.ts";
import { TextMap } from "../../../../broker/collections/text_map.ts";
import { withDefault } from "../../../../protocol/frames/json_fields.ts";
import { TimeSlices } from "../../figures/time_slices.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody, readQuery, wholeText } from "../page_input.ts";

/** How many followers are shown at once, and how many deliveries of one. */
const FOLLOWERS_MAX = 50;
const ENTRIES_MAX = 100;

/** How long one request looks for followers, in milliseconds. */
const LOOK_MS_MAX = 100;

/** What is shown of a follower. */
interface ShownFollower {
  readonly name: string;
  pending: number;
  oldestMs: number;
  readonly entries: Omit<PendingEntry, "stream">[];
}

/** The routes of followers and what they hold. */
export function makeFollowerRoutes(): HttpRoute[] {
  return [
    {
      method: "GET",
      path: "/api/streams/:name/followers",
      need: "session",
      handle: listFollowers,
    },
    {
      method: "POST",
      path: "/api/followers/:name/release",
      need: "session",
      bodyBytesMax: 1024,
      handle: release,
    },
  ];
}

/** Lists the followers that hold messages of a stream. */
async function listFollowers(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" }, user: { permissions } } = request;
  const { after } = readQuery(request, { after: withDefault(wholeText(0, 2 ** 52), 0) });
  // Refuses who may not see the stream, and finds whether it exists.
  await engine.getStream(name);
  const endsAt = performance.now() + LOOK_MS_MAX;
  const slices = new TimeSlices();
  const found = new TextMap<ShownFollower>();
  let next: number | undefined = after;
  do {
    const page: { items: readonly PendingEntryList[]; next?: number } = await engine.listPels(next);
    for (const list of page.items) addList(found, list, name);
    next = page.next;
    if (slices.isOver) await slices.next();
  } while (next !== undefined && found.size < FOLLOWERS_MAX && performance.now() < endsAt);
  const followers = [...found.values()].sort((one, other) => other.oldestMs - one.oldestMs);
  return writeJson({
    followers: followers.map((follower) => ({
      ...follower,
      mayRelease: permissions.may("manage", name),
    })),
    ...next !== undefined && { next },
  });
}

/** Adds what a follower holds of a stream; several followers may have one name. */
function addList(
  found: TextMap<ShownFollower>,
  { follower: name, entries }: PendingEntryList,
  stream: string,
): void {
  for (const { stream: where, ...entry } of entries) {
    if (where !== stream) continue;
    let shown = found.get(name);
    if (shown === undefined) {
      found.set(name, shown = { name, pending: 0, oldestMs: 0, entries: [] });
    }
    shown.pending++;
    shown.oldestMs = Math.max(shown.oldestMs, entry.ageMs);
    if (shown.entries.length < ENTRIES_MAX) shown.entries.push(entry);
  }
}

async function release(request: HttpRequest): Promise<Response> {
  const { engine, params: { name = "" }, parts, user, address } = request;
  await readBody(request, {});
  const count = await engine.releasePel(name);
  const subject = { follower: name, peer: address };
  if (count > 0) {
    parts.sessionLog.noteChange("deliveries taken back", { subject, count, user: user.name });
  }
  return writeJson({ count });
}

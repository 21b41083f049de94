// Reads messages of a stream without taking them.

import type { MessageInfo, PeekedMessages } from "../../../protocol.ts";
import { joinBytes } from "../../protocol/bytes.ts";
import { PEEK_BYTES_MAX, PEEK_COUNT_MAX } from "../../protocol/limits.ts";
import { hideReplyAddresses } from "../../protocol/messages/properties.ts";
import { byFirstId, findRange, type IdRange } from "../collections/id_ranges.ts";
import { countPostponements } from "../failures/failure.ts";
import type { Share } from "../share/share.ts";
import type { Stream } from "../stream/stream.ts";

/** Reads messages by id, without the reply addresses of requests; throws if they cannot be read. */
export function peek(stream: Stream, from: number, limit: number): PeekedMessages {
  const infos: MessageInfo[] = [];
  const pieces: Uint8Array[] = [];
  let left = Math.min(limit, PEEK_COUNT_MAX);
  let bytesLeft = PEEK_BYTES_MAX;
  const runs = findRunsFrom(stream, from, left);
  const last = runs.at(-1);
  const toId = last === undefined ? from : last.firstId + last.count;
  const describe = makeDescriber(stream.share, { from, toId });
  for (const run of runs) {
    const endId = run.firstId + run.count;
    for (let id = run.firstId; id < endId && left > 0 && bytesLeft > 0;) {
      const { buffer, start, end, count } = stream.backlog.read(
        id,
        Math.min(left, endId - id),
        bytesLeft,
      );
      pieces.push(buffer.slice(start, end));
      for (const run of stream.listStored(id, count)) {
        const storedAt = run.at === 0 ? {} : { storedAt: run.at };
        for (const endId = id + run.count; id < endId; id++) {
          infos.push({ ...describe(id), ...tellPostponed(stream.share, id), ...storedAt });
        }
      }
      left -= count;
      bytesLeft -= end - start;
    }
  }
  const entries = joinBytes(pieces);
  hideReplyAddresses(entries);
  return { infos, entries };
}

/** How often a message was postponed, if it was. */
function tellPostponed({ notes: { failures } }: Share, id: number): Pick<MessageInfo, "postponed"> {
  const postponed = failures.size === 0 ? 0 : countPostponements(failures.get(id));
  return postponed === 0 ? {} : { postponed };
}

/** The first live messages from an id on. */
function findRunsFrom(
  { backlog, intake: { nextId } }: Stream,
  from: number,
  count: number,
): IdRange[] {
  const runs: IdRange[] = [];
  let left = count;
  // Piece by piece, so that a few messages do not take a search of a long backlog.
  let width = Math.max(count, 1024);
  for (let id = backlog.findFirst(from); id < nextId && left > 0; id += width, width *= 2) {
    for (const { firstId, count } of backlog.findRuns({ fromId: id, toId: id + width })) {
      if (left <= 0) break;
      runs.push({ firstId, count: Math.min(count, left) });
      left -= count;
    }
  }
  return runs;
}

/** Makes a function that returns the state of each of some messages. */
function makeDescriber(
  share: Share,
  { from, toId }: { readonly from: number; readonly toId: number },
): (id: number) => MessageInfo {
  const isShown = ({ firstId, count }: IdRange) => firstId < toId && firstId + count > from;
  const pending = share.listHeld().filter(({ run }) => isShown(run))
    .map(({ run: { firstId, count, attempts }, follower: { name } }) => {
      return { firstId, count, attempts, name };
    }).sort(byFirstId);
  const { calendar } = share.store;
  const delayed = share.delayed.find(from, toId);
  const returned = [...share.listReturned(from, toId), ...share.notes.stuck].sort(byFirstId);
  return (id) => {
    const holder = findRange(pending, id);
    if (holder !== undefined) {
      return { id, state: "pending", attempts: holder.attempts, follower: holder.name };
    }
    const hold = findRange(delayed, id);
    if (hold !== undefined) {
      return { id, state: "delayed", attempts: hold.attempts, dueAt: calendar.dateOf(hold.at) };
    }
    return { id, state: "ready", attempts: findRange(returned, id)?.attempts ?? 0 };
  };
}

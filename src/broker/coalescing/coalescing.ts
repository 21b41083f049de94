import { BrokerError, type ErrorCode } from "../../../protocol.ts";
import type { AlarmClock } from "../collections/alarm_clock.ts";
import { PropertyFlag } from "../../protocol/messages/properties.ts";
import type { IdRange } from "../collections/id_ranges.ts";
import type { NumberedBatch } from "../engine.ts";
import type { Decided, Kept } from "../event.ts";
import type { Appender } from "../event_log.ts";
import type { Router } from "../state/router.ts";
import type { Share, UnheldRun } from "../share/share.ts";
import { explainNotStored } from "../stream/dedup_check.ts";
import type { Stream } from "../stream/stream.ts";
import type { CoalescedMessage, CoalesceNote } from "../store/coalesce_index.ts";
import { type CoalescedContent, findQuietEnd, readCoalesced } from "../store/coalesced_content.ts";
import { CoalescePlan } from "./coalesce_plan.ts";

/** The parts of a broker that coalescing needs; the context of the rules has them. */
export interface CoalescingParts {
  readonly state: { readonly router: Router };
  readonly log: Appender;
  readonly dispatcher: { noteReady(share: Share): void };
  readonly clock: AlarmClock;
  readonly counters: { noteRefused(code: ErrorCode): void };
  readonly now: () => number;
  commit(event: Decided): void;
  noteLate(): void;
  findObstacle(bytes: number): BrokerError | undefined;
}

/**
 * At most one message of a coalescing id waits in a stream, and one more is worked on. A new one takes the
 * place of the one that waits, by one event, or is let go.
 *
 * Whether a message waits is looked up when another one comes: deliveries know nothing of this, but for the
 * key that messages of one id have in common.
 */
export class Coalescing {
  readonly #context: CoalescingParts;

  constructor(context: CoalescingParts) {
    this.#context = context;
  }

  /** Decides what becomes of a message in its streams. Throws `BAD_REQUEST`, `BAD_FRAME`. */
  plan(batch: NumberedBatch, streams: readonly Stream[], now: number): CoalescePlan {
    const content = readCoalesced(batch);
    if (content === undefined) {
      const why = "a message with a coalesce id is the only one of its batch";
      throw new BrokerError("BAD_FRAME", `Cannot publish: ${why}, found ${batch.count}`);
    }
    if ((batch.flags ?? 0) & PropertyFlag.deliverAt) {
      const why = "a message with a coalesce id waits for a quiet time, and not for another one";
      throw new BrokerError("BAD_REQUEST", `Cannot publish: ${why}`);
    }
    for (const stream of streams) checkMark(stream, content);
    const plan = new CoalescePlan(content);
    for (const stream of streams) this.#plan(plan, stream, now);
    return plan;
  }

  /**
   * Lets a message go, in all its streams.
   *
   * @param told Hears when that is durable, or why another one was not stored either.
   */
  keep(
    plan: CoalescePlan,
    sent: Pick<Kept, "publisher" | "sequence" | "settled" | "dedupId">,
    told: (error?: BrokerError) => void,
  ): void {
    const { log, counters, now } = this.#context;
    const keep = () => {
      const { kept } = plan;
      this.#context.commit({ type: "kept", ...sent, storedAt: Math.floor(now()), kept });
      log.whenDurable(() => told());
    };
    if (plan.isKeptStored) return keep();
    // The others are not durable yet, or may be refused for lack of room.
    log.whenDurable(() => {
      if (plan.isKeptStored) return keep();
      const error = this.#context.findObstacle(plan.content.bytes) ?? explainNotStored();
      counters.noteRefused(error.code);
      told(error);
    });
  }

  /** Takes a plan back, before its message has ids. */
  undo(plan: CoalescePlan): void {
    plan.undo([], (stream, other) => this.putBack(stream, other));
  }

  /** Puts a message back into its share: none takes its place. */
  putBack(stream: Stream, message: CoalescedMessage): void {
    const { share, alarm, number, expiries, coalesced } = stream;
    const taken = message.taken!;
    message.taken = undefined;
    if (message.leaving !== undefined) share.notes.leaving.delete(message.leaving);
    message.leaving = undefined;
    const { id, isEnded } = message;
    if (isEnded) {
      // Somebody was told that it is gone, or is about to be.
      this.#context.commit({ type: "dropped", number, firstId: id, count: 1 });
      return this.#context.noteLate();
    }
    // No lane counts what is taken out: its lane may have been forgotten, and have another number now.
    const name = coalesced?.noteOf(id)?.lane;
    const lane = name === undefined ? undefined : share.requireLanes().table.require(name).number;
    const run = { ...taken, lane };
    share.delay(run, run.dueAt);
    if (share.notes.overdue.delete(id)) {
      const at = Math.floor(this.#context.now());
      expiries.addOfStream({ firstId: id, count: 1, attempts: run.attempts, at });
      this.#context.clock.hasten(alarm, at);
    }
    if (run.dueAt > 0) this.#context.clock.hasten(alarm, run.dueAt);
    else this.#context.dispatcher.noteReady(share);
  }

  /** Looks after the messages of an id when a new one is stored: those that wait give way to it. */
  noteStored(stream: Stream, id: number): void {
    const note = stream.coalesced?.noteOf(id);
    if (note === undefined || note.messages.length === 1) return;
    const message = note.messages.find((one) => one.id === id)!;
    // A newer one is on its way, and takes its place.
    if (note.messages.at(-1) !== message) this.#takeOut(stream.share, message);
    this.#dropOutdated(stream, note);
  }

  /** Drops messages that have come back, if newer ones of their ids wait. */
  noteReturned({ store }: Share, { firstId, count }: IdRange): void {
    const { coalesced } = store;
    if (coalesced === undefined) return;
    const stream = this.#context.state.router.getNumbered(store.number);
    for (let id = firstId; id < firstId + count; id++) {
      if (stream !== undefined && coalesced.isOutdated(id)) {
        this.#dropOutdated(stream, coalesced.noteOf(id)!);
      }
    }
  }

  /** After recovery no follower has a message: of those of one id, only the newest one waits. */
  noteRecovered(): void {
    for (const stream of this.#context.state.router.streams) {
      for (const note of [...stream.coalesced?.listDouble() ?? []]) {
        this.#dropOutdated(stream, note);
      }
    }
  }

  #plan(plan: CoalescePlan, stream: Stream, now: number): void {
    const { take, whileWorked, quietMs, atMostMs } = plan.content.coalesce;
    const newest = stream.coalesced?.find(plan.content.mark.text)?.messages.at(-1);
    if (newest === undefined) return plan.addNew(stream);
    if (!newest.isStored) {
      if (take === "first") return plan.addKept(stream, newest);
      return plan.addReplacing(stream, newest, newest.until);
    }
    const [run] = stream.share.takeUnheld([{ firstId: newest.id, count: 1 }]);
    if (run === undefined) {
      // One on its way to the dead letters is not worked on any more.
      const isNew = whileWorked === "wait" || newest.isGivenUp === true ||
        isLeaving(stream.share, newest.id);
      return isNew ? plan.addNew(stream) : plan.addKept(stream, newest);
    }
    if (isGivenUp(stream, run)) {
      stream.share.delay(run, run.dueAt);
      this.#context.dispatcher.noteReady(stream.share);
      return plan.addNew(stream);
    }
    if (take === "last") {
      newest.taken = run;
      this.#markLeaving(stream.share, newest);
      // One that was delivered has had its time: with the next one the time begins anew.
      return plan.addReplacing(stream, newest, run.attempts > 0 ? undefined : newest.until);
    }
    stream.share.delay(run, run.dueAt);
    if (run.dueAt === 0) this.#context.dispatcher.noteReady(stream.share);
    const quietEnd = Math.floor(findQuietEnd(now, quietMs, atMostMs));
    const dueAt = Math.min(newest.until, quietEnd);
    const isLater = run.attempts === 0 && run.dueAt > 0 && dueAt > run.dueAt && dueAt < Infinity;
    plan.addKept(stream, newest, isLater ? dueAt : undefined);
  }

  /** Takes a message out of its share, if it waits. */
  #takeOut(share: Share, message: CoalescedMessage): void {
    const [run] = share.takeUnheld([{ firstId: message.id, count: 1 }]);
    if (run === undefined) return;
    message.taken = run;
    this.#markLeaving(share, message);
  }

  /** Until it is gone, nobody moves it to another place in the log. */
  #markLeaving({ notes }: Share, message: CoalescedMessage): void {
    message.leaving = { firstId: message.id, count: 1 };
    notes.leaving.add(message.leaving);
  }

  /** Drops messages of an id that wait although a newer one is stored. */
  #dropOutdated(stream: Stream, { messages }: CoalesceNote): void {
    // They are stored in their order: behind the first one that is not, there may be thousands.
    const onTheirWay = messages.findIndex(({ isStored }) => !isStored);
    const stored = messages.slice(0, onTheirWay < 0 ? messages.length : onTheirWay);
    stored.pop();
    for (const message of stored) {
      if (message.taken !== undefined) continue;
      const [run] = stream.share.takeUnheld([{ firstId: message.id, count: 1 }]);
      if (run === undefined) continue;
      if (isGivenUp(stream, run)) {
        stream.share.delay(run, run.dueAt);
        continue;
      }
      stream.counters.noteReplaced(1);
      const { number } = stream;
      this.#context.commit({ type: "dropped", number, firstId: message.id, count: 1 });
    }
    this.#context.dispatcher.noteReady(stream.share);
  }
}

/**
 * Ends messages that others are about to take the place of, and that are in no list: none of them comes back if
 * those are not stored.
 *
 * @param range Which; all of the stream by default.
 */
export function endTaken({ coalesced }: Stream, range?: IdRange): void {
  if (coalesced === undefined) return;
  const end = (message: CoalescedMessage | undefined) => {
    if (message !== undefined) message.isEnded = true;
  };
  if (range === undefined) return [...coalesced.listTaken()].forEach(end);
  const { firstId, count } = range;
  for (let id = firstId; id < firstId + count; id++) end(coalesced.getTaken(id));
}

/**
 * Ends those of some messages that have a lane, and that others are about to take the place of: no lane counts
 * them, so a search by lane does not find them.
 *
 * @param toId The last id.
 */
export function endTakenOf(
  { coalesced, share: { notes } }: Stream,
  { lane, fromId, toId }: { readonly lane: string; readonly fromId: number; readonly toId: number },
): void {
  if (coalesced === undefined) return;
  for (const { firstId: id } of notes.leaving) {
    if (id < fromId || id > toId || coalesced.noteOf(id)?.lane !== lane) continue;
    const message = coalesced.getTaken(id);
    if (message !== undefined) message.isEnded = true;
  }
}

/** Whether a message is on its way out of its share. */
function isLeaving({ notes }: Share, id: number): boolean {
  for (const { firstId, count } of notes.leaving) {
    if (id >= firstId && id < firstId + count) return true;
  }
  return false;
}

/** Whether a message has no attempt left, since it was given up before a restart: it becomes a dead letter. */
function isGivenUp({ options }: Stream, { attempts }: UnheldRun): boolean {
  return attempts >= options.maxDeliveries;
}

/** Messages of one id have the same key and lane: otherwise they would not come one after the other. */
function checkMark({ name, coalesced }: Stream, { mark }: CoalescedContent): void {
  const note = coalesced?.find(mark.text);
  if (note === undefined) return;
  for (const what of ["key", "lane"] as const) {
    if (note[what] === mark[what]) continue;
    const [first, found] = [note[what], mark[what]].map((text) =>
      text === undefined ? `no ${what}` : `${what} ${JSON.stringify(text)}`
    );
    throw new BrokerError(
      "BAD_REQUEST",
      `Cannot publish to "${name}": the first message of coalesce id ${
        JSON.stringify(mark.text)
      } ` +
        `has ${first}, this one has ${found}`,
    );
  }
}

import { BrokerError } from "../../../protocol.ts";
import { Attachment } from "../share/attachment.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { FollowerState } from "../share/follower_state.ts";
import type { Share } from "../share/share.ts";
import type { Stream } from "../stream/stream.ts";

/** The most attachments of followers by pattern to streams: one for each stream that matches. */
export const ATTACHMENTS_MAX = 1_000_000;

/** The steps of an attachment; and from so many of a follower on, whose map is large and grows now and then. */
const TIE_STEPS = 2;
const MANY_TIES = 1024;
const MANY_TIE_STEPS = 8;

/** The streams that a follower is not attached to yet. */
interface Rest {
  readonly streams: readonly Stream[];
  at: number;
}

/** Attaches followers to streams, within a limit for those by pattern. */
export class Attachments {
  /** How many steps it has taken, in all. */
  steps = 0;
  readonly #countMax: number;
  readonly #dispatcher: Dispatcher;
  /** Followers of very many streams are attached step by step. */
  readonly #rests = new Map<FollowerState, Rest>();
  /** The attachments by pattern, with those of the rests. */
  #count = 0;

  readonly #isThere: (stream: Stream) => boolean;

  /**
   * @param countMax The limit of attachments by pattern.
   * @param dispatcher Is told of each attachment.
   * @param isThere Whether a stream still exists.
   */
  constructor(countMax: number, dispatcher: Dispatcher, isThere: (stream: Stream) => boolean) {
    this.#countMax = countMax;
    this.#dispatcher = dispatcher;
    this.#isThere = isThere;
  }

  /** Throws if a stream that so many patterns match would have too many. */
  checkStream(followerCount: number): void {
    this.#check("TOO_MANY_STREAMS", followerCount);
  }

  /**
   * Throws if a follower of so many streams would have too many. Direct binds do not count: patterns of
   * other clients must not use up their room.
   */
  checkFollower(follower: FollowerState, streamCount: number): void {
    this.#check("TOO_MANY_MEMBERS", streamCount * weigh(follower));
  }

  add(follower: FollowerState, stream: Stream): void {
    this.#count += weigh(follower);
    this.#tie(follower, stream);
  }

  /** Attaches a follower to streams, `countMax` at once; {@linkcode Attachments.addMore} does the rest. */
  addAll(follower: FollowerState, streams: readonly Stream[], countMax: number): void {
    this.#count += streams.length * weigh(follower);
    this.#rests.set(follower, { streams, at: 0 });
    this.addMore(follower, countMax);
  }

  /** Attaches a follower to more of the rest of its streams; returns whether that was all. */
  addMore(follower: FollowerState, countMax: number): boolean {
    const rest = this.#rests.get(follower);
    if (rest === undefined) return true;
    const end = Math.min(rest.streams.length, rest.at + countMax);
    for (; rest.at < end; rest.at++) {
      const stream = rest.streams[rest.at]!;
      if (this.#isThere(stream)) this.#tie(follower, stream);
      else this.#count -= weigh(follower);
    }
    if (end < rest.streams.length) return false;
    this.#rests.delete(follower);
    return true;
  }

  /** Notes that a follower has ended: its streams count no more from now on, however long it takes to leave them. */
  end(follower: FollowerState): void {
    this.#dropRest(follower);
    this.#count -= follower.attachments.size * weigh(follower);
    follower.isEnded = true;
  }

  /** Detaches a follower that has ended from some streams, `countMax` at most; returns whether these were all. */
  removeSome(follower: FollowerState, countMax: number): boolean {
    let left = countMax;
    for (const attachment of follower.attachments.values()) {
      if (left-- === 0) return false;
      this.remove(attachment);
    }
    return true;
  }

  /** Attaches a follower to these streams only; throws if those that are new to it are too many. */
  change(follower: FollowerState, streams: readonly Stream[]): void {
    const wanted = new Set<Share>(streams.map(({ share }) => share));
    const removed = [...follower.attachments.values()].filter(({ share }) => !wanted.has(share));
    const added = streams.filter(({ share }) => !follower.attachments.has(share));
    this.#dropRest(follower);
    for (const attachment of removed) this.remove(attachment);
    this.checkFollower(follower, added.length);
    this.addAll(follower, added, Infinity);
  }

  #dropRest(follower: FollowerState): void {
    const rest = this.#rests.get(follower);
    if (rest === undefined) return;
    this.#count -= (rest.streams.length - rest.at) * weigh(follower);
    this.#rests.delete(follower);
  }

  remove(attachment: Attachment): void {
    attachment.queue?.remove(attachment);
    attachment.follower.attachments.delete(attachment.share);
    attachment.follower.owing.delete(attachment);
    attachment.share.attachments.delete(attachment);
    this.#count -= weigh(attachment.follower);
    this.steps++;
  }

  /** A short pattern can make a million attachments. */
  #check(code: "TOO_MANY_STREAMS" | "TOO_MANY_MEMBERS", count: number): void {
    if (count === 0 || this.#count + count <= this.#countMax) return;
    throw new BrokerError(
      code,
      `Cannot attach followers by pattern to streams ${count} more times: there are ` +
        `${this.#count} attachments, limit is ${this.#countMax}`,
    );
  }

  #tie(follower: FollowerState, { share }: Stream): void {
    const attachment = new Attachment(follower, share);
    follower.attachments.set(share, attachment);
    share.attachments.add(attachment);
    this.steps += follower.attachments.size > MANY_TIES ? MANY_TIE_STEPS : TIE_STEPS;
    this.#dispatcher.attach(attachment);
    if (share.breakers?.isOpen(undefined)) follower.sink.noteBreaker?.(share.store.name, true);
  }
}

function weigh({ bind, isEnded }: FollowerState): 0 | 1 {
  return bind.bindType === "regex" && !isEnded ? 1 : 0;
}

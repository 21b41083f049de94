import type { Breaker, BreakerOwner, OpenBreaker } from "../breaker/breaker.ts";
import type { Lane } from "../lanes/lane.ts";
import type { PendingRun } from "../share/pending_list.ts";
import { splitByLane } from "../share/pending_ranges.ts";
import type { Share } from "../share/share.ts";
import type { RuleContext } from "./rule_context.ts";

/** How followers have failed. */
export interface ReportedFailure {
  readonly now: number;
  readonly reason: string;
  /** Whether something that they depend on is at fault. */
  readonly isFault?: boolean | undefined;
}

/** How a message comes back. */
export interface ReturnedDelivery {
  readonly now: number;
  readonly reason: string;
  /** How long it waits, if its follower has said so. */
  readonly delayMs?: number | undefined;
}

/** Takes deliveries that no handler has away from all followers of a share: all, or those of a lane. */
export type TakeFetched = (share: Share, lane: Lane | undefined, now: number) => void;

/** Opens and closes breakers by what becomes of deliveries. */
export class Breakers {
  /** Set by who takes deliveries back. */
  takeFetched: TakeFetched = () => {};
  readonly #context: RuleContext;

  constructor(context: RuleContext) {
    this.#context = context;
  }

  /** Who hears of the probes of a share's breaker. */
  ownerOf(share: Share): BreakerOwner {
    return {
      noteProbe: (breaker) => this.#change(share, breaker, breaker.open),
      // A lane takes part again by itself.
      noteProbeEnd: ({ lane }) => {
        if (lane === undefined) this.#context.dispatcher.noteOpened(share);
      },
      noteGivenUp: (breaker) => this.#close(share, breaker, "its lane has no messages"),
    };
  }

  /** Notes that messages of a share with a breaker were acknowledged. */
  noteAcked(run: PendingRun, now: number): void {
    const { share, deliveredAt } = run;
    for (const { lane, count } of splitByLane(run)) {
      const breaker = share.breakers!.find(lane);
      if (breaker === undefined) continue;
      if (breaker.open === undefined) breaker.noteAcked(count, now);
      else if (breaker.isProbe(deliveredAt)) {
        this.#close(share, breaker, "its probe was acknowledged");
      }
    }
  }

  /** Counts deliveries that followers have reported as failed, all before any of them comes back. */
  count(runs: readonly PendingRun[], { isFault = false, reason, now }: ReportedFailure): void {
    for (const { share, lane, count } of runs.flatMap(splitByLane)) {
      const breaker = share.breakers?.require(lane);
      const open = breaker?.noteFailed({ count, isFault, reason, now });
      if (breaker === undefined || open === undefined) continue;
      this.#change(share, breaker, open);
      share.store.counters.noteBreakerOpened();
      this.#context.notices.noteBreaker(share, breaker, now);
      if (breaker.lane === undefined) tellFollowers(share, true);
      this.takeFetched(share, breaker.lane, now);
    }
  }

  /**
   * Notes that messages come back that were worked on.
   *
   * @returns Undefined if that was an attempt. If it was none, since their breaker is open, how long the
   * messages have to wait at least: probes until others have gone, so that no message keeps a breaker open.
   */
  spare(
    { share, lane, deliveredAt, firstId }: PendingRun,
    { now, reason, delayMs }: ReturnedDelivery,
  ): number | undefined {
    const breaker = share.breakers?.find(lane);
    if (breaker?.open === undefined) return undefined;
    if (!breaker.isProbe(deliveredAt)) return 0;
    breaker.unhold(firstId);
    this.#failProbe(share, breaker, { reason, now });
    if (delayMs !== undefined) return 0;
    const { ready, lanes } = share;
    const { count } = breaker.lane === undefined ? ready : lanes!.table.get(lane);
    return breaker.hold(firstId, count);
  }

  /** Notes that messages of a share with a breaker were put off, which says nothing about their service. */
  notePostponed(
    { share, lane, deliveredAt, firstId }: PendingRun,
    now: number,
    reason: string,
  ): void {
    const breaker = share.breakers!.find(lane);
    if (!breaker?.isProbe(deliveredAt)) return;
    breaker.unhold(firstId);
    this.#failProbe(share, breaker, { reason, now });
  }

  /** Closes all breakers of a share, by hand; returns whether one was open. */
  closeAll(share: Share): boolean {
    const open = [...share.breakers?.listOpen() ?? []];
    for (const [breaker] of open) this.#close(share, breaker, "the stream was resumed");
    return open.length > 0;
  }

  #failProbe(
    share: Share,
    breaker: Breaker,
    { now, reason }: { readonly now: number; readonly reason: string },
  ): void {
    this.#change(share, breaker, breaker.failProbe(now, reason));
    this.#context.dispatcher.noteOpened(share);
  }

  #close(share: Share, breaker: Breaker, why: string): void {
    this.#context.notices.noteBreakerClosed(share, breaker, why);
    this.#change(share, breaker, undefined);
    share.hasten(breaker.takeHeld());
    for (const { follower } of share.attachments) this.#context.attempts.sayAgain(follower, share);
    if (breaker.lane === undefined) tellFollowers(share, false);
    this.#context.dispatcher.noteGates(share);
  }

  #change(
    { store: { number } }: Share,
    { lane }: Breaker,
    open: OpenBreaker | undefined,
  ): void {
    const whose = lane && { lane: lane.name };
    this.#context.commit({ type: "breakerChanged", number, ...whose, ...open && { open } });
  }
}

function tellFollowers({ attachments, store: { name } }: Share, isOpen: boolean): void {
  for (const { follower } of attachments) {
    if (!follower.isEnded) follower.sink.noteBreaker?.(name, isOpen);
  }
}

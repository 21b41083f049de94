import type { Page, PendingEntry, PendingEntryList } from "../../../protocol.ts";
import { joinLists } from "../../protocol/answers/pending_entry_list.ts";
import type { PelView } from "../engine.ts";
import type { Deliveries } from "../rules/deliveries.ts";
import type { RuleContext } from "../rules/rule_context.ts";
import type { FollowerState } from "../share/follower_state.ts";
import { findFollowers, listAllPels, listPels, PelSight } from "./pending_entries.ts";

/** What cursors ask about the deliveries that followers hold. */
export class PelQuestions {
  readonly #followers: ReadonlySet<FollowerState>;
  readonly #context: RuleContext;
  readonly #deliveries: Deliveries;

  /** @param followers All open followers, in the order of opening. */
  constructor(
    followers: ReadonlySet<FollowerState>,
    context: RuleContext,
    deliveries: Deliveries,
  ) {
    this.#followers = followers;
    this.#context = context;
    this.#deliveries = deliveries;
  }

  getAll(view?: PelView): PendingEntryList[] {
    return joinLists(listAllPels(this.#followers, { view, now: this.#context.now() }));
  }

  list(after: number, name?: string, view?: PelView): Page<PendingEntryList> {
    return listPels(this.#followers, { after, name, view, now: this.#context.now() });
  }

  get(name: string, view?: PelView): PendingEntry[] {
    const question = { name, view, now: this.#context.now() };
    const [list] = joinLists(listAllPels(this.#followers, question));
    return [...list?.entries ?? []];
  }

  /**
   * Takes back the deliveries that followers of a name hold now, those of as many followers in a turn as there is
   * time for; resolves to their number.
   */
  async release(name: string, view?: PelView): Promise<number> {
    const sight = new PelSight(view);
    const asked = findFollowers(this.#followers, name, sight)
      .map((follower) => ({ follower, endTag: follower.pending.nextTag }));
    let count = 0;
    let at = 0;
    await this.#context.turns.work(() => {
      if (at === asked.length) return "done";
      const { follower, endTag } = asked[at++]!;
      // It may have been closed meanwhile.
      if (!this.#followers.has(follower)) return "more";
      const details = { reason: "it was taken back by a cursor", now: this.#context.now(), endTag };
      count += this.#deliveries.revoke(follower, (share) => sight.sees(share), details);
      return "more";
    });
    await this.#context.whenDurable();
    return count;
  }
}

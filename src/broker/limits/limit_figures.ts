import type { LimitCounters } from "../engine_counters.ts";
import type { RuleContext } from "../rules/rule_context.ts";

/** The figures of shared limits, of which there are few: they are looked up when somebody asks. */
export class LimitFigures implements LimitCounters {
  readonly #context: Pick<RuleContext, "now" | "state">;

  constructor(context: Pick<RuleContext, "now" | "state">) {
    this.#context = context;
  }

  get count(): number {
    return this.#context.state.limits.list().length;
  }

  get closed(): number {
    const now = this.#context.now();
    return this.#context.state.limits.list().filter((limit) => limit.explain(now) !== undefined)
      .length;
  }

  get pending(): number {
    return this.#context.state.limits.list()
      .reduce((sum, { pendingCount }) => sum + pendingCount, 0);
  }
}

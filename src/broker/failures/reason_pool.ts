import type { KeyedHash } from "../collections/keyed_hash.ts";
import { TextMap } from "../collections/text_map.ts";
import type { Residency } from "../backlog/residency.ts";

/** The most bytes of reasons that are kept over all streams; beyond that, new reasons are left out. */
const REASON_POOL_BYTES_MAX: number = 4 * 1024 * 1024;

/** The rough size of a reason beside its text, in bytes. */
const REASON_BYTES = 120;

/** A reason and those before it. */
export interface Reason {
  readonly text: string;
  readonly before: Reason | undefined;
  /** How many messages and later reasons need it. */
  uses: number;
  /** The next reasons: one, or several by their texts. */
  next: Reason | TextMap<Reason> | undefined;
}

/**
 * The reasons of failures: messages that failed for the same reasons share the texts.
 *
 * ```text
 *   ○ ─ "timeout" ─ "timeout" ─ "no such customer"     the reasons of a failure: a path in a tree
 *    └─ "refused"
 * ```
 */
export class ReasonPool {
  readonly #residency: Residency;
  readonly #bytesMax: number;
  readonly #hash: KeyedHash | undefined;
  readonly #root: Reason = { text: "", before: undefined, uses: 1, next: undefined };
  #bytes = 0;

  /**
   * @param residency Hears how much memory they take.
   * @param bytesMax How many bytes are remembered.
   * @param hash The hash of reasons, which others may use too; without a secret key by default.
   */
  constructor(
    residency: Residency,
    bytesMax: number = REASON_POOL_BYTES_MAX,
    hash: KeyedHash | undefined = undefined,
  ) {
    this.#hash = hash;
    this.#residency = residency;
    this.#bytesMax = bytesMax;
  }

  /** How many bytes the reasons take up, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Books memory for failures beside their reasons, or gives it back. */
  book(bytes: number): void {
    this.#residency.book(bytes);
  }

  /**
   * Keeps the reasons of a failure, until `release`.
   *
   * @param reasons The reasons, the oldest first.
   * @param isBrief Whether they are kept for a moment only: then there is room for all of them.
   */
  hold(reasons: readonly string[], isBrief = false): Reason {
    let last = this.#root;
    for (const text of reasons) {
      const next = findNext(last, text) ?? this.#add(last, text, isBrief);
      if (next === undefined) break;
      last = next;
    }
    last.uses++;
    return last;
  }

  /** Gives reasons back. */
  release(last: Reason): void {
    for (let reason = last; --reason.uses === 0; reason = reason.before!) {
      forgetNext(reason.before!, reason);
      this.#count(-1, reason.text);
    }
  }

  #add(before: Reason, text: string, isBrief: boolean): Reason | undefined {
    if (!isBrief && this.#bytes + sizeOf(text) > this.#bytesMax) return undefined;
    const reason: Reason = { text, before, uses: 0, next: undefined };
    before.uses++;
    if (before.next === undefined) before.next = reason;
    else if (before.next instanceof TextMap) before.next.set(text, reason);
    else {
      const first = before.next;
      before.next = new TextMap<Reason>(this.#hash).set(first.text, first).set(text, reason);
    }
    this.#count(1, text);
    return reason;
  }

  #count(sign: 1 | -1, text: string): void {
    const bytes = sign * sizeOf(text);
    this.#bytes += bytes;
    this.#residency.book(bytes);
  }
}

/** The reasons of a failure as texts, the oldest first. */
export function listReasons(last: Reason): string[] {
  const reasons: string[] = [];
  for (let reason = last; reason.before !== undefined; reason = reason.before) {
    reasons.push(reason.text);
  }
  return reasons.reverse();
}

function findNext({ next }: Reason, text: string): Reason | undefined {
  if (next instanceof TextMap) return next.get(text);
  return next?.text === text ? next : undefined;
}

function forgetNext(before: Reason, reason: Reason): void {
  const { next } = before;
  if (!(next instanceof TextMap)) before.next = undefined;
  else if (next.delete(reason.text) && next.size === 0) before.next = undefined;
}

/** The size of a reason: a text in Latin letters has a byte for each, others two. */
function sizeOf(text: string): number {
  // deno-lint-ignore no-control-regex
  return REASON_BYTES + text.length * (/[^\x00-\xff]/.test(text) ? 2 : 1);
}

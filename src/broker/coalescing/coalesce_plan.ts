import type { StoredIn } from "../engine.ts";
import type { KeptMessage, PublishedNotes, Replaced, StoredAt } from "../event.ts";
import type { Stream } from "../stream/stream.ts";
import type { CoalescedMessage } from "../store/coalesce_index.ts";
import { type CoalescedContent, timeCoalesced } from "../store/coalesced_content.ts";

/** What becomes of a message in one stream. */
interface PlannedStep {
  readonly stream: Stream;
  /** The message that it takes the place of, or that is kept in its place. */
  readonly other?: CoalescedMessage;
  readonly isKept?: boolean;
  /** When the one that is kept is ready now, if that has changed. */
  readonly dueAt?: number;
  /** Until when the one in whose place it comes had to be ready. */
  readonly until?: number;
}

/** What becomes of a message with a coalescing id in each of its streams. */
export class CoalescePlan {
  readonly content: CoalescedContent;
  readonly #steps: PlannedStep[] = [];

  constructor(content: CoalescedContent) {
    this.content = content;
  }

  /** Stores it beside others. */
  addNew(stream: Stream): void {
    this.#steps.push({ stream });
  }

  /** Lets it go: another one stays, and is ready at another time, if one is given. */
  addKept(stream: Stream, other: CoalescedMessage, dueAt?: number): void {
    this.#steps.push({ stream, other, isKept: true, ...dueAt !== undefined && { dueAt } });
  }

  /** Stores it in the place of another one, which has been taken out if it is stored. */
  addReplacing(stream: Stream, other: CoalescedMessage, until: number | undefined): void {
    stream.coalesced!.noteLeaving(other, true);
    this.#steps.push({ stream, other, ...until !== undefined && { until } });
  }

  /** The streams that store it. */
  get storing(): Stream[] {
    return this.#steps.filter(({ isKept }) => !isKept).map(({ stream }) => stream);
  }

  /** What is written with it. */
  get notes(): PublishedNotes | undefined {
    const replaces: Replaced[] = [];
    for (const { stream: { number }, other, isKept, until } of this.#steps) {
      if (other === undefined || isKept) continue;
      replaces.push({ number, id: other.id, ...until !== undefined && { until } });
    }
    const { kept } = this;
    if (replaces.length + kept.length === 0) return undefined;
    return { ...replaces.length > 0 && { replaces }, ...kept.length > 0 && { kept } };
  }

  /** The messages that are kept in its place. */
  get kept(): KeptMessage[] {
    return this.#steps.flatMap(({ stream: { number }, other, isKept, dueAt }) =>
      isKept ? [{ number, id: other!.id, ...dueAt !== undefined && { dueAt } }] : []
    );
  }

  /** Whether all messages that are kept in its place are stored. */
  get isKeptStored(): boolean {
    return this.#steps.every(({ other, isKept }) => !isKept || other!.isStored);
  }

  /** Notes it among the messages of its id. */
  begin(storedIn: readonly StoredAt[], storedAt: number): void {
    let at = 0;
    for (const { stream, isKept, until } of this.#steps) {
      if (isKept) continue;
      const { firstId: id, expiresAt } = storedIn[at++]!;
      const times = timeCoalesced(this.content, { storedAt, until, expiresAt });
      const { bytes, mark } = this.content;
      stream.requireCoalesced().add(mark, { id, bytes, isStored: false, ...times });
    }
  }

  /** Where it is, in the order of its streams. */
  tell(storedIn: readonly StoredAt[]): StoredIn[] {
    let at = 0;
    return this.#steps.map(({ stream: { name }, other, isKept }) => {
      if (isKept) return { stream: name, firstId: other!.id, isKept };
      const { firstId } = storedIn[at++]!;
      return { stream: name, firstId, ...other !== undefined && { replaced: other.id } };
    });
  }

  /**
   * Takes the plan back: the message could not be stored. Others stay where they are, or come back.
   *
   * @param storedIn The ids that it had.
   * @param putBack Puts messages back into their share.
   */
  undo(
    storedIn: readonly StoredAt[],
    putBack: (stream: Stream, other: CoalescedMessage) => void,
  ): void {
    let at = 0;
    for (const { stream, other, isKept } of this.#steps) {
      if (isKept) continue;
      const own = storedIn[at++];
      const { coalesced } = stream;
      if (own !== undefined) coalesced?.forget({ firstId: own.firstId, count: 1 });
      if (coalesced === undefined || other === undefined) continue;
      // It may have been refused before.
      if (coalesced.noteOf(other.id) !== undefined) coalesced.noteLeaving(other, false);
      // One that was sent later may still take the place, or be refused in turn.
      const last = coalesced.find(this.content.mark.text)?.messages.at(-1);
      if (last?.taken !== undefined) putBack(stream, last);
    }
  }
}

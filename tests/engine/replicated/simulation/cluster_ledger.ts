/**
 * What clients of a cluster were told, and what must hold of it: what was confirmed is there once, under its id, until
 * it is acknowledged; what was refused is not; nothing appears that nobody sent.
 *
 * @module
 */

/** What brokers may differ by in the dates that they tell of one moment: they are made of whole milliseconds. */
const DATE_MS = 5;

/** A message in one stream. */
interface Copy {
  /** Its id, once somebody has told it. */
  id: number | undefined;
  /** How many acknowledgements are under way, or nobody knows what became of them. */
  acksSent: number;
  isAckConfirmed: boolean;
  /** Whether it may have been removed otherwise. */
  mayBeGone: boolean;
}

/** A message that somebody publishes. */
export interface LedgerMessage {
  readonly label: string;
  readonly publisher: string;
  readonly number: number;
  readonly targets: readonly string[];
  readonly key: string | undefined;
  readonly dedupId: string | undefined;
  /** Before this time, by nobody's clock but the true one, it must not be delivered. */
  readonly notBefore: number;
  state: "sent" | "confirmed" | "refused" | "same";
  readonly copies: Map<string, Copy>;
}

/** What a message is made of. */
export type LedgerInit = Pick<
  LedgerMessage,
  "publisher" | "number" | "targets" | "key" | "dedupId" | "notBefore"
>;

/** A message that a follower was given. */
export interface Seen {
  readonly stream: string;
  readonly id: number;
  readonly label: string;
  /** When it was stored; 0 where clocks are wrong, and their dates with them. */
  readonly storedAt: number;
}

/** All messages of a world, and what is wrong with them. */
export class ClusterLedger {
  /** What is wrong, in words. */
  readonly violations: string[] = [];
  readonly #messages = new Map<string, LedgerMessage>();
  /** Which message has an id, by stream and id. */
  readonly #owners = new Map<string, string>();
  /** When each id was stored, by the time of the rules, by stream. */
  readonly #times = new Map<string, Map<number, number>>();
  /** Which message has a dedup id, by stream and dedup id. */
  readonly #dedupIds = new Map<string, string>();

  get messages(): Iterable<LedgerMessage> {
    return this.#messages.values();
  }

  find(label: string): LedgerMessage | undefined {
    return this.#messages.get(label);
  }

  send(init: LedgerInit): LedgerMessage {
    const label = `${init.publisher}#${init.number}`;
    const copies = init.targets.map((stream): [string, Copy] => {
      return [stream, { id: undefined, acksSent: 0, isAckConfirmed: false, mayBeGone: false }];
    });
    const message: LedgerMessage = { ...init, label, state: "sent", copies: new Map(copies) };
    this.#messages.set(label, message);
    return message;
  }

  /** A broker says that a message is stored, under these ids. */
  confirm(message: LedgerMessage, ids: ReadonlyMap<string, number>, hasSameId: boolean): void {
    const { label, state } = message;
    this.#require(state !== "refused", `${label} is confirmed after it was refused`);
    if (hasSameId) {
      // Another one has its dedup id: it is not stored itself.
      this.#require(state !== "confirmed", `${label} is first stored, then a repetition`);
      message.state = "same";
      return;
    }
    message.state = "confirmed";
    const found = [...ids.keys()].sort().join();
    const expected = [...message.targets].sort().join();
    this.#require(found === expected, `${label} is stored in ${found} instead of ${expected}`);
    for (const [stream, id] of ids) this.#identify(message, stream, id);
  }

  refuse(message: LedgerMessage, code: string): void {
    this.#require(code === "DISK_FULL", `${message.label} is refused with ${code}`);
    this.#require(message.state === "sent", `${message.label}, ${message.state}, is refused`);
    for (const [stream, { id }] of message.copies) {
      this.#require(id === undefined, `${message.label} is refused, and it is ${stream}:${id}`);
    }
    message.state = "refused";
  }

  /** A broker hands a message out. */
  deliver(seen: Seen): LedgerMessage | undefined {
    const { stream, id, label } = seen;
    const message = this.#messages.get(label);
    if (message === undefined) {
      this.violations.push(`${stream}:${id} is ${label}, which nobody has sent`);
      return undefined;
    }
    const { state } = message;
    this.#require(state !== "refused", `${label} was refused, and it is ${stream}:${id}`);
    this.#require(state !== "same", `${label} was a repetition, and it is ${stream}:${id}`);
    const copy = this.#identify(message, stream, id);
    this.#require(
      copy?.isAckConfirmed !== true,
      `${label}, ${stream}:${id}, is delivered although its acknowledgement was confirmed`,
    );
    this.#noteTime(seen);
    return message;
  }

  /** A client acknowledges, or thinks again; `by` is 1 or -1. */
  noteAck({ stream, label }: Seen, by: 1 | -1): void {
    this.#messages.get(label)!.copies.get(stream)!.acksSent += by;
  }

  confirmAck({ stream, label }: Seen): void {
    this.#messages.get(label)!.copies.get(stream)!.isAckConfirmed = true;
  }

  /** Somebody removes all of a stream: what is there by now may be gone. */
  purge(stream: string): void {
    for (const { copies } of this.#messages.values()) {
      const copy = copies.get(stream);
      if (copy !== undefined) copy.mayBeGone = true;
    }
  }

  /** Checks what is left in the end, all of it. */
  compare(left: readonly Seen[]): void {
    const found = new Set<string>();
    for (const seen of left) {
      const place = `${seen.label} in ${seen.stream}`;
      this.#require(!found.has(place), `${place} is there twice`);
      found.add(place);
    }
    for (const { label, state, copies } of this.#messages.values()) {
      for (const [stream, copy] of copies) {
        const isLeft = found.has(`${label} in ${stream}`);
        const mustBe = state === "confirmed" && copy.acksSent === 0 && !copy.mayBeGone &&
          !copy.isAckConfirmed;
        this.#require(
          isLeft || !mustBe,
          `${label}, confirmed as ${stream}:${copy.id}, is lost`,
        );
      }
    }
  }

  #identify(message: LedgerMessage, stream: string, id: number): Copy | undefined {
    const { label, copies } = message;
    const copy = copies.get(stream);
    if (copy === undefined) {
      this.violations.push(`${label} is in ${stream}, where it was not sent to`);
      return undefined;
    }
    const place = `${stream}:${id}`;
    const owner = this.#owners.get(place);
    if (copy.id === id && owner === label) return copy;
    this.#require(copy.id === undefined, `${label} is ${stream}:${copy.id} and ${place}`);
    this.#require(owner === undefined, `${place} is ${owner} and ${label}`);
    copy.id = id;
    this.#owners.set(place, label);
    this.#checkOrder(message, stream, id);
    this.#checkDedupId(message, stream);
    return copy;
  }

  /** Messages of one publisher have ids in their order. */
  #checkOrder({ label, publisher, number }: LedgerMessage, stream: string, id: number): void {
    for (const step of [-1, 1]) {
      for (let near = number + step; Math.abs(near - number) < 20; near += step) {
        const other = this.#messages.get(`${publisher}#${near}`)?.copies.get(stream)?.id;
        if (other === undefined) continue;
        const isOrdered = step < 0 ? other < id : other > id;
        this.#require(
          isOrdered,
          `${publisher}#${near} is ${stream}:${other}, and ${label} is ${id}`,
        );
        break;
      }
    }
  }

  #checkDedupId({ label, dedupId }: LedgerMessage, stream: string): void {
    if (dedupId === undefined) return;
    const place = `${stream} ${dedupId}`;
    const other = this.#dedupIds.get(place);
    this.#require(other === undefined, `${other} and ${label} have one dedup id in ${stream}`);
    this.#dedupIds.set(place, label);
  }

  /** The time of the rules never goes back. */
  #noteTime({ stream, id, storedAt }: Seen): void {
    if (storedAt === 0) return;
    const times = this.#times.getOrInsertComputed(stream, () => new Map<number, number>());
    const known = times.get(id);
    this.#require(
      known === undefined || Math.abs(known - storedAt) <= DATE_MS,
      `${stream}:${id} was stored at ${known} and at ${storedAt}`,
    );
    times.set(id, storedAt);
    for (let near = 1; near < 20; near++) {
      const before = times.get(id - near);
      if (before !== undefined) {
        this.#require(
          before <= storedAt + DATE_MS,
          `${stream}:${id - near} was stored at ${before}, and ${id} at ${storedAt}`,
        );
      }
      const after = times.get(id + near);
      if (after !== undefined) {
        this.#require(
          after >= storedAt - DATE_MS,
          `${stream}:${id + near} was stored before ${id}`,
        );
      }
    }
  }

  #require(isTrue: boolean, what: string): void {
    if (!isTrue) this.violations.push(what);
  }
}

import { BrokerError } from "../../../protocol.ts";
import type { KeyedHash } from "../../broker/collections/keyed_hash.ts";
import { MEMBERS_MAX } from "../../protocol/limits.ts";

/** The open publishers, or followers, of a session, by the numbers that its client gave them. */
export class SessionMembers<Member> {
  readonly #kind: "publisher" | "follower";
  readonly #hash: KeyedHash;
  /**
   * By their numbers, scrambled: a client could choose numbers that collide. Undefined before the first one:
   * most sessions have members of one kind.
   */
  #open: Map<number, Member> | undefined;
  /** The highest number ever opened: lower ones that are not open are closed. */
  #highest = -1;

  constructor(kind: "publisher" | "follower", hash: KeyedHash) {
    this.#kind = kind;
    this.#hash = hash;
  }

  get count(): number {
    return this.#open?.size ?? 0;
  }

  /**
   * Notes that a number is about to be opened.
   *
   * @throws {BrokerError} `BAD_FRAME` if it is open already.
   * @returns The error if there are too many.
   */
  reserve(number: number): BrokerError | undefined {
    const kind = this.#kind;
    if (this.#open?.has(this.#hash.ofNumber(number))) {
      throw new BrokerError("BAD_FRAME", `Cannot open ${kind} ${number}: it is open already`);
    }
    this.#highest = Math.max(this.#highest, number);
    if (this.count < MEMBERS_MAX) return undefined;
    return new BrokerError(
      "TOO_MANY_MEMBERS",
      `Cannot open another ${kind}: the session's limit of ${MEMBERS_MAX} is reached`,
    );
  }

  add(number: number, member: Member): void {
    this.#open ??= new Map();
    this.#open.set(this.#hash.ofNumber(number), member);
  }

  /**
   * The member of that number; undefined if it is closed, or was refused: frames that a client sent before
   * it knew are late, and no mistake.
   *
   * @throws {BrokerError} `BAD_FRAME` if the client has never opened it.
   */
  find(number: number): Member | undefined {
    const member = this.#open?.get(this.#hash.ofNumber(number));
    if (member !== undefined || number <= this.#highest) return member;
    throw new BrokerError("BAD_FRAME", `Cannot find ${this.#kind} ${number}: it is not open`);
  }

  take(number: number): Member | undefined {
    const key = this.#hash.ofNumber(number);
    const member = this.#open?.get(key);
    this.#open?.delete(key);
    return member;
  }

  takeAll(): Member[] {
    const members = [...this.values()];
    this.#open?.clear();
    return members;
  }

  values(): Iterable<Member> {
    return this.#open?.values() ?? [];
  }
}

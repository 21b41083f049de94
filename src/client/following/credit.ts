import { type FrameWriter, writeCredit } from "../../../protocol.ts";
import type { HeldMessages } from "./held_messages.ts";
import { type Prefetch, WORK_MS } from "./prefetch.ts";

/** What a credit goes by. */
export interface CreditBasis {
  /** What handlers have. */
  readonly held: HeldMessages;
  /** What is fetched and not handed out. */
  readonly fetched: { readonly count: number };
  /** Gives back what is fetched, because the handler does not take it. */
  readonly giveBack: () => void;
}

/** How many messages a follower asks for, and what the broker was told of that. */
export class Credit {
  readonly prefetch: Prefetch;
  readonly #basis: CreditBasis;
  /** Paused until a loop asks for a message; stopped while the broker stops. */
  #state: "flowing" | "paused" | "stopped" = "paused";
  /** What the broker was told last. */
  #sent = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(prefetch: Prefetch, basis: CreditBasis) {
    this.prefetch = prefetch;
    this.#basis = basis;
  }

  /** Whether what comes is given back. */
  get isPaused(): boolean {
    return this.#state !== "flowing";
  }

  /** Whether the broker has to be told of another one. */
  get isChanged(): boolean {
    return this.#sent !== this.#wanted;
  }

  /** Begins on a new link; returns the first credit. */
  restart(isAsked: boolean, windowMax: number): number {
    this.prefetch.restart(windowMax);
    this.#state = isAsked ? "flowing" : "paused";
    this.#sent = this.#wanted;
    return this.#sent;
  }

  /** A loop asks for a message; tells whether that makes a difference. */
  ask(): boolean {
    if (this.#state !== "paused") return false;
    this.#state = "flowing";
    return true;
  }

  /** Asks for no more than handlers have, until a loop asks again. */
  pause(): void {
    if (this.#state === "flowing") this.#state = "paused";
  }

  /** Asks for nothing more on this link. */
  stop(): void {
    this.#state = "stopped";
  }

  /** The broker gives nothing before it is told again. */
  renew(): void {
    this.#sent = -1;
  }

  /** Tells the broker, if it has to be told. */
  write(writer: FrameWriter, follower: number, bytes: number): void {
    if (!this.isChanged) return;
    this.#sent = this.#wanted;
    writeCredit(writer, { follower, messages: this.#sent, bytes });
  }

  /** Looks from time to time whether the handler still takes what is fetched for it. */
  watch(): void {
    if (this.#timer !== undefined || !this.prefetch.isAutomatic) return;
    const { held, fetched, giveBack } = this.#basis;
    this.#timer = setInterval(() => {
      if (fetched.count === 0) this.unwatch();
      else if (this.prefetch.tick(fetched.count, held.count)) giveBack();
    }, WORK_MS);
  }

  unwatch(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  get #wanted(): number {
    return this.#state === "flowing" ? this.prefetch.window : this.#basis.held.count;
  }
}

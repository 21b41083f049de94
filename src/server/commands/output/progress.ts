import type { CommandContext } from "../command.ts";

/** Work that takes longer is shown, in milliseconds. */
const QUIET_MS = 2000;

/** How often the line is written, in milliseconds. */
const STEP_MS = 200;

/** A line on standard error that tells how far long work is; nothing where that is no terminal. */
export class Progress implements Disposable {
  readonly #context: Pick<CommandContext, "showStatus" | "now">;
  readonly #what: string;
  #next: number;
  #isShown = false;

  /**
   * @param context Where it is shown, and the time.
   * @param what What is counted: `messages`.
   */
  constructor(context: Pick<CommandContext, "showStatus" | "now">, what: string) {
    this.#context = context;
    this.#what = what;
    this.#next = context.now() + QUIET_MS;
  }

  /** Tells how much is done, and of how much if that is known. */
  show(count: number, total?: number): void {
    const now = this.#context.now();
    if (now < this.#next) return;
    this.#next = now + STEP_MS;
    this.#isShown = true;
    const of = total === undefined ? "" : ` of ${total} (${Math.floor(100 * count / total)} %)`;
    this.#context.showStatus(`${count}${of} ${this.#what}`);
  }

  [Symbol.dispose](): void {
    if (this.#isShown) this.#context.showStatus("");
  }
}

import { ExitCode } from "../process/exit_code.ts";

/** Ctrl-C as a signal that aborts: the first one asks a command to stop, the second ends the process. */
export class StopSignal implements Disposable {
  readonly #given: AbortSignal | undefined;
  #controller: AbortController | undefined;
  readonly #stop = () => {
    if (this.isStopped) Deno.exit(ExitCode.interrupted);
    this.#controller?.abort(new DOMException("Ctrl-C was pressed.", "AbortError"));
  };

  /** @param given A signal that is used in place of Ctrl-C. */
  constructor(given?: AbortSignal) {
    this.#given = given;
  }

  /** Whether a command that has asked for the signal was asked to stop. */
  get isStopped(): boolean {
    return (this.#controller?.signal ?? this.#given)?.aborted ?? false;
  }

  /** The signal. Before somebody asks for it, Ctrl-C does what it always does. */
  get signal(): AbortSignal {
    if (this.#given !== undefined) return this.#given;
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      Deno.addSignalListener("SIGINT", this.#stop);
    }
    return this.#controller.signal;
  }

  /** Runs something that waits and lets no signal in: Ctrl-C ends the process meanwhile. */
  suspend<Result>(run: () => Result): Result {
    if (this.#controller === undefined) return run();
    Deno.removeSignalListener("SIGINT", this.#stop);
    try {
      return run();
    } finally {
      Deno.addSignalListener("SIGINT", this.#stop);
    }
  }

  [Symbol.dispose](): void {
    if (this.#controller !== undefined) Deno.removeSignalListener("SIGINT", this.#stop);
  }
}

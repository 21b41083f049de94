import type { StreamFilter, StreamWatch } from "../engine.ts";
import type { Router } from "./router.ts";
import type { Selection } from "./selection.ts";

/** The streams that a filter allows, kept up to date as streams come and go. */
export class FilterWatch implements StreamWatch {
  readonly #router: Router;
  readonly #selection: Selection;
  #isOpen = true;

  constructor(router: Router, filter: StreamFilter) {
    this.#router = router;
    this.#selection = router.use({ filter });
  }

  prepare(stepsMax: number): boolean {
    return this.#router.look(this.#selection, stepsMax);
  }

  get count(): number {
    return this.#router.complete(this.#selection).streams.length;
  }

  get bytes(): number {
    let bytes = 0;
    for (const { depthBytes } of this.#router.complete(this.#selection).streams) {
      bytes += depthBytes;
    }
    return bytes;
  }

  close(): void {
    if (this.#isOpen) this.#router.release(this.#selection);
    this.#isOpen = false;
  }
}

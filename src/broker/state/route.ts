/**
 * Where a publisher's messages go.
 *
 * @module
 */

import { type BindFields, BrokerError } from "../../../protocol.ts";
import type { Router } from "./router.ts";
import type { Selection } from "./selection.ts";
import type { Stream } from "../stream/stream.ts";

/** The streams that a publisher's bind matches. */
export class Route {
  /** What the publisher is tied to. */
  readonly bind: BindFields;
  /** Those that match its pattern, if it has one. */
  #selection: Selection | undefined;

  constructor(bind: BindFields, selection: Selection | undefined) {
    this.bind = bind;
    this.#selection = selection;
  }

  /** The streams that match now. */
  resolve(router: Router): readonly Stream[] {
    if (this.#selection !== undefined) return router.complete(this.#selection).streams;
    const stream = router.getStream(this.bind.routeString);
    return stream === undefined || this.bind.bindType === "regex" ? [] : [stream];
  }

  /** Its publisher is gone. */
  close(router: Router): void {
    if (this.#selection !== undefined) router.release(this.#selection);
    this.#selection = undefined;
  }

  /** Why a publisher's messages have nowhere to go. */
  explainNoStream(): BrokerError {
    const { bindType, routeString } = this.bind;
    if (bindType === "regex") {
      return new BrokerError(
        "NO_MATCHING_STREAM",
        `Cannot publish to /${routeString}/: no stream's name matches`,
      );
    }
    return new BrokerError(
      "STREAM_NOT_FOUND",
      `Cannot publish to "${routeString}": no such stream`,
    );
  }
}

import { type BindFields, BrokerError } from "../../../protocol.ts";
import { checkStreamName, type Router } from "./router.ts";
import type { Selection } from "./selection.ts";
import type { Stream } from "../stream/stream.ts";

/** The streams that a publisher's bind matches. */
export class Route {
  readonly bind: BindFields;
  readonly #router: Router;
  /** The streams that match its pattern, if it has one. */
  #selection: Selection | undefined;

  /** Throws `BAD_…` if the bind is not allowed. */
  constructor(bind: BindFields, router: Router) {
    this.bind = bind;
    this.#router = router;
    if (bind.bindType === "regex") this.#selection = router.use(bind);
    else checkStreamName(bind.routeString);
  }

  resolve(): readonly Stream[] {
    if (this.#selection !== undefined) return this.#router.complete(this.#selection).streams;
    const stream = this.#router.getStream(this.bind.routeString);
    return stream === undefined || this.bind.bindType === "regex" ? [] : [stream];
  }

  close(): void {
    if (this.#selection !== undefined) this.#router.release(this.#selection);
    this.#selection = undefined;
  }

  /** The error for a publisher whose bind matches no stream. */
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

import { type BindFields, BrokerError } from "../../../protocol.ts";
import type { StreamFilter } from "../engine.ts";
import { checkStreamName, type Router } from "./router.ts";
import type { Selection } from "./selection.ts";
import type { Stream } from "../stream/stream.ts";

/** The streams that a publisher's bind matches. */
export class Route {
  readonly bind: BindFields;
  readonly #router: Router;
  /** The streams that match its pattern, if it has one. */
  #selection: Selection | undefined;
  /** The only stream; empty, which is no stream's name, if it has a pattern or no stream any more. */
  #name = "";
  /** Why it has no streams any more. */
  #error: BrokerError | undefined;

  /** Throws `BAD_…` if the bind is not allowed. */
  constructor(bind: BindFields, router: Router, filter?: StreamFilter) {
    this.bind = bind;
    this.#router = router;
    if (bind.bindType === "regex") this.#selection = router.use({ bind, filter });
    else {
      checkStreamName(bind.routeString);
      this.#name = bind.routeString;
    }
  }

  resolve(): readonly Stream[] {
    if (this.#selection !== undefined) return this.#router.complete(this.#selection).streams;
    const stream = this.#router.getStream(this.#name);
    return stream === undefined ? [] : [stream];
  }

  /** Sets the streams that its pattern may find. */
  setFilter(filter: StreamFilter | undefined): void {
    const before = this.#selection;
    if (before === undefined) return;
    this.#selection = this.#router.complete(this.#router.use({ bind: this.bind, filter }));
    this.#router.release(before);
  }

  /** From now on it has no streams, for a reason. */
  forbid(error: BrokerError): void {
    this.close();
    this.#name = "";
    this.#error = error;
  }

  close(): void {
    if (this.#selection !== undefined) this.#router.release(this.#selection);
    this.#selection = undefined;
  }

  /** The error for a publisher whose bind matches no stream. */
  explainNoStream(): BrokerError {
    if (this.#error !== undefined) return this.#error;
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

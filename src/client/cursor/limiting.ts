import type {
  LaneInfo,
  LaneOrder,
  LaneSettings,
  SharedLimitInfo,
  SharedLimitSettings,
} from "../../../protocol.ts";
import type { CallOptions } from "../member/call_options.ts";

/** Options of {@linkcode Limiting.getLanes}. */
export interface LanesOptions extends CallOptions {
  /**
   * How they are sorted: the most waiting first, the most pending first, or by name.
   *
   * @default {"waiting"}
   */
  readonly by?: LaneOrder;
  /**
   * The most lanes, 1 to 1,000.
   *
   * @default {100}
   */
  readonly limit?: number;
  /** With `by: "name"`: the name behind which to begin, for the next page. */
  readonly after?: string;
}

/** The part of a cursor that is about lanes and limits. */
export interface Limiting {
  /**
   * Sets what holds for one lane of a stream instead of the stream's `laneLimits`: fields that are given are
   * changed, the others stay as they are, and `null` for all removes them. It holds from the next delivery on;
   * what followers have is not taken back. At most 10,000 lanes of a stream have settings.
   *
   * @param stream The stream.
   * @param lane The lane, 1 to 128 bytes of UTF-8; it need not have messages yet.
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`; `BAD_REQUEST` if too many lanes have settings.
   * @throws {RangeError} For settings that are not allowed.
   *
   * @example Giving one customer more than the others
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("thumbnails", { laneLimits: { maxPending: 5 } });
   * await cursor.setLane("thumbnails", "acme", { maxPending: 20, weight: 4 });
   * const [lane] = await cursor.getLanes("thumbnails", { by: "name" });
   * assertEquals(lane, {
   *   name: "acme",
   *   ready: 0,
   *   delayed: 0,
   *   pending: 0,
   *   settings: { maxPending: 20, weight: 4 },
   * });
   * ```
   */
  setLane(
    stream: string,
    lane: string,
    settings: LaneSettings | null,
    call?: CallOptions,
  ): Promise<void>;

  /**
   * Tells of lanes that have messages or settings: how many messages wait and are pending, and what holds them
   * back. The broker looks at each lane, but sorts only those that it tells of.
   *
   * @throws {BrokerError} `STREAM_NOT_FOUND`, `FORBIDDEN`.
   *
   * @example Finding who waits
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.createStream("thumbnails");
   * const publisher = connection.publisher("thumbnails");
   * await publisher.sendMessages(["a.png", "b.png"], { lane: "acme" });
   * await publisher.sendMessage("c.png", { lane: "bolt" });
   * const lanes = await cursor.getLanes("thumbnails", { limit: 10 });
   * assertEquals(lanes.map(({ name, ready }) => [name, ready]), [["acme", 2], ["bolt", 1]]);
   * ```
   */
  getLanes(stream: string, options?: LanesOptions): Promise<LaneInfo[]>;

  /**
   * Sets a limit that several streams share: those whose option `sharedLimit` has its name. `null` removes it;
   * then it holds nothing back. There are at most 1,000.
   *
   * @param name Its name, as names of streams are.
   * @returns Whether that changed anything.
   * @throws {BrokerError} `LIMIT_NOT_FOUND` if there is none to be removed; `BAD_REQUEST` if there are too many;
   * `FORBIDDEN` unless the user may do everything.
   * @throws {RangeError} For settings or a name that are not allowed.
   *
   * @example Two streams that call the same service
   * ```ts
   * import { serve } from "@simplemq/simplemq/server";
   * import { assertEquals } from "@std/assert";
   *
   * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
   * await using connection = await broker.connect();
   * const cursor = connection.cursor();
   * await cursor.putLimit("openai", { maxPending: 20, rate: { count: 500, perMs: 60_000 } });
   * await cursor.createStream("summaries", { sharedLimit: "openai" });
   * await cursor.createStream("translations", { sharedLimit: "openai" });
   * const [limit] = await cursor.getLimits();
   * assertEquals(limit?.streams, ["summaries", "translations"]);
   * ```
   */
  putLimit(
    name: string,
    settings: SharedLimitSettings | null,
    call?: CallOptions,
  ): Promise<boolean>;

  /**
   * Lists the shared limits, by name: what they allow, how much is used, and which streams go by them. A user
   * who may not inspect all streams sees those limits and streams that concern the others.
   */
  getLimits(call?: CallOptions): Promise<SharedLimitInfo[]>;
}

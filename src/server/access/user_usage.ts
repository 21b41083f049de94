import { BrokerError } from "../../../protocol.ts";
import type { Allowance, Engine, StreamFilter, StreamWatch } from "../../broker/engine.ts";
import type { User } from "./user.ts";

/** How long a sum of stored bytes is kept, in milliseconds. */
const KEEP_MS = 100;

/** Every stream, for a user whose patterns allow all. */
const EVERY_STREAM: StreamFilter = { key: "*", steps: 1, allows: () => true };

/** The usage of each user that has sessions; all of these share it. */
const usages = new WeakMap<User, UserUsage>();

/** How much one user takes up of its limits, over all sessions. */
export class UserUsage implements Allowance {
  readonly #engine: Pick<Engine, "watchStreams">;
  readonly #user: User;
  readonly #now: () => number;
  /** How many sessions use it. */
  #sessionCount = 0;
  /** The streams that the user may manage, and may store messages in; undefined until they are needed. */
  #managed: OpenWatch | undefined;
  #filled: OpenWatch | undefined;
  /** The stored bytes at a time, and what was published since. */
  #storedBytes = 0;
  #summedAt = -Infinity;

  private constructor(engine: Pick<Engine, "watchStreams">, user: User, now: () => number) {
    this.#engine = engine;
    this.#user = user;
    this.#now = now;
  }

  /** The usage of a user, for one more session; {@linkcode UserUsage.leave} ends that. */
  static enter(
    engine: Pick<Engine, "watchStreams">,
    user: User,
    now: () => number,
  ): UserUsage {
    const usage = usages.get(user) ?? new UserUsage(engine, user, now);
    usages.set(user, usage);
    usage.#sessionCount++;
    return usage;
  }

  leave(): void {
    if (--this.#sessionCount > 0) return;
    this.#managed?.watch.close();
    this.#filled?.watch.close();
    usages.delete(this.#user);
  }

  /** Whether the stored bytes have a limit. */
  get hasBytesLimit(): boolean {
    return this.#user.limits.storedBytes !== undefined;
  }

  /** Does some of the search for the streams that count; returns whether nothing is left. */
  prepare(scope: "store" | "manage", stepsMax: number): boolean {
    const { streams, storedBytes } = this.#user.limits;
    if ((scope === "store" ? storedBytes : streams) === undefined) return true;
    return this.#watch(scope).prepare(stepsMax);
  }

  /** The error for one more stream, if the user has as many as it may. */
  findStreamExcess(name: string): BrokerError | undefined {
    const { name: user, limits: { streams: limit } } = this.#user;
    if (limit === undefined) return undefined;
    const depth = this.#watch("manage").count;
    if (depth < limit) return undefined;
    return new BrokerError(
      "LIMIT_REACHED",
      `Cannot create stream "${name}": user "${user}" may manage ${depth} streams, limit is ${limit}`,
      { details: { depth, limit } },
    );
  }

  take(bytes: number): BrokerError | undefined {
    const { name: user, limits: { storedBytes: limit } } = this.#user;
    if (limit === undefined) return undefined;
    const now = this.#now();
    if (now >= this.#summedAt + KEEP_MS) {
      this.#storedBytes = this.#watch("store").bytes;
      this.#summedAt = now;
    }
    const depth = this.#storedBytes;
    if (depth + bytes <= limit) {
      this.#storedBytes += bytes;
      return undefined;
    }
    return new BrokerError(
      "LIMIT_REACHED",
      `Cannot publish ${bytes} bytes: the streams of user "${user}" hold ${depth} bytes, limit is ` +
        `${limit}`,
      { details: { what: "bytes", depth, limit } },
    );
  }

  /** The streams that count, by the permissions in force. */
  #watch(scope: "store" | "manage"): StreamWatch {
    const filter = this.#user.permissions.filterOf(scope) ?? EVERY_STREAM;
    const known = scope === "store" ? this.#filled : this.#managed;
    if (known?.key === filter.key) return known.watch;
    known?.watch.close();
    const opened = { key: filter.key, watch: this.#engine.watchStreams(filter) };
    if (scope === "store") {
      this.#filled = opened;
      this.#summedAt = -Infinity;
    } else this.#managed = opened;
    return opened.watch;
  }
}

/** The streams of a filter. */
interface OpenWatch {
  readonly key: string;
  readonly watch: StreamWatch;
}

import type { StreamInfo } from "../../../../../protocol.ts";
import type { Engine } from "../../../../broker/engine.ts";
import type { User } from "../../../access/user.ts";
import type { Snapshot, Snapshots } from "../../figures/snapshots.ts";
import { makeStreamSnapshots, type StreamRow } from "./stream_rows.ts";
import { type StreamSums, sumStreams } from "./stream_sums.ts";

/** How long after somebody has looked streams are added up for the history, in milliseconds. */
const LOOKED_MS = 5 * 60_000;

/** How often they are added up then, in milliseconds. */
const UNSEEN_MS = 10_000;

/** The most streams that are added up so, which takes about a millisecond; few, each second. */
const UNSEEN_STREAMS_MAX = 1000;
const FEW_STREAMS_MAX = 100;

/** How old sums may be that stand for now, in milliseconds. */
const SUMS_MS_MAX = UNSEEN_MS + 2000;

/** The streams of the broker in numbers, for everybody who looks: one list of them a second, at most. */
export class StreamFigures {
  readonly snapshots: Snapshots<StreamInfo, StreamRow>;
  readonly #engine: Engine;
  readonly #now: () => number;
  /** The sums of each snapshot, by the user who sees so much; undefined for all streams. */
  readonly #sums = new WeakMap<Snapshot<StreamRow>, Map<User | undefined, Promise<StreamSums>>>();
  #latest: { readonly at: number; readonly sums: StreamSums } | undefined;
  #summedAt = -Infinity;
  /** When somebody has looked last. */
  #lookedAt = -Infinity;

  /** @param engine The bare engine. */
  constructor(engine: Engine, now: () => number) {
    this.#engine = engine;
    this.#now = now;
    this.snapshots = makeStreamSnapshots(engine, now);
  }

  /** Adds up the streams that a user sees; all of them for who may read the metrics. */
  async sum(user: User | undefined): Promise<StreamSums> {
    this.#lookedAt = this.#now();
    return await this.#sum(user);
  }

  async #sum(user: User | undefined): Promise<StreamSums> {
    const snapshot = await this.snapshots.get();
    const key = user?.permissions.hasMetrics ? undefined : user;
    let known = this.#sums.get(snapshot);
    if (known === undefined) this.#sums.set(snapshot, known = new Map());
    let sums = known.get(key);
    if (sums === undefined) {
      const isSeen = (row: StreamRow) => key === undefined || key.permissions.maySee(row.name);
      known.set(key, sums = sumStreams(snapshot.rows.all, isSeen));
    }
    if (key === undefined) this.#latest = { at: snapshot.at, sums: await sums };
    return await sums;
  }

  /** The sums of all streams, if they are not too old to stand for now. */
  findSums(now: number): StreamSums | undefined {
    const latest = this.#latest;
    return latest !== undefined && now - latest.at < SUMS_MS_MAX ? latest.sums : undefined;
  }

  /** Adds up a few streams for a while after somebody has looked, and forgets long lists. */
  tick(now: number): void {
    this.snapshots.tick(now);
    if (now - this.#lookedAt > LOOKED_MS) return;
    const { streamCount } = this.#engine;
    const isDue = streamCount <= FEW_STREAMS_MAX || now - this.#summedAt >= UNSEEN_MS;
    if (!isDue || streamCount > UNSEEN_STREAMS_MAX) return;
    this.#summedAt = this.#now();
    // An engine that has failed ends the broker; nobody needs its sums.
    this.#sum(undefined).catch(() => {});
  }
}

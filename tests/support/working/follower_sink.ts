import type { Delivery, FollowerSink } from "../../../src/broker/engine.ts";
import type { TagRange } from "../../../protocol.ts";

/** A follower of a simulated client, which hears over which connection it gets something. */
interface SimulatedFollower<Way> {
  take(connection: Way, delivery: Delivery): void;
  revoke(connection: Way, ranges: readonly TagRange[]): void;
}

/** Hands what a broker tells of deliveries to a follower of a simulated client. */
export class SimulatedFollowerSink<Way> implements FollowerSink {
  readonly isFull = false;
  readonly #follower: SimulatedFollower<Way>;
  readonly #connection: Way;

  constructor(follower: SimulatedFollower<Way>, connection: Way) {
    this.#follower = follower;
    this.#connection = connection;
  }

  deliver(delivery: Delivery): void {
    this.#follower.take(this.#connection, delivery);
  }

  revoke(ranges: readonly TagRange[]): void {
    this.#follower.revoke(this.#connection, ranges);
  }

  noteDeleted(): void {}

  end(): void {}
}

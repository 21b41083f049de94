/** How many messages are moved at a time until they are stored: one flush of the disk may store all of them. */
const MOVED_MAX = 512;

/** How many of them may be given up while others wait to go back. */
const BURIED_MAX = MOVED_MAX / 2;

/** Why messages move to another stream: they are given up, or go back. */
type MoveWay = "bury" | "redrive";

/**
 * Room for messages that are about to be stored in another stream. Those that expire take all of it again as soon
 * as it is there: part of it is kept for those that wait to go back.
 */
export class MovingRoom {
  #count = 0;
  #buriedCount = 0;
  /** How many wait to send messages back. */
  #waitingCount = 0;

  /** Whether others should wait until some are stored. */
  isFull(way: MoveWay): boolean {
    if (this.#count >= MOVED_MAX) return true;
    return way === "bury" && this.#waitingCount > 0 && this.#buriedCount >= BURIED_MAX;
  }

  /** Takes room, however much there is; returns what gives it back. */
  take(count: number, way: MoveWay): () => void {
    const buried = way === "bury" ? count : 0;
    this.#count += count;
    this.#buriedCount += buried;
    return () => {
      this.#count -= count;
      this.#buriedCount -= buried;
    };
  }

  /** Notes that messages wait for room to go back; returns what ends that. */
  wait(): () => void {
    this.#waitingCount++;
    return () => this.#waitingCount--;
  }
}

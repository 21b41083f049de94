/**
 * Decides how many messages of a share may be delivered now: a limit, or a breaker.
 *
 * A share asks its gates once for each run of messages that it delivers, not for each message. A gate that
 * is closed costs nothing: its share is left alone until the alarm of its stream rings at the time that
 * {@linkcode Gate.opensAt} names, or until the gate says that it has opened. Whoever makes a gate gives it a
 * function for that, which calls {@linkcode Dispatcher.noteOpened}.
 *
 * A gate takes part in nothing durable by itself: what has to outlive the broker is in events.
 */
export interface Gate {
  /**
   * Whether it counts what is worked on. Then a follower holds at most as many messages as it has slots:
   * what waits in a client would count, too.
   */
  readonly isLimit: boolean;
  /** Whether nothing would be lost with it: the gate of a lane goes with the lane. False by default. */
  readonly isIdle?: boolean;
  /** When it may be given up although it is not idle, by {@linkcode Gate.giveUp}, if its lane has nothing. */
  readonly idleAt?: number;
  /** How many messages may be delivered now; `Infinity` if it does not matter, 0 if it is closed. */
  room(now: number): number;
  /**
   * When to ask again while it is closed; `Infinity` if it tells that itself. It is asked when its share
   * begins to wait.
   */
  opensAt(now: number): number;
  /** Notes that messages go to a follower; never more than it has room for. */
  take(count: number, now: number): void;
  /**
   * Notes that messages that have left their follower were not worked on: they have used up nothing.
   */
  refund(count: number, deliveredAt: number): void;
  /** Notes that messages have left their follower, in whatever way. */
  settle(count: number, deliveredAt: number): void;
  /** Gives up what would be lost with it. */
  giveUp?(): void;
  /** Says why it is closed; `undefined` while it is open. */
  explain(now: number): GateNote | undefined;
}

/** Why a gate is closed. */
export interface GateNote {
  /** What has reached a limit, if that is neither the stream nor the lane: the name of a shared limit. */
  readonly limit?: string;
  /** A few words, as in "5 of 5 pending". */
  readonly why: string;
  /** When it opens, by the time of the rules; `Infinity` if that is not known. */
  readonly opensAt: number;
}

/** How many messages may be delivered through all gates. */
export function findRoom(gates: readonly Gate[], now: number): number {
  let room = Infinity;
  for (const gate of gates) room = Math.min(room, gate.room(now));
  return Math.max(0, room);
}

/** When gates of which some are closed may all be open; `Infinity` if one of them tells that itself. */
export function findOpening(gates: readonly Gate[], now: number): number {
  let at = now;
  for (const gate of gates) if (gate.room(now) < 1) at = Math.max(at, gate.opensAt(now));
  return at;
}

/** Why one of some gates is closed. */
export function findClosed(gates: readonly Gate[] | undefined, now: number): GateNote | undefined {
  for (const gate of gates ?? []) {
    const note = gate.explain(now);
    if (note !== undefined) return note;
  }
  return undefined;
}

/** Says in a few words what is closed, and why. */
export function sayLimit({ limit, why }: GateNote): string {
  return limit === undefined ? why : `limit "${limit}": ${why}`;
}

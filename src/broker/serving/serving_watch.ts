import type { Alarm, AlarmClock } from "../collections/alarm_clock.ts";
import type { LaneWatch, Share } from "../share/share.ts";
import type { LimitWatch } from "./shared_limit.ts";

/** Who hands out messages. */
export interface Waker {
  /** Notes that a share may have something for its followers. */
  noteReady(share: Share): void;
  /** Notes that a gate of a share has opened. */
  noteOpened(share: Share): void;
}

/** Has lanes and limits wake the one who hands out messages, and set alarms. */
export function watchServing(
  wakerOf: () => Waker,
  clock: AlarmClock,
  now: () => number,
): { readonly laneWatch: LaneWatch; readonly limitWatch: LimitWatch } {
  return {
    laneWatch: {
      opened: (share) => wakerOf().noteReady(share),
      waits: ({ store }, until) => clock.hasten(store.alarm, until),
    },
    limitWatch: {
      now,
      opened: (share) => wakerOf().noteOpened(share),
      hasten: (alarm: Alarm, at: number) => clock.hasten(alarm, at),
    },
  };
}

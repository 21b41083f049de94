import type { ScheduleInfo, ScheduleSettings } from "../../../../../protocol.ts";
import type { Engine } from "../../../../broker/engine.ts";
import { Snapshots } from "../../figures/snapshots.ts";
import type { Column } from "../../figures/sorted_rows.ts";

/** What the list of schedules shows of one: all but its message. */
export interface ScheduleRow
  extends Omit<ScheduleInfo, "settings">, Omit<ScheduleSettings, "entry"> {}

/** The columns by which schedules can be sorted; what has no date comes last. */
export const SCHEDULE_COLUMNS: Readonly<Record<string, Column<ScheduleRow>>> = {
  name: (row) => row.name,
  stream: (row) => row.stream,
  next: (row) => row.next[0] ?? Infinity,
  last: (row) => row.last?.at ?? 0,
  count: (row) => row.count,
  isFailing: (row) => Number(row.problem !== undefined),
};

/** Takes snapshots of all schedules. */
export function makeScheduleSnapshots(
  engine: Pick<Engine, "schedules">,
  now: () => number,
): Snapshots<ScheduleInfo, ScheduleRow> {
  return new Snapshots({
    list: (after) => engine.schedules.list(after),
    isSame: ({ name }, row) => name === row.name,
    make: ({ settings, ...told }) => {
      const { entry: _entry, ...others } = settings;
      return { ...told, ...others };
    },
    now,
  });
}

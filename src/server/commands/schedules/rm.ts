import { BrokerError } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { makeDangerCommand } from "../connecting/danger_command.ts";
import { say } from "../output/quantities.ts";

/** `schedule rm`: deletes a schedule. */
export const rm: CommandBody = makeDangerCommand({
  command: "schedule rm",
  examples: ["schedule rm nightly-report --dry-run", "schedule rm nightly-report --yes"],
  details: "The messages that it has stored stay in their stream.",
  async find(cursor, name, signal) {
    const schedules = await cursor.getSchedules({ signal });
    const schedule = schedules.find((one) => one.name === name);
    if (schedule === undefined) {
      throw new BrokerError("SCHEDULE_NOT_FOUND", `Cannot find schedule "${name}": there is none`);
    }
    const { stream, count } = schedule;
    const what = `delete schedule "${name}", which has stored ${
      say(count, "message")
    } in "${stream}"`;
    return { what, count: 1 };
  },
  async act(cursor, name, signal) {
    await cursor.deleteSchedule(name, { signal });
    return { json: { deleted: name }, sentence: `Deleted schedule "${name}".` };
  },
});

import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";

/** `schedule pause`: stops schedules. */
export const pause: CommandBody = {
  examples: ["schedule pause nightly-report"],
  flags: QUERY_FLAGS,
  words: [1, 100],
  details:
    "Dates that pass until the schedule is resumed are left out. It holds until then, also\n" +
    "after a restart of the broker.",
  async run(args, context) {
    return await withBroker({ command: "schedule pause" }, args, context, async (broker) => {
      for (const name of args.words) {
        await broker.cursor.pauseSchedule(name, { signal: broker.signal });
        context.note(`Schedule "${name}" is paused; "simplemq schedule resume ${name}" goes on.`);
      }
    });
  },
};

/** `schedule resume`: goes on with schedules. */
export const resume: CommandBody = {
  examples: ["schedule resume nightly-report"],
  flags: QUERY_FLAGS,
  words: [1, 100],
  async run(args, context) {
    return await withBroker({ command: "schedule resume" }, args, context, async (broker) => {
      for (const name of args.words) {
        await broker.cursor.resumeSchedule(name, { signal: broker.signal });
        context.note(`Schedule "${name}" goes on with its next date.`);
      }
    });
  },
};

import type { Cursor } from "../../../../client.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { confirmDanger, DANGER_FLAGS } from "../output/confirmation.ts";
import { Progress } from "../output/progress.ts";
import { say } from "../output/quantities.ts";
import {
  type DeadFilter,
  deadStreamOf,
  FILTER_FLAGS,
  findDeadLetters,
  readFilter,
} from "./dead_filter.ts";

const NAME = "dead drop";

/** How many dead letters are removed at a time. */
const STEP = 1000;

/** `dead drop`: removes dead letters for good. */
export const drop: CommandBody = {
  examples: [
    "dead drop orders --from 7 --to 7 --dry-run",
    "dead drop orders --cause expired --yes",
    "dead drop orders --all",
  ],
  flags: [
    ...FILTER_FLAGS,
    { name: "all", about: "Removes all of them; needed where nothing selects" },
    ...DANGER_FLAGS,
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  async run(args, context) {
    const [word = ""] = args.words;
    const reader = new FlagReader(args, NAME);
    const filter = readFilter(args, reader);
    if (filter.isEmpty && !args.has("all")) {
      const known = FILTER_FLAGS.map(({ name }) => `--${name}`).join(", ");
      reader.refuse(`found nothing that selects, allowed ${known}, or --all`);
    }
    if (!filter.isEmpty && args.has("all")) reader.refuse("found --all and flags that select");
    reader.check();
    const dead = deadStreamOf(word);
    const needs = { command: NAME, isEndless: true };
    return await withBroker(needs, args, context, async ({ cursor, signal }) => {
      const ids = await listIds(cursor, dead, filter, signal);
      const what = `remove ${say(ids.length, "dead letter")} of "${word}" for good`;
      const danger = { command: NAME, what, count: ids.length, isHarmless: ids.length === 0 };
      if (!confirmDanger(danger, args, context)) return;
      using progress = new Progress(context, "dead letters");
      const result = { count: 0, skipped: 0 };
      for (let at = 0; at < ids.length; at += STEP) {
        const part = await cursor.dropMessages(dead, ids.slice(at, at + STEP), { signal });
        result.count += part.count;
        result.skipped += part.skipped;
        progress.show(at, ids.length);
      }
      if (args.has("json")) context.print(`${JSON.stringify(result)}\n`);
      else context.note(`Removed ${say(result.count, "dead letter")}.`);
    });
  },
};

/** The ids of those that nobody holds. */
async function listIds(
  cursor: Cursor,
  dead: string,
  filter: DeadFilter,
  signal: AbortSignal,
): Promise<number[]> {
  const ids: number[] = [];
  for await (const { id, state } of findDeadLetters(cursor, dead, filter, signal)) {
    if (state !== "pending") ids.push(id);
  }
  return ids;
}

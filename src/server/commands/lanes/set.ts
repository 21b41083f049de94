import { WEIGHT_MAX } from "../../../protocol/lane_settings.ts";
import { LIMIT_COUNT_MAX } from "../../../protocol/limit_options.ts";
import type { LaneSettings } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { parseRate, RATE_ALLOWED } from "../streams/limit_values.ts";

const NAME = "lane set";

/** The flags of a limit, which a lane and several streams together may have. */
export const LIMIT_FLAGS = [
  { name: "max-pending", value: "<number|none>", about: "The most messages that are worked on" },
  { name: "rate", value: "<number/span|none>", about: "The most deliveries, such as 10/1s" },
] as const;

/** `lane set`: sets what holds for one lane. */
export const set: CommandBody = {
  examples: [
    "lane set thumbnails acme --max-pending 20 --weight 4",
    "lane set thumbnails acme --paused true",
    "lane set thumbnails acme --reset",
  ],
  flags: [
    ...LIMIT_FLAGS,
    { name: "weight", value: "<number>", about: "How many messages it gets for one of others" },
    { name: "paused", value: "<true|false>", about: "Whether nothing of it is delivered" },
    { name: "reset", about: "Removes all of these: the stream's options hold again" },
    ...QUERY_FLAGS,
  ],
  words: [2, 2],
  details: "What is not named stays as it is; none is no limit, also where the stream's options\n" +
    "have one. It holds from the next delivery on.",
  async run(args, context) {
    const [stream = "", lane = ""] = args.words;
    const reader = new FlagReader(args, NAME);
    const settings = readSettings(reader);
    const isReset = args.has("reset");
    if (isReset === Object.keys(settings).length > 0) {
      reader.refuse("allowed --reset alone, or some of --max-pending, --rate, --weight, --paused");
    }
    reader.check();
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      await cursor.setLane(stream, lane, isReset ? null : settings, { signal });
      const done = isReset ? "has the limits of the stream" : "is set";
      context.note(
        `Lane "${lane}" of "${stream}" ${done}; "simplemq lane ls ${stream}" tells more.`,
      );
    });
  },
};

/** Reads the flags of a limit; those that are not there are not in the result. */
export function readLimit(reader: FlagReader): Pick<LaneSettings, "maxPending" | "rate"> {
  const count = { low: 1, high: LIMIT_COUNT_MAX };
  const maxPending = reader.orNone("max-pending", () => reader.readNumber("max-pending", count));
  const rate = reader.orNone("rate", () => reader.readWith("rate", parseRate, RATE_ALLOWED));
  return {
    ...maxPending !== undefined && { maxPending },
    ...rate !== undefined && { rate },
  };
}

function readSettings(reader: FlagReader): LaneSettings {
  const weight = reader.readNumber("weight", { low: 1, high: WEIGHT_MAX });
  const paused = reader.readChoice("paused", ["true", "false"]);
  return {
    ...readLimit(reader),
    ...weight !== undefined && { weight },
    ...paused !== undefined && { isPaused: paused === "true" },
  };
}

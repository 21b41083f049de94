import { BrokerError } from "../../../../protocol.ts";
import type { CommandBody } from "../command.ts";
import { makeDangerCommand } from "../connecting/danger_command.ts";
import { say } from "../output/quantities.ts";

/** `limit rm`: removes a shared limit. */
export const limitRm: CommandBody = makeDangerCommand({
  command: "limit rm",
  examples: ["limit rm openai --dry-run", "limit rm openai --yes"],
  details: "Streams that name it are not held back by it any more.",
  async find(cursor, name, signal) {
    const limit = (await cursor.getLimits({ signal })).find((one) => one.name === name);
    if (limit === undefined) {
      throw new BrokerError("LIMIT_NOT_FOUND", `Cannot find limit "${name}": there is none`);
    }
    const { streams } = limit;
    return {
      what: `remove limit "${name}", which ${say(streams.length, "stream goes", "streams go")} by`,
      count: 1,
    };
  },
  async act(cursor, name, signal) {
    await cursor.putLimit(name, null, { signal });
    return { json: { removed: name }, sentence: `Removed limit "${name}".` };
  },
});

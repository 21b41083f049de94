import { ExitCode } from "../../process/exit_code.ts";
import type { CommandBody } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { FlagReader } from "../flag_reader.ts";
import { OPTION_FLAGS, readStreamOptions } from "./stream_option_flags.ts";

const NAME = "stream add";

/** `stream add`: creates streams. */
export const add: CommandBody = {
  examples: [
    "stream add orders",
    "stream add orders mails --max-deliveries 5 --backoff 1s,10s,1m",
    "stream add audit --max-bytes 1GiB --overflow drop-oldest --update",
  ],
  flags: [
    ...OPTION_FLAGS,
    { name: "update", about: "Sets the options of streams that are there already" },
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 100],
  details:
    "A stream that is there with the same options is left as it is; with other options it is\n" +
    "an error, unless --update is given.",
  async run(args, context) {
    const reader = new FlagReader(args, NAME);
    const options = readStreamOptions(args, reader);
    reader.check();
    const ifDifferent = args.has("update") ? "update" : "fail";
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const results: unknown[] = [];
      for (const name of args.words) {
        const result = await cursor.createStream(name, options, { ifDifferent, signal });
        results.push({ name, ...result });
        if (!args.has("json")) context.note(describeResult(name, result));
      }
      if (args.has("json")) context.print(`${JSON.stringify(results, undefined, 2)}\n`);
      return ExitCode.stopped;
    });
  },
};

function describeResult(
  name: string,
  { created, differs }: { readonly created: boolean; readonly differs: readonly string[] },
): string {
  if (created) return `Stream "${name}" is created.`;
  if (differs.length === 0) return `Stream "${name}" is there already.`;
  return `Stream "${name}" was there; changed: ${differs.join(", ")}.`;
}

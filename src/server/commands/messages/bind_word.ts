import type { Bind } from "../../../../client.ts";
import { describe } from "../../settings/found_value.ts";
import { CommandError } from "../command.ts";

/** Reads a stream's name, or `/a pattern/`, with an `i` behind it if the case does not matter. */
export async function readBind(word: string, command: string): Promise<Bind> {
  // Help is shown without it.
  const { Bind } = await import("../../../../client.ts");
  const [, pattern, flag] = /^\/(.+)\/(i?)$/s.exec(word) ?? [];
  try {
    return pattern === undefined
      ? Bind.direct(word)
      : Bind.regex(pattern, { ignoreCase: flag === "i" });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const why = cause.message.replace(/^Cannot bind: /, "");
    throw new CommandError(`Cannot run "${command}": ${describe(word)}: ${why}`, { cause });
  }
}

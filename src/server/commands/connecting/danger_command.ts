import type { Cursor } from "../../../../client.ts";
import type { CommandBody } from "../command.ts";
import { confirmDanger, DANGER_FLAGS } from "../output/confirmation.ts";
import { withBroker } from "./broker_connection.ts";
import { QUERY_FLAGS } from "./broker_flags.ts";

/** A command that takes something away from what its only word names. */
export interface DangerPlan extends Pick<CommandBody, "examples"> {
  readonly command: string;
  readonly details: string;
  /** Finds what would be done, and to how many messages. */
  find(cursor: Cursor, name: string, signal: AbortSignal): Promise<DangerFound>;
  /** Does it. @param count How many messages were found. */
  act(cursor: Cursor, name: string, signal: AbortSignal, count: number): Promise<DangerResult>;
}

/** What a command would do. */
export interface DangerFound {
  readonly what: string;
  readonly count: number;
  /** Whether nobody has to be asked. */
  readonly isHarmless?: boolean;
}

/** What a command has done: for programs, and in a sentence. */
export interface DangerResult {
  readonly json: Readonly<Record<string, unknown>>;
  readonly sentence: string;
}

/** Makes a command that asks before it does something, or only counts. */
export function makeDangerCommand({ command, find, act, ...body }: DangerPlan): CommandBody {
  return {
    ...body,
    flags: [
      ...DANGER_FLAGS,
      { name: "json", about: "Prints one JSON value, for programs" },
      ...QUERY_FLAGS,
    ],
    words: [1, 1],
    async run(args, context) {
      const [name = ""] = args.words;
      return await withBroker({ command }, args, context, async ({ cursor, signal }) => {
        const found = await find(cursor, name, signal);
        if (!confirmDanger({ command, ...found }, args, context)) return;
        const { json, sentence } = await act(cursor, name, signal, found.count);
        if (args.has("json")) context.print(`${JSON.stringify(json)}\n`);
        else context.note(sentence);
      });
    },
  };
}

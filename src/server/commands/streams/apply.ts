import { deadNameOf, isDeadName } from "../../../protocol/messages/stream_options.ts";
import type { StreamInfo } from "../../../../protocol.ts";
import type { Cursor } from "../../../../client.ts";
import type { CommandBody, CommandContext } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { QUERY_FLAGS } from "../connecting/broker_flags.ts";
import { confirmDanger, DANGER_FLAGS } from "../output/confirmation.ts";
import { say } from "../output/quantities.ts";
import { countMessages } from "./purge.ts";
import { type Declaration, readDeclarations } from "./declared_streams.ts";
import { showOption } from "./stream_option_flags.ts";

const NAME = "stream apply";

/** What has to be done so that streams are as they are declared. */
interface Plan {
  readonly added: readonly Declaration[];
  readonly changed: readonly (Declaration & { readonly changes: readonly string[] })[];
  readonly same: number;
  /** The streams that are not declared. */
  readonly others: readonly StreamInfo[];
}

/** `stream apply`: makes streams what a file declares. */
export const apply: CommandBody = {
  examples: [
    "stream apply streams.yaml --dry-run",
    "stream apply streams.yaml",
    "stream apply streams.yaml --prune",
  ],
  flags: [
    { name: "prune", about: "Deletes streams that are not declared; asks before" },
    ...DANGER_FLAGS,
    { name: "json", about: "Prints one JSON value, for programs" },
    ...QUERY_FLAGS,
  ],
  words: [1, 1],
  details:
    'The file names streams with their options, as the API and "stream info --json" do:\n\n' +
    "  streams:\n    orders: { maxDeliveries: 5, backoffMs: [1000, 10000] }\n    mails: {}\n\n" +
    "Options that are not named stay as they are. Dead letters of declared streams are kept.\n" +
    "- stands for standard input.",
  async run(args, context) {
    const declared = await readDeclarations(args.words[0] ?? "", context);
    return await withBroker({ command: NAME }, args, context, async ({ cursor, signal }) => {
      const plan = makePlan(declared, await cursor.getStreams({ signal }));
      const doomed = args.has("prune") ? plan.others : [];
      if (args.has("json")) {
        context.print(`${JSON.stringify(toJson(plan, doomed), undefined, 2)}\n`);
      } else showPlan(plan, doomed, args.has("prune"), context);
      if (args.has("dry-run")) return;
      if (doomed.length > 0) {
        const count = doomed.reduce((sum, stream) => sum + countMessages(stream), 0);
        const what = `delete ${say(doomed.length, "stream")} with ${say(count, "message")}`;
        confirmDanger({ command: NAME, what, count }, args, context);
      }
      await carryOut(plan, doomed, cursor, signal);
    });
  },
};

function makePlan(declared: readonly Declaration[], streams: readonly StreamInfo[]): Plan {
  const found = new Map(streams.map((stream) => [stream.name, stream]));
  const names = new Set(declared.map(({ name }) => name));
  const changed = declared.flatMap(({ name, options }) => {
    const stream = found.get(name);
    const changes = stream === undefined ? [] : listChanges(options, stream.options);
    return changes.length === 0 ? [] : [{ name, options, changes }];
  });
  const added = declared.filter(({ name }) => !found.has(name));
  const isKept = (name: string) =>
    names.has(name) || isDeadName(name) && [...names].some((one) => deadNameOf(one) === name);
  return {
    added,
    changed,
    same: declared.length - added.length - changed.length,
    others: streams.filter(({ name }) => !isKept(name)),
  };
}

function listChanges(
  wished: Declaration["options"],
  found: StreamInfo["options"],
): string[] {
  const names = Object.keys(wished) as (keyof StreamInfo["options"])[];
  return names.filter((name) => JSON.stringify(wished[name]) !== JSON.stringify(found[name]))
    .map((name) => `${name} ${showOption(name, found[name])} → ${showOption(name, wished[name])}`);
}

function showPlan(
  { added, changed, same, others }: Plan,
  doomed: readonly StreamInfo[],
  isPruning: boolean,
  context: CommandContext,
): void {
  for (const { name } of added) context.print(`+ ${name}\n`);
  for (const { name, changes } of changed) context.print(`~ ${name}: ${changes.join(", ")}\n`);
  for (const stream of doomed) {
    context.print(`- ${stream.name}: ${say(countMessages(stream), "message")}\n`);
  }
  const kept = isPruning ? [] : others;
  context.note(
    `${added.length} new, ${changed.length} changed, ${same} as declared` +
      `${doomed.length > 0 ? `, ${doomed.length} to delete` : ""}` +
      `${kept.length > 0 ? `, ${kept.length} not declared and kept` : ""}.`,
  );
}

function toJson({ added, changed, same, others }: Plan, doomed: readonly StreamInfo[]): unknown {
  return {
    added: added.map(({ name }) => name),
    changed: changed.map(({ name, options }) => ({ name, options })),
    same,
    deleted: doomed.map(({ name }) => name),
    notDeclared: others.map(({ name }) => name),
  };
}

/** How many streams are created at a time. */
const STEP = 200;

async function carryOut(
  { added, changed }: Plan,
  doomed: readonly StreamInfo[],
  cursor: Cursor,
  signal: AbortSignal,
): Promise<void> {
  const all = [...added, ...changed];
  // The broker makes those durable together that come together.
  for (let at = 0; at < all.length; at += STEP) {
    const step = all.slice(at, at + STEP).map(({ name, options }) =>
      // Another one may have created it in the meantime.
      cursor.createStream(name, options, { ifDifferent: "update", signal })
    );
    await Promise.all(step);
  }
  for (const { name } of doomed) await cursor.deleteStream(name, { signal });
}

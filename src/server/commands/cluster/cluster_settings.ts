import { loadSettings } from "../../settings/load_settings.ts";
import { listSettingFlags } from "../../settings/setting_flags.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Arguments, Flag } from "../arguments.ts";
import { type ClusterWork, type CommandContext, CommandError } from "../command.ts";
import { Progress } from "../output/progress.ts";

/** The settings that say where a cluster's log is, and what is a copy of it. */
const NAME_RULE = /^(settings|storage-directory|cluster-.+)$/;

/** The flags of commands that open the log themselves; they are those of the broker. */
export const CLUSTER_FLAGS: readonly Flag[] = listSettingFlags()
  .filter(({ name }) => NAME_RULE.test(name))
  .map(({ name, value = "<true | false>", about }) => ({
    name,
    value,
    about: about.split(".\n")[0]!,
  }));

/** What the help of these commands tells. */
export const CLUSTER_DETAILS: string =
  "It speaks with NATS itself, as a broker of the cluster does, and takes the same settings: the\n" +
  "file, SIMPLEMQ_… variables and flags. cluster.name, id, address and nats are needed.";

/** Reads the settings of a broker of the cluster, as the broker does; throws with all mistakes. */
export async function readClusterSettings(
  args: Arguments,
  context: CommandContext,
): Promise<Settings> {
  const flags = CLUSTER_FLAGS.flatMap(({ name }) => {
    const value = args.find(name);
    return value === undefined ? [] : [`--${name}=${value}`];
  });
  // Whoever names a cluster means its engine.
  const asked = [...flags, "--storage-engine=cluster"];
  const { settings, warnings } = await loadSettings({ ...context.sources, args: asked });
  for (const warning of warnings) context.note(warning);
  return settings;
}

/** Makes what a tool needs; the line that tells how far it is goes with it. */
export async function withWork<T>(
  args: Arguments,
  context: CommandContext,
  use: (work: ClusterWork) => Promise<T>,
): Promise<T> {
  const settings = await readClusterSettings(args, context);
  using progress = new Progress(context, "bytes");
  const { signal } = context;
  const note = (line: string) => context.note(line);
  const work = { settings, version: context.version, signal, note };
  try {
    return await use({ ...work, progress: (bytes, of) => progress.show(bytes, of) });
  } catch (cause) {
    if (!signal.aborted) throw cause;
    throw new CommandError("Stopped before it was done", { cause, exitCode: 130 });
  }
}

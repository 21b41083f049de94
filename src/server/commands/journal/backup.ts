import type { BackupInfo } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { withBroker } from "../connecting/broker_connection.ts";
import { CONNECTION_FLAGS } from "../connecting/broker_flags.ts";
import { Progress } from "../output/progress.ts";
import { formatBytes } from "../output/quantities.ts";
import { copyBackup } from "./backup_copy.ts";
import type { BackupTarget } from "./backup_target.ts";
import type { Manifest } from "./manifest.ts";
import { TarTarget } from "./tar_target.ts";
import { TargetDirectory } from "./target_directory.ts";

/** `backup`: copies the journal of a running broker. */
export const backup: CommandBody = {
  examples: [
    "backup /backup/monday",
    "backup --to - --server smqs://mq.example.com | gzip > monday.tar.gz",
  ],
  flags: [
    { name: "to", value: "-", about: "Writes a tar archive to standard output" },
    { name: "no-verify", about: "Does not read the copy again to check it" },
    { name: "json", about: "Prints the manifest, for programs" },
    ...CONNECTION_FLAGS,
  ],
  words: [0, 1],
  details:
    "The directory is new, or empty. Everything that was confirmed before the backup began is\n" +
    'in it; "restore" makes a journal of it. It needs a user with the permission admin.',
  async run(args, context) {
    const directory = readTarget(args);
    return await withBroker(
      { command: "backup", isEndless: true, standby: true },
      args,
      context,
      async ({ cursor, signal }) => {
        using progress = new Progress(context, "bytes");
        const manifest = await copyBackup({
          cursor,
          openTarget: (info) => openTarget(directory, info, context),
          program: context.version,
          signal,
          progress: (bytes, of) => progress.show(bytes, of),
        });
        return await report(manifest, directory, args, context);
      },
    );
  },
};

/** The directory; `undefined` for standard output. */
function readTarget(args: Arguments): string | undefined {
  const [directory] = args.words;
  const to = args.find("to");
  if (to !== undefined && to !== "-") {
    throw new CommandError(
      'Cannot run "backup": --to: allowed is -, for standard output; a directory is named without it',
    );
  }
  if ((directory === undefined) !== (to === undefined)) return directory;
  throw new CommandError('Cannot run "backup": allowed is a directory, or --to -');
}

async function openTarget(
  directory: string | undefined,
  { at }: BackupInfo,
  context: CommandContext,
): Promise<BackupTarget> {
  if (directory !== undefined) return await TargetDirectory.open(directory, "back up to");
  if (context.isTerminal) {
    throw new CommandError(
      'Cannot run "backup": standard output is a terminal; write it to a file, or to a pipe',
    );
  }
  return new TarTarget(async (bytes) => {
    try {
      await context.writeBytes(bytes);
    } catch (cause) {
      if (!(cause instanceof Error) || cause instanceof Deno.errors.NotCapable) throw cause;
      throw new CommandError(
        `Cannot write the archive to standard output: ${cause.message}; it is not complete`,
        { cause, exitCode: ExitCode.fault },
      );
    }
  }, at);
}

/** Tells what was copied, and checks it. */
async function report(
  manifest: Manifest,
  directory: string | undefined,
  args: Arguments,
  context: CommandContext,
): Promise<ExitCode> {
  const { files, at, segment, offset } = manifest;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const line = `copied ${files.length} files, ${formatBytes(bytes)}: everything confirmed before ` +
    `${at}, up to ${segment} at offset ${offset}`;
  if (directory === undefined) {
    context.note(line);
    return ExitCode.stopped;
  }
  const isJson = args.has("json");
  const tell = (text: string) => isJson ? context.note(text) : context.print(`${text}\n`);
  tell(line);
  if (isJson) context.print(`${JSON.stringify(manifest)}\n`);
  if (args.has("no-verify")) return ExitCode.stopped;
  const { journal } = await context.loadProgram();
  const { isUsable, lines } = await journal.verify(directory);
  if (isUsable) {
    tell(`verified: everything is in order; "restore ${directory}" makes a journal of it`);
    return ExitCode.stopped;
  }
  for (const fault of lines) context.note(fault);
  context.note(
    "The copy is as the broker's journal is, and that is damaged: look at the broker's own directory with " +
      '"verify".',
  );
  return ExitCode.damaged;
}

import { ExitCode } from "../../process/exit_code.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandBody, type CommandContext, CommandError } from "../command.ts";
import { Progress } from "../output/progress.ts";
import { formatBytes } from "../output/quantities.ts";
import { readDirectoryFiles, readTarFiles, type SourceFile } from "./backup_source.ts";
import { isBackupFileName, type Manifest, MANIFEST_NAME } from "./manifest.ts";
import { damaged, parseManifest, restoreBackup } from "./restoration.ts";

/** `restore`: makes a journal of a backup. */
export const restore: CommandBody = {
  examples: [
    "restore /backup/monday --to /var/lib/simplemq",
    "restore - --to /var/lib/simplemq < monday.tar",
  ],
  flags: [
    {
      name: "to",
      value: "<directory>",
      about: "The journal's directory, new or empty; always needed",
    },
    {
      name: "without-manifest",
      about: "Takes a journal's directory that was copied without a broker,\n" +
        "or a snapshot of one: only the journal's own checksums are checked",
    },
    { name: "json", about: "Prints the manifest, for programs" },
  ],
  words: [1, 1],
  details:
    "The backup is a directory, or - for a tar archive on standard input. It stays as it is, and\n" +
    "nothing that exists is overwritten.",
  async run(args, context) {
    const [from = ""] = args.words;
    const to = args.find("to");
    if (to === undefined) {
      throw new CommandError(
        'Cannot run "restore": --to is missing, allowed a new or empty directory for the journal',
      );
    }
    const isUnlisted = args.has("without-manifest");
    const { journal } = await context.loadProgram();
    const source = from === "-"
      ? { files: readTarFiles(context.readInput()), manifest: undefined }
      : await openDirectory(from, isUnlisted, async () => (await journal.verify(from)).isUsable);
    using progress = new Progress(context, "bytes");
    const restored = await restoreBackup({
      from: from === "-" ? "the archive" : `"${from}"`,
      ...source,
      isUnlisted,
      to,
      signal: context.signal,
      verify: async (directory) => {
        const { isUsable, lines } = await journal.verify(directory);
        return isUsable ? [] : lines;
      },
      progress: (bytes) => progress.show(bytes),
    });
    const bytes = restored.files.reduce((sum, file) => sum + file.bytes, 0);
    report({ manifest: restored.manifest, to, bytes }, args, context);
    return ExitCode.stopped;
  },
};

/** Looks at all files before the first one is copied; throws with all that is wrong. */
async function openDirectory(
  path: string,
  isUnlisted: boolean,
  isUsable: () => Promise<boolean>,
): Promise<{ files: AsyncIterable<SourceFile>; manifest: Manifest | undefined }> {
  const from = `"${path}"`;
  const sizes = await listSizes(path);
  const hasManifest = sizes.has(MANIFEST_NAME);
  if (!hasManifest && !isUnlisted) {
    throw damaged(from, [
      `it has no ${MANIFEST_NAME}: it is no backup, or one that was not finished; ` +
      "allowed --without-manifest for a copy of a journal that no broker was writing to",
    ]);
  }
  if (!hasManifest) {
    const names = [...sizes.keys()].filter(isBackupFileName).sort();
    if (!names.some((name) => name !== "closed")) throw damaged(from, ["there is no journal"]);
    if (!await isUsable()) {
      throw damaged(from, [`the journal is damaged; "verify ${path}" tells more`]);
    }
    return { files: readDirectoryFiles(path, names), manifest: undefined };
  }
  const manifest = parseManifest(from, await Deno.readTextFile(`${path}/${MANIFEST_NAME}`));
  const mistakes = manifest.files.flatMap(({ name, bytes }) => {
    const found = sizes.get(name);
    if (found === undefined) return [`"${name}" is missing`];
    return found === bytes ? [] : [`"${name}" has ${found} bytes, ${bytes} are listed`];
  });
  if (mistakes.length > 0) throw damaged(from, mistakes);
  return { files: readDirectoryFiles(path, manifest.files.map(({ name }) => name)), manifest };
}

/** The plain files of a directory, with their sizes. */
async function listSizes(path: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  try {
    for await (const { name, isFile } of Deno.readDir(path)) {
      if (isFile) sizes.set(name, (await Deno.stat(`${path}/${name}`)).size);
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound || cause instanceof Deno.errors.NotADirectory)) {
      throw cause;
    }
    throw new CommandError(
      `Cannot restore "${path}": there is no such directory; allowed a backup, or - for an archive`,
      { cause, exitCode: ExitCode.notFound },
    );
  }
  return sizes;
}

/** Tells what is there now, and what comes next. */
function report(
  { manifest, to, bytes }: {
    readonly manifest: Manifest | undefined;
    readonly to: string;
    readonly bytes: number;
  },
  args: Arguments,
  context: CommandContext,
): void {
  if (args.has("json")) {
    context.print(`${JSON.stringify({ directory: to, bytes, manifest: manifest ?? null })}\n`);
    return;
  }
  const what = manifest === undefined
    ? "the end of the journal"
    : `${manifest.at}, ${manifest.segment} at offset ${manifest.offset}`;
  const lines = [
    `restored ${formatBytes(bytes)} to ${to}, up to ${what}; everything is in order`,
    `Next: give ${to} to the user of the broker, and start it with --storage-directory ${to}.`,
    "Stop the broker that the backup is of, for good: two brokers on copies of one journal give the",
    "same ids to different messages. What was handled after the backup is delivered again.",
  ];
  context.print(lines.map((line) => `${line}\n`).join(""));
}

import { dirname } from "node:path";
import { CommandError } from "./command.ts";

/** Writes a text to an open file, all of it. */
export async function writeAll(file: Deno.FsFile, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) {
    written += await file.write(bytes.subarray(written));
  }
}

/** A directory that is open, so that its names can be made durable. */
export class OpenDirectory implements Disposable {
  readonly #file: Deno.FsFile | undefined;

  private constructor(file: Deno.FsFile | undefined) {
    this.#file = file;
  }

  /** Opens it; to be called first: without the permission for that nothing is changed. */
  static async open(path: string): Promise<OpenDirectory> {
    // Windows opens no directories, and needs no such thing.
    return new OpenDirectory(Deno.build.os === "windows" ? undefined : await Deno.open(path));
  }

  /** Makes the names in it durable. */
  async flush(): Promise<void> {
    try {
      await this.#file?.sync();
    } catch {
      // Some file systems cannot; what was changed is there all the same.
    }
  }

  [Symbol.dispose](): void {
    this.#file?.close();
  }
}

/** Creates a file; throws `AlreadyExists` if it is there. */
export async function createFile(path: string, text: string, mode: number): Promise<void> {
  using directory = await OpenDirectory.open(dirname(path));
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  try {
    await writeAll(file, text);
    await file.sync();
  } catch (error) {
    await Deno.remove(path).catch(() => {});
    throw error;
  }
  await directory.flush();
}

/** A file that is to be written. */
export interface FileText {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/**
 * Writes files of one directory in place of earlier ones: a reader of one of them sees the old text or
 * the new one, also after a crash. They change at almost the same time, and keep their owners.
 */
export async function replaceFiles(directory: string, files: readonly FileText[]): Promise<void> {
  using folder = await OpenDirectory.open(directory);
  const temporaries: string[] = [];
  try {
    for (const { path, text, mode } of files) {
      const temporary = `${path}.new`;
      await Deno.remove(temporary).catch(() => {});
      await createFile(temporary, text, mode);
      temporaries.push(temporary);
      await keepOwner(path, temporary);
    }
    for (const { path } of files) await Deno.rename(`${path}.new`, path);
  } catch (error) {
    for (const temporary of temporaries) await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await folder.flush();
}

/**
 * Gives a new file the owner of the one that it is to replace: the broker may run as another user of the
 * system than the one who edits its files.
 */
export async function keepOwner(path: string, temporary: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  const old = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  const own = await Deno.stat(temporary);
  if (old === undefined || old.uid === own.uid && old.gid === own.gid) return;
  try {
    await Deno.chown(temporary, old.uid, old.gid);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new CommandError(
      `Cannot change ${path}: it belongs to user ${old.uid} and group ${old.gid}, and the broker ` +
        "may not be able to read it after that; run the command as that user",
      { cause },
    );
  }
}

/** Reads a text; `undefined` if there is no such file. */
export async function readFileIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

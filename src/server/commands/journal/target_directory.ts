import { dirname, resolve } from "node:path";
import type { BackupFile } from "../../../../protocol.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { CommandError } from "../command.ts";
import { OpenDirectory } from "../files.ts";
import type { BackupTarget } from "./backup_target.ts";
import { MANIFEST_NAME } from "./manifest.ts";

/** The end of the name of a file that is not complete. */
const PART = ".part";

/**
 * So many bytes are flushed at a time: on the disk of a broker, its own flushes wait for all that is to be
 * written there.
 */
const FLUSH_BYTES = 4 * 1024 * 1024;

/** Only the user who runs the command may read what is written. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * A new directory, or one that was empty. Files get their names when all of them are flushed, one after the
 * other. A broker that finds the directory after a crash in between does not take some of it for all.
 */
export class TargetDirectory implements BackupTarget {
  readonly path: string;
  readonly #isNew: boolean;
  /** Until everything has its name. */
  #folder: OpenDirectory | undefined;
  /** The names of the complete files; as many as a backup has. */
  readonly #names: string[] = [];
  /** How many of them have their own name. */
  #namedCount = 0;
  #unflushed = 0;
  #current: { readonly name: string; readonly file: Deno.FsFile } | undefined;

  private constructor(path: string, isNew: boolean, folder: OpenDirectory) {
    this.path = path;
    this.#isNew = isNew;
    this.#folder = folder;
  }

  /** Creates it, or takes an empty one; throws if it has anything in it. */
  static async open(path: string, action: string): Promise<TargetDirectory> {
    const isNew = await createDirectory(path, action);
    if (!isNew) await requireEmpty(path, action);
    return new TargetDirectory(path, isNew, await OpenDirectory.open(path));
  }

  async begin({ name }: BackupFile): Promise<void> {
    const options = { write: true, createNew: true, mode: FILE_MODE };
    const file = await this.#try(() => Deno.open(`${this.path}/${name}${PART}`, options));
    this.#current = { name, file };
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { file } = this.#current!;
    await this.#try(async () => {
      for (let written = 0; written < bytes.length;) {
        written += await file.write(bytes.subarray(written));
      }
      this.#unflushed += bytes.length;
      if (this.#unflushed < FLUSH_BYTES) return;
      this.#unflushed = 0;
      await file.syncData();
    });
  }

  async end(): Promise<void> {
    const { name, file } = this.#current!;
    await this.#try(() => file.sync());
    file.close();
    this.#names.push(name);
    this.#current = undefined;
  }

  async finish(manifest?: string): Promise<void> {
    if (manifest !== undefined) {
      await this.begin({ name: MANIFEST_NAME, bytes: manifest.length });
      await this.write(new TextEncoder().encode(manifest));
      await this.end();
    }
    for (const name of this.#sort()) {
      await this.#try(() => Deno.rename(`${this.path}/${name}${PART}`, `${this.path}/${name}`));
      this.#namedCount++;
      await this.#folder?.flush();
    }
    this.#close();
    if (this.#isNew) await flushDirectory(dirname(resolve(this.path)));
  }

  async abandon(): Promise<void> {
    this.#current?.file.close();
    const named = this.#sort().slice(0, this.#namedCount).reverse();
    const parts = [...this.#names, ...this.#current === undefined ? [] : [this.#current.name]];
    const paths = [...named, ...parts.map((name) => `${name}${PART}`)];
    for (const path of paths) await Deno.remove(`${this.path}/${path}`).catch(() => {});
    this.#close();
    if (this.#isNew) await Deno.remove(this.path).catch(() => {});
  }

  #close(): void {
    this.#folder?.[Symbol.dispose]();
    this.#folder = undefined;
  }

  /** The mark of the journal's end first, then the segments, oldest first, then the manifest. */
  #sort(): string[] {
    const rank = (name: string) => name === "closed" ? 0 : name === MANIFEST_NAME ? 2 : 1;
    return this.#names.toSorted((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
  }

  /** Does something with a file; a failure tells where, and that nothing is left. */
  async #try<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new CommandError(
        `Cannot write to "${this.path}": ${why}; what was written is removed again`,
        { cause, exitCode: ExitCode.fault },
      );
    }
  }
}

/** Creates a directory; returns whether it was not there. */
async function createDirectory(path: string, action: string): Promise<boolean> {
  try {
    await Deno.mkdir(path, { mode: DIRECTORY_MODE });
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return false;
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new CommandError(
      `Cannot ${action} "${path}": the directory above it is not there; create it first`,
      { cause },
    );
  }
}

async function requireEmpty(path: string, action: string): Promise<void> {
  const allowed = "allowed is a new directory, or an empty one";
  const { isDirectory } = await Deno.stat(path);
  if (!isDirectory) throw new CommandError(`Cannot ${action} "${path}": it is a file, ${allowed}`);
  for await (const { name } of Deno.readDir(path)) {
    throw new CommandError(
      `Cannot ${action} "${path}": found "${name}" in it, ${allowed}; nothing is overwritten`,
    );
  }
}

async function flushDirectory(path: string): Promise<void> {
  try {
    using directory = await OpenDirectory.open(path);
    await directory.flush();
  } catch {
    // Without permission to read it, the system flushes it when it likes.
  }
}

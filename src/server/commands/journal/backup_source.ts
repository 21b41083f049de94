import { CommandError } from "../command.ts";
import { ExitCode } from "../../process/exit_code.ts";
import { readTarHead, TAR_BLOCK_BYTES } from "./tar_head.ts";

/** The bytes that are read at a time. */
const PIECE_BYTES = 1024 * 1024;

/** A file that is read. */
export interface SourceFile {
  readonly name: string;
  /** Its bytes, in pieces; valid until the next one is asked for. */
  readonly pieces: AsyncIterable<Uint8Array>;
}

/** Reads files of a directory. */
export async function* readDirectoryFiles(
  path: string,
  names: Iterable<string>,
): AsyncGenerator<SourceFile> {
  for (const name of names) {
    using file = await Deno.open(`${path}/${name}`);
    yield { name, pieces: readPieces(file) };
  }
}

async function* readPieces(file: Deno.FsFile): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (;;) {
    const count = await file.read(buffer);
    if (count === null || count === 0) return;
    yield buffer.subarray(0, count);
  }
}

/** Reads the files of a tar archive, in the order in which they come. */
export async function* readTarFiles(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<SourceFile> {
  const input = new TarInput(stream);
  for (;;) {
    const block = await input.take(TAR_BLOCK_BYTES);
    if (block.length < TAR_BLOCK_BYTES) throw damaged("it ends too early");
    const head = readTarHead(block);
    if (typeof head === "string") throw damaged(head);
    if (head === undefined) return await input.finish();
    const { name, bytes, kind } = head;
    if (kind === "file") yield { name, pieces: input.read(bytes) };
    else for await (const _ of input.read(bytes));
    await input.take((TAR_BLOCK_BYTES - bytes % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES);
  }
}

/** Bytes of a stream, so many at a time. */
class TarInput {
  readonly #stream: AsyncIterator<Uint8Array>;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#stream = stream[Symbol.asyncIterator]();
  }

  /** The next bytes, fewer if the stream ends. */
  async take(count: number): Promise<Uint8Array> {
    const taken = new Uint8Array(count);
    let length = 0;
    for await (const piece of this.#pieces(count)) {
      taken.set(piece, length);
      length += piece.length;
    }
    return taken.subarray(0, length);
  }

  /** So many bytes, in pieces; throws if the stream ends before. */
  async *read(count: number): AsyncGenerator<Uint8Array> {
    let left = count;
    for await (const piece of this.#pieces(count)) {
      left -= piece.length;
      yield piece;
    }
    if (left > 0) throw damaged("it ends too early");
  }

  /** Reads the rest, so that whoever writes is not stopped. */
  async finish(): Promise<void> {
    while (!(await this.#stream.next()).done);
  }

  async *#pieces(count: number): AsyncGenerator<Uint8Array> {
    for (let left = count; left > 0;) {
      if (this.#bytes.length === 0) {
        const { value, done } = await this.#stream.next();
        if (done) return;
        this.#bytes = value;
      }
      const piece = this.#bytes.subarray(0, left);
      this.#bytes = this.#bytes.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
}

function damaged(why: string): CommandError {
  return new CommandError(
    `Cannot read the archive on standard input: ${why}`,
    { exitCode: ExitCode.damaged },
  );
}

import { createToken, hashToken } from "../../access/users/token.ts";
import type { TokenEntry } from "../../access/users/users_file.ts";
import { formatDate } from "../../date_text.ts";
import type { Arguments } from "../arguments.ts";
import { type CommandContext, CommandError } from "../command.ts";
import { createFile } from "../files.ts";

/** A token that is being given out: once, to the one place that was asked for. */
export class TokenOutlet {
  readonly #token = createToken();
  readonly #file: string | undefined;
  readonly #context: CommandContext;

  /** Throws a {@linkcode CommandError} if the token could go nowhere, or to two places. */
  constructor(args: Arguments, context: CommandContext, command: string) {
    this.#file = args.find("token-file");
    this.#context = context;
    const isPrinted = args.has("print");
    if (this.#file !== undefined && isPrinted) {
      throw new CommandError(
        `Cannot run "${command}": allowed is one of --print and --token-file`,
      );
    }
    if (this.#file === undefined && !isPrinted && !context.isTerminal) {
      throw new CommandError(
        `Cannot run "${command}": the output is no terminal, and the token would be where others ` +
          "may read it; allowed --token-file <file>, or --print to print it all the same",
      );
    }
  }

  /** What the file of users has of the token. */
  entry({ label, expires }: Pick<TokenEntry, "label" | "expires">): TokenEntry {
    const created = formatDate(this.#context.now());
    return { sha256: hashToken(this.#token), label, created, expires };
  }

  /**
   * Gives the token out if a change succeeds. Its file is written before: nobody may have a token that
   * is nowhere.
   */
  async giveAfter<T>(change: () => Promise<T>): Promise<T> {
    const file = this.#file;
    if (file !== undefined) await this.#write(file);
    let result: T;
    try {
      result = await change();
    } catch (error) {
      if (file !== undefined) await Deno.remove(file).catch(() => {});
      throw error;
    }
    if (file === undefined) this.#print();
    return result;
  }

  #print(): void {
    try {
      this.#context.print(`${this.#token}\n`);
    } catch (cause) {
      throw new CommandError(
        `The token could not be printed: ${cause instanceof Error ? cause.message : cause}; ` +
          '"user rotate <name> --revoke-others" makes another one in its place',
        { cause },
      );
    }
  }

  /** Tells how a client shows the token. */
  explain(): void {
    const { note } = this.#context;
    if (this.#file === undefined) {
      note("The token is told only this once. Clients take it from SIMPLEMQ_TOKEN, or as token.");
    } else {
      note(
        `The token is in ${this.#file}. Clients take it from SIMPLEMQ_TOKEN_FILE, or tokenFile.`,
      );
    }
  }

  async #write(file: string): Promise<void> {
    try {
      await createFile(file, `${this.#token}\n`, 0o600);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotCapable || !(cause instanceof Error)) throw cause;
      const why = cause instanceof Deno.errors.AlreadyExists
        ? "it is there already; name another file, or remove it"
        : cause.message;
      throw new CommandError(`Cannot write the token into ${file}: ${why}`, { cause });
    }
  }
}

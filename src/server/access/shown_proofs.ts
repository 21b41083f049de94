import { LoginRefusal } from "./login_refusal.ts";
import { NOBODYS_HASH, PASSWORD_BYTES_MAX, verifyPassword } from "./users/password.ts";
import { PasswordQueue } from "./users/password_queue.ts";
import type { UserTable } from "./users/user_table.ts";

/** What a user of the page has shown once; it holds as long as the file of users has it. */
export interface Proven {
  /** The name of the user. */
  readonly user: string;
  /** The hash of the token that was shown. */
  readonly tokenHash?: string | undefined;
  /** The hash of the password that was shown. */
  readonly passwordHash?: string | undefined;
}

/** The one answer to everything wrong: what of it is wrong is not told. */
const REFUSED = "Cannot log in: the token, or the user and the password, are not valid";

/** The answer to a session of the page whose token or password is gone from the file. */
export const PROVEN_NO_MORE = "Cannot log in: the token or the password is no longer valid";

/** Checks tokens and passwords that users of the page show; each is shown once for a session. */
export class ShownProofs {
  readonly #users: UserTable | undefined;
  readonly #dateNow: () => number;
  readonly #queue = new PasswordQueue();

  /**
   * @param users The users, if there are any.
   * @param dateNow The calendar's time, by which tokens expire.
   */
  constructor(users: UserTable | undefined, dateNow: () => number) {
    this.#users = users;
    this.#dateNow = dateNow;
  }

  /** Whether there are users. */
  get hasUsers(): boolean {
    return this.#users !== undefined;
  }

  /** Whether any user has a password. */
  get hasPasswords(): boolean {
    return this.#users?.hasPasswords ?? false;
  }

  /** How many checks of passwords are waiting, the one under way included. */
  get waitingCount(): number {
    return this.#queue.count;
  }

  /**
   * Finds the user of a token.
   *
   * @throws {LoginRefusal} If there is none.
   */
  proveToken(token: string): Proven {
    const found = this.#users?.findToken(token, this.#dateNow());
    if (found !== undefined) return { user: found.user.name, tokenHash: found.hash };
    throw new LoginRefusal(REFUSED, "the token is unknown or has expired", "token");
  }

  /**
   * Checks a password, when those before have been checked. It takes the same time whether there is such a
   * user or not.
   *
   * @param network Where it comes from.
   * @throws {PasswordQueueFull} If too many wait.
   * @throws {LoginRefusal} If the user or the password is wrong.
   */
  async provePassword(user: string, password: string, network: string): Promise<Proven> {
    // A long one would take more time, and is none that a command has stored.
    const isPossible = password.length <= PASSWORD_BYTES_MAX;
    const passwordHash = this.#users?.findPassword(user);
    const isRight = await this.#queue.run(
      network,
      () => verifyPassword(isPossible ? password : "", passwordHash ?? NOBODYS_HASH),
    );
    if (isRight && isPossible && passwordHash !== undefined) return { user, passwordHash };
    throw new LoginRefusal(REFUSED, "the user or the password is wrong", "password");
  }
}

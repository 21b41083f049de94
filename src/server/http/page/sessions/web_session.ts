import type { BrokerError } from "../../../../../protocol.ts";
import type { Access, Login } from "../../../access/access.ts";
import type { Proven } from "../../../access/shown_proofs.ts";

/** Hears of the end of a session, and of changed permissions. */
export interface SessionWatcher {
  /** The session is over, for a reason in words. */
  ended(reason: string): void;
  /** Its user may do something else now. */
  changed(): void;
}

/** The session of a user who has logged in on the page. It holds as long as what was shown does. */
export class WebSession implements Login {
  readonly address: string;
  readonly openedAt: number;
  /** When a request was made last. */
  seenAt: number;
  readonly #access: Access;
  readonly #proven: Proven;
  readonly #onEnd: (session: WebSession) => void;
  readonly #watchers = new Set<SessionWatcher>();
  #login: Login;
  #isOver = false;

  /**
   * @param parts Who has logged in, from where, and who hears of the end.
   * @throws {BrokerError} If what was shown does not hold any more.
   */
  constructor(parts: {
    readonly access: Access;
    readonly proven: Proven;
    readonly address: string;
    readonly now: number;
    readonly onEnd: (session: WebSession) => void;
  }) {
    this.address = parts.address;
    this.openedAt = parts.now;
    this.seenAt = parts.now;
    this.#access = parts.access;
    this.#proven = parts.proven;
    this.#onEnd = parts.onEnd;
    this.#login = this.#logIn();
  }

  get user(): Login["user"] {
    return this.#login.user;
  }

  get engine(): Login["engine"] {
    return this.#login.engine;
  }

  get tokenName(): string | undefined {
    return this.#login.tokenName;
  }

  /** Tells of the end and of changes, until the returned function is called. */
  watch(watcher: SessionWatcher): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** The page ends its sessions itself: the end of a request is none. */
  end(): void {}

  /** Ends the session for good. */
  close(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#login.end();
    this.#onEnd(this);
    for (const watcher of [...this.#watchers]) watcher.ended(reason);
    this.#watchers.clear();
  }

  #logIn(): Login {
    return this.#access.login({ proven: this.#proven }, (error) => this.#renew(error));
  }

  /** What was shown does not hold any more; or the engine has to be another one, since permissions have changed. */
  #renew(error: BrokerError | undefined): void {
    if (this.#isOver) return;
    if (error !== undefined) return this.close(error.message);
    try {
      this.#login.end();
      this.#login = this.#logIn();
    } catch (cause) {
      return this.close(cause instanceof Error ? cause.message : String(cause));
    }
    for (const watcher of this.#watchers) watcher.changed();
  }
}

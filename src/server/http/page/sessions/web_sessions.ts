import { createHash, randomBytes } from "node:crypto";
import type { Access } from "../../../access/access.ts";
import type { LoginGuard } from "../../../access/login_guard.ts";
import type { Proven } from "../../../access/shown_proofs.ts";
import { WebSession } from "./web_session.ts";

/** How many sessions there are at most, of all users and of one. */
const SESSIONS_MAX = 1000;
const USER_SESSIONS_MAX = 16;

/** How long a session lasts, and how long without a request, in milliseconds. */
const LIFE_MS = 8 * 60 * 60_000;
const IDLE_MS = 30 * 60_000;

/** The random part of an id, in bytes. */
const ID_BYTES = 32;

/** What the sessions need of the broker. */
export interface WebSessionsParts {
  readonly access: Access;
  readonly loginGuard: LoginGuard;
  readonly now: () => number;
}

/**
 * The sessions of the page, in memory only: a restart ends them. Only hashes of their ids are kept, so
 * that nobody becomes a user by reading them.
 */
export class WebSessions {
  readonly #parts: WebSessionsParts;
  /** By the hashes of their ids; the one that was used longest ago comes first. */
  readonly #sessions = new Map<string, WebSession>();

  constructor(parts: WebSessionsParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#sessions.size;
  }

  /**
   * Opens a session for a user who has shown a token or a password.
   *
   * @returns Its id, which only the browser keeps.
   * @throws {BrokerError} If what was shown does not hold any more.
   */
  open(proven: Proven, address: string): { readonly id: string; readonly session: WebSession } {
    const { access, loginGuard, now } = this.#parts;
    const id = randomBytes(ID_BYTES).toString("base64url");
    const hash = hashId(id);
    const session = new WebSession({
      access,
      proven,
      address,
      now: now(),
      onEnd: () => {
        this.#sessions.delete(hash);
        loginGuard.noteLogout(address, now());
      },
    });
    loginGuard.noteLogin(address);
    this.#sessions.set(hash, session);
    this.#makeRoom(session.user.name);
    return { id, session };
  }

  /** Finds the session of an id, and notes its use. */
  find(id: string): WebSession | undefined {
    const hash = hashId(id);
    const session = this.#sessions.get(hash);
    if (session === undefined) return undefined;
    const now = this.#parts.now();
    if (isOver(session, now)) {
      session.close("The session is over: log in again");
      return undefined;
    }
    session.seenAt = now;
    this.#sessions.delete(hash);
    this.#sessions.set(hash, session);
    return session;
  }

  /** Ends the sessions whose time is over. */
  tick(now: number): void {
    for (const session of [...this.#sessions.values()]) {
      if (isOver(session, now)) session.close("The session is over: log in again");
    }
  }

  /** The broker stops. */
  close(): void {
    for (const session of [...this.#sessions.values()]) {
      session.close("The broker is being stopped");
    }
  }

  /** Ends the sessions that were used longest ago: of the user first, then of all. */
  #makeRoom(user: string): void {
    const own = [...this.#sessions.values()].filter((session) => session.user.name === user);
    const [oldest] = own.length > USER_SESSIONS_MAX ? own : this.#sessions.values();
    if (own.length <= USER_SESSIONS_MAX && this.#sessions.size <= SESSIONS_MAX) return;
    oldest?.close("The session is over: there are too many newer ones");
  }
}

function isOver({ openedAt, seenAt }: WebSession, now: number): boolean {
  return now - openedAt >= LIFE_MS || now - seenAt >= IDLE_MS;
}

function hashId(id: string): string {
  return createHash("sha256").update(id).digest("base64");
}

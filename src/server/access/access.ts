import { BrokerError } from "../../../protocol.ts";
import type { Engine } from "../../broker/engine.ts";
import type { Log } from "../log.ts";
import { Audit } from "./audit.ts";
import { GuardedEngine } from "./guarded_engine.ts";
import { LoginRefusal } from "./login_refusal.ts";
import { type Proven, PROVEN_NO_MORE, ShownProofs } from "./shown_proofs.ts";
import { refuse } from "./refusal.ts";
import { User } from "./user.ts";
import { nameToken } from "./users/token.ts";
import type { FoundToken, UserTable } from "./users/user_table.ts";
import type { UsersFile } from "./users/users_file.ts";

/** What a client shows when its session begins. */
export interface Credentials {
  readonly token?: string | undefined;
  /** The names in the client's certificate, which TLS has checked. */
  readonly certificateNames?: readonly string[] | undefined;
  /** How long that certificate is valid. */
  readonly certificate?: ShownCertificate | undefined;
  /** Set for a session inside the broker's process. */
  readonly inProcess?: InProcess | undefined;
  /** Set for a session of the page: what its user has shown before. */
  readonly proven?: Proven | undefined;
}

/** A client's certificate, which TLS has checked. */
export interface ShownCertificate {
  /** When it ends, in milliseconds since 1970. */
  readonly endsAt: number;
  /** Whether its authority is still trusted; undefined if only another handshake of TLS can tell. */
  isTrusted(): boolean | undefined;
}

/** A session inside the broker's process. */
export interface InProcess {
  /** The user that the program names; by default it is the one who may do everything. */
  readonly user?: string | undefined;
}

/** Tells a client why its session ends; without an error it is just disconnected, and may come back. */
export type EndSession = (error?: BrokerError) => void;

/** A session's user, and what the user may use. */
export interface Login {
  readonly user: User;
  /** The engine as the user may use it: the bare one if the user may do everything. */
  readonly engine: Engine;
  /** The name of the token that was shown, as `user ls` has it. */
  readonly tokenName?: string | undefined;
  /** The session has ended. */
  end(): void;
}

/** The parts of an {@linkcode Access}. */
export interface AccessParts {
  readonly engine: Engine;
  /** The users; without them everybody is `local`, who may do everything. */
  readonly users?: UserTable | undefined;
  readonly log: Log;
  /** The time in milliseconds, which never goes back. */
  readonly now: () => number;
  /** The calendar's time, by which tokens expire. */
  readonly dateNow: () => number;
  /** The most connections of the broker; without limit by default. */
  readonly connectionsMax?: number;
  /** Hears of the hash of each token that is used. */
  readonly noteUse?: (hash: string, now: number) => void;
}

/** The part of all connections that sessions without a credential may take. */
const ANONYMOUS_PART = 9 / 10;

/** The one answer to all wrong credentials: which part of them is wrong is not told. */
const REFUSED = "Cannot log in: the token or certificate is not valid";
const NOTHING_SHOWN =
  "Cannot log in: the broker has users, and no token (option token, SIMPLEMQ_TOKEN) or certificate was shown";

/** What makes a session its user's; the session ends when it is no longer valid. */
interface Proof {
  readonly user: User;
  readonly token?: FoundToken;
  readonly certificateNames?: readonly string[];
  /** The hash of the password that was shown. */
  readonly passwordHash?: string;
  /** Whether it is a session of the page, which is no connection. */
  readonly isPage?: boolean;
  /** What the client has shown, even if a token decides. */
  readonly certificate?: ShownCertificate | undefined;
}

/** A session that has a user. */
class OpenLogin implements Login {
  readonly engine: Engine;
  readonly proof: Proof;
  readonly close: EndSession;
  /** Undefined if the user may do everything. */
  readonly guarded: GuardedEngine | undefined;
  readonly #onEnd: (login: OpenLogin) => void;

  constructor(
    proof: Proof,
    engine: Engine,
    guarded: GuardedEngine | undefined,
    close: EndSession,
    onEnd: (login: OpenLogin) => void,
  ) {
    this.proof = proof;
    this.close = close;
    this.guarded = guarded;
    this.engine = guarded ?? engine;
    this.#onEnd = onEnd;
  }

  get user(): User {
    return this.proof.user;
  }

  get tokenName(): string | undefined {
    const { token } = this.proof;
    return token && nameToken(token.hash);
  }

  end(): void {
    this.guarded?.end();
    this.#onEnd(this);
  }
}

/** Finds the users of sessions, and ends sessions whose credentials are no longer valid. */
export class Access {
  /** Checks what users of the page show, at first. */
  readonly shown: ShownProofs;
  readonly #parts: AccessParts;
  readonly #users: UserTable | undefined;
  /** What is told of refusals. */
  readonly audit: Audit;
  readonly #local = User.local();
  /** The sessions of the users in the file. */
  readonly #logins = new Map<User, Set<OpenLogin>>();
  /** How many of them are of the page. */
  readonly #pageCounts = new Map<User, number>();
  /** The earliest time at which a token or a certificate of a session expires. */
  #expiresAt = Infinity;

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.#users = parts.users;
    this.audit = new Audit(parts.log, parts.now);
    this.shown = new ShownProofs(parts.users, parts.dateNow);
  }

  /** Whether every session needs a credential. */
  get needsCredential(): boolean {
    return this.#users !== undefined && this.#users.anonymous === undefined;
  }

  /** How many sessions have a user of the file, or a certificate. */
  get loginCount(): number {
    return this.#logins.values().reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Finds the user of a session.
   *
   * @param credentials What the client has shown.
   * @param close Ends the session later, when its user or token is no longer valid.
   * @throws {BrokerError} With code `UNAUTHORIZED`, as a {@linkcode LoginRefusal}, or
   * `TOO_MANY_CONNECTIONS`.
   */
  login(credentials: Credentials, close: EndSession): Login {
    const { certificate } = credentials;
    const proof = { ...this.#prove(credentials), certificate };
    const { user, token } = proof;
    if (user === this.#local && certificate === undefined) {
      return { user, engine: this.#parts.engine, end: () => {} };
    }
    if (certificate?.isTrusted() === false) {
      throw new LoginRefusal(
        REFUSED,
        "the authority of the certificate is no longer trusted",
        "certificate",
      );
    }
    const logins = this.#logins.get(user) ?? new Set();
    const pageCount = this.#pageCounts.get(user) ?? 0;
    if (proof.isPage) this.#pageCounts.set(user, pageCount + 1);
    else this.#checkCount(user, logins.size - pageCount);
    const { engine } = this.#parts;
    const guarded = isUnbounded(user) ? undefined : new GuardedEngine(engine, user, this.audit);
    const login = new OpenLogin(proof, engine, guarded, close, (one) => this.#forget(one));
    this.#logins.set(user, logins.add(login));
    this.#noteExpiry(proof);
    if (token !== undefined) {
      this.#parts.noteUse?.(token.hash, this.#parts.dateNow());
    }
    return login;
  }

  /** Throws `FORBIDDEN`, which is noted in the log, unless a user may read the broker's figures. */
  requireMetrics(user: User): void {
    if (user.permissions.hasMetrics) return;
    const refused = { verb: "metrics", action: "read the metrics", permission: "do that" };
    throw refuse(this.audit, user, refused);
  }

  /** Takes over a changed file: everything in it is in force when the call returns. */
  replace(file: UsersFile): void {
    const changed = this.#users?.replace(file) ?? new Set();
    this.#endInvalid();
    for (const user of changed) {
      for (const login of this.#logins.get(user) ?? []) this.#reconsider(login);
    }
  }

  /** Other authorities of certificates are trusted: ends the sessions of those that are not any more. */
  recheck(): void {
    this.#endInvalid();
  }

  /** Ends the sessions whose tokens or certificates have expired, and reports refusals. */
  tick(now: number): void {
    this.audit.tick(now);
    if (this.#parts.dateNow() >= this.#expiresAt) this.#endInvalid();
  }

  /** All sessions have ended. */
  end(): void {
    this.audit.end();
  }

  #checkCount(user: User, count: number): void {
    const most = this.#findMost(user);
    if (count < most) return;
    throw new BrokerError(
      "TOO_MANY_CONNECTIONS",
      `Cannot log in: user "${user.name}" has ${count} connections, allowed ${most}`,
    );
  }

  /** The most sessions of a user; those without a credential leave room for users. */
  #findMost(user: User): number {
    if (user !== this.#users?.anonymous) return user.limits.connections ?? Infinity;
    const { connectionsMax = Infinity } = this.#parts;
    return Math.max(1, Math.floor(connectionsMax * ANONYMOUS_PART));
  }

  #prove({ token, certificateNames = [], inProcess, proven }: Credentials): Proof {
    const users = this.#users;
    if (proven !== undefined) return this.#proveAgain(proven);
    if (token === undefined && inProcess !== undefined) return this.#proveInProcess(inProcess);
    if (users === undefined) return { user: this.#local };
    // A token decides: a wrong one is refused even where nobody needs one.
    if (token !== undefined) {
      const found = users.findToken(token, this.#parts.dateNow());
      if (found !== undefined) return { user: found.user, token: found };
      throw new LoginRefusal(REFUSED, "the token is unknown or has expired", "token");
    }
    const user = users.findCertificate(certificateNames);
    if (user !== undefined) return { user, certificateNames };
    if (users.anonymous !== undefined) return { user: users.anonymous };
    if (certificateNames.length === 0) {
      throw new LoginRefusal(NOTHING_SHOWN, "no token or certificate was shown", "nothing_shown");
    }
    throw new LoginRefusal(REFUSED, "no user, or not one only, has the certificate", "certificate");
  }

  #proveAgain({ user: name, tokenHash = "", passwordHash }: Proven): Proof {
    const token = this.#users?.findHash(tokenHash, this.#parts.dateNow());
    const user = this.#users?.find(name);
    if (user !== undefined && token?.user === user) return { user, token, isPage: true };
    const isSame = passwordHash !== undefined && this.#users?.findPassword(name) === passwordHash;
    if (user !== undefined && isSame) return { user, passwordHash, isPage: true };
    throw new LoginRefusal(PROVEN_NO_MORE, "what the user has shown is no longer valid", "token");
  }

  #proveInProcess({ user: name }: InProcess): Proof {
    if (name === undefined || name === this.#local.name) return { user: this.#local };
    const user = this.#users?.find(name);
    if (user !== undefined) return { user };
    const why = `there is no user "${name}"`;
    throw new LoginRefusal(`Cannot log in: ${why}`, why, "user");
  }

  /** Ends the sessions whose users, tokens or certificates are not valid any more. */
  #endInvalid(): void {
    this.#expiresAt = Infinity;
    for (const logins of this.#logins.values()) {
      for (const { proof, close } of logins) {
        const mistake = this.#findMistake(proof);
        if (mistake !== undefined) close(new BrokerError("UNAUTHORIZED", mistake));
        // When the client comes back, it shows all that is needed to verify its certificate.
        else if (proof.certificate && proof.certificate.isTrusted() === undefined) close();
        else this.#noteExpiry(proof);
      }
    }
  }

  #findMistake(proof: Proof): string | undefined {
    const { user, token, passwordHash, certificateNames, certificate } = proof;
    const users = this.#users;
    const why = `The session is ended: user "${user.name}"`;
    const wrongCertificate = `${why} has shown a certificate that is no longer valid`;
    if (certificate !== undefined) {
      const isOver = this.#parts.dateNow() >= certificate.endsAt;
      if (isOver || certificate.isTrusted() === false) return wrongCertificate;
    }
    if (user === this.#local) return undefined;
    if (users?.find(user.name) !== user) return `${why} is no longer valid`;
    if (token !== undefined) {
      const known = users.findHash(token.hash, this.#parts.dateNow());
      return known?.user === user ? undefined : `${why} has shown a token that is no longer valid`;
    }
    if (passwordHash !== undefined && users.findPassword(user.name) !== passwordHash) {
      return `${why} has shown a password that is no longer valid`;
    }
    if (certificateNames === undefined || users.findCertificate(certificateNames) === user) return;
    return wrongCertificate;
  }

  #reconsider({ user, guarded, close }: OpenLogin): void {
    // A session that was not guarded so far cannot be from now on.
    if (guarded === undefined) return isUnbounded(user) ? undefined : close();
    try {
      guarded.reconsider();
    } catch (error) {
      // After a fault this session has no permissions at all, and the next ones still lose theirs.
      this.#parts.log.error("cannot apply changed permissions", { user: user.name, error });
      close();
    }
  }

  #noteExpiry({ token, certificate }: Proof): void {
    const found = token && this.#users?.findHash(token.hash, this.#parts.dateNow());
    const { expiresAt = Infinity } = found ?? {};
    this.#expiresAt = Math.min(this.#expiresAt, expiresAt, certificate?.endsAt ?? Infinity);
  }

  #forget(login: OpenLogin): void {
    const logins = this.#logins.get(login.user);
    const pageCount = this.#pageCounts.get(login.user) ?? 0;
    if (logins?.delete(login) && login.proof.isPage) {
      if (pageCount > 1) this.#pageCounts.set(login.user, pageCount - 1);
      else this.#pageCounts.delete(login.user);
    }
    if (logins?.size === 0) this.#logins.delete(login.user);
  }
}

/** Whether a user may do everything, as often as wanted: then nothing needs to be checked. */
function isUnbounded({ permissions, limits }: User): boolean {
  return permissions.isAdmin && limits.streams === undefined && limits.storedBytes === undefined;
}

import type { BrokerError } from "../../../protocol.ts";
import type { Credentials, EndSession, Login } from "../access/access.ts";
import { LoginRefusal } from "../access/login_refusal.ts";
import type { LogFields } from "../log.ts";
import type { Caller } from "./speaker.ts";
import type { SessionContext } from "./session_context.ts";

/** The login of one session, and what is done about a client that is not let in. */
export class SessionLogin {
  readonly #caller: Caller;
  readonly #context: Pick<
    SessionContext,
    "access" | "loginGuard" | "log" | "now" | "counters"
  >;
  #login: Login | undefined;
  #isRefused = false;
  #hasPinged = false;
  /** Set while the client waits to be told that it is refused; called when the connection is closed. */
  #onGone: (() => void) | undefined;

  constructor(caller: Caller, context: SessionContext) {
    this.#caller = caller;
    this.#context = context;
  }

  /** Whether the session has a user. */
  get isDone(): boolean {
    return this.#login !== undefined;
  }

  /** The user's name, if the session has a user. */
  get userName(): string | undefined {
    return this.#login?.user.name;
  }

  /** Whether the client waits to be told that it is refused. */
  get isHeld(): boolean {
    return this.#onGone !== undefined;
  }

  /** Finds the user; throws `UNAUTHORIZED` or `TOO_MANY_CONNECTIONS`. */
  logIn(shown: Pick<Credentials, "token">, end: EndSession): void {
    const { inProcess, encryption, address } = this.#caller;
    const { access, loginGuard } = this.#context;
    const certificateNames = encryption?.certificateNames;
    const certificate = encryption?.certificate;
    this.#login = access.login({ ...shown, certificateNames, certificate, inProcess }, end);
    if (address !== undefined && this.#login.user.needsProof) loginGuard.noteLogin(address);
  }

  /** The user, and the engine as the user may use it. */
  require(): Login {
    if (this.#login !== undefined) return this.#login;
    throw new Error("Cannot use the engine: the session has no user yet");
  }

  /** Who the client is, for the log. */
  describe(): LogFields {
    const { encryption } = this.#caller;
    const [certificate] = encryption?.certificateNames ?? [];
    const { user: { name: user }, tokenName: token } = this.require();
    return { user, token, tls: encryption !== undefined, certificate };
  }

  /** Whether an error means that the client is not let in. */
  isRefusedBy({ code }: BrokerError): boolean {
    return code === "UNAUTHORIZED" && this.#login === undefined;
  }

  /**
   * Lets a client wait that is not let in, so that it does not come back at once.
   *
   * @param error Why it is not let in.
   * @param session The number of the session, for the log.
   * @returns Whether it is to be told; if not, its connection is to be closed.
   */
  async hold(error: BrokerError, session: number): Promise<boolean> {
    const { loginGuard, log, now, counters } = this.#context;
    const { address, peer } = this.#caller;
    counters.noteLoginFailure(error);
    const reason = error instanceof LoginRefusal ? error.reason : error.message;
    this.#isRefused = true;
    log.debug("login refused", { session, peer, reason });
    if (address === undefined) return true;
    loginGuard.noteFailure(address, now(), reason);
    const held = loginGuard.hold(now());
    if (held === undefined) return false;
    const gone = new Promise<void>((resolve) => this.#onGone = resolve);
    await Promise.race([held, gone]);
    this.#onGone = undefined;
    return true;
  }

  /** The client has asked only how the broker is, which needs no login, or has come to a standby. */
  notePing(): void {
    this.#hasPinged = true;
  }

  /** The connection is closed: a client that waits need not be told any more. */
  handleClosed(): void {
    this.#onGone?.();
  }

  /** Ends it; notes a user that leaves, or a client that had a handshake of TLS made and has shown nothing. */
  end(): void {
    this.#login?.end();
    const { address, encryption } = this.#caller;
    const { loginGuard, now } = this.#context;
    if (address === undefined || this.#isRefused) return;
    if (this.#login?.user.needsProof) loginGuard.noteLogout(address, now());
    else if (this.isDone || !encryption?.hasBegun) return;
    else if (this.#hasPinged) loginGuard.notePing(address, now());
    else loginGuard.noteUnfinished(address, now());
  }
}

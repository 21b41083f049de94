import { BrokerError } from "../../../protocol.ts";
import type { EndSession, Login } from "../access/access.ts";
import { LoginRefusal } from "../access/login_refusal.ts";
import type { Caller } from "../flow/speaker.ts";
import { HttpProblem } from "./http_problem.ts";
import type { HttpPage, HttpParts } from "./http_route.ts";

/** Whom a request is from. */
export interface FoundLogin {
  readonly login: Login;
  /** Ends it with the request; that of a cookie is the page's. */
  end(): void;
}

/** Finds the users of requests. */
export class HttpLogin {
  readonly #parts: HttpParts;
  readonly #page: HttpPage;

  constructor(parts: HttpParts, page: HttpPage) {
    this.#parts = parts;
    this.#page = page;
  }

  /**
   * Finds the user: by the token in the header `Authorization`, by a cookie, or by a client certificate.
   *
   * @param close Called if the login is no longer valid before the request is answered.
   * @throws {BrokerError} `UNAUTHORIZED` if nothing valid was shown, `TOO_MANY_CONNECTIONS`.
   */
  async find(request: Request, caller: Caller, close: EndSession): Promise<FoundLogin> {
    const { access } = this.#parts;
    const token = readToken(request.headers.get("authorization"));
    if (token === undefined) {
      const login = this.#page.identify(request, caller.address ?? "");
      if (login !== undefined) return { login, end: () => {} };
    }
    const { encryption, address } = caller;
    try {
      const certificateNames = encryption?.certificateNames;
      const certificate = encryption?.certificate;
      const login = access.login({ token, certificateNames, certificate }, close);
      this.#noteLogin(login, address);
      return {
        login,
        end: () => {
          login.end();
          this.#noteLogout(login, address);
        },
      };
    } catch (error) {
      // Who shows nothing has tried nothing: browsers and scrapers ask first.
      const isTried = token !== undefined || encryption?.certificate !== undefined;
      if (isTried) await this.#holdBack(error, caller);
      throw error instanceof LoginRefusal && !isTried ? explainNothing(error) : error;
    }
  }

  /** Finds the user where none is needed: undefined if nothing is shown; a wrong token is refused. */
  async findShown(
    request: Request,
    caller: Caller,
    close: EndSession,
  ): Promise<FoundLogin | undefined> {
    try {
      return await this.find(request, caller, close);
    } catch (error) {
      const isRefused = error instanceof BrokerError && error.code === "UNAUTHORIZED";
      if (!isRefused || request.headers.has("authorization")) throw error;
      return undefined;
    }
  }

  #noteLogin({ user }: Login, address: string | undefined): void {
    if (address !== undefined && user.needsProof) this.#parts.loginGuard.noteLogin(address);
  }

  #noteLogout({ user }: Login, address: string | undefined): void {
    const { loginGuard, now } = this.#parts;
    if (address !== undefined && user.needsProof) loginGuard.noteLogout(address, now());
  }

  /** Lets a client wait that has shown something wrong, so that it does not come back at once. */
  async #holdBack(error: unknown, { address, peer }: Caller): Promise<void> {
    if (!(error instanceof BrokerError) || error.code !== "UNAUTHORIZED") return;
    const { loginGuard, log, now, counters } = this.#parts;
    counters.noteLoginFailure(error);
    const reason = error instanceof LoginRefusal ? error.reason : error.message;
    log.debug("login over HTTP refused", { peer, reason });
    if (address === undefined) return;
    loginGuard.noteFailure(address, now(), reason);
    const held = loginGuard.hold(now());
    if (held !== undefined) return await held;
    throw new HttpProblem(429, "TOO_MANY_TRIES", "Cannot log in: too many logins have failed", {
      retryAfterMs: 1000,
    });
  }
}

function explainNothing(cause: LoginRefusal): BrokerError {
  const how = "send a token of a user in the header Authorization: Bearer";
  return new BrokerError(
    "UNAUTHORIZED",
    `Cannot answer: the broker has users, and none was shown; ${how}`,
    { cause },
  );
}

/** The token in a header `Authorization`; throws `UNAUTHORIZED` if there is something else in it. */
function readToken(header: string | null): string | undefined {
  if (header === null) return undefined;
  const [, token] = /^Bearer +([!-~]{1,512})$/i.exec(header.trim()) ?? [];
  if (token !== undefined) return token;
  throw new BrokerError(
    "UNAUTHORIZED",
    "Cannot log in: the header Authorization has another form than Bearer and a token",
  );
}

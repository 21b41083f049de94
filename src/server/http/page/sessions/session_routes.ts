import { BrokerError } from "../../../../../protocol.ts";
import { optional, type Shape } from "../../../../protocol/frames/json_fields.ts";
import { findNetwork } from "../../../access/login_guard.ts";
import { LoginRefusal } from "../../../access/login_refusal.ts";
import type { Proven } from "../../../access/shown_proofs.ts";
import { ANONYMOUS_NAME } from "../../../access/user.ts";
import { PASSWORD_BYTES_MAX } from "../../../access/users/password.ts";
import { PasswordQueueFull } from "../../../access/users/password_queue.ts";
import { HttpProblem, writeJson } from "../../http_problem.ts";
import type { HttpRequest, HttpRoute } from "../../http_route.ts";
import { readBody, shortText } from "../page_input.ts";
import { readSessionCookie, writeSessionCookie } from "./session_cookie.ts";
import { WebSession } from "./web_session.ts";
import type { WebSessions } from "./web_sessions.ts";

/** What somebody who logs in shows: a token, or a name and a password. */
interface Shown {
  readonly token: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

const SHOWN: Shape<Shown> = {
  token: optional(shortText(512)),
  user: optional(shortText(128)),
  password: optional(shortText(PASSWORD_BYTES_MAX)),
};

/** The largest body of a login, in bytes. */
const LOGIN_BYTES_MAX = 8192;

/** When to come again after too many failures, in milliseconds. */
const TRIES_MS = 10_000;

/** The routes by which users log in and out. */
export function makeSessionRoutes(sessions: WebSessions): HttpRoute[] {
  return [
    {
      method: "GET",
      path: "/api/session",
      need: "nothing",
      handle: (request) => writeJson(describeSession(request)),
    },
    {
      method: "POST",
      path: "/api/login",
      need: "nothing",
      bodyBytesMax: LOGIN_BYTES_MAX,
      handle: (request) => logIn(request, sessions),
    },
    {
      method: "POST",
      path: "/api/logout",
      need: "nothing",
      bodyBytesMax: LOGIN_BYTES_MAX,
      handle(request) {
        findSession(request, sessions)?.close("The user has logged out");
        const cookie = writeSessionCookie(describeCookie(request), undefined);
        return new Response(null, { status: 204, headers: { "set-cookie": cookie } });
      },
    },
  ];
}

/** The session of a request's cookie. */
export function findSession(
  asked: Pick<HttpRequest, "request" | "isEncrypted">,
  sessions: WebSessions,
): WebSession | undefined {
  const id = readSessionCookie(describeCookie(asked));
  return id === undefined ? undefined : sessions.find(id);
}

function describeCookie({ request, isEncrypted }: Pick<HttpRequest, "request" | "isEncrypted">) {
  const { headers } = request;
  return { headers, host: headers.get("host") ?? "", isEncrypted };
}

async function logIn(request: HttpRequest, sessions: WebSessions): Promise<Response> {
  const { access, sessionLog } = request.parts;
  const shown = await readBody(request, SHOWN);
  if (!access.shown.hasUsers) {
    const why = "the broker has no users, and nobody needs to log in";
    throw new BrokerError("BAD_REQUEST", `Cannot log in: ${why}`);
  }
  const proven = await prove(request, shown);
  findSession(request, sessions)?.close("The user has logged in again");
  const { id, session } = sessions.open(proven, request.address);
  const { user: { name: user }, tokenName: token } = session;
  const how = token === undefined ? "password" : "token";
  sessionLog.note(user, "user of the page logged in", { user, token, how, peer: request.address });
  const answer = writeJson(describeSession({ ...pick(request), login: session }));
  answer.headers.set("set-cookie", writeSessionCookie(describeCookie(request), id));
  return answer;
}

/** Checks what is shown; one that is wrong is answered late. */
async function prove(
  request: HttpRequest,
  { token, user, password }: Shown,
): Promise<Proven> {
  const { access: { shown }, loginGuard, now } = request.parts;
  const hasPassword = user !== undefined && password !== undefined;
  if ((token !== undefined) === (user !== undefined || password !== undefined)) {
    throw new BrokerError("BAD_REQUEST", "Cannot log in: show a token, or a user and a password");
  }
  if (!hasPassword && token === undefined) {
    throw new BrokerError("BAD_REQUEST", "Cannot log in: user and password belong together");
  }
  try {
    if (token !== undefined) return shown.proveToken(token);
    // A password can be guessed; so an address may not try for ever, even if users have it.
    if (!loginGuard.admitsTry(request.address, now())) throw tooManyTries(TRIES_MS);
    return await shown.provePassword(user!, password!, findNetwork(request.address));
  } catch (error) {
    if (error instanceof PasswordQueueFull) throw tooManyTries(error.retryAfterMs);
    if (error instanceof LoginRefusal) await holdBack(request, error);
    throw error;
  }
}

async function holdBack({ parts, address, signal }: HttpRequest, error: LoginRefusal) {
  const { loginGuard, log, now, counters } = parts;
  const { reason } = error;
  log.debug("login on the page refused", { peer: address, reason });
  counters.noteLoginFailure(error);
  loginGuard.noteFailure(address, now(), reason);
  const held = loginGuard.hold(now());
  if (held === undefined) throw tooManyTries(TRIES_MS);
  const gone = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => gone.resolve(), { once: true });
  await Promise.race([held, gone.promise]);
}

function tooManyTries(retryAfterMs: number): HttpProblem {
  const why = "too many are tried at the moment; wait a little";
  return new HttpProblem(429, "TOO_MANY_TRIES", `Cannot log in: ${why}`, { retryAfterMs });
}

type Asking = Pick<HttpRequest, "parts" | "login">;

/** Copies what is read of a request whose fields are getters. */
function pick({ parts, login }: HttpRequest): Asking {
  return { parts, login };
}

/** Who asks, and what the page may offer. */
function describeSession({ parts, login }: Asking): unknown {
  const { access: { shown }, version, dateNow, engine: { cluster } } = parts;
  const { hasUsers, hasPasswords } = shown;
  const user = login?.user;
  const permissions = user?.permissions;
  const isAdmin = permissions?.isAdmin ?? false;
  const has = (verb: "inspect" | "publish" | "follow" | "manage") =>
    permissions?.hasAny(verb) ?? false;
  return {
    hasUsers,
    user: user?.name ?? null,
    how: login === undefined ? null : describeWay(login, hasUsers),
    hasPasswords,
    version,
    now: dateNow(),
    cluster: cluster === undefined ? null : { role: cluster.role },
    may: {
      admin: isAdmin,
      metrics: permissions?.hasMetrics ?? false,
      inspect: has("inspect"),
      publish: has("publish"),
      follow: has("follow"),
      manage: has("manage"),
      create: has("manage"),
      connections: isAdmin || user?.needsProof === true,
      events: isAdmin,
      cluster: cluster !== undefined && (isAdmin || user?.needsProof === true),
      logLevel: isAdmin,
    },
  };
}

function describeWay(login: NonNullable<HttpRequest["login"]>, hasUsers: boolean): string {
  if (!hasUsers) return "local";
  if (login instanceof WebSession) return "cookie";
  return login.user.name === ANONYMOUS_NAME ? "anonymous" : "token";
}

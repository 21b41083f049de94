import type { Engine } from "../../broker/engine.ts";
import type { HttpExchange } from "./http_acceptor.ts";
import type { Login } from "../access/access.ts";
import type { User } from "../access/user.ts";
import type { Caller } from "../flow/speaker.ts";
import type { HostNames } from "./host_names.ts";
import { HttpAnswer } from "./http_answer.ts";
import type { HttpConnection } from "./http_connection.ts";
import { type FoundLogin, HttpLogin } from "./http_login.ts";
import { asHttpProblem, HttpProblem, writeProblem } from "./http_problem.ts";
import type { HttpPage, HttpParts, HttpRequest, HttpRoute } from "./http_route.ts";
import { type FoundRoute, HttpRouter } from "./http_router.ts";

/** The most header lines of a request. */
const HEADERS_MAX = 100;

/** What a route is given. */
class RoutedRequest implements HttpRequest {
  readonly request: Request;
  readonly url: URL;
  readonly params: Readonly<Record<string, string>>;
  readonly address: string;
  readonly isEncrypted: boolean;
  readonly signal: AbortSignal;
  readonly login: Login | undefined;
  readonly parts: HttpParts;

  constructor(fields: Omit<HttpRequest, "user" | "engine">) {
    this.request = fields.request;
    this.url = fields.url;
    this.params = fields.params;
    this.address = fields.address;
    this.isEncrypted = fields.isEncrypted;
    this.signal = fields.signal;
    this.login = fields.login;
    this.parts = fields.parts;
  }

  get user(): User {
    return this.#required.user;
  }

  get engine(): Engine {
    return this.#required.engine;
  }

  get #required(): Login {
    if (this.login !== undefined) return this.login;
    throw new Error("Cannot use the engine: the request has no user");
  }
}

/** Answers requests: finds their routes and their users. */
export class HttpService {
  readonly #parts: HttpParts;
  readonly #router: HttpRouter;
  readonly #hosts: HostNames;
  readonly #login: HttpLogin;
  /** Ends the requests that are being answered. */
  readonly #answering = new Set<AbortController>();

  constructor(parts: HttpParts, routes: readonly HttpRoute[], page: HttpPage, hosts: HostNames) {
    this.#parts = parts;
    this.#router = new HttpRouter([...routes, ...page.routes]);
    this.#hosts = hosts;
    this.#login = new HttpLogin(parts, page);
  }

  /** Ends the answers that would go on for ever. */
  stop(): void {
    for (const ending of this.#answering) ending.abort();
  }

  /** Answers a request; the connection goes on, or ends with it. */
  async answer(exchange: HttpExchange, connection: HttpConnection): Promise<void> {
    const answer = new HttpAnswer(exchange, connection);
    // Not by AbortSignal.any: a signal that lives long keeps all that were made of it.
    const ending = new AbortController();
    this.#answering.add(ending);
    exchange.signal.addEventListener("abort", () => ending.abort(), { once: true });
    try {
      await this.#serve(exchange, connection, answer, ending);
    } catch (error) {
      if (exchange.signal.aborted) return;
      await answer.send(writeProblem(this.#explain(error))).catch(() => exchange.abort());
    } finally {
      this.#answering.delete(ending);
      connection.noteAnswered(exchange, answer.isLast);
    }
  }

  async #serve(
    exchange: HttpExchange,
    connection: HttpConnection,
    answer: HttpAnswer,
    ending: AbortController,
  ): Promise<void> {
    const { caller } = connection;
    const { signal } = ending;
    const headers = readHeaders(exchange);
    const { route, params } = this.#find(exchange);
    if (route.anyHost !== true) this.#checkHost(headers);
    const isEncrypted = caller.encryption !== undefined;
    const url = new URL(exchange.target, `${isEncrypted ? "https" : "http"}://localhost`);
    const request = makeRequest(exchange, route, { url, headers, signal, connection });
    const found = await this.#logIn(request, route, caller, () => ending.abort());
    try {
      if (found !== undefined) connection.userName = found.login.user.name;
      const routed = new RoutedRequest({
        request,
        url,
        params,
        address: caller.address ?? "",
        isEncrypted,
        signal,
        login: found?.login,
        parts: this.#parts,
      });
      await answer.send(await route.handle(routed));
    } finally {
      found?.end();
    }
  }

  #find(exchange: HttpExchange): FoundRoute {
    const { method, target } = exchange;
    if (!target.startsWith("/")) {
      throw new HttpProblem(400, "BAD_REQUEST", "Cannot answer: found a target without a path");
    }
    const path = target.replace(/[?#].*$/s, "");
    const found = this.#router.find(method, path);
    const where = `Cannot answer ${method} ${JSON.stringify(path.slice(0, 200))}`;
    if (found === undefined) {
      throw new HttpProblem(404, "NOT_FOUND", `${where}: there is nothing at this path`);
    }
    if ("route" in found) return found;
    const allow = found.allowed.join(", ");
    const options = { headers: { allow } };
    throw new HttpProblem(405, "METHOD_NOT_ALLOWED", `${where}: allowed ${allow}`, options);
  }

  #checkHost(headers: Headers): void {
    const host = headers.get("host") ?? "";
    if (this.#hosts.has(host)) return;
    const found = JSON.stringify(host.slice(0, 100));
    const message =
      `Cannot answer: found ${found} in the header Host, allowed an address, localhost, http.host, ` +
      `a name in the certificate or in http.names`;
    throw new HttpProblem(421, "HOST_UNKNOWN", message);
  }

  /** Finds the user as the route needs one; where it needs none, nothing is refused. */
  async #logIn(
    request: Request,
    { need, anyHost = false }: HttpRoute,
    caller: Caller,
    close: () => void,
  ): Promise<FoundLogin | undefined> {
    if (need === "nothing") {
      return anyHost ? undefined : await this.#login.findShown(request, caller, close);
    }
    const found = await this.#login.find(request, caller, close);
    if (need === "metrics") {
      try {
        this.#parts.access.requireMetrics(found.login.user);
      } catch (error) {
        found.end();
        throw error;
      }
    }
    return found;
  }

  #explain(error: unknown): HttpProblem {
    const problem = asHttpProblem(error);
    if (problem !== undefined) return problem;
    const text = error instanceof Error ? error.stack ?? error.message : String(error);
    this.#parts.log.error("unexpected error in a request", { error: text });
    return new HttpProblem(500, "INTERNAL_ERROR", "an unexpected fault in the broker");
  }
}

/** Reads the headers; two names of a machine, and more lines than anybody needs, are refused. */
function readHeaders({ rawHeaders }: HttpExchange): Headers {
  const lines = rawHeaders.length / 2;
  if (lines > HEADERS_MAX) {
    const message = `Cannot answer: found ${lines} headers, allowed ${HEADERS_MAX}`;
    throw new HttpProblem(431, "REQUEST_TOO_LARGE", message);
  }
  const headers = new Headers();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!;
    if (name.toLowerCase() === "host" && headers.has("host")) {
      throw new HttpProblem(
        400,
        "BAD_REQUEST",
        "Cannot answer: found two headers Host, allowed one",
      );
    }
    headers.append(name, rawHeaders[index + 1]!);
  }
  return headers;
}

function makeRequest(
  exchange: HttpExchange,
  { bodyBytesMax = 0 }: HttpRoute,
  { url, headers, signal, connection }: {
    readonly url: URL;
    readonly headers: Headers;
    readonly signal: AbortSignal;
    readonly connection: HttpConnection;
  },
): Request {
  const { method } = exchange;
  const length = Number(headers.get("content-length") ?? 0);
  if (length > bodyBytesMax) throw tooLarge(bodyBytesMax);
  const hasBody = exchange.hasBody && method !== "GET" && method !== "HEAD";
  return new Request(url, {
    method,
    headers,
    signal,
    ...hasBody && { body: ReadableStream.from(limitBody(exchange, connection, bodyBytesMax)) },
  });
}

/** Passes a body on, up to its limit: chunks tell no length before. */
async function* limitBody(
  exchange: HttpExchange,
  connection: HttpConnection,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of exchange.readBody()) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    connection.hold(exchange, chunk.length);
    yield chunk;
  }
}

function tooLarge(bytesMax: number): HttpProblem {
  const message = `Cannot answer: the body is larger than the limit of ${bytesMax} bytes`;
  return new HttpProblem(413, "REQUEST_TOO_LARGE", message);
}

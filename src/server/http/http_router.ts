import type { HttpRoute } from "./http_route.ts";

/** A route that a request is for. */
export interface FoundRoute {
  readonly route: HttpRoute;
  readonly params: Readonly<Record<string, string>>;
}

/** A path is there, but not for this method. */
export interface OtherMethods {
  readonly allowed: readonly string[];
}

/** A route with its path taken apart. */
interface SplitRoute {
  readonly route: HttpRoute;
  readonly segments: readonly string[];
}

/** Finds the routes of requests. */
export class HttpRouter {
  readonly #routes: readonly SplitRoute[];

  constructor(routes: readonly HttpRoute[]) {
    this.#routes = routes.map((route) => ({ route, segments: route.path.split("/") }));
  }

  /**
   * Finds the route of a request.
   *
   * @param path The path as it came, without the query: it is not normalized, and `..` is just a name.
   * @returns Undefined if there is no such path.
   */
  find(method: string, path: string): FoundRoute | OtherMethods | undefined {
    const given = path.split("/");
    const allowed = new Set<string>();
    // For HEAD everything is done that GET does, except for sending the body.
    const wanted = method === "HEAD" ? "GET" : method;
    for (const { route, segments } of this.#routes) {
      const params = match(segments, given);
      if (params === undefined) continue;
      if (route.method === wanted) return { route, params };
      allowed.add(route.method);
      if (route.method === "GET") allowed.add("HEAD");
    }
    return allowed.size === 0 ? undefined : { allowed: [...allowed].sort() };
  }
}

/** The parameters of a path, if it has the form of a route. */
function match(
  segments: readonly string[],
  given: readonly string[],
): Record<string, string> | undefined {
  if (segments.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    const found = given[index]!;
    if (!segment.startsWith(":")) {
      if (segment !== found) return undefined;
      continue;
    }
    const value = decode(found);
    if (value === undefined || value === "") return undefined;
    params[segment.slice(1)] = value;
  }
  return params;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

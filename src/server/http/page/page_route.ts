import { asHttpProblem, writeProblem } from "../http_problem.ts";
import type { HttpRoute } from "../http_route.ts";
import { refuseCrossSite } from "./cross_site.ts";

/** What a browser may do with the page and its answers: load what is from here, and be shown in no frame. */
const HEADERS: readonly (readonly [string, string])[] = [
  [
    "content-security-policy",
    [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "form-action 'self'",
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
  ],
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-resource-policy", "same-origin"],
  // Not no-referrer: browsers would send "Origin: null", and the page could change nothing.
  ["referrer-policy", "same-origin"],
  ["permissions-policy", "camera=(), geolocation=(), microphone=()"],
  ["x-content-type-options", "nosniff"],
  ["x-frame-options", "DENY"],
];

/** Makes a route of the page: what other sites ask for is refused, and every answer has the page's headers. */
export function pageRoute(route: HttpRoute): HttpRoute {
  return {
    ...route,
    async handle(request) {
      try {
        // The page itself may be opened from anywhere: it tells nothing.
        if (route.path.startsWith("/api/")) refuseCrossSite(request);
        return addHeaders(await route.handle(request));
      } catch (error) {
        const problem = asHttpProblem(error);
        if (problem === undefined) throw error;
        return addHeaders(writeProblem(problem));
      }
    },
  };
}

function addHeaders(response: Response): Response {
  for (const [name, value] of HEADERS) response.headers.set(name, value);
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", "no-store");
  return response;
}

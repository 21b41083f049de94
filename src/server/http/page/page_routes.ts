import type { HttpPage, HttpParts } from "../http_route.ts";

/** Opens the management page. */
export function openPage(_parts: HttpParts): HttpPage {
  return { routes: [], identify: () => undefined, tick: () => {}, close: () => {} };
}

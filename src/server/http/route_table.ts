import { HEALTH_ROUTES } from "./health_routes.ts";
import type { HttpRoute } from "./http_route.ts";
import { METRICS_ROUTES } from "./metrics/metrics_routes.ts";

/** What is read by machines; the page brings its own routes. */
export const ROUTES: readonly HttpRoute[] = [...HEALTH_ROUTES, ...METRICS_ROUTES];

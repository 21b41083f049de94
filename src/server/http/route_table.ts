import { HEALTH_ROUTES } from "./health/health_routes.ts";
import type { HostNames } from "./host_names.ts";
import type { HttpPage, HttpParts, HttpRoute } from "./http_route.ts";
import { HttpService } from "./http_service.ts";
import { METRICS_ROUTES } from "./metrics/metrics_routes.ts";
import { openPage } from "./page/page_routes.ts";

/** What is read by machines; the page brings its own routes. */
const ROUTES: readonly HttpRoute[] = [...HEALTH_ROUTES, ...METRICS_ROUTES];

/** What answers requests while the broker serves. */
export interface OpenedService {
  readonly service: HttpService;
  readonly page: HttpPage;
}

/** Opens the management page, and what answers all requests. */
export function openService(parts: HttpParts, hosts: HostNames): OpenedService {
  const page = openPage(parts);
  return { service: new HttpService(parts, ROUTES, page, hosts), page };
}

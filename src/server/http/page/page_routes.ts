import type { Login } from "../../access/access.ts";
import type { HttpPage, HttpParts, HttpRoute } from "../http_route.ts";
import { makeAssetRoutes } from "./asset_routes.ts";
import { makeClusterRoutes } from "./broker/cluster_routes.ts";
import { makeConnectionSnapshots } from "./broker/connection_rows.ts";
import { makeOperationRoutes } from "./broker/operation_routes.ts";
import { Overview } from "./broker/overview.ts";
import { BrokerHistory } from "./figures/broker_history.ts";
import { HISTORY_STEP_MS } from "./figures/history.ts";
import { StreamFigures } from "./figures/stream_figures.ts";
import { StreamWatch } from "./figures/stream_watch.ts";
import { makeMessageRoutes } from "./messages/message_routes.ts";
import { makeSweepRoutes } from "./messages/sweep_routes.ts";
import { isServing } from "./figures/serving.ts";
import { pageRoute } from "./page_route.ts";
import { findSession, makeSessionRoutes } from "./sessions/session_routes.ts";
import { WebSessions } from "./sessions/web_sessions.ts";
import { makeFollowerRoutes } from "./streams/follower_routes.ts";
import { makeLaneRoutes } from "./streams/lane_routes.ts";
import { makeScheduleRoutes } from "./streams/schedule_routes.ts";
import { makeScheduleSnapshots } from "./streams/schedule_rows.ts";
import { makeStreamRoutes } from "./streams/stream_routes.ts";

/** How much earlier than a second after the last point another one may be added, in milliseconds. */
const EARLY_MS = 50;

/** The management page: its files, its API, the sessions of its users, and the figures that it shows. */
class Page implements HttpPage {
  readonly routes: readonly HttpRoute[];
  readonly #sessions: WebSessions;
  readonly #figures: StreamFigures;
  readonly #history: BrokerHistory;
  readonly #watch: StreamWatch;
  readonly #connections: ReturnType<typeof makeConnectionSnapshots>;
  readonly #schedules: ReturnType<typeof makeScheduleSnapshots>;
  readonly #overview: Overview;
  readonly #engine: HttpParts["engine"];
  #nextAt: number;

  constructor(parts: HttpParts) {
    const { engine, management, counters, settings, now, dateNow } = parts;
    this.#nextAt = now() + HISTORY_STEP_MS;
    this.#engine = engine;
    this.#sessions = new WebSessions(parts);
    this.#figures = new StreamFigures(engine, now);
    this.#watch = new StreamWatch(engine, dateNow);
    this.#connections = makeConnectionSnapshots(management, now);
    this.#schedules = makeScheduleSnapshots(engine, now);
    const findSums = (at: number) => this.#figures.findSums(at);
    const { confirm } = counters;
    this.#history = new BrokerHistory({ engine, confirm, findSums, dateNow }, now());
    this.#overview = new Overview({
      parts,
      figures: this.#figures,
      history: this.#history,
      sessions: this.#sessions,
    });
    this.routes = [
      ...makeAssetRoutes(),
      ...makeSessionRoutes(this.#sessions),
      ...this.#overview.routes,
      ...makeStreamRoutes({
        figures: this.#figures,
        watch: this.#watch,
        connections: this.#connections,
      }),
      ...makeFollowerRoutes(this.#connections),
      ...makeLaneRoutes(),
      ...makeScheduleRoutes(this.#schedules),
      ...makeMessageRoutes(settings.limits.messageBytes),
      ...makeSweepRoutes(),
      ...makeOperationRoutes(this.#connections),
      ...makeClusterRoutes(),
    ].map(pageRoute);
  }

  identify(request: Request): Login | undefined {
    const isEncrypted = request.url.startsWith("https:");
    return findSession({ request, isEncrypted }, this.#sessions);
  }

  tick(now: number): void {
    if (now < this.#nextAt) return;
    this.#nextAt = now + HISTORY_STEP_MS - EARLY_MS;
    this.#sessions.tick(now);
    this.#connections.tick(now);
    this.#overview.tick();
    // A standby has no streams to look at.
    if (!isServing(this.#engine)) return;
    this.#figures.tick(now);
    this.#schedules.tick(now);
    this.#watch.tick(now);
    this.#history.tick(now);
  }

  close(): void {
    this.#overview.close();
    this.#sessions.close();
  }
}

/** Opens the management page. */
export function openPage(parts: HttpParts): HttpPage {
  return new Page(parts);
}

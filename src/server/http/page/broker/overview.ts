import type { User } from "../../../access/user.ts";
import { writeJson } from "../../http_problem.ts";
import type { HttpParts, HttpRequest, HttpRoute } from "../../http_route.ts";
import type { BrokerHistory } from "../figures/broker_history.ts";
import { LiveFeed } from "../figures/live_feed.ts";
import { isServing } from "../figures/serving.ts";
import type { StreamFigures } from "../figures/stream_figures.ts";
import { findSession } from "../sessions/session_routes.ts";
import type { WebSessions } from "../sessions/web_sessions.ts";
import { operatorOf } from "./operation_routes.ts";

/** What the overview shows. */
export interface OverviewParts {
  readonly parts: HttpParts;
  readonly figures: StreamFigures;
  readonly history: BrokerHistory;
  readonly sessions: WebSessions;
}

/** What the page shows of a broker's place in its cluster, whatever the view. */
function tellPlace({ cluster }: HttpParts["engine"]): Record<string, unknown> {
  if (cluster === undefined) return {};
  const { role, serving, problems } = cluster.describe();
  return { role, serving, clusterProblems: problems.length };
}

/** The whole broker in a few figures, and the feed that keeps them up to date. */
export class Overview {
  readonly #own: OverviewParts;
  readonly #feed: LiveFeed;

  constructor(own: OverviewParts) {
    this.#own = own;
    this.#feed = new LiveFeed((user) => this.#tellLive(user), own.parts.now);
  }

  /** How many tabs have a feed. */
  get tabCount(): number {
    return this.#feed.count;
  }

  get routes(): HttpRoute[] {
    return [
      {
        method: "GET",
        path: "/api/overview",
        need: "session",
        handle: (request) => this.#tell(request),
      },
      {
        method: "GET",
        path: "/api/live",
        need: "session",
        handle: (request) => this.#open(request),
      },
    ];
  }

  tick(): void {
    this.#feed.tick();
  }

  close(): void {
    this.#feed.close("The broker is being stopped");
  }

  async #tell(request: HttpRequest): Promise<Response> {
    const { parts: { dateNow, engine }, history } = this.#own;
    const { user } = request;
    const { hasMetrics } = user.permissions;
    const broker = operatorOf(request).getBroker();
    return writeJson({
      now: dateNow(),
      scope: hasMetrics ? "broker" : "yours",
      broker,
      totals: await this.#sum(user),
      history: hasMetrics ? history.tell() : null,
      problems: broker.problems,
      ...tellPlace(engine),
    });
  }

  #open(request: HttpRequest): Promise<Response> {
    const { user, signal } = request;
    const session = findSession(request, this.#own.sessions);
    return this.#feed.open({
      user,
      signal,
      ...session?.user === user && { watch: (watcher) => session.watch(watcher) },
    });
  }

  async #tellLive(user: User): Promise<unknown> {
    const { parts: { dateNow, engine, management }, history } = this.#own;
    const place = { at: dateNow(), problems: management.findProblems(), ...tellPlace(engine) };
    if (!isServing(engine)) return { ...place, point: null, totals: null };
    return {
      ...place,
      point: user.permissions.hasMetrics ? history.tellPoint() : null,
      totals: await this.#sum(user),
    };
  }

  /**
   * The sums of what a user sees; those of the broker itself for who may read its metrics. Nothing if the
   * broker does not serve.
   */
  async #sum(user: User): Promise<unknown> {
    const { parts: { engine, management, seat }, figures, history } = this.#own;
    // Another broker may have the streams by now.
    if (seat?.isServing === false) return null;
    const sums = await figures.sum(user);
    if (!user.permissions.hasMetrics) return sums;
    const { memoryBytes, memoryLimit, journal } = engine.counters;
    return {
      ...sums,
      // Those of the broker are known before somebody has looked twice.
      rates: history.tellRates() ?? sums.rates,
      memoryBytes,
      memoryLimit,
      ...journal && { diskBytes: journal.diskBytes },
      ...journal?.freeBytes !== undefined && { diskFreeBytes: journal.freeBytes },
      connections: management.describe().connections,
    };
  }
}

import type { Engine } from "../../broker/engine.ts";
import type { Access, Login } from "../access/access.ts";
import type { LoginGuard } from "../access/login_guard.ts";
import type { User } from "../access/user.ts";
import type { Certificates } from "../certificates/certificates.ts";
import type { SeatWatch } from "../cluster/seat_watch.ts";
import type { SessionCounters } from "../flow/session_counters.ts";
import type { SessionLog } from "../flow/session_log.ts";
import type { Log } from "../log.ts";
import type { Management } from "../management/management.ts";
import type { Settings } from "../settings/settings.ts";

/** What a client needs for a route: nothing, the permission to read metrics, or to be a user. */
export type RouteNeed = "nothing" | "metrics" | "session";

/** An address that the HTTP port answers. */
export interface HttpRoute {
  /** `GET`, which answers `HEAD`, too; or another one. */
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path such as `/api/streams/:name`; `:name` stands for one segment, and is a parameter. */
  readonly path: string;
  readonly need: RouteNeed;
  /** The largest body of a request, in bytes. Default: none is read. */
  readonly bodyBytesMax?: number;
  /** Whether any name may stand in the header `Host`: for probes, which secrets do not depend on. */
  readonly anyHost?: boolean;
  /** Answers; an error that it throws becomes a problem, a `BrokerError` one with its code. */
  handle(request: HttpRequest): Response | Promise<Response>;
}

/** A request, with who asks and what the broker has. */
export interface HttpRequest {
  /** Its body ends with an error when it is larger than the route allows. */
  readonly request: Request;
  readonly url: URL;
  /** The parameters in the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The client's address without the port. */
  readonly address: string;
  /** Whether it came by TLS. */
  readonly isEncrypted: boolean;
  /** Aborted when the client has left, when its login is no longer valid, and when the broker stops. */
  readonly signal: AbortSignal;
  /** Who asks; undefined where the route needs nothing and nothing valid was shown. */
  readonly login: Login | undefined;
  /** The user; throws where there is no login. */
  readonly user: User;
  /** The engine as the user may use it; throws where there is no login. */
  readonly engine: Engine;
  readonly parts: HttpParts;
}

/** What goes over the connections of HTTP. */
export interface HttpTraffic {
  /** How many are open. */
  readonly count: number;
  /** All since the start. */
  readonly total: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** What the routes need of the broker. */
export interface HttpParts {
  readonly version: string;
  readonly settings: Settings;
  readonly log: Log;
  /** The bare engine, which shows all streams: for figures only. */
  readonly engine: Engine;
  readonly access: Access;
  readonly loginGuard: LoginGuard;
  readonly management: Management;
  /** The broker's place in its cluster, if it is in one. */
  readonly seat: SeatWatch | undefined;
  /** What sessions have done since the start. */
  readonly counters: SessionCounters;
  readonly traffic: HttpTraffic;
  /** The certificates, if HTTPS is spoken. */
  readonly certificates: Pick<Certificates, "status"> | undefined;
  /** Tells the log of sessions and of changes. */
  readonly sessionLog: SessionLog;
  /** Whether there are users. */
  readonly hasUsers: boolean;
  /** The time in milliseconds, which never goes back. */
  readonly now: () => number;
  /** The calendar's time, in milliseconds since 1970. */
  readonly dateNow: () => number;
}

/** The management page: its routes, and the users whom it has logged in. */
export interface HttpPage {
  readonly routes: readonly HttpRoute[];
  /** Finds who has logged in before, by a cookie; the page owns the login and ends it. */
  identify(request: Request, address: string): Login | undefined;
  /** Does what is due; called about once a second. */
  tick(now: number): void;
  /** The broker stops: ends all logins. */
  close(): void;
}

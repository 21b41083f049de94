import { formatAddress } from "../../transport/address.ts";
import { type AcceptedSocket, prepareSocket } from "../../transport/deno_sockets.ts";
import { Listener } from "../front_door/listener.ts";
import type { TlsDoor } from "../front_door/tls_door.ts";
import type { Log } from "../log.ts";
import type { ConnectionSource, ManagedConnection } from "../management/management.ts";
import type { Settings } from "../settings/settings.ts";
import { HostNames } from "./host_names.ts";
import { HttpConnections } from "./http_connections.ts";
import type { HttpPage, HttpParts } from "./http_route.ts";
import type { HttpService } from "./http_service.ts";
import type { openService } from "./route_table.ts";
import { StartingService } from "./health/starting_service.ts";

/** The most bytes of bodies and answers, over all connections, beside those of the largest message. */
const HELD_BYTES = 32 * 1024 * 1024;

/** The interval in which connections are looked after while the broker starts, in milliseconds. */
const START_SWEEP_MS = 1000;

/** What a port for HTTP needs before there is a broker. */
export interface HttpPortOptions {
  readonly settings: Settings;
  readonly log: Log;
  readonly now: () => number;
  /** Set if it speaks HTTPS. */
  readonly tls: TlsDoor | undefined;
  /** The most connections of the broker, of all kinds. */
  readonly connectionsMax: number;
  /** Takes a number for a connection. */
  readonly takeNumber: () => number;
}

/** What a port for HTTP needs of its broker. */
export interface HttpBroker {
  readonly parts: Omit<HttpParts, "traffic" | "certificates">;
  /** How many connections there are that are not its own. */
  readonly countOthers: () => number;
  /** Whether memory for received bytes is short. */
  readonly isThrifty: () => boolean;
}

/**
 * The broker's port for HTTP: health, metrics, and the management page. It is open before the journal is
 * read, so that probes see a broker that starts; the rest is answered when the broker serves.
 */
export class HttpPort implements ConnectionSource {
  readonly #options: HttpPortOptions;
  readonly #tls: TlsDoor | undefined;
  #broker: HttpBroker | undefined;
  #page: HttpPage | undefined;
  #service: HttpService | undefined;
  readonly #starting: StartingService;
  #answerer: Pick<HttpService, "answer">;
  #startSweep: ReturnType<typeof setInterval> | undefined;
  readonly #connections: HttpConnections;
  readonly #listener: Listener;

  /** Opens the port; throws what the system says if it cannot. */
  constructor(options: HttpPortOptions) {
    const { settings, log, now, connectionsMax, takeNumber } = options;
    this.#options = options;
    this.#starting = new StartingService(settings.storage.engine === "cluster");
    this.#answerer = this.#starting;
    this.#tls = options.tls?.makeHttpDoor(log, now);
    this.#connections = new HttpConnections({
      deadlines: {
        firstMs: settings.handshakeTimeoutMs,
        slowReaderMs: settings.slowReaderTimeoutMs,
      },
      now,
      log,
      connectionsMax,
      countOthers: () => this.#broker?.countOthers() ?? 0,
      takeNumber,
      isThrifty: () => this.#isThrifty,
      heldBytesMax: HELD_BYTES + settings.limits.messageBytes,
      onExchange: (exchange, connection) => {
        this.#answerer.answer(exchange, connection)
          .catch((error) => log.error("cannot answer a request", { error }));
      },
    });
    const { host: hostname, port } = settings.http;
    const onConnection = (socket: AcceptedSocket) => this.#take(socket);
    this.#listener = new Listener({ hostname, port, log, onConnection });
    this.#startSweep = setInterval(() => this.sweep(now()), START_SWEEP_MS);
  }

  /** Has probes hear how much of the journal is read, from 0 to 1, or how many of its messages are ready. */
  noteProgress(part: number, what?: "ready"): void {
    this.#starting.noteProgress(part, what);
  }

  /** From now on requests are answered as the broker does; it sweeps the connections, too. */
  serve(broker: HttpBroker, open: typeof openService): void {
    clearInterval(this.#startSweep);
    const certificates = this.#options.tls?.certificates;
    const parts = { ...broker.parts, traffic: this.#connections, certificates };
    const { service, page } = open(parts, this.#nameHosts());
    this.#broker = broker;
    this.#page = page;
    this.#service = service;
    this.#answerer = service;
  }

  get hostname(): string {
    return this.#listener.address.hostname;
  }

  get port(): number {
    return this.#listener.address.port;
  }

  get count(): number {
    return this.#connections.count;
  }

  /** All connections since the start. */
  get total(): number {
    return this.#connections.total;
  }

  listConnections(): Iterable<ManagedConnection> {
    return this.#connections.list();
  }

  /** Closes connections whose time is over, and does what the page has to do. */
  sweep(now: number): void {
    this.#connections.sweep(now);
    this.#tls?.sweep();
    this.#page?.tick(now);
  }

  /** Ends all requests, and closes the port. */
  async close(): Promise<void> {
    clearInterval(this.#startSweep);
    await this.#listener.close();
    this.#service?.stop();
    this.#page?.close();
    await this.#connections.close();
    this.#tls?.end();
  }

  #take(socket: AcceptedSocket): void {
    const { hostname, port } = socket.remoteAddr;
    const loginGuard = this.#broker?.parts.loginGuard;
    if (loginGuard?.admits(hostname, this.#options.now()) === false) return socket.close();
    prepareSocket(socket);
    const peer = formatAddress(hostname, port);
    const encrypted = this.#tls?.admit(socket, peer, () => this.#isThrifty);
    this.#connections.open({ duplex: socket, peer, address: hostname, ...encrypted });
  }

  get #isThrifty(): boolean {
    return this.#broker?.isThrifty() ?? false;
  }

  #nameHosts(): HostNames {
    const { http: { host, names }, cluster } = this.#options.settings;
    const more = names.split(",").map((name) => name.trim()).filter((name) => name !== "");
    // Brokers of a cluster lead each other's users there.
    const told = cluster.address === "" ? [] : [new URL(`http://${cluster.address}`).hostname];
    const known = [host, ...more, ...told];
    const certificates = this.#tls?.certificates;
    return new HostNames(() => [...known, ...certificates?.hostNames ?? []]);
  }
}

import { formatAddress } from "../../transport/address.ts";
import { type AcceptedSocket, prepareSocket } from "../../transport/deno_sockets.ts";
import { Listener } from "../front_door/listener.ts";
import type { TlsDoor } from "../front_door/tls_door.ts";
import type { ConnectionSource, ManagedConnection } from "../management/management.ts";
import { HostNames } from "./host_names.ts";
import { HttpConnections } from "./http_connections.ts";
import type { HttpPage, HttpParts } from "./http_route.ts";
import { HttpService } from "./http_service.ts";
import { openPage } from "./page/page_routes.ts";
import { ROUTES } from "./route_table.ts";

/** The most bytes of bodies and answers, over all connections, beside those of the largest message. */
const HELD_BYTES = 32 * 1024 * 1024;

/** What a port for HTTP needs of its broker, beside what its routes need. */
export interface HttpPortOptions {
  readonly parts: Omit<HttpParts, "traffic" | "certificates">;
  /** Set if it speaks HTTPS. */
  readonly tls: TlsDoor | undefined;
  /** The most connections of the broker, of all kinds. */
  readonly connectionsMax: number;
  /** How many others there are. */
  readonly countOthers: () => number;
  /** Takes a number for a connection. */
  readonly takeNumber: () => number;
  /** Whether memory for received bytes is short. */
  readonly isThrifty: () => boolean;
}

/** The broker's port for HTTP: health, metrics, and the management page. */
export class HttpPort implements ConnectionSource {
  readonly #options: HttpPortOptions;
  readonly #tls: TlsDoor | undefined;
  readonly #page: HttpPage;
  readonly #service: HttpService;
  readonly #connections: HttpConnections;
  readonly #listener: Listener;

  /** Opens the port; throws what the system says if it cannot. */
  constructor(options: HttpPortOptions) {
    const { connectionsMax, countOthers, isThrifty, takeNumber } = options;
    const { settings, log, now } = options.parts;
    this.#options = options;
    this.#tls = options.tls?.makeHttpDoor(log, now);
    this.#connections = new HttpConnections({
      deadlines: {
        firstMs: settings.handshakeTimeoutMs,
        slowReaderMs: settings.slowReaderTimeoutMs,
      },
      now,
      log,
      connectionsMax,
      countOthers,
      takeNumber,
      isThrifty,
      heldBytesMax: HELD_BYTES + settings.limits.messageBytes,
      onExchange: (exchange, connection) => {
        this.#service.answer(exchange, connection)
          .catch((error) => log.error("cannot answer a request", { error }));
      },
    });
    const certificates = options.tls?.certificates;
    const parts = { ...options.parts, traffic: this.#connections, certificates };
    this.#page = openPage(parts);
    this.#service = new HttpService(parts, ROUTES, this.#page, this.#nameHosts());
    const { host: hostname, port } = settings.http;
    const onConnection = (socket: AcceptedSocket) => this.#take(socket);
    this.#listener = new Listener({ hostname, port, log, onConnection });
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
    this.#page.tick(now);
  }

  /** Ends all requests, and closes the port. */
  async close(): Promise<void> {
    await this.#listener.close();
    this.#service.stop();
    this.#page.close();
    await this.#connections.close();
    this.#tls?.end();
  }

  #take(socket: AcceptedSocket): void {
    const { parts: { loginGuard, now }, isThrifty } = this.#options;
    const { hostname, port } = socket.remoteAddr;
    if (!loginGuard.admits(hostname, now())) return socket.close();
    prepareSocket(socket);
    const peer = formatAddress(hostname, port);
    const encrypted = this.#tls?.admit(socket, peer, isThrifty);
    this.#connections.open({ duplex: socket, peer, address: hostname, ...encrypted });
  }

  #nameHosts(): HostNames {
    const { host, names } = this.#options.parts.settings.http;
    const more = names.split(",").map((name) => name.trim()).filter((name) => name !== "");
    const known = [host, ...more];
    const certificates = this.#tls?.certificates;
    return new HostNames(() => [...known, ...certificates?.hostNames ?? []]);
  }
}

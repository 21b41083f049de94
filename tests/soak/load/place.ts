/**
 * A broker as visitors reach it: over one of its ports, directly or on a way that is cut.
 *
 * @module
 */

import { connect, type Connection, type ConnectOptions } from "../../../client.ts";
import type { SoakedBroker } from "../broker/soaked_broker.ts";
import type { Random } from "../../support/random.ts";
import { CuttingRelay } from "./cutting_relay.ts";

/** How a broker is reached. */
export interface PlaceOptions {
  readonly name: string;
  readonly broker: SoakedBroker;
  readonly random: Random;
  /** Whether its process may be killed at any time. */
  readonly isMortal: boolean;
  /** The authority of its certificate, if it speaks TLS. */
  readonly ca?: string;
  /** What proves who visitors are, if it has users. */
  readonly token?: string;
}

/** How long a client tries: the machine may be busy, and a broker that was killed takes a while. */
const CONNECT_MS = 20_000;

/** One broker under a soak. */
export class Place implements AsyncDisposable {
  readonly name: string;
  readonly broker: SoakedBroker;
  readonly isMortal: boolean;
  readonly ca: string | undefined;
  readonly token: string | undefined;
  readonly relay: CuttingRelay;

  constructor({ name, broker, random, isMortal, ca, token }: PlaceOptions) {
    this.name = name;
    this.broker = broker;
    this.isMortal = isMortal;
    this.ca = ca;
    this.token = token;
    this.relay = new CuttingRelay(random, () => broker.port);
  }

  /** Connects, directly or on the way that is cut. */
  async connect(options: ConnectOptions & { readonly isCut?: boolean } = {}): Promise<Connection> {
    const { isCut = false, ...others } = options;
    return await connect({
      hostname: "localhost",
      port: isCut ? this.relay.port : this.broker.port,
      ...this.ca !== undefined && { tls: { ca: this.ca } },
      ...this.token !== undefined && { token: this.token },
      connectTimeoutMs: CONNECT_MS,
      waitForBroker: true,
      drainMs: 2000,
      ...others,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

/**
 * Brokers whose port speaks TLS, with their authority.
 *
 * @module
 */

import type { ConnectOptions } from "../../../client.ts";
import type { BrokerServer, PartialSettings } from "../../../server.ts";
import { connectTlsSocket } from "../../../src/transport/node_sockets.ts";
import { startBroker } from "../broker/broker.ts";
import { PATIENCE_MS } from "../wire/duplex_client.ts";
import { RawClient } from "../wire/raw_client.ts";
import { type CertificateFiles, TestCertificates } from "./test_certificates.ts";

/** Whether clients show certificates. */
export type Mode = "off" | "optional" | "required";

/** A broker with TLS, and what its clients need. */
export class TlsBroker implements AsyncDisposable {
  /** Its certificates. */
  readonly made: TestCertificates;
  readonly server: BrokerServer;

  private constructor(made: TestCertificates, server: BrokerServer) {
    this.made = made;
    this.server = server;
  }

  /** Starts a broker on a free port. */
  static async start(
    mode: Mode = "off",
    settings: PartialSettings = {},
  ): Promise<TlsBroker> {
    const made = new TestCertificates();
    const { certificateFile: certificate, keyFile: key } = made.makeServer();
    const clients = mode === "off" ? {} : { clientCa: made.caFile, clientCertificates: mode };
    const tls = { certificate, key, ...clients };
    return new TlsBroker(made, await startBroker({ ...settings, tls }));
  }

  /** Options of a client, with a certificate if one is given. */
  options(pair?: CertificateFiles): ConnectOptions {
    const shown = pair && { cert: pair.certificate, key: pair.key };
    return { hostname: "localhost", port: this.server.port, tls: { ca: this.made.ca, ...shown } };
  }

  /** A client that speaks frames by hand, over TLS. */
  async raw(pair?: CertificateFiles): Promise<RawClient> {
    const { ca } = this.made;
    const shown = pair && { cert: pair.certificate, key: pair.key };
    const target = { hostname: "localhost", port: this.server.port, ca, ...shown };
    return new RawClient(await connectTlsSocket(target, AbortSignal.timeout(PATIENCE_MS)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    this.made[Symbol.dispose]();
  }
}

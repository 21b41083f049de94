/**
 * An authority and certificates in files, for tests.
 *
 * @module
 */

import {
  Authority,
  type CertificatePair,
  type Validity,
} from "../../../src/server/certificates/authority.ts";

/** The files of one certificate. */
export interface CertificateFiles extends CertificatePair {
  /** The paths of the two. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** The names of this machine. */
export const LOCAL_NAMES: readonly string[] = ["localhost", "127.0.0.1", "::1"];

const DAY_MS = 86_400_000;

/** Valid since yesterday, for so many days; ended a day ago if these are -1. */
export function validFor(days: number): Validity {
  const now = Date.now();
  const until = now + days * DAY_MS;
  return { from: new Date(Math.min(now, until) - DAY_MS), until: new Date(until) };
}

/** A directory with an authority, and with the certificates that it makes. */
export class TestCertificates implements Disposable {
  readonly directory: string;
  readonly authority: Authority;
  /** The authority's certificate: its path, and its text for clients. */
  readonly caFile: string;
  readonly ca: string;

  /** Makes a new authority in a directory of its own. */
  constructor(name = "test authority") {
    this.directory = Deno.makeTempDirSync({ prefix: "certificates-" });
    this.authority = Authority.create(name, validFor(30));
    this.ca = this.authority.certificate;
    this.caFile = `${this.directory}/ca.pem`;
    Deno.writeTextFileSync(this.caFile, this.ca);
  }

  /** Makes a server's certificate, and writes it as `<file>.pem` and `<file>-key.pem`. */
  makeServer(
    { names = LOCAL_NAMES, validity = validFor(10), file = "server" }: {
      readonly names?: readonly string[];
      readonly validity?: Validity;
      readonly file?: string;
    } = {},
  ): CertificateFiles {
    return this.write(file, this.authority.makeServer(names, validity));
  }

  /** Makes a client's certificate, and writes it as `client-<name>.pem` and `client-<name>-key.pem`. */
  makeClient(name: string, validity: Validity = validFor(10)): CertificateFiles {
    return this.write(`client-${name}`, this.authority.makeClient(name, validity));
  }

  /** Writes a certificate and a key, in place of earlier ones; whether they fit does not matter. */
  write(file: string, pair: CertificatePair): CertificateFiles {
    const certificateFile = `${this.directory}/${file}.pem`;
    const keyFile = `${this.directory}/${file}-key.pem`;
    replace(certificateFile, pair.certificate);
    replace(keyFile, pair.key);
    return { ...pair, certificateFile, keyFile };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.directory, { recursive: true });
  }
}

/** Writes a file as whoever renews certificates has to: nobody reads half of it. */
function replace(path: string, text: string): void {
  Deno.writeTextFileSync(`${path}.new`, text, { mode: 0o600 });
  Deno.renameSync(`${path}.new`, path);
}

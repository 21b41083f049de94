import { checkOptionNames } from "../member/option_check.ts";

/** How a connection is encrypted, and what it trusts. All texts are PEM; files are read by the caller. */
export interface TlsOptions {
  /**
   * The certificates of authorities that may have signed the broker's; a text may hold several, and has at
   * most 4 MiB. They are trusted beside those that Deno trusts, and in place of them if there is a `cert`;
   * on Node and Bun always in place of those that the runtime trusts.
   *
   * @default {what the runtime trusts: Mozilla's list, or what `DENO_TLS_CA_STORE`, `DENO_CERT` or
   * `NODE_EXTRA_CA_CERTS` say}
   */
  readonly ca?: string | readonly string[];
  /** The client's certificate, for brokers that ask for one; authorities in between follow it. */
  readonly cert?: string;
  /** The private key of `cert`, without a password. */
  readonly key?: string;
  /**
   * The name that the broker's certificate must have.
   *
   * @default {the host name of the broker's address}
   */
  readonly serverName?: string;
}

/** TLS options, checked. */
export interface ResolvedTls {
  /** Certificates of authorities, each a text; `undefined` for none but those that the runtime trusts. */
  readonly ca: readonly string[] | undefined;
  /** The client's certificate and its key. */
  readonly pair: { readonly cert: string; readonly key: string } | undefined;
  readonly serverName: string | undefined;
}

/** What `true` means: the authorities that the runtime trusts, and the host's name. */
export const TLS_DEFAULT: ResolvedTls = { ca: undefined, pair: undefined, serverName: undefined };

const OPTION_NAMES: readonly (keyof TlsOptions)[] = ["ca", "cert", "key", "serverName"];

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The most characters of a text with certificates. */
const TEXT_LENGTH_MAX = 4 * 1024 * 1024;

/** Checks the option `tls`; `undefined` if it is left out. */
export async function resolveTls(tls: unknown, action: string): Promise<ResolvedTls | undefined> {
  if (tls === undefined) return undefined;
  if (tls === true) return TLS_DEFAULT;
  if (typeof tls !== "object" || tls === null) {
    const found = tls === null ? "null" : tls === false ? "false" : typeof tls;
    throw new TypeError(
      `${action}: tls must be true or an object, found ${found}; leave it out to connect without TLS`,
    );
  }
  checkOptionNames(tls, OPTION_NAMES, `${action} with tls`);
  const { ca, cert, key, serverName } = tls as TlsOptions;
  checkServerName(serverName, action);
  return {
    ca: ca === undefined ? undefined : await resolveAuthorities(ca, action),
    pair: await resolvePair(cert, key, action),
    serverName,
  };
}

function checkServerName(serverName: unknown, action: string): void {
  if (serverName === undefined) return;
  if (typeof serverName !== "string") {
    throw new TypeError(`${action}: tls.serverName must be a string, found ${typeof serverName}`);
  }
  if (/^[A-Za-z0-9._:-]{1,253}$/.test(serverName)) return;
  throw new RangeError(
    `${action}: tls.serverName is no name, allowed are names of hosts and IP addresses without a port`,
  );
}

async function resolveAuthorities(ca: unknown, action: string): Promise<string[]> {
  const texts: readonly unknown[] = Array.isArray(ca) ? ca : [ca];
  if (texts.length === 0) {
    throw new RangeError(`${action}: tls.ca is empty, allowed is at least one certificate`);
  }
  const found: string[] = [];
  for (const [index, text] of texts.entries()) {
    const name = Array.isArray(ca) ? `tls.ca[${index}]` : "tls.ca";
    found.push(...await readCertificates(name, text, action));
  }
  return found;
}

/** Takes the certificates out of a text. */
async function readCertificates(name: string, text: unknown, action: string): Promise<string[]> {
  if (typeof text !== "string") {
    throw new TypeError(`${action}: ${name} must be a text, found ${typeof text}`);
  }
  if (text.length > TEXT_LENGTH_MAX) {
    throw new RangeError(
      `${action}: ${name} has ${text.length} characters, allowed are ${TEXT_LENGTH_MAX}`,
    );
  }
  const found = text.match(CERTIFICATE);
  if (found === null) {
    throw new TypeError(
      `${action}: ${name} has no certificate; allowed is a PEM text, not the path of its file`,
    );
  }
  const { X509Certificate } = await import("node:crypto");
  for (const certificate of found) {
    try {
      new X509Certificate(certificate);
    } catch (cause) {
      throw new TypeError(`${action}: ${name} has a certificate that cannot be read`, { cause });
    }
  }
  return found;
}

async function resolvePair(
  cert: unknown,
  key: unknown,
  action: string,
): Promise<ResolvedTls["pair"]> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    const [given, missing] = cert === undefined ? ["key", "cert"] : ["cert", "key"];
    throw new TypeError(`${action}: tls.${given} needs tls.${missing}, which is not given`);
  }
  if (typeof key !== "string") {
    throw new TypeError(`${action}: tls.key must be a text, found ${typeof key}`);
  }
  const [own] = await readCertificates("tls.cert", cert, action);
  const { createPrivateKey, X509Certificate } = await import("node:crypto");
  let fits: boolean;
  try {
    fits = new X509Certificate(own!).checkPrivateKey(createPrivateKey(key));
  } catch {
    // What the system says of a key is not passed on: it may be a part of it.
    throw new TypeError(
      `${action}: tls.key cannot be read; allowed is the PEM text of a private key without a password`,
    );
  }
  if (!fits) throw new TypeError(`${action}: tls.key is not the key of tls.cert`);
  return { cert: cert as string, key };
}

import { BrokerTarget } from "./broker_target.ts";
import { readVariable } from "./environment.ts";
import {
  checkHostname,
  checkPort,
  PORT_DEFAULT,
  readServerAddress,
  type ServerAddress,
} from "./server_address.ts";
import { type ResolvedTls, resolveTls, TLS_DEFAULT, type TlsOptions } from "./tls_options.ts";
import { checkToken, looksLikeToken, type ReadToken } from "./token.ts";
import { TokenFile } from "./token_file.ts";

/** Where a client finds its broker, and how it proves who it is. */
export interface DialOptions {
  /**
   * The broker's host name or address.
   *
   * @default {"localhost"}
   */
  readonly hostname?: string;
  /**
   * The broker's port, 1 to 65535.
   *
   * @default {9090}
   */
  readonly port?: number;
  /**
   * The brokers, in place of `hostname` and `port`: 1 to 100 texts `host:port` or URLs
   * `smq://host:port`, or `smqs://token@host:port` for TLS. IPv6 addresses are in brackets; without a
   * port it is 9090; a token's special characters are percent-encoded. Each attempt tries one after the
   * other, first the one that was used last; one that did not answer lately is the last.
   *
   * @default {the environment's `SIMPLEMQ_SERVER`, a list with commas, if that may be read}
   */
  readonly servers?: readonly string[];
  /**
   * The secret that shows the broker who the client is: 1 to 512 visible ASCII characters. It beats the
   * tokens of URLs. Without TLS it can be read on its way: it is not for servers with and without TLS.
   *
   * @default {the environment's `SIMPLEMQ_TOKEN`, if that may be read}
   */
  readonly token?: string;
  /**
   * The path of a file with the token, in place of `token`: at most 4 KiB, spaces around the token are
   * left out. It is read at each attempt to connect, so a new token needs no restart.
   *
   * @default {the environment's `SIMPLEMQ_TOKEN_FILE`, if that may be read}
   */
  readonly tokenFile?: string;
  /**
   * Encrypts the connection: `true` if the broker's certificate is signed by an authority that the
   * runtime trusts, otherwise an object. The certificate and its name are always checked.
   *
   * @default {no TLS, except for URLs `smqs://`}
   */
  readonly tls?: true | TlsOptions;
}

/** The names of all options. */
export const DIAL_OPTION_NAMES: readonly (keyof DialOptions)[] = [
  "hostname",
  "port",
  "servers",
  "token",
  "tokenFile",
  "tls",
];

/** The most servers. */
const SERVERS_MAX = 100;

const ACTION = "Cannot connect";

/**
 * Checks options and environment; returns the brokers to connect to. Nothing is sent.
 *
 * @param needsToken Whether a token is to be shown, if there is one.
 */
export async function resolveTargets(
  options: DialOptions,
  needsToken: boolean = true,
): Promise<BrokerTarget[]> {
  const addresses = findAddresses(options);
  const findToken = needsToken ? await resolveToken(options, addresses) : () => undefined;
  const tls = await resolveTls(options.tls, ACTION);
  const ways = addresses.map((address) => {
    return { address, tls: chooseTls(address, tls), readToken: findToken(address.token) };
  });
  checkPlainWays(ways);
  return ways.map(({ address: { hostname, port }, tls, readToken }) =>
    new BrokerTarget({ hostname, port, tls, readToken })
  );
}

/** A broker's address, and how a session with it is opened. */
interface Way {
  readonly address: ServerAddress;
  readonly tls: ResolvedTls | undefined;
  readonly readToken: ReadToken | undefined;
}

/** An attacker who keeps a client from its brokers with TLS must not get its token without TLS. */
function checkPlainWays(ways: readonly Way[]): void {
  const encrypted = new Set(ways.filter(({ tls }) => tls).map(({ readToken }) => readToken));
  const plain = ways.find(({ tls, readToken }) => !tls && readToken && encrypted.has(readToken));
  if (plain === undefined) return;
  throw new TypeError(
    `${ACTION}: ${plain.address.source} is without TLS and would get the token that is also for a ` +
      "server with TLS; write smqs://, or give it a token of its own",
  );
}

function findAddresses({ hostname, port, servers }: DialOptions): ServerAddress[] {
  if (servers !== undefined) {
    const other = hostname !== undefined ? "hostname" : port !== undefined ? "port" : undefined;
    if (other !== undefined) {
      throw new TypeError(`${ACTION}: servers and ${other} exclude each other`);
    }
    return readServers(servers);
  }
  const listed = hostname === undefined && port === undefined && readVariable("SIMPLEMQ_SERVER");
  if (listed) {
    const texts = listed.split(",").map((text) => text.trim()).filter((text) => text !== "");
    return readAll(texts, (index) => `server ${index + 1} of SIMPLEMQ_SERVER`);
  }
  if (hostname !== undefined) checkHostname(hostname, ACTION);
  if (port !== undefined) checkPort("port", port, ACTION);
  return [{ hostname: hostname ?? "localhost", port: port ?? PORT_DEFAULT, source: "hostname" }];
}

function readServers(servers: unknown): ServerAddress[] {
  if (!Array.isArray(servers)) {
    throw new TypeError(`${ACTION}: servers must be a list of texts, found ${typeof servers}`);
  }
  return readAll(servers, (index) => `servers[${index}]`);
}

function readAll(texts: readonly unknown[], name: (index: number) => string): ServerAddress[] {
  if (texts.length === 0 || texts.length > SERVERS_MAX) {
    throw new RangeError(
      `${ACTION}: ${texts.length} servers are given, allowed are 1 to ${SERVERS_MAX}`,
    );
  }
  return Array.from(texts, (text, index) => readServerAddress(text, name(index), ACTION));
}

/** An option beats the token of a URL, and that one the environment. */
async function resolveToken(
  { token, tokenFile }: DialOptions,
  addresses: readonly ServerAddress[],
): Promise<(ofUrl: string | undefined) => ReadToken | undefined> {
  if (token !== undefined && tokenFile !== undefined) {
    throw new TypeError(`${ACTION}: token and tokenFile exclude each other`);
  }
  if (token !== undefined) {
    checkToken("token", token, ACTION);
    const read = always(token);
    return () => read;
  }
  if (tokenFile !== undefined) {
    if (typeof tokenFile !== "string" || tokenFile === "") {
      const found = tokenFile === "" ? "an empty one" : typeof tokenFile;
      throw new TypeError(`${ACTION}: tokenFile must be a path, found ${found}`);
    }
    const read = await openTokenFile(tokenFile, "tokenFile");
    return () => read;
  }
  const isComplete = addresses.every((address) => address.token !== undefined);
  const fallback = isComplete ? undefined : await findEnvironmentToken();
  return (ofUrl) => ofUrl === undefined ? fallback : always(ofUrl);
}

async function findEnvironmentToken(): Promise<ReadToken | undefined> {
  const token = readVariable("SIMPLEMQ_TOKEN");
  if (token !== undefined) {
    checkToken("SIMPLEMQ_TOKEN", token, ACTION);
    return always(token);
  }
  const path = readVariable("SIMPLEMQ_TOKEN_FILE");
  return path === undefined ? undefined : await openTokenFile(path, "SIMPLEMQ_TOKEN_FILE");
}

/** A file that cannot be used is a mistake now; later it may be about to be replaced. */
async function openTokenFile(path: string, name: string): Promise<ReadToken> {
  if (looksLikeToken(path)) {
    const advice = "that is not the path of a file with one";
    throw new TypeError(`${ACTION}: ${name} has a token in it, ${advice}`);
  }
  const { read } = new TokenFile(path, name);
  await read();
  return read;
}

function always(token: string): ReadToken {
  return () => Promise.resolve(token);
}

/** The scheme of a URL, or the option without a scheme, says whether to encrypt. */
function chooseTls(
  { isEncrypted, source }: ServerAddress,
  tls: ResolvedTls | undefined,
): ResolvedTls | undefined {
  if (isEncrypted === false && tls !== undefined) {
    throw new TypeError(
      `${ACTION}: ${source} is an smq:// URL, which means without TLS, but tls is given; ` +
        "write smqs://, or leave tls out",
    );
  }
  return tls ?? (isEncrypted ? TLS_DEFAULT : undefined);
}

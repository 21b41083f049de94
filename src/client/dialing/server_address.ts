import { findNumberMistake } from "../member/option_check.ts";
import { checkToken, looksLikeToken } from "./token.ts";

/** Where a broker is, and what a text or URL says of the way to it. */
export interface ServerAddress {
  /** The host's name or address, without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** What the URL's scheme says; `undefined` if there is no scheme. */
  readonly isEncrypted?: boolean | undefined;
  readonly token?: string | undefined;
  /** What named it: an option or a variable. */
  readonly source: string;
}

export const PORT_DEFAULT = 9090;

/** Longer than an address that a broker tells: a host of 253 characters and a port. */
const TOLD_LENGTH_MAX = 300;

const ALLOWED = "allowed are host:port, smq://host:port and smqs://token@host:port";

/** The schemes of URLs, and whether they mean TLS. */
const SCHEMES: ReadonlyMap<string, boolean> = new Map([["smq", false], ["smqs", true]]);

/** Letters, digits and dashes of names; colons and zones of IPv6. */
const NAME_RULE = /^[A-Za-z0-9._-]{1,253}$/;
const BRACKETS_RULE = /^\[([0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?)\]$/;

/**
 * Reads the address of a broker. Errors show nothing that might be part of a token.
 *
 * @param text `host:port`, or a URL of the scheme `smq` or `smqs`.
 * @param source What the text is, such as `servers[0]`.
 */
export function readServerAddress(text: unknown, source: string, action: string): ServerAddress {
  const fail = (why: string): never => {
    throw new TypeError(`${action}: ${source} ${why}; ${ALLOWED}`);
  };
  if (typeof text !== "string") {
    throw new TypeError(`${action}: ${source} must be a string, found ${typeof text}`);
  }
  if (text === "") fail("is empty");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text);
  const isEncrypted = scheme ? SCHEMES.get(scheme[1]!.toLowerCase()) : undefined;
  if (scheme && isEncrypted === undefined) fail(`begins with ${scheme[0]}`);
  const rest = text.slice(scheme?.[0].length ?? 0);
  const at = rest.lastIndexOf("@");
  if (at >= 0 && !scheme) fail("has an @ and is no URL");
  const secret = at < 0 ? undefined : rest.slice(0, at);
  if (secret !== undefined && /[/?#@]/.test(secret)) {
    fail("has a / ? # or @ before its host; in a token they are written as %2F %3F %23 %40");
  }
  if (secret?.includes(":")) fail("has a user and a password; there are only tokens");
  const [host, port] = splitPort(rest.slice(at + 1).replace(/(?<=[^/])\/$/, ""), fail);
  return {
    hostname: readHost(host, fail),
    port: readPort(port, source, action),
    isEncrypted,
    token: secret === undefined ? undefined : decodeToken(secret, source, action),
    source,
  };
}

/** Reads the address that a broker tells of another one, `host:port`; `undefined` if it is none. */
export function readToldAddress(text: string): { hostname: string; port: number } | undefined {
  if (text.length > TOLD_LENGTH_MAX || !/:\d+$/.test(text)) return undefined;
  try {
    const { hostname, port, isEncrypted } = readServerAddress(text, "an address", "Cannot connect");
    return isEncrypted === undefined ? { hostname, port } : undefined;
  } catch {
    return undefined;
  }
}

/** Checks the option `hostname`. */
export function checkHostname(hostname: unknown, action: string): void {
  if (typeof hostname !== "string") {
    throw new TypeError(`${action}: hostname must be a string, found ${typeof hostname}`);
  }
  if (hostname !== "" && !/[\s/?#@[\]]/.test(hostname) && !looksLikeToken(hostname)) return;
  const found = hostname === "" ? "is empty" : "has characters that are not allowed";
  throw new TypeError(
    `${action}: hostname ${found}; allowed is a host's name or address, URLs belong into servers`,
  );
}

/** Checks a port. */
export function checkPort(name: string, port: unknown, action: string): void {
  const mistake = findNumberMistake(name, port, { low: 1, high: 65_535 }, action);
  if (mistake !== undefined) throw mistake;
}

type Fail = (why: string) => never;

/** Takes host and port apart; a port that is not there is `undefined`. */
function splitPort(authority: string, fail: Fail): [host: string, port: string | undefined] {
  if (/[/?#]/.test(authority)) fail("has a path, or something else behind its port");
  const bracket = authority.lastIndexOf("]");
  const colon = authority.indexOf(":", bracket + 1);
  if (colon < 0) return [authority, undefined];
  if (bracket < 0 && authority.indexOf(":", colon + 1) >= 0) {
    fail("has more than one colon; an IPv6 address is written in brackets: [::1]:9090");
  }
  return [authority.slice(0, colon), authority.slice(colon + 1)];
}

function readHost(host: string, fail: Fail): string {
  if (host === "") fail("has no host");
  if (looksLikeToken(host)) fail("has a token where its host should be");
  const inner = BRACKETS_RULE.exec(host)?.[1];
  if (inner === undefined && !NAME_RULE.test(host)) fail("has a host that cannot be one");
  return inner ?? host;
}

function readPort(port: string | undefined, source: string, action: string): number {
  if (port === undefined) return PORT_DEFAULT;
  const name = `the port of ${source}`;
  if (!/^\d{1,9}$/.test(port)) {
    throw new RangeError(`${action}: ${name} is no number, allowed are 1 to 65535`);
  }
  checkPort(name, Number(port), action);
  return Number(port);
}

function decodeToken(secret: string, source: string, action: string): string {
  const name = `the token of ${source}`;
  let token: string;
  try {
    token = decodeURIComponent(secret);
  } catch {
    throw new TypeError(`${action}: ${name} has a % without two hexadecimal digits behind it`);
  }
  checkToken(name, token, action);
  return token;
}

import { UnansweredError } from "../uplink/client_session.ts";

/** How a broker was dialled. */
export interface DialWay {
  /** The name that its certificate must have. */
  readonly serverName: string;
  readonly isEncrypted: boolean;
  /** Whether the client has a certificate of its own. */
  readonly hasPair: boolean;
}

/** An error of a library of TLS, known by its code or sentence, and its meaning. */
interface TlsFault {
  readonly sign: RegExp;
  readonly explain: (way: DialWay, said: string) => string;
}

const TLS_FAULTS: readonly TlsFault[] = [
  {
    sign: /NotValidForName|not valid for name|ERR_TLS_CERT_ALTNAME_INVALID/,
    explain: ({ serverName }, said) =>
      `its certificate is not for "${serverName}"${findNames(said)}; ` +
      "give a name that it is for as tls.serverName",
  },
  {
    sign: /peer certificate.*expired|CERT_HAS_EXPIRED/i,
    explain: () => "its certificate has expired",
  },
  {
    sign: /NotValidYet|not valid yet|CERT_NOT_YET_VALID/i,
    explain: () => "its certificate is not valid yet, by the clock of this machine",
  },
  {
    // node:tls of Deno says the same of an expired one.
    sign: /UNABLE_TO_VERIFY_LEAF/,
    explain: () =>
      "its certificate is signed by an unknown authority, or has expired; give its authority as tls.ca",
  },
  {
    // Of two authorities with one name, as development ones have, the signature tells which it is.
    sign: /UnknownIssuer|BadSignature|UNABLE_TO_GET_ISSUER_CERT|SELF_SIGNED_CERT/,
    explain: () =>
      "its certificate is signed by an unknown authority; give its authority as tls.ca",
  },
  {
    sign: /CaUsedAsEndEntity/,
    explain: () => "its certificate is that of an authority, not that of a server",
  },
  {
    sign: /peer certificate/,
    explain: (_way, said) => `its certificate cannot be used: ${said}`,
  },
  {
    sign: /CertificateRequired|CERTIFICATE_REQUIRED/,
    explain: ({ hasPair }) =>
      hasPair
        ? "it refuses the client's certificate"
        : "it requires a certificate of the client; give tls.cert and tls.key",
  },
  {
    sign: /alert.*(Certificate|Unknown_?CA|Access_?Denied|Decrypt_?Error)/i,
    explain: () => "it refuses the client's certificate",
  },
  {
    sign: /No_?Application_?Protocol/i,
    explain: () => "its port speaks TLS, but is not the port of a broker",
  },
  {
    sign: /InvalidContentType|ERR_SSL_WRONG_VERSION_NUMBER/,
    explain: () => "its port does not speak TLS; leave tls out, or use smq:// in place of smqs://",
  },
];

const ENDED = /unexpected end of file|ECONNRESET|reset by peer/i;

/** Why no session could be opened. */
export interface DialFault {
  readonly why: string;
  /** Whether somebody has to change something before another attempt can succeed. */
  readonly isMistake: boolean;
}

/** Explains the error of an attempt. */
export function explainDialFault(cause: unknown, way: DialWay): DialFault {
  const said = sayFault(cause);
  if (cause instanceof UnansweredError) return { why: said + guessWhy(way), isMistake: false };
  if (!way.isEncrypted || !(cause instanceof Error)) return { why: said, isMistake: false };
  if (ENDED.test(signsOf(cause))) {
    const why = "the connection ended during the handshake of TLS; does its port speak TLS?";
    return { why, isMistake: false };
  }
  const fault = TLS_FAULTS.find(({ sign }) => sign.test(signsOf(cause)));
  return { why: fault?.explain(way, said) ?? said, isMistake: fault !== undefined };
}

/** Node tells of each address of a host in an error of its own, and nothing in the one around them. */
function sayFault(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  if (cause.message !== "" || !(cause instanceof AggregateError)) return cause.message;
  return cause.errors.map(sayFault).join(", ");
}

function signsOf(cause: Error): string {
  return "code" in cause ? `${cause.message} ${cause.code}` : cause.message;
}

/** Why a connection may have ended without an answer. */
function guessWhy({ isEncrypted, hasPair }: DialWay): string {
  if (!isEncrypted) return "; if its port speaks TLS, use smqs:// or give tls";
  return hasPair ? "; it may have refused the client's certificate" : "";
}

/** The most names of a certificate that an error shows. */
const NAMES_MAX = 5;

/** The names that a certificate is for, if they are told. */
function findNames(said: string): string {
  const found = said.matchAll(/DnsName\("([^"]+)"\)|IpAddress\(([^)]+)\)|DNS:([^,\s]+)/g);
  const names = [...found].map(([, ...parts]) => parts.find((part) => part !== undefined));
  if (names.length === 0) return "";
  return `, but for ${names.slice(0, NAMES_MAX).join(", ")}${names.length > NAMES_MAX ? " …" : ""}`;
}

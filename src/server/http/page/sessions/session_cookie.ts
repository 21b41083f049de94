/** What is looked at of a request. */
interface Asked {
  readonly headers: Headers;
  readonly host: string;
  readonly isEncrypted: boolean;
}

/** The form of a session's id: 32 bytes as base64url. */
const ID_FORM = /^[A-Za-z0-9_-]{43}$/;

/**
 * The name of the cookie. Browsers send a cookie to all ports of a host: with the port in its name, brokers on
 * one machine do not log out each other's users. With TLS, `__Host-` has browsers take it from here only.
 */
function nameOf({ host, isEncrypted }: Asked): string {
  const [, port = "default"] = /:(\d+)$/.exec(host) ?? [];
  return `${isEncrypted ? "__Host-" : ""}simplemq-${port}`;
}

/** Reads the id of a session, if there is one that could be. */
export function readSessionCookie(asked: Asked): string | undefined {
  const name = nameOf(asked);
  for (const part of (asked.headers.get("cookie") ?? "").split(";")) {
    const [found, value = ""] = part.trim().split("=", 2);
    if (found === name && ID_FORM.test(value)) return value;
  }
  return undefined;
}

/** The header that sets a session's id, or removes it; script cannot read it, other sites cannot send it. */
export function writeSessionCookie(asked: Asked, id: string | undefined): string {
  const end = id === undefined ? "; Max-Age=0" : "";
  const secure = asked.isEncrypted ? "; Secure" : "";
  return `${nameOf(asked)}=${id ?? ""}; Path=/; HttpOnly; SameSite=Strict${secure}${end}`;
}

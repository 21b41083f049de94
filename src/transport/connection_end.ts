/** The names of errors by which Deno says that a connection has ended. */
const NAMES: ReadonlySet<string> = new Set([
  "BadResource",
  "BrokenPipe",
  "ConnectionAborted",
  "ConnectionReset",
  "Interrupted",
  "NotConnected",
  "TimedOut",
  "UnexpectedEof",
]);

/** The codes by which sockets of node:net and node:tls say the same. */
const CODES: ReadonlySet<unknown> = new Set([
  "ECANCELED",
  "ECONNABORTED",
  "ECONNRESET",
  "ENOTCONN",
  "EPIPE",
  "ERR_SOCKET_CLOSED",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_WRITE_AFTER_END",
  "ETIMEDOUT",
]);

/** A fault of TLS, or one that the other side tells, ends a connection like one of the network. */
function isEndCode(code: unknown): boolean {
  return CODES.has(code) || (typeof code === "string" && /^ERR_(SSL|TLS)_/.test(code));
}

/** Whether an error only says that a connection has ended, from either side. */
export function isConnectionEnd(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return NAMES.has(error.name) || ("code" in error && isEndCode(error.code));
}

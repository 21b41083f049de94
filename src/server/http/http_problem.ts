import { BrokerError, type ErrorCode, type ErrorDetails } from "../../../protocol.ts";

/** Codes of problems that only HTTP has. */
export type HttpProblemCode =
  | "CROSS_SITE"
  | "HOST_UNKNOWN"
  | "METHOD_NOT_ALLOWED"
  | "NOT_FOUND"
  | "REQUEST_TOO_LARGE"
  | "STARTING"
  | "TOO_MANY_REQUESTS"
  | "TOO_MANY_TRIES";

/** More of a problem. */
export interface HttpProblemOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly details?: ErrorDetails;
  /** When to try again, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
}

/** Why a request is not answered as it was meant. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: ErrorCode | HttpProblemCode;
  readonly options: HttpProblemOptions;

  /** @param message A sentence for people: what was tried, what was found, and what is allowed. */
  constructor(
    status: number,
    code: ErrorCode | HttpProblemCode,
    message: string,
    options: HttpProblemOptions = {},
  ) {
    super(message, options);
    this.name = "HttpProblem";
    this.status = status;
    this.code = code;
    this.options = options;
  }
}

/** The statuses of errors of the broker; all others are 400. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  STREAM_NOT_FOUND: 404,
  FOLLOWER_NOT_FOUND: 404,
  MESSAGE_NOT_FOUND: 404,
  SCHEDULE_NOT_FOUND: 404,
  LIMIT_NOT_FOUND: 404,
  NO_MATCHING_STREAM: 404,
  STREAM_DIFFERS: 409,
  STREAM_FULL: 409,
  STALE_DELIVERY: 409,
  UNKNOWN_DELIVERY: 409,
  LIMIT_REACHED: 409,
  TOO_MANY_STREAMS: 409,
  TOO_MANY_SCHEDULES: 409,
  MESSAGE_TOO_LARGE: 413,
  HEADERS_TOO_LARGE: 413,
  TOO_MANY_CONNECTIONS: 429,
  INTERNAL_ERROR: 500,
  STREAM_DAMAGED: 500,
  DISK_FULL: 503,
  MEMORY_FULL: 503,
  NOT_ACTIVE: 503,
  SHUTTING_DOWN: 503,
  PUBLISH_TIMEOUT: 504,
};

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  421: "Misdirected Request",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** Makes a problem of an error of the broker; anything else is undefined. */
export function asHttpProblem(error: unknown): HttpProblem | undefined {
  if (error instanceof HttpProblem) return error;
  if (!(error instanceof BrokerError)) return undefined;
  const { code, message, details } = error;
  const headers = code === "UNAUTHORIZED" ? { "www-authenticate": 'Bearer realm="simplemq"' } : {};
  const { retryAfterMs } = details;
  return new HttpProblem(STATUSES[code] ?? 400, code, message, { headers, details, retryAfterMs });
}

/** Writes a problem as `application/problem+json`. */
export function writeProblem(problem: HttpProblem): Response {
  const { status, code, message: detail, options } = problem;
  const { headers, details = {}, retryAfterMs } = options;
  const hasDetails = Object.keys(details).length > 0;
  const body = {
    type: "about:blank",
    title: TITLES[status] ?? "Error",
    status,
    detail,
    code,
    ...hasDetails && { details },
    ...retryAfterMs !== undefined && { retryAfterMs },
  };
  const response = writeJson(body, status, "application/problem+json");
  for (const [name, value] of Object.entries(headers ?? {})) response.headers.set(name, value);
  if (retryAfterMs !== undefined) {
    response.headers.set("retry-after", String(Math.ceil(retryAfterMs / 1000)));
  }
  return response;
}

/** Writes JSON, with its length. */
export function writeJson(value: unknown, status = 200, type = "application/json"): Response {
  const bytes = new TextEncoder().encode(JSON.stringify(value) + "\n");
  const headers = { "content-type": type, "content-length": String(bytes.length) };
  return new Response(bytes, { status, headers });
}

/**
 * Requests to the broker.
 *
 * @module
 */

/**
 * What the page knows of who is logged in.
 *
 * @typedef {object} Session
 * @property {boolean} hasUsers
 * @property {string | null} user
 * @property {string | null} how
 * @property {boolean} hasPasswords
 * @property {string} version
 * @property {Record<string, boolean>} may
 * @property {{ role: "active" | "standby" } | null} cluster
 */

/** An answer that is an error, with the broker's sentence and code. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {string} code
   * @param {number} status
   * @param {number} [retryAfterMs]
   */
  constructor(message, code, status, retryAfterMs) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The code of a request that got no answer. */
export const NO_ANSWER = "NO_ANSWER";

/** How long an answer may take, in milliseconds. */
const ANSWER_MS = 30_000;

/** What becomes known with an answer, whoever has asked. */
export const watch = {
  /** The session is over. */
  onUnauthorized: () => {},
  /** There was no answer. */
  onSilence: () => {},
};

/**
 * Asks the broker.
 *
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, signal?: AbortSignal }} [options]
 * @returns {Promise<any>} The answer, or nothing if it has no content.
 */
export async function ask(method, path, { body, signal } = {}) {
  const limit = AbortSignal.timeout(ANSWER_MS);
  const response = await answer(method, path, {
    body,
    signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
  });
  if (response.ok) return response.status === 204 ? undefined : await response.json();
  const error = await readError(response);
  if (response.status === 401 && path !== "/api/login") watch.onUnauthorized();
  throw error;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{ body?: unknown, signal: AbortSignal }} options
 */
async function answer(method, path, { body, signal }) {
  const headers = body === undefined ? undefined : { "content-type": "application/json" };
  try {
    return await fetch(path, { method, signal, headers, body: JSON.stringify(body) });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    watch.onSilence();
    throw new ApiError("The broker does not answer", NO_ANSWER, 0);
  }
}

/**
 * @param {Response} response
 * @returns {Promise<ApiError>}
 */
async function readError(response) {
  const problem = await response.json().catch(() => ({}));
  const { detail, title, code = `HTTP_${response.status}`, retryAfterMs } = problem;
  const sentence = detail ?? title ?? `The broker answered with status ${response.status}`;
  const seconds = Number(response.headers.get("retry-after"));
  return new ApiError(
    sentence,
    code,
    response.status,
    retryAfterMs ?? (seconds * 1000 || undefined),
  );
}

/**
 * Whether an error is that of a request that was given up.
 *
 * @param {unknown} error
 */
export function isAborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * An error as a sentence with its code.
 *
 * @param {unknown} error
 */
export function explainError(error) {
  const text = error instanceof Error ? error.message : String(error);
  const sentence = /[.!?]$/.test(text) ? text : `${text}.`;
  return error instanceof ApiError ? `${sentence} (${error.code})` : sentence;
}

/**
 * Joins the parts of a path; each is encoded.
 *
 * @param {...(string | number)} parts
 */
export function apiPath(...parts) {
  return `/api/${parts.map(encodeURIComponent).join("/")}`;
}

/**
 * Writes a query; empty values are left out.
 *
 * @param {Record<string, string | number | undefined | null>} values
 */
export function query(values) {
  const used = Object.entries(values).filter(([, value]) =>
    value !== undefined && value !== null && value !== ""
  );
  const text = new URLSearchParams(used.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
}

import { HEADER_BYTES_MAX } from "../../protocol/limits.ts";
import { TRACE_PARENT } from "../../protocol/messages/trace_parent.ts";
import { encodeUtf8 } from "../../protocol/utf8.ts";

type Headers = Readonly<Record<string, string>>;

/** The bytes of a header beside its name and its value. */
const HEADER_EXTRA_BYTES = 3;

/** Whether headers have a context of their own, which is kept. */
export function hasOwnParent(headers: unknown): headers is Headers {
  return typeof headers === "object" && headers !== null && Object.hasOwn(headers, TRACE_PARENT);
}

/**
 * Adds the headers of a context to options. What is not allowed stays as it is, so that the call itself says so;
 * and headers that leave no room stay as they are.
 */
export function addHeaders<T extends { readonly headers?: Headers }>(
  options: T | undefined,
  added: Headers,
): T | undefined {
  const headers: unknown = options?.headers;
  if (headers === undefined) return { ...options, headers: added } as T;
  if (typeof headers !== "object" || headers === null) return options;
  if (![Object.prototype, null].includes(Object.getPrototypeOf(headers))) return options;
  const all = { ...headers, ...added };
  return measure(all) <= HEADER_BYTES_MAX ? { ...options, headers: all } as T : options;
}

function measure(headers: Headers): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    bytes += HEADER_EXTRA_BYTES + encodeUtf8(name).length + encodeUtf8(String(value)).length;
  }
  return bytes;
}

/** The longest token, in characters. */
const TOKEN_LENGTH_MAX = 512;

/** Reads the token to show to a broker; `undefined` if there is none. */
export type ReadToken = (signal?: AbortSignal) => Promise<string | undefined>;

/** Whether there is a token of a broker in a text that is shown in messages: it is at a wrong place. */
export function looksLikeToken(text: string): boolean {
  return /smq_[A-Za-z0-9_-]{20}/.test(text);
}

/** Checks a token; the error tells nothing of it. */
export function checkToken(name: string, token: unknown, action: string): asserts token is string {
  if (typeof token !== "string") {
    throw new TypeError(`${action}: ${name} must be a string, found ${typeof token}`);
  }
  if (token.length === 0 || token.length > TOKEN_LENGTH_MAX) {
    const found = token.length === 0 ? "is empty" : `has ${token.length} characters`;
    throw new RangeError(
      `${action}: ${name} ${found}, allowed are 1 to ${TOKEN_LENGTH_MAX} characters`,
    );
  }
  const at = token.search(/[^\x21-\x7e]/);
  if (at < 0) return;
  throw new RangeError(
    `${action}: character ${at + 1} of ${name} is not allowed; ` +
      "allowed are letters, digits and signs of ASCII, without spaces",
  );
}

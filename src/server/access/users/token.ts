import { createHash, randomBytes } from "node:crypto";

/** What tokens begin with, so that they are recognized wherever they have leaked to. */
const TOKEN_PREFIX = "smq_";

/** The random part of a token, in bytes: nobody guesses 256 bits, so its hash need not be slow. */
const TOKEN_BYTES = 32;

/** Makes a token: what its owner shows, and nobody else keeps. */
export function createToken(): string {
  return TOKEN_PREFIX + randomBytes(TOKEN_BYTES).toString("base64url");
}

/** The hash of a token, as the file of users has it: 64 hex digits. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The first digits of a token's hash, by which people name the token. */
export function nameToken(hash: string): string {
  return hash.slice(0, 8);
}

/** The hash of an empty token: it belongs to nobody, though a script may store it by mistake. */
export const EMPTY_TOKEN_HASH: string = hashToken("");

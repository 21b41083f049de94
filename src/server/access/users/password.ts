import { Buffer } from "node:buffer";
import { randomBytes, timingSafeEqual } from "node:crypto";

/** The fewest characters of a password. */
export const PASSWORD_LENGTH_MIN = 12;

/** The most bytes of a password in UTF-8: a hash of more would take more time. */
export const PASSWORD_BYTES_MAX = 1024;

/** What a new hash costs, about 25 ms: less memory and more passes leave the caches to others. */
const COST: HashCost = { memoryKiB: 7168, passes: 5, lanes: 1 };

/** The most that a hash in the file of users may cost, and the least that is safe. */
const MEMORY_KIB_MAX = 64 * 1024;
const MEMORY_KIB_MIN = 7 * 1024;
const PASSES_MAX = 8;
const LANES_MAX = 4;

const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** What the hash of a password costs. */
interface HashCost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** A hash, as its text has it. */
interface PasswordHash extends HashCost {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The form of a hash in the file of users, the usual one of Argon2. */
const HASH_FORM =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** Why a text is no hash of a password that is taken; `undefined` if it is one. */
export function findPasswordHashMistake(text: string): string | undefined {
  return readHash(text) === undefined
    ? "a hash that the command user password has made: $argon2id$v=19$m=…,t=…,p=…$…$…"
    : undefined;
}

/** Why a text must not be the password of a user: half a sentence without a period; `undefined` if it may. */
export function findPasswordMistake(password: string, user: string): string | undefined {
  const length = [...password].length;
  if (length < PASSWORD_LENGTH_MIN) {
    return `found ${length} characters, allowed ${PASSWORD_LENGTH_MIN} or more`;
  }
  if (Buffer.byteLength(password) > PASSWORD_BYTES_MAX) {
    return `found more than ${PASSWORD_BYTES_MAX} bytes, allowed up to that`;
  }
  if (/\p{Cc}/u.test(password)) return "found a control character, allowed visible ones and spaces";
  return isWeak(password, user)
    ? "found one that is easy to guess, allowed one without well-known words, rows of keys and the name " +
      "of the user: four or five random words are a good one"
    : undefined;
}

/** Hashes a password, with a salt of its own. Takes about 40 ms on a thread that disks need, too. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { ...COST, salt, hash: Buffer.alloc(HASH_BYTES) });
  const { memoryKiB, passes, lanes } = COST;
  return `$argon2id$v=19$m=${memoryKiB},t=${passes},p=${lanes}$${show(salt)}$${show(hash)}`;
}

/** Whether a password is that of a hash; takes the same time whether it is or not. */
export async function verifyPassword(password: string, text: string): Promise<boolean> {
  const wanted = readHash(text);
  if (wanted === undefined) return false;
  return timingSafeEqual(await derive(password, wanted), wanted.hash);
}

/** A hash that belongs to no password: what an unknown user's one is compared with. */
export const NOBODYS_HASH: string =
  `$argon2id$v=19$m=${COST.memoryKiB},t=${COST.passes},p=${COST.lanes}$${
    show(Buffer.alloc(SALT_BYTES))
  }$${show(Buffer.alloc(HASH_BYTES))}`;

function readHash(text: string): PasswordHash | undefined {
  const [, memory, passes, lanes, salt, hash] = HASH_FORM.exec(text) ?? [];
  if (salt === undefined || hash === undefined) return undefined;
  const cost = { memoryKiB: Number(memory), passes: Number(passes), lanes: Number(lanes) };
  const isAllowed = cost.memoryKiB >= MEMORY_KIB_MIN && cost.memoryKiB <= MEMORY_KIB_MAX &&
    cost.passes >= 1 && cost.passes <= PASSES_MAX && cost.lanes >= 1 && cost.lanes <= LANES_MAX;
  if (!isAllowed) return undefined;
  return { ...cost, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
}

/** Argon2id is part of the runtime's WebCrypto, though not of its types. */
interface Argon2Crypto {
  importKey(
    format: "raw-secret",
    key: Uint8Array,
    algorithm: "Argon2id",
    isExtractable: false,
    uses: readonly ["deriveBits"],
  ): Promise<CryptoKey>;
  deriveBits(
    algorithm: {
      readonly name: "Argon2id";
      readonly nonce: Uint8Array;
      readonly memory: number;
      readonly passes: number;
      readonly parallelism: number;
    },
    key: CryptoKey,
    bits: number,
  ): Promise<ArrayBuffer>;
}

async function derive(password: string, { memoryKiB, passes, lanes, salt, hash }: PasswordHash) {
  const subtle = crypto.subtle as unknown as Argon2Crypto;
  // The same password may be typed in two forms.
  const secret = Buffer.from(password.normalize("NFKC"));
  const key = await subtle.importKey("raw-secret", secret, "Argon2id", false, ["deriveBits"]);
  const cost = { memory: memoryKiB, passes, parallelism: lanes };
  const bits = await subtle.deriveBits(
    { name: "Argon2id", nonce: salt, ...cost },
    key,
    hash.length * 8,
  );
  return Buffer.from(bits);
}

function show(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}

/** Parts of passwords that everybody tries first. */
const KNOWN_PARTS = [
  "password",
  "passwort",
  "passw0rd",
  "secret",
  "letmein",
  "welcome",
  "changeme",
  "default",
  "admin",
  "administrator",
  "iloveyou",
  "simplemq",
  "broker",
  "monkey",
  "dragon",
  "qwertyuiop",
  "qwertzuiop",
  "asdfghjkl",
  "zxcvbnm",
  "qwerty",
  "qwertz",
  "1q2w3e4r",
  "abcdefghijklmnopqrstuvwxyz",
  "0123456789",
  "9876543210",
];

/** The least number of characters that a password must have beside parts that are easy to guess. */
const REST_LENGTH_MIN = 8;

/** The least number of different characters. */
const DIFFERENT_MIN = 6;

function isWeak(password: string, user: string): boolean {
  let rest = password.toLowerCase();
  if (new Set(rest).size < DIFFERENT_MIN) return true;
  // Names are parts, too; one of two letters is in many words.
  const names = user.toLowerCase().split(/[._@-]/).concat(user.toLowerCase());
  const parts = [...KNOWN_PARTS, ...names.filter(({ length }) => length > 3)];
  for (const part of parts.sort((one, other) => other.length - one.length)) {
    rest = rest.replaceAll(part, " ");
  }
  // Runs of one character, and of neighbours such as 45678 or cdefg.
  rest = rest.replace(/(.)\1{2,}/gu, "$1").replace(/\d+/g, (digits) => shortenRun(digits));
  return [...rest.replace(/\s/g, "")].length < REST_LENGTH_MIN;
}

/** Leaves the first digit of digits of which each is one more, or one less, than the one before. */
function shortenRun(digits: string): string {
  const isRun = (step: number) =>
    [...digits].every((digit, index) =>
      index === 0 || (Number(digits[index - 1]) + step + 10) % 10 === Number(digit)
    );
  return digits.length > 2 && (isRun(1) || isRun(-1)) ? digits[0]! : digits;
}

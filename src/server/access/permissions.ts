import { hash } from "node:crypto";
import type { StreamFilter } from "../../broker/engine.ts";
import { DEAD_SUFFIX, isDeadName } from "../../protocol/messages/stream_options.ts";
import { NamePattern } from "./name_pattern.ts";

/** What a user may do with streams, each with patterns of their names. */
export const VERBS = ["inspect", "publish", "follow", "manage"] as const;

/** One of the {@linkcode VERBS}. */
export type Verb = typeof VERBS[number];

/**
 * Some streams of a user: those of a verb; those of `any` verb; or those that `store` what the user
 * publishes, with their dead letters.
 */
export type Scope = Verb | "any" | "store";

/** The permissions of a user, as they are written in the file; checked. */
export interface PermissionFields {
  /** Patterns of streams to look into: list, info, peek, explain, pending entries, dead letters. */
  readonly inspect?: readonly string[];
  /** Patterns of streams to publish to. */
  readonly publish?: readonly string[];
  /** Patterns of streams to follow. */
  readonly follow?: readonly string[];
  /** Patterns of streams to create, change, pause, purge, redrive and delete; and to inspect. */
  readonly manage?: readonly string[];
  /** Whether the user may read the broker's metrics. */
  readonly metrics?: boolean;
  /** Whether the user may do everything. */
  readonly admin?: boolean;
}

/** How many patterns are matched in a step, which takes about a microsecond. */
const PATTERNS_PER_STEP = 2;

/** The longest key of a filter, in characters, that is written out. */
const KEY_LENGTH_MAX = 40;

/**
 * The names that some patterns match. A star does not stand for dead letters: `orders.*` must not show
 * those of `orders`, which has the name `orders.dead`. A pattern that ends with `.dead` means them.
 */
class NameList implements StreamFilter {
  readonly key: string;
  readonly steps: number;
  /** Whether all names are allowed. */
  readonly isAll: boolean;
  readonly isEmpty: boolean;
  readonly #exact: ReadonlySet<string>;
  readonly #patterns: readonly NamePattern[];
  readonly #deadPatterns: readonly NamePattern[];
  readonly #withDead: boolean;
  /** The names that do not imply those of their dead letters, beside others that do. */
  readonly #more: NameList | undefined;

  /**
   * @param texts Patterns; undefined if all names are allowed.
   * @param withDead Whether a name implies that of its dead letters.
   * @param alone Patterns of names that do not imply them.
   */
  constructor(
    texts: readonly string[] | undefined,
    withDead: boolean,
    alone: readonly string[] = [],
  ) {
    const all = [...new Set(texts)].sort();
    const patterns = all.filter((text) => text.includes("*"));
    this.#exact = new Set(all.filter((text) => !text.includes("*")));
    this.#patterns = patterns.map((text) => new NamePattern(text));
    this.#deadPatterns = this.#patterns.filter(({ text }) => isDeadName(text));
    this.#withDead = withDead;
    this.#more = alone.length === 0 ? undefined : new NameList(alone, false);
    const { key = "", steps = 0 } = this.#more ?? {};
    this.isAll = texts === undefined;
    this.isEmpty = texts?.length === 0 && this.#more === undefined;
    this.key = shorten(`${withDead ? "+" : "="}${all.join()};${key}`);
    const tries = patterns.length + this.#deadPatterns.length;
    this.steps = 1 + steps + Math.ceil(tries / PATTERNS_PER_STEP);
  }

  allows(stream: string): boolean {
    if (this.isAll || this.#has(stream) || this.#more?.allows(stream)) return true;
    return this.#withDead && isDeadName(stream) && this.#has(stream.slice(0, -DEAD_SUFFIX.length));
  }

  #has(stream: string): boolean {
    const patterns = isDeadName(stream) ? this.#deadPatterns : this.#patterns;
    return this.#exact.has(stream) || patterns.some((pattern) => pattern.matches(stream));
  }
}

/** A text of limited length in place of a long one, which each search would keep. */
function shorten(text: string): string {
  return text.length <= KEY_LENGTH_MAX ? text : hash("sha256", text, "base64");
}

/** What a user may do. There are only permissions, no prohibitions: what no pattern names is refused. */
export class Permissions {
  /** Everything. */
  static readonly all: Permissions = new Permissions({ admin: true });
  readonly isAdmin: boolean;
  readonly hasMetrics: boolean;
  readonly #names: Readonly<Record<Scope, NameList>>;

  constructor(fields: PermissionFields) {
    const { admin = false, metrics = false } = fields;
    const { inspect = [], publish = [], follow = [], manage = [] } = fields;
    this.isAdmin = admin;
    this.hasMetrics = admin || metrics;
    const list = (texts: readonly string[], withDead: boolean, alone?: readonly string[]) =>
      new NameList(admin ? undefined : texts, withDead, alone);
    this.#names = {
      inspect: list([...inspect, ...manage], true),
      publish: list(publish, false),
      follow: list(follow, true),
      manage: list(manage, true),
      any: list([...inspect, ...follow, ...manage], true, publish),
      store: list(publish, true),
    };
  }

  /** Whether the user may do that with a stream. A stream's dead letters belong to it, except for publishing. */
  may(verb: Verb, stream: string): boolean {
    return this.#names[verb].allows(stream);
  }

  /** Whether the existence and the figures of a stream may be known: any permission implies that. */
  maySee(stream: string): boolean {
    return this.#names.any.allows(stream);
  }

  /** Whether the user may do that with any stream at all. */
  hasAny(verb: Verb): boolean {
    return !this.#names[verb].isEmpty;
  }

  /** The streams of a scope; undefined for all streams. */
  filterOf(scope: Scope): StreamFilter | undefined {
    const names = this.#names[scope];
    return names.isAll ? undefined : names;
  }
}

import { DEAD_SUFFIX, isDeadName } from "../../protocol/messages/stream_options.ts";
import { NamePattern } from "./name_pattern.ts";

/** What a user may do with streams, each with patterns of their names. */
export const VERBS = ["inspect", "publish", "follow", "manage"] as const;

/** One of the {@linkcode VERBS}. */
export type Verb = typeof VERBS[number];

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

/** What a user may do. There are only permissions, no prohibitions: what no pattern names is refused. */
export class Permissions {
  /** Everything. */
  static readonly all: Permissions = new Permissions({ admin: true });
  readonly isAdmin: boolean;
  readonly hasMetrics: boolean;
  readonly #patterns: Readonly<Record<Verb, readonly NamePattern[]>>;

  constructor(fields: PermissionFields) {
    const { admin = false, metrics = false } = fields;
    const read = (verb: Verb) => (fields[verb] ?? []).map((text) => new NamePattern(text));
    this.isAdmin = admin;
    this.hasMetrics = admin || metrics;
    this.#patterns = {
      inspect: [...read("inspect"), ...read("manage")],
      publish: read("publish"),
      follow: read("follow"),
      manage: read("manage"),
    };
  }

  /** Whether a stream may be used so. A stream's dead letters belong to it, except for publishing. */
  may(verb: Verb, stream: string): boolean {
    if (this.isAdmin || this.#names(verb, stream)) return true;
    if (verb === "publish" || !isDeadName(stream)) return false;
    return this.#names(verb, stream.slice(0, -DEAD_SUFFIX.length));
  }

  /** Whether the existence and the figures of a stream may be known: any permission implies that. */
  maySee(stream: string): boolean {
    return VERBS.some((verb) => this.may(verb, stream));
  }

  #names(verb: Verb, stream: string): boolean {
    return this.#patterns[verb].some((pattern) => pattern.matches(stream));
  }
}

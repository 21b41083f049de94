import type { PermissionFields, Verb } from "../../../../src/server/access/permissions.ts";
import { VERBS } from "../../../../src/server/access/permissions.ts";

/**
 * What permissions mean, written a second time and slowly: whole names, `*` for any characters, dead
 * letters with their stream but for publishing, or by a pattern that ends so, `manage` with `inspect`.
 */
export class PolicyModel {
  readonly #fields: PermissionFields;

  constructor(fields: PermissionFields) {
    this.#fields = fields;
  }

  /** Whether everything may be done. */
  get isAdmin(): boolean {
    return this.#fields.admin === true;
  }

  /** Whether the figures of the broker may be known. */
  get hasMetrics(): boolean {
    return this.isAdmin || this.#fields.metrics === true;
  }

  /** Whether a stream may be used so. */
  may(verb: Verb, name: string): boolean {
    if (this.#fields.admin) return true;
    const patterns = [...this.#fields[verb] ?? []];
    if (verb === "inspect") patterns.push(...this.#fields.manage ?? []);
    const names = [name];
    if (verb !== "publish" && name.endsWith(".dead")) names.push(name.slice(0, -5));
    return names.some((name) => patterns.some((pattern) => means(pattern, name)));
  }

  /** Whether a stream may be known. */
  maySee(name: string): boolean {
    return VERBS.some((verb) => this.may(verb, name));
  }

  /** Whether there is any permission of that kind. */
  hasAny(verb: Verb): boolean {
    const { admin, manage = [], inspect = [] } = this.#fields;
    if (admin) return true;
    return verb === "inspect"
      ? manage.length + inspect.length > 0
      : (this.#fields[verb] ?? []).length > 0;
  }
}

/** A star does not mean dead letters; who means them writes it. */
function means(pattern: string, name: string): boolean {
  const isAboutDead = !pattern.includes("*") || pattern.endsWith(".dead");
  return matchesSlowly(pattern, name) && (isAboutDead || !name.endsWith(".dead"));
}

/** Compares a name with a pattern by trying everything that a star may stand for. */
export function matchesSlowly(pattern: string, name: string): boolean {
  const [first, ...parts] = pattern.split("*");
  if (!name.startsWith(first!)) return false;
  if (parts.length === 0) return name === first;
  const rest = name.slice(first!.length);
  const after = parts.join("*");
  for (let length = 0; length <= rest.length; length++) {
    if (matchesSlowly(after, rest.slice(length))) return true;
  }
  return false;
}

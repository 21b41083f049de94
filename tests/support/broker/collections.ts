/**
 * All collections that an object holds, however deep and however private: maps, sets and lists, and how
 * many objects there are of each class. What grows although everything has gone is a leak.
 *
 * @module
 */

import { Session } from "node:inspector";

/** How large something is: by class and field, summed up over all objects. */
export type Sizes = Map<string, number>;

/** What the inspector tells of a value. */
interface Remote {
  readonly type: string;
  readonly subtype?: string;
  readonly className?: string;
  readonly description?: string;
  readonly objectId?: string;
}

interface Property {
  readonly name: string;
  readonly value?: Remote;
}

interface Properties {
  readonly result: readonly Property[];
  readonly internalProperties?: readonly Property[];
  readonly privateProperties?: readonly Property[];
}

/** Objects of these have nothing of ours in them. */
const FOREIGN =
  /^(?:Promise|Weak.*|.*Error|RegExp|Date|.*Array|ArrayBuffer|DataView|Timeout|Immediate|TimersList)$/;

/** Collections of many kinds are made with these: what they hold goes by the name of the field that they are in. */
const NAMELESS: ReadonlySet<string> = new Set(["TextMap", "AgedMap"]);

const ROOT = "__root of a walk";
const SEEN = "__seen by a walk";

/** Walks from some objects to all that they hold, and sums up the sizes of collections. */
export async function measureCollections(roots: readonly object[]): Promise<Sizes> {
  const session = new Session();
  session.connect();
  const post = (method: string, parameters: object) =>
    new Promise<unknown>((resolve, reject) =>
      session.post(method, parameters, (error, result) => error ? reject(error) : resolve(result))
    );
  const world = globalThis as unknown as Record<string, unknown>;
  world[ROOT] = roots;
  world[SEEN] = new Set();
  try {
    const expression = `globalThis[${JSON.stringify(ROOT)}]`;
    const { result } = await post("Runtime.evaluate", { expression, objectGroup: "walk" }) as {
      result: Remote;
    };
    return await new Walk(post).from(result);
  } finally {
    await post("Runtime.releaseObjectGroup", { objectGroup: "walk" });
    session.disconnect();
    delete world[ROOT];
    delete world[SEEN];
  }
}

/** One walk. */
class Walk {
  readonly #post: (method: string, parameters: object) => Promise<unknown>;
  readonly #sizes: Sizes = new Map();
  readonly #line: { readonly value: Remote; readonly name: string }[] = [];

  constructor(post: (method: string, parameters: object) => Promise<unknown>) {
    this.#post = post;
  }

  async from(root: Remote): Promise<Sizes> {
    this.#line.push({ value: root, name: "roots" });
    for (let next = this.#line.pop(); next !== undefined; next = this.#line.pop()) {
      if (await this.#isNew(next.value)) await this.#look(next.value, next.name);
    }
    return this.#sizes;
  }

  async #isNew({ objectId }: Remote): Promise<boolean> {
    const functionDeclaration = `function () {
      const seen = globalThis[${JSON.stringify(SEEN)}];
      return !seen.has(this) && seen.add(this).size > 0;
    }`;
    const { result } = await this.#post("Runtime.callFunctionOn", {
      functionDeclaration,
      objectId,
      returnByValue: true,
    }) as { result: { value: boolean } };
    return result.value;
  }

  async #look(value: Remote, name: string): Promise<void> {
    const { className = "Object", description = "" } = value;
    const size = /^(?:Map|Set|Array)\((\d+)\)$/.exec(description)?.[1];
    if (size !== undefined) this.#count(name, Number(size));
    else if (className !== "Object") this.#count(`objects of ${className}`, 1);
    const { result, internalProperties = [], privateProperties = [] } = await this.#post(
      "Runtime.getProperties",
      { objectId: value.objectId, ownProperties: true },
    ) as Properties;
    for (const property of [...result, ...privateProperties]) {
      const isItem = size !== undefined || /^(?:\d+|key|value)$/.test(property.name);
      const field = NAMELESS.has(className) ? name : `${className}.${property.name}`;
      this.#add(property.value, isItem ? `${name}[]` : field);
    }
    // What is in a map or a set; the list of it that the inspector makes is none of theirs.
    const entries = internalProperties.find(({ name }) => name === "[[Entries]]")?.value;
    if (entries !== undefined) await this.#lookAtEntries(entries, `${name}[]`);
  }

  async #lookAtEntries({ objectId }: Remote, name: string): Promise<void> {
    const { result } = await this.#post("Runtime.getProperties", {
      objectId,
      ownProperties: true,
    }) as Properties;
    for (const { name: index, value } of result) {
      if (!/^\d+$/.test(index)) continue;
      const entry = await this.#post("Runtime.getProperties", {
        objectId: value?.objectId,
        ownProperties: true,
      }) as Properties;
      for (const property of entry.result) this.#add(property.value, name);
    }
  }

  #add(value: Remote | undefined, name: string): void {
    if (value?.objectId === undefined || value.type !== "object") return;
    if (FOREIGN.test(value.className ?? "") && value.subtype !== "array") return;
    this.#line.push({ value, name });
  }

  #count(name: string, size: number): void {
    this.#sizes.set(name, (this.#sizes.get(name) ?? 0) + size);
  }
}

/** Tells what is larger in one of two walks than in the other. */
export function findGrowth(before: Sizes, after: Sizes): string[] {
  return [...after].filter(([name, size]) => size > (before.get(name) ?? 0))
    .map(([name, size]) => `${name}: ${before.get(name) ?? 0} → ${size}`).sort();
}

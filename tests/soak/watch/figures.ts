/**
 * How much a process holds: its heap, what the system has open for it, its timers, every collection that can
 * be reached from some objects, and how many objects there are of each class, whoever holds them.
 *
 * @module
 */

import { Session } from "node:inspector";
import process from "node:process";
import { measureCollections } from "../../support/broker/collections.ts";

/** How much there is of each thing, by a name that tells what it is. */
export type Figures = Readonly<Record<string, number>>;

/** The heap after a collection, and buffers outside of it, in bytes. */
export const HEAP = "heap bytes";
export const EXTERNAL = "external bytes";

/** What Deno has for those who write it. */
interface Core {
  resources(): Readonly<Record<number, string>>;
}

/** Counts objects by the names of their classes; runs in the heap that is looked at. */
const COUNT_BY_CLASS = `function () {
  // Objects without a class go by their first fields, unless these are names of something.
  const nameFields = (one) => {
    const fields = Object.keys(one).slice(0, 5);
    if (fields.length === 0 || fields.some((field) => !/^[a-zA-Z#$_]{1,24}$/.test(field))) return "";
    return " { " + fields.join(", ") + " }";
  };
  const counts = Object.create(null);
  for (const one of this) {
    let name = "(none)";
    try {
      const made = Object.getPrototypeOf(one);
      const by = made === null ? undefined : Object.getOwnPropertyDescriptor(made, "constructor");
      if (typeof by?.value === "function") name = by.value.name || "(nameless)";
      if (name === "Object") name += nameFields(one);
    } catch { /* A proxy that does not let itself be looked at. */ }
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}`;

/** Takes the figures of this process, and of what can be reached from some objects. */
export async function takeFigures(roots: readonly object[]): Promise<Figures> {
  const figures: Record<string, number> = {};
  for (const [name, size] of await measureCollections(roots)) figures[name] = size;
  // What the walk has seen counts by its field; all the others, such as what only closures hold, by class.
  for (const [name, count] of Object.entries(await countByClass())) {
    figures[`all objects of ${name}`] = count;
  }
  for (const name of process.getActiveResourcesInfo()) add(figures, `timers: ${name}`);
  for (const name of Object.values(readResources())) add(figures, `resources: ${name}`);
  const { heapUsed, external } = Deno.memoryUsage();
  return { ...figures, [HEAP]: heapUsed, [EXTERNAL]: external };
}

/** Counts all objects of the heap, and collects what nobody holds before and after. */
async function countByClass(): Promise<Record<string, number>> {
  const session = new Session();
  session.connect();
  const post = <Result>(method: string, parameters: object) =>
    new Promise<Result>((resolve, reject) =>
      session.post(
        method,
        parameters,
        (error, result) => error ? reject(error) : resolve(result as Result),
      )
    );
  const objectGroup = "count";
  try {
    const { result: { objectId: prototypeObjectId } } = await post<
      { result: { objectId: string } }
    >("Runtime.evaluate", { expression: "Object.prototype", objectGroup });
    const { objects: { objectId } } = await post<{ objects: { objectId: string } }>(
      "Runtime.queryObjects",
      { prototypeObjectId, objectGroup },
    );
    const { result } = await post<{ result: { value: Record<string, number> } }>(
      "Runtime.callFunctionOn",
      { objectId, functionDeclaration: COUNT_BY_CLASS, returnByValue: true },
    );
    return result.value;
  } finally {
    await post("Runtime.releaseObjectGroup", { objectGroup });
    // Finalizers of the first collection let go of more.
    for (let pass = 0; pass < 2; pass++) await post("HeapProfiler.collectGarbage", {});
    session.disconnect();
  }
}

function readResources(): Readonly<Record<number, string>> {
  const { internal } = Deno as unknown as { readonly internal: symbol };
  const inside = (Deno as unknown as Record<symbol, { readonly core: Core }>)[internal];
  return inside!.core.resources();
}

function add(figures: Record<string, number>, name: string): void {
  figures[name] = (figures[name] ?? 0) + 1;
}

/** Writes a value as the runtime prints it. */
export type Inspect = (value: unknown) => string;

/** The prototype of a class, with this for its methods. */
interface Printed<T> {
  readonly prototype: T;
}

/**
 * Says how Deno, Node and Bun print the instances of a class: their content, not their private state.
 *
 * @param describe Makes the text.
 */
export function printAs<T extends object>(
  { prototype }: Printed<T>,
  describe: (instance: T, inspect: Inspect) => string,
): void {
  Object.defineProperty(prototype, Symbol.for("Deno.customInspect"), {
    value(this: T, inspect: Inspect): string {
      return describe(this, inspect);
    },
  });
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value(this: T, _depth: number, _options: object, inspect: Inspect): string {
      return describe(this, inspect);
    },
  });
}

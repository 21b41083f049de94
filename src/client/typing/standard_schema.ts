/**
 * A schema of any library that follows the Standard Schema specification, version 1: zod, valibot, arktype and
 * others. The interface is written here from the public specification, so that no library is needed.
 *
 * @typeParam Input What the schema accepts.
 * @typeParam Output What it makes of that.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the specification defines. */
  readonly "~standard": StandardSchemaProps<Input, Output>;
}

/** The properties of a {@linkcode StandardSchema}. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  /** The version of the specification. */
  readonly version: 1;
  /** The name of the library. */
  readonly vendor: string;
  /** Checks a value. */
  readonly validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** Types only; there is no value. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/** What a {@linkcode StandardSchema} says of a value: the output, or what is wrong. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** Something that is wrong with a value. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where it is wrong: names of properties, or objects with a name. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema accepts. */
export type SchemaInput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["input"];

/** What a schema makes of what it accepts. */
export type SchemaOutput<Schema extends StandardSchema> = NonNullable<
  Schema["~standard"]["types"]
>["output"];

/** Whether a value is a schema; those of some libraries are functions. */
export function isStandardSchema(value: unknown): value is StandardSchema {
  const isObject = (typeof value === "object" && value !== null) || typeof value === "function";
  const props = isObject ? (value as Partial<StandardSchema>)["~standard"] : undefined;
  return props?.version === 1 && typeof props.validate === "function";
}

import { BrokerError, type ErrorCode, isErrorCode } from "../error.ts";
import { findLabelMistake } from "../limits.ts";

/** Reads a field of a JSON object from the other side, or throws a {@linkcode FieldMistake}. */
export type Field<Value> = (value: unknown, name: string) => Value;

/** A mistake in a field. */
export class FieldMistake extends Error {}

/** Reads a value; a mistake in it becomes an error with the given code and action. */
export function readField<Value>(
  field: Field<Value>,
  value: unknown,
  { code, action }: { code: ErrorCode; action: string },
): Value {
  try {
    return field(value, "");
  } catch (cause) {
    if (!(cause instanceof FieldMistake)) throw cause;
    throw new BrokerError(code, `${action}: ${cause.message}`);
  }
}

/** The reader of each field of an object. Other fields are ignored, so that later versions can add some. */
export type Shape<Content> = { readonly [Key in keyof Content]-?: Field<Content[Key]> };

/** A field that may be absent. */
export function optional<Value>(field: Field<Value>): Field<Value | undefined> {
  return (value, name) => value === undefined ? undefined : field(value, name);
}

/** A field with a value for its absence. */
export function withDefault<Value>(field: Field<Value>, absent: Value): Field<Value> {
  return (value, name) => value === undefined ? absent : field(value, name);
}

/** A field that is an object itself. */
export function object<Content>(shape: Shape<Content>): Field<Content> {
  return (value, name) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new FieldMistake(
        name === "" ? "a JSON object is expected" : `"${name}" must be an object`,
      );
    }
    const content: Record<string, unknown> = {};
    for (const key in shape) {
      const path = name === "" ? key : `${name}.${key}`;
      const found = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
      const read = shape[key](found, path);
      if (read !== undefined) content[key] = read;
    }
    return content as Content;
  };
}

export const text: Field<string> = (value, name) => {
  if (typeof value === "string") return value;
  throw new FieldMistake(`"${name}" must be a string`);
};

/** The name of a client, a publisher or a follower. */
export const label: Field<string> = (value, name) => {
  const label = text(value, name);
  const mistake = findLabelMistake(label);
  if (mistake === undefined) return label;
  throw new FieldMistake(`"${name}": ${mistake}`);
};

export const texts: Field<string[]> = (value, name) => {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw new FieldMistake(`"${name}" must be a list of strings`);
};

export const flag: Field<boolean> = (value, name) => {
  if (typeof value === "boolean") return value;
  throw new FieldMistake(`"${name}" must be true or false`);
};

export const count: Field<number> = (value, name) => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new FieldMistake(`"${name}" must be a whole number, not negative`);
};

/** A number that fits into the binary frames. */
export const number32: Field<number> = (value, name) => {
  const number = count(value, name);
  if (number <= 0xffff_ffff) return number;
  throw new FieldMistake(`"${name}" must be at most ${0xffff_ffff}`);
};

export const errorCode: Field<ErrorCode> = (value, name) => {
  if (isErrorCode(value)) return value;
  throw new FieldMistake(`"${name}" is not a known error code`);
};

export function oneOf<Value extends string>(...values: readonly Value[]): Field<Value> {
  return (value, name) => {
    if (values.includes(value as Value)) return value as Value;
    throw new FieldMistake(`"${name}" must be one of ${values.join(", ")}`);
  };
}

import { BrokerError } from "../../../../protocol.ts";
import {
  type Field,
  FieldMistake,
  object,
  readField,
  type Shape,
} from "../../../protocol/frames/json_fields.ts";
import { hideTokens } from "../../settings/found_value.ts";
import type { HttpRequest } from "../http_route.ts";

/** How a request that is wrong is called. */
const ACTION = "Cannot answer the page";

/** Reads the JSON object of a request; an empty body is an empty object. Other fields than those are refused. */
export async function readBody<Content>(
  { request }: Pick<HttpRequest, "request">,
  shape: Shape<Content>,
): Promise<Content> {
  const text = await request.text();
  const type = request.headers.get("content-type") ?? "";
  // Forms of other sites can send anything but this.
  if (text !== "" && !/^application\/json\s*(;|$)/i.test(type)) {
    throw refuse("found another content-type than application/json");
  }
  let found: unknown;
  try {
    found = text === "" ? {} : JSON.parse(text);
  } catch {
    throw refuse("the body is no JSON");
  }
  return readStrictly(found, shape);
}

/** Reads the parameters behind the path. */
export function readQuery<Content>(
  { url }: Pick<HttpRequest, "url">,
  shape: Shape<Content>,
): Content {
  const found: Record<string, string> = {};
  for (const [key, value] of url.searchParams) {
    if (Object.hasOwn(found, key)) throw refuse(`"${shorten(key)}" stands there twice`);
    Object.defineProperty(found, key, { value, enumerable: true });
  }
  return readStrictly(found, shape);
}

/** A whole number in a query, or in a path. */
export function wholeText(low: number, high: number): Field<number> {
  return (value, name) => {
    const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : NaN;
    if (number >= low && number <= high) return number;
    throw new FieldMistake(`"${name}" must be a whole number from ${low} to ${high}`);
  };
}

/** A text of limited length. */
export function shortText(lengthMax: number): Field<string> {
  return (value, name) => {
    if (typeof value === "string" && value.length <= lengthMax) return value;
    throw new FieldMistake(`"${name}" must be a text of at most ${lengthMax} characters`);
  };
}

/** Reads one value, such as a parameter of the path. */
export function readValue<Value>(field: Field<Value>, value: unknown, name: string): Value {
  const read = () => field(value, name);
  return readField(read, value, { code: "BAD_REQUEST", action: ACTION });
}

function readStrictly<Content>(found: unknown, shape: Shape<Content>): Content {
  const read: Field<Content> = (value, name) => {
    const content = object(shape)(value, name);
    const unknown = Object.keys(value as object).find((key) => !Object.hasOwn(shape, key));
    if (unknown === undefined) return content;
    const known = Object.keys(shape).join(", ");
    throw new FieldMistake(`found "${shorten(unknown)}", allowed ${known === "" ? "none" : known}`);
  };
  return readField(read, found, { code: "BAD_REQUEST", action: ACTION });
}

function refuse(why: string): BrokerError {
  return new BrokerError("BAD_REQUEST", `${ACTION}: ${why}`);
}

function shorten(text: string): string {
  return hideTokens(text.slice(0, 60));
}

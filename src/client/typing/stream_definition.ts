import { Bind, type BindLike } from "../member/bind.ts";
import { checkNumber, checkOptionNames } from "../member/option_check.ts";
import {
  isStandardSchema,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchema,
} from "./standard_schema.ts";

/** What a follower does with a message whose body is not valid. */
export type OnInvalid = "reject" | "throw" | "pass";

/** Makes the body of a version from that of the version before. */
// deno-lint-ignore no-explicit-any -- only the program knows what an old version was like
export type Upgrade = (old: any) => unknown;

/** Options of {@linkcode defineStream}. */
export interface DefineStreamOptions<
  Schema extends StandardSchema = StandardSchema,
  Result extends StandardSchema = StandardSchema,
> {
  /** What the bodies are like. */
  readonly schema: Schema;
  /** What replies to requests are like: they are checked where they arrive. */
  readonly result?: Result;
  /**
   * The version of the schema, 1 to 1,000,000. Messages carry it in the header `schema`, behind the name.
   *
   * @default {1}
   */
  readonly version?: number;
  /**
   * Makes the bodies of old versions newer: `{ 1: (old) => new }` makes version 2 of version 1. All steps up to
   * `version` are taken, then the body is checked.
   *
   * @default {none: bodies of an earlier version are checked as they are}
   */
  readonly upgrade?: Readonly<Record<number, Upgrade>>;
  /**
   * What a follower does with a message whose body is not valid: `"reject"` moves it to the dead letters, with
   * the first issue as reason; `"throw"` throws an {@linkcode InvalidBodyError} in the loop, or lets the attempt of
   * the handler fail; `"pass"` hands it out as it came.
   *
   * @default {"reject"}
   */
  readonly onInvalid?: OnInvalid;
  /**
   * The name in the header `schema`.
   *
   * @default {the stream's name, or the pattern}
   */
  readonly name?: string;
}

/**
 * What the messages of a stream are like, from {@linkcode defineStream}: for `connection.publisher` and
 * `connection.follower`, in place of a name. It is a value of the program; the broker knows nothing of it.
 *
 * @typeParam Input The bodies that a publisher accepts.
 * @typeParam Output The bodies that a follower hands out.
 * @typeParam Result The bodies of replies.
 */
export interface StreamDefinition<Input = unknown, Output = Input, Result = unknown> {
  /** The stream, or the pattern of the streams. */
  readonly bind: Bind;
  /** The name in the header `schema`: that of the stream, unless told. */
  readonly name: string;
  /** The version of the schema. */
  readonly version: number;
  /** What the bodies are like. */
  readonly schema: StandardSchema<Input, Output>;
  /** What replies are like. */
  readonly result: StandardSchema<unknown, Result> | undefined;
  /** How old versions become newer. */
  readonly upgrade: Readonly<Record<number, Upgrade>>;
  /** What a follower does with invalid bodies. */
  readonly onInvalid: OnInvalid;
}

const VERSION_MAX = 1_000_000;

const NAMES = ["schema", "result", "version", "upgrade", "onInvalid", "name"];

/** Tells a definition from other values. */
export class DefinedStream<Input, Output, Result>
  implements StreamDefinition<Input, Output, Result> {
  readonly bind: Bind;
  readonly name: string;
  readonly version: number;
  readonly schema: StandardSchema<Input, Output>;
  readonly result: StandardSchema<unknown, Result> | undefined;
  readonly upgrade: Readonly<Record<number, Upgrade>>;
  readonly onInvalid: OnInvalid;

  constructor(bind: Bind, options: DefineStreamOptions) {
    const action = `Cannot define "${bind.routeString}"`;
    checkOptionNames(options, NAMES, action);
    const { schema, result, version = 1, upgrade = {}, onInvalid = "reject" } = options;
    checkSchema("schema", schema, action);
    if (result !== undefined) checkSchema("result", result, action);
    checkNumber("version", version, { low: 1, high: VERSION_MAX }, action);
    checkUpgrade(upgrade, version, action);
    if (!["reject", "throw", "pass"].includes(onInvalid)) {
      throw new TypeError(`${action}: onInvalid must be "reject", "throw" or "pass"`);
    }
    const { name = bind.routeString } = options;
    if (typeof name !== "string" || name === "") {
      throw new TypeError(`${action}: name must be a text that is not empty`);
    }
    this.bind = bind;
    this.name = name;
    this.version = version;
    this.schema = schema as StandardSchema<Input, Output>;
    this.result = result as StandardSchema<unknown, Result> | undefined;
    this.upgrade = { ...upgrade };
    this.onInvalid = onInvalid;
    Object.freeze(this);
  }
}

/**
 * Says what the messages of a stream are like. Publishers check each body before they send it, followers before
 * they hand it out, and both have the types of the schema. What is sent is the body as it is, not what the schema
 * makes of it: a schema that converts does so at the follower.
 *
 * A follower also gets messages from programs without the definition; those without the header `schema` count as
 * messages of the present version.
 *
 * @param name The stream's name.
 * @param options The schema, and more.
 * @throws {TypeError | RangeError} If the name or an option is not allowed.
 *
 * @example A stream of orders
 * ```ts
 * import { defineStream, type StandardSchema } from "@simplemq/simplemq";
 * import { serve } from "@simplemq/simplemq/server";
 * import { assertEquals } from "@std/assert";
 *
 * // With zod: const schema = z.object({ pizza: z.number() });
 * const schema: StandardSchema<{ pizza: number }> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate(value) {
 *       const { pizza } = value as { pizza?: unknown };
 *       if (typeof pizza === "number") return { value: { pizza } };
 *       return { issues: [{ message: "expected a number", path: ["pizza"] }] };
 *     },
 *   },
 * };
 * const orders = defineStream("orders", { schema });
 *
 * await using broker = await serve({ port: 0, storage: { engine: "memory" } });
 * await using connection = await broker.connect();
 * await connection.cursor().createStream(orders.name);
 * await connection.publisher(orders).sendMessage({ pizza: 1 });
 * for await (const { body, headers, ack } of connection.follower(orders).getMessages()) {
 *   assertEquals(body.pizza, 1);
 *   assertEquals([headers.schema, typeof ack], ["orders@1", "function"]);
 *   break;
 * }
 * ```
 */
export function defineStream<
  Schema extends StandardSchema,
  Result extends StandardSchema = StandardSchema,
>(
  name: string,
  options: DefineStreamOptions<Schema, Result>,
): StreamDefinition<SchemaInput<Schema>, SchemaOutput<Schema>, SchemaOutput<Result>> {
  return new DefinedStream(Bind.direct(name), options);
}

/**
 * Says what the messages of all streams are like whose names match, see {@linkcode defineStream}.
 *
 * @param pattern A `RegExp`, or a {@linkcode Bind}.
 * @param options The schema, and more.
 * @throws {TypeError | RangeError} If the pattern or an option is not allowed.
 *
 * @example A stream for each tenant
 * ```ts
 * import { defineStreams, type StandardSchema } from "@simplemq/simplemq";
 * import { assertEquals } from "@std/assert";
 *
 * const schema: StandardSchema<string> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate: (value) => ({ value: String(value) }),
 *   },
 * };
 * const mails = defineStreams(/^mails\./, { schema, name: "mails" });
 * assertEquals([mails.bind.bindType, mails.name, mails.version], ["regex", "mails", 1]);
 * ```
 */
export function defineStreams<
  Schema extends StandardSchema,
  Result extends StandardSchema = StandardSchema,
>(
  pattern: BindLike,
  options: DefineStreamOptions<Schema, Result>,
): StreamDefinition<SchemaInput<Schema>, SchemaOutput<Schema>, SchemaOutput<Result>> {
  return new DefinedStream(Bind.from(pattern), options);
}

function checkSchema(name: string, schema: unknown, action: string): void {
  if (isStandardSchema(schema)) return;
  throw new TypeError(
    `${action}: ${name} must be a Standard Schema, an object with "~standard", such as one of zod`,
  );
}

function checkUpgrade(upgrade: object, version: number, action: string): void {
  checkOptionNames(upgrade, Object.keys(upgrade ?? {}), `${action}: upgrade`);
  for (const [from, step] of Object.entries(upgrade)) {
    const number = Number(from);
    if (!Number.isInteger(number) || number < 1 || number >= version) {
      throw new RangeError(
        `${action}: upgrade has version "${from}", allowed are whole numbers from 1 to ${
          version - 1
        }`,
      );
    }
    if (typeof step !== "function") {
      throw new TypeError(`${action}: upgrade[${from}] must be a function, found ${typeof step}`);
    }
  }
}

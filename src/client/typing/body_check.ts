import { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { Message } from "../deliveries/message.ts";
import { describeIssue, InvalidBodyError } from "./invalid_body_error.ts";
import type { SchemaIssue, StandardSchema, StandardSchemaResult } from "./standard_schema.ts";
import type { StreamDefinition } from "./stream_definition.ts";

/** The header of a definition's name and version. */
export const SCHEMA_HEADER = "schema";

/** How much of a foreign header is told: reasons are short. */
const MARK_LENGTH_MAX = 64;

/** What is wrong with a body; `undefined` if nothing is. */
export type BodyFault = InvalidBodyError | undefined;

/** Checks bodies by the definition of their stream. Schemas that answer at once are asked without a promise. */
export class BodyCheck {
  /** What the header says. */
  readonly mark: string;
  readonly #definition: StreamDefinition;

  constructor(definition: StreamDefinition) {
    this.#definition = definition;
    this.mark = `${definition.name}@${definition.version}`;
  }

  get definition(): StreamDefinition {
    return this.#definition;
  }

  /** Checks a body that is about to be sent. */
  checkSent(body: unknown, action: string): BodyFault | Promise<BodyFault> {
    const judge = ({ issues }: StandardSchemaResult<unknown>) =>
      issues && new InvalidBodyError(action, issues);
    return ask(this.#definition.schema, body, judge);
  }

  /** Checks a message that has come, after its upgrade; its body becomes what the schema has made of it. */
  checkReceived(message: DeliveredMessage): BodyFault | Promise<BodyFault> {
    const version = this.#findVersion(message.headers[SCHEMA_HEADER]);
    const upgraded = this.#upgrade(message.body, version);
    const fail = (error: unknown) => makeFault(message, "its upgrade has thrown", error);
    if (upgraded instanceof Promise) {
      return upgraded.then((value) => this.#judge(message, value), fail);
    }
    return upgraded.error === undefined
      ? this.#judge(message, upgraded.value)
      : fail(upgraded.error);
  }

  /** The reason that is kept with a dead letter. */
  describeFault(
    { issues }: InvalidBodyError,
    { headers }: Pick<Message<never>, "headers">,
  ): string {
    const found = headers[SCHEMA_HEADER];
    const origin = found === undefined || this.#knows(found)
      ? ""
      : `message is of ${found.slice(0, MARK_LENGTH_MAX)}, this program knows ${this.mark}: `;
    return `invalid: ${origin}${describeIssue(issues[0])}`;
  }

  /** Whether a header names this definition, in the present version or an earlier one. */
  #knows(header: string): boolean {
    if (header === this.mark) return true;
    const { name, version } = this.#definition;
    return header.startsWith(`${name}@`) && Number(header.slice(name.length + 1)) < version;
  }

  #judge(message: DeliveredMessage, body: unknown): BodyFault | Promise<BodyFault> {
    const fail = (error: unknown) => makeFault(message, "its schema has thrown", error);
    try {
      const fault = ask(this.#definition.schema, body, (result) => {
        if (result.issues !== undefined) return refuse(message, result.issues);
        DeliveredMessage.replaceBody(message, result.value);
        return undefined;
      });
      return fault instanceof Promise ? fault.catch(fail) : fault;
    } catch (error) {
      return fail(error);
    }
  }

  /** The version that a message carries; the present one if it carries none of this definition. */
  #findVersion(header: string | undefined): number {
    const { name, version } = this.#definition;
    if (header === undefined || header === this.mark || !header.startsWith(`${name}@`)) {
      return version;
    }
    const found = Number(header.slice(name.length + 1));
    return Number.isSafeInteger(found) && found > 0 ? found : version;
  }

  /** Takes the steps from an old version to the present one, as far as there are any. */
  #upgrade(
    body: unknown,
    from: number,
  ): { readonly value: unknown; readonly error?: unknown } | Promise<unknown> {
    const { version, upgrade } = this.#definition;
    let value = body;
    try {
      for (let step = from; step < version; step++) {
        const make = upgrade[step];
        if (make === undefined) continue;
        value = value instanceof Promise ? value.then(make) : make(value);
      }
    } catch (error) {
      return { value, error: error ?? new Error("it was thrown") };
    }
    return value instanceof Promise ? value : { value };
  }
}

/** Checks the body of a reply. */
export function checkReply<Output>(
  schema: StandardSchema<unknown, Output>,
  body: unknown,
): Output | Promise<Output> {
  return ask(schema, body, (result) => {
    if (result.issues === undefined) return result.value;
    throw new InvalidBodyError("Cannot read a reply", result.issues);
  });
}

function ask<Output, Answer>(
  schema: StandardSchema<unknown, Output>,
  body: unknown,
  judge: (result: StandardSchemaResult<Output>) => Answer,
): Answer | Promise<Answer> {
  const result = schema["~standard"].validate(body);
  return result instanceof Promise ? result.then(judge) : judge(result) as Answer;
}

function refuse(
  { id, stream }: DeliveredMessage,
  issues: readonly SchemaIssue[],
  options?: ErrorOptions,
): InvalidBodyError {
  return new InvalidBodyError(`Cannot read message ${id} of "${stream}"`, issues, options);
}

/** The fault of a message on which the program's own code has failed. */
function makeFault(message: DeliveredMessage, what: string, error: unknown): InvalidBodyError {
  const text = error instanceof Error ? error.message : String(error);
  return refuse(message, [{ message: `${what}: ${text}` }], { cause: error });
}

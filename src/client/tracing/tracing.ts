import { BrokerError } from "../../../protocol.ts";
import type { Bind } from "../member/bind.ts";
import { PlainContext, readSpanContext, spanOf, withRemoteSpan } from "./span_context.ts";
import {
  type Attributes,
  type Context,
  findTelemetry,
  type Span,
  type SpanContext,
  SpanKind,
  STATUS_ERROR,
  type Telemetry,
  type Tracer,
} from "./telemetry.ts";

/** The name under which the spans are recorded. */
const SCOPE = "@simplemq/simplemq";

/** A message as its span needs it. */
export interface TracedMessage {
  readonly stream: string;
  readonly id: number;
  readonly attempts: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where the broker is; nothing if it is in this process. */
export type FindAddress = () => { readonly hostname: string; readonly port: number } | undefined;

/** The spans of messages that handlers have, or have had: their replies belong to them. */
const processSpans = new WeakMap<object, Span>();

/** Makes the spans of a connection, named as OpenTelemetry's conventions for messaging say. */
export class Tracing {
  readonly #tracer: Tracer;
  readonly #telemetry: Telemetry;
  readonly #findAddress: FindAddress;
  readonly #root: Context = new PlainContext();

  private constructor(telemetry: Telemetry, findAddress: FindAddress) {
    this.#telemetry = telemetry;
    this.#tracer = telemetry.trace.getTracer(SCOPE);
    this.#findAddress = findAddress;
  }

  /** Looks once whether tracing is set up; without it there is nothing. */
  static find(findAddress: FindAddress): Tracing | undefined {
    const telemetry = findTelemetry();
    return telemetry && new Tracing(telemetry, findAddress);
  }

  /** The context of the code that runs now. */
  get context(): Context {
    return this.#telemetry.context?.active() ?? this.#root;
  }

  /**
   * Begins to send.
   *
   * @param own A context that the messages carry already: then this span is not where they come from.
   */
  beginSend(operation: "send" | "request", bind: Bind, own: SpanContext | undefined): Span {
    const { routeString, bindType } = bind;
    const destination: Attributes = bindType === "regex"
      ? { "messaging.destination.template": routeString }
      : { "messaging.destination.name": routeString };
    const attributes = this.#describe(operation, "send", destination);
    const kind = own === undefined ? SpanKind.producer : SpanKind.client;
    const links = own === undefined ? [] : [{ context: own }];
    const name = `${operation} ${routeString}`;
    return this.#tracer.startSpan(name, { kind, attributes, links }, this.context);
  }

  /** Begins the work on a message: inside the span of the running code, or in that of its sender. */
  beginProcess(message: TracedMessage): Span {
    const { stream, id, attempts } = message;
    const sent = readSpanContext(message.headers);
    const attributes = this.#describe("process", "process", {
      "messaging.destination.name": stream,
      "messaging.message.id": `${stream}/${id}`,
      "messaging.simplemq.attempts": attempts,
    });
    const { context } = this;
    const isInside = sent === undefined || spanOf(context) !== undefined;
    const parent = isInside ? context : withRemoteSpan(context, sent);
    const links = sent === undefined ? [] : [{ context: sent }];
    const options = { kind: SpanKind.consumer, attributes, links };
    const span = this.#tracer.startSpan(`process ${stream}`, options, parent);
    processSpans.set(message, span);
    return span;
  }

  /** Begins to reply to a message. */
  beginReply(message: TracedMessage): Span {
    const attributes = this.#describe("reply", "send", {
      "messaging.destination.temporary": true,
      "messaging.message.conversation_id": `${message.stream}/${message.id}`,
    });
    const { context } = this;
    const work = processSpans.get(message);
    const parent = spanOf(context) === undefined && work !== undefined
      ? withRemoteSpan(context, work.spanContext())
      : context;
    const options = { kind: SpanKind.producer, attributes };
    return this.#tracer.startSpan("reply (temporary)", options, parent);
  }

  #describe(operation: string, type: string, more: Attributes): Attributes {
    const address = this.#findAddress();
    return {
      "messaging.system": "simplemq",
      "messaging.operation.name": operation,
      "messaging.operation.type": type,
      ...address && { "server.address": address.hostname, "server.port": address.port },
      ...more,
    };
  }
}

/** Notes in a span that its work has failed. */
export function failSpan(span: Span, error: unknown): void {
  const isError = error instanceof Error;
  const type = error instanceof BrokerError ? error.code : isError ? error.name : "_OTHER";
  span.setAttribute("error.type", type);
  span.setStatus({ code: STATUS_ERROR, message: isError ? error.message : String(error) });
}

/**
 * Receives what OpenTelemetry exports, as JSON over HTTP.
 *
 * @module
 */

/** A span as it was exported. */
export interface ReceivedSpan {
  readonly name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** 2 for an error. */
  readonly status: number;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}

/** The value of an attribute, in the one field that it has. */
type Value = Readonly<Record<string, unknown>>;

/** A span in the format of OTLP. */
interface ExportedSpan extends Omit<ReceivedSpan, "attributes" | "status" | "links"> {
  readonly attributes?: readonly { readonly key: string; readonly value: Value }[];
  readonly links?: ReceivedSpan["links"];
  readonly status?: { readonly code?: number };
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

/** A port that takes traces. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#receive(request));
  }

  /** The environment of a program that exports to it. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
    };
  }

  /** The spans with a name. */
  named(name: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #receive(request: Request): Promise<Response> {
    const { resourceSpans = [] } = await request.json();
    for (const { scopeSpans = [] } of resourceSpans) {
      for (const { spans = [] } of scopeSpans) this.spans.push(...spans.map(readSpan));
    }
    return Response.json({});
  }
}

function readSpan(span: ExportedSpan): ReceivedSpan {
  const { name, kind, traceId, spanId, parentSpanId } = span;
  const pairs = (span.attributes ?? []).map(({ key, value }) => {
    const [found] = Object.values(value);
    return [key, "intValue" in value ? Number(found) : found];
  });
  const nanos = BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano);
  return {
    name,
    kind,
    traceId,
    spanId,
    parentSpanId: parentSpanId ?? "",
    attributes: Object.fromEntries(pairs),
    links: span.links ?? [],
    status: span.status?.code ?? 0,
    durationMs: Number(nanos) / 1e6,
  };
}

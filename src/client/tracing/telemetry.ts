// The parts of the OpenTelemetry API that the client uses. Whoever sets tracing up puts the API into a slot of the
// global object: Deno with OTEL_DENO=true, or an SDK. So no package is needed, and nothing is done without one.

/** The kinds of spans that the client makes. */
export const SpanKind = { client: 2, producer: 3, consumer: 4 } as const;

/** The status of a span whose work has failed. */
export const STATUS_ERROR = 2;

/** What a span is known by, also in other processes. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
  readonly traceState?: TraceState | undefined;
}

/** What systems of tracing add to a context. */
export interface TraceState {
  get(key: string): string | undefined;
  set(key: string, value: string): TraceState;
  unset(key: string): TraceState;
  serialize(): string;
}

/** The values of attributes. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** A piece of work. */
export interface Span {
  spanContext(): SpanContext;
  setAttribute(name: string, value: string | number | boolean): unknown;
  setStatus(status: { readonly code: number; readonly message?: string }): unknown;
  end(): void;
}

/** What belongs to the code that runs now, such as its span. */
export interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

/** How a span begins. */
export interface SpanOptions {
  readonly kind: number;
  readonly attributes: Attributes;
  readonly links?: readonly { readonly context: SpanContext }[];
}

/** Makes spans. */
export interface Tracer {
  startSpan(name: string, options: SpanOptions, context: Context): Span;
}

/** The API. */
export interface Telemetry {
  readonly trace: { getTracer(name: string, version?: string): Tracer };
  /** Absent if nobody has set up how contexts follow the code. */
  readonly context?: { active(): Context } | undefined;
}

const SLOT = Symbol.for("opentelemetry.js.api.1");

/** The key of a context's span. */
export const SPAN_KEY: symbol = Symbol.for("OpenTelemetry Context Key SPAN");

/** The API, if tracing is set up. */
export function findTelemetry(): Telemetry | undefined {
  const api = (globalThis as Record<symbol, unknown>)[SLOT] as Partial<Telemetry> | undefined;
  return api?.trace === undefined ? undefined : api as Telemetry;
}

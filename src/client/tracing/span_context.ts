import {
  formatTraceParent,
  parseTraceParent,
  TRACE_PARENT,
  TRACE_STATE,
} from "../../protocol/messages/trace_parent.ts";
import {
  type Context,
  type Span,
  SPAN_KEY,
  type SpanContext,
  type TraceState,
} from "./telemetry.ts";

type Headers = Readonly<Record<string, string>>;

/** The span that a message was sent in, by its headers. */
export function readSpanContext(headers: Headers): SpanContext | undefined {
  const parent = parseTraceParent(headers[TRACE_PARENT]);
  if (parent === undefined) return undefined;
  const state = headers[TRACE_STATE];
  const traceState = state === undefined ? undefined : ListedState.read(state);
  return { ...parent, isRemote: true, ...traceState && { traceState } };
}

/** The headers by which a message carries the span that it is sent in. */
export function writeSpanContext(context: SpanContext): Headers {
  const state = context.traceState?.serialize() ?? "";
  const parent = formatTraceParent(context);
  return { [TRACE_PARENT]: parent, ...state !== "" && { [TRACE_STATE]: state } };
}

/** The context of code whose span is in another process. */
export function withRemoteSpan(context: Context, remote: SpanContext): Context {
  return context.setValue(SPAN_KEY, new RemoteSpan(remote));
}

/** The span of a context. */
export function spanOf(context: Context): Span | undefined {
  return context.getValue(SPAN_KEY) as Span | undefined;
}

/** A span that somebody else records. */
class RemoteSpan implements Span {
  readonly #context: SpanContext;

  constructor(context: SpanContext) {
    this.#context = context;
  }

  spanContext(): SpanContext {
    return this.#context;
  }

  isRecording(): boolean {
    return false;
  }

  setAttribute(): this {
    return this;
  }

  setStatus(): this {
    return this;
  }

  end(): void {}
}

/** A context where nobody has set up one that follows the code. */
export class PlainContext implements Context {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown> = new Map()) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): PlainContext {
    return new PlainContext(new Map([...this.#values, [key, value]]));
  }

  deleteValue(key: symbol): PlainContext {
    return new PlainContext(new Map([...this.#values].filter(([other]) => other !== key)));
  }
}

/** The most entries of a `tracestate`, as W3C says. */
const ENTRIES_MAX = 32;

type Entry = readonly [key: string, value: string];

/** A `tracestate`; new entries come first. */
class ListedState implements TraceState {
  readonly #entries: readonly Entry[];

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries;
  }

  static read(text: string): ListedState {
    const entries: Entry[] = [];
    for (const part of text.split(",").slice(0, ENTRIES_MAX)) {
      const at = part.indexOf("=");
      const key = part.slice(0, Math.max(at, 0)).trim();
      if (key !== "") entries.push([key, part.slice(at + 1).trim()]);
    }
    return new ListedState(entries);
  }

  get(key: string): string | undefined {
    return this.#entries.find(([own]) => own === key)?.[1];
  }

  set(key: string, value: string): ListedState {
    const others = this.#entries.filter(([own]) => own !== key);
    return new ListedState([[key, value] as const, ...others].slice(0, ENTRIES_MAX));
  }

  unset(key: string): ListedState {
    return new ListedState(this.#entries.filter(([own]) => own !== key));
  }

  serialize(): string {
    return this.#entries.map(([key, value]) => `${key}=${value}`).join();
  }
}

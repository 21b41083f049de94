import type { StreamFilter } from "../../../broker/engine.ts";
import { findNamePatternMistake, NamePattern } from "../../access/name_pattern.ts";
import { HttpProblem } from "../http_problem.ts";
import type { HttpParts, HttpRoute } from "../http_route.ts";
import { METRICS_TYPE } from "./metric_text.ts";
import { isElsewhere } from "./broker_family.ts";
import { writeBrokerPage, writeStreamPage } from "./metric_pages.ts";
import { findRows } from "./metric_rows.ts";

/** How many streams are told of by default, and at most. */
const STREAMS_DEFAULT = 1000;
const STREAMS_MAX = 100_000;

/** How many pages of single streams are written at a time. */
const PAGES_MAX = 2;

/** How many streams the name of which matches are looked at in a step of about a microsecond. */
const STEPS_PER_STREAM = 1;

/** The page of the broker that is being written, for all who ask meanwhile. */
const writing = new WeakMap<HttpParts, Promise<string>>();
/** How many pages of single streams are being written. */
const pages = new WeakMap<HttpParts, number>();

/**
 * Figures for Prometheus. Who may read the metrics sees the names and figures of all streams, and no
 * message: who watches a broker needs no permission to read what is in it.
 */
export const METRICS_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/metrics",
    need: "metrics",
    async handle({ parts, url }) {
      readQuery(url, []);
      let page = writing.get(parts);
      if (page === undefined) {
        page = writeBrokerPage(parts).finally(() => writing.delete(parts));
        writing.set(parts, page);
      }
      return new Response(await page, { headers: { "content-type": METRICS_TYPE } });
    },
  },
  {
    method: "GET",
    path: "/metrics/streams",
    need: "metrics",
    async handle({ parts, url }) {
      const query = readQuery(url, ["match", "limit"]);
      const filter = readMatch(query.get("match"));
      const limit = readLimit(query.get("limit"));
      const count = pages.get(parts) ?? 0;
      if (count >= PAGES_MAX) {
        const message = `Cannot write the metrics: ${count} pages of streams are being written`;
        throw new HttpProblem(503, "TOO_MANY_REQUESTS", message, { retryAfterMs: 1000 });
      }
      pages.set(parts, count + 1);
      const end = () => pages.set(parts, pages.get(parts)! - 1);
      try {
        const found = isElsewhere(parts)
          ? { rows: [], omitted: 0 }
          : await findRows(parts.engine, limit, filter);
        const headers = { "content-type": METRICS_TYPE };
        return new Response(stream(writeStreamPage(found), end), { headers });
      } catch (error) {
        end();
        throw error;
      }
    },
  },
];

/** Makes a body of texts, which are written as the client takes them. */
function stream(texts: AsyncGenerator<string>, end: () => void): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await texts.next();
        if (!done) return controller.enqueue(encoder.encode(value));
      } catch (error) {
        end();
        throw error;
      }
      end();
      controller.close();
    },
    cancel: end,
  }, { highWaterMark: 0 });
}

/** The parameters behind a path; unknown ones, and repeated ones, are refused. */
function readQuery({ searchParams }: URL, known: readonly string[]): URLSearchParams {
  for (const name of searchParams.keys()) {
    if (known.includes(name) && searchParams.getAll(name).length === 1) continue;
    const allowed = known.length === 0 ? "none" : `each of ${known.join(", ")} once`;
    const found = JSON.stringify(name.slice(0, 100));
    throw new HttpProblem(
      400,
      "BAD_REQUEST",
      `Cannot write the metrics: found the parameter ${found}, allowed ${allowed}`,
    );
  }
  return searchParams;
}

function readMatch(text: string | null): StreamFilter | undefined {
  if (text === null) return undefined;
  const mistake = findNamePatternMistake(text);
  if (mistake !== undefined) {
    throw new HttpProblem(400, "BAD_REQUEST", `Cannot write the metrics: match: ${mistake}`);
  }
  const pattern = new NamePattern(text);
  return { key: text, steps: STEPS_PER_STREAM, allows: (name) => pattern.matches(name) };
}

function readLimit(text: string | null): number {
  if (text === null) return STREAMS_DEFAULT;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= STREAMS_MAX) return limit;
  const found = JSON.stringify(text.slice(0, 100));
  throw new HttpProblem(
    400,
    "BAD_REQUEST",
    `Cannot write the metrics: limit: found ${found}, allowed 1 to ${STREAMS_MAX}`,
  );
}

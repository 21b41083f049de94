import type { StreamInfo, StreamTotals } from "../../../../protocol.ts";
import type { MetricFamily } from "./metric_text.ts";

/** One figure of a stream. */
export interface StreamColumn {
  /** The labels beside that of the stream, as text; may be empty. */
  readonly labels: string;
  /** Nothing where the stream has no such thing: then the broker tells nothing of it. */
  read(info: StreamInfo): number | undefined;
  /** How the figures of all streams become one of the broker. */
  readonly together: "sum" | "largest" | ((totals: StreamTotals) => number);
}

/** Metrics that each stream has, and the broker as a whole. */
export interface StreamFamily extends MetricFamily {
  readonly columns: readonly StreamColumn[];
}

/** A gauge, of which the broker has the sum. */
function gauge(name: string, help: string, read: StreamColumn["read"]): StreamFamily {
  return {
    name: `simplemq_${name}`,
    type: "gauge",
    help,
    columns: [{ labels: "", read, together: "sum" }],
  };
}

/** A counter of messages; that of the broker keeps what deleted streams have counted. */
function counter(
  name: string,
  help: string,
  reads: Readonly<Record<string, (totals: StreamTotals) => number>>,
): StreamFamily {
  const columns = Object.entries(reads).map(([labels, count]) => ({
    labels,
    read: ({ totals }: StreamInfo) => count(totals),
    together: count,
  }));
  return { name: `simplemq_${name}_messages_total`, type: "counter", help, columns };
}

/** The families of streams, in the order in which they are written. */
export const STREAM_FAMILIES: readonly StreamFamily[] = [
  gauge("ready_messages", "Messages that can be delivered", ({ ready }) => ready),
  gauge(
    "pending_messages",
    "Messages that followers hold unacknowledged",
    ({ pending }) => pending,
  ),
  gauge("delayed_messages", "Messages that are delayed until a time", ({ delayed }) => delayed),
  gauge(
    "parked_messages",
    "Ready messages that wait for others of the same key",
    ({ parked }) => parked,
  ),
  gauge("bytes", "Bytes of messages, with their headers", ({ bytes }) => bytes),
  {
    name: "simplemq_oldest_ready_seconds",
    type: "gauge",
    help: "How long the oldest ready message has been stored",
    columns: [{
      labels: "",
      read: ({ oldestReadyMs = 0 }) => oldestReadyMs / 1000,
      together: "largest",
    }],
  },
  gauge("followers", "Followers of streams, each once for each stream", (info) => info.followers),
  gauge("paused", "Streams whose deliveries are paused", ({ isPaused }) => isPaused ? 1 : 0),
  counter("published", "Messages that were stored", { "": (totals) => totals.published }),
  counter("delivered", "Deliveries to followers, repeated ones included", {
    "": (totals) => totals.delivered,
  }),
  counter("acknowledged", "Messages that were acknowledged", {
    "": (totals) => totals.acknowledged,
  }),
  counter("returned", "Deliveries that ended without an acknowledgement", {
    'reason="nack"': ({ returned }) => returned.nack,
    'reason="timeout"': ({ returned }) => returned.timeout,
    'reason="lost"': ({ returned }) => returned.lost,
    'reason="postponed"': ({ returned }) => returned.postponed,
  }),
  counter("redelivered", "Deliveries of messages that were delivered before", {
    "": (totals) => totals.redelivered,
  }),
  counter("dead", "Messages that became dead letters", {
    'cause="rejected"': ({ dead }) => dead.rejected,
    'cause="maxDeliveries"': ({ dead }) => dead.maxDeliveries,
    'cause="expired"': ({ dead }) => dead.expired,
    'cause="cancelled"': ({ dead }) => dead.cancelled,
  }),
  counter("expired", "Messages whose time to live was over", { "": (totals) => totals.expired }),
  counter("dropped", "Messages that were removed for another reason, and are no dead letters", {
    "": (totals) => totals.dropped,
  }),
  counter("cancelled", "Messages that were cancelled, and are no dead letters", {
    "": (totals) => totals.cancelled,
  }),
  counter("replaced", "Messages that a newer one with their coalescing id has replaced", {
    "": (totals) => totals.replaced,
  }),
  gauge(
    "open_breakers",
    "Streams whose breaker is open, of those that have one",
    ({ options, breaker }) => options.breaker === null ? undefined : breaker === undefined ? 0 : 1,
  ),
  gauge(
    "waiting_lanes",
    "Lanes with messages that wait to be delivered",
    ({ lanes }) => lanes?.waiting,
  ),
  gauge(
    "limited_lanes",
    "Lanes with messages that a limit or a breaker holds back",
    ({ lanes }) => lanes?.limited,
  ),
  gauge(
    "limited_streams",
    "Streams of which a limit holds everything back, of those that have one",
    ({ options: { maxPending, rate, sharedLimit }, limitedBy }) =>
      maxPending === null && rate === null && sharedLimit === null
        ? undefined
        : limitedBy === undefined
        ? 0
        : 1,
  ),
  {
    name: "simplemq_breaker_openings_total",
    type: "counter",
    help: "How often breakers have opened",
    columns: [{
      labels: "",
      read: ({ options, totals }) => options.breaker === null ? undefined : totals.breakerOpened,
      together: ({ breakerOpened }) => breakerOpened,
    }],
  },
];

/** All figures of a stream, in the order of the families. */
export const METRIC_COLUMNS: readonly StreamColumn[] = STREAM_FAMILIES
  .flatMap(({ columns }) => columns);

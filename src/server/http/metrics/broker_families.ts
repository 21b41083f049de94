import type { ErrorCode } from "../../../../protocol.ts";
import {
  type BrokerFamily,
  counter,
  each,
  gauge,
  histogram,
  isElsewhere,
  one,
} from "./broker_family.ts";
import { CLUSTER_FAMILIES } from "./cluster_families.ts";
import { writeLabels } from "./metric_text.ts";
import { findDiskSize } from "./process_figures.ts";
import { WORK_FAMILIES } from "./work_families.ts";

/** What refuses batches again and again: a counter that appears with its first count hides it. */
const NONE_REFUSED: Partial<Record<ErrorCode, number>> = {
  STREAM_NOT_FOUND: 0,
  NO_MATCHING_STREAM: 0,
  STREAM_FULL: 0,
  MEMORY_FULL: 0,
  DISK_FULL: 0,
  MESSAGE_TOO_LARGE: 0,
  LIMIT_REACHED: 0,
  FORBIDDEN: 0,
};

/** The families of the broker, in the order in which they are written. */
export const BROKER_FAMILIES: readonly BrokerFamily[] = [
  gauge(
    "streams",
    "Streams",
    // Those of a standby are the active broker's: a sum over brokers would count them twice.
    ({ parts }) => one(isElsewhere(parts) ? undefined : parts.engine.streamCount),
  ),
  ...WORK_FAMILIES,
  counter(
    "duplicate_messages",
    "Messages that were not stored again",
    ({ counters }) => one(counters.duplicates),
  ),
  counter(
    "refused_batches",
    "Batches that were refused, by the code of the error",
    ({ counters }) => each("code", { ...NONE_REFUSED, ...counters.refused }),
  ),
  histogram(
    "confirm_seconds",
    "From the arrival of a batch to its confirm",
    ({ parts }) => parts.counters.confirm,
  ),
  histogram(
    "delivery_wait_seconds",
    "From storing a message to its first delivery, once for each delivery of a batch",
    ({ counters }) => counters.deliveryWait,
  ),
  histogram(
    "journal_flush_seconds",
    "Flushes of the journal",
    ({ counters }) => counters.journal?.flush,
  ),
  counter(
    "journal_write_bytes",
    "Bytes written to the journal",
    ({ counters }) => one(counters.journal?.writtenBytes),
  ),
  gauge(
    "journal_segments",
    "Segments of the journal",
    ({ counters }) => one(counters.journal?.segments),
  ),
  gauge(
    "journal_disk_bytes",
    "Bytes of the segments of the journal",
    ({ counters }) => one(counters.journal?.diskBytes),
  ),
  gauge(
    "disk_free_bytes",
    "Bytes that are free on the disk of the journal",
    ({ counters }) => one(counters.journal?.freeBytes),
  ),
  gauge(
    "disk_size_bytes",
    "Bytes of the disk of the journal",
    ({ parts, counters }) =>
      one(counters.journal && findDiskSize(parts.settings.storage.directory)),
  ),
  counter(
    "journal_compacted_bytes",
    "Bytes that were written again so that segments could be removed",
    ({ counters }) => one(counters.journal?.compactedBytes),
  ),
  gauge(
    "connections",
    "Open connections, by what they speak",
    ({ parts }) => each("protocol", { ...parts.counters.connections, http: parts.traffic.count }),
  ),
  counter(
    "connections",
    "Connections since the start",
    ({ parts }) => one(parts.counters.connectionsTotal + parts.traffic.total),
  ),
  counter(
    "auth_failures",
    "Logins that were refused, by reason",
    ({ parts }) => each("reason", parts.counters.authFailures),
  ),
  counter(
    "received_bytes",
    "Bytes received over all connections",
    ({ parts }) => one(parts.counters.receivedBytes + parts.traffic.receivedBytes),
  ),
  counter(
    "sent_bytes",
    "Bytes sent over all connections",
    ({ parts }) => one(parts.counters.sentBytes + parts.traffic.sentBytes),
  ),
  counter(
    "slow_reader_disconnects",
    "Connections that were closed since their clients did not read",
    ({ parts }) => one(parts.counters.slowReaders),
  ),
  gauge(
    "unconfirmed_bytes",
    "Bytes of batches that are not confirmed",
    ({ parts }) => one(parts.counters.unconfirmedBytes),
  ),
  gauge(
    "memory_messages_bytes",
    "Memory that messages take up",
    ({ counters }) => one(counters.memoryBytes),
  ),
  gauge(
    "memory_limit_bytes",
    "The most memory that messages may take up",
    ({ counters }) => one(counters.memoryLimit),
  ),
  histogram(
    "event_loop_lag_seconds",
    "How late the timer of the broker was",
    ({ parts }) => parts.counters.eventLoopLag,
  ),
  gauge(
    "certificate_expiry_timestamp_seconds",
    "When the certificate in use ends, in seconds since 1970",
    ({ certificate }) => one(certificate && certificate.expiresAt / 1000),
  ),
  ...CLUSTER_FAMILIES,
  gauge("build_info", "What runs; always 1", ({ parts }) => {
    const { version, runtime, engine, durability } = parts.management.describe();
    const deno = runtime.replace(/^deno /, "");
    return [[
      writeLabels("version", version, "deno", deno, "engine", engine, "durability", durability),
      1,
    ]];
  }),
  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Memory of the process",
    read: ({ process }) => one(process.residentBytes),
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "Time that the process has spent on processors",
    read: ({ process }) => one(process.cpuSeconds),
  },
  {
    name: "process_open_fds",
    type: "gauge",
    help: "Open files and sockets of the process",
    read: ({ process }) => one(process.openFiles),
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "When the broker was started, in seconds since 1970",
    read: ({ parts }) => one(parts.management.describe().startedAt / 1000),
  },
];

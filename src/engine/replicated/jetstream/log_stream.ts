/** What the log is named in NATS. */
export interface LogNames {
  readonly stream: string;
  /** Records are sent to it. */
  readonly subject: string;
  /** The node that leads the stream tells of each stored record here. */
  readonly told: string;
  /** Brokers announce themselves here. */
  readonly brokers: string;
}

/** Names a cluster's log. */
export function nameLog(cluster: string): LogNames {
  const subject = `smq.${cluster}.0`;
  return {
    stream: `SMQ_${cluster}_0`,
    subject,
    told: `${subject}.log`,
    brokers: `smq.${cluster}.brokers`,
  };
}

/** What may be chosen of a stream. */
export interface LogStreamChoice {
  readonly replicas: number;
  /** The most bytes, 0 for no limit. */
  readonly bytesMax: number;
}

/** The shortest time for which NATS remembers ids of messages, in nanoseconds: none has one. */
const DUPLICATE_WINDOW = 100_000_000;

/** A stream's configuration, as NATS names its fields. */
export type StreamConfiguration = Readonly<Record<string, unknown>>;

/** The configuration of the stream: it never drops a record, and nobody can delete a single one. */
export function configureStream(
  names: LogNames,
  { replicas, bytesMax }: LogStreamChoice,
): StreamConfiguration {
  return {
    name: names.stream,
    description: "The log of a cluster of SimpleMQ brokers. Only they may write to it.",
    subjects: [names.subject],
    retention: "limits",
    storage: "file",
    discard: "new",
    num_replicas: replicas,
    max_bytes: bytesMax === 0 ? -1 : bytesMax,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    max_age: 0,
    deny_delete: true,
    deny_purge: false,
    allow_direct: true,
    allow_rollup_hdrs: false,
    duplicate_window: DUPLICATE_WINDOW,
    republish: { src: names.subject, dest: names.told },
  };
}

/** What makes no difference for a log. */
const FREE_FIELDS = new Set(["description", "duplicate_window", "max_msg_size"]);

/**
 * Finds what a stream has otherwise than it must be: a sentence, or nothing.
 *
 * @param bytesMin The bytes of the largest message that is sent to it.
 */
export function findDifference(
  wanted: StreamConfiguration,
  found: StreamConfiguration,
  bytesMin = 0,
): string | undefined {
  const differences = Object.entries(wanted).flatMap(([field, value]) => {
    const other = found[field] ?? (typeof value === "boolean" ? false : undefined);
    const isAlike = FREE_FIELDS.has(field) || show(other) === show(value);
    return isAlike ? [] : [`${field} is ${show(other)}, allowed ${show(value)}`];
  });
  const most = Number(found.max_msg_size ?? -1);
  if (most >= 0 && most < bytesMin) {
    differences.push(`max_msg_size is ${most}, allowed -1, or ${bytesMin} and more`);
  }
  for (const field of ["mirror", "sources", "subject_transform", "sealed"]) {
    if (found[field]) differences.push(`${field} is set, allowed nothing`);
  }
  return differences.length === 0 ? undefined : differences.join("; ");
}

/** A value in one order, whatever order its fields came in. */
function show(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return JSON.stringify(value) ?? "not set";
  }
  return JSON.stringify(Object.fromEntries(Object.entries(value).filter(([, one]) => one).sort()));
}

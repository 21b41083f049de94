import type { LogBounds } from "../log.ts";
import type { JetStreamAnswer } from "./jetstream_answer.ts";

/**
 * A node that leads hears each of the others at least once a second. One that was not heard for so long, in
 * nanoseconds, does not store what is appended. NATS itself notices only after ten seconds.
 */
const HEARD_NS_MAX = 1.25e9;

/** A node beside the one that leads. */
interface Replica {
  readonly current?: boolean;
  readonly offline?: boolean;
  /** How long ago it was heard, in nanoseconds. */
  readonly active?: number;
}

/** Reads what the node that leads says of the stream. @param node Who was asked. */
export function readBounds(info: JetStreamAnswer, node: string | undefined): LogBounds {
  const state = info.state as { "first_seq": number; "last_seq": number; "bytes": number };
  const config = info.config as { readonly "max_bytes"?: number };
  const cluster = info.cluster as {
    readonly leader?: string;
    readonly replicas?: readonly Replica[];
  } | undefined;
  const others = cluster?.replicas ?? [];
  const current = others.filter(({ current, offline }) => current && !offline);
  const heard = others.filter(({ offline, active = 0 }) => !offline && active < HEARD_NS_MAX);
  const bytesMax = config["max_bytes"] ?? -1;
  return {
    first: Math.max(state["first_seq"], 1),
    last: state["last_seq"],
    bytes: state.bytes,
    bytesMax: bytesMax < 0 ? undefined : bytesMax,
    leader: cluster?.leader ?? node,
    replicas: 1 + current.length,
    hasMajority: 2 * (1 + heard.length) > 1 + others.length,
  };
}

/** What one node tells of itself at its monitoring address. */
export interface NodeState {
  readonly name: string;
  /** Whether it flushes before it answers; `undefined` if it keeps no streams. */
  readonly isFlushing: boolean | undefined;
  /** Its part of the log, if it has one. */
  readonly replica: ReplicaState | undefined;
}

/** A replica of the log. */
export interface ReplicaState {
  readonly first: number;
  readonly last: number;
  readonly count: number;
  /** All nodes that are to have one. */
  readonly nodes: readonly string[];
}

/** What `/varz` says, as far as it is needed. */
interface ServerAnswer {
  readonly "server_name"?: string;
  readonly "jetstream"?: { readonly "config"?: { readonly "sync_always"?: boolean } };
}

/** What `/jsz` says, as far as it is needed. */
interface StreamsAnswer {
  readonly "account_details"?: readonly { readonly "stream_detail"?: readonly StreamAnswer[] }[];
}

interface StreamAnswer {
  readonly "name"?: string;
  readonly "config"?: { readonly "subjects"?: readonly string[] };
  readonly "state"?: {
    readonly "messages": number;
    readonly "first_seq": number;
    readonly "last_seq": number;
  };
  readonly "cluster"?: {
    readonly "leader"?: string;
    readonly "replicas"?: readonly { readonly "name": string }[];
  };
}

/**
 * Asks a node for its state; rejects if it does not answer in time.
 *
 * @param address Its monitoring address: `http://host:8222`.
 * @param log The stream and the subject of the log.
 */
export async function askNode(
  address: string,
  log: { readonly stream: string; readonly subject: string },
  timeoutMs: number,
): Promise<NodeState> {
  const signal = AbortSignal.timeout(timeoutMs);
  const base = address.trim().replace(/\/+$/, "");
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`${base}${path}`, { signal });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`${base}${path} answers ${response.status}`);
    }
    return await response.json();
  };
  const { "server_name": name = address, jetstream } = await ask("/varz") as ServerAnswer;
  const answer = await ask("/jsz?accounts=true&streams=true&config=true") as StreamsAnswer;
  const streams = answer["account_details"]?.flatMap((one) => one["stream_detail"] ?? []) ?? [];
  // Another account may have a stream of the same name.
  const found = streams.find((one) =>
    one.name === log.stream && one.config?.subjects?.includes(log.subject)
  );
  const { config } = jetstream ?? {};
  return {
    name,
    isFlushing: config && (config["sync_always"] ?? false),
    replica: found && readReplica(found, name),
  };
}

function readReplica({ state, cluster }: StreamAnswer, name: string): ReplicaState | undefined {
  if (state === undefined) return undefined;
  const others = cluster?.replicas?.map((one) => one.name) ?? [];
  const nodes = new Set([name, ...others, ...cluster?.leader ? [cluster.leader] : []]);
  return {
    first: state["first_seq"],
    last: state["last_seq"],
    count: state.messages,
    nodes: [...nodes].sort(),
  };
}

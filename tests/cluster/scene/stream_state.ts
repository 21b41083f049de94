import type { NatsNode } from "../../support/nats/nats_node.ts";

/** What nodes say of a stream. */
export interface StreamState {
  readonly leader: string | undefined;
  readonly lastSequence: number;
  /** Whether all replicas have all of it. */
  readonly isWhole: boolean;
}

/** A node that lives answers sooner, in milliseconds. */
const ANSWER_MS = 1000;

/** How many replicas there are besides the leader. */
const OTHERS = 2;

interface StreamDetail {
  readonly name: string;
  readonly state: { readonly "last_seq": number };
  readonly cluster?: {
    readonly leader?: string;
    readonly replicas?: readonly { readonly current: boolean; readonly lag?: number }[];
  };
}

/** Asks nodes for the state of a stream, as its leader knows it; nothing if no node says that it leads it. */
export async function readStream(
  nodes: readonly NatsNode[],
  stream: string,
): Promise<StreamState | undefined> {
  const found = await Promise.all(nodes.map((node) => readDetail(node, stream)));
  const own = nodes.findIndex((node, index) => found[index]?.cluster?.leader === node.name);
  const detail = found[own];
  if (detail === undefined) return undefined;
  const replicas = detail.cluster?.replicas ?? [];
  const areCurrent = replicas.every(({ current, lag = 0 }) => current && lag === 0);
  return {
    leader: detail.cluster?.leader,
    lastSequence: detail.state["last_seq"],
    isWhole: replicas.length === OTHERS && areCurrent,
  };
}

async function readDetail(node: NatsNode, stream: string): Promise<StreamDetail | undefined> {
  if (!node.isRunning) return undefined;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(`${node.monitoring}/jsz?accounts=true&streams=true`, { signal });
    const { account_details: accounts = [] } = await response.json();
    const streams: StreamDetail[] = accounts.flatMap((account: { stream_detail?: [] }) =>
      account.stream_detail ?? []
    );
    return streams.find(({ name }) => name === stream);
  } catch {
    return undefined;
  }
}

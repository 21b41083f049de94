/** What a broker of a cluster does: `active` decides and serves, `standby` follows and can take over. */
export type ClusterRole = "active" | "standby";

/** One broker of a cluster, as another one knows it. */
export interface ClusterBroker {
  /** The broker's id in its cluster. */
  readonly id: string;
  /** Where clients reach it: `host:port`. */
  readonly address: string;
  /** What it does. */
  readonly role: ClusterRole;
  /** Its version. */
  readonly version: string;
  /** The sequence of the last record that it has applied. */
  readonly sequence: number;
  /** How many records it is behind the active broker. */
  readonly lagRecords: number;
  /** For how long it has been behind, in milliseconds; 0 if it is not. */
  readonly lagMs: number;
  /** When it was heard of last, in milliseconds ago. */
  readonly heardMs: number;
  /** Where its management page is, as a URL, if it has told so. */
  readonly page?: string;
}

/** What has come of giving the lead of a cluster away. */
export interface Handover {
  /** The address of the broker that decides now, if it is known. */
  readonly active?: string;
}

/** What a broker knows of its cluster. */
export interface ClusterStatus {
  /** The name of the cluster. */
  readonly name: string;
  /** The id of the broker that answers. */
  readonly id: string;
  /** What it does. */
  readonly role: ClusterRole;
  /** Whether it may deliver and answer now. */
  readonly serving: boolean;
  /** The number of takeovers so far, this one included. */
  readonly epoch: number;
  /** How long a broker may be silent before another one takes over, in milliseconds. */
  readonly leaseMs: number;
  /** The sequences of the log's first and last record, as far as they are known. */
  readonly firstSequence: number;
  /** See `firstSequence`. */
  readonly lastSequence: number;
  /** The bytes of the log in JetStream, of one replica. */
  readonly logBytes: number;
  /** The most bytes that the log may have; absent without a limit. */
  readonly logBytesMax?: number;
  /** When a record was appended or read last, in milliseconds ago. */
  readonly lastAppendMs: number;
  /** The node that leads the log, if that is known. */
  readonly leader?: string;
  /** How many nodes have all of the log, if that is known. */
  readonly replicas?: number;
  /** How often the log's leader has changed since the start. */
  readonly reelections: number;
  /** All brokers that were heard of in the last ten minutes, this one included, by id. */
  readonly brokers: readonly ClusterBroker[];
  /** What an operator should look at, a sentence each: users that differ, a standby that lags. */
  readonly problems: readonly string[];
}

/** A broker that was not heard of for so many leases is gone. */
const GONE_LEASES = 3;

/** Whether a broker is there, as far as others know: the dead ones are listed for a while. */
export function isHeard({ heardMs }: ClusterBroker, { leaseMs }: ClusterStatus): boolean {
  return heardMs <= GONE_LEASES * leaseMs;
}

/** Finds the active broker, if it is there. */
export function findActive(status: ClusterStatus): ClusterBroker | undefined {
  return status.brokers.find((broker) => broker.role === "active" && isHeard(broker, status));
}

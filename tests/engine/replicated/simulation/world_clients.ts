import type { BrokerLife } from "./cluster_broker.ts";

/** A client of a cluster: it is connected to a broker, or to none. */
export interface WorldClient {
  readonly life: BrokerLife | undefined;
  /** Whether it connects no more. */
  isStopped: boolean;
  connect(life: BrokerLife): void;
  disconnect(): void;
}

/** Lets time pass; rejects as soon as something is wrong. */
export type PassTime = (ms: number) => Promise<void>;

/** Does something again and again, after times around one. */
export type Repeat = (ms: number, action: () => void) => void;

/** All who use a cluster in a world. */
export interface WorldClients {
  readonly all: readonly WorldClient[];
  /** Whether nobody waits for the outcome of a message. */
  readonly hasHeardAll: boolean;
  /** Creates the streams. */
  create(life: BrokerLife): Promise<void>;
  /** Begins to do things. */
  begin(repeat: Repeat, findServing: () => BrokerLife | undefined): void;
  /** Sends nothing new any more. */
  stop(): void;
  /** Takes all out, and compares it with what must be there. */
  drain(life: BrokerLife, pass: PassTime): Promise<void>;
}

import type { Clock, ClockUser } from "../../transport/clock.ts";
import type { Duplex } from "../../transport/duplex.ts";
import { connectedLinks } from "../../transport/sockets.ts";

/** The address of a connection's other end. */
export interface Peer {
  readonly hostname: string;
  readonly port: number;
}

/** A connection over a socket, and what it has carried. */
interface Watched {
  readonly peer: Peer;
  sentBytes: number;
  receivedBytes: number;
  isReading: boolean;
  /** The writes that have begun and not ended. */
  writes: number;
}

/** Tells a virtual clock whether a broker has work to finish before time may pass. */
export class ClockWatch implements ClockUser {
  /** The reads and writes of all connections that moved bytes. */
  activity = 0;
  readonly noteDateSet: () => void;
  readonly #whenSettled: () => Promise<void> | void;
  /** The connections over sockets. */
  readonly #watched = new Set<Watched>();

  /** @param user Hears of a new date, and settles what was begun. */
  constructor(user: Required<Pick<ClockUser, "noteDateSet" | "whenIdle">>) {
    this.noteDateSet = user.noteDateSet;
    this.#whenSettled = user.whenIdle;
  }

  /** Attaches it to the clock, if that is a virtual one; returns a function that detaches it. */
  attachTo(clock: Clock): (() => void) | undefined {
    return clock.attach?.(this);
  }

  /** Waits also for bytes under way: the clock looks again in the next round of the event loop. */
  whenIdle(): Promise<void> | void {
    const settling = this.#whenSettled();
    if (settling instanceof Promise) return settling;
    for (const watched of this.#watched) {
      if (isUnderWay(watched)) return Promise.resolve();
    }
  }

  /** Wraps a connection to count its transfers; the peer is that of a socket. */
  watch(duplex: Duplex, peer: Peer | undefined): Duplex {
    if (peer === undefined) return this.#count(duplex);
    const watched = { peer, sentBytes: 0, receivedBytes: 0, isReading: false, writes: 0 };
    this.#watched.add(watched);
    const end = () => this.#watched.delete(watched);
    return this.#count({
      async read(buffer) {
        watched.isReading = true;
        let count: number | null = null;
        try {
          count = await duplex.read(buffer);
        } finally {
          watched.isReading = false;
          if (count === null) end();
        }
        watched.receivedBytes += count ?? 0;
        return count;
      },
      async write(bytes) {
        watched.writes++;
        try {
          const count = await duplex.write(bytes);
          watched.sentBytes += count;
          return count;
        } finally {
          watched.writes--;
        }
      },
      close() {
        end();
        duplex.close();
      },
    });
  }

  #count(duplex: Duplex): Duplex {
    const count = async <T>(transfer: Promise<T>): Promise<T> => {
      const result = await transfer;
      this.activity++;
      return result;
    };
    return {
      read: (buffer) => count(duplex.read(buffer)),
      write: (bytes) => count(duplex.write(bytes)),
      close: () => duplex.close(),
    };
  }
}

/**
 * Whether bytes are on their way to or from a client in this process: the system has them, and a busy event
 * loop may not be told for any number of rounds. A side that does not read is not waited for.
 */
function isUnderWay(broker: Watched): boolean {
  const client = connectedLinks.find(broker.peer.hostname, broker.peer.port);
  if (client === undefined || client.isClosed || client.isCut) return false;
  const toClient = broker.writes > 0 || broker.sentBytes !== client.receivedBytes;
  const toBroker = client.outboundBytes > 0 || client.sentBytes !== broker.receivedBytes;
  return (toClient && !client.isHeldBack) || (toBroker && broker.isReading);
}

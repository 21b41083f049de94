import { readSystemFile } from "../system_file.ts";

/** Where Linux lists connections. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/**
 * How much of what was sent the other side has not taken yet, where the system tells it: Linux does,
 * for all connections of the machine. A write says only that the system has taken bytes, and of a
 * slow link it takes more in steps of a megabyte: a client would look as if it took nothing meanwhile.
 */
export class SendQueues {
  /** By the ports of both ends. */
  #queues = new Map<string, number>();
  #readAt = -Infinity;

  /**
   * How many bytes wait in a connection, by the ports of both ends; `undefined` if that is not to be
   * had. At one time the list is read once.
   */
  find({ local, remote }: { local: number; remote: number }, now: number): number | undefined {
    if (now !== this.#readAt) {
      this.#readAt = now;
      this.#queues = readQueues();
    }
    return this.#queues.get(`${local} ${remote}`);
  }
}

function readQueues(): Map<string, number> {
  const queues = new Map<string, number>();
  for (const table of TABLES) {
    const [, ...lines] = (readSystemFile(table) ?? "").split("\n");
    for (const line of lines) {
      // Number, local address, remote address, state, bytes to be sent and to be read; all in hex.
      const [, local, remote, , bytes] = line.trim().split(/\s+/);
      if (local === undefined || remote === undefined || bytes === undefined) continue;
      const key = `${portOf(local)} ${portOf(remote)}`;
      queues.set(key, (queues.get(key) ?? 0) + Number.parseInt(bytes, 16));
    }
  }
  return queues;
}

function portOf(address: string): number {
  return Number.parseInt(address.slice(address.lastIndexOf(":") + 1), 16);
}

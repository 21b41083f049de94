import { readSystemFile } from "../system_file.ts";

/** The files in which Linux lists connections. */
const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/**
 * The bytes that were sent and not acknowledged by the other side, on Linux, for all connections of the
 * machine. A completed write says only that the system took the bytes, and for a slow link it takes them in
 * steps of a megabyte: in between, the client would look as if it read nothing.
 */
export class SendQueues {
  /** By the ports of both ends. */
  #queues = new Map<string, number>();
  #readAt = -Infinity;

  /**
   * The bytes that wait in a connection, by the ports of both ends; `undefined` if unknown. The list is
   * read once per time.
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

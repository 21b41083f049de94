import { patiently } from "../patience.ts";
import { isConnectionEnd } from "../../../src/transport/connection_end.ts";
import type { Duplex } from "../../../src/transport/duplex.ts";

/** Long enough for a slow machine; a test that waits so long has failed. */
export const PATIENCE_MS = 20_000;

/** Connects to a broker, and says nothing. */
export async function openSocket(port: number): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "localhost", port });
  socket.setNoDelay(true);
  return socket;
}

/** The bytes of a client on which a test says everything itself. */
export class DuplexClient implements AsyncDisposable {
  protected readonly duplex: Duplex;
  #reading: Promise<number | null> | undefined;
  #isClosed = false;

  /** Speaks over any connection. */
  constructor(duplex: Duplex) {
    this.duplex = duplex;
  }

  /** Ends the connection without a word. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.duplex.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#reading?.catch(() => {});
  }

  /** Writes all bytes. A connection that has ended takes them as well; `expectEnd` tells of it. */
  protected async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let sent = 0; sent < bytes.length;) {
        sent += await patiently(this.duplex.write(bytes.subarray(sent)), PATIENCE_MS);
      }
    } catch (error) {
      if (!isConnectionEnd(error)) throw error;
    }
  }

  /** Reads once; resolves to the number of bytes, or `null` at the end of the connection. */
  protected async read(buffer: Uint8Array): Promise<number | null> {
    try {
      this.#reading ??= this.duplex.read(buffer);
      const count = await patiently(this.#reading, PATIENCE_MS);
      this.#reading = undefined;
      return count;
    } catch (error) {
      if (isConnectionEnd(error)) return null;
      throw error;
    }
  }
}

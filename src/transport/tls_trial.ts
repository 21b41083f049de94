import { connect as connectTls } from "node:tls";
import { createPipe } from "./duplex.ts";
import { DuplexStream } from "./duplex_stream.ts";
import { TlsAcceptor, type TlsCredentials } from "./tls_acceptor.ts";

/**
 * Makes a handshake with certificates inside this process: TLS takes keys of kinds that it cannot use, and
 * then each handshake fails.
 *
 * @returns Why it has failed; nothing if it has not.
 */
export async function tryCredentials(credentials: TlsCredentials): Promise<string | undefined> {
  const [here, there] = createPipe();
  const stream = new DuplexStream(here);
  const failures: string[] = [];
  try {
    const acceptor = new TlsAcceptor(credentials);
    const owner = {
      noteFailure: (why: string) => failures.push(why),
      answerPlain: () => undefined,
    };
    const accepted = acceptor.secure(there, owner);
    // Nothing is trusted or sent here: only that the broker's side can finish is to be seen.
    const socket = connectTls({ socket: stream, rejectUnauthorized: false });
    socket.on("error", () => stream.destroy());
    socket.once("secureConnect", () => socket.write(Uint8Array.of(0)));
    const count = await accepted.read(new Uint8Array(1));
    accepted.close();
    return count === 1 ? undefined : failures[0] ?? "the handshake fails";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    stream.destroy();
  }
}

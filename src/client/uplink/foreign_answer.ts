import { BrokerError, type FrameDecoder } from "../../../protocol.ts";
import { TLS_ALERT } from "../../transport/tls_wire.ts";

/**
 * The error for a port that is not, or no longer, the one of a broker without TLS, if bytes read before the
 * broker's first frame cannot be one; otherwise the error as it is.
 */
export function explainForeign(
  error: Error | undefined,
  decoder: FrameDecoder,
  action: string,
): Error | undefined {
  if (!isForeign(error)) return error;
  const [type, version] = decoder.takePreface(2) ?? [];
  if (type === TLS_ALERT[0] && version === TLS_ALERT[1]) {
    const why = "its port speaks TLS, and this client does not; use smqs://, or give tls";
    return new BrokerError("BAD_FRAME", `${action}: ${why}`, { cause: error });
  }
  const why = "the answer is not SimpleMQ's; is this the port of a broker?";
  return new BrokerError(error.code, `${action}: ${why}`, { cause: error });
}

/** Whether the bytes read before the first frame cannot be a frame. */
function isForeign(error: Error | undefined): error is BrokerError {
  if (!(error instanceof BrokerError)) return false;
  return error.code === "BAD_FRAME" || error.code === "FRAME_TOO_LARGE";
}

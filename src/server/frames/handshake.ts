import {
  BrokerError,
  type FrameDecoder,
  FrameType,
  type Hello,
  MAGIC,
  PROTOCOL_VERSION,
  readControlFrame,
  type Welcome,
} from "../../../protocol.ts";
import { CAPABILITIES } from "../../protocol/frames/control_frame.ts";
import { describeFrameType } from "../../protocol/frames/frame_type.ts";
import type { Outlet } from "../flow/outlet.ts";

/** Throws if the first bytes of a connection are not this protocol's. */
export function checkMagic(preface: Uint8Array): void {
  const isOurs = MAGIC.subarray(0, 3).every((byte, index) => preface[index] === byte);
  if (!isOurs) {
    throw new BrokerError(
      "BAD_MAGIC",
      "Cannot open a session: this port speaks the SimpleMQ protocol, which begins with SMQ",
    );
  }
  if (preface[3] !== PROTOCOL_VERSION) {
    throw new BrokerError(
      "UNSUPPORTED_VERSION",
      `Cannot open a session: protocol version is ${
        preface[3]
      }, the broker's is ${PROTOCOL_VERSION}`,
    );
  }
}

/** Reads the first frame of a client, which must be a `hello`. */
export function readHello(frame: FrameDecoder): Hello {
  if (frame.type === FrameType.hello) return readControlFrame(frame, "hello");
  throw new BrokerError(
    "HANDSHAKE_EXPECTED",
    `Cannot open a session: the first frame is ${describeFrameType(frame.type)}, not hello`,
  );
}

/**
 * Makes the answer to a `hello`.
 *
 * @param outlet The session, which has a user.
 * @param capabilities The client's extensions of this protocol version.
 */
export function makeWelcome(
  outlet: Outlet,
  capabilities: readonly string[],
): Welcome {
  const { version, engine, heartbeatLimits, limits, beginMs } = outlet.context;
  const { heartbeatMs, heartbeatTimeoutMs, slowReaderTimeoutMs } = heartbeatLimits;
  return {
    session: outlet.number,
    user: outlet.user.name,
    version,
    engine: engine.name,
    durability: engine.durability,
    heartbeatMs,
    heartbeatTimeoutMs,
    limits,
    capabilities: CAPABILITIES.filter((name) => capabilities.includes(name)),
    progressMs: Math.ceil(slowReaderTimeoutMs / 4),
    beginMs,
    brokers: engine.cluster?.brokers ?? [],
  };
}

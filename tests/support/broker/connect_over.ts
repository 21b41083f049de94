import type { Connection, ConnectionOptions } from "../../../client.ts";
import { ClientConnection } from "../../../src/client/client_connection.ts";
import type { Target } from "../../../src/client/uplink/target.ts";

/** Opens a client's connection over what a test dials itself. */
export function connectOver(
  dial: Target["dial"],
  options: ConnectionOptions = {},
): Promise<Connection> {
  return ClientConnection.open([{ action: "Cannot connect", dial }], options);
}

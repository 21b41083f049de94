import { BrokerError } from "../../../protocol.ts";

/** Why a login is refused: for the log only, since the client must not know. */
export class LoginRefusal extends BrokerError {
  /** The reason, in words. */
  readonly reason: string;

  constructor(message: string, reason: string) {
    super("UNAUTHORIZED", message);
    this.reason = reason;
  }
}

import { BrokerError } from "../../../protocol.ts";

/** What was wrong with what a client has shown, in a word. */
export type LoginFault = "token" | "password" | "certificate" | "nothing_shown" | "user";

/** Why a login is refused: for the log and for figures only, since the client must not know. */
export class LoginRefusal extends BrokerError {
  /** The reason, in words. */
  readonly reason: string;
  readonly fault: LoginFault;

  constructor(message: string, reason: string, fault: LoginFault) {
    super("UNAUTHORIZED", message);
    this.reason = reason;
    this.fault = fault;
  }
}

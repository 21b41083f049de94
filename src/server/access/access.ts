import type { BrokerError } from "../../../protocol.ts";
import type { Engine } from "../../broker/engine.ts";
import { User } from "./user.ts";

/** What a client shows when its session begins. */
export interface Credentials {
  readonly token?: string | undefined;
  /** The names in the client's certificate, which TLS has checked. */
  readonly certificateNames?: readonly string[] | undefined;
  /** The client's address. */
  readonly peer: string;
  /** Set for a session inside the broker's process. */
  readonly inProcess?: InProcess | undefined;
}

/** A session inside the broker's process. */
export interface InProcess {
  /** The user that the program names; by default it is the one who may do everything. */
  readonly user?: string | undefined;
}

/** Tells a client why its session ends; without an error it is just disconnected, and may come back. */
export type EndSession = (error?: BrokerError) => void;

/** A session's user, and what the user may use. */
export interface Login {
  readonly user: User;
  /** The engine as the user may use it: the bare one if the user may do everything. */
  readonly engine: Engine;
  /** The session has ended. */
  end(): void;
}

/** The parts of an {@linkcode Access}. */
export interface AccessParts {
  readonly engine: Engine;
}

/** Who may use a broker, and for what. */
export class Access {
  readonly #engine: Engine;
  readonly #local = User.local();

  constructor({ engine }: AccessParts) {
    this.#engine = engine;
  }

  /**
   * Finds the user of a session.
   *
   * @param _credentials What the client has shown.
   * @param _end Ends the session later, when its user or token is no longer valid.
   * @throws {BrokerError} With code `UNAUTHORIZED` or `TOO_MANY_CONNECTIONS`.
   */
  login(_credentials: Credentials, _end: EndSession): Login {
    return { user: this.#local, engine: this.#engine, end: () => {} };
  }
}

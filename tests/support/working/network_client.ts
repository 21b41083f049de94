/**
 * A client of a broker in a simulation: what it asks for, and what it is told, may be lost on the way.
 *
 * @module
 */

import type { Engine } from "../../../src/broker/engine.ts";
import type { Random } from "../random.ts";

/** How long a message takes between a client and a broker, at most. */
const NETWORK_MS = 3;

/** A process of a broker. */
export interface ClientLife {
  readonly engine: Engine;
  /** Lets it do something that a client asks for, in the order in which it is asked, or never. */
  request(action: () => void): void;
}

/** What clients of a world have in common. */
export interface ClientParts {
  readonly random: Random;
  readonly time: {
    /** The true time, in milliseconds. */
    readonly now: number;
    schedule(ms: number, action: () => void): void;
  };
}

/** A client's way to a broker, from when it is connected until that is lost. */
export interface Connection<Port, Life> {
  readonly life: Life;
  /** What the broker has for it, once it has come there. */
  port: Port | undefined;
  /** When it heard the last thing: what is told later is heard later. */
  heardAt: number;
}

/** A client, connected to a broker or to none. */
export abstract class NetworkClient<Port, Life extends ClientLife, Parts extends ClientParts> {
  protected readonly parts: Parts;
  protected connection: Connection<Port, Life> | undefined;
  /** Whether it has nothing new to do, and whether it connects no more. */
  isClosing = false;
  isStopped = false;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** The broker that it is connected to. */
  get life(): Life | undefined {
    return this.connection?.life;
  }

  connect(life: Life): void {
    const connection: Connection<Port, Life> = { life, port: undefined, heardAt: 0 };
    this.connection = connection;
    life.request(() => void (connection.port = this.open(connection)));
    this.connected();
  }

  /** The connection is lost; its broker hears of it, if it lives. */
  disconnect(): void {
    const { connection } = this;
    this.connection = undefined;
    if (connection === undefined) return;
    connection.life.request(() => {
      const { port } = connection;
      connection.port = undefined;
      if (port !== undefined) this.lose(connection, port);
    });
  }

  protected abstract open(connection: Connection<Port, Life>): Port;
  protected abstract lose(connection: Connection<Port, Life>, port: Port): void;
  protected connected(): void {}

  /** Lets the broker do something, in the order in which it was sent. */
  protected send(action: (port: Port, life: Life) => void): void {
    const { connection } = this;
    connection?.life.request(() => {
      if (connection.port !== undefined) action(connection.port, connection.life);
    });
  }

  /** Hears something from the broker, in its order, unless the connection is lost by then. */
  protected receive(connection: Connection<Port, Life>, action: () => void): void {
    const { time, random } = this.parts;
    if (connection !== this.connection) return;
    connection.heardAt = Math.max(connection.heardAt, time.now + random.next() * NETWORK_MS);
    time.schedule(connection.heardAt - time.now, () => {
      if (connection === this.connection) action();
    });
  }
}

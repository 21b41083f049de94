import type { Connection, Cursor, Follower, Publisher } from "@simplemq/simplemq";

/** The methods of a type. */
type MethodOf<Type> = {
  [Name in keyof Type]: Type[Name] extends (...args: never[]) => unknown ? Name : never;
}[keyof Type & string];

/** Each method: measured, or left out for a reason. */
type Methods<Type> = { readonly [Name in MethodOf<Type>]: "measured" | { readonly not: string } };

const CLUSTER = { not: "bench:cluster has clusters" };

const CONNECTION: Methods<Connection> = {
  publisher: "measured",
  follower: "measured",
  cursor: "measured",
  status: { not: "it tells of this side only" },
  close: "measured",
};

const PUBLISHER: Methods<Publisher> = {
  sendMessage: "measured",
  sendMessages: "measured",
  request: "measured",
  flush: "measured",
  close: { not: "the end of a block closes it" },
};

const FOLLOWER: Methods<Follower> = {
  getMessages: "measured",
  handle: "measured",
  getBatches: "measured",
  handleBatches: "measured",
  ackMessage: "measured",
  nackMessage: "measured",
  postponeMessage: "measured",
  rejectMessage: "measured",
  extendMessage: "measured",
  releaseMessage: "measured",
  close: { not: "the end of a block closes it" },
};

const CURSOR: Methods<Cursor> = {
  createStream: "measured",
  updateStream: "measured",
  pauseStream: "measured",
  resumeStream: "measured",
  purgeStream: "measured",
  dropMessages: "measured",
  deleteStream: "measured",
  getStreams: "measured",
  getStream: "measured",
  getPels: "measured",
  getPel: "measured",
  releasePel: "measured",
  peek: "measured",
  getMessage: "measured",
  redrive: "measured",
  explain: "measured",
  cancel: "measured",
  cancelAll: "measured",
  openBackup: "measured",
  readBackup: "measured",
  closeBackup: "measured",
  putSchedule: "measured",
  getSchedules: "measured",
  deleteSchedule: "measured",
  pauseSchedule: "measured",
  resumeSchedule: "measured",
  setLane: "measured",
  getLanes: "measured",
  putLimit: "measured",
  getLimits: "measured",
  getBroker: "measured",
  getConnections: "measured",
  closeConnection: "measured",
  setLogLevel: "measured",
  getEvents: "measured",
  getCluster: CLUSTER,
  handOver: CLUSTER,
};

/** The methods of the API: the compiler says when one is missing. */
const API = {
  Connection: CONNECTION,
  Publisher: PUBLISHER,
  Follower: FOLLOWER,
  Cursor: CURSOR,
} as const;

/** What each of these methods makes. */
const MAKES: Readonly<Record<string, keyof typeof API>> = {
  cursor: "Cursor",
  publisher: "Publisher",
  follower: "Follower",
};

/** Notes which methods of connections and their members are called, so that none is forgotten. */
export class Recorder {
  readonly #called = new Set<string>();

  /** A connection whose calls are noted, with those of its members. */
  watch(connection: Connection): Connection {
    return this.#wrap(connection, "Connection");
  }

  /** The methods that should be measured, and were never called. */
  listMissing(): string[] {
    return Object.entries(API).flatMap(([type, methods]) =>
      Object.entries(methods).filter(([, how]) => how === "measured")
        .map(([name]) => `${type}.${name}`)
    ).filter((name) => !this.#called.has(name));
  }

  #wrap<One extends object>(one: One, type: keyof typeof API): One {
    return new Proxy(one, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target);
        if (typeof value !== "function" || typeof name !== "string") {
          return typeof value === "function" ? value.bind(target) : value;
        }
        this.#called.add(`${type}.${name}`);
        const made = Object.hasOwn(MAKES, name) ? MAKES[name] : undefined;
        return (...args: unknown[]) => {
          const result = value.apply(target, args);
          return made === undefined ? result : this.#wrap(result, made);
        };
      },
    });
  }
}

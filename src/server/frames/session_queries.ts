import {
  BrokerError,
  type FrameDecoder,
  type Operation,
  type PeekedMessages,
  type QueryOptions,
  type StreamCreation,
} from "../../../protocol.ts";
import { writeBackupPiece } from "../../protocol/answers/backup_frame.ts";
import { writeMessages } from "../../protocol/answers/peeked_messages.ts";
import { toPlainBatch } from "../../protocol/messages/plain_batch.ts";
import {
  readOperation,
  readQueryNumber,
  writeResponse,
} from "../../protocol/frames/query_frame.ts";
import { explainDifferences, findDifferences } from "../../protocol/messages/stream_options.ts";
import { Operator } from "../management/operator.ts";
import type { Engine } from "../../broker/engine.ts";
import { SLICE_STEPS, type WorkTurn } from "../flow/work_turn.ts";
import type { Answers } from "./answers.ts";

/** The most queries of a session under way: an answer can be a thousand times as long as its query. */
const QUERIES_MAX = 16;

/** Queries whose answers may be large: at most one of a session is carried out at a time. */
const LARGE: ReadonlySet<Operation> = new Set([
  "peek",
  "getMessage",
  "getStreams",
  "getPels",
  "getPel",
  "readBackup",
  "getConnections",
  "getEvents",
  "getSchedules",
  "getLanes",
]);

/** Answers of this size are noted among all that wait for slow clients. */
const NOTED_BYTES_MIN = 16 * 1024;

/** The steps of a query: an event, a line of the log, an answer. */
const QUERY_STEPS = 128;

/** How many messages a query peeks at by default. */
const PEEK_COUNT = 100;

/** The queries of one session's cursors, and the answers. */
export class SessionQueries {
  readonly #answers: Answers;
  #openCount = 0;
  /** Whether it waits until another broker has the lead of the cluster. */
  isHandingOver = false;
  /** Resolves when the last query with a large answer is done; undefined if it is. */
  #turn: Promise<void> | undefined;

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  /** Whether no more queries should be read until some are answered. */
  get isFull(): boolean {
    return this.#openCount >= QUERIES_MAX;
  }

  /** Carries out a query and answers it; resolves when that is done. */
  handleQuery(frame: FrameDecoder): Promise<void> | undefined {
    const answers = this.#answers;
    const { turn } = answers.outlet.context;
    const query = readQueryNumber(frame);
    try {
      const { operation, name, options = {} } = readOperation(frame);
      this.#openCount++;
      turn.note(QUERY_STEPS);
      const work = () =>
        this.#operate(operation, name, options).then(
          (result) => this.#answer(query, result),
          (error) => answers.fail(error, { query }),
        );
      return (LARGE.has(operation) ? this.#inTurn(work) : work())
        .catch((error) => answers.outlet.endWith(error)).finally(() => this.#openCount--);
    } catch (error) {
      answers.fail(error, { query });
      return undefined;
    }
  }

  /** Carries queries out one after the other, each when there is room for its answer. */
  async #inTurn(work: () => Promise<void>): Promise<void> {
    const { outlet } = this.#answers;
    const { gate } = outlet;
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    try {
      if (before !== undefined) await before;
      if (!gate.hasRoom) await gate.until(() => gate.hasRoom);
      if (!outlet.isOver) await work();
    } finally {
      if (this.#turn === promise) this.#turn = undefined;
      resolve();
    }
  }

  /** Messages as this client can read them. */
  #plain({ infos, entries }: PeekedMessages): PeekedMessages {
    if (this.#answers.knowsWork) return { infos, entries };
    const batch = { count: infos.length, buffer: entries, start: 0, end: entries.length };
    const { buffer, start, end } = toPlainBatch(batch);
    return { infos, entries: buffer.subarray(start, end) };
  }

  #answer(query: number, result: unknown): void {
    const { outlet } = this.#answers;
    const { isOver, link } = outlet;
    if (isOver) return;
    const before = link.writer.length;
    if (result instanceof Peeked) writeMessages(link.writer, query, this.#plain(result.messages));
    else if (result instanceof Uint8Array) writeBackupPiece(link.writer, query, result);
    else writeResponse(link.writer, query, result);
    const bytes = link.writer.length - before;
    if (bytes >= NOTED_BYTES_MIN) outlet.noteAnswer(bytes);
    link.flush();
  }

  async #operate(operation: Operation, name: string, options: QueryOptions): Promise<unknown> {
    const { number: session, user, engine, context } = this.#answers.outlet;
    const { sessionLog, turn, management, access: { audit } } = context;
    const subject = operation === "releasePel"
      ? { follower: name }
      : operation.endsWith("Schedule")
      ? { schedule: name }
      : operation === "putLimit"
      ? { limit: name }
      : name === ""
      ? {}
      : { stream: name };
    const note = (change: string, count?: number) =>
      sessionLog.noteChange(change, { subject, count, user: user.name, session });
    const operator = new Operator({
      management,
      audit,
      user,
      note: (change, subject) =>
        sessionLog.noteChange(change, { subject, user: user.name, session }),
    });
    const noteHandover = (isUnderWay: boolean) => this.isHandingOver = isUnderWay;
    const operate = (operations as { readonly [Name in Operation]?: Operate })[operation];
    const result = operate === undefined
      ? await engine[operation as PlainOperation](name)
      : await operate({ engine, operator, session, name, options, note, noteHandover, turn });
    const change = CHANGES[operation];
    if (change !== undefined) note(change, typeof result === "number" ? result : undefined);
    return result ?? null;
  }
}

/** Messages, which are not answered as JSON. */
class Peeked {
  readonly messages: PeekedMessages;

  constructor(messages: PeekedMessages) {
    this.messages = messages;
  }
}

interface Asked {
  readonly engine: Engine;
  readonly operator: Operator;
  /** The number of the session that asks. */
  readonly session: number;
  /** The name of a stream or a follower. */
  readonly name: string;
  readonly options: QueryOptions;
  /** Writes a change into the log. */
  readonly note: (change: string, count?: number) => void;
  /** Notes whether the lead of the cluster is being given away. */
  readonly noteHandover: (isUnderWay: boolean) => void;
  readonly turn: WorkTurn;
}

/** Creates a stream; for an existing one with other options, `ifDifferent` says what to do. */
async function createStream(
  { engine, name, options: { stream = {}, ifDifferent = "keep" }, note, turn }: Asked,
): Promise<StreamCreation> {
  while (!engine.prepareStream(name, SLICE_STEPS)) await turn.note();
  if (await engine.createStream(name, stream)) {
    note("stream created");
    return { created: true, differs: [] };
  }
  if (Object.keys(stream).length === 0) return { created: false, differs: [] };
  const { options } = await engine.getStream(name);
  const differs = findDifferences(options, stream);
  if (differs.length > 0 && ifDifferent === "fail") {
    throw new BrokerError("STREAM_DIFFERS", explainDifferences(name, options, stream));
  }
  if (differs.length > 0 && ifDifferent === "update") {
    await engine.updateStream(name, stream);
    note("stream updated");
  }
  return { created: false, differs };
}

/** The log messages of successful operations. */
const CHANGES: { readonly [Name in Operation]?: string } = {
  updateStream: "stream updated",
  pauseStream: "stream paused",
  resumeStream: "stream resumed",
  purgeStream: "stream purged",
  releasePel: "deliveries taken back",
  deleteSchedule: "schedule deleted",
  pauseSchedule: "schedule paused",
  resumeSchedule: "schedule resumed",
};

/** Operations that are calls of the engine with the same name and only a name as argument. */
type PlainOperation = Exclude<
  {
    [Name in Operation & keyof Engine]: Parameters<Engine[Name]> extends [string] ? Name : never;
  }[Operation & keyof Engine],
  // They are answered in pages, or without a result.
  "getPel" | "deleteStream"
>;

type Operate = (asked: Asked) => unknown;

/** An option that an operation cannot do without. */
function require<Value>(name: string, value: Value | undefined): Value {
  if (value !== undefined) return value;
  throw new BrokerError("BAD_REQUEST", `Cannot carry out a query: "${name}" is missing`);
}

/** The other operations; each resolves to its answer. */
const operations: { readonly [Name in Exclude<Operation, PlainOperation>]: Operate } = {
  createStream,
  updateStream: ({ engine, name, options: { stream = {} } }) => engine.updateStream(name, stream),
  pauseStream: ({ engine, name }) => engine.pauseStream(name, true),
  resumeStream: ({ engine, name }) => engine.pauseStream(name, false),
  getStreams: ({ engine, options: { after = 0 } }) => engine.listStreams(after),
  getPels: ({ engine, options: { after = 0 } }) => engine.listPels(after),
  getPel: ({ engine, name, options: { after = 0 } }) => engine.listPels(after, name),
  releasePel: ({ engine, name }) => engine.releasePel(name),
  async deleteStream({ engine, name, note }) {
    note("stream deleted", await engine.deleteStream(name));
  },
  explain: ({ engine, name }) => engine.explain(name),
  async peek({ engine, name, options: { from = 1, limit = PEEK_COUNT } }) {
    return new Peeked(await engine.peek(name, from, limit));
  },
  async getMessage({ engine, name, options: { from = 0 } }) {
    const messages = await engine.peek(name, from, 1);
    if (messages.infos[0]?.id === from) return new Peeked(messages);
    throw new BrokerError(
      "MESSAGE_NOT_FOUND",
      `Cannot find message ${from} of "${name}": it is gone, or was never stored`,
    );
  },
  async openBackup({ engine, note }) {
    const info = await engine.openBackup();
    note("backup opened");
    return info;
  },
  readBackup: ({ engine, name, options: { backup = 0, from = 0 } }) =>
    engine.readBackup(backup, name, from),
  async closeBackup({ engine, options: { backup = 0 }, note }) {
    const wasOpen = engine.closeBackup(backup);
    if (wasOpen) note("backup closed");
    return await Promise.resolve(wasOpen);
  },
  async redrive({ engine, name, options: { ids = [] }, note }) {
    const result = await engine.redrive(name, ids);
    if (result.count > 0) note("dead letters sent back", result.count);
    return result;
  },
  async dropMessages({ engine, name, options: { ids = [] }, note }) {
    const result = await engine.dropMessages(name, ids);
    if (result.count > 0) note("messages dropped", result.count);
    return result;
  },
  async cancelMessage({ engine, name, options: { from, reason, isDeadLetter }, note }) {
    const details = { reason, isDeadLetter };
    const result = await engine.cancelMessage(name, require("from", from), details);
    if (result.was !== "gone") note("message cancelled");
    return result;
  },
  async cancelMessages({ engine, name, options, note }) {
    const result = await engine.cancelMessages(name, options);
    const { ready, delayed, pending } = result;
    const count = ready + delayed + pending;
    if (count > 0) note("messages cancelled", count);
    return result;
  },
  async putSchedule({ engine, name, options: { schedule }, note }) {
    const isChanged = await engine.schedules.put(name, require("schedule", schedule));
    if (isChanged) note("schedule put");
    return isChanged;
  },
  getSchedules: ({ engine, options: { after = 0 } }) => engine.schedules.list(after),
  deleteSchedule: ({ engine, name }) => engine.schedules.delete(name),
  pauseSchedule: ({ engine, name }) => engine.schedules.pause(name, true),
  resumeSchedule: ({ engine, name }) => engine.schedules.pause(name, false),
  async setLane({ engine, name, options: { lane, laneSettings }, note }) {
    await engine.lanes.set(name, require("lane", lane), require("laneSettings", laneSettings));
    note("lane set");
  },
  getLanes: ({ engine, name, options: { by, limit, lane: after } }) =>
    engine.lanes.list(name, { by, limit, after }),
  async putLimit({ engine, name, options: { sharedLimit }, note }) {
    const isChanged = await engine.lanes.putLimit(name, require("sharedLimit", sharedLimit));
    if (isChanged) note(sharedLimit === null ? "shared limit removed" : "shared limit put");
    return isChanged;
  },
  getLimits: ({ engine }) => engine.lanes.getLimits(),
  getBroker: ({ operator }) => operator.getBroker(),
  getConnections: ({ operator, options: { after = 0 } }) => operator.getConnections(after),
  closeConnection({ operator, session, options: { connection, reason } }) {
    const id = require("connection", connection);
    if (id !== session) return operator.closeConnection(id, reason);
    const why = `Cannot close connection ${id}: it is the one that asks`;
    throw new BrokerError("BAD_REQUEST", why);
  },
  setLogLevel: ({ operator, options: { level } }) => operator.setLogLevel(require("level", level)),
  getEvents: ({ operator, options: { after = 0 } }) => operator.getEvents(after),
  getCluster: ({ operator }) => operator.getCluster(),
  async handOver({ operator, noteHandover }) {
    noteHandover(true);
    try {
      return await operator.handOver();
    } catch (error) {
      noteHandover(false);
      throw error;
    }
  },
};

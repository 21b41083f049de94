import { createHash } from "node:crypto";
import type {
  Connection,
  Cursor,
  MessageBody,
  Publisher,
  SendOptions,
} from "../../../../client.ts";
import { DEAD_SUFFIX, isDeadName } from "../../../protocol/messages/stream_options.ts";
import type { MessageLine, StreamLine } from "./import_line.ts";

/** The most messages of a group, and about so many characters: all of them are confirmed before the next. */
const GROUP_COUNT_MAX = 500;
const GROUP_LENGTH_MAX = 4 * 1024 * 1024;

/** The most publishers that are open. */
const PUBLISHERS_MAX = 64;

/** So long a message waits for its confirm, in milliseconds. */
const CONFIRM_MS = 60_000;

/** How messages are imported. */
export interface ImporterOptions {
  readonly connection: Connection;
  readonly cursor: Cursor;
  readonly signal: AbortSignal;
  /** Other names for streams. */
  readonly renames: ReadonlyMap<string, string>;
  /** What makes the dedup ids of messages that have none; without it they get none. */
  readonly dedupSeed: string | undefined;
  /** Whether the stories of dead letters are left out. */
  readonly isStoryless: boolean;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
  readonly note: (line: string) => void;
}

/** What has been imported. */
export interface ImportCounts {
  messages: number;
  /** Those that the broker has had already. */
  duplicates: number;
  /** Those whose time to live was over. */
  expired: number;
  streams: number;
}

/** A message that is being sent. */
interface Sending {
  readonly number: number;
  readonly sent: Promise<{ readonly duplicate: boolean }>;
}

/** A line that was refused, and why. */
export interface RefusedLine {
  readonly number: number;
  readonly error: unknown;
}

/** Publishes messages in groups: of each it is known which are stored before the next one begins. */
export class Importer {
  readonly counts: ImportCounts = { messages: 0, duplicates: 0, expired: 0, streams: 0 };
  readonly #options: ImporterOptions;
  /** By stream; the last used at the end. */
  readonly #publishers = new Map<string, Publisher>();
  /** The group; at most 500 messages. */
  #group: Sending[] = [];
  #length = 0;

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /** Creates a stream if it is not there; one with other options stays as it is, and that is told. */
  async addStream({ stream, options, isPaused }: StreamLine): Promise<void> {
    const { cursor, signal, note } = this.#options;
    const name = this.#rename(stream);
    const { created, differs } = await cursor.createStream(name, options, { signal });
    if (differs.length > 0) {
      note(
        `warning: stream "${name}" is there with other options, which stay: ${differs.join(", ")}`,
      );
    }
    if (!created) return;
    this.counts.streams++;
    if (isPaused) await cursor.pauseStream(name, { signal });
  }

  /** Sends a message; returns whether its group is full. */
  async addMessage(number: number, line: MessageLine, length: number): Promise<boolean> {
    const options = this.#makeOptions(line);
    if (options === undefined) {
      this.counts.expired++;
      return false;
    }
    const publisher = await this.#open(this.#rename(line.stream));
    let sent: Sending["sent"];
    try {
      sent = publisher.sendMessage(line.body as MessageBody, options);
    } catch (error) {
      sent = Promise.reject(error);
    }
    // It is looked at when the group is finished.
    sent.catch(() => {});
    this.#group.push({ number, sent });
    this.#length += length;
    return this.#group.length >= GROUP_COUNT_MAX || this.#length >= GROUP_LENGTH_MAX;
  }

  /** Resolves when it is known what became of all messages so far; to those that were refused. */
  async finish(): Promise<RefusedLine[]> {
    const group = this.#group;
    this.#group = [];
    this.#length = 0;
    const refused: RefusedLine[] = [];
    for (const { number, sent } of group) {
      try {
        const { duplicate } = await sent;
        if (duplicate) this.counts.duplicates++;
        else this.counts.messages++;
      } catch (error) {
        refused.push({ number, error });
      }
    }
    return refused;
  }

  /** What a message is sent with; undefined if it has expired. */
  #makeOptions(line: MessageLine): SendOptions | undefined {
    const { headers, key, priority, deliverAt, expiresAt, deadLetter } = line;
    const { isStoryless } = this.#options;
    // The time to live is counted from the earliest time of delivery.
    const from = Math.max(this.#options.now(), deliverAt ?? 0);
    const ttlMs = expiresAt === undefined ? undefined : expiresAt - from;
    if (ttlMs !== undefined && ttlMs <= 0) return undefined;
    const dedupId = line.dedupId ?? this.#makeDedupId(line);
    return {
      timeoutMs: CONFIRM_MS,
      ...headers && { headers },
      ...key !== undefined && { key },
      ...priority !== undefined && { priority },
      ...deliverAt !== undefined && { deliverAt },
      ...ttlMs !== undefined && { ttlMs },
      ...dedupId !== undefined && { dedupId },
      ...deadLetter && !isStoryless && {
        deadLetter: { ...deadLetter, stream: this.#rename(deadLetter.stream) },
      },
    };
  }

  /** The same message of the same export has the same id, whatever the file is called. */
  #makeDedupId({ stream, id }: MessageLine): string | undefined {
    const { dedupSeed } = this.#options;
    if (dedupSeed === undefined || id === 0) return undefined;
    const hash = createHash("sha256").update(JSON.stringify([dedupSeed, stream, id])).digest("hex");
    return `import-${hash.slice(0, 40)}`;
  }

  async #open(stream: string): Promise<Publisher> {
    const found = this.#publishers.get(stream);
    const publisher = found ?? this.#options.connection.publisher(stream);
    this.#publishers.delete(stream);
    this.#publishers.set(stream, publisher);
    if (this.#publishers.size > PUBLISHERS_MAX) {
      const [oldest] = this.#publishers.keys();
      const closed = this.#publishers.get(oldest!)!;
      this.#publishers.delete(oldest!);
      await closed.close();
    }
    return publisher;
  }

  /** Dead letters go with their stream. */
  #rename(stream: string): string {
    const { renames } = this.#options;
    const name = renames.get(stream);
    if (name !== undefined || !isDeadName(stream)) return name ?? stream;
    const origin = stream.slice(0, -DEAD_SUFFIX.length);
    return `${renames.get(origin) ?? origin}${DEAD_SUFFIX}`;
  }
}

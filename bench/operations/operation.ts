import type {
  BindLike,
  Connection,
  Cursor,
  Follower,
  Message,
  Publisher,
} from "@simplemq/simplemq";
import type { MeteredBroker } from "./metered_broker.ts";

/** The bytes of a message. */
export const BODY: Uint8Array = new Uint8Array(100);

/** How many messages are sent in a call when a stream is filled. */
const FILL_BATCH = 2000;

/** For acknowledgements that are measured. */
export const CONFIRMED: { readonly confirm: true } = { confirm: true };

export const HOUR_MS = 3_600_000;

/** What an operation may use. */
export interface Bench {
  readonly broker: MeteredBroker;
  readonly connection: Connection;
  readonly cursor: Cursor;
  readonly publisher: Publisher;
  /** Another connection, whose end is none of the others'. */
  readonly other: Connection;
  readonly stream: string;
  /** How many messages, or streams, there are. */
  readonly count: number;
  /** Counts from 0 with each call of an operation. */
  readonly turn: number;
}

/** Something that is done to a stream; its time is measured, and that of the broker's turns. */
export interface Operation {
  readonly name: string;
  /** Is not measured. */
  readonly prepare?: (bench: Bench) => Promise<unknown>;
  readonly run: (bench: Bench) => Promise<unknown>;
  /** Whether it is done once, since nothing is left afterwards; its time is in proportion to the number. */
  readonly isOnce?: boolean;
}

/** What grows, and what is done meanwhile. */
export interface Case {
  readonly name: string;
  /** The most that it may have; as many as the bench is told by default. */
  readonly countMax?: number;
  /** Whether what grows is not of one stream: the counts come one after the other. */
  readonly isShared?: boolean;
  /** Makes a stream with so many messages, or whatever grows. */
  readonly open: (bench: Bench) => Promise<void>;
  readonly operations: readonly Operation[];
}

/** Sends messages, some thousand in a call. */
export async function fill(
  { publisher, count }: Pick<Bench, "publisher" | "count">,
  optionsAt: (index: number) => {
    readonly lane?: string;
    readonly key?: string;
    readonly priority?: number;
  } = () => ({}),
): Promise<void> {
  const usesOptions = Object.keys(optionsAt(0));
  for (let sent = 0; sent < count; sent += FILL_BATCH) {
    const bodies = new Array<Uint8Array>(Math.min(FILL_BATCH, count - sent)).fill(BODY);
    const options = Object.fromEntries(usesOptions.map((name) => [
      name,
      (_: unknown, index: number) => (optionsAt(sent + index) as Record<string, unknown>)[name],
    ]));
    publisher.sendMessages(bodies, options);
  }
  await publisher.flush();
}

/** Sends messages that each have options of their own. */
export async function fillEach(
  { publisher, count }: Pick<Bench, "publisher" | "count">,
  send: (publisher: Publisher, index: number) => void,
): Promise<void> {
  for (let index = 0; index < count; index++) {
    send(publisher, index);
    if (index % FILL_BATCH === FILL_BATCH - 1) await publisher.flush();
  }
  await publisher.flush();
}

/** Takes a message and ends it; leaving the loop gives back what was fetched with it. */
export async function takeOne(
  { connection, stream }: Pick<Bench, "connection"> & { readonly stream: BindLike },
  end: (message: Message, follower: Follower) => Promise<unknown>,
  prefetch: number | "auto" = 1,
): Promise<void> {
  await using follower = connection.follower(stream, { prefetch });
  for await (const message of follower.getMessages()) {
    await end(message, follower);
    return;
  }
}

/** Waits until something holds that the broker tells. */
export async function until(holds: () => Promise<boolean>, pauseMs: number = 1): Promise<void> {
  while (!await holds()) await new Promise((resolve) => setTimeout(resolve, pauseMs));
}

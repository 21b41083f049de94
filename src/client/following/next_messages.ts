import type { DeliveredMessage } from "../deliveries/delivered_message.ts";

/** Messages that may go to a handler together, oldest first. */
export interface MessageGroup {
  readonly name: string;
  readonly messages: readonly DeliveredMessage[];
  /** The bytes of all of them. */
  readonly bytes: number;
  /** When its first message was there. */
  readonly since: number;
  /** Whether they make up a batch of their own, and wait for nothing. */
  readonly isSuspect: boolean;
}

type Group = { -readonly [Name in keyof MessageGroup]: MessageGroup[Name] } & {
  messages: DeliveredMessage[];
};

/** How messages are grouped. */
export interface Grouping {
  /** The name of what messages of a group have in common. */
  readonly nameOf: (message: DeliveredMessage) => string;
  readonly now: () => number;
}

const ONE_GROUP: Grouping = { nameOf: () => "", now: () => 0 };

/** Messages that may be handed out, in groups, if somebody wants batches; otherwise one after the other. */
export class NextMessages {
  #grouping = ONE_GROUP;
  readonly #groups = new Map<string, Group>();
  #count = 0;
  #bytes = 0;

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The groups, that with the oldest message first. */
  get groups(): Iterable<MessageGroup> {
    return this.#groups.values();
  }

  /** Groups messages in another way, also those that are there. */
  regroup(grouping: Grouping): void {
    const messages = this.list();
    this.clear();
    this.#grouping = grouping;
    for (const message of messages) this.push(message);
  }

  push(message: DeliveredMessage): void {
    const { suspects } = message;
    const name = suspects ?? this.#grouping.nameOf(message);
    let group = this.#groups.get(name);
    if (group === undefined) {
      const since = this.#grouping.now();
      group = { name, messages: [], bytes: 0, since, isSuspect: suspects !== undefined };
      this.#groups.set(name, group);
    }
    group.messages.push(message);
    this.#count++;
    group.bytes += message.entryBytes;
    this.#bytes += message.entryBytes;
  }

  /** Takes the first message of the oldest group. */
  shift(): DeliveredMessage {
    const { value: group } = this.#groups.values().next() as IteratorYieldResult<Group>;
    const message = group.messages.shift()!;
    group.bytes -= message.entryBytes;
    this.#bytes -= message.entryBytes;
    this.#count--;
    if (group.messages.length === 0) this.#groups.delete(group.name);
    return message;
  }

  /** Takes messages of a group, at least one, as long as they have no more bytes than that. */
  take({ name }: MessageGroup, countMax: number, bytesMax: number): DeliveredMessage[] {
    const group = this.#groups.get(name)!;
    if (group.messages.length <= countMax && group.bytes <= bytesMax) return this.#takeAll(group);
    let bytes = 0;
    let count = 0;
    for (const { entryBytes } of group.messages) {
      if (count === countMax || (count > 0 && bytes + entryBytes > bytesMax)) break;
      bytes += entryBytes;
      count++;
    }
    if (count === group.messages.length) return this.#takeAll(group);
    const taken = group.messages.splice(0, count);
    group.bytes -= bytes;
    this.#count -= count;
    this.#bytes -= bytes;
    return taken;
  }

  #takeAll({ name, messages, bytes }: Group): DeliveredMessage[] {
    this.#groups.delete(name);
    this.#count -= messages.length;
    this.#bytes -= bytes;
    return messages;
  }

  /** Takes all messages of a group, if there is one of that name. */
  takeRest(name: string): DeliveredMessage[] {
    const group = this.#groups.get(name);
    return group === undefined ? [] : this.take(group, Infinity, Infinity);
  }

  /** Removes messages; returns them. */
  remove(isMeant: (message: DeliveredMessage) => boolean): DeliveredMessage[] {
    const all = this.list();
    const removed = all.filter(isMeant);
    if (removed.length === 0) return removed;
    const since = new Map([...this.#groups].map(([name, group]) => [name, group.since]));
    this.clear();
    for (const message of all) if (!isMeant(message)) this.push(message);
    for (const [name, group] of this.#groups) group.since = since.get(name) ?? group.since;
    return removed;
  }

  list(): DeliveredMessage[] {
    return [...this.#groups.values()].flatMap(({ messages }) => messages);
  }

  clear(): void {
    this.#groups.clear();
    this.#count = this.#bytes = 0;
  }
}

import type { TagRange } from "../../../protocol.ts";
import type { DeliveredMessage } from "../deliveries/delivered_message.ts";
import type { HeldMessages } from "../deliveries/held_messages.ts";
import type { FetchedMessages } from "./fetched_messages.ts";
import { type Grouping, type MessageGroup, NextMessages } from "./next_messages.ts";

/** A key of a stream, as long as there is something to know of it. */
class KeyState {
  /** How many of its messages handlers have. */
  inHandCount = 0;
  /** How many of its messages are about to be handed out. */
  nextCount = 0;
  /** The batch that these are, if they failed in one. */
  nextSuspects: string | undefined = undefined;
  /** The number of the fence that it waits for; 0 for none. */
  fence = 0;
  readonly waiting: DeliveredMessage[] = [];

  get isBusy(): boolean {
    return this.nextCount > 0 || this.isHeldUp;
  }

  /** Whether not even a batch of its messages may be handed out. */
  get isHeldUp(): boolean {
    return this.inHandCount > 0 || this.fence > 0 || this.waiting.length > 0;
  }
}

export interface KeyOrderOptions {
  readonly fetched: FetchedMessages;
  readonly held: HeldMessages;
  /** Resolves when the broker has done all that was written before; undefined if the link is lost. */
  readonly passFence: () => Promise<unknown>;
  /** Hears that there may be a message for a loop that waits. */
  readonly wake: () => void;
}

/**
 * Hands out fetched messages so that handlers have one message of a key at a time, in order. For that, the broker
 * delivers several of them at once.
 *
 * When a message goes back, the broker takes back what it has delivered of its key behind it, and says so. Until
 * it has, nothing of that key is handed out: it may be on its way. The answer to a question that is asked behind
 * the message, a *fence*, tells when that is over.
 *
 * A loop that takes one message after the other has none in hand when it asks for the next one: then no key is
 * looked at.
 */
export class KeyOrder {
  readonly #options: KeyOrderOptions;
  /** Whether the broker delivers more than one message of a key. */
  #isActive = false;
  /** Whether the keys in hand are known. */
  #isTracking = false;
  readonly #keys = new Map<string, KeyState>();
  /** The key that was looked up last: messages of a batch often have the same one. */
  #lastKey: string | undefined = undefined;
  #lastState: KeyState | undefined = undefined;
  /** Messages that may be handed out, before those that are fetched. */
  readonly next: NextMessages = new NextMessages();
  /** Whether several messages of a key may be handed out together. */
  #lendsKeys = false;
  #waitingCount = 0;
  /** The number of the last fence that was asked for, of the last one that is passed, and what is waited for. */
  #fence = 0;
  #passed = 0;
  #isFenceDue = false;
  /** The fence that all keys wait for; 0 for none. */
  #commonFence = 0;

  constructor(options: KeyOrderOptions) {
    this.#options = options;
    options.held.removed = (message) => this.#free(message);
  }

  /** How many messages were fetched and not handed out. */
  get count(): number {
    return this.#options.fetched.count + this.next.count + this.#waitingCount;
  }

  /** Begins on a new link. */
  restart(isActive: boolean): void {
    this.#isActive = isActive;
    this.#isTracking = false;
    this.#keys.clear();
    this.#lastKey = undefined;
    this.next.clear();
    this.#waitingCount = 0;
    this.#passed = this.#fence;
    this.#commonFence = 0;
    this.#options.fetched.restart();
  }

  /** Whether something waits until the broker has taken back what handlers have given back. */
  get isHolding(): boolean {
    return this.#passed < this.#fence;
  }

  /** Whether a message may be handed out now. */
  hasNext(): boolean {
    if (this.next.count > 0) return true;
    const { fetched, held } = this.#options;
    if (fetched.count === 0) return false;
    if (!this.#isActive) return true;
    if (held.count === 0 && this.#keys.size === 0 && this.#commonFence === 0) {
      this.#isTracking = false;
      return true;
    }
    this.#track();
    while (fetched.count > 0) {
      // What has no key need not be looked at more closely.
      if (!fetched.nextHasKey || this.#sort(fetched.take())) return true;
    }
    return false;
  }

  /**
   * Takes the next message; {@linkcode KeyOrder.hasNext} has found one.
   *
   * @param isHeld Whether a handler has to end it.
   */
  take(isHeld: boolean): DeliveredMessage {
    if (this.next.count === 0) return this.#options.fetched.take();
    const message = this.next.shift();
    this.#noteTaken([message], isHeld);
    return message;
  }

  /**
   * Prepares for batches: messages are grouped from now on.
   *
   * @param lendsKeys Whether a batch may have several messages of a key; groups are keys then.
   */
  group(grouping: Grouping, lendsKeys: boolean): void {
    this.#lendsKeys = lendsKeys;
    this.next.regroup(grouping);
  }

  /** Looks at all messages that are fetched: which ones may be handed out, and with which others. */
  readAhead(): void {
    const { fetched } = this.#options;
    if (fetched.count === 0) return;
    if (this.#isActive) this.#track();
    while (fetched.count > 0) {
      const message = fetched.take();
      if (this.#isActive) this.#sort(message);
      else this.next.push(message);
    }
  }

  /** Takes messages of a group, for a handler that has to end them. */
  takeGroup(group: MessageGroup, countMax: number, bytesMax: number): DeliveredMessage[] {
    const messages = this.next.take(group, countMax, bytesMax);
    this.#noteTaken(messages, true);
    return messages;
  }

  /** A handler gives a message back: nothing of its key is handed out before the broker has it. */
  hold(message: DeliveredMessage): void {
    if (!this.#isActive) return;
    const { orderKey } = message;
    if (orderKey === undefined) return;
    this.#track();
    this.#stateOf(orderKey).fence = this.#requireFence();
  }

  /** Whether the broker may not have messages yet that no handler has had, and that go back. */
  get isReturning(): boolean {
    return this.#commonFence > 0;
  }

  /** Messages go back that no handler has had: the same holds for all keys. */
  holdAll(): void {
    if (this.#isActive) this.#commonFence = this.#requireFence();
  }

  /** Removes messages that the broker has taken back; returns the tags of those that were handed out. */
  drop(range: TagRange): number[] {
    const others = this.#options.fetched.drop(range);
    if (this.next.count + this.#waitingCount === 0) return others;
    const dropped = new Set(others);
    const isLeft = ({ tag }: DeliveredMessage) => !dropped.has(tag);
    const gone = this.#listKept().filter((message) => !isLeft(message));
    if (gone.length === 0) return others;
    this.#removeKept(isLeft);
    for (const { tag } of gone) dropped.delete(tag);
    return [...dropped];
  }

  /** Removes all; returns the tags. */
  takeAll(): TagRange[] {
    const kept = this.#listKept();
    this.#removeKept(() => false);
    const ranges: { firstTag: number; count: number }[] = [];
    for (const tag of kept.map(({ tag }) => tag).sort((one, other) => one - other)) {
      const last = ranges.at(-1);
      if (last !== undefined && last.firstTag + last.count === tag) last.count++;
      else ranges.push({ firstTag: tag, count: 1 });
    }
    return [...ranges, ...this.#options.fetched.takeAll()];
  }

  #listKept(): DeliveredMessage[] {
    return [...this.next.list(), ...[...this.#keys.values()].flatMap(({ waiting }) => waiting)];
  }

  #removeKept(isLeft: (message: DeliveredMessage) => boolean): void {
    for (const { orderKey } of this.next.remove((message) => !isLeft(message))) {
      const state = this.#find(orderKey);
      if (state !== undefined) state.nextCount--;
    }
    for (const [key, state] of this.#keys) {
      const { waiting } = state;
      const left = waiting.filter(isLeft);
      this.#waitingCount -= waiting.length - left.length;
      waiting.splice(0, waiting.length, ...left);
      this.#goOn(key, state);
    }
  }

  /** Learns the keys of the messages that handlers have. */
  #track(): void {
    if (this.#isTracking) return;
    this.#isTracking = true;
    for (const { orderKey } of this.#options.held.list()) {
      if (orderKey !== undefined) this.#stateOf(orderKey).inHandCount++;
    }
  }

  /** Puts a message where it belongs; returns whether it may be handed out. */
  #sort(message: DeliveredMessage): boolean {
    const { orderKey } = message;
    if (orderKey !== undefined) {
      const state = this.#stateOf(orderKey);
      if (this.#isBusy(state, message) || this.#commonFence > 0) {
        state.waiting.push(message);
        this.#waitingCount++;
        return false;
      }
      state.nextCount++;
      state.nextSuspects = message.suspects;
    }
    this.next.push(message);
    return true;
  }

  /** Whether a message has to wait for others of its key; those of a batch go together. */
  #isBusy(state: KeyState, { suspects }: DeliveredMessage): boolean {
    if (!this.#lendsKeys || state.isHeldUp) return state.isBusy;
    return state.nextCount > 0 && state.nextSuspects !== suspects;
  }

  #noteTaken(messages: readonly DeliveredMessage[], isHeld: boolean): void {
    for (const message of messages) {
      const { orderKey } = message;
      const state = this.#find(orderKey);
      if (orderKey === undefined || state === undefined) continue;
      state.nextCount--;
      if (isHeld) state.inHandCount++;
      else this.#goOn(orderKey, state);
    }
    if (!this.#lendsKeys) return;
    // What has not failed in a batch has one key.
    const some = messages[0]?.suspects === undefined ? messages.slice(0, 1) : messages;
    for (const message of some) this.#keepRest(message);
  }

  /** A batch has not taken all messages of its key: the others wait for it. */
  #keepRest({ orderKey, suspects }: DeliveredMessage): void {
    const state = this.#find(orderKey);
    if (state === undefined || state.nextCount === 0 || state.inHandCount === 0) return;
    const rest = suspects === undefined
      ? this.next.takeRest(orderKey!)
      : this.next.remove((message) => message.orderKey === orderKey);
    state.nextCount -= rest.length;
    state.waiting.unshift(...rest);
    this.#waitingCount += rest.length;
  }

  /** A handler has ended a message. */
  #free(message: DeliveredMessage): void {
    if (!this.#isTracking) return;
    const { orderKey } = message;
    const state = this.#find(orderKey);
    if (orderKey === undefined || state === undefined) return;
    state.inHandCount--;
    this.#goOn(orderKey, state);
  }

  /** Has the next message of a key handed out, if it may be; forgets the key if there is none. */
  #goOn(key: string, state: KeyState): void {
    if (state.inHandCount > 0 || state.nextCount > 0 || state.fence > 0) return;
    if (state.waiting.length === 0) return this.#forget(key);
    if (this.#commonFence > 0) return;
    const { suspects } = state.waiting[0]!;
    const end = state.waiting.findIndex((message) => message.suspects !== suspects);
    const together = end < 0 ? state.waiting.length : end;
    const free = state.waiting.splice(0, this.#lendsKeys ? together : 1);
    state.nextSuspects = suspects;
    for (const message of free) this.next.push(message);
    this.#waitingCount -= free.length;
    state.nextCount = free.length;
    this.#options.wake();
  }

  #find(key: string | undefined): KeyState | undefined {
    if (key === undefined) return undefined;
    if (key !== this.#lastKey) {
      this.#lastState = this.#keys.get(key);
      this.#lastKey = key;
    }
    return this.#lastState;
  }

  #forget(key: string): void {
    this.#keys.delete(key);
    if (key === this.#lastKey) this.#lastKey = undefined;
  }

  #stateOf(key: string): KeyState {
    let state = this.#keys.get(key);
    if (state === undefined) {
      this.#keys.set(key, state = new KeyState());
      this.#lastKey = undefined;
    }
    return state;
  }

  /** The number of a fence that is passed later than now. */
  #requireFence(): number {
    if (this.#isFenceDue) return this.#fence;
    this.#isFenceDue = true;
    const fence = ++this.#fence;
    // Behind what is about to be written in this turn.
    queueMicrotask(() => {
      this.#isFenceDue = false;
      const pass = () => this.#pass(fence);
      if (fence > this.#passed) this.#options.passFence().then(pass, pass);
    });
    return fence;
  }

  #pass(fence: number): void {
    if (fence <= this.#passed) return;
    this.#passed = fence;
    if (this.#commonFence <= fence) {
      this.#commonFence = 0;
      this.#options.wake();
    }
    for (const [key, state] of this.#keys) {
      if (state.fence <= fence) state.fence = 0;
      this.#goOn(key, state);
    }
  }
}

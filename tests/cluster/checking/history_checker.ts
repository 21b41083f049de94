/**
 * Checks a history of a cluster against what it promises. Each event is looked at once, when it comes, and
 * each message once more in the end, which is after a full drain.
 *
 * @module
 */

import { type ClusterCounts, ClusterFindings, type ClusterVerdict } from "./cluster_verdict.ts";
import type {
  ClusterEvent,
  Confirmed,
  Delivered,
  Handled,
  Label,
  NotConfirmed,
  Reign,
  Sent,
  StoredIn,
} from "./history.ts";
import { type Holding, Holds } from "./holds.ts";
import { Reigns } from "./reigns.ts";

/** What is known of the messages of one call. */
interface Call {
  readonly number: number;
  readonly first: Label;
  /** How often they must be stored, over all streams, or not at all. */
  expected: number;
  found: number;
}

/** What is known of a message from its publisher. */
interface SentMessage {
  readonly label: Label;
  readonly hash: number;
  readonly targets: readonly string[];
  /** Its id in each of the targets; 0 as long as it is not known. */
  readonly ids: number[];
  readonly call: Call;
  outcome: "open" | "confirmed" | "refused";
}

/** What is known of a message in a stream. */
interface StoredMessage {
  readonly message: SentMessage;
  deliveryCount: number;
  holding: Holding | undefined;
  /** What is known of the last acknowledgement that may have counted, and in which reign it was sent. */
  ack: "none" | "sent" | "confirmed";
  ackReign: Reign;
}

/** What is known of a key. */
interface KeyState {
  holding: Holding | undefined;
  /** The last id that was delivered for the first time. */
  lastFirst: number;
}

/** What is known of a stream. */
interface StreamState {
  readonly messages: Map<number, StoredMessage>;
  readonly keys: Map<string, KeyState>;
}

/** Messages of a delivery that is not done. */
interface OpenDelivery {
  readonly holding: Holding;
  readonly stored: StoredMessage;
  readonly place: string;
}

/** A client notices the end of a session so long after its broker, if nothing else is said. */
const GRACE_MS = 3000;

/** Looks at events as they come. */
export class HistoryChecker {
  readonly #findings = new ClusterFindings();
  readonly #reigns = new Reigns();
  readonly #holds: Holds;
  readonly #sent = new Map<string, Map<number, SentMessage>>();
  readonly #lastCalls = new Map<string, Call>();
  readonly #streams = new Map<string, StreamState>();
  readonly #deliveries = new Map<number, OpenDelivery>();
  readonly #counts: ClusterCounts = {
    faults: 0,
    reigns: 0,
    sessions: 0,
    sent: 0,
    confirmed: 0,
    refused: 0,
    unknown: 0,
    delivered: 0,
    repeated: 0,
    acked: 0,
    ackConfirmed: 0,
    acrossReigns: 0,
    takenOver: 0,
  };

  /** @param graceMs So long after its broker a client may notice that its session is over. */
  constructor(graceMs: number = GRACE_MS) {
    this.#holds = new Holds(graceMs);
  }

  /** How many faults there were, messages, confirms, deliveries so far. */
  get counts(): Readonly<ClusterCounts> {
    return this.#counts;
  }

  /** Looks at the next event. */
  note(event: ClusterEvent, at: number): void {
    switch (event.type) {
      case "sent":
        return this.#noteSent(event);
      case "confirmed":
        return this.#noteConfirmed(event);
      case "refused":
      case "unknown":
        return this.#noteNotConfirmed(event);
      case "delivered":
        return this.#noteDelivered(event, at);
      case "acked":
      case "returned":
        return this.#noteHandled(event);
      case "ackConfirmed":
      case "ackUnknown":
        return this.#noteAckOutcome(event);
      case "opened":
        return this.#reigns.open(event.session, event.reign, at);
      case "lost":
        return this.#reigns.lose(event.session, at);
      case "reignBegan":
        return this.#reigns.begin(event.reign, event.epoch);
      case "reignEnded":
        return this.#reigns.end(event.reign, at);
      case "silenced":
        return this.#reigns.silence(event.reign, at);
      case "cameLate":
        return this.#findings.add("cameLate", `${event.what} of ${event.reign}`);
      case "fault":
        this.#counts.faults++;
        return;
    }
  }

  /**
   * Everything is drained: checks all messages once more, and forgets them. Whatever is seen of them again is
   * not known then.
   */
  endChapter(): void {
    for (const messages of this.#sent.values()) {
      const lastIds = new Map<string, number>();
      for (const message of messages.values()) {
        this.#checkInTheEnd(message);
        this.#checkOrder(message, lastIds);
      }
    }
    this.#counts.takenOver += this.#holds.judge(this.#findings, this.#reigns);
    for (const known of [this.#sent, this.#lastCalls, this.#streams, this.#deliveries]) {
      known.clear();
    }
  }

  /** What it comes to so far. */
  judge(): ClusterVerdict {
    const { count: reigns, sessionCount: sessions } = this.#reigns;
    return this.#findings.judge({ ...this.#counts, reigns, sessions });
  }

  /** Tells what it all comes to, if this was everything. */
  finish(): ClusterVerdict {
    this.endChapter();
    return this.judge();
  }

  // Publishing.

  #noteSent({ publisher, number, hash, targets, call: callNumber }: Sent): void {
    this.#counts.sent++;
    const label = { publisher, number };
    let call = this.#lastCalls.get(publisher);
    if (call?.number !== callNumber) {
      call = { number: callNumber, first: label, expected: 0, found: 0 };
      this.#lastCalls.set(publisher, call);
    }
    call.expected += targets.length;
    const ids = targets.map(() => 0);
    getOrAdd(this.#sent, publisher, () => new Map<number, SentMessage>())
      .set(number, { label, hash, targets, ids, call, outcome: "open" });
  }

  #noteConfirmed(event: Confirmed): void {
    const message = this.#find(event);
    if (message === undefined) {
      return this.#findings.add("unknownMessage", `${show(event)} confirmed`);
    }
    this.#counts.confirmed++;
    message.outcome = "confirmed";
    for (const place of event.storedIn) this.#store(message, place);
  }

  #noteNotConfirmed(event: NotConfirmed): void {
    this.#counts[event.type]++;
    const message = this.#find(event);
    if (message !== undefined && event.type === "refused") message.outcome = "refused";
  }

  // Following.

  #noteDelivered(event: Delivered, at: number): void {
    this.#counts.delivered++;
    const message = event.label && this.#find(event.label);
    if (message === undefined) return this.#findings.add("unknownMessage", showPlace(event));
    if (message.hash !== event.hash || !message.targets.includes(event.stream)) {
      const what = `${showPlace(event)}: not as ${show(message.label)} was sent`;
      return this.#findings.add("unknownMessage", what);
    }
    const stored = this.#store(message, event);
    if (stored === undefined) return;
    const { delivery, follower } = event;
    const session = this.#reigns.session(event.session);
    const holding: Holding = { delivery, follower, session, at, isOver: false };
    if (this.#reigns.isPast(session.reign)) this.#counts.acrossReigns++;
    const what = () => `${showPlace(event)}, ${show(message.label)},`;
    this.#holds.compare("heldTwice", stored.holding, holding, what);
    this.#checkKey(event, holding, stored.deliveryCount === 0);
    if (stored.deliveryCount++ > 0) this.#checkRepetition(stored, holding, what);
    stored.holding = holding;
    this.#deliveries.set(delivery, { holding, stored, place: showPlace(event) });
  }

  /** The messages of a key go out one at a time, and in order for the first time. */
  #checkKey({ stream, key, id }: Delivered, holding: Holding, isFirst: boolean): void {
    if (key === undefined) return;
    const { keys } = this.#stream(stream);
    const state: KeyState = getOrAdd(keys, key, () => ({ holding: undefined, lastFirst: 0 }));
    const what = () => `${stream} ${id}, key ${key},`;
    this.#holds.compare("keyHeldTwice", state.holding, holding, what);
    state.holding = holding;
    if (!isFirst) return;
    if (id < state.lastFirst) {
      this.#findings.add("keyReordered", `${what()} after ${state.lastFirst}`);
    }
    state.lastFirst = Math.max(id, state.lastFirst);
  }

  #checkRepetition(
    stored: StoredMessage,
    { session, follower }: Holding,
    what: () => string,
  ): void {
    this.#counts.repeated++;
    // What a broker of the past delivers says nothing of what another one knows.
    if (stored.ack === "none" || this.#reigns.isBefore(session.reign, stored.ackReign)) return;
    if (stored.ack === "confirmed") {
      this.#findings.add("redelivered", `${what()} to ${follower} in ${session.reign}`);
    }
    stored.ack = "none";
  }

  #noteHandled({ type, delivery }: Handled): void {
    const found = this.#deliveries.get(delivery);
    if (found === undefined) return;
    const { holding, stored } = found;
    holding.isOver = true;
    if (type === "returned") return void this.#deliveries.delete(delivery);
    this.#counts.acked++;
    // To a broker that is gone, or over a session that is, it says nothing.
    if (!this.#reigns.isAlive(holding.session) || stored.ack === "confirmed") return;
    stored.ack = "sent";
    stored.ackReign = holding.session.reign;
  }

  #noteAckOutcome({ type, delivery }: Handled): void {
    const found = this.#deliveries.get(delivery);
    this.#deliveries.delete(delivery);
    if (found === undefined || type === "ackUnknown") return;
    this.#counts.ackConfirmed++;
    const { stored, place, holding: { delivery: mine, session, follower } } = found;
    const last = stored.holding!;
    // The broker cannot have had it when it gave the message to somebody else.
    if (last.delivery !== mine && !this.#reigns.isBefore(last.session.reign, session.reign)) {
      const what = `${place} to ${last.follower} in ${last.session.reign} while ${follower} had it`;
      this.#findings.add("redelivered", what);
    }
    stored.ack = "confirmed";
    stored.ackReign = session.reign;
  }

  // What is known.

  #find({ publisher, number }: Label): SentMessage | undefined {
    return this.#sent.get(publisher)?.get(number);
  }

  #stream(name: string): StreamState {
    return getOrAdd(this.#streams, name, () => ({ messages: new Map(), keys: new Map() }));
  }

  /** An id belongs to one message, and a message has one id in each stream. */
  #store(message: SentMessage, place: StoredIn): StoredMessage | undefined {
    const { messages } = this.#stream(place.stream);
    let stored = messages.get(place.id);
    const isNew = stored === undefined;
    if (stored === undefined) {
      stored = { message, deliveryCount: 0, holding: undefined, ack: "none", ackReign: "" };
      messages.set(place.id, stored);
    }
    if (stored.message !== message) {
      const what = `${showPlace(place)}: ${show(stored.message.label)}, ${show(message.label)}`;
      this.#findings.add("reusedIds", what);
      return undefined;
    }
    const index = message.targets.indexOf(place.stream);
    const known = message.ids[index];
    if (known === 0) {
      message.ids[index] = place.id;
      message.call.found++;
    } else if (known !== place.id && isNew) {
      const what = `${show(message.label)}: ${showPlace(place)}, before ${known}`;
      this.#findings.add("storedTwice", what);
    }
    return stored;
  }

  #checkInTheEnd(message: SentMessage): void {
    const findings = this.#findings;
    const { label, targets, ids, call, outcome } = message;
    targets.forEach((stream, index) => {
      const id = ids[index]!;
      const stored = this.#streams.get(stream)?.messages.get(id);
      const { deliveryCount = 0, ack = "none" } = stored ?? {};
      const what = `${show(label)} in ${stream} with id ${id}: ${deliveryCount} deliveries`;
      if (outcome === "confirmed" && ack === "none") findings.add("lost", what);
      if (outcome === "refused" && deliveryCount > 0) findings.add("refusedStored", what);
    });
    const isTorn = call.found > 0 && call.found < call.expected;
    if (isTorn && call.first === label) {
      findings.add("torn", `the call of ${show(label)}: ${call.found} of ${call.expected}`);
    }
  }

  /** Messages of a publisher are stored in the order in which they were sent. */
  #checkOrder({ label, targets, ids }: SentMessage, lastIds: Map<string, number>): void {
    targets.forEach((stream, index) => {
      const id = ids[index]!;
      if (id === 0) return;
      const last = lastIds.get(stream) ?? 0;
      lastIds.set(stream, Math.max(id, last));
      if (id > last) return;
      this.#findings.add("reordered", `${show(label)} in ${stream} with id ${id} after ${last}`);
    });
  }
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}

function show({ publisher, number }: Label): string {
  return `${publisher} ${number}`;
}

function showPlace({ stream, id }: StoredIn): string {
  return `${stream} ${id}`;
}

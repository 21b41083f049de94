/**
 * What clients were told who use lanes, keys, breakers and coalesce ids, cancel messages and put them off; and what must
 * hold of it, whatever becomes of brokers.
 *
 * @module
 */

import { DELIVERIES_MAX } from "../../../../src/protocol/messages/stream_options.ts";
import { BreakerWatch } from "./breaker_watch.ts";
import { findQuietEnd, isReplacedBy } from "./coalesce_rule.ts";
import { KeyOrder } from "./key_order.ts";
import { LaneBook } from "./lane_book.ts";
import { LifeWatch } from "./life_watch.ts";
import { RateWatch } from "./rate_watch.ts";
import { WorkCopy, type WorkInit } from "./work_copy.ts";
import type { WorkLife, WorkParts } from "../work_parts.ts";
import type { WorkStream } from "../work_streams.ts";

/** A message as a broker hands it out, or tells of it. */
export interface SeenMessage {
  readonly stream: string;
  readonly id: number;
  readonly label: string;
  readonly lane: string | undefined;
  readonly key: string | undefined;
  /** How often it was delivered, this time included if it is. */
  readonly attempts: number;
}

/** Where a message was stored, as its publisher is told. */
export interface ToldPlace {
  readonly stream: string;
  readonly id: number;
  readonly replaced: number | undefined;
  readonly isKept: boolean;
}

/** All messages of a world, and what is wrong with them. */
export class WorkLedger {
  /** What is wrong, in words. */
  readonly violations: string[];
  readonly lanes: LaneBook = new LaneBook();
  readonly rates: RateWatch;
  readonly breakers: BreakerWatch;
  readonly order: KeyOrder = new KeyOrder((what) => this.report(what));
  readonly #hasTrueClocks: boolean;
  /** By stream and label, and by stream and id. */
  readonly #copies = new Map<string, WorkCopy>();
  readonly #owners = new Map<string, WorkCopy>();
  /** By stream and id: what has come in the place of what. */
  readonly #replaced = new Map<string, { readonly by: string; readonly at: number }>();
  #watch: LifeWatch | undefined;
  #life: WorkLife | undefined;

  constructor(hasTrueClocks: boolean, violations: string[] = []) {
    this.violations = violations;
    this.#hasTrueClocks = hasTrueClocks;
    this.rates = new RateWatch(hasTrueClocks);
    this.breakers = new BreakerWatch(hasTrueClocks);
  }

  get copies(): Iterable<WorkCopy> {
    return this.#copies.values();
  }

  report(what: string): void {
    this.violations.push(what);
  }

  find(stream: string, label: string): WorkCopy | undefined {
    return this.#copies.get(`${stream} ${label}`);
  }

  /** Somebody publishes a message to a stream. */
  send(init: WorkInit, stream: WorkStream, now: number): WorkCopy {
    const copy = new WorkCopy(init, stream, now);
    this.#copies.set(`${stream.name} ${init.label}`, copy);
    return copy;
  }

  /** A broker says that a message is stored, or let go. */
  confirm(copy: WorkCopy, told: ToldPlace, now: number): void {
    const { stream: { name }, label, outcome } = copy;
    if (outcome === "refused") this.report(`${label} is confirmed after it was refused`);
    if (told.isKept) {
      if (outcome === "stored" || copy.id !== undefined) {
        this.report(`${copy} is stored, and let go`);
      }
      const other = this.#owners.get(`${name}:${told.id}`);
      if (other !== undefined && other.goneAt < copy.sentAt) {
        this.report(`${label} is let go for ${other}, which is gone: ${other.goneFor}`);
      }
      copy.outcome = "kept";
      return;
    }
    if (outcome === "kept") this.report(`${label} is let go, and stored`);
    copy.outcome = "stored";
    copy.isTold = true;
    this.#identify(copy, told.id);
    if (told.replaced === undefined) return;
    const place = `${name}:${told.replaced}`;
    copy.replaced = told.replaced;
    this.#replaced.set(place, { by: label, at: now });
    this.#owners.get(place)?.end(`replaced by ${label}`, now);
  }

  refuse(copy: WorkCopy, code: string): void {
    if (code !== "DISK_FULL") this.report(`${copy} is refused with ${code}`);
    if (copy.outcome !== "sent") this.report(`${copy}, ${copy.outcome}, is refused`);
    copy.outcome = "refused";
  }

  /** What followers hold by a process; another one than before has taken over. */
  watch(parts: WorkParts, life: WorkLife): LifeWatch {
    if (this.#life === life) return this.#watch!;
    if (!life.leads) return new LifeWatch(parts, life);
    this.endLife();
    this.#life = life;
    this.#watch = new LifeWatch(parts, life);
    this.breakers.look(parts, life);
    return this.#watch;
  }

  /** A process is gone, or somebody else has taken over: what handlers had is an attempt. */
  endLife(): void {
    const life = this.#life;
    if (life === undefined) return;
    const seen = new Set<object>();
    for (const { by, copy, isBegun } of this.#watch!.holdings) {
      // The oldest one of each follower may be in a handler.
      if (!isBegun && !seen.has(by)) copy.paid++;
      seen.add(by);
    }
    for (const copy of this.#copies.values()) {
      if (copy.begunIn.delete(life)) copy.paid++;
    }
    this.#life = undefined;
    this.#watch = undefined;
  }

  /** A broker hands a message out; returns what is known of it. */
  deliver(life: WorkLife, seen: SeenMessage, now: number): WorkCopy | undefined {
    const copy = this.see(seen);
    if (copy === undefined) return undefined;
    const about = `${life.name}: ${copy} is delivered`;
    if (copy.endedIn.has(life)) this.report(`${about} again by whom it was ended`);
    const until = copy.heldBack?.life === life ? copy.heldBack.until : 0;
    const quietEnd = findQuietEnd(copy, this.#copies.values());
    const notBefore = Math.max(copy.notBefore, quietEnd, until);
    if (this.#hasTrueClocks && now < notBefore - 1) {
      this.report(`${about} at ${now}, and not before ${notBefore}`);
    }
    if (seen.attempts > copy.paid + 1) {
      this.report(`${about} the ${seen.attempts}th time, and has paid for ${copy.paid}`);
    }
    this.order.deliver(copy, life);
    copy.wasDelivered = true;
    // What others have begun to do has come to nothing.
    for (const other of copy.ends.keys()) if (other !== life) copy.ends.delete(other);
    if (copy.ends.size === 0 && copy.deadWish === "asked") copy.deadWish = "none";
    return copy;
  }

  /** Somebody sees a message in its stream. */
  see({ stream, id, label, lane, key }: SeenMessage): WorkCopy | undefined {
    const copy = this.find(stream, label);
    if (copy === undefined) {
      this.report(`${stream}:${id} is ${label}, which nobody has sent there`);
      return undefined;
    }
    const { outcome, goneFor } = copy;
    if (outcome === "refused" || outcome === "kept") {
      this.report(`${copy} is there, and ${outcome}`);
    }
    copy.outcome = "stored";
    this.#identify(copy, id);
    if (goneFor !== undefined) this.report(`${copy} is there, and gone: ${goneFor}`);
    if (lane !== copy.lane || key !== copy.key) {
      this.report(`${copy} has lane ${lane} and key ${key}, not ${copy.lane} and ${copy.key}`);
    }
    return copy;
  }

  #identify(copy: WorkCopy, id: number): void {
    const place = `${copy.stream.name}:${id}`;
    const owner = this.#owners.get(place);
    if (copy.id === id && owner === copy) return;
    if (copy.id !== undefined) this.report(`${copy} is ${place}, too`);
    if (owner !== undefined) this.report(`${owner} and ${copy} have one id: ${place}`);
    copy.id = id;
    this.#owners.set(place, copy);
    const replaced = this.#replaced.get(place);
    if (replaced !== undefined) copy.end(`replaced by ${replaced.by}`, replaced.at);
    this.order.add(copy);
  }

  /** All that there is, while no follower holds anything: each in one place, and nothing is lost. */
  compare(found: readonly SeenMessage[], dead: readonly SeenMessage[], now: number): void {
    const places = new Map<WorkCopy, string>();
    const waiting = new Map<string, WorkCopy>();
    for (const seen of found) {
      const known = this.find(seen.stream, seen.label);
      if (seen.attempts === DELIVERIES_MAX && known?.mayBeDead === true) {
        // It is given up, and waits for room among the dead letters.
        places.set(known, "dead");
        continue;
      }
      const copy = this.see(seen);
      if (copy === undefined) continue;
      if (places.has(copy)) this.report(`${copy} is there twice`);
      places.set(copy, seen.stream);
      if (seen.attempts > copy.paid) {
        this.report(`${copy} has had ${seen.attempts} attempts, and has paid for ${copy.paid}`);
      }
      if (copy.coalesce === undefined) continue;
      const group = `${seen.stream} ${copy.coalesce.id}`;
      const other = waiting.get(group);
      if (other !== undefined) {
        this.report(`${other} and ${copy} of coalesce id ${group} both wait`);
      }
      waiting.set(group, copy);
    }
    for (const { stream, label } of dead) {
      const copy = this.find(stream, label);
      if (copy === undefined) {
        this.report(`${label} is a dead letter of ${stream}, and was not sent`);
      } else if (places.has(copy)) {
        this.report(`${copy} is a dead letter, and in its stream or twice`);
      } else if (!copy.mayBeDead) this.report(`${copy} is a dead letter: why?`);
      else if (copy.outcome === "refused") this.report(`${copy} is a dead letter, and was refused`);
      if (copy !== undefined) places.set(copy, "dead");
    }
    for (const copy of this.#copies.values()) this.#settle(copy, places.get(copy), now);
  }

  /** Nothing is under way: what is not there does not come back. */
  #settle(copy: WorkCopy, place: string | undefined, now: number): void {
    if (copy.outcome === "sent" && place === undefined) return;
    if (place === "dead") {
      copy.ends.clear();
      return copy.end("a dead letter", now);
    }
    if (copy.deadWish === "confirmed" && copy.ends.size === 0) {
      this.report(`${copy} is no dead letter, but ${place ?? "nowhere"}`);
    }
    if (place !== undefined) {
      copy.ends.clear();
      copy.deadWish = "none";
      return;
    }
    const isReplaced = isReplacedBy(copy, this.#copies.values());
    if (copy.mustBeThere && !isReplaced) this.report(`${copy} is lost`);
    if (copy.goneFor === undefined && copy.mayBeDead && copy.ends.size === 0 && !isReplaced) {
      this.report(`${copy} is neither in its stream nor a dead letter`);
    }
    if (copy.outcome === "stored") copy.end("not there when everything was looked at", now);
  }
}

import type { User } from "../../../access/user.ts";
import { HttpProblem } from "../../http_problem.ts";

/** How many tabs are open at a time, and how many of one user. */
const TABS_MAX = 200;
const USER_TABS_MAX = 32;

/** How much waits for a tab at most, in bytes. */
const WAITING_BYTES_MAX = 64 * 1024;

/** How long a tab may read nothing before it is dropped, in milliseconds. */
const SLOW_MS = 10_000;

/** What the browser does when a tab has lost its feed: it comes back after so many milliseconds. */
const RETRY_MS = 2000;

/** Who opens a tab. */
export interface TabOwner {
  readonly user: User;
  /** Aborted when the tab is closed, or its user may not read any more. */
  readonly signal: AbortSignal;
  /** Tells of the end of the session, and of changed permissions; returns a function that ends this. */
  watch?(watcher: { ended(reason: string): void; changed(): void }): () => void;
}

/** What a tab is told each second. */
export type TellTab = (user: User) => Promise<unknown>;

/** One open tab. */
class Tab {
  readonly user: User;
  /** The permissions that it knows. */
  permissions: User["permissions"];
  readonly body: ReadableStream<Uint8Array>;
  readonly #onEnd: (tab: Tab) => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Since when it has read nothing. */
  #slowSince: number | undefined;
  #unwatch: (() => void) | undefined;

  constructor(owner: TabOwner, onEnd: (tab: Tab) => void) {
    this.user = owner.user;
    this.permissions = owner.user.permissions;
    this.#onEnd = onEnd;
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      cancel: () => this.#leave(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES_MAX }));
    this.#unwatch = owner.watch?.({
      ended: (reason) => this.end(reason),
      changed: () => this.noteChanged(),
    });
    owner.signal.addEventListener("abort", () => this.close(), { once: true });
  }

  /** Sends an event, unless the tab does not read; one that has not read for long is dropped. */
  send(bytes: Uint8Array, now: number): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ((controller.desiredSize ?? 0) >= bytes.length) {
      this.#slowSince = undefined;
      return controller.enqueue(bytes);
    }
    this.#slowSince ??= now;
    if (now - this.#slowSince >= SLOW_MS) this.close();
  }

  /** Has the page ask again what its user may do. */
  noteChanged(): void {
    this.permissions = this.user.permissions;
    this.#controller?.enqueue(encodeEvent("session", {}));
  }

  /** Tells that the session is over, and ends. */
  end(reason: string): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#leave();
    controller.enqueue(encodeEvent("end", { reason }));
    controller.close();
  }

  /** Ends without a word: what waits for the tab is dropped. */
  close(): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    this.#leave();
    controller.error(new Error("The tab is closed"));
  }

  #leave(): void {
    this.#controller = undefined;
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#onEnd(this);
  }
}

/** Sends figures to all open tabs, once a second; they are made once for all who see the same. */
export class LiveFeed {
  readonly #tell: TellTab;
  readonly #now: () => number;
  readonly #tabs = new Set<Tab>();
  #isSending = false;

  /** @param tell Tells what a user sees; users that may read the metrics see the same. */
  constructor(tell: TellTab, now: () => number) {
    this.#tell = tell;
    this.#now = now;
  }

  /** How many tabs are open. */
  get count(): number {
    return this.#tabs.size;
  }

  /** Opens a tab. */
  async open(owner: TabOwner): Promise<Response> {
    const own = [...this.#tabs].filter(({ user }) => user === owner.user).length;
    if (own >= USER_TABS_MAX || this.#tabs.size >= TABS_MAX) {
      const found = own >= USER_TABS_MAX ? `${own} tabs of the user` : `${this.#tabs.size} tabs`;
      const message = `Cannot open the live feed: found ${found}, which is the most allowed`;
      throw new HttpProblem(503, "TOO_MANY_REQUESTS", message, { retryAfterMs: 10_000 });
    }
    // Told before the tab is there, so that a fault in it is an answer.
    const first = encodeEvent("snapshot", await this.#tell(owner.user));
    const tab = new Tab(owner, (tab) => void this.#tabs.delete(tab));
    this.#tabs.add(tab);
    tab.send(new TextEncoder().encode(`retry: ${RETRY_MS}\n\n`), this.#now());
    tab.send(first, this.#now());
    if (owner.signal.aborted) tab.close();
    const headers = { "content-type": "text/event-stream; charset=utf-8" };
    return new Response(tab.body, { headers });
  }

  /** Sends what is new. */
  tick(): void {
    if (this.#tabs.size === 0 || this.#isSending) return;
    this.#isSending = true;
    this.#send().finally(() => this.#isSending = false);
  }

  /** The broker stops. */
  close(reason: string): void {
    for (const tab of [...this.#tabs]) tab.end(reason);
  }

  async #send(): Promise<void> {
    const told = new Map<User | undefined, Uint8Array | undefined>();
    for (const tab of [...this.#tabs]) {
      const { user } = tab;
      if (user.permissions !== tab.permissions) tab.noteChanged();
      const scope = user.permissions.hasMetrics ? undefined : user;
      if (!told.has(scope)) {
        const figures = await this.#tell(user).catch(() => undefined);
        told.set(scope, figures === undefined ? undefined : encodeEvent("snapshot", figures));
      }
      const bytes = told.get(scope);
      if (bytes !== undefined) tab.send(bytes, this.#now());
    }
  }
}

function encodeEvent(name: string, data: unknown): Uint8Array {
  return new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}

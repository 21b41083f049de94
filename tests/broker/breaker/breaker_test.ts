import { assertEquals } from "@std/assert";
import type { BreakerOptions } from "../../../protocol.ts";
import { Breaker, type OpenBreaker } from "../../../src/broker/breaker/breaker.ts";
import { OutcomeWindow } from "../../../src/broker/breaker/outcome_window.ts";
import { Random } from "../../support/random.ts";

const NOW = 1_700_000_000_000;
const OPTIONS: Required<BreakerOptions> = {
  failures: 10,
  withinMs: 16_000,
  share: 0.5,
  openMs: 30_000,
  of: "stream",
};

/** A breaker whose decisions count at once, as those of a broker do. */
class Switch {
  readonly breaker: Breaker;
  /** What it has told: `probe`, `end`. */
  readonly told: string[] = [];

  constructor(options: Partial<BreakerOptions> = {}) {
    this.breaker = new Breaker({ ...OPTIONS, ...options }, {
      noteProbe: () => this.told.push("probe"),
      noteProbeEnd: () => this.told.push("end"),
      noteGivenUp: () => this.told.push("given up"),
    });
  }

  fail(now: number, count = 1, isFault = false): void {
    const open = this.breaker.noteFailed({ count, isFault, reason: "down", now });
    if (open !== undefined) this.breaker.set(open);
  }

  do(decided: OpenBreaker | undefined): void {
    if (decided !== undefined) this.breaker.set(decided);
  }

  get isOpen(): boolean {
    return this.breaker.open !== undefined;
  }
}

Deno.test("a breaker opens with enough failures within its time, and not before", () => {
  const one = new Switch();
  one.fail(NOW, 9);
  assertEquals(one.isOpen, false);
  assertEquals(one.breaker.room(NOW), Infinity);
  one.fail(NOW + 14_000);
  assertEquals(one.breaker.open, {
    openedAt: NOW + 14_000,
    nextAt: NOW + 44_000,
    probes: 0,
    failed: 10,
    ended: 10,
    reason: "down",
  });
  const late = new Switch();
  late.fail(NOW, 9);
  late.fail(NOW + 16_000);
  assertEquals(late.isOpen, false);
});

Deno.test("acknowledgements keep a breaker closed until the share is reached", () => {
  const one = new Switch();
  one.breaker.noteAcked(21, NOW);
  one.fail(NOW, 20);
  assertEquals(one.isOpen, false);
  one.fail(NOW);
  assertEquals(one.isOpen, true);
  // With a share of 0 they do not matter; with 1 a single one does.
  const none = new Switch({ share: 0 });
  none.breaker.noteAcked(1e9, NOW);
  none.fail(NOW, 10);
  assertEquals(none.isOpen, true);
  const all = new Switch({ share: 1 });
  all.breaker.noteAcked(1, NOW);
  all.fail(NOW, 1e6);
  assertEquals(all.isOpen, false);
});

Deno.test("if a failure names a fault, only such failures count", () => {
  const one = new Switch();
  one.fail(NOW, 1, true);
  one.fail(NOW, 100);
  assertEquals(one.isOpen, false);
  // 100 of 200 ended with a fault: that is the share.
  one.fail(NOW, 98, true);
  assertEquals(one.isOpen, false);
  one.fail(NOW, 1, true);
  assertEquals(one.breaker.open?.failed, 100);
  // When the fault is too old, all failures count again.
  const two = new Switch();
  two.fail(NOW, 1, true);
  two.fail(NOW + 15_000, 9);
  assertEquals(two.isOpen, false);
  two.fail(NOW + 16_000, 1);
  assertEquals(two.isOpen, true);
});

Deno.test("an open breaker lets one probe go each time it was open for long enough", () => {
  const one = new Switch();
  one.fail(NOW, 10);
  const { breaker } = one;
  assertEquals([breaker.room(NOW + 29_999), breaker.opensAt()], [0, NOW + 30_000]);
  assertEquals(breaker.room(NOW + 30_000), 1);
  breaker.take(1, NOW + 31_000);
  // What was delivered before is no probe, and changes nothing.
  breaker.settle(1, NOW);
  breaker.refund(1, NOW);
  assertEquals([breaker.room(NOW + 1e9), breaker.opensAt()], [0, Infinity]);
  assertEquals(breaker.isProbe(NOW), false);
  assertEquals(breaker.isProbe(NOW + 31_000), true);
  breaker.settle(1, NOW + 31_000);
  one.do(breaker.failProbe(NOW + 31_500, "still down"));
  assertEquals([breaker.room(NOW + 61_499), breaker.room(NOW + 61_500)], [0, 1]);
  assertEquals([breaker.open?.reason, breaker.open?.openedAt], ["still down", NOW]);
  breaker.take(1, NOW + 61_500);
  assertEquals(breaker.open?.probes, 2);
  assertEquals(one.told, ["probe", "end", "probe"]);
  breaker.set(undefined);
  assertEquals([breaker.room(NOW), breaker.isProbing], [Infinity, false]);
});

Deno.test("a probe that no handler had is none: the next one goes at once", () => {
  const one = new Switch();
  one.fail(NOW, 10);
  const { breaker } = one;
  breaker.take(1, NOW + 30_000);
  breaker.settle(1, NOW + 30_000);
  assertEquals(breaker.room(NOW + 30_005), 0);
  breaker.refund(1, NOW + 30_000);
  assertEquals([breaker.room(NOW + 30_005), breaker.open?.probes], [1, 0]);
});

Deno.test("failures while it is open, and from before it closed, do not open it again", () => {
  const one = new Switch();
  one.fail(NOW, 9);
  one.fail(NOW, 1);
  one.fail(NOW + 1000, 100);
  assertEquals(one.breaker.open?.failed, 10);
  one.breaker.set(undefined);
  one.fail(NOW + 1000, 9);
  assertEquals(one.isOpen, false);
});

Deno.test("a restart knows when the next probe may go, and not whether one is on its way", () => {
  const one = new Switch();
  one.fail(NOW, 10);
  one.breaker.take(1, NOW + 30_000);
  const restarted = new Switch().breaker;
  restarted.set(JSON.parse(JSON.stringify(one.breaker.open)));
  assertEquals([restarted.room(NOW + 59_999), restarted.room(NOW + 60_000)], [0, 1]);
  assertEquals(restarted.isProbing, false);
});

Deno.test("a window counts what a plain list counts", () => {
  for (let seed = 0; seed < 200; seed++) {
    const random = new Random(seed);
    const ms = random.pick([1, 16, 1000, 86_400_000]);
    const window = new OutcomeWindow(ms);
    const list: { readonly slice: number; readonly count: number; readonly kind: number }[] = [];
    let now = NOW;
    for (let step = 0; step < 50; step++) {
      now += random.pick([0, ms / 100, ms / 16, ms / 3, ms, ms * 100]) * random.next();
      const slice = Math.floor(now / (ms / 16));
      const count = random.below(5);
      const kind = random.below(3);
      list.push({ slice, count, kind });
      if (kind === 0) window.noteAcked(count, now);
      else window.noteFailed(count, kind === 2, now);
      const sum = (least: number) =>
        list.filter((one) => one.slice > slice - 16 && one.kind >= least)
          .reduce((all, one) => all + one.count, 0);
      assertEquals(
        { ...window.count(now) },
        { all: sum(0), failed: sum(1), faults: sum(2) },
        `seed ${seed}`,
      );
    }
  }
});

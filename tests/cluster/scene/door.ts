import type { Reign } from "../checking/history.ts";
import { FrameScanner } from "../network/frame_scanner.ts";
import { Relay } from "../network/relay.ts";

/** What is heard of a broker's links. */
export interface DoorOptions {
  /** Where the broker listens. */
  readonly target: string;
  /** Which reign a link belongs to that is opened now. */
  readonly reign: () => Reign;
  /** Called when a confirm, a delivery or an answer has come from the broker. */
  readonly worked: (reign: Reign, what: string) => void;
}

/** Where clients reach a broker. What the broker says is heard as soon as it comes out of its socket. */
export class Door extends Relay {
  constructor({ target, reign: findReign, worked }: DoorOptions) {
    super({
      target,
      watch: () => {
        const reign = findReign();
        const scanner = new FrameScanner((what) => worked(reign, what));
        return { hear: (bytes) => scanner.take(bytes) };
      },
    });
  }
}

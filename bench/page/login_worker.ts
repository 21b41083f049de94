/**
 * Logs in again and again, on a thread of its own: who measures confirms must not be held up by it.
 *
 * @module
 */

import { logIn } from "./page_broker.ts";

/** How often, in milliseconds: when those before have their answers. */
const PERIOD_MS = 4000;

/** What the worker is told: where to log in, and how many at once. */
interface Orders {
  readonly port: number;
  readonly count: number;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Orders>) => void;
  postMessage(status: number): void;
};

scope.onmessage = ({ data: { port, count } }) => {
  const burst = () => {
    for (let number = 1; number <= count; number++) {
      logIn(port, `127.0.1.${number}`).then(
        ({ status }) => scope.postMessage(status),
        () => scope.postMessage(0),
      );
    }
  };
  setTimeout(burst, PERIOD_MS / 8);
  setInterval(burst, PERIOD_MS);
};

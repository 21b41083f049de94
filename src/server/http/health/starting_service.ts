import type { HttpExchange } from "../http_acceptor.ts";
import { HttpAnswer } from "../http_answer.ts";
import type { HttpConnection } from "../http_connection.ts";
import { HttpProblem, writeJson, writeProblem } from "../http_problem.ts";
import { LIVE_PATH, READY_PATH, writeLive } from "./health_routes.ts";

/** What a broker does before its streams are there. */
const READING = "the journal is being read";
const RESTORING = "the journal is read, its streams are made ready";
const WAITING = "the log of its cluster is waited for";

/** When to try again, in milliseconds: most journals are read by then. */
const RETRY_AFTER_MS = 1000;

/**
 * Answers requests before the engine is open: that the process lives, and that it is not ready. Nobody can
 * be asked for a login then, so nothing else is told.
 */
export class StartingService {
  #reason: string;

  /** @param isInCluster Whether the journal is the log of a cluster. */
  constructor(isInCluster: boolean) {
    this.#reason = isInCluster ? WAITING : READING;
  }

  /** Tells from now on how much of the journal is read, from 0 to 1, or how many of its messages are ready. */
  noteProgress(part: number, what?: "ready"): void {
    const soFar = `${Math.floor(part * 100)} % so far`;
    if (what === "ready") this.#reason = `${RESTORING}, ${soFar}`;
    else this.#reason = part < 1 ? `${READING}, ${soFar}` : RESTORING;
  }

  /** Answers a request; the connection goes on. */
  async answer(exchange: HttpExchange, connection: HttpConnection): Promise<void> {
    const answer = new HttpAnswer(exchange, connection);
    try {
      await answer.send(this.#respond(exchange));
    } catch {
      exchange.abort();
    } finally {
      connection.noteAnswered(exchange, answer.isLast);
    }
  }

  #respond({ method, target }: HttpExchange): Response {
    const path = target.replace(/[?#].*$/s, "");
    const isReading = method === "GET" || method === "HEAD";
    if (isReading && path === LIVE_PATH) return writeLive();
    if (isReading && path === READY_PATH) {
      return writeJson({ ready: false, reasons: [`starting: ${this.#reason}`] }, 503);
    }
    const message = `Cannot answer yet: the broker is starting, ${this.#reason}`;
    const options = { retryAfterMs: RETRY_AFTER_MS };
    return writeProblem(new HttpProblem(503, "STARTING", message, options));
  }
}

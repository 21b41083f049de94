/**
 * A client of a peer that there is not: what is published stays in this process, and of ten messages
 * one is lost and another one delivered again in its place.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import type {
  PeerClient,
  PeerFollower,
  PeerPublisher,
} from "../../../bench/harness/peer_client.ts";

const streams = new Map<string, Uint8Array[]>();

/** Connects to nothing. */
export function openClient(): Promise<PeerClient> {
  return Promise.resolve({
    createStream: (stream) => {
      streams.set(stream, []);
      return Promise.resolve();
    },
    deleteStream: (stream) => {
      streams.delete(stream);
      return Promise.resolve();
    },
    countLeft: (stream) => Promise.resolve(streams.get(stream)!.length),
    openPublisher: ([stream = ""]) => Promise.resolve(new MistakenPublisher(stream)),
    openFollower: ([stream = ""]) => Promise.resolve(new PatientFollower(stream)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

class MistakenPublisher implements PeerPublisher {
  readonly batchCount = 10;
  readonly batchesInFlight = 2;
  readonly #stream: string;

  constructor(stream: string) {
    this.#stream = stream;
  }

  sendBatch(bodies: readonly Uint8Array[]): Promise<void> {
    const sent = bodies.map((body, index) => (index === 9 ? bodies[8]! : body).slice());
    streams.get(this.#stream)!.push(...sent);
    return Promise.resolve();
  }

  async send(body: Uint8Array): Promise<void> {
    await this.sendBatch([body]);
  }
}

class PatientFollower implements PeerFollower {
  readonly #stream: string;
  #isStopped = false;

  constructor(stream: string) {
    this.#stream = stream;
  }

  async follow(take: (body: Uint8Array) => void): Promise<void> {
    while (!this.#isStopped) {
      for (const body of streams.get(this.#stream)!.splice(0)) take(body);
      await delay(1);
    }
  }

  stop(): void {
    this.#isStopped = true;
  }
}

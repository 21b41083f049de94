/**
 * What is done to brokers.
 *
 * @module
 */

import { BrokerError } from "../../../protocol.ts";
import { type Fault, pickBroker, type Whose } from "./fault.ts";

/** A broker's process is gone from one moment to the next. */
export function killBroker(whose: Whose): Fault {
  return {
    what: `${whose} broker killed`,
    lastsMs: [0, 5000],
    async strike(scene, random) {
      const broker = pickBroker(scene, whose, random);
      await scene.endBroker(broker, "SIGKILL");
      return () => scene.startBroker(broker);
    },
  };
}

/** A broker is asked to end, and gives the lead to another one before. */
export function stopBroker(whose: Whose): Fault {
  return {
    what: `${whose} broker stopped`,
    lastsMs: [0, 3000],
    async strike(scene, random) {
      const broker = pickBroker(scene, whose, random);
      const code = await scene.endBroker(broker, "SIGTERM");
      if (code !== 0) scene.noteProblem(broker, `was stopped and has ended with ${code}`);
      return () => scene.startBroker(broker);
    },
  };
}

/** The active broker is told to give the lead to another one, and stays as a standby. */
export const HAND_OVER: Fault = {
  what: "handover by command",
  lastsMs: [0, 1000],
  async strike(scene) {
    try {
      await scene.active.handOver();
    } catch (error) {
      // Nobody may follow at this moment, or the log may not answer: then nothing happens, and it says so.
      if (!(error instanceof BrokerError)) throw error;
      scene.tell(`no handover: ${error.message}`);
    }
    return () => Promise.resolve();
  },
};

/** A broker stands still, until it goes on where it was. */
export function pauseBroker(whose: Whose, lastsMs: Fault["lastsMs"]): Fault {
  return {
    what: `${whose} broker paused`,
    lastsMs,
    strike(scene, random) {
      const broker = pickBroker(scene, whose, random);
      const { epoch } = scene.watch;
      const isActive = broker === scene.active;
      scene.linger(broker);
      broker.pause();
      return Promise.resolve(() => {
        if (isActive && broker.isPaused && scene.watch.epoch > epoch) scene.expectEnd(broker);
        broker.resume();
        return Promise.resolve();
      });
    },
  };
}

/**
 * What keeps the messages of a stream where they are, in words.
 *
 * @module
 */

import { el } from "../parts/element.js";

/** @type {Record<string, [text: string, badge: string, about: string]>} */
const STATES = {
  paused: ["paused", "badge-warning", "It delivers nothing until it is resumed"],
  broken: [
    "breaker open",
    "badge-warning",
    "Too many deliveries failed: it delivers only probes until one is acknowledged",
  ],
  noFollower: ["no follower", "badge-danger", "Messages are ready, and nobody takes them"],
  waiting: ["waiting", "badge-warning", "The oldest ready message waits for more than a minute"],
  growing: ["growing", "badge-danger", "Dead letters came within the last minute"],
};

/**
 * The states of a stream as badges.
 *
 * @param {string[]} states As the broker tells them.
 */
export function stateBadges(states) {
  return states.flatMap((state) => {
    const found = STATES[state];
    if (found === undefined) return [];
    const [text, badge, about] = found;
    return [el("span", { class: `badge ${badge}`, title: about }, text)];
  });
}

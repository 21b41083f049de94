/**
 * The followers that hold messages of a stream, and their pending entries.
 *
 * @module
 */

import { apiPath, ask, query } from "../../parts/api.js";
import { confirmFirst } from "../../parts/dialog.js";
import { el, fill } from "../../parts/element.js";
import { count, counted, span, time } from "../../parts/format.js";
import { tell } from "../../parts/notices.js";
import { button } from "../../parts/page.js";
import { Table } from "../../parts/lists/table.js";
import { openMessage } from "../messages/message_dialog.js";

/** @typedef {import("./stream.js").StreamView} StreamView */

const REFRESH_MS = 2000;

/** How many pages of followers are asked for. */
const PAGES_MAX = 10;

/** @param {StreamView} view */
export function showStreamFollowers(view) {
  const box = el("div", { class: "followers" });
  const note = el("p", { class: "quiet", role: "status" });
  /** @type {Map<string, { element: Element, show: (follower: any) => void }>} */
  const shown = new Map();
  const refresh = view.page.every(REFRESH_MS, async () => {
    const followers = await readFollowers(view);
    const names = new Set(followers.map(({ name }) => name));
    for (const [name, { element }] of shown) {
      if (names.has(name)) continue;
      element.remove();
      shown.delete(name);
    }
    for (const follower of followers) {
      let part = shown.get(follower.name);
      if (part === undefined) {
        part = followerPart(view, follower, () => void refresh());
        shown.set(follower.name, part);
        box.append(part.element);
      }
      part.show(follower);
    }
    const attached = counted(view.stream.followers, "follower");
    fill(
      note,
      followers.length === 0
        ? `${attached} attached, and none holds a message. A follower that takes one appears here with what it holds.`
        : `${attached} attached; ${counted(followers.length, "name")} with messages in hand.`,
    );
  });
  return el("div", {}, note, box);
}

/**
 * @param {StreamView} view
 * @returns {Promise<any[]>}
 */
async function readFollowers({ page, name }) {
  const found = [];
  let after = 0;
  for (let turn = 0; turn < PAGES_MAX; turn += 1) {
    const path = apiPath("streams", name, "followers") + query({ after });
    const answer = await ask("GET", path, { signal: page.signal });
    found.push(...answer.followers);
    if (answer.next === undefined) break;
    after = answer.next;
  }
  return found;
}

/**
 * @param {StreamView} view
 * @param {any} follower
 * @param {() => void} onDone
 */
function followerPart(view, { name, mayRelease }, onDone) {
  const told = el("p", { class: "quiet" });
  const table = new Table({
    caption: `Messages that ${name} holds`,
    key: ({ id }) => id,
    columns: [
      {
        label: "Message",
        isNumber: true,
        node: ({ id }) => button(count(id), () => openMessage(view, id), { class: "link" }),
      },
      { label: "Delivery", isNumber: true, text: ({ attempts }) => count(attempts) },
      { label: "Held for", isNumber: true, text: ({ ageMs }) => span(ageMs) },
      { label: "Since", isExtra: true, text: ({ deliveredAt }) => time(deliveredAt) },
      { label: "Taken back at", isExtra: true, text: ({ deadline }) => time(deadline) },
    ],
  });
  const release = button("Release …", () => releaseFollower(name, onDone));
  const head = el("div", { class: "part-head" }, el("h2", {}, name), mayRelease ? release : null);
  return {
    element: el("section", { class: "panel" }, head, told, table.element),
    /** @param {any} follower */
    show({ pending, oldestMs, entries }) {
      const rest = pending > entries.length
        ? `; the first ${count(entries.length)} are listed`
        : "";
      fill(told, `${counted(pending, "message")} in hand, the oldest for ${span(oldestMs)}${rest}`);
      table.show(entries);
    },
  };
}

/**
 * @param {string} name
 * @param {() => void} onDone
 */
function releaseFollower(name, onDone) {
  return confirmFirst({
    title: `Release what ${name} holds?`,
    sentences: [
      `Everything that followers named "${name}" hold, in all streams you manage, is ready again and goes to other followers.`,
      "If such a follower still works on a message, the message may be done twice.",
    ],
    label: `Release the messages of ${name}`,
    run: async (signal) => {
      const done = await ask("POST", apiPath("followers", name, "release"), { body: {}, signal });
      tell(`${counted(done.count, "message")} of "${name}" ready again.`);
      onDone();
    },
  });
}

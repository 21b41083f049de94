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
import { address, button } from "../../parts/page.js";
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
  const release = button("Release …", () => releaseFollower(view, name, onDone));
  const head = el("div", { class: "part-head" }, el("h2", {}, name), mayRelease ? release : null);
  const where = el("p", { class: "quiet" });
  return {
    element: el("section", { class: "panel" }, head, told, where, table.element),
    /** @param {any} follower */
    show({ pending, oldestMs, entries, connections }) {
      showConnectionsOf(where, connections);
      const rest = pending > entries.length
        ? `; the first ${count(entries.length)} are listed`
        : "";
      fill(told, `${counted(pending, "message")} in hand, the oldest for ${span(oldestMs)}${rest}`);
      table.show(entries);
    },
  };
}

/**
 * Leads to the connections that have a follower of this name.
 *
 * @param {Element} box
 * @param {any[]} connections
 */
function showConnectionsOf(box, connections) {
  const stamp = connections.map(({ id }) => id).join();
  if (box.getAttribute("data-shown") === stamp) return;
  box.setAttribute("data-shown", stamp);
  const links = connections.flatMap(({ id, client, address: from }, index) => {
    const to = address(["connections"], new URLSearchParams({ search: from }));
    const text = [`connection ${id}`, client, from].filter(Boolean).join(", ");
    return [index === 0 ? "At " : "; ", el("a", { href: to }, text)];
  });
  fill(box, links.length === 0 ? "No connection of it is open, or none that you may see." : links);
}

/**
 * Asks, then takes back what a follower holds.
 *
 * @param {Pick<StreamView, "name" | "stream">} view
 * @param {string} follower
 * @param {() => void} onDone
 */
export function releaseFollower({ name, stream }, follower, onDone) {
  const then = stream.followers > 1
    ? "goes to other followers"
    : `goes to the next that asks. It is the only follower of ${name}, and gets those messages again`;
  return confirmFirst({
    title: `Release what ${follower} holds?`,
    sentences: [
      `Everything that followers named "${follower}" hold, in all streams you manage, is ready again and ${then}.`,
      "If such a follower still works on a message, the message may be done twice.",
    ],
    label: `Release the messages of ${follower}`,
    run: async (signal) => {
      const path = apiPath("followers", follower, "release");
      const done = await ask("POST", path, { body: {}, signal });
      tell(`${counted(done.count, "message")} of "${follower}" ready again.`);
      onDone();
    },
  });
}

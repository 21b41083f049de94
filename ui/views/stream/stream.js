/**
 * One stream: figures and charts, messages, followers, options.
 *
 * @module
 */

import { apiPath, ask } from "../../parts/api.js";
import { el, fill } from "../../parts/element.js";
import { clock, time } from "../../parts/format.js";
import { tell } from "../../parts/notices.js";
import { address, button, link } from "../../parts/page.js";
import { sweepMessages } from "../messages/sweep_dialog.js";
import { deleteStream, purgeStream } from "./stream_dialogs.js";
import { showStreamFigures } from "./stream_figures.js";
import { showStreamFollowers } from "./stream_followers.js";
import { showStreamLanes } from "./stream_lanes.js";
import { showStreamMessages } from "./stream_messages.js";
import { showStreamOptions } from "./stream_options.js";

/** @typedef {import("../../parts/page.js").Page} Page */

/**
 * What the parts of the view get.
 *
 * @typedef {object} StreamView
 * @property {Page} page
 * @property {string} name
 * @property {any} stream As the broker described it last.
 * @property {() => Promise<void>} refresh
 * @property {(listener: (stream: any) => void) => void} listen Hears every description, also the last one.
 */

/** @type {[tab: string, label: string, show: (view: StreamView) => Element][]} */
const TABS = [
  ["", "Figures", showStreamFigures],
  ["messages", "Messages", showStreamMessages],
  ["followers", "Followers", showStreamFollowers],
  ["lanes", "Lanes", showStreamLanes],
  ["options", "Options", showStreamOptions],
];

const REFRESH_MS = 1000;

/** What the broker says of a stream that is not there, or not for this user. */
const MISSING = ["STREAM_NOT_FOUND", "BAD_STREAM_NAME", "FORBIDDEN"];

/** @param {Page} page */
export function showStream(page) {
  const [, name, tab = ""] = page.path;
  const badges = el("span", { class: "badges" });
  const actions = el("div", { class: "actions" });
  const body = el("div", {}, el("p", { class: "quiet" }, "Asking the broker …"));
  page.show(name, [actions], badges, tabsOf(name, tab), body);
  document.title = `${name} · SimpleMQ`;
  /** @type {((stream: any) => void)[]} */
  const listeners = [];
  /** @type {StreamView | undefined} */
  let view;
  let shownActions = "";
  const refresh = page.every(REFRESH_MS, async () => {
    const stream = await ask("GET", apiPath("streams", name), { signal: page.signal }).catch(
      (error) => {
        if (MISSING.includes(error.code)) return showMissing(page, name);
        throw error;
      },
    );
    if (stream === undefined) return;
    showBadges(badges, stream);
    const stamp = JSON.stringify([stream.isPaused, stream.isBroken, stream.may]);
    if (stamp !== shownActions) fill(actions, actionsOf(stream, () => void refresh()));
    shownActions = stamp;
    if (view !== undefined) view.stream = stream;
    else {
      const listen = (/** @type {(stream: any) => void} */ listener) => {
        listeners.push(listener);
        listener(view?.stream);
      };
      view = { page, name, stream, refresh: () => refresh(), listen };
      const [, , show] = TABS.find(([one]) => one === tab) ?? TABS[0];
      fill(body, show(view));
    }
    for (const listener of listeners) listener(stream);
  });
}

/**
 * @param {string} name
 * @param {string} current
 */
function tabsOf(name, current) {
  const links = TABS.map(([tab, label]) => {
    const path = ["streams", name, ...(tab === "" ? [] : [tab])];
    return el("a", { href: address(path), "aria-current": tab === current ? "page" : null }, label);
  });
  return el("nav", { class: "tabs", "aria-label": "Parts of the stream" }, links);
}

/**
 * @param {Element} box
 * @param {any} stream
 */
function showBadges(box, stream) {
  const { isPaused, breaker, limitedBy, deadOf, dead } = stream;
  const text = JSON.stringify([isPaused, breaker, limitedBy, deadOf, dead]);
  if (box.getAttribute("data-shown") === text) return;
  box.setAttribute("data-shown", text);
  fill(
    box,
    isPaused ? el("span", { class: "badge badge-warning" }, "paused: nothing is delivered") : null,
    breaker === null ? null : el("span", { class: "badge badge-warning" }, sayBreaker(breaker)),
    limitedBy === null ? null : el("span", { class: "badge" }, `held back: ${limitedBy}`),
    deadOf === null
      ? null
      : el("span", { class: "badge" }, "dead letters of ", link(["streams", deadOf], deadOf)),
    dead === null || dead.messages === 0 ? null : el(
      "span",
      { class: "badge badge-danger" },
      link(
        ["streams", dead.name, "messages"],
        `${dead.messages.toLocaleString("en")} dead letters`,
      ),
    ),
  );
}

/** @param {any} breaker */
function sayBreaker({ since, probeAt, failed, ended }) {
  const next = probeAt === undefined ? "a probe is on its way" : `next probe ${clock(probeAt)}`;
  return `breaker open since ${time(since)}: ${failed} of ${ended} deliveries failed; ${next}`;
}

/**
 * @param {any} stream
 * @param {() => void} refresh
 */
function actionsOf({ name, isPaused, isBroken, deadOf, may }, refresh) {
  const closeBreaker = async () => {
    await ask("POST", apiPath("streams", name, "resume"));
    tell(`The breaker of "${name}" is closed: it delivers again.`);
    refresh();
  };
  const pause = async () => {
    await ask("POST", apiPath("streams", name, isPaused ? "resume" : "pause"));
    tell(
      isPaused
        ? `Stream "${name}" delivers again.`
        : `Stream "${name}" is paused: it stores messages and delivers none.`,
    );
    refresh();
  };
  const publish = () => {
    location.hash = address(["publish"], new URLSearchParams({ stream: name }));
  };
  const isDead = deadOf !== null;
  const sweep = (/** @type {"redrive" | "drop"} */ verb) => () =>
    sweepMessages(name, verb, refresh);
  const all = [
    !isDead && may.publish && button("Publish", publish),
    isDead && may.manage && button("Redrive …", sweep("redrive"), { class: "main" }),
    isDead && may.manage && button("Drop …", sweep("drop")),
    isBroken && !isPaused && may.manage && button("Close breaker", closeBreaker),
    (!isDead || isPaused) && may.manage && button(isPaused ? "Resume" : "Pause", pause),
    !isDead && may.manage && button("Purge …", () => purgeStream(name, refresh)),
    may.manage && button("Delete …", () => deleteStream(name), { class: "danger" }),
  ];
  return all.filter((one) => one instanceof HTMLElement);
}

/**
 * @param {Page} page
 * @param {string} name
 */
function showMissing(page, name) {
  page.show(
    name,
    [],
    el(
      "p",
      { class: "empty" },
      `There is no stream "${name}" that you may see. `,
      link(["streams"], "All streams"),
    ),
  );
  page.close();
}

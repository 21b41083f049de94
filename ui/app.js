/**
 * The management page: who is logged in, which view is shown, and whether the broker answers.
 *
 * @module
 */

import { ask, watch } from "./parts/api.js";
import { el, fill, setText } from "./parts/element.js";
import { clock, span, zone } from "./parts/format.js";
import { Live } from "./parts/live.js";
import { noticeBox } from "./parts/notices.js";
import { address, Page } from "./parts/page.js";
import { applyTheme } from "./parts/preferences.js";
import { Shell } from "./parts/shell.js";
import { listenToKeys } from "./parts/shortcuts.js";
import { showCluster } from "./views/cluster.js";
import { showConnections } from "./views/connections.js";
import { showDeadLetters } from "./views/dead_letters.js";
import { showEvents } from "./views/events.js";
import { showLogin } from "./views/login.js";
import { showOverview } from "./views/overview.js";
import { showPublish } from "./views/publish.js";
import { showSchedules } from "./views/schedules.js";
import { showStream } from "./views/stream/stream.js";
import { showStreams } from "./views/streams.js";

/** @typedef {import("./parts/api.js").Session} Session */

/** @type {Record<string, (page: Page) => unknown>} */
const VIEWS = {
  overview: showOverview,
  streams: (page) => page.path.length > 1 ? showStream(page) : showStreams(page),
  dead: showDeadLetters,
  schedules: showSchedules,
  connections: showConnections,
  cluster: showCluster,
  publish: showPublish,
  events: showEvents,
};

/** What a standby of a cluster shows; the streams are the active broker's. */
const STANDBY_VIEWS = ["cluster", "connections", "events"];

const root = /** @type {HTMLElement} */ (document.getElementById("app"));
const banner = el("div", { class: "banner", role: "alert", hidden: true });
const content = el("div", { class: "content" });

/** @type {Session | undefined} */
let session;
/** @type {Live | undefined} */
let live;
/** @type {Page | undefined} */
let page;
/** @type {Shell | undefined} */
let shell;

/** Takes over what the broker says of the session. */
function enter(/** @type {Session} */ next) {
  // Another version has other files: this page is from before.
  if (session !== undefined && session.version !== next.version) location.reload();
  const isSame = JSON.stringify({ ...next, now: 0 }) === JSON.stringify({ ...session, now: 0 });
  session = next;
  if (next.user === null) return leave();
  if (isSame && shell !== undefined) return;
  live ??= new Live({ onLost: showLost, onRefused: showRefused, onSession: enter });
  shell = new Shell(next, { onLogout: logout, onLogin: leave });
  fill(content, shell.element);
  visit();
}

/** Ends what runs, and shows the login. */
function leave() {
  page?.close();
  live?.close();
  page = live = shell = undefined;
  showLost(undefined);
  showLogin(content, /** @type {Session} */ (session), enter);
}

async function logout() {
  await ask("POST", "/api/logout");
  await start();
}

/** Shows the view that the address names. */
function visit() {
  if (shell === undefined || session === undefined || live === undefined) return;
  page?.close();
  const [text, search = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const path = text.split("/").filter((part) => part !== "").map(decode);
  if (path.length === 0) path.push("overview");
  const view = findView(path);
  const isFirst = page === undefined;
  const host = el("div", { class: "view" });
  page = new Page({ host, path, params: new URLSearchParams(search), session, live });
  shell.show(path, host);
  view(page);
  if (isFirst) return;
  scrollTo(0, 0);
  host.querySelector("h1")?.focus({ preventScroll: true });
}

/** @param {string[]} path */
function findView(path) {
  const isStandby = session?.cluster?.role === "standby";
  if (isStandby && !STANDBY_VIEWS.includes(path[0])) path.splice(0, Infinity, "cluster");
  return Object.hasOwn(VIEWS, path[0]) ? VIEWS[path[0]] : VIEWS.overview;
}

/** @param {string} part */
function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @type {number | undefined} */
let lostTimer;

/** Says that the broker does not answer, or shows the view again when it does. */
function showLost(/** @type {number | undefined} */ since) {
  clearInterval(lostTimer);
  const wasLost = document.body.classList.contains("is-lost");
  banner.hidden = since === undefined;
  document.body.classList.toggle("is-lost", since !== undefined);
  if (since === undefined) {
    // What somebody has written for a message is not thrown away.
    if (wasLost && page?.path[0] !== "publish") visit();
    return;
  }
  const age = el("span", { "aria-hidden": "true" });
  fill(
    banner,
    `No answer from the broker since ${clock(since)} ${zone(since)}, trying again `,
    age,
  );
  const count = () => setText(age, `(${span(Math.round((Date.now() - since) / 1000) * 1000)})`);
  lostTimer = setInterval(count, 1000);
}

/** Says why figures stand still although the broker answers. */
function showRefused(/** @type {string | undefined} */ why) {
  if (live?.lostSince !== undefined) return;
  clearInterval(lostTimer);
  banner.hidden = why === undefined;
  fill(
    banner,
    `No live figures in this tab, trying again. ${why ?? ""}. Close other tabs of this page.`,
  );
}

/** Asks who is logged in; tries again until there is an answer. */
async function start() {
  try {
    enter(await ask("GET", "/api/session"));
  } catch {
    showLost(Date.now());
    setTimeout(start, 2000);
  }
}

watch.onUnauthorized = () => void start();
watch.onSilence = () => live?.suspect();
addEventListener("hashchange", visit);
applyTheme();
const skip = el("a", { href: "#main", class: "skip" }, "Skip to the content");
skip.addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main")?.focus();
});
fill(root, skip, banner, content, noticeBox);
listenToKeys({ onTheme: () => shell?.switchTheme() });
if (location.hash === "") history.replaceState(null, "", address(["overview"]));
start();

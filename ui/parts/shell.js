/**
 * What is around a view: the logo, the ways to other views, who is logged in.
 *
 * @module
 */

import { el, fill, icon } from "./element.js";
import { ICONS } from "./icons.js";
import { tell } from "./notices.js";
import { address, button } from "./page.js";
import { readTheme, switchTheme } from "./preferences.js";
import { showKeys } from "./shortcuts.js";

/** @typedef {import("./api.js").Session} Session */

/** @type {{ name: string, label: string, need?: string, isOfAll?: boolean }[]} `isOfAll`: standbys show it, too. */
const ENTRIES = [
  { name: "overview", label: "Overview" },
  { name: "streams", label: "Streams", need: "inspect" },
  { name: "dead", label: "Dead letters", need: "inspect" },
  { name: "schedules", label: "Schedules", need: "inspect" },
  { name: "connections", label: "Connections", need: "connections", isOfAll: true },
  { name: "cluster", label: "Cluster", need: "cluster", isOfAll: true },
  { name: "publish", label: "Publish", need: "publish" },
  { name: "events", label: "Events", need: "events", isOfAll: true },
];

const THEME_ICONS = { system: ICONS.system, light: ICONS.sun, dark: ICONS.moon };
const THEME_TEXTS = {
  system: "Colours follow the system",
  light: "Light colours",
  dark: "Dark colours",
};

/** The frame of a session's views. */
export class Shell {
  /**
   * @param {Session} session
   * @param {{ onLogout: () => Promise<void>, onLogin: () => void }} events
   */
  constructor(session, { onLogout, onLogin }) {
    const isStandby = session.cluster?.role === "standby";
    this.links = ENTRIES.filter(({ need }) => need === undefined || session.may[need])
      .filter(({ isOfAll }) => !isStandby || isOfAll).map(entryLink);
    this.theme = button("", () => this.switchTheme(), { class: "plain" });
    this.main = el("main", { id: "main", tabindex: -1 });
    const keys = button("", showKeys, {
      class: "plain",
      "aria-label": "Keyboard",
      title: "Keyboard (?)",
    });
    keys.append(icon(ICONS.help));
    const out = button("", onLogout, { class: "plain", "aria-label": "Log out", title: "Log out" });
    out.append(icon(ICONS.logout));
    const canLeave = session.how === "cookie";
    const canEnter = session.how === "anonymous";
    const who = el(
      "div",
      { class: "who" },
      el("span", { class: "who-name", title: "User" }, session.user),
      el(
        "span",
        { class: "tools" },
        this.theme,
        keys,
        canLeave ? out : null,
        canEnter ? button("Log in", onLogin) : null,
      ),
    );
    const brand = el(
      "a",
      { href: address(["overview"]), class: "brand" },
      el("img", { src: "/assets/logo.svg", alt: "", width: 26, height: 26 }),
      el("span", {}, "SimpleMQ"),
      el("small", {}, session.version),
    );
    const list = el("ul", {}, this.links.map(({ link }) => el("li", {}, link)));
    const nav = el("nav", { class: "views", "aria-label": "Views" }, list);
    const side = el("header", { class: "side" }, brand, nav, who);
    this.element = el("div", { class: "shell" }, side, this.main);
    this.#showTheme();
  }

  /**
   * Shows a view.
   *
   * @param {string[]} path
   * @param {HTMLElement} host
   */
  show(path, host) {
    const isDead = path[0] === "streams" && (path[1] ?? "").endsWith(".dead");
    const current = isDead ? "dead" : path[0];
    for (const { name, link } of this.links) {
      if (name === current) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    fill(this.main, host);
  }

  /** Goes on to the next theme. */
  switchTheme() {
    tell(THEME_TEXTS[switchTheme()]);
    this.#showTheme();
  }

  #showTheme() {
    const theme = readTheme();
    fill(this.theme, icon(THEME_ICONS[theme]));
    this.theme.setAttribute("aria-label", `${THEME_TEXTS[theme]}; switch`);
    this.theme.title = `${THEME_TEXTS[theme]} (t)`;
  }
}

/** @param {{ name: string, label: string }} entry */
function entryLink({ name, label }) {
  const props = { href: address([name]), "data-view": name };
  return { name, link: el("a", props, icon(ICONS[name]), el("span", {}, label)) };
}

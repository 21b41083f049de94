/**
 * What the reader of the page has chosen, kept in the browser.
 *
 * @module
 */

/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {Theme[]} */
const THEMES = ["system", "light", "dark"];

/** @returns {Theme} */
export function readTheme() {
  const theme = /** @type {Theme} */ (read("theme"));
  return THEMES.includes(theme) ? theme : "system";
}

/** Shows the page as chosen. */
export function applyTheme() {
  const theme = readTheme();
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Goes on to the next theme; returns it. */
export function switchTheme() {
  const next = THEMES[(THEMES.indexOf(readTheme()) + 1) % THEMES.length];
  write("theme", next);
  applyTheme();
  return next;
}

/** Whether single keys do something. */
export function hasShortcuts() {
  return read("shortcuts") !== "off";
}

/** @param {boolean} isOn */
export function setShortcuts(isOn) {
  write("shortcuts", isOn ? "on" : "off");
}

/** @param {string} name */
function read(name) {
  try {
    return localStorage.getItem(`simplemq-${name}`);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
function write(name, value) {
  try {
    localStorage.setItem(`simplemq-${name}`, value);
  } catch {
    // Without a place to keep it, the choice lasts until the page is left.
  }
}

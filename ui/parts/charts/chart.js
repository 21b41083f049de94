/**
 * Charts of figures over time.
 *
 * @module
 */

import { el, fill, setText, svg } from "../element.js";
import { clock, zone } from "../format.js";
import { findTicks, findTimes, thin } from "./scale.js";

/** @typedef {import("../live.js").Point} Point */

/**
 * @typedef {object} Series
 * @property {string} name The field of the points.
 * @property {string} label
 */

/**
 * @typedef {object} ChartOptions
 * @property {string} title
 * @property {string} unit What the figures are: `messages/s`.
 * @property {Series[]} series Up to three.
 * @property {(value: number | null | undefined) => string} format
 * @property {(value: number) => string} [axis] Writes the values of the axis; as `format` by default.
 * @property {(largest: number) => number[]} [ticks]
 * @property {boolean} [isWide]
 */

const HEIGHT = 148;
const MARGIN = { top: 10, right: 10, bottom: 22 };

/** A chart with axes; it follows the pointer and the arrow keys. */
export class Chart {
  /** @type {readonly Point[]} */
  #points = [];
  #from = 0;
  #until = 1;
  /** @type {number | undefined} */
  #hover = undefined;
  #width = 0;
  /** @type {Map<string, Element>} */
  #values = new Map();

  /** @param {ChartOptions} options */
  constructor(options) {
    this.options = options;
    this.drawing = svg("svg", { class: "chart-drawing", role: "img", "aria-label": options.title });
    this.tip = el("div", { class: "chart-tip", hidden: true });
    this.plot = el(
      "div",
      { class: "chart-plot", tabindex: 0, role: "group" },
      this.drawing,
      this.tip,
    );
    this.plot.setAttribute("aria-label", `${options.title}; arrow keys show single values`);
    this.element = el(
      "figure",
      { class: options.isWide ? "chart chart-wide" : "chart" },
      el(
        "figcaption",
        {},
        el("h3", {}, options.title),
        el("span", { class: "unit" }, options.unit),
      ),
      el("div", { class: "legend" }, options.series.map((one, index) => this.#legend(one, index))),
      this.plot,
    );
    this.observer = this.#listen();
  }

  /**
   * Draws points.
   *
   * @param {readonly Point[]} points
   * @param {number} spanMs How far back the chart goes.
   */
  draw(points, spanMs) {
    this.#until = points.at(-1)?.at ?? Date.now();
    this.#from = this.#until - spanMs;
    this.#points = points.filter(({ at }) => at >= this.#from);
    this.#paint();
  }

  close() {
    this.observer.disconnect();
  }

  /**
   * @param {Series} series
   * @param {number} index
   */
  #legend({ name, label }, index) {
    const value = el("span", { class: "legend-value" }, "–");
    this.#values.set(name, value);
    const mark = el("span", { class: `mark mark-${index}`, "aria-hidden": "true" });
    return el("span", { class: "legend-entry" }, mark, label, " ", value);
  }

  #listen() {
    const observer = new ResizeObserver(([{ contentRect }]) => {
      this.#width = contentRect.width;
      this.#paint();
    });
    observer.observe(this.plot);
    this.plot.addEventListener("pointermove", (event) => {
      this.#point(event.clientX - this.plot.getBoundingClientRect().left);
    });
    this.plot.addEventListener("pointerleave", () => this.#point(undefined));
    this.plot.addEventListener("blur", () => this.#point(undefined));
    this.plot.addEventListener("keydown", (event) => {
      const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
      if (step === 0) return;
      event.preventDefault();
      this.#hover = Math.min(
        Math.max(0, (this.#hover ?? this.#points.length) + step),
        this.#points.length - 1,
      );
      this.#paint();
    });
    return observer;
  }

  /** @param {number | undefined} x */
  #point(x) {
    if (x === undefined) this.#hover = undefined;
    else {
      const at = this.#from + ((x - this.#left) / this.#innerWidth) * (this.#until - this.#from);
      const found = this.#points.findIndex((point) => point.at >= at);
      this.#hover = found === -1 ? this.#points.length - 1 : found;
    }
    this.#paint();
  }

  get #left() {
    return 52;
  }

  get #innerWidth() {
    return Math.max(1, this.#width - this.#left - MARGIN.right);
  }

  #paint() {
    if (this.#width === 0) return;
    const { series, ticks = findTicks } = this.options;
    const largest = Math.max(
      0,
      ...this.#points.flatMap((point) => series.map(({ name }) => point[name] ?? 0)),
    );
    const values = ticks(largest);
    const top = values[values.length - 1];
    const y = (/** @type {number} */ value) =>
      HEIGHT - MARGIN.bottom - (value / top) * (HEIGHT - MARGIN.bottom - MARGIN.top);
    const x = (/** @type {number} */ at) =>
      this.#left + ((at - this.#from) / (this.#until - this.#from)) * this.#innerWidth;
    this.drawing.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.drawing.setAttribute("height", String(HEIGHT));
    fill(this.drawing, ...this.#axes(values, x, y), ...this.#paths(x, y), ...this.#marks(x, y));
    this.#tell(x);
  }

  /**
   * @param {number[]} values
   * @param {(at: number) => number} x
   * @param {(value: number) => number} y
   */
  #axes(values, x, y) {
    const { axis = this.options.format } = this.options;
    const right = this.#left + this.#innerWidth;
    const lines = values.map((value) =>
      svg(
        "g",
        {},
        svg("line", { class: "grid", x1: this.#left, x2: right, y1: y(value), y2: y(value) }),
        svg(
          "text",
          { class: "axis", x: this.#left - 7, y: y(value) + 3.5, "text-anchor": "end" },
          axis(value),
        ),
      )
    );
    const times = findTimes(this.#from, this.#until, Math.max(2, Math.floor(this.#innerWidth / 80)))
      .filter((at) => x(at) > this.#left + 24 && x(at) < right - 24);
    const marks = times.map((at) =>
      svg("text", { class: "axis", x: x(at), y: HEIGHT - 6, "text-anchor": "middle" }, clock(at))
    );
    return [...lines, ...marks];
  }

  /**
   * @param {(at: number) => number} x
   * @param {(value: number) => number} y
   */
  #paths(x, y) {
    return this.options.series.flatMap(({ name }, index) => {
      const parts = splitAtGaps(thin(this.#points, name), name);
      const lone = parts.filter(({ length }) => length === 1).map(([point]) => {
        const cy = y(/** @type {number} */ (point[name]));
        return svg("circle", { class: `dot-${index}`, cx: x(point.at), cy, r: 1.8 });
      });
      const line = parts.map((points) => writePath(points, name, x, y)).join("");
      const drawn = svg("path", { class: `line line-${index}`, d: line });
      if (index > 0) return [drawn, ...lone];
      const area = parts.filter((points) => points.length > 1).map((points) =>
        `${writePath(points, name, x, y)}V${y(0)}H${x(points[0].at).toFixed(1)}Z`
      ).join("");
      return [svg("path", { class: `area area-${index}`, d: area }), drawn, ...lone];
    });
  }

  /**
   * @param {(at: number) => number} x
   * @param {(value: number) => number} y
   */
  #marks(x, y) {
    const point = this.#hover === undefined ? undefined : this.#points[this.#hover];
    if (point === undefined) return [];
    const at = x(point.at);
    const line = svg("line", {
      class: "cross",
      x1: at,
      x2: at,
      y1: MARGIN.top,
      y2: HEIGHT - MARGIN.bottom,
    });
    const dots = this.options.series.flatMap(({ name }, index) => {
      const value = point[name];
      return value === null || value === undefined
        ? []
        : [svg("circle", { class: `dot dot-${index}`, cx: at, cy: y(value), r: 3.5 })];
    });
    return [line, ...dots];
  }

  /** @param {(at: number) => number} x */
  #tell(x) {
    const { series, format, title, unit } = this.options;
    const point = this.#hover === undefined ? undefined : this.#points[this.#hover];
    // A second without messages has no latency; then the last known one is told.
    const lastOf = (/** @type {string} */ name) =>
      this.#points.findLast((one) => typeof one[name] === "number")?.[name];
    for (const { name } of series) {
      const value = point === undefined ? lastOf(name) : point[name];
      setText(/** @type {Element} */ (this.#values.get(name)), format(value));
    }
    this.tip.hidden = this.#hover === undefined || point === undefined;
    if (point !== undefined && !this.tip.hidden) {
      setText(this.tip, `${clock(point.at)} ${zone(point.at)}`);
      const half = this.tip.offsetWidth / 2;
      this.tip.style.left = `${Math.min(Math.max(x(point.at), half), this.#width - half)}px`;
    }
    const minutes = Math.round((this.#until - this.#from) / 60_000);
    const now = series.map(({ name, label }) => `${label} ${format(lastOf(name))}`).join(", ");
    this.drawing.setAttribute(
      "aria-label",
      `${title} in ${unit}, last ${minutes} minutes; now: ${now}`,
    );
  }
}

/**
 * @param {readonly Point[]} points
 * @param {string} name
 */
function splitAtGaps(points, name) {
  /** @type {Point[][]} */
  const parts = [];
  /** @type {Point[] | undefined} */
  let part;
  for (const point of points) {
    if (point[name] === null || point[name] === undefined) part = undefined;
    else if (part === undefined) parts.push(part = [point]);
    else part.push(point);
  }
  return parts;
}

/**
 * @param {readonly Point[]} points
 * @param {string} name
 * @param {(at: number) => number} x
 * @param {(value: number) => number} y
 */
function writePath(points, name, x, y) {
  const steps = points.map((point, index) =>
    `${index === 0 ? "M" : "L"}${x(point.at).toFixed(1)} ${
      y(/** @type {number} */ (point[name])).toFixed(1)
    }`
  );
  // A point alone would be invisible.
  return points.length === 1 ? `${steps[0]}h0.1` : steps.join("");
}

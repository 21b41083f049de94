/**
 * Charts as pictures of their own: an SVG with a white page, so that it can be read on a background
 * of any colour. In bars, what is ours has the accent colour and everything else is grey.
 *
 * @module
 */

export { type BarChart, type BarSeries, drawBars } from "./chart_bars.ts";
export { drawLines, type LineAxis, type LineChart, type LineSeries } from "./chart_lines.ts";

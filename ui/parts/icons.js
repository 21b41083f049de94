/**
 * The page's icons: paths in a square of 24, drawn with strokes.
 *
 * @module
 */

/** @type {Record<string, string>} */
export const ICONS = {
  overview: "M4 19V10M10 19V5M16 19v-7M22 19H2",
  streams: "M4 6h13M4 12h16M4 18h9",
  dead: "M12 3 2.5 20h19L12 3zM12 10v4M12 17v.5",
  connections: "M7 7h10v10H7zM12 7V3M12 21v-4M7 12H3M21 12h-4",
  cluster: "M12 3v6M6 15l3-3M18 15l-3-3M9 9h6v6H9zM3 15h6v6H3zM15 15h6v6h-6z",
  schedules: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.5 2",
  publish: "M4 12 20 4l-5 16-4-6-7-2zM11 14l9-10",
  events: "M5 4h14v16H5zM9 9h6M9 13h6M9 17h3",
  help:
    "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 16.8v.2",
  sun:
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M2 12h2M20 12h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  system: "M3 5h18v11H3zM9 20h6M12 16v4",
  logout: "M14 4H5v16h9M10 12h11M17 8l4 4-4 4",
  close: "M6 6l12 12M18 6 6 18",
};

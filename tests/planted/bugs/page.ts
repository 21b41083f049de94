import { type PlantedBug, tests } from "../planted_bug.ts";

/** Bugs of the page that need no browser to be found. */
export const PAGE_BUGS: readonly PlantedBug[] = [
  {
    what: "texts from the broker become HTML",
    file: "src/server/http/page/assets/page_assets.ts",
    from: "if (element.textContent !== text) element.textContent = text;",
    to: "if (element.textContent !== text) element.innerHTML = text;",
    found: tests("ui/assets_test.ts"),
  },
  {
    what: "a peak is not drawn",
    file: "ui/parts/charts/scale.js",
    from: "(other[name] ?? -1) > (one[name] ?? -1)",
    to: "(other[name] ?? -1) < (one[name] ?? -1)",
    found: tests("ui/texts_test.ts"),
  },
  {
    what: "a time with an unknown unit is taken for milliseconds",
    file: "ui/views/stream/option_fields.js",
    from: "if (size === undefined || Number.isNaN(value)) return undefined;",
    to: "if (size === undefined || Number.isNaN(value)) return Math.round(value);",
    found: tests("ui/texts_test.ts"),
  },
];

// deno-fmt-ignore-file: `deno task ui` writes this from the sources in ui/.

/** A file of the page. */
export interface PageAsset {
  /** Where it is served: `/`, or `/assets/…`. */
  readonly path: string;
  /** What it is served as. */
  readonly type: string;
  /** What is in it. */
  readonly text: string;
}

/** The files of the page. */
export const PAGE_ASSETS: readonly PageAsset[] = [
  {
    path: "/assets/app.js",
    type: "text/javascript; charset=utf-8",
    text: "document.title = \"SimpleMQ\";\n",
  },
  {
    path: "/",
    type: "text/html; charset=utf-8",
    text: "<!doctype html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n    <meta name=\"color-scheme\" content=\"light dark\">\n    <title>SimpleMQ</title>\n    <link rel=\"icon\" href=\"/assets/logo.svg\" type=\"image/svg+xml\">\n    <link rel=\"stylesheet\" href=\"/assets/style/base.css\">\n    <script type=\"module\" src=\"/assets/app.js\"></script>\n  </head>\n  <body>\n    <noscript>This page needs JavaScript. The command line needs none: simplemq top</noscript>\n    <div id=\"app\"></div>\n  </body>\n</html>\n",
  },
  {
    path: "/assets/logo.svg",
    type: "image/svg+xml",
    text: "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\" role=\"img\" aria-label=\"SimpleMQ\">\n  <rect width=\"32\" height=\"32\" rx=\"8\" fill=\"#0f6e73\" />\n  <rect x=\"6\" y=\"8\" width=\"14\" height=\"4\" rx=\"2\" fill=\"#fff\" />\n  <rect x=\"10\" y=\"14\" width=\"14\" height=\"4\" rx=\"2\" fill=\"#8fe3dc\" />\n  <rect x=\"6\" y=\"20\" width=\"9\" height=\"4\" rx=\"2\" fill=\"#fff\" />\n  <circle cx=\"24\" cy=\"22\" r=\"2.4\" fill=\"#ffc857\" />\n</svg>\n",
  },
  {
    path: "/assets/style/base.css",
    type: "text/css; charset=utf-8",
    text: ":root { color-scheme: light dark; }\n",
  },
];

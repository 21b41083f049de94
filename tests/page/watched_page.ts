/**
 * Pages of a Chromium, watched: errors in the console, exceptions, and what the content security policy
 * refuses are failures.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import axeCore from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { requireChromium } from "./chromium.ts";

/** How a page is looked at. */
export interface Looks {
  readonly theme?: "light" | "dark";
  readonly width?: number;
}

/** Messages of the console that a broker that is gone brings with it. */
const OF_NETWORK = /Failed to load resource|net::ERR_|EventSource/;

/** A Chromium for one test. */
export class Chromium implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(args: readonly string[] = []): Promise<Chromium> {
    const executablePath = await requireChromium();
    const flags = ["--no-sandbox", ...args];
    return new Chromium(await chromium.launch({ executablePath, args: flags }));
  }

  /** Opens a page, with cookies and storage of its own. */
  async open(address: string, { theme = "light", width = 1280 }: Looks = {}): Promise<WatchedPage> {
    const height = width < 600 ? 844 : 860;
    const context = await this.#browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: "reduce",
      timezoneId: "Europe/Berlin",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(45_000);
    const watched = new WatchedPage(page, context);
    await watched.watch();
    await page.goto(address);
    return watched;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** A page and what went wrong in it. */
export class WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly #mistakes: string[] = [];

  constructor(page: Page, context: BrowserContext) {
    this.page = page;
    this.context = context;
  }

  async watch(): Promise<void> {
    await this.page.addInitScript(() =>
      document.addEventListener(
        "securitypolicyviolation",
        (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
      )
    );
    this.page.on("pageerror", (error) => this.#mistakes.push(`${error.stack ?? error.message}`));
    this.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.#mistakes.push(message.text());
    });
  }

  /** Goes to a view and waits until it is there. */
  async visit(hash: string, title: string): Promise<void> {
    await this.page.evaluate((to) => location.hash = to, hash);
    await this.page.getByRole("heading", { level: 1, name: title, exact: true }).waitFor();
  }

  /** Fails if something went wrong so far. */
  assertClean(except: RegExp = /^$/): void {
    assertEquals(this.#mistakes.filter((mistake) => !except.test(mistake)), []);
  }

  /** Fails if something but the network went wrong. */
  assertCleanButNetwork(): void {
    this.assertClean(OF_NETWORK);
  }

  /** Fails if a rule of accessibility is broken, or if the view is wider than the screen. */
  async assertAccessible(name: string): Promise<void> {
    await this.page.evaluate(axeCore.source);
    const found = await this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: typeof axeCore };
      const { violations } = await axe.run({ resultTypes: ["violations"] });
      const wide = document.documentElement.scrollWidth - innerWidth;
      return [
        ...violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`),
        ...(wide > 0 ? [`it is ${wide} pixels wider than the screen`] : []),
      ];
    });
    assertEquals(found, [], name);
  }

  /** Leaves a picture, if pictures are wished. */
  async shoot(name: string): Promise<void> {
    const folder = Deno.env.get("PAGE_SHOTS");
    if (folder) await this.page.screenshot({ path: `${folder}/${name}.png` });
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

// A browser, a fresh page for each journey, and the rules that hold in all of them: nothing on the console, nothing from
// elsewhere.

import { createRequire } from "node:module";
import path from "node:path";

// Packages are in $BROWSER_PACKAGES (scripts/browser installs them there), so that none are in the source.
const from = createRequire(path.join(process.env.BROWSER_PACKAGES ?? import.meta.dirname, "package.json"));
const { chromium } = from("playwright-core");
export const axeSource = from("axe-core").source;

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const DESKTOP = { width: 1360, height: 900 };
// No journey waits longer for anything, in milliseconds.
const PATIENCE = 20_000;

const journeys = [];

// journey(name, test, options of the browser's context); `test` gets a Visit.
export function journey(name, test, options = {}) {
  journeys.push({ name, test, options });
}

export class Visit {
  constructor(browser, base, options) {
    Object.assign(this, { browser, base, options, complaints: [], expected: [], questions: [] });
  }

  async open(hash = "", options = this.options) {
    await this.context?.close();
    this.context = await this.browser.newContext({ viewport: DESKTOP, colorScheme: "light", reducedMotion: "reduce", ...options });
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(PATIENCE);
    this.page.on("pageerror", (error) => this.complain(`error on the page: ${error.stack}`));
    this.page.on("console", (message) => ["error", "warning"].includes(message.type()) && this.complain(`${message.type()} on the console: ${message.text()}`));
    this.page.on("request", (request) => {
      const { protocol, hostname, pathname } = new URL(request.url());
      const ours = ["127.0.0.1", "localhost"].includes(hostname) || ["data:", "blob:"].includes(protocol);
      // A catalogue may name images that lie elsewhere.
      if (!ours && request.resourceType() !== "image") this.complaints.push(`a request to ${request.url()}`);
      if (pathname === "/api/v1/similar") this.questions.push(request);
    });
    await this.page.goto(this.base + hash);
    await this.page.waitForFunction(() => document.querySelector(".welcome, .result, .nothing, #problem:not([hidden]), #gone:not([hidden])"));
    return this.page;
  }

  complain(text) {
    if (!this.expected.some((pattern) => pattern.test(text))) this.complaints.push(text);
  }

  // Complaints like these belong to the journey.
  expect(pattern) {
    this.expected.push(pattern);
  }

  answers() {
    return this.page.evaluate(() => Number(document.documentElement.dataset.answers ?? 0));
  }

  // Does something, and waits until an answer to it is shown.
  async answered(action) {
    const before = await this.answers();
    await action();
    await this.page.waitForFunction((count) => Number(document.documentElement.dataset.answers ?? 0) > count && document.querySelector("#answer").getAttribute("aria-busy") === "false", before);
  }

  ids() {
    return this.page.$$eval(".result", (cards) => cards.map((card) => card.dataset.id));
  }

  // A slider, as a hand would.
  slide(feature, weight) {
    return this.page.locator(`#weight-${feature}`).fill(String(weight));
  }

  // What the API says, without the page.
  async api(pathname, body) {
    const response = await fetch(this.base + pathname, body && { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${pathname}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  // Some tracks of different artists, with names that can be typed.
  async some(count) {
    const { results } = await this.api("/api/v1/similar", { targets: { energy: 0.7, valence: 0.5, tempo: 120 }, k: count + 100, max_per_artist: 1 });
    const typed = results.filter(({ track: { name, artists } }) => /^[A-Za-z][\w ]+$/.test(name) && /^[A-Za-z][\w ]+$/.test(artists[0] ?? ""));
    return typed.slice(0, count).map(({ id, track }) => ({ id, ...track }));
  }
}

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

// Runs all journeys against the server at `base`; the number that failed.
export async function run(base, only = "") {
  const browser = await launch();
  let [passed, failed] = [0, 0];
  for (const { name, test, options } of journeys.filter((each) => each.name.includes(only))) {
    const started = performance.now();
    const visit = new Visit(browser, base, options);
    try {
      await test(visit);
      if (visit.complaints.length) throw new Error(visit.complaints.join("\n"));
      passed += 1;
      console.log(`ok      ${name} (${Math.round(performance.now() - started)} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${error.stack}\n${visit.complaints.join("\n")}`);
      if (process.env.BROWSER_SHOTS) await visit.page?.screenshot({ path: path.join(process.env.BROWSER_SHOTS, `${name.replaceAll(/\W+/g, "-")}.png`) });
    }
    await visit.context?.close();
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  return failed + (passed === 0);
}

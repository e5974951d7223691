// node screenshots.mjs URL FOLDER: pictures of the page for the documentation.

import path from "node:path";
import { launch, Visit } from "./harness.mjs";

const [url, folder] = process.argv.slice(2);
const browser = await launch();
const visit = new Visit(browser, url.replace(/\/$/, ""), {});

async function picture(name, hash, options, prepare = async () => {}) {
  const page = await visit.open(hash, options);
  await page.waitForSelector(hash ? ".result" : ".start", { state: "attached" });
  await prepare(page);
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
}

// Tracks whose answer is written in letters that every font has.
const written = ({ track: { name, artists } }) => /^[\0-\u024f]*$/.test(name + artists.join(""));
const tracks = await visit.some(30);
let [first, second, third] = tracks;
for (let at = 0; at + 2 < tracks.length; at += 1) {
  [first, second, third] = tracks.slice(at);
  const { results } = await visit.api("/api/v1/similar", { seeds: [first.id, second.id], negative_seeds: [third.id], weights: { energy: 2.5, tempo: 2, key: 1 }, max_per_artist: 1 });
  if (results.every(written)) break;
}
const query = `/#like=${first.id},${second.id}&unlike=${third.id}&w.energy=2.5&w.tempo=2&w.key=1&per-artist=1`;
const map = (page) => page.waitForSelector(".lines [data-kind=result]");

await picture("welcome", "", {});
await picture("results", query, {}, async (page) => {
  await page.click(".why >> nth=0");
  await page.locator(".panel p + *").first().waitFor();
  await page.click(".compare >> nth=1");
  await page.evaluate(() => scrollTo(0, 0));
});
await picture("map", `${query}&view=map`, { colorScheme: "dark", viewport: { width: 1080, height: 760 } }, async (page) => {
  await map(page);
  await page.locator(".lines [data-kind=result] button").first().focus();
  await page.evaluate(() => scrollTo(0, 0));
});
await picture("engines", `${query}&view=engines`, {}, async (page) => page.click('#view-engines .pill:text-is("random")'));
await picture("dark", query, { colorScheme: "dark" });
await picture("phone", query, { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }, async (page) => {
  await page.evaluate(() => document.querySelector(".results").scrollIntoView());
});
await browser.close();
if (visit.complaints.length) throw new Error(visit.complaints.join("\n"));

// The map and the engines.

import assert from "node:assert/strict";
import { journey } from "./harness.mjs";

// How many pixels of the map have each of these colours of the style sheet.
const lit = (page, names) =>
  page.evaluate((variables) => {
    const canvas = document.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return variables.map((variable) => {
      canvas.style.color = `var(${variable})`;
      const wanted = getComputedStyle(canvas).color.match(/\d+/g).slice(0, 3).map(Number);
      let found = 0;
      for (let at = 0; at < data.length; at += 4) found += wanted.every((value, part) => Math.abs(data[at + part] - value) < 3);
      return found;
    });
  }, names);

journey("the answer is lit up on the map", async (visit) => {
  const [first, second] = await visit.some(2);
  const page = await visit.open(`/#like=${first.id}&unlike=${second.id}&view=map`);
  await page.waitForSelector(".lines [data-kind=result]");
  assert.equal(await page.locator(".lines [data-kind=seed]").count(), 1);
  assert.equal(await page.locator(".lines [data-kind=unlike]").count(), 1);
  assert.equal(await page.locator(".lines [data-kind=result]").count(), 10);
  const pixels = await lit(page, ["--accent", "--seed", "--minus"]);
  assert.ok(pixels.every((count) => count > 20), `pixels of results, seeds and others: ${pixels}`);
  for (const axis of await page.locator(".axis").allTextContents()) assert.ok(axis.trim());
  await page.locator(".lines [data-kind=seed] button").first().focus();
  assert.equal(await page.textContent(".tip"), first.name);
  assert.ok(await page.locator(".tip").isVisible());
});

journey("a place on the map has neighbours", async (visit) => {
  const page = await visit.open("/#view=map");
  await page.waitForSelector("canvas");
  const box = await page.locator("canvas").boundingBox();
  await page.mouse.click(box.x + box.width * 0.6, box.y + box.height * 0.5);
  await page.waitForSelector(".nearby li");
  assert.equal(await page.locator(".nearby li").count(), 8);
  const [clicked] = await page.locator(".nearby li").allTextContents();
  await page.locator("canvas").focus();
  for (let step = 0; step < 12; step += 1) await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Enter");
  await page.waitForFunction((before) => document.querySelector(".nearby li").textContent !== before, clicked);
  await visit.answered(() => page.click(".nearby button >> nth=0"));
  assert.equal(await page.locator(".chip").count(), 1);
  await page.waitForSelector(".lines [data-kind=seed]");
});

journey("the engines: measured, live, and for the last question", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}&view=engines`);
  const { indexes } = await visit.api("/api/v1/indexes");
  const { measured } = indexes.find((index) => index.served);
  const families = [...new Set(measured.map((row) => row.weights))];
  for (const family of families) {
    await page.click(`#view-engines .pill:text-is("${family}")`);
    const rows = measured.filter((row) => row.weights === family);
    assert.equal(await page.locator(".engine title").count(), rows.length, family);
    const outside = await page.$$eval(".engine > :not(.line)", (marks) => marks.filter((mark) => {
      const box = mark.getBBox();
      return box.x < 40 || box.x + box.width > 640 || box.y < 0 || box.y + box.height > 285;
    }).length);
    assert.equal(outside, 0, family);
  }
  const facts = await page.textContent(".facts");
  const answer = await visit.api("/api/v1/similar", { ...JSON.parse(visit.questions.at(-1).postData()), explain: true });
  for (const part of [answer.engine, answer.generation, "nearfield-local", " ms"]) assert.ok(facts.includes(part), `${part} is not in ${facts}`);
  await page.waitForSelector(".live table");
});

// The state in the address: sharing, back and forward.

import assert from "node:assert/strict";
import { journey } from "./harness.mjs";

// Everything that the controls show.
const controls = (page) =>
  page.evaluate(() => ({
    chips: [...document.querySelectorAll(".chip")].map((chip) => [chip.dataset.id, chip.className]),
    fields: [...document.querySelectorAll("#weights input, #weights select, #filters input, #filters select, #options input, #options select")].map((field) => [field.id, field.type === "checkbox" ? field.checked : field.value]),
    tags: [...document.querySelectorAll(".tag")].map((tag) => tag.textContent),
  }));

journey("a shared link restores everything", async (visit) => {
  const [first, second, third] = await visit.some(3);
  let page = await visit.open();
  await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
  await visit.answered(() => page.evaluate((id) => (location.hash = `like=${id}`), first.id));
  await visit.answered(() => page.locator(".result").first().locator('[aria-label^="More like this"]').click());
  await visit.answered(() => page.locator(".result").last().locator('[aria-label^="Not like this"]').click());
  await visit.answered(() => page.click("[data-profile=mood]"));
  await visit.answered(() => visit.slide("tempo", 2.5));
  await page.click('[aria-label="Aim and limits of Duration"]');
  await visit.answered(async () => {
    await page.fill("#value-filters-features-duration_ms-max", "6");
    await page.keyboard.press("Enter");
  });
  await visit.answered(async () => {
    await page.fill("#filter-year-min", "1980");
    await page.keyboard.press("Enter");
  });
  await visit.answered(async () => {
    await page.fill("#filter-notArtists", "A, B & C / D = 100 %");
    await page.keyboard.press("Enter");
  });
  await visit.answered(() => page.selectOption("#option-explicit", "1"));
  await visit.answered(() => page.fill("#option-diversity", "0.3"));
  await visit.answered(() => page.uncheck("#option-collapse"));
  await page.waitForTimeout(150);
  const [hash, shown, ids] = [await page.evaluate(() => location.hash), await controls(page), await visit.ids()];
  assert.ok(hash.length < 400 && hash.includes("w.tempo=2.5") && hash.includes("base=mood"), hash);
  page = await visit.open(`/${hash}`);
  await page.waitForSelector(".result");
  await page.waitForFunction(() => document.querySelectorAll(".chip").length === 3);
  assert.deepEqual(await visit.ids(), ids);
  assert.deepEqual(await controls(page), shown);
  assert.ok(second.id && third.id);
});

journey("back and forward go through the changes", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}`);
  const balanced = await visit.ids();
  await visit.answered(() => page.click("[data-profile=dj]"));
  const dj = await visit.ids();
  assert.notDeepEqual(dj, balanced);
  for (const weight of [2, 3, 4]) await visit.answered(() => visit.slide("energy", weight));
  const moved = await visit.ids();
  await page.click("#tab-map");
  await page.goBack();
  assert.ok(await page.locator("#view-results").isVisible());
  await visit.answered(() => page.goBack());
  assert.deepEqual(await visit.ids(), dj);
  assert.equal(await page.textContent("output[for=weight-energy]"), "1.0");
  await visit.answered(() => page.goBack());
  assert.deepEqual(await visit.ids(), balanced);
  await visit.answered(() => page.goForward());
  await visit.answered(() => page.goForward());
  assert.deepEqual(await visit.ids(), moved);
  assert.equal(await page.textContent("output[for=weight-energy]"), "4.0");
});

journey("an address that makes no sense is read as far as it does", async (visit) => {
  const page = await visit.open("/#w.energy=x&w.nonsense=2&base=none&view=nowhere&k=%ZZ&year=a..b&to.tempo=&__proto__=1&in.energy=");
  assert.ok(await page.locator(".welcome").isVisible());
  assert.equal(await page.textContent("output[for=weight-energy]"), "1.0");
});

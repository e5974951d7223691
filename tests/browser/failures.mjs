// What goes wrong, and how it is said.

import assert from "node:assert/strict";
import { journey } from "./harness.mjs";

journey("what the server refuses is said where it belongs", async (visit) => {
  visit.expect(/status of 40[04]/);
  const [track] = await visit.some(1);
  let page = await visit.open(`/#like=${track.id}&base=zero&anchor=0`);
  await page.waitForSelector("#problem:not([hidden])");
  assert.match(await page.textContent("#problem"), /Nothing matters yet/);
  await visit.answered(() => visit.slide("energy", 1));
  assert.ok(await page.locator("#problem").isHidden());
  page = await visit.open(`/#like=${track.id}&to.tempo=5000`);
  await page.waitForSelector(".field-error");
  const field = page.locator('[data-field="targets.tempo"]');
  assert.match(await field.textContent(), /tempo/);
  assert.equal(await page.getAttribute("#value-targets-tempo", "aria-invalid"), "true");
  assert.match(await page.getAttribute("#value-targets-tempo", "aria-describedby"), /field-error/);
  await visit.answered(async () => {
    await page.fill("#value-targets-tempo", "120");
    await page.keyboard.press("Enter");
  });
  assert.equal(await page.locator(".field-error").count(), 0);
  page = await visit.open("/#like=AAAAAAAAAAAAAAAAAAAAAA");
  await page.waitForSelector("#problem:not([hidden])");
  await page.waitForFunction(() => document.querySelector(".chip").textContent.includes("not in this catalogue"));
});

journey("filters that leave nothing say so", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}&year=1001..1002`);
  assert.match(await page.textContent(".nothing"), /No track passes/);
  await page.click("#filters-fold > summary");
  await visit.answered(() => page.click("#reset-filters"));
  assert.equal(await page.locator(".nothing").count(), 0);
});

journey("a server that is gone, and comes back", async (visit) => {
  visit.expect(/ERR_FAILED|Failed to load resource/);
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}`);
  const gone = (route) => route.abort();
  await page.route("**/api/**", gone);
  await page.route("**/healthz", gone);
  await visit.slide("energy", 4);
  await page.waitForSelector("#gone:not([hidden])");
  assert.match(await page.textContent("#gone"), /does not answer/);
  assert.ok((await visit.ids()).length > 0, "the last answer stays");
  await visit.answered(async () => {
    await page.unroute("**/api/**", gone);
    await page.unroute("**/healthz", gone);
  });
  assert.ok(await page.locator("#gone").isHidden());
});

journey("covers, where there are any", async (visit) => {
  visit.expect(/ERR_FAILED|Failed to load resource/);
  const page = await visit.open();
  const png = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M/wHwAEBgIApD5fRAAAAABJRU5ErkJggg==", "base64");
  await page.route("https://covers.example/**", (route) => (route.request().url().endsWith("there.png") ? route.fulfill({ contentType: "image/png", body: png }) : route.abort()));
  await page.route("**/api/v1/similar", async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    for (const result of json.results) result.track.album_image = null;
    json.results[0].track.album_image = "https://covers.example/there.png";
    json.results[1].track.album_image = "https://covers.example/gone.png";
    await route.fulfill({ response, json });
  });
  await visit.answered(() => page.click("text=Quiet and acoustic"));
  await page.waitForFunction(() => document.querySelector("img.cover")?.naturalWidth === 1 && document.querySelectorAll(".result .cover.drawn").length === document.querySelectorAll(".result").length - 1);
});

journey("titles are text, whatever they hold", async (visit) => {
  const page = await visit.open();
  await page.route("**/api/v1/similar", async (route) => {
    const response = await route.fetch();
    const json = await response.json();
    for (const result of json.results) result.track.name = '<img src=x onerror="document.title=1"><b>bold</b>';
    await route.fulfill({ response, json });
  });
  await visit.answered(() => page.click("text=Quiet and acoustic"));
  assert.match(await page.textContent(".result h3 >> nth=0"), /<b>bold<\/b>/);
  assert.equal(await page.locator(".result h3 b").count(), 0);
  assert.equal(await page.title(), "nearfield");
});

// Keyboard, screen readers, small screens, dark colours.

import assert from "node:assert/strict";
import { axeSource, journey } from "./harness.mjs";

journey("everything by keyboard alone", async (visit) => {
  const page = await visit.open();
  const [track] = await visit.some(1);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.className);
  const tabTo = async (wanted, limit = 120) => {
    for (let count = 0; count < limit; count += 1) {
      if ((await focused()).includes(wanted)) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab does not lead to ${wanted}`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "skip");
  await tabTo("search");
  await page.keyboard.type(`${track.name} ${track.artists[0]}`);
  await page.locator("#found [role=option] b").first().waitFor();
  await page.keyboard.press("ArrowDown");
  const active = await page.getAttribute("#search", "aria-activedescendant");
  assert.equal(await page.getAttribute(`#${active}`, "aria-selected"), "true");
  await visit.answered(() => page.keyboard.press("Enter"));
  const before = await visit.ids();
  await page.waitForFunction(() => document.querySelector("#status").textContent.includes("First:"));
  await tabTo("weight-energy");
  for (let press = 0; press < 30; press += 1) await page.keyboard.press("ArrowRight");
  await page.waitForFunction((ids) => [...document.querySelectorAll(".result")].map((card) => card.dataset.id).join() !== ids, before.join());
  assert.equal(await page.textContent("output[for=weight-energy]"), "4.0");
  await tabTo("tab-results");
  await page.keyboard.press("ArrowRight");
  assert.equal(await focused(), "tab-map");
  assert.ok(await page.locator("#view-map").isVisible());
  await page.keyboard.press("End");
  assert.ok(await page.locator("#view-engines").isVisible());
  await page.keyboard.press("Home");
  assert.ok(await page.locator("#view-results").isVisible());
  await tabTo("compare");
  await page.keyboard.press("Enter");
  assert.ok(await page.locator(".result table").first().isVisible());
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "where the focus is can be seen");
});

// What keeps people out, by axe-core.
async function check(page, what) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const bad = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = bad.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`).join(" | ")}`);
  assert.deepEqual(told, [], what);
}

for (const colorScheme of ["light", "dark"]) {
  journey(`no barriers in any view, ${colorScheme}`, async (visit) => {
    const [first, second] = await visit.some(2);
    let page = await visit.open();
    await page.waitForSelector(".start");
    await check(page, "welcome");
    page = await visit.open(`/#like=${first.id}&unlike=${second.id}&in.tempo=60..200&genres=pop,rock&base=playlist`);
    await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
    if (await page.locator(".result").count()) {
      await page.click(".compare >> nth=0");
      await page.click(".why >> nth=0");
      await page.locator(".panel p").first().waitFor();
      await page.click('.result [aria-label^="I like"] >> nth=0');
    }
    await check(page, "results");
    await page.fill("#search", "a");
    await page.waitForSelector("#found [role=option] b");
    await page.keyboard.press("ArrowDown");
    await check(page, "search");
    for (const view of ["map", "engines"]) {
      await page.click(`#tab-${view}`);
      await page.waitForSelector(view === "map" ? "#view-map .lines li" : ".live > *");
      await check(page, view);
    }
  }, { colorScheme });
}

journey("nothing is cut off at 360 pixels", async (visit) => {
  const [first, second] = await visit.some(2);
  for (const hash of ["", `/#like=${first.id}&unlike=${second.id}`, `/#like=${first.id}&view=map`, `/#like=${first.id}&view=engines`]) {
    const page = await visit.open(hash);
    await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => (fold.open = true)));
    if (await page.locator(".result .compare").first().isVisible()) {
      await page.click(".compare >> nth=0");
      await page.click(".why >> nth=0");
    }
    await page.waitForLoadState("networkidle");
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide[0] <= wide[1], `${hash}: ${wide}`);
    const small = await page.$$eval("button, input, summary", (targets) => targets.filter((target) => target.offsetParent && target.getBoundingClientRect().height < 20).map((target) => target.outerHTML.slice(0, 120)));
    assert.deepEqual(small, [], "large enough to be hit");
  }
}, { viewport: { width: 360, height: 740 } });

journey("light and dark, as the system says or as chosen", async (visit) => {
  const page = await visit.open("", { colorScheme: "dark" });
  const brightness = () => page.evaluate(() => Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]));
  assert.ok((await brightness()) < 60);
  await page.click("#theme");
  assert.ok((await brightness()) > 200, "chosen: light");
  await page.reload();
  assert.ok((await brightness()) > 200, "still light after a reload");
  await page.click("#theme");
  assert.ok((await brightness()) < 60, "chosen: dark");
  await page.click("#theme");
  await page.emulateMedia({ colorScheme: "light" });
  assert.ok((await brightness()) > 200, "as the system says");
});

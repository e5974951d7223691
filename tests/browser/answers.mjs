// What the answer shows of itself: bars, differences, counterfactuals, thumbs.

import assert from "node:assert/strict";
import { journey } from "./harness.mjs";

journey("bars add up to the similarity that is shown", async (visit) => {
  const [first, second] = await visit.some(2);
  const page = await visit.open(`/#like=${first.id}&unlike=${second.id}&base=playlist&k=30`);
  const bars = await page.$$eval(".result", (cards) =>
    cards.map((card) => {
      const width = (selector) => [...card.querySelectorAll(selector)].reduce((sum, part) => sum + parseFloat(part.style.width), 0);
      const at = (selector) => parseFloat(card.querySelector(selector).style.left);
      const parts = [...card.querySelectorAll(".part")].map((part) => [parseFloat(part.style.left), parseFloat(part.style.left) + parseFloat(part.style.width)]);
      const ends = [Math.min(...parts.map(([left]) => left)), Math.max(...parts.map(([, right]) => right))];
      const bar = card.querySelector(".bar").clientWidth;
      const drawn = Math.max(...[...card.querySelectorAll(".part")].map((part) => Math.abs(part.getBoundingClientRect().width - (bar * parseFloat(part.style.width)) / 100)));
      return { ends, drawn, shown: Number(card.querySelector(".similarity").textContent), sum: Number(card.querySelector(".bar").dataset.sum), plus: width(".plus, .anchor"), minus: width(".minus"), zero: at(".zero"), mark: at(".sum"), label: card.querySelector(".bar").ariaLabel };
    }),
  );
  assert.equal(bars.length, 30);
  for (const bar of bars) {
    assert.ok(Math.abs(bar.sum - bar.shown) < 0.0006, `${bar.sum} is not ${bar.shown}`);
    assert.ok(Math.abs(bar.zero + bar.plus - bar.minus - bar.mark) < 0.01, JSON.stringify(bar));
    assert.ok(bar.drawn < 1, `a part is ${bar.drawn} pixels too wide`);
    assert.ok(Math.abs(bar.ends[0] - (bar.zero - bar.minus)) < 0.01 && Math.abs(bar.ends[1] - (bar.zero + bar.plus)) < 0.01, "each on its side of zero");
    assert.ok(Math.abs((bar.mark - bar.zero) / bar.shown - (bars[0].mark - bars[0].zero) / bars[0].shown) < 0.2, "one scale for all");
    assert.match(bar.label, /adding up to/);
  }
});

journey("differences, feature by feature", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}`);
  const { results } = await visit.api("/api/v1/similar", { ...JSON.parse(visit.questions.at(-1).postData()), explain: true });
  const { explanation } = results[0];
  assert.equal(await page.textContent(".sentence >> nth=0"), explanation.summary);
  await page.click(".compare >> nth=0");
  const rows = await page.locator(".result >> nth=0").locator("tbody tr").allTextContents();
  assert.equal(rows.length, Object.keys(explanation.contributions).length);
  const { text, query_text: query, track_text: value } = explanation.differences.tempo;
  const tempo = rows.find((row) => row.startsWith("Tempo"));
  for (const part of [query, value, text]) assert.ok(tempo.includes(part), `${part} is not in ${tempo}`);
  assert.ok((await page.locator(".strip").count()) > 5);
  await visit.answered(() => visit.slide("tempo", 3));
  assert.ok(await page.locator(".result table").first().isVisible(), "what was open stays open");
});

journey("the change that would drop a track drops it", async (visit) => {
  const [track] = await visit.some(1);
  // The plain ranking is what counterfactuals are about.
  const page = await visit.open(`/#like=${track.id}&duplicates=show&engine=exact`);
  const ids = await visit.ids();
  const last = page.locator(".result").last();
  await last.locator(".why").click();
  await last.locator(".changes button").first().waitFor();
  await visit.answered(() => last.locator(".changes button").first().click());
  const now = await visit.ids();
  assert.ok(!now.includes(ids.at(-1)), "it is still there");
});

journey("a track from outside is brought in by what is said", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}&duplicates=show&engine=exact&k=10`);
  const { results } = await visit.api("/api/v1/similar", { seeds: [track.id], k: 40, collapse_duplicates: false, max_per_artist: null });
  const there = new Set(await visit.ids());
  for (const wanted of results.slice(10).filter(({ id, track: { name } }) => name && !there.has(id))) {
    await page.fill("#elsewhere", "");
    await page.locator("#elsewhere").pressSequentially(`${wanted.track.name} ${wanted.track.artists[0] ?? ""}`);
    await page.locator("#elsewhere-found [role=option] b").first().waitFor();
    const place = await page.$$eval("#elsewhere-found [role=option] b", (options, name) => options.findIndex((option) => option.textContent === name), wanted.track.name);
    if (place < 0) continue;
    const asked = page.waitForRequest("**/api/v1/explain");
    await page.click(`#elsewhere-found [role=option] >> nth=${place}`);
    const { track: id } = JSON.parse((await asked).postData());
    const panel = page.locator(".elsewhere .panel");
    await panel.locator("h4, .muted:has-text('No change')").first().waitFor();
    if (there.has(id) || !(await panel.locator("h4").count())) continue;
    await visit.answered(() => panel.locator(".changes button").first().click());
    return assert.ok((await visit.ids()).includes(id), "it did not come in");
  }
  assert.fail("no track could be brought in by one weight");
});

journey("thumbs teach weights", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}&k=20`);
  for (const at of [0, 1, 2, 3, 4]) await page.locator(".result").nth(at).locator('[aria-label^="I like"]').click();
  for (const at of [15, 16, 17]) await page.locator(".result").nth(at).locator('[aria-label^="I do not like"]').click();
  assert.match(await page.textContent(".taste"), /5 liked, 3 not/);
  assert.equal(await page.locator('.actions [aria-pressed="true"]').count(), 8);
  await page.click("text=Learn what matters");
  await page.waitForSelector(".learned meter");
  const shown = await page.$$eval(".learned tbody tr", (rows) => rows.map((row) => Number(row.cells[1].textContent)));
  await visit.answered(() => page.click("text=Use these weights"));
  const sliders = await page.$$eval(".slider output", (outputs) => outputs.map((output) => Number(output.textContent)));
  assert.deepEqual(sliders.filter((weight) => weight > 0).sort(), shown.filter((weight) => weight > 0).sort());
  await page.reload();
  await page.waitForSelector(".result");
  assert.match(await page.textContent(".taste"), /5 liked, 3 not/);
  await page.click("text=Forget them");
  assert.equal(await page.locator(".taste").count(), 0);
  assert.equal(await page.locator('.actions [aria-pressed="true"]').count(), 0);
});

journey("a result becomes a seed, or what not to be like", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}`);
  const [first, second] = await visit.ids();
  await visit.answered(() => page.locator(".result").first().locator('[aria-label^="More like this"]').click());
  assert.ok(!(await visit.ids()).includes(first));
  assert.equal(await page.getAttribute(".chip >> nth=1", "data-id"), first);
  assert.equal(await page.evaluate(() => document.activeElement.id), "answer");
  const card = page.locator(`.result[data-id="${second}"]`);
  if (await card.count()) {
    await visit.answered(() => card.locator('[aria-label^="Not like this"]').click());
    assert.equal(await page.getAttribute(".chip.unlike", "data-id"), second);
  }
});

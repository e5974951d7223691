// Choosing tracks, weights, targets and filters.

import assert from "node:assert/strict";
import { journey } from "./harness.mjs";

journey("the first visit explains itself and has examples", async (visit) => {
  const page = await visit.open();
  assert.match(await page.textContent(".welcome"), /Choose.*Weigh.*See why/s);
  await page.waitForSelector(".start");
  assert.equal(await page.locator(".start").count(), 3);
  await visit.answered(() => page.click("text=High energy, 128 BPM"));
  assert.equal((await visit.ids()).length, 10);
  assert.equal(await page.inputValue("#value-targets-tempo"), "128");
  await visit.page.goBack();
  await page.waitForSelector(".start");
  await visit.answered(() => page.click(".start >> nth=0"));
  assert.equal(await page.locator(".chip").count(), 1);
});

journey("a track is found while its title is typed, and added", async (visit) => {
  const page = await visit.open();
  const [track] = await visit.some(1);
  await page.locator("#search").pressSequentially(`${track.name.slice(0, 12)} ${track.artists[0]}`.trim());
  await page.waitForFunction((name) => document.querySelector("#found [role=option] b")?.textContent === name, track.name);
  assert.equal(await page.getAttribute("#search", "aria-expanded"), "true");
  await visit.answered(() => page.click("#found [role=option] >> nth=0"));
  assert.match(await page.textContent(".chip"), new RegExp(track.name.slice(0, 8).replaceAll(/\W/g, ".")));
  assert.equal(await page.inputValue("#search"), "");
  assert.equal(await page.getAttribute("#search", "aria-expanded"), "false");
  assert.ok((await visit.ids()).length > 0);
});

journey("several tracks, and one not to be like", async (visit) => {
  const [first, second, third] = await visit.some(3);
  const page = await visit.open(`/#like=${first.id}`);
  const one = await visit.ids();
  const add = async (track, key) => {
    await page.fill("#search", "");
    await page.locator("#search").pressSequentially(`${track.name} ${track.artists[0]}`);
    const option = page.locator("#found [role=option]", { hasText: track.name }).first();
    await option.waitFor();
    await page.keyboard.press("ArrowDown");
    await visit.answered(() => page.keyboard.press(key));
  };
  await add(second, "Enter");
  const two = await visit.ids();
  assert.notDeepEqual(two, one);
  await add(third, "Shift+Enter");
  assert.equal(await page.locator(".chip").count(), 3);
  assert.equal(await page.locator(".chip.unlike").count(), 1);
  assert.notDeepEqual(await visit.ids(), two);
  const body = JSON.parse(visit.questions.at(-1).postData());
  assert.deepEqual([body.seeds.length, body.negative_seeds.length], [2, 1]);
  await visit.answered(() => page.click(".chip.unlike .chip-button >> nth=0"));
  assert.equal(await page.locator(".chip.unlike").count(), 0);
  await visit.answered(() => page.click(".chip .chip-button[aria-label^=Remove] >> nth=2"));
  assert.equal(await page.locator(".chip").count(), 2);
});

journey("results follow a slider", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}&k=20`);
  const before = await visit.ids();
  const box = await page.locator("#weight-energy").boundingBox();
  const count = await visit.answers();
  await page.mouse.move(box.x + box.width * 0.2, box.y + box.height / 2);
  await page.mouse.down();
  for (let step = 20; step <= 100; step += 2) await page.mouse.move(box.x + (box.width * step) / 100, box.y + box.height / 2);
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelector("#answer").getAttribute("aria-busy") === "false" && location.hash.includes("w.energy=5"));
  await page.waitForFunction((least) => Number(document.documentElement.dataset.answers) > least, count);
  assert.notDeepEqual(await visit.ids(), before);
  assert.equal(await page.textContent("output[for=weight-energy]"), "5.0");
  // From the slider's event to the frame that shows the new results. Reported, not judged: it depends on the machine.
  const times = [];
  for (let step = 1; step <= 20; step += 1) {
    times.push(await page.evaluate((weight) => new Promise((resolve) => {
      const started = performance.now();
      const shown = (_, observer) => {
        observer.disconnect();
        requestAnimationFrame(() => resolve(performance.now() - started));
      };
      new MutationObserver(shown).observe(document.documentElement, { attributeFilter: ["data-answers"] });
      const slider = document.querySelector("#weight-valence");
      slider.value = weight;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }), (step % 5) + 0.5));
  }
  times.sort((a, b) => a - b);
  console.log(`        from slider to new results: median ${times[10].toFixed(0)} ms, worst of ${times.length} ${times.at(-1).toFixed(0)} ms`);
  await visit.answered(() => page.click("[data-profile=dj]"));
  assert.equal(await page.textContent("output[for=weight-key]"), "1.0");
  assert.equal(await page.textContent("output[for=weight-energy]"), "1.0");
  await visit.answered(() => page.click("#reset-weights"));
  assert.deepEqual(await visit.ids(), before);
});

journey("an old answer never replaces a newer one", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}`);
  let release;
  const held = new Promise((resolve) => (release = resolve));
  let delayed = 0;
  await page.route("**/api/v1/similar", async (route) => {
    const { weights } = JSON.parse(route.request().postData());
    if (weights.energy === 5) {
      delayed += 1;
      await held;
    }
    // The page may have given it up.
    await route.continue().catch(() => {});
  });
  await visit.slide("energy", 5);
  await page.waitForFunction(() => document.querySelector("#answer").getAttribute("aria-busy") === "true");
  while (!delayed) await page.waitForTimeout(5);
  const count = await visit.answers();
  await visit.slide("energy", 0);
  await page.waitForFunction((least) => Number(document.documentElement.dataset.answers) > least, count);
  const newest = await visit.ids();
  release();
  await page.waitForLoadState("networkidle");
  assert.deepEqual(await visit.ids(), newest);
  assert.equal(await visit.answers(), count + 1);
  assert.equal(await page.locator("[data-share=energy]").count(), 0);
});

journey("a value to aim at, and limits", async (visit) => {
  const page = await visit.open();
  await page.click('[aria-label="Aim and limits of Tempo"]');
  await visit.answered(async () => {
    await page.fill("#value-targets-tempo", "100");
    await page.keyboard.press("Enter");
  });
  await visit.answered(async () => {
    await page.fill("#value-filters-features-tempo-max", "98");
    await page.keyboard.press("Enter");
  });
  for (const id of await visit.ids()) {
    const { features } = await visit.api(`/api/v1/tracks/${id}`);
    assert.ok(features.tempo <= 98 && features.tempo > 80, `${id} has ${features.tempo} BPM`);
  }
  assert.match(await page.textContent("#filters-note"), /1 set/);
});

journey("filters hold", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}&k=30`);
  await page.click("#filters-fold > summary");
  await visit.answered(async () => {
    await page.fill("#filter-year-min", "2000");
    await page.keyboard.press("Enter");
  });
  await visit.answered(async () => {
    await page.fill("#filter-year-max", "2009");
    await page.keyboard.press("Enter");
  });
  const { results } = await visit.api("/api/v1/similar", JSON.parse(visit.questions.at(-1).postData()));
  assert.ok(results.length > 0 && results.every((result) => result.track.year >= 2000 && result.track.year <= 2009));
  assert.deepEqual(await visit.ids(), results.map((result) => result.id));
  const genre = results.flatMap((result) => result.track.genres)[0];
  if (genre) {
    await visit.answered(() => page.click(`.genre:text-is("${genre}") >> nth=0`));
    assert.equal(await page.textContent("#filters .tag"), genre);
    await visit.answered(() => page.click("#filters .tag button"));
  }
  const artist = results[0].track.artists[0];
  await visit.answered(async () => {
    await page.fill("#filter-notArtists", artist);
    await page.keyboard.press("Enter");
  });
  assert.ok(!(await page.locator(".names p >> nth=0").allTextContents()).includes(artist));
  await visit.answered(() => page.click("#reset-filters"));
  await visit.answered(() => page.selectOption("#option-explicit", "1"));
  const clean = await visit.api("/api/v1/similar", JSON.parse(visit.questions.at(-1).postData()));
  assert.ok(clean.results.every((result) => result.track.explicit === false));
});

journey("how the answer is made up", async (visit) => {
  const [track] = await visit.some(1);
  const page = await visit.open(`/#like=${track.id}`);
  await page.click("#options-fold > summary");
  await visit.answered(async () => {
    await page.fill("#option-k", "25");
    await page.keyboard.press("Enter");
  });
  assert.equal((await visit.ids()).length, 25);
  await visit.answered(() => page.fill("#option-diversity", "0.8"));
  await visit.answered(async () => {
    await page.fill("#option-perArtist", "1");
    await page.keyboard.press("Enter");
  });
  const body = JSON.parse(visit.questions.at(-1).postData());
  assert.deepEqual([body.k, body.diversity, body.max_per_artist], [25, 0.8, 1]);
  const { results } = await visit.api("/api/v1/similar", body);
  const main = results.map((result) => result.track.artists[0]).filter(Boolean);
  assert.equal(new Set(main).size, main.length);
  assert.deepEqual(await visit.ids(), results.map((result) => result.id));
});

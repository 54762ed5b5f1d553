// How the page arrives: the release page's program comes in two parts, and nobody waits for the second.
import assert from "node:assert/strict";

// Requests for the second part, by who asked: `fetch` beforehand, `xmlhttprequest` in the midst of a call.
const asked = (page) =>
  page.evaluate(() =>
    performance.getEntriesByType("resource").filter((r) => r.name.endsWith("_rest.wasm")).map((r) => r.initiatorType));

export async function load({ withPage, region, run, shows, until, PROMPT }) {
  await withPage("the rest of the program", { firstVisit: true }, async (page) => {
    if (!(await page.locator('meta[name="podarium-rest"]').count())) return; // a development build is one part
    await region(page, "Pod").getByRole("heading", { name: "kubia-http" }).waitFor({ timeout: 10_000 });
    await until("the rest", async () => (await asked(page)).length > 0);
    // No function of it was called before it came.
    assert.deepEqual(await asked(page), ["fetch"]);
    await run(page, "kubectl explain pod.spec.hostname");
    await shows(page, /Specifies the hostname of the Pod/);
    assert.deepEqual(await asked(page), ["fetch"]);
  });

  await withPage("the rest of the program, needed before it came", {
    before: (page) => page.route(/_rest\.wasm$/, (route) => (route.request().resourceType() === "fetch" ? undefined : route.continue())),
  }, async (page) => {
    if (!(await page.locator('meta[name="podarium-rest"]').count())) return;
    await shows(page, PROMPT);
    await run(page, "kubectl explain pod.spec.hostname");
    await shows(page, /Specifies the hostname of the Pod/);
    assert.deepEqual(await asked(page), ["xmlhttprequest"]);
  });
}

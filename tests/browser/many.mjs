// Figures: 5000 pods on 100 nodes, and keys in a file of a thousand lines. Each prints what it measured. The first takes
// minutes and runs only if ONLY names it.
import assert from "node:assert/strict";

const PODS = Number(process.env.PODS ?? 5000);

// Milliseconds: half of them at most, all but one in twenty, the longest.
const spread = (all) => {
  const sorted = [...all].sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  return { half: at(0.5), most: at(0.95), longest: sorted.at(-1) ?? 0 };
};
const said = ({ half, most, longest }) => `${half.toFixed(1)} ms, p95 ${most.toFixed(1)}, longest ${longest.toFixed(1)}`;

// What blocks the main thread for more than 50 ms while `body` runs, and the times between frames.
async function watched(page, body) {
  await page.evaluate(() => {
    const seen = (globalThis.seen = { tasks: [], frames: [], on: true });
    seen.observer = new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((e) => e.duration)));
    seen.observer.observe({ type: "longtask" });
    let last = performance.now();
    const frame = (at) => {
      seen.frames.push(at - last);
      last = at;
      if (seen.on) requestAnimationFrame(frame);
    };
    requestAnimationFrame((at) => {
      last = at;
      requestAnimationFrame(frame);
    });
  });
  await body();
  // The observer tells a task after it.
  await page.waitForTimeout(150);
  return page.evaluate(() => {
    seen.on = false;
    seen.observer.disconnect();
    return { tasks: seen.tasks, frames: seen.frames };
  });
}

export async function many({ withPage, region, button, until, shows, run, log, out, PROMPT }) {
  if (process.env.ONLY) {
    await withPage("five thousand pods", {}, async (page) => {
      await shows(page, PROMPT);
      await page.getByTitle("Number and size of nodes").click();
      await page.getByLabel("worker nodes").fill("99");
      await button(page, "New cluster").click();
      await shows(page, PROMPT, 120_000);
      const cluster = region(page, "Cluster");
      await cluster.locator(".dense-scene").waitFor({ timeout: 60_000 });
      const began = Date.now();
      await button(page, "Speed max").click();
      if (await button(page, "Play").count()) await button(page, "Play").click();
      await run(page, `kubectl create deployment web --image=nginx --replicas=${PODS}`, /created/, 60_000);
      const counted = cluster.getByRole("button", { name: `${PODS} pods: running`, exact: true });
      await counted.waitFor({ timeout: 900_000 });
      log(`${PODS} pods on 100 nodes ran after ${((Date.now() - began) / 1000).toFixed(1)} s`);
      await button(page, "Pause").click();
      await page.waitForTimeout(2000);
      const box = await cluster.boundingBox();
      const at = { x: box.x + box.width / 2, y: box.y + box.height * 0.7 };
      // By wheel and pointer: up and down, over the pods.
      const pan = async () => {
        await page.mouse.move(at.x, at.y);
        for (let i = 0; i < 40; i++) {
          await page.mouse.wheel(0, i % 20 < 10 ? 60 : -60);
          await page.mouse.move(at.x + Math.sin(i) * 200, at.y + Math.cos(i) * 40);
        }
      };
      const panned = await watched(page, pan);
      log(`panning: frames ${said(spread(panned.frames))}; ${panned.tasks.length} tasks over 50 ms`);
      // The cluster alone, larger.
      const zoomed = await watched(page, async () => {
        await page.keyboard.press("F1");
        await page.keyboard.type("only the cluster");
        await page.keyboard.press("Enter");
        await region(page, "Pod").waitFor({ state: "hidden" });
        await page.waitForTimeout(500);
      });
      log(`the cluster alone: frames ${said(spread(zoomed.frames))}; tasks over 50 ms: ${zoomed.tasks.map(Math.round).join(", ") || "none"}`);
      const wide = await watched(page, pan);
      log(`panning it: frames ${said(spread(wide.frames))}; ${wide.tasks.length} tasks over 50 ms`);
      await page.screenshot({ path: `${out}/many.png` });
      const found = await watched(page, async () => {
        await page.locator(".logo").click();
        await page.keyboard.press("/");
        await until("the search to have the focus", () => page.evaluate(() => document.activeElement.matches("[type=search]")));
        await page.keyboard.type("app=web node:worker7", { delay: 60 });
        await cluster.getByText(/^\d+ match$/).waitFor();
        await page.waitForTimeout(300);
      });
      log(`searching: frames ${said(spread(found.frames))}; tasks over 50 ms: ${found.tasks.map(Math.round).join(", ") || "none"}`);
      assert.deepEqual(panned.tasks, [], "no long task while panning");
      assert.deepEqual(wide.tasks, [], "no long task while panning the cluster alone");
    });
  }

  await withPage("keys in a thousand lines", {}, async (page) => {
    await shows(page, PROMPT);
    await button(page, "Pause").click();
    const pod = (i) => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod-${i}\nspec:\n  containers:\n  - name: main\n    image: nginx\n    ports:\n    - containerPort: 80\n`;
    const text = Array.from({ length: 91 }, (_, i) => pod(i)).join("---\n");
    assert.ok(text.split("\n").length >= 1000);
    await button(page, "New file").click();
    await page.getByLabel("Name of the file").fill("thousand.yaml");
    await page.keyboard.press("Enter");
    await page.locator(".cm-content").click();
    await page.keyboard.insertText(text);
    await page.waitForTimeout(800);
    // One bracket more at the end is an error, one less is none.
    await page.keyboard.insertText("---\nkind: Pod\napiVersion: v1\nmetadata: {name: last}\nspec: {containers: [{name: a, image: b}]}");
    await page.waitForTimeout(800);
    await page.evaluate(() => {
      const content = document.querySelector(".cm-content");
      globalThis.keys = { text: [], marks: [] };
      // Not keydown: what the browser does between the two isn't the page's.
      content.addEventListener("beforeinput", () => {
        const began = performance.now();
        let drawn = false;
        const observer = new MutationObserver((changes) => {
          const now = performance.now() - began;
          if (!drawn) keys.text.push(now);
          drawn = true;
          // An error's mark that wasn't there.
          const error = ".cm-lintRange-error, .cm-lintPoint-error, .cm-lint-marker-error";
          const mark = changes.some((c) => [...c.addedNodes].some((n) => n.matches?.(error) || n.querySelector?.(error)));
          if (mark) {
            keys.marks.push(now);
            observer.disconnect();
          }
        });
        observer.observe(content.closest(".cm-editor"), { childList: true, subtree: true, characterData: true });
        setTimeout(() => observer.disconnect(), 900);
      }, true);
    });
    for (let i = 0; i < 6; i++) {
      for (const key of ["}", "Backspace"]) {
        await page.keyboard.press(key);
        await page.waitForTimeout(950);
      }
    }
    const { text: drawn, marks } = await page.evaluate(() => keys);
    assert.ok(drawn.length > 5 && marks.length > 0, "keys were drawn and marked");
    log(`a key in a thousand lines: drawn after ${said(spread(drawn))}; errors marked after ${said(spread(marks))}`);
    assert.ok(spread(drawn).half < 60, "keys are drawn at once, even by a page that isn't built for speed");
  });

  await withPage("back in an hour of three pods", {}, async (page) => {
    await shows(page, PROMPT);
    const clock = region(page, "Clock");
    await run(page, "kubectl apply -f kubia-http.yaml -f kubia-ssl.yaml", /kubia-ssl created/);
    await run(page, "kubectl run crash --image=busybox -- sh -c 'sleep 3; exit 1'", /crash created/);
    await button(page, "Pause").click();
    const shown = async () => (await clock.locator("output").textContent()).split(":").reduce((all, part) => all * 60 + Number(part), 0);
    for (let i = 1; i <= 6; i++) {
      await clock.getByRole("button", { name: "Run until" }).click();
      await clock.getByRole("group", { name: "Run until" }).getByRole("button", { name: /10 minutes/ }).click();
      await until("ten minutes more", async () => (await shown()) > i * 600);
      await button(page, "Play").waitFor();
    }
    const hour = await shown();
    await region(page, "Timeline").getByRole("slider", { name: "Playhead" }).focus();
    // From a key until the page is drawn as it was then.
    const went = async (key) => {
      await page.waitForTimeout(1500);
      await page.evaluate(() => {
        addEventListener("keydown", () => {
          const began = performance.now();
          const observer = new MutationObserver(() => {
            if (document.querySelector(".step").textContent.includes("Going to")) return;
            observer.disconnect();
            requestAnimationFrame(() => setTimeout(() => (globalThis.took = performance.now() - began)));
          });
          observer.observe(document.querySelector("[aria-label=Clock]"), { childList: true, subtree: true, characterData: true });
        }, { capture: true, once: true });
        globalThis.took = undefined;
      });
      const from = await shown();
      await page.keyboard.press(key);
      const took = await until(`${key} to work`, () => page.evaluate(() => globalThis.took));
      await page.waitForTimeout(300);
      return { took, by: (await shown()) - from };
    };
    const said = [];
    for (const key of ["ArrowLeft", "j", "J", "J", "J", "Home", "L", "L", "End", "J"]) {
      const { took, by } = await went(key);
      said.push(`${by.toFixed(0)} s in ${took.toFixed(0)} ms`);
    }
    log(`in ${hour.toFixed(0)} s of three pods: ${said.join(", ")}`);
  });
}

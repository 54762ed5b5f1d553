// The clock and the timeline: forward, back, branches, and what a reload keeps.
import assert from "node:assert/strict";
import { accessible } from "./harness.mjs";

const CRASH = `apiVersion: v1
kind: Pod
metadata:
  name: crash
spec:
  containers:
  - name: main
    image: busybox:1.36
    command: [sh, -c, "sleep 3; exit 1"]
    readinessProbe:
      exec: {command: ["true"]}
      periodSeconds: 2
`;

export async function time({ withPage, region, button, until, shows, run, apply, collisions, out, PROMPT }) {
  const clock = (page) => region(page, "Clock").locator("output").textContent();
  const seconds = async (page) => (await clock(page)).split(":").reduce((all, part) => all * 60 + Number(part), 0);
  const phase = (page) => region(page, "Pod").locator(".status").first().textContent();
  // Into a menu of the clock.
  const choose = async (page, menu, item) => {
    await region(page, "Clock").getByRole("button", { name: menu }).click();
    await region(page, "Clock").getByRole("group", { name: menu }).getByRole("button", { name: item }).click();
  };
  // Where a time stands on the axis, by its label.
  const axis = (page) =>
    page.evaluate(() => [...document.querySelectorAll(".time-scene .axis text")].map((t) => {
      const { left, right, top, bottom } = t.getBoundingClientRect();
      return { said: t.textContent, x: (left + right) / 2, y: (top + bottom) / 2 };
    }));
  const starts = async (page) => {
    await shows(page, PROMPT);
    await apply(page, "crash.yaml", CRASH);
    await shows(page, /pod\/crash created/);
    await button(page, "Pause").click();
    await region(page, "Timeline").locator(".time-scene").waitFor();
  };

  await withPage("the clock goes by events, seconds and conditions", {}, async (page) => {
    await starts(page);
    const step = page.getByRole("button", { name: /^Step to the next event/ });
    for (let i = 0; i < 4; i++) {
      // The button says what comes; then it comes.
      const told = await until("a forecast", async () => (await step.textContent()).match(/▶\| (.+) in (\S+) (s|min)/));
      const before = await seconds(page);
      await step.click();
      await until(`${told[1]} in ${told[2]}`, async () => Math.abs((await seconds(page)) - before - Number(told[2])) < 0.26);
    }
    await choose(page, "Run until", /becomes Ready/);
    await until("Ready", async () => (await region(page, "Timeline").locator(".span.ready.running").count()) > 0);
    await choose(page, "Run until", /restarts/);
    await region(page, "Timeline").locator('[aria-label*="restart 1"]').first().waitFor();
    const held = await seconds(page);
    await button(page, "Step by 1 s").click();
    await until("one second more", async () => Math.abs((await seconds(page)) - held - 1) < 0.11);
    await choose(page, "Run until", /10 minutes/);
    await until("ten minutes more", async () => Math.abs((await seconds(page)) - held - 601) < 0.11);
    // The same by keys, outside of editor and terminal.
    await region(page, "Clock").getByRole("button", { name: "Play" }).focus();
    await page.keyboard.press("s");
    await until("a second by key", async () => Math.abs((await seconds(page)) - held - 602) < 0.11);
    await page.keyboard.press("J");
    await until("a minute back by key", async () => Math.abs((await seconds(page)) - held - 542) < 0.11);
    await page.keyboard.press("e");
    await until("the end by key", async () => Math.abs((await seconds(page)) - held - 602) < 0.11);
    await page.keyboard.press("k");
    await button(page, "Pause").waitFor();
    await page.keyboard.press("k");
    await button(page, "Play").waitFor();
    assert.deepEqual(await collisions(page), [], "words in the pictures");
  });

  await withPage("what was is shown again, and another course begins there", {}, async (page) => {
    await starts(page);
    await choose(page, "Run until", /10 minutes/);
    await until("ten minutes", async () => (await seconds(page)) > 600);
    await button(page, "Play").waitFor();
    const end = await clock(page);
    await run(page, "kubectl get pod crash", /CrashLoopBackOff|Error/);
    // The playhead is dragged to the left.
    const labels = await axis(page);
    const [first] = labels;
    const from = labels.at(-1);
    await page.mouse.move(from.x, from.y);
    await page.mouse.down();
    for (let i = 1; i <= 8; i++) await page.mouse.move(from.x + ((first.x + 6 - from.x) * i) / 8, from.y + 40);
    await page.mouse.up();
    await until("the past", async () => (await seconds(page)) < 200);
    await page.getByText("You look at what was").waitFor();
    await until("the terminal of then", async () => !(await page.locator(".terminal .xterm-rows").textContent()).includes("get pod crash"));
    // Reading leaves no trace.
    await run(page, "kubectl get pods", /crash/);
    await button(page, "1 branch").waitFor();
    await page.screenshot({ path: `${out}/past.png` });
    await button(page, "Back to now").click();
    await until("the end again", async () => (await clock(page)) === end);
    await shows(page, /get pod crash/);
    // A change begins a branch, and both can be seen.
    await region(page, "Timeline").getByRole("slider", { name: "Playhead" }).focus();
    await page.keyboard.press("Home");
    await until("the beginning", async () => (await clock(page)) === "00:00.0");
    await page.keyboard.press("Shift+ArrowRight");
    await until("ten seconds on", async () => (await clock(page)) === "00:10.0");
    await run(page, "kubectl delete pod crash --now --wait=false", /deleted/);
    await button(page, "2 branches").waitFor();
    await page.getByText('What followed is kept as "As it began"').first().waitFor();
    await choose(page, "Run until", /10 minutes/);
    await region(page, "Pod").getByText("No pods yet").waitFor();
    await region(page, "Clock").getByRole("button", { name: /branches/ }).click();
    await page.screenshot({ path: `${out}/branches.png` });
    await region(page, "Clock").getByRole("button", { name: /^As it began/ }).click();
    await until("the old course", async () => (await clock(page)) === end);
    assert.match(await phase(page), /CrashLoopBackOff|Error|Running/);
    // Both side by side: where they part, what was done, which pods differ.
    await page.keyboard.press("c");
    const two = page.getByRole("dialog", { name: "Two branches" });
    await two.getByText(/^They part at 00:10\.0/).waitFor();
    await two.getByText("kubectl delete pod crash --now --wait=false").last().waitFor();
    await two.getByRole("group", { name: "crash" }).getByText("there is none").waitFor();
    assert.match(await two.getByRole("group", { name: "crash" }).textContent(), /(CrashLoopBackOff|Error|Running).*restarts/);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Two branches");
    await accessible(page, "two branches");
    await page.screenshot({ path: `${out}/compare.png` });
    // The same branch twice has nothing to tell; Escape closes it.
    await two.getByLabel("The other branch").selectOption(await two.getByLabel("One branch").inputValue());
    await two.getByText("These two have nothing apart").waitFor();
    await page.keyboard.press("Escape");
    await two.waitFor({ state: "detached" });
    // Undo and redo.
    await button(page, "Undo").click();
    await region(page, "Pod").getByText("No pods yet").waitFor();
    await page.locator(".cm-content", { hasText: "readinessProbe" }).waitFor();
    await button(page, "Redo").click();
    await until("the old course once more", async () => (await clock(page)) === end);
  });

  await withPage("a reload loses nothing", {}, async (page) => {
    await starts(page);
    await choose(page, "Run until", /10 minutes/);
    await until("ten minutes", async () => (await seconds(page)) > 600);
    await button(page, "Play").waitFor();
    await run(page, "kubectl get pod crash", /crash/);
    await button(page, "Undo").click();
    await region(page, "Pod").getByText("No pods yet").waitFor();
    await button(page, "Redo").click();
    await until("back", async () => (await seconds(page)) > 600);
    const end = await seconds(page);
    await page.reload();
    await until("the time of before", async () => (await seconds(page)) >= end - 0.2);
    await shows(page, /kubectl get pod crash/);
    await page.getByRole("tab", { name: "crash.yaml", exact: true }).waitFor();
    await button(page, "Play").waitFor();
    // In the past, too.
    await region(page, "Timeline").getByRole("slider", { name: "Playhead" }).focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    await until("the past", async () => (await clock(page)) === "00:01.0");
    await page.waitForTimeout(300);
    await page.reload();
    await until("the same past", async () => (await clock(page)) === "00:01.0");
    await button(page, "Back to now").click();
    await until("the end", async () => (await seconds(page)) >= end - 0.2);
  });

  await withPage("the timeline is zoomed, dragged, read and saved", {}, async (page) => {
    await starts(page);
    await choose(page, "Run until", /10 minutes/);
    await until("ten minutes", async () => (await seconds(page)) > 600);
    await button(page, "Play").waitFor();
    const timeline = region(page, "Timeline");
    const said = async () => (await axis(page)).map((l) => l.said).join(" ");
    const all = await said();
    const box = await timeline.locator(".time-scene").boundingBox();
    const middle = { x: box.x + box.width / 2, y: box.y + 70 };
    await page.mouse.move(middle.x, middle.y);
    for (let i = 0; i < 6; i++) await page.mouse.wheel(0, -300);
    await until("a shorter axis", async () => (await said()) !== all);
    const zoomed = await said();
    await page.mouse.down();
    await page.mouse.move(middle.x - 200, middle.y, { steps: 5 });
    await page.mouse.up();
    await until("another place", async () => (await said()) !== zoomed);
    await button(page, "Fit").click();
    await until("all of it", async () => (await said()) === all);
    await timeline.locator(".scroll").focus();
    await page.keyboard.press("+");
    await until("zoom by key", async () => (await said()) !== all);
    await page.keyboard.press("0");
    await until("fit by key", async () => (await said()) === all);
    await button(page, "Follow").click();
    assert.equal(await button(page, "Follow").getAttribute("aria-pressed"), "true");
    await button(page, "Fit").click();
    // Hovering says all.
    await timeline.locator(".span.container.waiting .span-box").first().hover({ force: true });
    await timeline.locator(".time-tip", { hasText: /main: CrashLoopBackOff/ }).waitFor();
    await page.screenshot({ path: `${out}/timeline.png` });
    assert.deepEqual(await collisions(page), [], "words in the pictures");
    // A click on what is a container's chooses it in the picture, too, and shows its log.
    const pod = region(page, "Pod");
    await timeline.locator(".lane.container text", { hasText: "main" }).click();
    await pod.locator(".card.on", { hasText: "main" }).waitFor();
    await pod.getByRole("group", { name: "Log of main" }).waitFor();
    await button(page, "Close the log").click();
    await until("no card to be chosen", async () => (await pod.locator(".card.on").count()) === 0);
    await timeline.locator(".event.warning .event-dot").last().click({ force: true });
    await pod.locator(".card.on", { hasText: "main" }).waitFor();
    // All pods; a click chooses one.
    await run(page, "kubectl run other --image=nginx", /created/);
    await button(page, "All pods").click();
    await until("two lanes", async () => (await timeline.locator(".lane.phase").count()) === 2);
    await timeline.locator(".lane.phase text", { hasText: "crash" }).click();
    await until("the pod", async () => (await region(page, "Pod").locator("h2").first().textContent()) === "crash");
    for (const [name, ending, content] of [["Save as SVG", "pods-timeline.svg", /<svg[^>]*xmlns/], ["Save as JSON", "pods-timeline.json", /"lanes"/]]) {
      const [download] = await Promise.all([page.waitForEvent("download"), button(page, name).click()]);
      assert.equal(download.suggestedFilename(), ending);
      const chunks = [];
      for await (const chunk of await download.createReadStream()) chunks.push(chunk);
      assert.match(Buffer.concat(chunks).toString(), content);
    }
  });

  for (const [name, options] of [
    ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 800 } }],
    ["phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
  ]) {
    await withPage(`clock and timeline, ${name}`, options, async (page) => {
      const phone = name === "phone";
      if (phone) await button(page, "Type").click();
      await run(page, "kubectl run web --image=nginx; kubectl run crash --image=busybox -- sh -c 'sleep 2; exit 1'", /pod\/crash created/);
      if (phone) await button(page, "Time").click();
      await choose(page, "Run until", /10 minutes/);
      await until("ten minutes", async () => (await seconds(page)) > 600);
    await button(page, "Play").waitFor();
      await region(page, "Timeline").locator(".span.container").first().waitFor();
      await region(page, "Clock").getByRole("button", { name: /branch/ }).click();
      await page.screenshot({ path: `${out}/time-${name}.png` });
      await page.keyboard.press("Escape");
      await until("the menu to close", async () => (await page.locator(".menu-list").count()) === 0);
      assert.deepEqual(await collisions(page), [], "words in the pictures");
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, "nothing is wider than the window");
    });
  }
}

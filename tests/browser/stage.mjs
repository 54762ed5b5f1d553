// What the stage can do: reasons and their ways out, logs and shells, nodes, search, commands, one pane alone, pictures as
// files, and what axe-core says of it all.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { accessible } from "./harness.mjs";

const CRASH = `apiVersion: v1
kind: Pod
metadata:
  name: crash
spec:
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "echo about to fail; sleep 3; exit 3"]
  - name: web
    image: nginx
    ports:
    - containerPort: 80
`;

const BIG = `apiVersion: v1
kind: Pod
metadata:
  name: big
spec:
  containers:
  - name: main
    image: nginx
    resources:
      requests:
        cpu: "64"
`;

export default async function stage({ withPage, shows, run, apply, button, region, until, collisions, PROMPT, out }) {
  await withPage("reasons, logs and shells", {}, async (page) => {
    await shows(page, PROMPT);
    const pod = region(page, "Pod");
    await apply(page, "big.yaml", BIG);
    await pod.getByText("2 nodes: less cpu is free than it requests").waitFor();
    await pod.getByText("Insufficient cpu").first().waitFor();
    await pod.getByRole("button", { name: "spec.containers[0].resources.requests" }).click();
    await page.locator(".cm-activeLine", { hasText: "requests:" }).waitFor();
    await accessible(page, "a pod that no node takes");

    await button(page, "Speed 10×").click();
    await apply(page, "crash.yaml", CRASH);
    await pod.getByText("main ends with exit code 3.").waitFor({ timeout: 60_000 });
    await button(page, "Pause").click();
    await pod.getByRole("button", { name: "Logs of main" }).press("Enter");
    await pod.getByText("about to fail").last().waitFor();
    await button(page, "Close the log").click();
    await button(page, "Play").click();
    await pod.getByRole("button", { name: /^kubectl logs crash -c main$/ }).click();
    await shows(page, /about to fail/);
    await button(page, "Speed 1×").click();
    await pod.getByRole("button", { name: "Shell in web" }).click();
    await shows(page, /kubectl exec -it crash -c web -- sh\n# ?$/m);
    assert.ok(await page.evaluate(() => document.activeElement.closest(".terminal") !== null), "the terminal has the focus");
    // The terminal is busy now: a second shell has no place.
    await pod.getByRole("button", { name: "Shell in web" }).click();
    await page.getByText("The terminal is busy").waitFor();
    await button(page, "Dismiss").click();
    await button(page, "host PIDs").click();
    await pod.getByText(/^1 \(host \d+\) nginx/).waitFor();
    assert.deepEqual(await collisions(page), [], "words in the pictures");
    // Five phases, the one it is in, and what could come next.
    const phases = page.locator("svg.phase-scene");
    await phases.locator(".phase-pill.now", { hasText: "Running" }).waitFor();
    await phases.locator("text", { hasText: "never: Always restarts what ends" }).waitFor();
    await page.screenshot({ path: `${out}/reasons.png` });
  });

  await withPage("nodes, search and Services", {}, async (page) => {
    await shows(page, PROMPT);
    const cluster = region(page, "Cluster");
    await button(page, "More of podarium-worker").click();
    const more = cluster.getByRole("group", { name: "More of podarium-worker" });
    await more.getByText("172.18.0.3").waitFor();
    await more.getByRole("button", { name: "Cordon" }).click();
    await shows(page, /node\/podarium-worker cordoned/);
    await cluster.getByText("● Ready, cordoned").first().waitFor();
    await more.getByRole("button", { name: "Uncordon" }).click();
    await shows(page, /node\/podarium-worker uncordoned/);
    // Another size: the API tells it, what was done can be undone.
    await more.getByLabel("CPUs").fill("2");
    await more.getByLabel("pods at most").fill("9");
    await page.waitForTimeout(400);
    await more.getByLabel("pods at most").press("Enter");
    await more.getByText("0 of 2").waitFor();
    await run(page, "kubectl get node podarium-worker -o jsonpath='{.status.capacity.cpu} {.status.allocatable.pods}'", /^2 9/m);
    await accessible(page, "a node's size");
    await button(page, "Undo").click();
    await more.getByText("0 of 4").waitFor();
    await button(page, "Redo").click();
    await more.getByText("0 of 2").waitFor();
    await more.getByRole("button", { name: "Close" }).click();
    await button(page, "Speed 10×").click();
    await run(page, "kubectl create deployment web --image=nginx --replicas=12 --port=80; kubectl expose deployment web; kubectl run other --image=busybox", /pod\/other created/);
    await cluster.getByRole("button", { name: /web ClusterIP/ }).getByText("12 of 12 ready").waitFor({ timeout: 60_000 });
    await page.locator(".logo").click();
    await page.keyboard.press("/");
    await page.keyboard.type("app=web is:run");
    await cluster.getByText("12 match").waitFor();
    await until("the others to be dimmed", async () => (await cluster.locator(".pods > .tile:not(.dim)").count()) === 12);
    await accessible(page, "a search");
    await page.keyboard.press("Escape");
    await until("an empty search", async () => (await page.getByLabel("Search pods").inputValue()) === "");
    await cluster.getByRole("button", { name: /web ClusterIP/ }).click();
    await cluster.getByText("12 match").waitFor();
    await page.screenshot({ path: `${out}/search.png` });
    // The cluster alone is there while time stands, too.
    await button(page, "Pause").click();
    for (const command of ["only the cluster", "all panes again"]) {
      await page.keyboard.press("F1");
      await page.getByRole("dialog", { name: "Commands" }).getByRole("combobox").fill(command);
      await page.keyboard.press("Enter");
      await region(page, "Pod").waitFor({ state: command.startsWith("only") ? "hidden" : "visible" });
      await cluster.locator(".pods > .tile").first().waitFor();
    }
  });

  await withPage("commands, keys, one pane alone, pictures as files", {}, async (page) => {
    await shows(page, PROMPT);
    await page.locator(".logo").click();
    await page.keyboard.press("Control+k");
    const palette = page.getByRole("dialog", { name: "Commands" });
    await palette.waitFor();
    await accessible(page, "the commands");
    await page.keyboard.type("open kubia-ssl");
    await page.keyboard.press("Enter");
    await palette.waitFor({ state: "detached" });
    await page.getByRole("tab", { name: "kubia-ssl.yaml", exact: true, selected: true }).waitFor();
    // From the terminal, whose Ctrl+K is its own.
    await page.locator(".terminal textarea").focus();
    await page.keyboard.press("F1");
    await page.keyboard.type("apply kubia-ssl");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await shows(page, /pod\/kubia-ssl created/);
    assert.ok(await page.evaluate(() => document.activeElement.closest(".terminal") !== null), "the focus is where it was");
    await button(page, "Speed 10×").click();
    await region(page, "Pod").locator(".port.open").first().waitFor({ timeout: 60_000 });
    // Applying shows what it made.
    await region(page, "Pod").getByRole("heading", { name: "kubia-ssl" }).waitFor();

    await button(page, "Only the pod").click();
    await region(page, "Editor").waitFor({ state: "hidden" });
    assert.ok(await region(page, "Clock").isVisible());
    await accessible(page, "the pod alone");
    await page.screenshot({ path: `${out}/alone.png` });
    await page.reload();
    await region(page, "Editor").waitFor({ state: "hidden" });
    await page.locator(".logo").click();
    await page.keyboard.press("Escape");
    await region(page, "Editor").waitFor();
    for (const [command, pane] of [["hide editor", "Editor"], ["hide cluster", "Cluster"], ["hide clock", "Timeline"], ["hide terminal", "Terminal"]]) {
      await page.keyboard.press("F1");
      await page.keyboard.type(command);
      await page.keyboard.press("Enter");
      await region(page, pane).waitFor({ state: "hidden" });
      await page.keyboard.press("F1");
      await page.keyboard.type(command.replace("hide", "show"));
      await page.keyboard.press("Enter");
      await region(page, pane).waitFor();
    }
    await page.keyboard.press("?");
    await page.getByText("every command by name").waitFor();
    await page.keyboard.press("?");
    await region(page, "Pod").locator("svg.pod-scene").waitFor();
    for (const kind of ["SVG", "PNG"]) {
      const saved = page.waitForEvent("download");
      await page.keyboard.press("F1");
      await page.keyboard.type(`save ${kind}`);
      await page.keyboard.press("Enter");
      assert.equal((await saved).suggestedFilename(), `kubia-ssl.${kind.toLowerCase()}`);
      const text = readFileSync(await (await saved).path());
      if (kind === "SVG") assert.match(text.toString(), /^<svg[^]*network namespace[^]*Pending[^]*<\/svg>$/);
      else assert.equal(text.subarray(1, 4).toString(), "PNG");
    }
  });

  await withPage("a first visit", { firstVisit: true }, async (page) => {
    const pod = region(page, "Pod");
    await pod.getByRole("heading", { name: "kubia-http" }).waitFor({ timeout: 10_000 });
    await shows(page, /pod\/kubia-http created/);
    await button(page, "Speed 10×").click();
    await button(page, "Send it a request").click({ timeout: 60_000 });
    await shows(page, /Hey there, this is kubia-http/);
    await accessible(page, "a first visit");
    await button(page, "Apply kubia-ssl.yaml").click();
    await pod.getByRole("heading", { name: "kubia-ssl" }).waitFor();
    await button(page, "No more hints").click({ timeout: 60_000 });
    await page.reload();
    // It comes back as it was, and greets nobody twice.
    await pod.getByRole("heading", { name: "kubia-ssl" }).waitFor();
    await page.waitForTimeout(1500);
    assert.equal(await page.locator(".hint").count(), 0);
  });

  for (const colorScheme of ["light", "dark"]) {
    for (const [width, height] of [[1920, 1080], [1280, 800], [820, 1100], [390, 844]]) {
      await withPage(`${width} pixels, ${colorScheme}`, { viewport: { width, height }, colorScheme }, async (page) => {
        if (width < 1100) await button(page, "Type").click();
        await shows(page, PROMPT);
        if (width < 1100) await button(page, "Edit").click();
        await page.getByRole("tab", { name: "kubia-ssl.yaml", exact: true }).click();
        await button(page, "Apply").click();
        if (width < 700) await button(page, "Time").click();
        await button(page, "Speed 10×").click();
        if (width < 700) await button(page, "See").click();
        await region(page, "Pod").locator(".port.open").nth(2).waitFor({ timeout: 60_000 });
        assert.deepEqual(await collisions(page), [], "words in the pictures");
        const wide = () => [document.documentElement, document.querySelector(".top")].some((e) => e.scrollWidth > innerWidth);
        assert.equal(await page.evaluate(wide), false, "nothing is wider than the page");
        await accessible(page, `${width} pixels, ${colorScheme}`);
        await page.screenshot({ path: `${out}/at-${width}-${colorScheme}.png` });
      });
    }
  }
}

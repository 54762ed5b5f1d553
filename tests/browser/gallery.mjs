// The pictures of docs/gallery.md: README_SHOT=1 ONLY=gallery renews them.
import { mkdirSync } from "node:fs";

const dir = "docs/gallery";

const CRASH = `apiVersion: v1
kind: Pod
metadata:
  name: flaky
spec:
  containers:
  - name: app
    image: busybox
    command: ["sh", "-c", "echo starting; sleep 8; echo 'no database' >&2; exit 3"]
`;

const SHARED = `apiVersion: v1
kind: Pod
metadata:
  name: website
spec:
  volumes:
  - name: content
    emptyDir: {}
  initContainers:
  - name: fetch
    image: busybox
    command: ["sh", "-c", "echo '<h1>Hello</h1>' > /site/index.html"]
    volumeMounts:
    - name: content
      mountPath: /site
  containers:
  - name: nginx
    image: nginx
    ports:
    - name: http
      containerPort: 80
    readinessProbe:
      httpGet:
        path: /
        port: http
    volumeMounts:
    - name: content
      mountPath: /usr/share/nginx/html
      readOnly: true
  - name: editor
    image: busybox
    command: ["sh", "-c", "while true; do date >> /content/index.html; sleep 5; done"]
    volumeMounts:
    - name: content
      mountPath: /content
`;

export async function gallery({ withPage, region, run, apply, button, shows, PROMPT }) {
  if (!process.env.README_SHOT) return;
  mkdirSync(dir, { recursive: true });
  const shot = (page, name) => page.screenshot({ path: `${dir}/${name}.png` });

  await withPage("gallery: two containers", { colorScheme: "dark" }, async (page) => {
    await shows(page, PROMPT);
    await page.getByRole("tab", { name: "kubia-ssl.yaml", exact: true }).click();
    await button(page, "Apply").click();
    await button(page, "Speed 10×").click();
    await region(page, "Pod").locator(".port.open").nth(2).waitFor({ timeout: 60_000 });
    await run(page, "kubectl get pods -o wide; curl -sk https://$(kubectl get pod kubia-ssl -o jsonpath={.status.podIP}):8443", /Hey there/);
    await shot(page, "two-containers");
  });

  await withPage("gallery: a crash loop", {}, async (page) => {
    await shows(page, PROMPT);
    await apply(page, "flaky.yaml", CRASH);
    await button(page, "Speed 60×").click();
    await region(page, "Pod").getByText(/CrashLoopBackOff/).first().waitFor({ timeout: 60_000 });
    await page.waitForTimeout(4000);
    await button(page, "Speed 10×").click();
    await run(page, "kubectl get pod flaky; kubectl logs flaky --previous", /no database/);
    await region(page, "Pod").getByText(/CrashLoopBackOff/).first().waitFor({ timeout: 60_000 });
    await button(page, "Pause").click();
    await page.waitForTimeout(500);
    await shot(page, "crash-loop");
  });

  await withPage("gallery: a shared volume", { viewport: { width: 1440, height: 1120 } }, async (page) => {
    await shows(page, PROMPT);
    await apply(page, "website.yaml", SHARED);
    await button(page, "Speed 10×").click();
    await run(page, "kubectl wait --for=condition=Ready pod/website", /condition met/, 60_000);
    await run(page, "kubectl get pod website", /2\/2/);
    await button(page, "Pause").click();
    await page.waitForTimeout(500);
    await shot(page, "shared-volume");
  });

  await withPage("gallery: a cluster", { colorScheme: "dark", viewport: { width: 1600, height: 1000 } }, async (page) => {
    await shows(page, PROMPT);
    await button(page, "Speed 10×").click();
    await run(page, "kubectl create deployment web --image=nginx --replicas=14 --port=80; kubectl expose deployment web", /service\/web exposed/);
    await region(page, "Cluster").getByRole("button", { name: /web ClusterIP/ }).getByText("14 of 14 ready").waitFor({ timeout: 60_000 });
    await run(page, "kubectl rollout status deployment web; kubectl top nodes; kubectl get endpointslices", /web-/);
    await shot(page, "cluster");
  });

  await withPage("gallery: two branches", {}, async (page) => {
    await shows(page, PROMPT);
    await button(page, "Apply").click();
    await button(page, "Speed 10×").click();
    await run(page, "kubectl wait --for=condition=Ready pod/kubia-http", /condition met/, 60_000);
    await run(page, "kubectl delete pod kubia-http", /deleted/, 60_000);
    await button(page, "Undo").click();
    await button(page, "2 branches").waitFor({ timeout: 60_000 });
    await run(page, "kubectl run second --image=nginx", /created/);
    await run(page, "kubectl wait --for=condition=Ready pod/second", /condition met/, 60_000);
    await page.locator(".logo").click();
    await page.keyboard.press("c");
    await page.getByRole("dialog", { name: "Two branches" }).waitFor();
    await page.waitForTimeout(500);
    await shot(page, "branches");
  });

  await withPage("gallery: a phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "dark", deviceScaleFactor: 2 }, async (page) => {
    await button(page, "Edit").click();
    await button(page, "Apply").click();
    await button(page, "Time").click();
    await button(page, "Speed 10×").click();
    await button(page, "See").click();
    await region(page, "Pod").locator(".port.open").first().waitFor({ timeout: 60_000 });
    await shot(page, "phone");
  });
}

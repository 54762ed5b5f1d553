// node compare.mjs MODULE BINARY [REST]: runs each scenario in both and fails on the first differing byte. REST: the rest of a
// module that was split.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [module, binary, rest] = process.argv.slice(2).map((path) => resolve(path));
if (rest) {
  const { Instance, Module } = WebAssembly;
  WebAssembly.Instance = function (module, imports) {
    const first = new Instance(module, imports);
    new Instance(new Module(readFileSync(rest)), { first: first.exports });
    first.exports.loaded.value = 1;
    return first;
  };
}
const { run } = createRequire(import.meta.url)(module);

const scenarios = [
  { seed: 1, nodes: 2, script: "kubectl get nodes -o wide; kubectl get events -A | head -n 20; date; echo $RANDOM" },
  {
    seed: 7,
    nodes: 3,
    script: `for n in 1 2 3 4 5 6; do kubectl run web-$n --image=luksa/kubia:1.0; done; sleep 20
      kubectl get pods -o wide; kubectl get pods -o yaml; kubectl describe pods; kubectl get events`,
  },
  {
    seed: 42,
    nodes: 2,
    script: `kubectl run crash --image=busybox -- sh -c 'echo up; sleep 3; exit 7'; kubectl run typo --image=luksa/kubiaa
      sleep 700; kubectl get pods; kubectl describe pod crash; kubectl logs crash; kubectl get events; kubectl get pod nope`,
  },
  {
    seed: 3,
    nodes: 1,
    script: `kubectl run a --image=luksa/kubia:1.0; kubectl wait --for=condition=Ready pod/a; lab node stop podarium-worker
      sleep 400; kubectl get nodes,pods; lab node start podarium-worker; sleep 20; kubectl get nodes,pods; kubectl delete pod a`,
  },
];

// Each transcript's files and commands, in one shell.
const transcripts = new URL("../transcripts/", import.meta.url);
for (const name of readdirSync(transcripts).sort()) {
  let script = "";
  const blocks = readFileSync(new URL(name, transcripts), "utf8").matchAll(/^```(?:\w+ file=(\S+)|console)\n([^]*?)^```$/gm);
  for (const [, file, text] of blocks) {
    if (file) script += `cat > ${file} <<'END_OF_FILE'\n${text}END_OF_FILE\n`;
    else for (const [line] of text.matchAll(/^[$>] .*$/gm)) script += `${line.slice(2)}\n`;
  }
  scenarios.push({ seed: 5, nodes: 2, script });
}

for (const { seed, nodes, script } of scenarios) {
  const native = spawnSync(binary, ["sh", "--seed", seed, "--nodes", nodes, "-c", script].map(String), { encoding: "utf8" });
  const wasm = JSON.parse(run(seed, nodes, script));
  assert.ok(native.stdout.length > 0, "the scenario prints something");
  assert.deepEqual(wasm, { stdout: native.stdout, stderr: native.stderr, code: native.status });
}
console.log(`${scenarios.length} passed, 0 failed`);

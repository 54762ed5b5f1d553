// Runs a bench of pods.rs in the wasm module that wasm-bindgen made for Node.js, given as argument: reads
// {workers, manifest, script, rounds} and writes {milliseconds of CPU a round, kilobytes of memory, what was printed}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const wasm = createRequire(import.meta.url)(resolve(process.argv[2]));
const { workers, manifest, script, rounds } = JSON.parse(readFileSync(0, "utf8"));

wasm.run(1, workers, "echo up");
const [empty, before] = [wasm.kilobytes(), process.cpuUsage()];
let last;
for (let round = 0; round < rounds; round += 1) last = wasm.run(1, workers, script, manifest);
const { user, system } = process.cpuUsage(before);
const answer = { milliseconds: (user + system) / 1000 / rounds, kilobytes: wasm.kilobytes() - empty, printed: JSON.parse(last).stdout };
console.log(JSON.stringify(answer));

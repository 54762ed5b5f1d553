// Runs a bench of pods.rs in the wasm module that wasm-bindgen made for Node.js, given as argument: reads
// {workers, manifest, script, rounds} and writes {milliseconds of CPU a round, kilobytes of memory, what was printed}.
// A round without pods and a whole one go before those that count: V8 compiles a function when it is first called.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const wasm = createRequire(import.meta.url)(resolve(process.argv[2]));
const { workers, manifest, script, rounds } = JSON.parse(readFileSync(0, "utf8"));

wasm.bench(workers, "echo up", "");
const empty = wasm.kilobytes();
let last = wasm.bench(workers, script, manifest);
const before = process.cpuUsage();
for (let round = 0; round < rounds; round += 1) last = wasm.bench(workers, script, manifest);
const { user, system } = process.cpuUsage(before);
const answer = { milliseconds: (user + system) / 1000 / rounds, kilobytes: wasm.kilobytes() - empty, printed: JSON.parse(last).stdout };
console.log(JSON.stringify(answer));

// The rest of the program. The release page's wasm module is built in two: what the first seconds run, and the rest
// (tools/split). It is fetched as soon as the first is at work; a function of it that is called before waits for it.
// In other builds there is one module, and nothing to do.
let exports;
let address;

// Once, before anything else: the module's own exports.
export function begin(own) {
  exports = own;
  const name = document.querySelector('meta[name="podarium-rest"]')?.content;
  if (name) address = new URL(name, document.baseURI).href;
}

// `now`: the caller can't go on without.
export function rest(now) {
  if (!address || exports.loaded.value) return;
  if (now) started(new WebAssembly.Instance(new WebAssembly.Module(inOneGo()), { first: exports }));
  else soon().catch(() => setTimeout(() => rest(false), 5000));
}

async function soon() {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status}`);
  // Not instantiateStreaming: some servers of static files don't know wasm's type.
  const module = await WebAssembly.compile(await response.arrayBuffer());
  if (!exports.loaded.value) started(await WebAssembly.instantiate(module, { first: exports }));
}

function started() {
  exports.loaded.value = 1;
}

// The caller is in the midst of a function: it can't wait for a promise. Such a request gives no bytes but as text.
function inOneGo() {
  const request = new XMLHttpRequest();
  request.open("GET", address, false);
  request.overrideMimeType("text/plain; charset=x-user-defined");
  try {
    request.send();
    if (request.status !== 200) throw new Error(`${request.status}`);
  } catch (error) {
    globalThis.podariumFailed?.(`The rest of the program (${address}) could not be loaded: ${error.message}`);
    throw error;
  }
  return Uint8Array.from(request.responseText, (character) => character.charCodeAt(0) & 0xff);
}

// The terminal pane: xterm.js with its DOM renderer, so that the text is there for a screen reader and for selection.
import { Terminal } from "@xterm/xterm";
import { FitAddon } from "@xterm/addon-fit";
import { copy } from "./clipboard.js";

const COLOURS = [
  "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
  "brightBlack", "brightRed", "brightGreen", "brightYellow", "brightBlue", "brightMagenta", "brightCyan", "brightWhite",
];

export class TerminalPane {
  // onData(text) is what was typed or pasted; onResize(columns, rows).
  constructor(host, onData, onResize) {
    this.host = host;
    this.behind = 0;
    this.terminal = new Terminal({
      screenReaderMode: true,
      cursorBlink: false,
      scrollback: 5000,
      fontFamily: getComputedStyle(host).getPropertyValue("--mono"),
      fontSize: 13,
      lineHeight: 1.3,
      theme: this.colours(),
      minimumContrastRatio: 4.5,
      // A link that a program prints is text.
      linkHandler: { activate() {} },
      allowProposedApi: false,
    });
    this.fitter = new FitAddon();
    this.terminal.loadAddon(this.fitter);
    this.terminal.attachCustomKeyEventHandler((event) => this.isOurs(event));
    this.terminal.onData(onData);
    this.terminal.onResize(({ cols, rows }) => onResize(cols, rows));
    this.terminal.open(host);
    this.terminal.textarea?.setAttribute("aria-label", "Terminal input");
    this.watcher = new ResizeObserver(() => this.fit());
    this.watcher.observe(host);
    this.fit();
    onResize(this.terminal.cols, this.terminal.rows);
  }

  // Keys that the browser or the page keeps: F6 between panes, copy with a selection, paste.
  isOurs(event) {
    if (event.key === "F6") return false;
    const mod = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (mod && key === "v") return false;
    if (mod && key === "c" && (this.terminal.hasSelection() || event.shiftKey)) {
      if (event.type === "keydown" && this.terminal.hasSelection()) {
        event.preventDefault();
        copy(this.terminal.getSelection());
        this.terminal.clearSelection();
      }
      return false;
    }
    return true;
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    const theme = {
      background: value("--card"),
      foreground: value("--ink"),
      cursor: value("--ink"),
      cursorAccent: value("--card"),
      selectionBackground: value("--selection"),
    };
    for (const name of COLOURS) theme[name] = value(`--ansi-${name.replace(/[A-Z]/, (c) => `-${c.toLowerCase()}`)}`);
    return theme;
  }

  recolour() {
    this.terminal.options.theme = this.colours();
  }

  write(bytes) {
    // `bytes` is a view of the program's memory, which is written to again before xterm reads it.
    bytes = bytes.slice();
    this.behind += bytes.length;
    this.terminal.write(bytes, () => (this.behind -= bytes.length));
  }

  // Bytes written and not yet shown: whoever writes waits while there are many.
  pending() {
    return this.behind;
  }

  fit() {
    if (this.host.clientWidth > 40 && this.host.clientHeight > 20) this.fitter.fit();
  }

  reset() {
    this.terminal.reset();
  }

  focus() {
    this.terminal.focus();
  }
}

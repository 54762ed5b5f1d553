// The editor pane: CodeMirror 6, one state for each workspace file, so that undo and the cursor survive a change of tab.
// Rust owns the files; this side reports text (debounced: a big text must not be copied at every key) and asks for marks.
import { EditorState } from "@codemirror/state";
import {
  EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
} from "@codemirror/view";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { classHighlighter, tagHighlighter, tags } from "@lezer/highlight";
import { yaml } from "@codemirror/lang-yaml";
import { forceLinting, lintGutter, lintKeymap, linter } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";

export { copy } from "./clipboard.js";
export { savePicture } from "./export.js";

const BIG = 200_000;
// Milliseconds: a text that is checked faster is checked at every key, in the same frame; others, and what was pasted, when the
// keys rest.
const AT_ONCE = 8;
// YAML's plain scalars, which the usual classes leave out.
const plain = tagHighlighter([{ tag: tags.content, class: "tok-content" }]);

export class Editor {
  // onChange(path, text); onApply(); diagnose(text) gives [{from, to, severity, message}] in UTF-16 offsets.
  constructor(host, onChange, onApply, diagnose) {
    this.states = new Map();
    this.path = null;
    this.onChange = onChange;
    this.timer = 0;
    this.took = 0;
    const check = (view) => {
      const began = performance.now();
      const found = diagnose(view.state.doc.toString());
      this.took = performance.now() - began;
      return found;
    };
    this.extensions = (path) => [
      lineNumbers(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      highlightSpecialChars(),
      history(),
      drawSelection(),
      indentOnInput(),
      indentUnit.of("  "),
      bracketMatching(),
      highlightSelectionMatches(),
      syntaxHighlighting(classHighlighter),
      syntaxHighlighting(plain),
      EditorView.contentAttributes.of({ "aria-label": `Text of ${path}`, tabindex: "0" }),
      // Whoever goes to the terminal finds there what was typed here.
      EditorView.domEventHandlers({ blur: () => this.flush() }),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        if (!this.quiet) this.changed();
        const typed = update.transactions.some((one) => one.isUserEvent("input.type") || one.isUserEvent("delete"));
        if (typed && this.took < AT_ONCE) queueMicrotask(() => this.check());
      }),
      keymap.of([
        { key: "Mod-Enter", run: () => (onApply(), true) },
        ...lintKeymap,
        ...searchKeymap,
        ...historyKeymap,
        ...defaultKeymap,
        indentWithTab,
      ]),
      ...(/\.(ya?ml|json)$/.test(path)
        ? [yaml(), lintGutter(), linter(check, { delay: 250 })]
        : []),
    ];
    this.view = new EditorView({ parent: host, state: EditorState.create({ doc: "" }) });
  }

  fresh(path, text) {
    return EditorState.create({ doc: text, extensions: this.extensions(path) });
  }

  // Shows a file; `text` is what the workspace holds.
  open(path, text) {
    this.flush();
    if (this.path !== null) this.states.set(this.path, this.view.state);
    let state = this.states.get(path);
    if (!state) state = this.fresh(path, text);
    this.path = path;
    this.quiet = true;
    this.view.setState(state);
    this.replace(text);
    this.quiet = false;
  }

  // The file was written by someone else (a command in the terminal). Only the part that differs is replaced, so that
  // the cursor and the scroll position stay.
  update(path, text) {
    if (path === this.path) {
      this.quiet = true;
      this.replace(text);
      this.quiet = false;
    } else {
      this.states.delete(path);
    }
  }

  replace(text) {
    const old = this.view.state.doc.toString();
    // The document's line ends are normalised, the file's are not.
    const next = text.replace(/\r\n?/g, "\n");
    if (old === next) return;
    let from = 0;
    const most = Math.min(old.length, next.length);
    while (from < most && old.charCodeAt(from) === next.charCodeAt(from)) from++;
    let end = 0;
    while (end < most - from && old.charCodeAt(old.length - 1 - end) === next.charCodeAt(next.length - 1 - end)) end++;
    this.view.dispatch({ changes: { from, to: old.length - end, insert: next.slice(from, next.length - end) } });
  }

  renamed(from, to) {
    this.flush();
    if (this.path === from) {
      const selection = this.view.state.selection;
      const text = this.view.state.doc.toString();
      this.path = to;
      this.view.setState(this.fresh(to, text));
      this.view.dispatch({ selection });
    }
    this.states.delete(from);
  }

  forget(path) {
    this.states.delete(path);
    if (this.path === path) {
      clearTimeout(this.timer);
      this.timer = 0;
      this.path = null;
    }
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), this.view.state.doc.length > BIG ? 700 : 120);
  }

  // Hands over what was typed and not yet reported.
  flush() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.path !== null) this.onChange(this.path, this.view.state.doc.toString());
  }

  check() {
    forceLinting(this.view);
  }

  // Lines count from 1.
  reveal(line) {
    const at = this.view.state.doc.line(Math.min(Math.max(line, 1), this.view.state.doc.lines)).from;
    this.view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    this.view.focus();
  }

  focus() {
    this.view.focus();
  }
}

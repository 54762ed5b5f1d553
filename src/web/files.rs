//! The workspace's files as tabs: which is open, their names, and the way from a pod's field to its line.

use std::collections::BTreeMap;

use yew::prelude::*;

use super::app::App;
use super::edit;
use super::notes::Note;
use crate::lab;

impl App {
    pub(super) fn open_file(&mut self, path: Option<String>) {
        self.show_file(path);
        self.settings.open_file = self.open.clone();
        self.keep_settings();
    }

    /// Shows a file for now: the one that a person opened comes back when it is there again.
    pub(super) fn show_file(&mut self, path: Option<String>) {
        self.renaming = false;
        self.open = path;
        if let (Some(path), Some(editor)) = (&self.open, &self.editor)
            && let Some(text) = self.files.get(path)
        {
            editor.open(path, text);
        }
    }

    /// An example as a file of the workspace: the one that is there, if it is still as it was.
    pub(super) fn open_example(&mut self, i: usize) {
        let Some(example) = lab::examples().nth(i) else { return };
        let path = match self.files.get(example.name) {
            Some(text) if text == example.text => example.name.to_owned(),
            _ => free_name(&self.files, example.name),
        };
        if self.files.insert(path.clone(), example.text.into()).is_none() {
            self.session.write_file(&path, example.text.into());
            self.unsaved = true;
        }
        self.said = format!("{path}: {}", example.title);
        self.open_file(Some(path));
        if let Some(editor) = &self.editor {
            editor.focus();
        }
    }

    pub(super) fn rename(&mut self, ctx: &Context<Self>, to: Option<String>) {
        if !std::mem::take(&mut self.renaming) {
            return;
        }
        let (Some(from), Some(to)) = (self.open.clone(), to) else { return };
        let to = clean_name(&to);
        if to.is_empty() || to == from {
            return;
        }
        if self.files.contains_key(&to) {
            self.notes.add(ctx.link(), Note::failure(format!("{from} keeps its name"), format!("{to} exists already")));
            return;
        }
        if let Some(text) = self.files.remove(&from) {
            self.files.insert(to.clone(), text);
            self.session.rename_file(&from, &to);
            if let Some(editor) = &self.editor {
                editor.renamed(&from, &to);
            }
            self.unsaved = true;
            self.open = Some(to.clone());
            self.settings.open_file = Some(to);
            self.keep_settings();
        }
    }

    /// Opens the file that describes the chosen pod, with the cursor on a field of it.
    pub(super) fn go_to(&mut self, ctx: &Context<Self>, field: &str) {
        let Some(pod) = self.chosen.as_deref().and_then(|uid| self.session.pod(uid)) else { return };
        let found =
            self.files.iter().find_map(|(path, text)| Some((path.clone(), edit::line_of(text, pod.name(), field)?)));
        let Some((path, line)) = found else {
            self.notes
                .add(ctx.link(), Note::failure(field.into(), format!("No file here describes pod {}", pod.name())));
            return;
        };
        self.open_file(Some(path));
        if let Some(editor) = &self.editor {
            editor.reveal(line);
        }
    }

    pub(super) fn remove(&mut self) {
        let Some(path) = self.open.clone() else { return };
        if let Some(editor) = &self.editor {
            editor.flush();
            editor.forget(&path);
        }
        if let Some(text) = self.files.remove(&path) {
            self.session.remove_file(&path);
            self.said = format!("{path} deleted");
            self.removed = Some((path.clone(), text));
            self.unsaved = true;
            let next = self.files.range(path..).next().or(self.files.iter().next_back()).map(|f| f.0.clone());
            self.open_file(next);
        }
    }
}

/// `name`, or with a number before the ending if there is such a file.
pub(super) fn free_name(files: &BTreeMap<String, String>, name: &str) -> String {
    if !files.contains_key(name) {
        return name.to_owned();
    }
    let (stem, ending) = name.rfind('.').map_or((name, ""), |i| name.split_at(i));
    (2..).map(|n| format!("{stem}-{n}{ending}")).find(|name| !files.contains_key(name)).unwrap_or_default()
}

/// A path inside the workspace, without what would lead out of it.
fn clean_name(name: &str) -> String {
    let parts = name.split('/').map(str::trim).filter(|p| !p.is_empty() && *p != "." && *p != "..");
    let name = parts.collect::<Vec<_>>().join("/");
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}

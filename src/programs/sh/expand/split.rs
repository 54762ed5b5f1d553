//! Field splitting and pathname expansion.

use super::{super::state::Shell, Field, Piece};
use crate::os::fs::FileType;

impl Shell {
    pub(super) fn split(&self, pieces: Vec<Piece>) -> Vec<Field> {
        let ifs = self.get("IFS").unwrap_or_else(|| " \t\n".to_string());
        let mut fields: Vec<Field> = Vec::new();
        let mut field: Option<Field> = None;
        // A field just ended at white space, so a delimiter that follows belongs to the same gap.
        let mut after_space = false;
        for piece in pieces {
            match piece {
                Piece::Break => {
                    fields.extend(field.take());
                    after_space = false;
                }
                Piece::Text { text, quoted, split: false } => {
                    field.get_or_insert_default().extend(text.chars().map(|c| (c, quoted)));
                    after_space = false;
                }
                Piece::Text { text, quoted, split: true } => {
                    for c in text.chars() {
                        if !ifs.contains(c) {
                            field.get_or_insert_default().push((c, quoted));
                            after_space = false;
                        } else if matches!(c, ' ' | '\t' | '\n') {
                            if let Some(done) = field.take() {
                                fields.push(done);
                                after_space = true;
                            }
                        } else {
                            match field.take() {
                                Some(done) => fields.push(done),
                                None if after_space => {}
                                None => fields.push(Field::new()),
                            }
                            after_space = false;
                        }
                    }
                }
            }
        }
        fields.extend(field);
        fields
    }

    pub(super) fn pathnames(&mut self, field: Field, out: &mut Vec<String>) {
        let extglob = self.shopt.has("extglob");
        let is_special = |(c, quoted): &(char, bool)| {
            !quoted && (matches!(c, '*' | '?' | '[') || (extglob && matches!(c, '+' | '@' | '!')))
        };
        let special = !self.options.noglob && field.iter().any(is_special);
        if special {
            let mut found = self.glob(&field);
            if !found.is_empty() {
                found.sort();
                out.append(&mut found);
                return;
            }
            if self.shopt.has("nullglob") {
                return;
            }
        }
        out.push(field.into_iter().map(|(c, _)| c).collect());
    }

    /// The paths that match, unsorted; none if nothing does.
    fn glob(&self, field: &[(char, bool)]) -> Vec<String> {
        let absolute = field.first().is_some_and(|(c, _)| *c == '/');
        let mut found = vec![if absolute { "/".to_string() } else { String::new() }];
        let components: Vec<&[(char, bool)]> = field.split(|(c, _)| *c == '/').collect();
        let count = components.len();
        for (i, component) in components.into_iter().enumerate() {
            let is_last = i + 1 == count;
            if component.is_empty() {
                if is_last {
                    found.retain(|path| self.proc.stat(path).is_ok_and(|s| s.file_type == FileType::Directory));
                }
                continue;
            }
            let pattern = self.compiled(component);
            let mut next = Vec::new();
            for base in &found {
                let child = |name: &str| format!("{base}{name}{}", if is_last { "" } else { "/" });
                if let Some(name) = pattern.literal() {
                    let path = child(&name);
                    let exists = self.proc.lstat(path.trim_end_matches('/')).is_ok();
                    if exists {
                        next.push(path);
                    }
                    continue;
                }
                let entries = self.proc.read_dir(if base.is_empty() { "." } else { base }).unwrap_or_default();
                let dots = [".", ".."].map(str::to_string);
                let names = entries.into_iter().map(|entry| entry.name);
                let names =
                    names.chain(dots.into_iter().filter(|_| pattern.begins_with_dot() && !self.dialect.is_bash()));
                for name in names {
                    if (!name.starts_with('.') || pattern.begins_with_dot() || self.shopt.has("dotglob"))
                        && pattern.matches(&name)
                    {
                        let path = child(&name);
                        if is_last || self.proc.stat(&path).is_ok_and(|s| s.file_type == FileType::Directory) {
                            next.push(path);
                        }
                    }
                }
            }
            found = next;
        }
        found
    }
}

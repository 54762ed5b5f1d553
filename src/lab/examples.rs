//! Manifests to begin with, each of which shows one thing: the files of `examples/` whose first line, a comment, says what.

mod files {
    include!(concat!(env!("OUT_DIR"), "/examples.rs"));
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example {
    /// The file's.
    pub name: &'static str,
    pub title: &'static str,
    pub text: &'static str,
}

/// In the order of their names.
pub fn examples() -> impl Iterator<Item = Example> {
    files::FILES.iter().filter_map(|(name, text)| {
        let title = text.lines().next()?.strip_prefix("# ")?;
        Some(Example { name, title, text })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_in_a_line_what_it_shows() {
        assert!(examples().count() > 10);
        for Example { name, title, .. } in examples() {
            assert!((20..110).contains(&title.len()), "{name}: {title}");
        }
    }
}

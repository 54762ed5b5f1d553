//! Manifests to begin with, each of which shows one thing. They are the files of `examples/`, in their order; a file's first
//! line says what it shows.

mod files {
    include!(concat!(env!("OUT_DIR"), "/examples.rs"));
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Example {
    /// The file's, without the number that orders it.
    pub name: &'static str,
    pub title: &'static str,
    pub text: &'static str,
}

pub fn examples() -> impl Iterator<Item = Example> {
    files::FILES.iter().map(|(name, text)| Example {
        name: name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-'),
        title: text.lines().next().unwrap_or_default().trim_start_matches("# "),
        text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_title_of_one_line_and_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = examples().map(|e| e.name).collect();
        assert_eq!(names.len(), examples().count());
        for example in examples() {
            assert!(example.text.starts_with("# ") && example.title.len() < 110, "{}: {}", example.name, example.title);
        }
    }
}

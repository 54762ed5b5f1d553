//! A process' environment.

use std::{collections::BTreeMap, rc::Rc};

/// The variables of an environment, packed as the kernel has them beside a process' stack: in one run of bytes. There
/// are as many as processes, most are never read, and copies share them. Each name and each value has its length in front.
#[derive(Clone)]
pub(super) struct Environ(Rc<[u8]>);

impl Environ {
    pub(super) fn new(variables: &BTreeMap<String, String>) -> Environ {
        let texts = || variables.iter().flat_map(|(name, value)| [name, value]);
        let mut bytes = Vec::with_capacity(texts().map(|text| size_of::<u32>() + text.len()).sum());
        for text in texts() {
            // Nobody gets four gigabytes into one text here.
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend(length.to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        Environ(bytes.into())
    }

    /// Names and values, sorted by name.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &*self.0;
        let mut next = move || {
            let (length, after) = rest.split_first_chunk()?;
            let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = after;
            Some(text)
        };
        std::iter::from_fn(move || Some((next()?, next()?)))
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.iter().find(|(known, _)| *known == name.as_bytes()).map(|(_, value)| text(value))
    }

    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        self.iter().map(|(name, value)| (text(name), text(value))).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

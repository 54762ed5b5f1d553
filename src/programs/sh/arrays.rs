//! bash's arrays: indexed by numbers, or by words after `declare -A`.

use std::{cmp::Reverse, collections::BTreeMap, rc::Rc};

use super::{
    arith,
    ast::{Assign, Element, Part, is_name},
    builtins::bash_double_quoted,
    state::{Flow, Shell, Source, Variable},
};

/// More elements than this are refused.
const MAX_ELEMENTS: usize = 1 << 20;

#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    Indexed(BTreeMap<u64, String>),
    Associative(Table),
}

/// Values by words, in the order in which bash's hash table has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// With the number of words that came before.
    entries: BTreeMap<String, (u64, String)>,
    count: u64,
}

impl Table {
    fn set(&mut self, key: &str, value: String) {
        match self.entries.get_mut(key) {
            Some(entry) => entry.1 = value,
            None => {
                self.entries.insert(key.to_string(), (self.count, value));
                self.count += 1;
            }
        }
    }

    /// Keys and values by bucket; in a bucket the newest comes first.
    fn sorted(&self) -> Vec<(&String, &String)> {
        let mut buckets = 1024_u64;
        while self.entries.len() as u64 > 2 * buckets {
            buckets *= 4;
        }
        // FNV-1
        let hash =
            |key: &str| key.bytes().fold(2_166_136_261_u32, |hash, b| hash.wrapping_mul(16_777_619) ^ u32::from(b));
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_by_key(|(key, (number, _))| (u64::from(hash(key)) % buckets, Reverse(*number)));
        all.into_iter().map(|(key, (_, value))| (key, value)).collect()
    }
}

/// An element of a list about to be assigned: the text of its subscript, whether it appends, the value.
pub type Item = (Option<String>, bool, String);

/// `declare a=(…)`: the name, whether it appends, the elements.
pub type List = (String, bool, Vec<Item>);

impl Array {
    pub fn values(&self) -> Vec<String> {
        match self {
            Array::Indexed(items) => items.values().cloned().collect(),
            Array::Associative(table) => table.sorted().into_iter().map(|(_, value)| value.clone()).collect(),
        }
    }

    pub fn keys(&self) -> Vec<String> {
        match self {
            Array::Indexed(items) => items.keys().map(u64::to_string).collect(),
            Array::Associative(table) => table.sorted().into_iter().map(|(key, _)| key.clone()).collect(),
        }
    }

    /// What the name of the array alone stands for.
    pub fn first(&self) -> Option<&String> {
        match self {
            Array::Indexed(items) => items.get(&0),
            Array::Associative(table) => table.entries.get("0").map(|(_, value)| value),
        }
    }

    pub fn set_first(&mut self, value: String) {
        match self {
            Array::Indexed(items) => {
                items.insert(0, value);
            }
            Array::Associative(table) => table.set("0", value),
        }
    }

    fn get(&self, key: &str) -> Option<&String> {
        match self {
            Array::Indexed(items) => items.get(&key.parse().ok()?),
            Array::Associative(table) => table.entries.get(key).map(|(_, value)| value),
        }
    }

    fn len(&self) -> usize {
        match self {
            Array::Indexed(items) => items.len(),
            Array::Associative(table) => table.entries.len(),
        }
    }

    /// One more than the largest index.
    fn end(&self) -> u64 {
        match self {
            Array::Indexed(items) => items.last_key_value().map_or(0, |(last, _)| last + 1),
            Array::Associative(_) => 0,
        }
    }

    /// As `declare -p` writes it.
    pub fn written(&self) -> String {
        match self {
            Array::Indexed(items) => {
                let items = items.iter().map(|(key, value)| format!("[{key}]={}", bash_double_quoted(value)));
                format!("({})", items.collect::<Vec<_>>().join(" "))
            }
            Array::Associative(table) => {
                let plain = |key: &str| key.chars().all(|c| c.is_alphanumeric() || "_-./:=,+@%^".contains(c));
                let items = table.sorted().into_iter().map(|(key, value)| {
                    let key = if plain(key) { key.clone() } else { bash_double_quoted(key) };
                    format!("[{key}]={} ", bash_double_quoted(value))
                });
                format!("({})", items.collect::<String>())
            }
        }
    }
}

/// `name[key]`
pub fn subscripted(place: &str) -> Option<(&str, &str)> {
    let (name, key) = place.strip_suffix(']')?.split_once('[')?;
    is_name(name).then_some((name, key))
}

fn numbered(words: impl IntoIterator<Item = String>) -> Rc<Array> {
    Rc::new(Array::Indexed((0..).zip(words).collect()))
}

impl Shell {
    /// An array by its name, those that the shell itself keeps included.
    pub fn array(&self, name: &str) -> Option<Rc<Array>> {
        if let Some(array) = self.variable(name).and_then(|variable| variable.array.clone()) {
            return Some(array);
        }
        if !self.dialect.is_bash() {
            return None;
        }
        let text = |words: &[&str]| numbered(words.iter().map(|word| word.to_string()));
        let file = || self.sourced_file.clone().unwrap_or_else(|| self.arg0.clone());
        let main = matches!(self.reading, Source::Script).then(|| "main".to_string());
        match name {
            "PIPESTATUS" => Some(numbered(self.pipe_status.iter().map(i32::to_string))),
            "FUNCNAME" if !self.called_functions.is_empty() => {
                Some(numbered(self.called_functions.iter().rev().cloned().chain(main)))
            }
            "BASH_SOURCE" if main.is_some() || self.sourced_file.is_some() => {
                Some(numbered(std::iter::repeat_n(file(), self.called_functions.len() + 1)))
            }
            "BASH_VERSINFO" => Some(text(&["5", "2", "15", "1", "release", "x86_64-pc-linux-gnu"])),
            "GROUPS" => Some(numbered([self.proc.gid().to_string()])),
            _ => None,
        }
    }

    pub fn put_array(&mut self, name: &str, words: impl IntoIterator<Item = String>) {
        let variable = self.variable_mut(name);
        *variable = Variable { array: Some(numbered(words)), ..Default::default() };
    }

    pub fn has_words_as_keys(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|variable| matches!(variable.array.as_deref(), Some(Array::Associative(_))))
    }

    /// All values of `${name[@]}`.
    pub fn all_values(&mut self, name: &str) -> Vec<String> {
        match self.array(name) {
            Some(array) => array.values(),
            None => self.lookup(name).into_iter().collect(),
        }
    }

    /// All of `${!name[@]}`.
    pub fn all_keys(&mut self, name: &str) -> Vec<String> {
        match self.array(name) {
            Some(array) => array.keys(),
            None => self.lookup(name).map(|_| "0".to_string()).into_iter().collect(),
        }
    }

    /// The value of an element; `key` is a word or an expression.
    pub fn element(&mut self, name: &str, key: &str) -> Result<Option<String>, String> {
        let Some(array) = self.array(name) else {
            let index = self.index(key, 1)?;
            return Ok(self.get(name).filter(|_| index == Some(0)));
        };
        if let Array::Associative(_) = *array {
            return Ok(array.get(key).cloned());
        }
        Ok(self.index(key, array.end())?.and_then(|index| array.get(&index.to_string()).cloned()))
    }

    /// The number that an expression in brackets stands for; negative ones count from the end. `None` if it's before
    /// the first.
    pub fn index(&mut self, text: &str, end: u64) -> Result<Option<u64>, String> {
        let value = match text.parse::<i64>() {
            Ok(value) if !text.starts_with('0') => value,
            _ => arith::evaluate(text, self).map_err(|error| self.arithmetic_message(text, &error))?,
        };
        Ok(u64::try_from(value).ok().or_else(|| end.checked_sub(value.unsigned_abs())))
    }

    /// What an index counts back from.
    pub fn array_end(&self, name: &str) -> u64 {
        match self.array(name) {
            Some(array) => array.end(),
            None => u64::from(self.get(name).is_some()),
        }
    }

    /// The variable's array to change; what it was before becomes the first element.
    fn array_mut(&mut self, name: &str) -> &mut Array {
        let variable = self.variable_mut(name);
        variable.bare = false;
        let before = variable.value.take();
        let array = variable.array.get_or_insert_with(|| numbered(before));
        Rc::make_mut(array)
    }

    pub fn assign_element(&mut self, name: &str, key: &str, value: String) -> Result<(), String> {
        self.refuse_readonly(name)?;
        let value = self.converted(name, value)?;
        let bad = || format!("{name}[{key}]: bad array subscript");
        if key.is_empty() {
            return Err(bad());
        }
        if self.has_words_as_keys(name) {
            if let Array::Associative(table) = self.array_mut(name) {
                table.set(key, value);
            }
            return Ok(());
        }
        let index = self.index(key, self.array_end(name))?.ok_or_else(bad)?;
        let array = self.array_mut(name);
        if array.len() >= MAX_ELEMENTS {
            return Err("cannot allocate memory".to_string());
        }
        if let Array::Indexed(items) = array {
            items.insert(index, value);
        }
        Ok(())
    }

    /// `name=(…)`, `name+=(…)`
    pub fn assign_list(&mut self, name: &str, append: bool, items: Vec<Item>) -> Result<(), String> {
        self.refuse_readonly(name)?;
        let associative = self.has_words_as_keys(name);
        if !append {
            let empty =
                if associative { Array::Associative(Table::default()) } else { Array::Indexed(BTreeMap::new()) };
            let variable = self.variable_mut(name);
            variable.value = None;
            variable.array = Some(Rc::new(empty));
        }
        self.array_mut(name);
        let mut next = self.array_end(name);
        let mut items = items.into_iter();
        while let Some((key, appends, value)) = items.next() {
            if associative {
                // Without subscripts keys and values take turns.
                let (key, value) = match key {
                    Some(key) => (key, value),
                    None => (value, items.next().map(|(_, _, value)| value).unwrap_or_default()),
                };
                let before = if appends { self.element(name, &key)?.unwrap_or_default() } else { String::new() };
                self.assign_element(name, &key, before + &value)?;
                continue;
            }
            let index = match &key {
                None => next,
                Some(key) => {
                    let end = self.array_end(name);
                    self.index(key, end)?.ok_or_else(|| format!("[{key}]={value}: bad array subscript"))?
                }
            };
            let place = index.to_string();
            let before = if appends { self.element(name, &place)?.unwrap_or_default() } else { String::new() };
            self.assign_element(name, &place, before + &value)?;
            next = index.saturating_add(1);
        }
        Ok(())
    }

    /// `unset 'name[key]'`; the error is a message.
    pub fn unset_element(&mut self, name: &str, key: &str) -> Result<(), String> {
        self.refuse_readonly(name)?;
        let associative = self.has_words_as_keys(name);
        if !associative && matches!(key, "@" | "*") {
            Rc::make_mut(&mut self.variables).remove(name);
            return Ok(());
        }
        let index = match associative {
            true => 0,
            false => {
                let end = self.array_end(name);
                self.index(key, end)?.ok_or_else(|| format!("[{key}]: bad array subscript"))?
            }
        };
        if self.array(name).is_none() {
            return Ok(());
        }
        match self.array_mut(name) {
            Array::Associative(table) => {
                table.entries.remove(key);
            }
            Array::Indexed(items) => {
                items.remove(&index);
            }
        }
        Ok(())
    }

    /// Makes a variable an array, as `declare -a` and `-A` do; the error is a message.
    pub fn become_array(&mut self, name: &str, associative: bool) -> Result<(), String> {
        let (from, to) = if associative { ("indexed", "associative") } else { ("associative", "indexed") };
        let variable = self.variable_mut(name);
        match variable.array.as_deref() {
            Some(array) if matches!(array, Array::Associative(_)) != associative => {
                Err(format!("{name}: cannot convert {from} to {to} array"))
            }
            Some(_) => Ok(()),
            None => {
                let before = variable.value.take();
                variable.bare = before.is_none();
                let mut array =
                    if associative { Array::Associative(Table::default()) } else { Array::Indexed(BTreeMap::new()) };
                if let Some(value) = before {
                    array.set_first(value);
                }
                variable.array = Some(Rc::new(array));
                Ok(())
            }
        }
    }

    /// The elements of a list, expanded.
    pub async fn items(&mut self, elements: &[Element]) -> Result<Vec<Item>, Flow> {
        let mut items = Vec::new();
        for element in elements {
            match &element.index {
                Some(index) => {
                    let key = self.single(index).await?;
                    items.push((Some(key), element.append, self.assigned(&element.value).await?));
                }
                None => {
                    let fields = self.fields(std::slice::from_ref(&element.value)).await?;
                    items.extend(fields.into_iter().map(|field| (None, false, field)));
                }
            }
        }
        Ok(items)
    }

    /// Reports why an assignment failed.
    pub async fn or_complain(&mut self, result: Result<(), String>) -> Result<(), Flow> {
        match result {
            Ok(()) => Ok(()),
            Err(message) => {
                self.complain(None, &message).await;
                Err(Flow::Error(if self.dialect.is_bash() { 1 } else { 2 }))
            }
        }
    }

    /// Makes one of the assignments that stand before no command.
    pub(super) async fn assign_one(&mut self, assign: &Assign) -> Result<(), Flow> {
        if let [Part::Array(array)] = assign.value.parts.as_slice() {
            if let Some(index) = &assign.index {
                let text = format!("{}[{}]: cannot assign list to array member", assign.name, index.written());
                return self.or_complain(Err(text)).await;
            }
            let items = self.items(&array.0).await?;
            self.trace_bash(|| assign.written()).await;
            let result = self.assign_list(&assign.name, assign.append, items);
            return self.or_complain(result).await;
        }
        let (shown, place) = match &assign.index {
            None => (assign.name.clone(), assign.name.clone()),
            Some(index) => {
                let key = self.single(index).await?;
                (format!("{}[{}]", assign.name, index.written()), self.settled(&assign.name, key).await?)
            }
        };
        let value = self.assigned(&assign.value).await?;
        let all = match assign.append {
            false => value.clone(),
            true => self.appended(&place, value.clone()),
        };
        match assign.append && self.dialect.is_bash() {
            true => self.trace(&[(format!("{shown}+"), value)], &[]).await,
            false => self.trace(&[(shown, all.clone())], &[]).await,
        }
        self.set_or_fail(&place, all).await
    }

    /// `name[key]` with the key worked out, so that it is evaluated once.
    async fn settled(&mut self, name: &str, key: String) -> Result<String, Flow> {
        if self.has_words_as_keys(name) || key.is_empty() {
            return Ok(format!("{name}[{key}]"));
        }
        Ok(format!("{name}[{}]", self.arithmetic(&key).await?))
    }

    /// What `+=` makes of a variable and a value.
    pub(super) fn appended(&mut self, place: &str, value: String) -> String {
        let before = self.lookup(place).unwrap_or_default();
        let name = place.split('[').next().unwrap_or(place);
        if self.variable(name).is_some_and(|variable| variable.integer) {
            return format!("({}) + ({value})", if before.is_empty() { "0" } else { &before });
        }
        before + &value
    }
}

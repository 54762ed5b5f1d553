//! What a Redis server keeps: sixteen databases of keys, with their expiry and their size.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use crate::sim::SimTime;

pub const DATABASES: usize = 16;
/// What an empty server takes, in bytes, as `used_memory` tells it.
pub const BASE: usize = 872_000;
/// What a key takes besides its bytes.
const OVERHEAD: usize = 56;

pub enum Value {
    String(Vec<u8>),
    List(VecDeque<Vec<u8>>),
    Set(BTreeSet<Vec<u8>>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// Members with their scores.
    Sorted(BTreeMap<Vec<u8>, f64>),
}

impl Value {
    pub fn name(&self) -> &'static str {
        match self {
            Value::String(_) => "string",
            Value::List(_) => "list",
            Value::Set(_) => "set",
            Value::Hash(_) => "hash",
            Value::Sorted(_) => "zset",
        }
    }

    /// Whether nothing is left, which removes the key.
    pub fn is_empty(&self) -> bool {
        match self {
            Value::String(_) => false,
            Value::List(items) => items.is_empty(),
            Value::Set(items) => items.is_empty(),
            Value::Hash(items) => items.is_empty(),
            Value::Sorted(items) => items.is_empty(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Value::String(data) => data.len(),
            Value::List(items) => items.iter().map(|i| i.len() + 16).sum(),
            Value::Set(items) => items.iter().map(|i| i.len() + 32).sum(),
            Value::Hash(items) => items.iter().map(|(k, v)| k.len() + v.len() + 48).sum(),
            Value::Sorted(items) => items.keys().map(|k| k.len() + 64).sum(),
        }
    }
}

pub struct Entry {
    pub value: Value,
    pub expires: Option<SimTime>,
    /// Counts uses, for the eviction of what was used longest ago.
    used: u64,
    size: usize,
}

#[derive(Default)]
pub struct Database {
    entries: BTreeMap<Vec<u8>, Entry>,
}

#[derive(Default)]
pub struct Store {
    databases: Vec<Database>,
    uses: u64,
    size: usize,
    pub expired: u64,
    pub evicted: u64,
}

impl Store {
    pub fn new() -> Store {
        Store { databases: (0..DATABASES).map(|_| Database::default()).collect(), ..Store::default() }
    }

    pub fn used_memory(&self) -> usize {
        BASE + self.size
    }

    /// Removes what has expired in a database, then gives access to it.
    fn live(&mut self, db: usize, key: &[u8], now: SimTime) {
        let over = |entry: &Entry| entry.expires.is_some_and(|at| at <= now);
        if self.databases[db].entries.get(key).is_some_and(over) {
            self.remove(db, key);
            self.expired += 1;
        }
    }

    pub fn get(&mut self, db: usize, key: &[u8], now: SimTime) -> Option<&mut Entry> {
        self.live(db, key, now);
        self.uses += 1;
        let entry = self.databases[db].entries.get_mut(key)?;
        entry.used = self.uses;
        Some(entry)
    }

    /// Sets a key; its expiry too.
    pub fn set(&mut self, db: usize, key: &[u8], value: Value, expires: Option<SimTime>) {
        self.remove(db, key);
        self.uses += 1;
        let size = key.len() + value.size() + OVERHEAD;
        self.size += size;
        self.databases[db].entries.insert(key.to_vec(), Entry { value, expires, used: self.uses, size });
    }

    /// After a value was changed in place: counts it anew, and removes it if nothing is left.
    pub fn touched(&mut self, db: usize, key: &[u8]) {
        let Some(entry) = self.databases[db].entries.get_mut(key) else { return };
        if entry.value.is_empty() {
            self.remove(db, key);
            return;
        }
        let size = key.len() + entry.value.size() + OVERHEAD;
        self.size = self.size - entry.size + size;
        entry.size = size;
    }

    pub fn remove(&mut self, db: usize, key: &[u8]) -> Option<Entry> {
        let entry = self.databases[db].entries.remove(key)?;
        self.size -= entry.size;
        Some(entry)
    }

    pub fn clear(&mut self, db: usize) {
        let gone = std::mem::take(&mut self.databases[db].entries);
        self.size -= gone.values().map(|entry| entry.size).sum::<usize>();
    }

    /// The keys that haven't expired, in their order.
    pub fn keys(&mut self, db: usize, now: SimTime) -> Vec<Vec<u8>> {
        let keys: Vec<Vec<u8>> = self.databases[db].entries.keys().cloned().collect();
        for key in &keys {
            self.live(db, key, now);
        }
        self.databases[db].entries.keys().cloned().collect()
    }

    pub fn entries(&self, db: usize) -> impl Iterator<Item = (&Vec<u8>, &Entry)> {
        self.databases[db].entries.iter()
    }

    /// Removes keys until `limit` bytes are kept: those used longest ago, `volatile` ones only if asked for. False if
    /// there are none to remove.
    pub fn evict(&mut self, limit: usize, volatile: bool) -> bool {
        while self.used_memory() > limit {
            let all = self.databases.iter().enumerate();
            let all = all.flat_map(|(db, database)| database.entries.iter().map(move |(key, entry)| (db, key, entry)));
            let oldest = all.filter(|(_, _, entry)| !volatile || entry.expires.is_some());
            let oldest = oldest.min_by_key(|(_, _, entry)| entry.used).map(|(db, key, _)| (db, key.clone()));
            let Some((db, key)) = oldest else { return false };
            self.remove(db, &key);
            self.evicted += 1;
        }
        true
    }
}

/// From now on, so many milliseconds; `None` if that is no time.
pub fn after(now: SimTime, millis: i64) -> Option<SimTime> {
    u64::try_from(millis).ok().map(|millis| now + Duration::from_millis(millis))
}

impl Value {
    /// The request that makes this value again.
    pub fn rebuild(&self, key: &[u8]) -> Vec<Vec<u8>> {
        let (name, words): (&str, Vec<Vec<u8>>) = match self {
            Value::String(data) => ("set", vec![data.clone()]),
            Value::List(items) => ("rpush", items.iter().cloned().collect()),
            Value::Set(items) => ("sadd", items.iter().cloned().collect()),
            Value::Hash(items) => ("hset", items.iter().flat_map(|(k, v)| [k.clone(), v.clone()]).collect()),
            Value::Sorted(items) => {
                ("zadd", items.iter().flat_map(|(m, s)| [s.to_string().into_bytes(), m.clone()]).collect())
            }
        };
        [name.as_bytes().to_vec(), key.to_vec()].into_iter().chain(words).collect()
    }
}

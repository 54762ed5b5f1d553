//! The commands that touch nothing but the store: arguments in, reply out. Texts as Redis has them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    resp::Reply,
    store::{Store, Value, after},
};
use crate::sim::SimTime;

const WRONG_TYPE: &str = "WRONGTYPE Operation against a key holding the wrong kind of value";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";
const NOT_FLOAT: &str = "ERR value is not a valid float";
const SYNTAX: &str = "ERR syntax error";
/// Milliseconds; what lies further ahead is no time to Redis either.
const LONGEST: i64 = 1_000_000_000_000_000;

/// Name, arity (negative: at least so many words, the name among them), and whether it may need memory.
pub const TABLE: &[(&str, i32, bool)] = &[
    ("append", 3, true),
    ("dbsize", 1, false),
    ("decr", 2, true),
    ("decrby", 3, true),
    ("del", -2, false),
    ("exists", -2, false),
    ("expire", -3, false),
    ("expireat", -3, false),
    ("get", 2, false),
    ("getdel", 2, false),
    ("getrange", 4, false),
    ("getset", 3, true),
    ("hdel", -3, false),
    ("hexists", 3, false),
    ("hget", 3, false),
    ("hgetall", 2, false),
    ("hincrby", 4, true),
    ("hkeys", 2, false),
    ("hlen", 2, false),
    ("hmget", -3, false),
    ("hset", -4, true),
    ("hvals", 2, false),
    ("incr", 2, true),
    ("incrby", 3, true),
    ("incrbyfloat", 3, true),
    ("keys", 2, false),
    ("lindex", 3, false),
    ("llen", 2, false),
    ("lpop", -2, false),
    ("lpush", -3, true),
    ("lrange", 4, false),
    ("lrem", 4, false),
    ("ltrim", 4, false),
    ("mget", -2, false),
    ("mset", -3, true),
    ("persist", 2, false),
    ("pexpire", -3, false),
    ("pttl", 2, false),
    ("rename", 3, false),
    ("rpop", -2, false),
    ("rpush", -3, true),
    ("sadd", -3, true),
    ("scard", 2, false),
    ("set", -3, true),
    ("setex", 4, true),
    ("setnx", 3, true),
    ("sismember", 3, false),
    ("smembers", 2, false),
    ("srem", -3, false),
    ("strlen", 2, false),
    ("ttl", 2, false),
    ("type", 2, false),
    ("unlink", -2, false),
    ("zadd", -4, true),
    ("zcard", 2, false),
    ("zincrby", 4, true),
    ("zrange", -4, false),
    ("zrem", -3, false),
    ("zscore", 3, false),
];

/// A command on one database.
pub struct Call<'a> {
    pub store: &'a mut Store,
    pub db: usize,
    pub now: SimTime,
    /// The calendar time, in milliseconds.
    pub wall: i64,
    pub name: &'a str,
    pub args: &'a [Vec<u8>],
}

type Answer = Result<Reply, Reply>;

fn fail<T>(text: &str) -> Result<T, Reply> {
    Err(Reply::error(text))
}

fn integer(word: &[u8]) -> Result<i64, Reply> {
    let text = std::str::from_utf8(word).ok().filter(|text| !text.starts_with('+'));
    text.and_then(|text| text.parse().ok()).ok_or_else(|| Reply::error(NOT_INTEGER))
}

fn float(word: &[u8]) -> Result<f64, Reply> {
    let text = std::str::from_utf8(word).ok();
    text.and_then(|text| text.parse::<f64>().ok()).filter(|n| !n.is_nan()).ok_or_else(|| Reply::error(NOT_FLOAT))
}

fn number(n: f64) -> Vec<u8> {
    n.to_string().into_bytes()
}

/// Which of `len` items an inclusive range means, as half-open bounds.
fn range(start: i64, stop: i64, len: usize) -> (usize, usize) {
    let size = i64::try_from(len).unwrap_or(i64::MAX);
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, stop) = (from_end(start).max(0), from_end(stop).min(size - 1));
    if start > stop { (0, 0) } else { (usize::try_from(start).unwrap_or(0), usize::try_from(stop + 1).unwrap_or(0)) }
}

/// Gives a collection of one kind at a key, made if it is missing.
macro_rules! collection {
    ($name:ident, $kind:ident, $type:ty) => {
        fn $name(&mut self, key: &[u8]) -> Result<&mut $type, Reply> {
            if self.store.get(self.db, key, self.now).is_none() {
                self.store.set(self.db, key, Value::$kind(<$type>::default()), None);
            }
            match self.store.get(self.db, key, self.now).map(|entry| &mut entry.value) {
                Some(Value::$kind(items)) => Ok(items),
                _ => fail(WRONG_TYPE),
            }
        }
    };
}

impl Call<'_> {
    pub fn run(mut self) -> Reply {
        let answer = self.answer();
        // A collection made only to be looked at goes again.
        if let Some(key) = self.args.first() {
            self.store.touched(self.db, key);
        }
        answer.unwrap_or_else(|error| error)
    }

    collection!(list, List, VecDeque<Vec<u8>>);
    collection!(set_of, Set, BTreeSet<Vec<u8>>);
    collection!(hash, Hash, BTreeMap<Vec<u8>, Vec<u8>>);
    collection!(sorted, Sorted, BTreeMap<Vec<u8>, f64>);

    fn string(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, Reply> {
        match self.store.get(self.db, key, self.now).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::String(data)) => Ok(Some(data.clone())),
            Some(_) => fail(WRONG_TYPE),
        }
    }

    /// Changes a string and keeps its expiry.
    fn put(&mut self, key: &[u8], data: Vec<u8>) {
        let expires = self.store.get(self.db, key, self.now).and_then(|entry| entry.expires);
        self.store.set(self.db, key, Value::String(data), expires);
    }

    fn expiry(&self, millis: i64) -> Result<SimTime, Reply> {
        let valid = Some(millis).filter(|millis| (1..LONGEST).contains(millis));
        let text = format!("ERR invalid expire time in '{}' command", self.name);
        valid.and_then(|millis| after(self.now, millis)).ok_or(Reply::Error(text))
    }

    fn answer(&mut self) -> Answer {
        let args = self.args;
        let key: &[u8] = args.first().map_or(&[], Vec::as_slice);
        Ok(match self.name {
            "get" => Reply::Bulk(self.string(key)?),
            "getdel" => {
                let found = self.string(key)?;
                self.store.remove(self.db, key);
                Reply::Bulk(found)
            }
            "getset" => {
                let found = self.string(key)?;
                self.store.set(self.db, key, Value::String(args[1].clone()), None);
                Reply::Bulk(found)
            }
            "set" => return self.set(),
            "setnx" => {
                let free = self.store.get(self.db, key, self.now).is_none();
                if free {
                    self.store.set(self.db, key, Value::String(args[1].clone()), None);
                }
                Reply::Integer(free.into())
            }
            "setex" => {
                let expires = self.expiry(integer(&args[1])?.saturating_mul(1000))?;
                self.store.set(self.db, key, Value::String(args[2].clone()), Some(expires));
                Reply::ok()
            }
            "mget" => Reply::Array(Some(args.iter().map(|key| Reply::Bulk(self.string(key).ok().flatten())).collect())),
            "mset" => {
                if args.len() % 2 == 1 {
                    return fail("ERR wrong number of arguments for 'mset' command");
                }
                for pair in args.chunks_exact(2) {
                    self.store.set(self.db, &pair[0], Value::String(pair[1].clone()), None);
                }
                Reply::ok()
            }
            "append" => {
                let mut data = self.string(key)?.unwrap_or_default();
                data.extend(&args[1]);
                let length = data.len();
                self.put(key, data);
                Reply::count(length)
            }
            "strlen" => Reply::count(self.string(key)?.map_or(0, |data| data.len())),
            "getrange" => {
                let data = self.string(key)?.unwrap_or_default();
                let (from, to) = range(integer(&args[1])?, integer(&args[2])?, data.len());
                Reply::bulk(&data[from..to])
            }
            "incr" => return self.increase(key, 1),
            "decr" => return self.increase(key, -1),
            "incrby" => return self.increase(key, integer(&args[1])?),
            "decrby" => return self.increase(key, integer(&args[1])?.checked_neg().unwrap_or(i64::MAX)),
            "incrbyfloat" => {
                let sum = self.string(key)?.map_or(Ok(0.0), |data| float(&data))? + float(&args[1])?;
                if !sum.is_finite() {
                    return fail("ERR increment would produce NaN or Infinity");
                }
                self.put(key, number(sum));
                Reply::bulk(number(sum))
            }
            "del" | "unlink" => {
                let live = |key: &&Vec<u8>| self.store.get(self.db, key, self.now).is_some();
                let found: Vec<&Vec<u8>> = args.iter().filter(live).collect();
                Reply::count(found.into_iter().filter_map(|key| self.store.remove(self.db, key)).count())
            }
            "exists" => Reply::count(args.iter().filter(|k| self.store.get(self.db, k, self.now).is_some()).count()),
            "type" => Reply::Status(self.store.get(self.db, key, self.now).map_or("none", |e| e.value.name()).into()),
            "keys" => {
                let keys = self.store.keys(self.db, self.now);
                Reply::array(keys.into_iter().filter(|name| glob(key, name)))
            }
            "dbsize" => Reply::count(self.store.keys(self.db, self.now).len()),
            "rename" => match self.store.remove(self.db, key) {
                Some(entry) => {
                    self.store.set(self.db, &args[1], entry.value, entry.expires);
                    Reply::ok()
                }
                None => return fail("ERR no such key"),
            },
            "expire" => return self.expire(key, integer(&args[1])?.saturating_mul(1000)),
            "pexpire" => return self.expire(key, integer(&args[1])?),
            "expireat" => {
                let millis = integer(&args[1])?.saturating_mul(1000).saturating_sub(self.wall);
                return self.expire(key, millis);
            }
            "persist" => {
                let entry = self.store.get(self.db, key, self.now);
                Reply::Integer(entry.and_then(|entry| entry.expires.take()).is_some().into())
            }
            "ttl" | "pttl" => {
                let now = self.now;
                Reply::Integer(match self.store.get(self.db, key, now).map(|entry| entry.expires) {
                    None => -2,
                    Some(None) => -1,
                    Some(Some(at)) => {
                        let millis = i64::try_from(at.since(now).as_millis()).unwrap_or(i64::MAX);
                        if self.name == "ttl" { (millis + 500) / 1000 } else { millis }
                    }
                })
            }
            "lpush" | "rpush" => {
                let front = self.name == "lpush";
                let list = self.list(key)?;
                for item in &args[1..] {
                    if front { list.push_front(item.clone()) } else { list.push_back(item.clone()) }
                }
                Reply::count(list.len())
            }
            "lpop" | "rpop" => {
                let count = args.get(1).map(|word| integer(word)).transpose()?;
                if count.is_some_and(|count| count < 0) || args.len() > 2 {
                    return fail("ERR value is out of range, must be positive");
                }
                let front = self.name == "lpop";
                let list = self.list(key)?;
                let wanted = usize::try_from(count.unwrap_or(1)).unwrap_or(0).min(list.len());
                let mut take = || if front { list.pop_front() } else { list.pop_back() };
                let taken: Vec<Vec<u8>> = (0..wanted).filter_map(|_| take()).collect();
                match count {
                    None => Reply::Bulk(taken.into_iter().next()),
                    Some(_) if taken.is_empty() => Reply::Array(None),
                    Some(_) => Reply::array(taken),
                }
            }
            "llen" => Reply::count(self.list(key)?.len()),
            "lrange" => {
                let (start, stop) = (integer(&args[1])?, integer(&args[2])?);
                let list = self.list(key)?;
                let (from, to) = range(start, stop, list.len());
                Reply::array(list.range(from..to).cloned())
            }
            "ltrim" => {
                let (start, stop) = (integer(&args[1])?, integer(&args[2])?);
                let list = self.list(key)?;
                let (from, to) = range(start, stop, list.len());
                list.truncate(to);
                list.drain(..from);
                Reply::ok()
            }
            "lindex" => {
                let at = integer(&args[1])?;
                let list = self.list(key)?;
                let (from, to) = range(at, at, list.len());
                Reply::Bulk(if from < to { list.get(from).cloned() } else { None })
            }
            "lrem" => {
                let count = integer(&args[1])?;
                let list = self.list(key)?;
                let mut left = if count == 0 { u64::MAX } else { count.unsigned_abs() };
                let before = list.len();
                let mut keep = |item: &Vec<u8>| {
                    let goes = *item == args[2] && left > 0;
                    left -= u64::from(goes);
                    !goes
                };
                if count < 0 {
                    let kept: VecDeque<Vec<u8>> = list.drain(..).rev().filter(|item| keep(item)).collect();
                    *list = kept.into_iter().rev().collect();
                } else {
                    list.retain(keep);
                }
                Reply::count(before - list.len())
            }
            "sadd" => {
                let set = self.set_of(key)?;
                Reply::count(args[1..].iter().filter(|item| set.insert((*item).clone())).count())
            }
            "srem" => {
                let set = self.set_of(key)?;
                Reply::count(args[1..].iter().filter(|item| set.remove(*item)).count())
            }
            "scard" => Reply::count(self.set_of(key)?.len()),
            "sismember" => Reply::Integer(self.set_of(key)?.contains(&args[1]).into()),
            "smembers" => Reply::array(self.set_of(key)?.iter().cloned()),
            "hset" => {
                if args.len().is_multiple_of(2) {
                    return fail("ERR wrong number of arguments for 'hset' command");
                }
                let hash = self.hash(key)?;
                let pairs = args[1..].chunks_exact(2);
                Reply::count(pairs.filter(|p| hash.insert(p[0].clone(), p[1].clone()).is_none()).count())
            }
            "hget" => Reply::Bulk(self.hash(key)?.get(&args[1]).cloned()),
            "hmget" => {
                let hash = self.hash(key)?;
                Reply::Array(Some(args[1..].iter().map(|field| Reply::Bulk(hash.get(field).cloned())).collect()))
            }
            "hgetall" => {
                let hash = self.hash(key)?;
                Reply::array(hash.iter().flat_map(|(field, value)| [field.clone(), value.clone()]))
            }
            "hkeys" => Reply::array(self.hash(key)?.keys().cloned()),
            "hvals" => Reply::array(self.hash(key)?.values().cloned()),
            "hlen" => Reply::count(self.hash(key)?.len()),
            "hexists" => Reply::Integer(self.hash(key)?.contains_key(&args[1]).into()),
            "hdel" => {
                let hash = self.hash(key)?;
                Reply::count(args[1..].iter().filter_map(|field| hash.remove(field)).count())
            }
            "hincrby" => {
                let by = integer(&args[2])?;
                let hash = self.hash(key)?;
                let old = hash.get(&args[1]).map_or(Ok(0), |value| {
                    integer(value).map_err(|_| Reply::error("ERR hash value is not an integer"))
                })?;
                let Some(sum) = old.checked_add(by) else {
                    return fail("ERR increment or decrement would overflow");
                };
                hash.insert(args[1].clone(), sum.to_string().into_bytes());
                Reply::Integer(sum)
            }
            "zadd" => {
                if args.len().is_multiple_of(2) {
                    return fail(SYNTAX);
                }
                let mut pairs = Vec::new();
                for pair in args[1..].chunks_exact(2) {
                    pairs.push((pair[1].clone(), float(&pair[0])?));
                }
                let sorted = self.sorted(key)?;
                Reply::count(pairs.into_iter().filter(|(m, score)| sorted.insert(m.clone(), *score).is_none()).count())
            }
            "zincrby" => {
                let by = float(&args[1])?;
                let score = self.sorted(key)?.entry(args[2].clone()).or_insert(0.0);
                *score += by;
                Reply::bulk(number(*score))
            }
            "zscore" => Reply::Bulk(self.sorted(key)?.get(&args[1]).copied().map(number)),
            "zcard" => Reply::count(self.sorted(key)?.len()),
            "zrem" => {
                let sorted = self.sorted(key)?;
                Reply::count(args[1..].iter().filter_map(|member| sorted.remove(member)).count())
            }
            "zrange" => {
                let (start, stop) = (integer(&args[1])?, integer(&args[2])?);
                let (mut scores, mut reversed) = (false, false);
                for word in &args[3..] {
                    match word.to_ascii_lowercase().as_slice() {
                        b"withscores" => scores = true,
                        b"rev" => reversed = true,
                        _ => return fail(SYNTAX),
                    }
                }
                let mut members: Vec<(&Vec<u8>, f64)> = self.sorted(key)?.iter().map(|(m, s)| (m, *s)).collect();
                members.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(b.0)));
                if reversed {
                    members.reverse();
                }
                let (from, to) = range(start, stop, members.len());
                let chosen = members[from..to].iter();
                Reply::array(chosen.flat_map(|(m, s)| [Some((*m).clone()), scores.then(|| number(*s))]).flatten())
            }
            other => return Err(Reply::Error(format!("ERR unknown command '{other}'"))),
        })
    }

    fn set(&mut self) -> Answer {
        let args = self.args;
        let key = &args[0];
        let (mut expires, mut only_new, mut only_old, mut keep, mut give) = (None, false, false, false, false);
        let mut options = args[2..].iter();
        while let Some(option) = options.next() {
            match option.to_ascii_uppercase().as_slice() {
                b"NX" if !only_old => only_new = true,
                b"XX" if !only_new => only_old = true,
                b"KEEPTTL" if expires.is_none() => keep = true,
                b"GET" => give = true,
                unit @ (b"EX" | b"PX") if expires.is_none() && !keep => {
                    let Some(word) = options.next() else { return fail(SYNTAX) };
                    let scale = if unit == b"EX" { 1000 } else { 1 };
                    expires = Some(self.expiry(integer(word)?.saturating_mul(scale))?);
                }
                _ => return fail(SYNTAX),
            }
        }
        let old = if give { self.string(key)? } else { None };
        let there = self.store.get(self.db, key, self.now);
        let kept = there.as_ref().and_then(|entry| entry.expires);
        let refused = if there.is_some() { only_new } else { only_old };
        if !refused {
            let expires = if keep { kept } else { expires };
            self.store.set(self.db, key, Value::String(args[1].clone()), expires);
        }
        Ok(match (give, refused) {
            (true, _) => Reply::Bulk(old),
            (false, true) => Reply::nil(),
            (false, false) => Reply::ok(),
        })
    }

    fn increase(&mut self, key: &[u8], by: i64) -> Answer {
        let old = self.string(key)?.map_or(Ok(0), |data| integer(&data))?;
        let Some(sum) = old.checked_add(by) else { return fail("ERR increment or decrement would overflow") };
        self.put(key, sum.to_string().into_bytes());
        Ok(Reply::Integer(sum))
    }

    fn expire(&mut self, key: &[u8], millis: i64) -> Answer {
        let (db, now) = (self.db, self.now);
        if millis >= LONGEST {
            self.expiry(millis)?;
        }
        let Some(entry) = self.store.get(db, key, now) else { return Ok(Reply::Integer(0)) };
        match after(now, millis).filter(|_| millis > 0) {
            Some(at) => entry.expires = Some(at),
            None => drop(self.store.remove(db, key)),
        }
        Ok(Reply::Integer(1))
    }
}

/// Redis' patterns: `*`, `?`, `[a-c]`, `[^x]`, `\` before a character that means itself. Time grows with the product of
/// both lengths at most.
pub fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            star = Some((p, t));
            continue;
        }
        match text.get(t) {
            None if p == pattern.len() => return true,
            None => return false,
            Some(&byte) => match one(&pattern[p..], byte) {
                Some(length) => (p, t) = (p + length, t + 1),
                None => match &mut star {
                    Some((after, taken)) => {
                        *taken += 1;
                        (p, t) = (*after, *taken);
                    }
                    None => return false,
                },
            },
        }
    }
}

/// How much of a pattern stands for one byte, if it does for this one.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] if rest.contains(&b']') => {
            let end = rest.iter().position(|b| *b == b']')?;
            let (negated, class) = match &rest[..end] {
                [b'^', class @ ..] => (true, class),
                class => (false, class),
            };
            let (mut at, mut found) = (0, false);
            while at < class.len() {
                if at + 2 < class.len() && class[at + 1] == b'-' {
                    found |= (class[at].min(class[at + 2])..=class[at].max(class[at + 2])).contains(&byte);
                    at += 3;
                } else {
                    found |= class[at] == byte;
                    at += 1;
                }
            }
            (found != negated).then_some(end + 2)
        }
        [b'\\', literal, ..] => (*literal == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
        [] => None,
    }
}

//! `kubectl diff`: what applying would change, as `diff -u -N` shows it.

use serde_json::Value;

use super::{
    Args, Ctx, Failure, Outcome, apply,
    files::{self, Loaded},
    write::{self, DryRun},
};
use crate::{
    api::{Kind, error::Reason},
    manifest,
};

/// Lines around a change.
const CONTEXT: usize = 3;
/// Beyond so many different lines the middle is shown as one change, so that the search stays short.
const MOST_CHANGES: usize = 2000;
/// Times that a merge is tried before the live object's version no longer has to match.
const RETRIES: usize = 4;

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    if !args.args.is_empty() {
        let message = format!("Unexpected args: [{}]", args.args.join(" "));
        return more_than_differences(cx, Failure::Usage { command: "diff".into(), message }).await;
    }
    if let Err(failure) = files::required(args) {
        return more_than_differences(cx, failure).await;
    }
    let mut rng = cx.proc.sim().rng(&format!("kubectl-diff-{}", cx.proc.host_pid()));
    let mut directory = |name: &str| format!("/tmp/{name}-{}", rng.below(1 << 32));
    let (from, to) = (directory("LIVE"), directory("MERGED"));
    let mut versions: Vec<(String, String, String)> = Vec::new();
    let loaded: Result<Vec<Loaded>, Failure> = match files::load_each(cx, args).await {
        Ok(each) => each.into_iter().collect(),
        Err(failure) => Err(failure),
    };
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(failure) => return more_than_differences(cx, failure).await,
    };
    for loaded in &loaded {
        match both(cx, args, loaded).await {
            Ok((mut live, mut merged)) => {
                if loaded.kind == Kind::Secret && !args.on("show-secrets") {
                    mask(&mut live, &mut merged);
                }
                versions.push((file_name(loaded), text(live, args), text(merged, args)));
            }
            Err(failure) => return more_than_differences(cx, failure).await,
        }
    }
    versions.sort();
    let at = cx.now().strftime("%Y-%m-%d %H:%M:%S%.9f +0000").to_string();
    let mut code = 0;
    for (name, live, merged) in &versions {
        let changes = unified(live, merged);
        if !changes.is_empty() {
            code = 1;
            let (from, to) = (format!("{from}/{name}"), format!("{to}/{name}"));
            cx.out(format!("diff -u -N {from} {to}\n--- {from}\t{at}\n+++ {to}\t{at}\n{changes}")).await;
        }
    }
    Ok(code)
}

/// Exit codes above 1 are failures: 1 says that there are differences.
async fn more_than_differences(cx: &Ctx, failure: Failure) -> Outcome {
    super::program::report(cx, &failure).await;
    Ok(2)
}

/// `v1.Pod.default.web`, `scheduling.k8s.io.v1.PriorityClass..high`.
fn file_name(loaded: &Loaded) -> String {
    let group = loaded.kind.group();
    let group = if group.is_empty() { String::new() } else { format!("{group}.") };
    format!("{group}{}.{}.{}.{}", loaded.kind.version(), loaded.kind, loaded.namespace, loaded.name)
}

/// The object as it is and as it would become.
async fn both(cx: &Ctx, args: &Args, loaded: &Loaded) -> Result<(Option<Value>, Option<Value>), Failure> {
    for attempt in 1.. {
        let options = write::options(args, DryRun::Server, "kubectl-client-side-apply");
        let Some(live) = apply::live(cx, loaded).await? else {
            let made = write::create(cx, loaded.kind, &loaded.namespace, loaded.value.clone(), options).await?;
            return Ok((None, Some(made.to_value())));
        };
        let mut value = loaded.value.clone();
        // As applied, but without the note of it.
        if !value["metadata"]["annotations"].is_object() {
            value["metadata"]["annotations"] = Value::Object(serde_json::Map::new());
        }
        let Some(mut patch) = apply::patch_of(loaded, &live, &value)? else {
            return Ok((Some(live.to_value()), Some(live.to_value())));
        };
        if attempt < RETRIES {
            patch["metadata"]["resourceVersion"] = live.resource_version().to_string().into();
        }
        match apply::send(cx, loaded, patch, options).await {
            Err(Failure::ServerWhen { error, .. }) if error.reason == Reason::Conflict && attempt < RETRIES => {}
            result => return Ok((Some(live.to_value()), Some(result?.to_value()))),
        }
    }
    Ok((None, None))
}

/// Puts asterisks in place of a secret's data.
fn mask(live: &mut Option<Value>, merged: &mut Option<Value>) {
    let data = |value: &Option<Value>| value.as_ref().and_then(|value| value["data"].as_object()).cloned();
    let (old, new) = (data(live).unwrap_or_default(), data(merged).unwrap_or_default());
    for (version, changed) in [(live, "*** (before)"), (merged, "*** (after)")] {
        let Some(data) = version.as_mut().and_then(|value| value["data"].as_object_mut()) else { continue };
        for (key, value) in data {
            let differs = old.contains_key(key) && new.contains_key(key) && old[key] != new[key];
            *value = if differs { changed } else { "***" }.into();
        }
    }
}

fn text(value: Option<Value>, args: &Args) -> String {
    let Some(mut value) = value else { return String::new() };
    if let Some(meta) = value["metadata"].as_object_mut()
        && !args.on("show-managed-fields")
    {
        meta.remove("managedFields");
    }
    manifest::to_yaml(&value)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Edit {
    Keep,
    Remove,
    Add,
}

/// The hunks of a unified diff; "" if the texts are alike.
fn unified(from: &str, to: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (from.lines().collect(), to.lines().collect());
    let edits = edits(&from, &to);
    let changed: Vec<usize> = (0..edits.len()).filter(|&at| edits[at] != Edit::Keep).collect();
    let mut out = String::new();
    let mut next = 0;
    while let Some(&first) = changed.get(next) {
        // Changes so near that their contexts touch share a hunk.
        let mut last = first;
        while let Some(&at) = changed.get(next).filter(|&&at| at <= last + 2 * CONTEXT + 1 || at == first) {
            last = at;
            next += 1;
        }
        let (start, end) = (first.saturating_sub(CONTEXT), (last + CONTEXT + 1).min(edits.len()));
        let count = |edits: &[Edit], without: Edit| edits.iter().filter(|edit| **edit != without).count();
        let (mut old, mut new) = (count(&edits[..start], Edit::Add), count(&edits[..start], Edit::Remove));
        let span = |before: usize, length: usize| match length {
            0 => format!("{before},0"),
            1 => format!("{}", before + 1),
            _ => format!("{},{length}", before + 1),
        };
        let hunk = &edits[start..end];
        let (olds, news) = (span(old, count(hunk, Edit::Add)), span(new, count(hunk, Edit::Remove)));
        out.push_str(&format!("@@ -{olds} +{news} @@\n"));
        for edit in hunk {
            let (mark, line) = match edit {
                Edit::Keep => (' ', from[old]),
                Edit::Remove => ('-', from[old]),
                Edit::Add => ('+', to[new]),
            };
            out.push_str(&format!("{mark}{line}\n"));
            old += usize::from(*edit != Edit::Add);
            new += usize::from(*edit != Edit::Remove);
        }
    }
    out
}

/// A shortest way from one list of lines to the other (Myers' algorithm), removals before additions.
fn edits(from: &[&str], to: &[&str]) -> Vec<Edit> {
    let head = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let (a, b) = (&from[head..], &to[head..]);
    let tail = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - tail], &b[..b.len() - tail]);
    let mut edits = vec![Edit::Keep; head];
    edits.extend(middle(a, b).unwrap_or_else(|| {
        let removed = std::iter::repeat_n(Edit::Remove, a.len());
        removed.chain(std::iter::repeat_n(Edit::Add, b.len())).collect()
    }));
    edits.extend(std::iter::repeat_n(Edit::Keep, tail));
    edits
}

/// [`edits`] of texts that differ at both ends; `None` if they differ in too much.
fn middle(a: &[&str], b: &[&str]) -> Option<Vec<Edit>> {
    let (n, m) = (a.len() as isize, b.len() as isize);
    let most = (a.len() + b.len()).min(MOST_CHANGES);
    let offset = most as isize + 1;
    // The furthest line of `a` on each diagonal, for each number of changes.
    let mut furthest = vec![0isize; 2 * most + 3];
    let mut trace = Vec::new();
    let mut found = None;
    'search: for changes in 0..=most as isize {
        trace.push(furthest.clone());
        for diagonal in (-changes..=changes).step_by(2) {
            let at = |diagonal: isize| (diagonal + offset) as usize;
            let down = diagonal == -changes
                || (diagonal != changes && furthest[at(diagonal - 1)] < furthest[at(diagonal + 1)]);
            let mut x = if down { furthest[at(diagonal + 1)] } else { furthest[at(diagonal - 1)] + 1 };
            while x < n && x - diagonal < m && x - diagonal >= 0 && a[x as usize] == b[(x - diagonal) as usize] {
                x += 1;
            }
            furthest[at(diagonal)] = x;
            if x >= n && x - diagonal >= m {
                found = Some(changes);
                break 'search;
            }
        }
    }
    let (mut x, mut y) = (n, m);
    let mut edits = Vec::new();
    for changes in (0..=found?).rev() {
        let furthest = &trace[changes as usize];
        let at = |diagonal: isize| (diagonal + offset) as usize;
        let diagonal = x - y;
        let down =
            diagonal == -changes || (diagonal != changes && furthest[at(diagonal - 1)] < furthest[at(diagonal + 1)]);
        let before = if changes == 0 {
            0
        } else if down {
            furthest[at(diagonal + 1)]
        } else {
            furthest[at(diagonal - 1)] + 1
        };
        while x > before && x > 0 && y > 0 {
            edits.push(Edit::Keep);
            x -= 1;
            y -= 1;
        }
        if changes > 0 {
            edits.push(if down { Edit::Add } else { Edit::Remove });
            if down { y -= 1 } else { x -= 1 }
        }
    }
    edits.reverse();
    Some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks() {
        let cases = [
            ("a\nb\n", "a\nb\n", ""),
            ("", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"),
            ("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"),
            ("a\nb\n", "b\nc\n", "@@ -1,2 +1,2 @@\n-a\n b\n+c\n"),
            (
                "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
                "0\n2\n3\n4\n5\n6\n7\n8\n9\nx\n",
                "@@ -1,4 +1,4 @@\n-1\n+0\n 2\n 3\n 4\n@@ -7,3 +7,4 @@\n 7\n 8\n 9\n+x\n",
            ),
            ("x\n1\n2\n3\n4\n5\n6\ny\n", "1\n2\n3\n4\n5\n6\n", "@@ -1,8 +1,6 @@\n-x\n 1\n 2\n 3\n 4\n 5\n 6\n-y\n"),
        ];
        for (from, to, expected) in cases {
            assert_eq!(unified(from, to), expected, "{from:?} {to:?}");
        }
    }
}

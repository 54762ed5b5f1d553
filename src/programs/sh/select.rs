//! bash's `select`: a menu on stderr.

use super::{
    ast::List,
    state::{Outcome, Shell},
};
use crate::programs::util;

/// The menu, in as many columns as the screen has room for.
fn menu(items: &[String], width: usize) -> String {
    let digits = |n: usize| n.to_string().len();
    let length = |item: &str| item.chars().count();
    let column = items.iter().map(|item| length(item)).max().unwrap_or(0) + digits(items.len()) + 2 + 2;
    let columns = (width / column).max(1);
    let rows = items.len().div_ceil(columns);
    // What would fit into one row is written below each other.
    let rows = if rows == 1 { items.len() } else { rows };
    let mut text = String::new();
    for row in 0..rows {
        let mut at = 0;
        for (column_number, place) in (row..items.len()).step_by(rows).enumerate() {
            let number_width = if column_number == 0 { digits(rows) } else { digits(items.len()) };
            if column_number > 0 {
                let mut from = at;
                let to = column_number * column;
                while from < to {
                    match to / 8 > from / 8 {
                        true => {
                            text.push('\t');
                            from += 8 - from % 8;
                        }
                        false => {
                            text.push(' ');
                            from += 1;
                        }
                    }
                }
                at = to;
            }
            let entry = format!("{:number_width$}) {}", place + 1, items[place]);
            at += length(&entry);
            text += &entry;
        }
        text.push('\n');
    }
    text
}

impl Shell {
    pub(super) async fn select(&mut self, name: &str, items: Vec<String>, body: &List) -> Outcome {
        let mut show = true;
        if items.is_empty() {
            return Ok(0);
        }
        loop {
            if show {
                let width = self.get("COLUMNS").and_then(|width| width.parse().ok()).unwrap_or(80);
                util::ignore(self.proc.eprint(&menu(&items, width)).await);
            }
            let prompt = self.get("PS3").unwrap_or_else(|| "#? ".to_string());
            util::ignore(self.proc.eprint(&prompt).await);
            if self.read_builtin(&["-r".to_string(), "REPLY".to_string()]).await? != 0 {
                util::ignore(self.proc.print("\n").await);
                return Ok(1);
            }
            let reply = self.get("REPLY").unwrap_or_default();
            // An empty line asks for the menu again.
            show = reply.is_empty();
            if show {
                continue;
            }
            let chosen =
                reply.trim().parse::<usize>().ok().and_then(|number| items.get(number.checked_sub(1)?)).cloned();
            self.set_or_fail(name, chosen.unwrap_or_default()).await?;
            let outcome = self.list(body, false).await;
            if let Err(end) = self.turn(outcome)? {
                return Ok(end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn menus() {
        let items = |count: usize| (1..=count).map(|n| format!("item{n}")).collect::<Vec<_>>();
        assert_eq!(super::menu(&items(3), 80), "1) item1\n2) item2\n3) item3\n");
        assert_eq!(super::menu(&items(4), 24), "1) item1  3) item3\n2) item2  4) item4\n");
    }
}

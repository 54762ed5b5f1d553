//! awk's own functions.

use regex_lite::Captures;

use super::{
    interpret::{Awk, End, RLENGTH, RSTART},
    syntax::{Builtin, Expr},
    value::{Key, Value},
};

impl Awk {
    pub async fn builtin(&mut self, builtin: Builtin, arguments: &[Expr]) -> Result<Value, End> {
        let number = Value::Number;
        self.work += 500;
        Ok(match builtin {
            Builtin::Length => match arguments.first() {
                None => number(self.field(0).string("%.6g").chars().count() as f64),
                Some(Expr::Variable(place)) if self.is_array(*place) => {
                    number(self.array(*place)?.borrow().len() as f64)
                }
                Some(argument) => number(self.text(argument).await?.chars().count() as f64),
            },
            Builtin::Substr => {
                let text = self.text(&arguments[0]).await?;
                let start = self.value(&arguments[1]).await?.number().round();
                let end = match arguments.get(2) {
                    Some(length) => start + self.value(length).await?.number().round(),
                    None => f64::INFINITY,
                };
                let chars = text.chars().enumerate();
                let inside = chars.filter(|(i, _)| (*i as f64 + 1.0) >= start && (*i as f64 + 1.0) < end);
                Value::text(&inside.map(|(_, c)| c).collect::<String>())
            }
            Builtin::Index => {
                let (text, wanted) = (self.text(&arguments[0]).await?, self.text(&arguments[1]).await?);
                number(text.find(&*wanted).map_or(0, |at| text[..at].chars().count() + 1) as f64)
            }
            Builtin::Match => {
                let text = self.text(&arguments[0]).await?;
                let regex = self.pattern(&arguments[1]).await?;
                self.work += 30 * text.len() as u64;
                let (start, length) = match regex.find(&text) {
                    Some(found) => {
                        (text[..found.start()].chars().count() as f64 + 1.0, found.as_str().chars().count() as f64)
                    }
                    None => (0.0, -1.0),
                };
                self.set_global(RSTART, number(start));
                self.set_global(RLENGTH, number(length));
                number(start)
            }
            Builtin::Split => self.split(arguments).await?,
            Builtin::Sub | Builtin::Gsub => self.substitute(builtin == Builtin::Gsub, arguments).await?,
            Builtin::Sprintf => Value::text(&self.format(arguments).await?),
            Builtin::Tolower => Value::text(&self.text(&arguments[0]).await?.to_lowercase()),
            Builtin::Toupper => Value::text(&self.text(&arguments[0]).await?.to_uppercase()),
            Builtin::Int => number(self.value(&arguments[0]).await?.number().trunc()),
            Builtin::Sqrt => number(self.value(&arguments[0]).await?.number().sqrt()),
            Builtin::Exp => number(self.value(&arguments[0]).await?.number().exp()),
            Builtin::Log => number(self.value(&arguments[0]).await?.number().ln()),
            Builtin::Sin => number(self.value(&arguments[0]).await?.number().sin()),
            Builtin::Cos => number(self.value(&arguments[0]).await?.number().cos()),
            Builtin::Atan2 => {
                let (y, x) = (self.value(&arguments[0]).await?.number(), self.value(&arguments[1]).await?.number());
                number(y.atan2(x))
            }
            Builtin::Rand => number(self.rng.f64()),
            Builtin::Srand => {
                let before = self.seed;
                self.seed = match arguments.first() {
                    Some(seed) => self.value(seed).await?.number(),
                    None => self.proc.sim().wall().as_second() as f64,
                };
                self.rng = self.proc.sim().rng(&format!("awk {}", self.seed));
                number(before)
            }
            Builtin::Systime => number(self.proc.sim().wall().as_second() as f64),
            Builtin::Strftime => {
                let format = match arguments.first() {
                    Some(format) => self.text(format).await?.to_string(),
                    None => "%a %b %e %H:%M:%S %Z %Y".to_string(),
                };
                let time = match arguments.get(1) {
                    Some(time) => self.value(time).await?.number() as i64,
                    None => self.proc.sim().wall().as_second(),
                };
                let time = jiff::Timestamp::from_second(time).map(|time| time.to_zoned(jiff::tz::TimeZone::UTC));
                let text = time.ok().and_then(|time| jiff::fmt::strtime::format(&format, &time).ok());
                Value::text(&text.unwrap_or_default())
            }
            Builtin::System => {
                let command = self.text(&arguments[0]).await?;
                self.flush().await.map_err(|_| End::Broken)?;
                match self.spawn(&command, Vec::new()) {
                    Ok(pid) => number(self.proc.wait(pid).await.map_or(-1.0, |status| f64::from(status.code()))),
                    Err(_) => number(127.0),
                }
            }
            Builtin::Close => {
                let name = self.text(&arguments[0]).await?;
                number(self.close(&name).await)
            }
            Builtin::Fflush => {
                self.flush().await.map_err(|_| End::Broken)?;
                number(0.0)
            }
        })
    }

    async fn split(&mut self, arguments: &[Expr]) -> Result<Value, End> {
        let text = self.text(&arguments[0]).await?;
        let Expr::Variable(place) = &arguments[1] else {
            return Err(End::Error("split: the second argument must be an array".to_string()));
        };
        self.work += 60 * text.len() as u64;
        let pieces = match arguments.get(2) {
            Some(Expr::Regex(regex)) if !text.is_empty() => regex.split(&text).map(str::to_string).collect(),
            Some(separator) => {
                let separator = self.text(separator).await?;
                self.pieces(&text, &separator, false)?
            }
            None => {
                let separator = self.separator_of_fields();
                self.pieces(&text, &separator, false)?
            }
        };
        let array = self.array(*place)?;
        let count = pieces.len();
        let items = pieces.into_iter().enumerate();
        let items = items.map(|(i, piece)| (Key((i + 1).to_string().into()), Value::input(&piece)));
        *array.borrow_mut() = items.collect();
        Ok(Value::Number(count as f64))
    }

    async fn substitute(&mut self, all: bool, arguments: &[Expr]) -> Result<Value, End> {
        let regex = self.pattern(&arguments[0]).await?;
        let with = self.text(&arguments[1]).await?;
        let whole = Expr::Field(Box::new(Expr::Number(0.0)));
        let target = arguments.get(2).unwrap_or(&whole);
        let text = self.text(target).await?;
        self.work += 60 * text.len() as u64;
        let mut count = 0_u32;
        let replacement = |found: &Captures| {
            let mut out = String::new();
            let mut chars = with.chars().peekable();
            while let Some(c) = chars.next() {
                match c {
                    '\\' if matches!(chars.peek(), Some('&' | '\\')) => out.extend(chars.next()),
                    '&' => out += &found[0],
                    c => out.push(c),
                }
            }
            out
        };
        let changed = regex.replacen(&text, usize::from(!all), |found: &Captures| {
            count += 1;
            replacement(found)
        });
        if count > 0 {
            if changed.len() > 16 << 20 {
                return Err(End::Error("out of memory".to_string()));
            }
            let changed = Value::text(&changed);
            if matches!(target, Expr::Variable(_) | Expr::Element(..) | Expr::Field(_) | Expr::Group(_)) {
                self.assign(target, changed).await?;
            }
        }
        Ok(Value::Number(f64::from(count)))
    }
}

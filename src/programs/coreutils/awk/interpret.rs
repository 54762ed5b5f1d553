//! Runs an awk script.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use futures_util::future::LocalBoxFuture;
use regex_lite::Regex;

use super::{
    KNOWN,
    input::{Records, Separator},
    parse,
    syntax::{Binary, Comparison, Expr, Pattern, Place, Redirect, Script, Source, Statement, unescape},
    value::{Array, Cell, Key, Value, format_values},
};
use crate::{
    os::{Errno, File, OpenFlags, Pid, Proc, process::Group},
    programs::{
        Flavour,
        util::{self, Out},
    },
    sim::Rng,
};

/// Why a statement did not just end.
pub enum End {
    Next,
    Exit(i32),
    Return(Value),
    Break,
    Continue,
    Error(String),
    /// Nobody reads the output.
    Broken,
}

/// Deeper calls than this are refused: each costs stack.
const MAX_CALLS: usize = 100;
const MAX_FIELDS: usize = 1_000_000;

// Numbers of known variables.
const NF: usize = 0;
const NR: usize = 1;
const FNR: usize = 2;
const FS: usize = 3;
const OFS: usize = 4;
const RS: usize = 5;
const ORS: usize = 6;
const FILENAME: usize = 7;
const SUBSEP: usize = 8;
pub const RSTART: usize = 9;
pub const RLENGTH: usize = 10;
const CONVFMT: usize = 11;
const OFMT: usize = 12;
const ENVIRON: usize = 13;
const ARGC: usize = 14;
const ARGV: usize = 15;

struct Sink {
    file: File,
    command: Option<Pid>,
    buffer: Vec<u8>,
}

struct Reader {
    records: Records,
    command: Option<Pid>,
}

pub struct Awk {
    pub proc: Proc,
    flavour: Flavour,
    pub script: Rc<Script>,
    globals: Vec<Cell>,
    frames: Vec<Vec<Cell>>,
    /// `$0`, unless a field or NF has changed since.
    record: Option<Rc<str>>,
    /// The fields, once someone has asked for one.
    fields: Option<Vec<Value>>,
    in_range: Vec<bool>,
    pub out: Out,
    sinks: BTreeMap<String, Sink>,
    readers: BTreeMap<String, Reader>,
    input: Option<Records>,
    next_operand: usize,
    saw_file: bool,
    regexes: BTreeMap<Rc<str>, Rc<Regex>>,
    pub rng: Rng,
    pub seed: f64,
}

type Evaluated = Result<Value, End>;

impl Awk {
    pub fn new(proc: Proc, flavour: Flavour, mut script: Script, operands: &[String]) -> Awk {
        // Operands that assign may name variables the script doesn't.
        for operand in operands {
            if let Some((name, _)) = operand.split_once('=').filter(|(name, _)| crate::programs::sh::is_name(name)) {
                parse::number_of(&mut script, name);
            }
        }
        let mut globals = vec![Cell::Unset; script.globals.len()];
        let mut set = |index: usize, value: Value| globals[index] = Cell::Scalar(value);
        for (index, text) in
            [(FS, " "), (OFS, " "), (RS, "\n"), (ORS, "\n"), (SUBSEP, "\x1c"), (CONVFMT, "%.6g"), (OFMT, "%.6g")]
        {
            set(index, Value::text(text));
        }
        for index in [NR, FNR, RSTART] {
            set(index, Value::Number(0.0));
        }
        set(RLENGTH, Value::Number(-1.0));
        set(ARGC, Value::Number(operands.len() as f64 + 1.0));
        let key = |text: &str| Key(text.into());
        let environ = proc.environ().into_iter().map(|(name, value)| (key(&name), Value::input(&value))).collect();
        globals[ENVIRON] = Cell::Array(Array::new(std::cell::RefCell::new(environ)));
        let argv = std::iter::once("awk").chain(operands.iter().map(String::as_str));
        let argv = argv.enumerate().map(|(i, text)| (key(&i.to_string()), Value::input(text))).collect();
        globals[ARGV] = Cell::Array(Array::new(std::cell::RefCell::new(argv)));
        let rng = proc.sim().rng("awk");
        Awk {
            out: Out::new(&proc),
            in_range: vec![false; script.ranges],
            script: Rc::new(script),
            globals,
            frames: Vec::new(),
            record: Some("".into()),
            fields: None,
            sinks: BTreeMap::new(),
            readers: BTreeMap::new(),
            input: None,
            next_operand: 1,
            saw_file: false,
            regexes: BTreeMap::new(),
            rng,
            seed: 0.0,
            flavour,
            proc,
        }
    }

    /// Sets a variable by name, before the script runs.
    pub fn set_named(&mut self, name: &str, value: Value) {
        let known = self.script.globals.iter().position(|own| own == name);
        // A name that the script doesn't use needs no variable.
        if let Some(index) = known {
            self.set_global(index, value);
        }
    }

    pub async fn run(&mut self, script: &Script) -> Result<(), End> {
        let result = self.run_rules(script).await;
        let result = match result {
            Err(End::Exit(code)) => {
                // `exit` in the middle still runs END, but not twice.
                let ended = self.run_end(script).await;
                match ended {
                    Ok(()) => Err(End::Exit(code)),
                    other => other,
                }
            }
            Ok(()) => self.run_end(script).await,
            other => other,
        };
        if self.flush().await.is_err() {
            return Err(End::Broken);
        }
        result
    }

    async fn run_end(&mut self, script: &Script) -> Result<(), End> {
        for (pattern, action) in &script.rules {
            if let (Pattern::End, Some(action)) = (pattern, action) {
                self.top(action).await?;
            }
        }
        Ok(())
    }

    /// A rule's action; `next` ends it.
    async fn top(&mut self, action: &Statement) -> Result<(), End> {
        match self.statement(action).await {
            Err(End::Return(_) | End::Break | End::Continue) => Ok(()),
            other => other,
        }
    }

    async fn run_rules(&mut self, script: &Script) -> Result<(), End> {
        for (pattern, action) in &script.rules {
            if let (Pattern::Begin, Some(action)) = (pattern, action) {
                self.top(action).await?;
            }
        }
        if script.rules.iter().all(|(pattern, _)| matches!(pattern, Pattern::Begin)) {
            // Nothing reads the input.
            return Ok(());
        }
        while let Some(record) = self.next_record().await? {
            self.proc.charge(Duration::from_micros(5)).await;
            self.set_record(&record);
            match self.rules_on_record(script).await {
                Err(End::Next) => {}
                other => other?,
            }
        }
        Ok(())
    }

    async fn rules_on_record(&mut self, script: &Script) -> Result<(), End> {
        for (pattern, action) in &script.rules {
            let chosen = match pattern {
                Pattern::Begin | Pattern::End => false,
                Pattern::Always => true,
                Pattern::When(condition) => self.value(condition).await?.is_true(),
                Pattern::Range(first, last, number) => {
                    let inside = self.in_range[*number] || self.value(first).await?.is_true();
                    if inside {
                        self.in_range[*number] = !self.value(last).await?.is_true();
                    }
                    inside
                }
            };
            if !chosen {
                continue;
            }
            match action {
                Some(action) => self.top(action).await?,
                None => {
                    let line = format!("{}{}", self.field(0).string("%.6g"), self.known(ORS));
                    self.write(line.as_bytes()).await?;
                }
            }
        }
        Ok(())
    }

    // Input

    fn separator(&mut self) -> Result<Separator, End> {
        let text = self.known(RS);
        Ok(match text.as_bytes() {
            [] => Separator::Paragraph,
            [byte] => Separator::Byte(*byte),
            _ => Separator::Regex(self.regex_of(&text)?),
        })
    }

    fn open(&self, path: &str) -> Result<File, Errno> {
        if path == "/dev/stdin" { Ok(self.proc.stdin()) } else { util::open_input(&self.proc, path) }
    }

    /// The next record of the operands, or of stdin.
    async fn next_record(&mut self) -> Result<Option<String>, End> {
        loop {
            let separator = self.separator()?;
            if let Some(input) = &mut self.input {
                match input.next(&separator).await {
                    Ok(Some(record)) => {
                        for counter in [NR, FNR] {
                            let next = self.global(counter).number() + 1.0;
                            self.globals[counter] = Cell::Scalar(Value::Number(next));
                        }
                        return Ok(Some(record));
                    }
                    Ok(None) => self.input = None,
                    Err(error) => return Err(End::Error(format!("read error: {error}"))),
                }
                continue;
            }
            let count = self.global(ARGC).number() as usize;
            let operand = loop {
                if self.next_operand >= count {
                    break None;
                }
                let key = Key(self.next_operand.to_string().into());
                self.next_operand += 1;
                let text = self.array(Place::Global(ARGV))?.borrow().get(&key).map(|value| value.string("%.6g"));
                let Some(text) = text.filter(|text| !text.is_empty()) else { continue };
                match text.split_once('=').filter(|(name, _)| crate::programs::sh::is_name(name)) {
                    Some((name, value)) => self.set_named(name, Value::input(&unescape(value))),
                    None => break Some(text),
                }
            };
            let path: Rc<str> = match operand {
                Some(path) => path,
                None if self.saw_file => return Ok(None),
                None => "-".into(),
            };
            self.saw_file = true;
            let file = self.open(&path).map_err(|error| End::Error(format!("cannot open {path} ({error})")))?;
            self.input = Some(Records::new(file));
            self.globals[FNR] = Cell::Scalar(Value::Number(0.0));
            let name = if &*path == "-" { Value::text("") } else { Value::Input(path) };
            self.globals[FILENAME] = Cell::Scalar(name);
        }
    }

    // Fields

    pub fn set_record(&mut self, text: &str) {
        self.record = Some(text.into());
        self.fields = None;
    }

    fn split_record(&mut self) {
        if self.fields.is_none() {
            let record = self.record.clone().unwrap_or_else(|| "".into());
            let separator = self.known(FS);
            let mut fields: Vec<Value> = match self.pieces(&record, &separator, true) {
                Ok(pieces) => pieces.iter().map(|piece| Value::input(piece)).collect(),
                Err(_) => vec![Value::Input(record)],
            };
            fields.truncate(MAX_FIELDS);
            self.fields = Some(fields);
        }
    }

    /// Splits by a separator as FS has it. In a paragraph newlines separate too.
    pub fn pieces(&mut self, text: &str, separator: &str, is_record: bool) -> Result<Vec<String>, End> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let paragraph = is_record && self.known(RS).is_empty();
        let owned = |parts: &mut dyn Iterator<Item = &str>| parts.map(str::to_string).collect();
        let mut chars = separator.chars();
        Ok(match (chars.next(), chars.next()) {
            (None, _) => text.chars().map(String::from).collect(),
            (Some(' '), None) => owned(&mut text.split([' ', '\t', '\n']).filter(|piece| !piece.is_empty())),
            (Some(c), None) if c != '\\' => owned(&mut text.split(|own| own == c || (paragraph && own == '\n'))),
            _ => {
                let regex = self.regex_of(separator)?;
                owned(&mut regex.split(text))
            }
        })
    }

    pub fn field(&mut self, index: usize) -> Value {
        if index == 0 {
            if let Some(record) = &self.record {
                return Value::Input(record.clone());
            }
            let (separator, format) = (self.known(OFS), self.known(CONVFMT));
            let fields = self.fields.as_deref().unwrap_or_default();
            let text =
                fields.iter().map(|field| field.string(&format).to_string()).collect::<Vec<_>>().join(&separator);
            self.record = Some(text.as_str().into());
            return Value::input(&text);
        }
        self.split_record();
        self.fields.as_deref().and_then(|fields| fields.get(index - 1)).cloned().unwrap_or_default()
    }

    fn set_field(&mut self, index: usize, value: Value) -> Result<(), End> {
        if index == 0 {
            let text = value.string(&self.known(CONVFMT));
            self.set_record(&text);
            return Ok(());
        }
        if index > MAX_FIELDS {
            return Err(End::Error(format!("field index {index} is too large")));
        }
        self.split_record();
        if let Some(fields) = &mut self.fields {
            if fields.len() < index {
                fields.resize(index, Value::Unset);
            }
            fields[index - 1] = value;
        }
        self.record = None;
        Ok(())
    }

    fn index_of(value: &Value) -> Result<usize, End> {
        let number = value.number();
        if number < 0.0 {
            return Err(End::Error(format!("attempt to access field {number}")));
        }
        Ok(number as usize)
    }

    // Variables

    fn global(&self, index: usize) -> Value {
        match self.globals.get(index) {
            Some(Cell::Scalar(value)) => value.clone(),
            _ => Value::Unset,
        }
    }

    /// A known variable as text.
    pub fn known(&self, index: usize) -> Rc<str> {
        self.global(index).string("%.6g")
    }

    pub fn convfmt(&self) -> Rc<str> {
        self.known(CONVFMT)
    }

    pub fn set_global(&mut self, index: usize, value: Value) {
        if index == NF {
            self.split_record();
            let count = (value.number().max(0.0) as usize).min(MAX_FIELDS);
            if let Some(fields) = &mut self.fields {
                fields.resize(count, Value::Unset);
            }
            self.record = None;
            return;
        }
        if let Some(cell) = self.globals.get_mut(index) {
            *cell = Cell::Scalar(value);
        }
    }

    fn cell(&mut self, place: Place) -> Option<&mut Cell> {
        match place {
            Place::Global(index) => self.globals.get_mut(index),
            Place::Local(index) => self.frames.last_mut().and_then(|frame| frame.get_mut(index)),
        }
    }

    fn variable(&mut self, place: Place) -> Evaluated {
        if place == Place::Global(NF) {
            self.split_record();
            return Ok(Value::Number(self.fields.as_ref().map_or(0, Vec::len) as f64));
        }
        match self.cell(place) {
            Some(Cell::Scalar(value)) => Ok(value.clone()),
            Some(Cell::Array(_)) => Err(End::Error("attempt to use an array in a scalar context".to_string())),
            _ => Ok(Value::Unset),
        }
    }

    pub fn is_array(&mut self, place: Place) -> bool {
        matches!(self.cell(place), Some(Cell::Array(_)))
    }

    pub fn separator_of_fields(&self) -> Rc<str> {
        self.known(FS)
    }

    pub fn array(&mut self, place: Place) -> Result<Array, End> {
        match self.cell(place) {
            Some(Cell::Array(array)) => Ok(array.clone()),
            Some(Cell::Scalar(_)) => Err(End::Error("attempt to use a scalar as an array".to_string())),
            Some(cell) => {
                let array = Array::default();
                *cell = Cell::Array(array.clone());
                Ok(array)
            }
            None => Ok(Array::default()),
        }
    }

    async fn key(&mut self, index: &[Expr]) -> Result<Key, End> {
        let mut text = String::new();
        for (i, expr) in index.iter().enumerate() {
            if i > 0 {
                text += &self.known(SUBSEP);
            }
            let format = self.convfmt();
            text += &self.value(expr).await?.string(&format);
        }
        Ok(Key(text.into()))
    }

    pub async fn assign(&mut self, target: &Expr, value: Value) -> Result<(), End> {
        match target {
            Expr::Variable(Place::Global(index)) => {
                if matches!(self.globals.get(*index), Some(Cell::Array(_))) {
                    return Err(End::Error("attempt to use an array in a scalar context".to_string()));
                }
                self.set_global(*index, value);
            }
            Expr::Variable(place) => {
                if let Some(cell) = self.cell(*place) {
                    *cell = Cell::Scalar(value);
                }
            }
            Expr::Element(place, index) => {
                let key = self.key(index).await?;
                self.array(*place)?.borrow_mut().insert(key, value);
            }
            Expr::Field(index) => {
                let index = Awk::index_of(&self.value(index).await?)?;
                self.set_field(index, value)?;
            }
            Expr::Group(inner) => return Box::pin(self.assign(inner, value)).await,
            _ => return Err(End::Error("assignment to something that is no variable".to_string())),
        }
        Ok(())
    }

    pub fn regex_of(&mut self, text: &str) -> Result<Rc<Regex>, End> {
        if let Some(regex) = self.regexes.get(text) {
            return Ok(regex.clone());
        }
        let regex = super::regex(text).map_err(|error| End::Error(format!("regular expression: {error}")))?;
        let regex = Rc::new(regex);
        if self.regexes.len() > 200 {
            self.regexes.clear();
        }
        self.regexes.insert(text.into(), regex.clone());
        Ok(regex)
    }

    /// An expression as a regular expression.
    pub async fn pattern(&mut self, expr: &Expr) -> Result<Rc<Regex>, End> {
        if let Expr::Regex(regex) = expr {
            return Ok(regex.clone());
        }
        let format = self.convfmt();
        let text = self.value(expr).await?.string(&format);
        self.regex_of(&text)
    }

    // Expressions

    /// What needs no waiting.
    fn quick(&mut self, expr: &Expr) -> Option<Evaluated> {
        Some(match expr {
            Expr::Number(value) => Ok(Value::Number(*value)),
            Expr::Text(text) => Ok(Value::Text(text.clone())),
            Expr::Variable(place) => self.variable(*place),
            Expr::Field(index) => match **index {
                Expr::Number(index) if index >= 0.0 => Ok(self.field(index as usize)),
                _ => return None,
            },
            _ => return None,
        })
    }

    pub async fn value(&mut self, expr: &Expr) -> Evaluated {
        match self.quick(expr) {
            Some(value) => value,
            None => self.evaluate(expr).await,
        }
    }

    pub async fn text(&mut self, expr: &Expr) -> Result<Rc<str>, End> {
        let value = self.value(expr).await?;
        Ok(value.string(&self.convfmt()))
    }

    fn evaluate<'a>(&'a mut self, expr: &'a Expr) -> LocalBoxFuture<'a, Evaluated> {
        Box::pin(async move {
            let truth = |value: bool| Value::Number(f64::from(u8::from(value)));
            Ok(match expr {
                Expr::Number(value) => Value::Number(*value),
                Expr::Text(text) => Value::Text(text.clone()),
                Expr::Variable(place) => self.variable(*place)?,
                Expr::Group(inner) => self.value(inner).await?,
                Expr::Regex(regex) => {
                    let record = self.field(0).string("%.6g");
                    truth(regex.is_match(&record))
                }
                Expr::Element(place, index) => {
                    let key = self.key(index).await?;
                    let array = self.array(*place)?;
                    let mut array = array.borrow_mut();
                    array.entry(key).or_default().clone()
                }
                Expr::Field(index) => {
                    let index = Awk::index_of(&self.value(index).await?)?;
                    self.field(index)
                }
                Expr::Assign(target, operator, right) => {
                    let mut value = self.value(right).await?;
                    if let Some(operator) = operator {
                        let left = self.value(target).await?.number();
                        value = Value::Number(self.arithmetic(*operator, left, value.number())?);
                    }
                    self.assign(target, value.clone()).await?;
                    value
                }
                Expr::Condition(condition, yes, no) => {
                    let chosen = if self.value(condition).await?.is_true() { yes } else { no };
                    self.value(chosen).await?
                }
                Expr::Or(a, b) => truth(self.value(a).await?.is_true() || self.value(b).await?.is_true()),
                Expr::And(a, b) => truth(self.value(a).await?.is_true() && self.value(b).await?.is_true()),
                Expr::In(_, Place::Local(usize::MAX)) => return Err(End::Error("syntax error: a list".to_string())),
                Expr::In(index, place) => {
                    let key = self.key(index).await?;
                    truth(self.array(*place)?.borrow().contains_key(&key))
                }
                Expr::Match(negated, left, right) => {
                    let text = self.text(left).await?;
                    truth(self.pattern(right).await?.is_match(&text) != *negated)
                }
                Expr::Compare(comparison, left, right) => {
                    let (a, b) = (self.value(left).await?, self.value(right).await?);
                    let order = a.compare(&b, &self.convfmt());
                    truth(match comparison {
                        Comparison::Less => order.is_lt(),
                        Comparison::LessEqual => order.is_le(),
                        Comparison::Equal => order.is_eq(),
                        Comparison::NotEqual => order.is_ne(),
                        Comparison::Greater => order.is_gt(),
                        Comparison::GreaterEqual => order.is_ge(),
                    })
                }
                Expr::Binary(operator, left, right) => {
                    let (a, b) = (self.value(left).await?.number(), self.value(right).await?.number());
                    Value::Number(self.arithmetic(*operator, a, b)?)
                }
                Expr::Concat(left, right) => {
                    let (a, b) = (self.text(left).await?, self.text(right).await?);
                    if a.len() + b.len() > 16 << 20 {
                        return Err(End::Error("out of memory".to_string()));
                    }
                    Value::text(&format!("{a}{b}"))
                }
                Expr::Not(inner) => truth(!self.value(inner).await?.is_true()),
                Expr::Negate(inner) => Value::Number(-self.value(inner).await?.number()),
                Expr::Plus(inner) => Value::Number(self.value(inner).await?.number()),
                Expr::Step(target, step, before) => {
                    let old = self.value(target).await?.number();
                    self.assign(target, Value::Number(old + step)).await?;
                    Value::Number(if *before { old } else { old + step })
                }
                Expr::Call(function, arguments) => self.call(*function, arguments).await?,
                Expr::Builtin(builtin, arguments) => self.builtin(*builtin, arguments).await?,
                Expr::Getline(source, target) => self.getline(source, target.as_deref()).await?,
            })
        })
    }

    async fn call(&mut self, function: usize, arguments: &[Expr]) -> Evaluated {
        if self.frames.len() >= MAX_CALLS {
            return Err(End::Error("function calls nested too deeply".to_string()));
        }
        self.proc.charge(Duration::from_micros(1)).await;
        let script = self.script.clone();
        let Some(function) = script.functions.get(function) else { return Ok(Value::Unset) };
        if arguments.len() > function.parameters {
            return Err(End::Error("function called with too many arguments".to_string()));
        }
        let mut frame = Vec::with_capacity(function.parameters);
        for argument in arguments {
            let array = match argument {
                Expr::Variable(place) => match self.cell(*place) {
                    Some(Cell::Array(array)) => Some(array.clone()),
                    _ => None,
                },
                _ => None,
            };
            frame.push(match (array, argument) {
                (Some(array), _) => Cell::Array(array),
                (None, argument) => match self.value(argument).await? {
                    Value::Unset => Cell::Unset,
                    value => Cell::Scalar(value),
                },
            });
        }
        frame.resize(function.parameters, Cell::Unset);
        self.frames.push(frame);
        let result = self.statement(&function.body).await;
        let frame = self.frames.pop().unwrap_or_default();
        // A variable that the function made an array of is one for the caller too.
        for (argument, cell) in arguments.iter().zip(frame) {
            if let (Expr::Variable(place), Cell::Array(array)) = (argument, cell)
                && let Some(own @ Cell::Unset) = self.cell(*place)
            {
                *own = Cell::Array(array);
            }
        }
        match result {
            Ok(()) => Ok(Value::Unset),
            Err(End::Return(value)) => Ok(value),
            Err(End::Break | End::Continue) => Ok(Value::Unset),
            Err(other) => Err(other),
        }
    }

    async fn getline(&mut self, source: &Source, target: Option<&Expr>) -> Evaluated {
        let (record, counts) = match source {
            Source::Input => (self.next_record().await?, false),
            Source::File(path) => {
                let path = self.text(path).await?;
                if !self.readers.contains_key(&*path) {
                    let Ok(file) = self.open(&path) else { return Ok(Value::Number(-1.0)) };
                    let reader = Reader { records: Records::new(file), command: None };
                    self.readers.insert(path.to_string(), reader);
                }
                (self.read(&path).await?, false)
            }
            Source::Command(command) => {
                let command = self.text(command).await?;
                if !self.readers.contains_key(&*command) {
                    self.flush().await.map_err(|_| End::Broken)?;
                    let (read, write) = self.proc.pipe();
                    let Ok(pid) = self.spawn(&command, vec![(1, write)]) else { return Ok(Value::Number(-1.0)) };
                    let reader = Reader { records: Records::new(read), command: Some(pid) };
                    self.readers.insert(command.to_string(), reader);
                }
                (self.read(&command).await?, true)
            }
        };
        let Some(record) = record else { return Ok(Value::Number(0.0)) };
        if counts {
            let next = self.global(NR).number() + 1.0;
            self.globals[NR] = Cell::Scalar(Value::Number(next));
        }
        match target {
            Some(target) => self.assign(target, Value::input(&record)).await?,
            None => self.set_record(&record),
        }
        Ok(Value::Number(1.0))
    }

    async fn read(&mut self, name: &str) -> Result<Option<String>, End> {
        let separator = self.separator()?;
        let Some(reader) = self.readers.get_mut(name) else { return Ok(None) };
        reader.records.next(&separator).await.map_err(|error| End::Error(format!("read error on {name} ({error})")))
    }

    pub fn spawn(&self, command: &str, fds: Vec<(i32, File)>) -> Result<Pid, Errno> {
        let argv = ["sh", "-c", command].map(str::to_string);
        self.proc.spawn(&argv, self.proc.environ(), fds, Group::Inherit)
    }

    // Output

    pub async fn write(&mut self, data: &[u8]) -> Result<(), End> {
        self.out.write(data).await.map_err(|_| End::Broken)
    }

    async fn write_to(&mut self, redirect: &Redirect, data: &[u8]) -> Result<(), End> {
        let (expr, append, is_pipe) = match redirect {
            Redirect::File(expr) => (expr, false, false),
            Redirect::Append(expr) => (expr, true, false),
            Redirect::Pipe(expr) => (expr, false, true),
        };
        let name = self.text(expr).await?;
        match &*name {
            "/dev/stdout" | "-" if !is_pipe => return self.write(data).await,
            "/dev/stderr" if !is_pipe => {
                self.flush().await.map_err(|_| End::Broken)?;
                let stderr = self.proc.stderr();
                return util::write_to(&self.proc, &stderr, data).await.map_err(|_| End::Broken);
            }
            _ => {}
        }
        if !self.sinks.contains_key(&*name) {
            let sink = match is_pipe {
                true => {
                    self.flush().await.map_err(|_| End::Broken)?;
                    let (read, write) = self.proc.pipe();
                    let spawned = self.spawn(&name, vec![(0, read)]);
                    let pid = spawned.map_err(|error| End::Error(format!("cannot open \"{name}\" ({error})")))?;
                    Sink { file: write, command: Some(pid), buffer: Vec::new() }
                }
                false => {
                    let flags = if append { OpenFlags::APPEND } else { OpenFlags::WRITE };
                    let opened = self.proc.open(&name, flags, 0o666);
                    let file =
                        opened.map_err(|error| End::Error(format!("cannot open \"{name}\" for output ({error})")))?;
                    Sink { file, command: None, buffer: Vec::new() }
                }
            };
            self.sinks.insert(name.to_string(), sink);
        }
        let proc = self.proc.clone();
        if let Some(sink) = self.sinks.get_mut(&*name) {
            sink.buffer.extend_from_slice(data);
            if sink.buffer.len() > 32 * 1024 {
                let data = std::mem::take(&mut sink.buffer);
                util::write_to(&proc, &sink.file, &data).await.map_err(|_| End::Broken)?;
            }
        }
        Ok(())
    }

    /// Writes out everything that waits.
    pub async fn flush(&mut self) -> Result<(), Errno> {
        for sink in self.sinks.values_mut() {
            let data = std::mem::take(&mut sink.buffer);
            util::ignore(util::write_to(&self.proc, &sink.file, &data).await);
        }
        self.out.flush().await
    }

    /// `close`: the exit status of a command, 0 of a file, -1 if it isn't open.
    pub async fn close(&mut self, name: &str) -> f64 {
        if let Some(Sink { file, command, buffer }) = self.sinks.remove(name) {
            util::ignore(util::write_to(&self.proc, &file, &buffer).await);
            drop(file);
            return self.ended(command).await;
        }
        match self.readers.remove(name) {
            Some(Reader { records, command }) => {
                drop(records);
                self.ended(command).await
            }
            None => -1.0,
        }
    }

    async fn ended(&self, command: Option<Pid>) -> f64 {
        match command {
            Some(pid) => self.proc.wait(pid).await.map_or(-1.0, |status| f64::from(status.code())),
            None => 0.0,
        }
    }

    pub async fn close_all(&mut self) {
        util::ignore(self.flush().await);
        let names: Vec<String> = self.sinks.keys().chain(self.readers.keys()).cloned().collect();
        for name in names {
            self.close(&name).await;
        }
    }

    // Statements

    fn statement<'a>(&'a mut self, statement: &'a Statement) -> LocalBoxFuture<'a, Result<(), End>> {
        Box::pin(async move {
            match statement {
                Statement::Expr(expr) => self.value(expr).await.map(drop)?,
                Statement::Block(list) => {
                    for statement in list {
                        self.statement(statement).await?;
                    }
                }
                Statement::Print(arguments, redirect) => {
                    let (separator, end, format) = (self.known(OFS), self.known(ORS), self.known(OFMT));
                    let mut line = String::new();
                    for (i, argument) in arguments.iter().enumerate() {
                        if i > 0 {
                            line += &separator;
                        }
                        line += &self.value(argument).await?.string(&format);
                    }
                    if arguments.is_empty() {
                        line += &self.field(0).string(&format);
                    }
                    line += &end;
                    match redirect {
                        Some(redirect) => self.write_to(redirect, line.as_bytes()).await?,
                        None => self.write(line.as_bytes()).await?,
                    }
                }
                Statement::Printf(arguments, redirect) => {
                    let text = self.format(arguments).await?;
                    match redirect {
                        Some(redirect) => self.write_to(redirect, text.as_bytes()).await?,
                        None => self.write(text.as_bytes()).await?,
                    }
                }
                Statement::If(condition, yes, no) => {
                    if self.value(condition).await?.is_true() {
                        self.statement(yes).await?;
                    } else if let Some(no) = no {
                        self.statement(no).await?;
                    }
                }
                Statement::While(condition, body) => {
                    while self.value(condition).await?.is_true() {
                        if !self.turn(body).await? {
                            break;
                        }
                    }
                }
                Statement::DoWhile(body, condition) => loop {
                    if !self.turn(body).await? || !self.value(condition).await?.is_true() {
                        break;
                    }
                },
                Statement::For(init, condition, step, body) => {
                    if let Some(init) = init {
                        self.statement(init).await?;
                    }
                    loop {
                        if let Some(condition) = condition
                            && !self.value(condition).await?.is_true()
                        {
                            break;
                        }
                        if !self.turn(body).await? {
                            break;
                        }
                        if let Some(step) = step {
                            self.statement(step).await?;
                        }
                    }
                }
                Statement::ForIn(variable, array, body) => {
                    let keys: Vec<Key> = self.array(*array)?.borrow().keys().cloned().collect();
                    let variable = Expr::Variable(*variable);
                    for key in keys {
                        self.assign(&variable, Value::Input(key.0)).await?;
                        if !self.turn(body).await? {
                            break;
                        }
                    }
                }
                Statement::Delete(place, index) => match index {
                    Some(index) => {
                        let key = self.key(index).await?;
                        self.array(*place)?.borrow_mut().remove(&key);
                    }
                    None => self.array(*place)?.borrow_mut().clear(),
                },
                Statement::Next => return Err(End::Next),
                Statement::Exit(code) => {
                    let code = match code {
                        Some(code) => self.value(code).await?.number() as i64 & 0xff,
                        None => 0,
                    };
                    return Err(End::Exit(code as i32));
                }
                Statement::Return(value) => {
                    let value = match value {
                        Some(value) => self.value(value).await?,
                        None => Value::Unset,
                    };
                    return Err(End::Return(value));
                }
                Statement::Break => return Err(End::Break),
                Statement::Continue => return Err(End::Continue),
            }
            Ok(())
        })
    }

    /// One turn of a loop; false if it ends the loop.
    async fn turn(&mut self, body: &Statement) -> Result<bool, End> {
        self.proc.charge(Duration::from_micros(1)).await;
        match self.statement(body).await {
            Ok(()) | Err(End::Continue) => Ok(true),
            Err(End::Break) => Ok(false),
            Err(other) => Err(other),
        }
    }

    fn arithmetic(&self, operator: Binary, a: f64, b: f64) -> Result<f64, End> {
        if b == 0.0 && matches!(operator, Binary::Divide | Binary::Remainder) && self.flavour == Flavour::Busybox {
            return Err(End::Error("Division by zero".to_string()));
        }
        Ok(match operator {
            Binary::Add => a + b,
            Binary::Subtract => a - b,
            Binary::Multiply => a * b,
            Binary::Divide => a / b,
            Binary::Remainder => a % b,
            Binary::Power => a.powf(b),
        })
    }

    pub async fn format(&mut self, arguments: &[Expr]) -> Result<String, End> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.value(argument).await?);
        }
        let convfmt = self.convfmt();
        let Some((format, values)) = values.split_first() else { return Ok(String::new()) };
        Ok(format_values(&format.string(&convfmt), values, &convfmt))
    }
}

const _: () = assert!(KNOWN.len() == ARGV + 1);

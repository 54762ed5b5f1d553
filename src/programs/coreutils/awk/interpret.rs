//! Runs an awk script.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use futures_util::future::LocalBoxFuture;
use regex_lite::Regex;

use super::{
    KNOWN,
    files::{Reader, Sink},
    input::Records,
    parse,
    syntax::{Binary, Comparison, Expr, Pattern, Place, Script, Statement},
    value::{Array, Cell, Key, Value, format_values},
};
use crate::{
    os::Proc,
    programs::{Flavour, util::Out},
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
pub const MAX_FIELDS: usize = 1_000_000;

// Numbers of known variables.
const NF: usize = 0;
pub const NR: usize = 1;
pub const FNR: usize = 2;
pub const FS: usize = 3;
pub const OFS: usize = 4;
pub const RS: usize = 5;
pub const ORS: usize = 6;
pub const FILENAME: usize = 7;
pub const SUBSEP: usize = 8;
pub const RSTART: usize = 9;
pub const RLENGTH: usize = 10;
pub const CONVFMT: usize = 11;
pub const OFMT: usize = 12;
pub const ENVIRON: usize = 13;
pub const ARGC: usize = 14;
pub const ARGV: usize = 15;

pub struct Awk {
    pub proc: Proc,
    pub(super) flavour: Flavour,
    pub script: Rc<Script>,
    pub(super) globals: Vec<Cell>,
    pub(super) frames: Vec<Vec<Cell>>,
    /// `$0`, unless a field or NF has changed since.
    pub(super) record: Option<Rc<str>>,
    /// The fields, once someone has asked for one.
    pub(super) fields: Option<Vec<Value>>,
    pub(super) in_range: Vec<bool>,
    pub out: Out,
    pub(super) sinks: BTreeMap<String, Sink>,
    pub(super) readers: BTreeMap<String, Reader>,
    pub(super) input: Option<Records>,
    pub(super) next_operand: usize,
    pub(super) saw_file: bool,
    pub(super) regexes: BTreeMap<Rc<str>, Rc<Regex>>,
    pub rng: Rng,
    pub seed: f64,
    /// Nanoseconds of work since it was last paid for.
    pub(super) work: u64,
    /// What arrays hold beyond what is allocated, in bytes; negative if they have shrunk.
    pub(super) grown: i64,
    /// The bytes of elements that are paid for.
    held: i64,
}

/// What an element of an array takes beside its key, in bytes.
const ELEMENT: i64 = 100;

pub type Evaluated = Result<Value, End>;

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
            work: 0,
            grown: 0,
            held: 0,
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

    pub(super) async fn run_end(&mut self, script: &Script) -> Result<(), End> {
        for (pattern, action) in &script.rules {
            if let (Pattern::End, Some(action)) = (pattern, action) {
                self.top(action).await?;
            }
        }
        Ok(())
    }

    /// A rule's action; `next` ends it.
    pub(super) async fn top(&mut self, action: &Statement) -> Result<(), End> {
        match self.statement(action).await {
            Err(End::Return(_) | End::Break | End::Continue) => Ok(()),
            other => other,
        }
    }

    pub(super) async fn run_rules(&mut self, script: &Script) -> Result<(), End> {
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
            self.work += 2000 + 20 * record.len() as u64;
            self.pay().await?;
            self.set_record(&record);
            match self.rules_on_record(script).await {
                Err(End::Next) => {}
                other => other?,
            }
        }
        Ok(())
    }

    pub(super) async fn rules_on_record(&mut self, script: &Script) -> Result<(), End> {
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

    pub(super) fn global(&self, index: usize) -> Value {
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

    pub(super) fn cell(&mut self, place: Place) -> Option<&mut Cell> {
        match place {
            Place::Global(index) => self.globals.get_mut(index),
            Place::Local(index) => self.frames.last_mut().and_then(|frame| frame.get_mut(index)),
        }
    }

    pub(super) fn variable(&mut self, place: Place) -> Evaluated {
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

    pub(super) async fn key(&mut self, index: &[Expr]) -> Result<Key, End> {
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
                let (array, length) = (self.array(*place)?, key.0.len());
                if array.borrow_mut().insert(key, value).is_none() {
                    self.grows(length, 1);
                }
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

    /// What needs no waiting.
    pub(super) fn quick(&mut self, expr: &Expr) -> Option<Evaluated> {
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
        let text = value.string(&self.convfmt());
        self.work += 100 + 4 * text.len() as u64;
        Ok(text)
    }

    /// Pays for what was done, with time and memory.
    pub(super) async fn pay(&mut self) -> Result<(), End> {
        /// Memory is taken and given back in pieces.
        const PIECE: i64 = 64 << 10;
        /// What all elements may take: they are truly kept, in the memory of the tab.
        const MOST: i64 = 256 << 20;
        let work = std::mem::take(&mut self.work);
        self.proc.charge(Duration::from_nanos(1000 + work)).await;
        if self.grown >= PIECE {
            let bytes = std::mem::take(&mut self.grown);
            self.held += bytes;
            let given = self.held <= MOST && self.proc.allocate(bytes as u64).await.is_ok();
            given.then_some(()).ok_or_else(|| End::Error("out of memory".to_string()))?;
        } else if self.grown <= -PIECE {
            self.held += self.grown;
            self.proc.free(std::mem::take(&mut self.grown).unsigned_abs());
        }
        Ok(())
    }

    /// A change of what arrays hold.
    fn grows(&mut self, key: usize, by: i64) {
        self.work += 400;
        self.grown += by * (ELEMENT + key as i64);
    }

    pub(super) fn evaluate<'a>(&'a mut self, expr: &'a Expr) -> LocalBoxFuture<'a, Evaluated> {
        Box::pin(async move {
            let truth = |value: bool| Value::Number(f64::from(u8::from(value)));
            Ok(match expr {
                Expr::Number(value) => Value::Number(*value),
                Expr::Text(text) => Value::Text(text.clone()),
                Expr::Variable(place) => self.variable(*place)?,
                Expr::Group(inner) => self.value(inner).await?,
                Expr::Regex(regex) => {
                    let record = self.field(0).string("%.6g");
                    self.work += 30 * record.len() as u64;
                    truth(regex.is_match(&record))
                }
                Expr::Element(place, index) => {
                    let key = self.key(index).await?;
                    let (array, length) = (self.array(*place)?, key.0.len());
                    let before = array.borrow().len();
                    let value = array.borrow_mut().entry(key).or_default().clone();
                    if array.borrow().len() > before {
                        self.grows(length, 1);
                    }
                    value
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
                    self.work += 30 * text.len() as u64;
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

    pub(super) async fn call(&mut self, function: usize, arguments: &[Expr]) -> Evaluated {
        if self.frames.len() >= MAX_CALLS {
            return Err(End::Error("function calls nested too deeply".to_string()));
        }
        self.pay().await?;
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

    pub(super) fn statement<'a>(&'a mut self, statement: &'a Statement) -> LocalBoxFuture<'a, Result<(), End>> {
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
                        if self.array(*place)?.borrow_mut().remove(&key).is_some() {
                            self.grows(key.0.len(), -1);
                        }
                    }
                    None => {
                        let array = self.array(*place)?;
                        let gone = array.take();
                        self.work += 400 * gone.len() as u64;
                        self.grown -= gone.keys().map(|key| ELEMENT + key.0.len() as i64).sum::<i64>();
                    }
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
    pub(super) async fn turn(&mut self, body: &Statement) -> Result<bool, End> {
        self.pay().await?;
        match self.statement(body).await {
            Ok(()) | Err(End::Continue) => Ok(true),
            Err(End::Break) => Ok(false),
            Err(other) => Err(other),
        }
    }

    pub(super) fn arithmetic(&self, operator: Binary, a: f64, b: f64) -> Result<f64, End> {
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

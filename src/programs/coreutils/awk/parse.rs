//! awk's parser. Nesting is bounded.

use std::{collections::BTreeMap, rc::Rc};

use super::syntax::{
    Binary, Builtin, Comparison, Expr, Function, Lexer, Pattern, Place, Redirect, Script, Source, Statement, Token,
    is_keyword,
};

/// Deeper nesting than this is refused: each level costs stack.
const MAX_DEPTH: u32 = 60;

pub struct Parser {
    lexer: Lexer,
    token: Token,
    script: Script,
    names: BTreeMap<String, usize>,
    functions: BTreeMap<String, usize>,
    /// Parameters of the function being read.
    locals: Vec<String>,
    depth: u32,
    /// In `print a > b` the sign redirects, and in `for (x in y)` the word belongs to the loop.
    no_greater: bool,
    no_in: bool,
}

type Parsed<T> = Result<T, String>;

pub fn parse(text: &str, known: &[&str]) -> Parsed<Script> {
    let mut parser = Parser {
        lexer: Lexer::new(text),
        token: Token::Newline,
        script: Script::default(),
        names: BTreeMap::new(),
        functions: BTreeMap::new(),
        locals: Vec::new(),
        depth: 0,
        no_greater: false,
        no_in: false,
    };
    for name in known {
        parser.global(name);
    }
    let result = parser.script();
    let line = parser.lexer.line;
    result.map_err(|error| format!("{error} at source line {line}"))?;
    if let Some((name, _)) =
        parser.functions.iter().find(|(_, index)| parser.script.functions[**index].parameters == usize::MAX)
    {
        return Err(format!("calling undefined function {name}"));
    }
    Ok(parser.script)
}

/// The number of a variable, for `-v` and operands that assign.
pub fn number_of(script: &mut Script, name: &str) -> usize {
    match script.globals.iter().position(|own| own == name) {
        Some(index) => index,
        None => {
            script.globals.push(name.to_string());
            script.globals.len() - 1
        }
    }
}

impl Parser {
    fn advance(&mut self) -> Parsed<Token> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn is(&self, op: &str) -> bool {
        matches!(self.token, Token::Op(own) if own == op)
    }

    fn take(&mut self, op: &str) -> Parsed<bool> {
        let found = self.is(op);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, op: &str) -> Parsed<()> {
        if self.take(op)? { Ok(()) } else { Err(self.unexpected()) }
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(&self.token, Token::Name(own, _) if own == name)
    }

    fn unexpected(&self) -> String {
        match &self.token {
            Token::Newline | Token::End => "syntax error at or near end of line".to_string(),
            Token::Op(op) => format!("syntax error at or near {op}"),
            Token::Name(name, _) => format!("syntax error at or near {name}"),
            Token::Number(n) => format!("syntax error at or near {n}"),
            Token::Text(text) | Token::Regex(text) => format!("syntax error at or near {text}"),
        }
    }

    fn newlines(&mut self) -> Parsed<()> {
        while self.token == Token::Newline {
            self.advance()?;
        }
        Ok(())
    }

    fn separators(&mut self) -> Parsed<()> {
        while self.token == Token::Newline || self.is(";") {
            self.advance()?;
        }
        Ok(())
    }

    fn global(&mut self, name: &str) -> usize {
        let next = self.names.len();
        let index = *self.names.entry(name.to_string()).or_insert(next);
        if index == next {
            self.script.globals.push(name.to_string());
        }
        index
    }

    fn place(&mut self, name: &str) -> Place {
        match self.locals.iter().position(|own| own == name) {
            Some(index) => Place::Local(index),
            None => Place::Global(self.global(name)),
        }
    }

    fn function(&mut self, name: &str) -> usize {
        let next = self.script.functions.len();
        let index = *self.functions.entry(name.to_string()).or_insert(next);
        if index == next {
            // Filled in when its definition is read.
            let undefined = Function { parameters: usize::MAX, body: Statement::Block(Vec::new()) };
            self.script.functions.push(undefined);
        }
        index
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_DEPTH {
            return Err("nested too deeply".to_string());
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn script(&mut self) -> Parsed<()> {
        self.advance()?;
        loop {
            self.separators()?;
            if self.token == Token::End {
                return Ok(());
            }
            if self.is_name("function") || self.is_name("func") {
                self.definition()?;
                continue;
            }
            let pattern = if self.is("{") {
                Pattern::Always
            } else if self.is_name("BEGIN") {
                self.advance()?;
                Pattern::Begin
            } else if self.is_name("END") {
                self.advance()?;
                Pattern::End
            } else {
                let first = self.expr()?;
                if self.take(",")? {
                    self.newlines()?;
                    let last = self.expr()?;
                    self.script.ranges += 1;
                    Pattern::Range(first, last, self.script.ranges - 1)
                } else {
                    Pattern::When(first)
                }
            };
            let action = if self.is("{") { Some(self.block()?) } else { None };
            if action.is_none() && matches!(pattern, Pattern::Begin | Pattern::End) {
                return Err(self.unexpected());
            }
            self.script.rules.push((pattern, action));
        }
    }

    fn definition(&mut self) -> Parsed<()> {
        self.advance()?;
        let Token::Name(name, _) = self.advance()? else { return Err(self.unexpected()) };
        let index = self.function(&name);
        self.expect("(")?;
        let mut parameters = Vec::new();
        while let Token::Name(parameter, _) = self.token.clone() {
            parameters.push(parameter);
            self.advance()?;
            if !self.take(",")? {
                break;
            }
            self.newlines()?;
        }
        self.expect(")")?;
        self.newlines()?;
        let count = parameters.len();
        self.locals = parameters;
        let body = self.block()?;
        self.locals.clear();
        self.script.functions[index] = Function { parameters: count, body };
        Ok(())
    }

    fn block(&mut self) -> Parsed<Statement> {
        self.expect("{")?;
        let mut list = Vec::new();
        loop {
            self.separators()?;
            if self.take("}")? {
                return Ok(Statement::Block(list));
            }
            list.push(self.statement()?);
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        self.deeper(Self::statement_at_depth)
    }

    /// The end of a simple statement.
    fn terminator(&mut self) -> Parsed<()> {
        match &self.token {
            Token::Newline | Token::Op(";") => self.advance().map(drop),
            Token::Op("}") | Token::End => Ok(()),
            _ => Err(self.unexpected()),
        }
    }

    fn body(&mut self) -> Parsed<Box<Statement>> {
        self.newlines()?;
        if self.take(";")? {
            return Ok(Box::new(Statement::Block(Vec::new())));
        }
        self.statement().map(Box::new)
    }

    fn statement_at_depth(&mut self) -> Parsed<Statement> {
        if self.is("{") {
            return self.block();
        }
        let Token::Name(name, _) = self.token.clone() else { return self.simple_statement() };
        let statement = match name.as_str() {
            "if" => {
                self.advance()?;
                self.expect("(")?;
                let condition = self.expr()?;
                self.expect(")")?;
                let yes = self.body()?;
                self.separators_before_else()?;
                let no = if self.is_name("else") {
                    self.advance()?;
                    Some(self.body()?)
                } else {
                    None
                };
                return Ok(Statement::If(condition, yes, no));
            }
            "while" => {
                self.advance()?;
                self.expect("(")?;
                let condition = self.expr()?;
                self.expect(")")?;
                return Ok(Statement::While(condition, self.body()?));
            }
            "do" => {
                self.advance()?;
                let body = self.body()?;
                self.separators()?;
                if !self.is_name("while") {
                    return Err(self.unexpected());
                }
                self.advance()?;
                self.expect("(")?;
                let condition = self.expr()?;
                self.expect(")")?;
                Statement::DoWhile(body, condition)
            }
            "for" => return self.for_statement(),
            "next" | "nextfile" => {
                self.advance()?;
                Statement::Next
            }
            "break" => {
                self.advance()?;
                Statement::Break
            }
            "continue" => {
                self.advance()?;
                Statement::Continue
            }
            "exit" | "return" => {
                self.advance()?;
                let ends = matches!(self.token, Token::Newline | Token::End | Token::Op(";" | "}"));
                let value = if ends { None } else { Some(self.expr()?) };
                if name == "exit" { Statement::Exit(value) } else { Statement::Return(value) }
            }
            _ => return self.simple_statement(),
        };
        self.terminator()?;
        Ok(statement)
    }

    /// Blank lines and one semicolon may stand before `else`.
    fn separators_before_else(&mut self) -> Parsed<()> {
        while matches!(self.token, Token::Newline | Token::Op(";")) {
            self.advance()?;
        }
        Ok(())
    }

    fn for_statement(&mut self) -> Parsed<Statement> {
        self.advance()?;
        self.expect("(")?;
        let mut init = None;
        if !self.is(";") {
            self.no_in = true;
            let first = self.expression_statement()?;
            self.no_in = false;
            if let (Statement::Expr(Expr::Variable(place)), true) = (&first, self.is_name("in")) {
                let place = *place;
                self.advance()?;
                let Token::Name(array, _) = self.advance()? else { return Err(self.unexpected()) };
                let array = self.place(&array);
                self.expect(")")?;
                return Ok(Statement::ForIn(place, array, self.body()?));
            }
            init = Some(Box::new(first));
        }
        self.expect(";")?;
        self.newlines()?;
        let condition = if self.is(";") { None } else { Some(self.expr()?) };
        self.expect(";")?;
        self.newlines()?;
        let step = if self.is(")") { None } else { Some(Box::new(self.expression_statement()?)) };
        self.expect(")")?;
        Ok(Statement::For(init, condition, step, self.body()?))
    }

    fn simple_statement(&mut self) -> Parsed<Statement> {
        let statement = self.expression_statement()?;
        self.terminator()?;
        Ok(statement)
    }

    fn expression_statement(&mut self) -> Parsed<Statement> {
        if self.is_name("print") || self.is_name("printf") {
            let formatted = self.is_name("printf");
            self.advance()?;
            self.no_greater = true;
            let result = self.print_arguments();
            self.no_greater = false;
            let arguments = result?;
            let redirect = match self.token {
                Token::Op(op @ (">" | ">>" | "|")) => {
                    self.advance()?;
                    let target = self.concatenation()?;
                    Some(match op {
                        ">" => Redirect::File(target),
                        ">>" => Redirect::Append(target),
                        _ => Redirect::Pipe(target),
                    })
                }
                _ => None,
            };
            if formatted && arguments.is_empty() {
                return Err("printf: no format".to_string());
            }
            return Ok(match formatted {
                true => Statement::Printf(arguments, redirect),
                false => Statement::Print(arguments, redirect),
            });
        }
        if self.is_name("delete") {
            self.advance()?;
            let Token::Name(name, _) = self.advance()? else { return Err(self.unexpected()) };
            let place = self.place(&name);
            let index = if self.take("[")? { Some(self.index()?) } else { None };
            return Ok(Statement::Delete(place, index));
        }
        self.expr().map(Statement::Expr)
    }

    fn print_arguments(&mut self) -> Parsed<Vec<Expr>> {
        let mut arguments = Vec::new();
        if matches!(self.token, Token::Newline | Token::End | Token::Op(";" | "}" | ">" | ">>" | "|")) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expr()?);
            if !self.take(",")? {
                break;
            }
            self.newlines()?;
        }
        // `print (a, b) > "file"`: the parenthesis was read as a list.
        if let [Expr::In(list, Place::Local(usize::MAX))] = &mut arguments[..] {
            return Ok(std::mem::take(list));
        }
        Ok(arguments)
    }

    // Expressions, from the loosest operator to the tightest.

    fn expr(&mut self) -> Parsed<Expr> {
        self.deeper(Self::ternary_or_assignment)
    }

    fn ternary_or_assignment(&mut self) -> Parsed<Expr> {
        let left = self.or()?;
        if self.take("?")? {
            self.newlines()?;
            let yes = self.expr()?;
            self.newlines()?;
            self.expect(":")?;
            self.newlines()?;
            let no = self.expr()?;
            return Ok(Expr::Condition(Box::new(left), Box::new(yes), Box::new(no)));
        }
        let operator = match self.token {
            Token::Op("=") => None,
            Token::Op("+=") => Some(Binary::Add),
            Token::Op("-=") => Some(Binary::Subtract),
            Token::Op("*=") => Some(Binary::Multiply),
            Token::Op("/=") => Some(Binary::Divide),
            Token::Op("%=") => Some(Binary::Remainder),
            Token::Op("^=") => Some(Binary::Power),
            _ => return Ok(left),
        };
        if !is_place(&left) {
            return Err(self.unexpected());
        }
        self.advance()?;
        self.newlines()?;
        let right = self.expr()?;
        Ok(Expr::Assign(Box::new(left), operator, Box::new(right)))
    }

    fn or(&mut self) -> Parsed<Expr> {
        let mut left = self.and()?;
        while self.take("||")? {
            self.newlines()?;
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expr> {
        let mut left = self.membership()?;
        while self.take("&&")? {
            self.newlines()?;
            left = Expr::And(Box::new(left), Box::new(self.membership()?));
        }
        Ok(left)
    }

    fn membership(&mut self) -> Parsed<Expr> {
        let mut left = self.matching()?;
        while self.is_name("in") && !self.no_in {
            self.advance()?;
            let Token::Name(array, _) = self.advance()? else { return Err(self.unexpected()) };
            let place = self.place(&array);
            let index = match left {
                Expr::In(list, Place::Local(usize::MAX)) => list,
                other => vec![other],
            };
            left = Expr::In(index, place);
        }
        Ok(left)
    }

    fn matching(&mut self) -> Parsed<Expr> {
        let mut left = self.comparison()?;
        loop {
            let negated = match self.token {
                Token::Op("~") => false,
                Token::Op("!~") => true,
                _ => return Ok(left),
            };
            self.advance()?;
            let right = self.comparison()?;
            left = Expr::Match(negated, Box::new(left), Box::new(right));
        }
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.concatenation()?;
        let comparison = match self.token {
            Token::Op("<") => Comparison::Less,
            Token::Op("<=") => Comparison::LessEqual,
            Token::Op("==") => Comparison::Equal,
            Token::Op("!=") => Comparison::NotEqual,
            Token::Op(">") if !self.no_greater => Comparison::Greater,
            Token::Op(">=") => Comparison::GreaterEqual,
            _ => return Ok(left),
        };
        self.advance()?;
        let right = self.concatenation()?;
        Ok(Expr::Compare(comparison, Box::new(left), Box::new(right)))
    }

    fn concatenation(&mut self) -> Parsed<Expr> {
        let mut left = self.additive()?;
        loop {
            let begins = match &self.token {
                Token::Number(_)
                | Token::Text(_)
                | Token::Regex(_)
                | Token::Op("$" | "(" | "-" | "+" | "++" | "--") => true,
                Token::Name(name, _) => !is_keyword(name) || name == "getline",
                _ => false,
            };
            if self.is("|") && !self.no_greater {
                self.advance()?;
                if !self.is_name("getline") {
                    return Err(self.unexpected());
                }
                self.advance()?;
                let target = self.optional_place()?;
                left = Expr::Getline(Source::Command(Box::new(left)), target);
                continue;
            }
            if !begins || self.is_name("in") {
                return Ok(left);
            }
            let right = self.additive()?;
            left = Expr::Concat(Box::new(left), Box::new(right));
        }
    }

    fn additive(&mut self) -> Parsed<Expr> {
        let mut left = self.multiplicative()?;
        loop {
            let operator = match self.token {
                Token::Op("+") => Binary::Add,
                Token::Op("-") => Binary::Subtract,
                _ => return Ok(left),
            };
            self.advance()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.multiplicative()?));
        }
    }

    fn multiplicative(&mut self) -> Parsed<Expr> {
        let mut left = self.unary()?;
        loop {
            let operator = match self.token {
                Token::Op("*") => Binary::Multiply,
                Token::Op("/") => Binary::Divide,
                Token::Op("%") => Binary::Remainder,
                _ => return Ok(left),
            };
            self.advance()?;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.unary()?));
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        self.deeper(|parser| {
            Ok(match parser.token {
                Token::Op("!") => {
                    parser.advance()?;
                    Expr::Not(Box::new(parser.unary()?))
                }
                Token::Op("-") => {
                    parser.advance()?;
                    Expr::Negate(Box::new(parser.unary()?))
                }
                Token::Op("+") => {
                    parser.advance()?;
                    Expr::Plus(Box::new(parser.unary()?))
                }
                _ => return parser.power(),
            })
        })
    }

    fn power(&mut self) -> Parsed<Expr> {
        let base = self.postfix()?;
        if !self.take("^")? {
            return Ok(base);
        }
        // Right to left, and tighter than a sign on its left.
        let exponent = self.unary()?;
        Ok(Expr::Binary(Binary::Power, Box::new(base), Box::new(exponent)))
    }

    fn postfix(&mut self) -> Parsed<Expr> {
        let value = self.primary()?;
        if is_place(&value) {
            let step = match self.token {
                Token::Op("++") => 1.0,
                Token::Op("--") => -1.0,
                _ => return Ok(value),
            };
            self.advance()?;
            return Ok(Expr::Step(Box::new(value), step, true));
        }
        Ok(value)
    }

    fn index(&mut self) -> Parsed<Vec<Expr>> {
        let (greater, no_in) = (std::mem::take(&mut self.no_greater), std::mem::take(&mut self.no_in));
        let mut list = vec![self.expr()?];
        while self.take(",")? {
            self.newlines()?;
            list.push(self.expr()?);
        }
        (self.no_greater, self.no_in) = (greater, no_in);
        self.expect("]")?;
        Ok(list)
    }

    /// What `getline` reads into, if anything.
    fn optional_place(&mut self) -> Parsed<Option<Box<Expr>>> {
        let begins = match &self.token {
            Token::Op("$") => true,
            Token::Name(name, called) => !is_keyword(name) && !called && Builtin::named(name).is_none(),
            _ => false,
        };
        if begins { self.primary().map(|place| Some(Box::new(place))) } else { Ok(None) }
    }

    fn arguments(&mut self) -> Parsed<Vec<Expr>> {
        self.expect("(")?;
        let (greater, no_in) = (std::mem::take(&mut self.no_greater), std::mem::take(&mut self.no_in));
        self.newlines()?;
        let mut list = Vec::new();
        while !self.is(")") {
            list.push(self.expr()?);
            self.newlines()?;
            if !self.take(",")? {
                break;
            }
            self.newlines()?;
        }
        (self.no_greater, self.no_in) = (greater, no_in);
        self.expect(")")?;
        Ok(list)
    }

    fn primary(&mut self) -> Parsed<Expr> {
        match self.token.clone() {
            Token::Number(value) => {
                self.advance()?;
                Ok(Expr::Number(value))
            }
            Token::Text(text) => {
                self.advance()?;
                Ok(Expr::Text(text.into()))
            }
            Token::Regex(text) => {
                let regex = super::regex(&text)?;
                self.advance()?;
                Ok(Expr::Regex(Rc::new(regex)))
            }
            Token::Op("$") => {
                self.advance()?;
                let field = match self.token {
                    Token::Op(op @ ("++" | "--")) => {
                        self.advance()?;
                        let place = self.primary()?;
                        Expr::Step(Box::new(place), if op == "++" { 1.0 } else { -1.0 }, false)
                    }
                    Token::Op("-") => {
                        self.advance()?;
                        Expr::Negate(Box::new(self.primary()?))
                    }
                    _ => self.deeper(Self::primary)?,
                };
                Ok(Expr::Field(Box::new(field)))
            }
            Token::Op(op @ ("++" | "--")) => {
                self.advance()?;
                let place = self.primary()?;
                if !is_place(&place) {
                    return Err(self.unexpected());
                }
                Ok(Expr::Step(Box::new(place), if op == "++" { 1.0 } else { -1.0 }, false))
            }
            Token::Op("(") => {
                self.advance()?;
                let (greater, no_in) = (std::mem::take(&mut self.no_greater), std::mem::take(&mut self.no_in));
                let mut list = vec![self.expr()?];
                while self.take(",")? {
                    self.newlines()?;
                    list.push(self.expr()?);
                }
                (self.no_greater, self.no_in) = (greater, no_in);
                self.expect(")")?;
                if list.len() > 1 {
                    // `(i, j) in array`, or the list of a print.
                    return Ok(Expr::In(list, Place::Local(usize::MAX)));
                }
                Ok(Expr::Group(Box::new(list.remove(0))))
            }
            Token::Name(name, _) if name == "getline" => {
                self.advance()?;
                let target = self.optional_place()?;
                let source = if self.take("<")? { Source::File(Box::new(self.postfix()?)) } else { Source::Input };
                Ok(Expr::Getline(source, target))
            }
            Token::Name(name, called) if !is_keyword(&name) => {
                self.advance()?;
                if let Some(builtin) = Builtin::named(&name) {
                    let arguments = if self.is("(") { self.arguments()? } else { Vec::new() };
                    check_arguments(builtin, &name, &arguments)?;
                    return Ok(Expr::Builtin(builtin, arguments));
                }
                if called {
                    let index = self.function(&name);
                    return Ok(Expr::Call(index, self.arguments()?));
                }
                let place = self.place(&name);
                match self.take("[")? {
                    true => Ok(Expr::Element(place, self.index()?)),
                    false => Ok(Expr::Variable(place)),
                }
            }
            _ => Err(self.unexpected()),
        }
    }
}

fn is_place(expr: &Expr) -> bool {
    matches!(expr, Expr::Variable(_) | Expr::Element(..) | Expr::Field(_))
}

fn check_arguments(builtin: Builtin, name: &str, arguments: &[Expr]) -> Parsed<()> {
    let wanted = match builtin {
        Builtin::Length | Builtin::Rand | Builtin::Srand | Builtin::Fflush | Builtin::Systime => 0,
        Builtin::Atan2
        | Builtin::Index
        | Builtin::Match
        | Builtin::Split
        | Builtin::Sub
        | Builtin::Gsub
        | Builtin::Substr => 2,
        Builtin::Strftime => 0,
        _ => 1,
    };
    match arguments.len() < wanted {
        true => Err(format!("not enough arguments for {name}")),
        false => Ok(()),
    }
}

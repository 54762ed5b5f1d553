//! export, readonly, declare, local and unset.

use std::rc::Rc;

use crate::programs::sh::{
    Dialect,
    arrays::{self, Array},
    ast::is_name,
    builtins::{bash_double_quoted, bash_quoted, quoted},
    state::{Flow, Outcome, Shell, Variable, option_letters},
};

/// The letters of a variable's attributes, in bash's order.
fn flags(variable: &Variable) -> String {
    let indexed = matches!(variable.array.as_deref(), Some(Array::Indexed(_)));
    [
        ('a', indexed),
        ('A', variable.array.is_some() && !indexed),
        ('i', variable.integer),
        ('n', variable.reference),
        ('r', variable.readonly),
        ('x', variable.exported),
        ('l', variable.upper == Some(false)),
        ('u', variable.upper == Some(true)),
    ]
    .into_iter()
    .filter_map(|(letter, has)| has.then_some(letter))
    .collect()
}

/// A variable as `declare -p` prints it.
pub fn declaration(name: &str, variable: &Variable) -> String {
    let flags = flags(variable);
    let flags = if flags.is_empty() { "-" } else { &flags };
    let value = match (&variable.array, &variable.value) {
        (Some(array), _) if !variable.bare => format!("={}", array.written()),
        (None, Some(value)) => format!("={}", bash_double_quoted(value)),
        _ => String::new(),
    };
    format!("declare -{flags} {name}{value}")
}

impl Shell {
    pub(super) async fn export_builtin(&mut self, name: &str, args: &[String]) -> Outcome {
        let lists = std::mem::take(&mut self.lists);
        for (list, append, items) in lists {
            let result = self.assign_list(&list, append, items);
            self.or_complain(result).await?;
        }
        let bash = self.dialect.is_bash();
        let operands: Vec<&String> = args
            .iter()
            .filter(|arg| !(matches!(arg.as_str(), "-p" | "--") || bash && matches!(arg.as_str(), "-a" | "-A")))
            .collect();
        if operands.is_empty() {
            let export = name == "export";
            let mut text = String::new();
            for (variable, state) in self.variables.iter() {
                if if export { state.exported } else { state.readonly } {
                    let value = state.value.as_ref();
                    text += &match self.dialect {
                        Dialect::Bash => declaration(variable, state) + "\n",
                        _ => format!(
                            "{name} {variable}{}\n",
                            value.map(|v| format!("={}", quoted(v))).unwrap_or_default()
                        ),
                    };
                }
            }
            return self.output(text.as_bytes(), name).await;
        }
        let mut status = 0;
        let mut unexport = false;
        for operand in operands {
            if operand == "-n" && self.dialect != Dialect::Dash {
                unexport = true;
                continue;
            }
            let (variable, value) = match operand.split_once('=') {
                Some((variable, value)) => (variable, Some(value)),
                None => (operand.as_str(), None),
            };
            if !is_name(variable) {
                let text = match self.dialect {
                    Dialect::Bash => format!("`{operand}': not a valid identifier"),
                    _ => format!("{variable}: bad variable name"),
                };
                status = self.error(name, &text).await?;
                continue;
            }
            if let Some(value) = value {
                self.set_or_fail(variable, value.to_string()).await?;
            }
            let variable = Rc::make_mut(&mut self.variables).entry(variable.to_string()).or_default();
            match name {
                "export" => variable.exported = !unexport,
                _ => variable.readonly = true,
            }
        }
        Ok(status)
    }

    /// bash's `declare`, `typeset` and `local`.
    pub(super) async fn declare(&mut self, builtin: &str, args: &[String]) -> Outcome {
        let lists = std::mem::take(&mut self.lists);
        let mut on = String::new();
        let mut off = String::new();
        let mut operands = args;
        while let Some((option, rest)) = operands.split_first()
            && let Some((set, letters)) = option_letters(option)
        {
            operands = rest;
            if option == "--" {
                break;
            }
            if let Some(bad) = letters.chars().find(|c| !"aAfFgiIlnrtuxp".contains(*c)) {
                self.complain(Some(builtin), &format!("{}{bad}: invalid option", if set { '-' } else { '+' })).await;
                return self
                    .usage(&match builtin {
                        "local" => "local [option] name[=value] ...".to_string(),
                        _ => format!(
                            "{builtin} [-aAfFgiIlnrtux] [name[=value] ...] or {builtin} -p [-aAfFilnrtux] [name ...]"
                        ),
                    })
                    .await;
            }
            if set { on += letters } else { off += letters }
        }
        let has = |c: char| on.contains(c);
        if has('f') || has('F') {
            return self.declared_functions(operands).await;
        }
        if has('p') || operands.is_empty() {
            if on.is_empty() && builtin != "local" {
                return self.set(&[]).await;
            }
            return self.print_declarations(builtin, &on, operands).await;
        }
        let local = !self.locals.is_empty() && !has('g');
        let mut status = 0;
        for operand in operands {
            let (place, value) = match operand.split_once('=') {
                Some((place, value)) => (place, Some(value)),
                None => (operand.as_str(), None),
            };
            let (place, append) = match place.strip_suffix('+') {
                Some(place) if value.is_some() => (place, true),
                _ => (place, false),
            };
            let name = arrays::subscripted(place).map_or(place, |(name, _)| name);
            if !is_name(name) {
                status = self.error(builtin, &format!("`{operand}': not a valid identifier")).await?;
                continue;
            }
            if local {
                self.make_local(name);
            }
            if has('n') && value == Some(name) && !local {
                let message = format!("{name}: nameref variable self references not allowed");
                status = self.error(builtin, &message).await?;
                continue;
            }
            if has('n') {
                let variable = Rc::make_mut(&mut self.variables).entry(name.to_string()).or_default();
                variable.reference = true;
                variable.value = value.map(str::to_string);
                continue;
            }
            if (has('a') || has('A') || place != name)
                && let Err(message) = self.become_array(name, has('A'))
            {
                status = self.error(builtin, &message).await?;
                continue;
            }
            let upper = if has('u') { Some(true) } else { has('l').then_some(false) };
            let variable = self.variable_mut(name);
            variable.integer = (variable.integer || has('i')) && !off.contains('i');
            variable.upper = upper.or(variable.upper);
            variable.exported = (variable.exported || has('x')) && !off.contains('x');
            if let Some(at) = lists.iter().position(|(list, ..)| list == operand) {
                let (_, append, items) = lists[at].clone();
                let result = self.assign_list(name, append, items);
                self.or_complain(result).await?;
            } else if let Some(value) = value {
                let value = if append { self.appended(place, value.to_string()) } else { value.to_string() };
                self.set_or_fail(place, value).await?;
            }
            if has('r') {
                self.variable_mut(name).readonly = true;
            }
        }
        Ok(status)
    }

    /// Keeps what a name stood for until the end of the function.
    fn make_local(&mut self, name: &str) {
        let before = self.variables.get(name).cloned();
        if let Some(saved) = self.locals.last_mut()
            && !saved.iter().any(|(own, _)| own == name)
        {
            let exported = before.as_ref().is_some_and(|variable| variable.exported);
            saved.push((name.to_string(), before));
            self.put_back(name.to_string(), Some(Variable { exported, ..Default::default() }));
        }
    }

    async fn declared_functions(&mut self, names: &[String]) -> Outcome {
        if names.is_empty() {
            let text: String = self.functions.keys().map(|name| format!("declare -f {name}\n")).collect();
            return self.output(text.as_bytes(), "declare").await;
        }
        let known: Vec<&String> = names.iter().filter(|name| self.functions.contains_key(*name)).collect();
        let text: String = known.iter().map(|name| format!("{name}\n")).collect();
        self.output(text.as_bytes(), "declare").await?;
        Ok(i32::from(known.len() < names.len()))
    }

    async fn print_declarations(&mut self, builtin: &str, options: &str, names: &[String]) -> Outcome {
        let mut text = String::new();
        let mut status = 0;
        if names.is_empty() {
            let own: Option<Vec<String>> = (builtin == "local")
                .then(|| self.locals.last().into_iter().flatten().map(|(name, _)| name.clone()).collect());
            for (name, variable) in self.variables.iter() {
                let wanted = own.as_ref().is_none_or(|own| own.contains(name));
                if wanted && options.chars().all(|c| c == 'p' || flags(variable).contains(c)) {
                    text += &match own {
                        None => declaration(name, variable) + "\n",
                        Some(_) => {
                            format!("{name}={}\n", variable.value.as_deref().map(bash_quoted).unwrap_or_default())
                        }
                    };
                }
            }
        }
        for name in names {
            match self.variables.get(name) {
                Some(variable) => text += &(declaration(name, variable) + "\n"),
                None => {
                    self.output(text.as_bytes(), builtin).await?;
                    text.clear();
                    self.complain(Some(builtin), &format!("{name}: not found")).await;
                    status = 1;
                }
            }
        }
        self.output(text.as_bytes(), builtin).await?;
        Ok(status)
    }

    pub(super) async fn local(&mut self, args: &[String]) -> Outcome {
        if self.locals.is_empty() {
            return match self.dialect {
                Dialect::Bash => self.error("local", "can only be used in a function").await,
                _ => {
                    self.complain(Some("local"), "not in a function").await;
                    Err(Flow::Error(2))
                }
            };
        }
        if self.dialect.is_bash() {
            return self.declare("local", args).await;
        }
        for arg in args.iter().filter(|arg| !arg.starts_with('-')) {
            let (name, value) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (arg.as_str(), None),
            };
            if !is_name(name) {
                return self.error("local", &format!("{name}: bad variable name")).await;
            }
            let before = self.variables.get(name).cloned();
            if let Some(saved) = self.locals.last_mut()
                && !saved.iter().any(|(own, _)| own == name)
            {
                saved.push((name.to_string(), before.clone()));
            }
            match value {
                Some(value) => self.set_or_fail(name, value).await?,
                // dash's local variable keeps the value it had outside.
                None if self.dialect == Dialect::Dash => {}
                None => {
                    let exported = before.is_some_and(|variable| variable.exported);
                    let variable = Variable { exported, ..Default::default() };
                    self.put_back(name.to_string(), Some(variable));
                }
            }
        }
        Ok(0)
    }

    pub(super) async fn unset(&mut self, args: &[String]) -> Outcome {
        let functions = args.first().is_some_and(|arg| arg == "-f");
        let mut status = 0;
        for name in args.iter().filter(|arg| !matches!(arg.as_str(), "-f" | "-v" | "--")) {
            if functions {
                Rc::make_mut(&mut self.functions).remove(name);
                continue;
            }
            if self.dialect.is_bash()
                && let Some((name, key)) = arrays::subscripted(name)
            {
                if let Err(message) = self.unset_element(name, key) {
                    status = self.error("unset", &message).await?;
                }
                continue;
            }
            if !is_name(name) && !self.dialect.is_bash() {
                return self.error("unset", &format!("{name}: bad variable name")).await;
            }
            match self.variables.get(name).map(|variable| variable.readonly) {
                Some(true) => {
                    let text = match self.dialect {
                        Dialect::Bash => format!("{name}: cannot unset: readonly variable"),
                        _ => format!("{name}: is read only"),
                    };
                    status = self.error("unset", &text).await?;
                }
                Some(false) => {
                    Rc::make_mut(&mut self.variables).remove(name);
                }
                None if self.dialect.is_bash() => {
                    Rc::make_mut(&mut self.functions).remove(name);
                }
                None => {}
            }
        }
        Ok(status)
    }
}

//! export, readonly, declare, local and unset.

use std::rc::Rc;

use crate::programs::sh::{
    Dialect,
    ast::is_name,
    builtins::quoted,
    state::{Flow, Outcome, Shell, Variable},
};

impl Shell {
    pub(super) async fn export_builtin(&mut self, name: &str, args: &[String]) -> Outcome {
        let operands: Vec<&String> = args.iter().filter(|arg| *arg != "-p" && *arg != "--").collect();
        if operands.is_empty() {
            let export = name == "export";
            let mut text = String::new();
            for (variable, state) in self.variables.iter() {
                if if export { state.exported } else { state.readonly } {
                    let value = state.value.as_ref();
                    text += &match self.dialect {
                        Dialect::Bash => {
                            let flag = if export { "x" } else { "r" };
                            let value = value.map(|v| format!("=\"{}\"", v.replace('"', "\\\""))).unwrap_or_default();
                            format!("declare -{flag} {variable}{value}\n")
                        }
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

    /// bash's `declare`, as far as variables without attributes of their own go.
    pub(super) async fn declare(&mut self, args: &[String]) -> Outcome {
        let (options, operands): (Vec<&String>, Vec<&String>) =
            args.iter().partition(|arg| arg.starts_with('-') && arg.len() > 1);
        let has = |c: char| options.iter().any(|option| option.contains(c));
        if operands.is_empty() {
            return match has('x') {
                true => self.export_builtin("export", &[]).await,
                false => self.set(&[]).await,
            };
        }
        let operands: Vec<String> = operands.into_iter().cloned().collect();
        if !self.locals.is_empty() && !has('g') {
            self.local(&operands).await?;
        }
        for operand in &operands {
            if let Some((name, value)) = operand.split_once('=')
                && is_name(name)
            {
                let value = if has('i') { self.arithmetic(value).await?.to_string() } else { value.to_string() };
                self.set_or_fail(name, value).await?;
            }
        }
        if has('x') {
            self.export_builtin("export", &operands).await?;
        }
        if has('r') {
            let names: Vec<String> = operands.iter().map(|o| o.split('=').next().unwrap_or("").to_string()).collect();
            self.export_builtin("readonly", &names).await?;
        }
        Ok(0)
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
        let readonly = self.dialect.is_bash() && args.iter().any(|arg| arg.starts_with('-') && arg.contains('r'));
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
            if readonly {
                Rc::make_mut(&mut self.variables).entry(name.to_string()).or_default().readonly = true;
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

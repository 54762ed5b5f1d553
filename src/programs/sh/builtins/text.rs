//! printf and test.

use crate::programs::sh::{
    Dialect, echo,
    state::{Outcome, Shell},
    test,
};
use crate::programs::util;

impl Shell {
    pub(super) async fn printf(&mut self, args: &[String]) -> Outcome {
        let mut args = args;
        let mut variable = None;
        if self.dialect.is_bash() && args.first().is_some_and(|arg| arg == "-v") && args.len() > 1 {
            variable = Some(args[1].clone());
            args = &args[2..];
        }
        if args.first().is_some_and(|arg| arg == "--") {
            args = &args[1..];
        }
        let Some((format, args)) = args.split_first() else {
            match self.dialect {
                Dialect::Bash => return self.usage("printf [-v var] format [arguments]").await,
                Dialect::Dash => self.complain(Some("printf"), "usage: printf format [arg ...]").await,
                Dialect::Ash => self.complain_as_program("usage: printf FORMAT [ARGUMENT...]").await,
            }
            return Ok(2);
        };
        let printed = echo::printf(format, args, self.dialect);
        let mut written = 0;
        for (at, complaint) in &printed.complaints {
            match self.dialect {
                // busybox writes out what it has before it complains.
                Dialect::Ash => {
                    self.output(&printed.output[written..*at], "printf").await?;
                    written = *at;
                    self.complain_as_program(complaint).await;
                }
                _ => self.complain(Some("printf"), complaint).await,
            }
        }
        let status = match self.dialect {
            Dialect::Dash if printed.bad_format => 2,
            _ => i32::from(!printed.complaints.is_empty()),
        };
        if let Some(name) = variable {
            self.set_or_fail(&name, util::text(printed.output)).await?;
            return Ok(status);
        }
        Ok(self.output(&printed.output[written..], "printf").await?.max(status))
    }

    pub(super) async fn test(&mut self, fields: &[String]) -> Outcome {
        let mut fields = fields.to_vec();
        if fields[0] == "[[" {
            if fields.last().is_some_and(|last| last == "]]") {
                fields.pop();
            }
            fields[0] = "test".to_string();
        }
        match test::run(&self.proc, &fields, self.dialect) {
            Ok(value) => Ok(i32::from(!value)),
            Err(error) => {
                let text = error.message(self.dialect);
                match self.dialect {
                    Dialect::Ash => self.complain_as_program(&text).await,
                    _ => self.complain(Some(&fields[0]), &text).await,
                }
                Ok(2)
            }
        }
    }
}

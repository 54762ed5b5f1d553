//! history.

use std::rc::Rc;

use crate::programs::sh::state::{Outcome, Shell};

impl Shell {
    pub(super) async fn history_builtin(&mut self, args: &[String]) -> Outcome {
        if args.first().is_some_and(|arg| arg == "-c") {
            self.history = Rc::default();
            return Ok(0);
        }
        let count = args.first().and_then(|arg| arg.parse().ok()).unwrap_or(usize::MAX);
        let skip = self.history.len().saturating_sub(count);
        let lines = self.history.iter().enumerate().skip(skip);
        let text: String = lines.map(|(i, line)| format!("{:>5}  {line}\n", i + 1)).collect();
        self.output(text.as_bytes(), "history").await
    }
}

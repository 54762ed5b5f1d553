//! Why a pod is as it is, what happens next, and which field to change: prose from what the API and the node say. Rules are
//! asked in order, the first that applies speaks; none guesses.

mod life;
mod place;
mod ready;
mod restart;
mod start;

use super::Mark;
use super::facts::{ContainerFacts, PodFacts};
pub(super) use restart::clashes;

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Why {
    pub question: String,
    pub answer: String,
    /// What happens next, and when.
    pub next: Option<String>,
    pub mark: Mark,
    /// The fields to change, as paths in the manifest: `spec.containers[1].ports`.
    pub fields: Vec<String>,
    /// A command that shows more.
    pub command: Option<String>,
    /// Nodes and why each can't take it.
    pub nodes: Vec<(String, String)>,
}

/// A rule's answer; `None` if it has nothing to say.
type Rule = fn(&PodFacts, &[ContainerFacts]) -> Option<Why>;

const RULES: [Rule; 12] = [
    life::node_silent,
    life::ending,
    life::over,
    place::unscheduled,
    restart::troubles,
    start::troubles,
    start::volumes,
    start::pulling,
    life::init,
    ready::troubles,
    restart::recent,
    life::deadline,
];

/// `None` if all is well.
pub fn build(facts: &PodFacts) -> Option<Why> {
    let containers = facts.containers();
    RULES.iter().find_map(|rule| rule(facts, &containers))
}

impl Why {
    fn new(question: &str, answer: impl Into<String>, mark: Mark) -> Why {
        Why {
            question: question.into(),
            answer: answer.into(),
            next: None,
            mark,
            fields: Vec::new(),
            command: None,
            nodes: Vec::new(),
        }
    }

    fn next(mut self, next: impl Into<String>) -> Why {
        self.next = Some(next.into());
        self
    }

    fn field(mut self, field: impl Into<String>) -> Why {
        self.fields.push(field.into());
        self
    }

    fn command(mut self, command: impl Into<String>) -> Why {
        self.command = Some(command.into());
        self
    }
}

/// The command that describes the pod.
fn describe(facts: &PodFacts) -> String {
    format!("kubectl {}describe pod {}", facts.flag(), facts.name())
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

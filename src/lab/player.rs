//! A laboratory whose time can be moved both ways: it records what is done, shows any earlier instant by doing it
//! again, and goes on from there as another branch.
//!
//! Invariants:
//! - What is shown is a laboratory that followed the record's current path: at its end (then it is lived on, and what is
//!   done is recorded) or at an earlier instant (then it stands, and what follows is known).
//! - At an earlier instant reading leaves no trace. Whatever changes something begins a branch, and so does time that
//!   goes on with something unfinished; the old course stays in the record.
//! - All work is cut into slices by budgets of polls; the results don't depend on them.

use std::{collections::BTreeMap, time::Duration};

pub use super::replica::Ran;
use super::{
    Config, Input, Lab, Mark, Notice, ORIGIN, news,
    record::{Entry, Record},
    replica::{Goal, Replica},
    screen,
    view::View,
};
use crate::sim::SimTime;

/// How far a step, and a look ahead, goes without anything to see.
const FAR: Duration = Duration::from_secs(3600);
/// Laboratories that stand ready to be shown again, beside the one shown.
const PARKED: usize = 4;
/// Polls of a laboratory beyond which a second one that runs ahead costs more than it is worth.
const TOO_MUCH: u64 = 1_500_000;
/// Nodes beyond which a laboratory of its own is too long a work to begin in an idle moment.
const TOO_MANY: usize = 20;
/// Polls that finish the work of an instant, but for a program that never rests.
const SETTLE: u64 = 10_000;

/// What the terminal has to show.
pub enum Output {
    /// Instead of all that is there.
    Anew(Vec<u8>),
    More(Vec<u8>),
}

/// What will happen next if nobody interferes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// When, and what; `None`: nothing within the hour.
    pub next: Option<(SimTime, String)>,
}

/// On the way to another instant.
struct Seek {
    goal: Goal,
    /// The laboratory that goes there; the one that is shown, if it can.
    maker: Option<Replica>,
    then: Then,
}

enum Then {
    /// It is a look at the past.
    Look,
    /// It is the end of the current branch, with these files.
    Live(Option<BTreeMap<String, Vec<u8>>>),
}

struct Scout {
    replica: Replica,
    /// For which state it looks ahead.
    given: usize,
    last: Option<usize>,
    now: SimTime,
    forecast: Option<Forecast>,
}

pub struct Player {
    record: Record,
    shown: Replica,
    /// The laboratory at the end of the branch, while an earlier instant is shown.
    end: Option<Replica>,
    /// How the shown one was before somebody typed into the past.
    before: Option<Mark>,
    seek: Option<Seek>,
    /// What was asked for on the way: where to look, and whether to step then.
    later: (Option<SimTime>, bool),
    waiting: Vec<Input>,
    parked: Vec<Replica>,
    scout: Option<Scout>,
    size: Option<(u16, u16)>,
    ids: u64,
    /// The replica whose output was taken last, and how much of it.
    taken: (u64, usize),
    revision: u64,
    said: Option<String>,
}

/// A laboratory that is being set up, in slices.
pub struct Opening {
    player: Player,
    resumed: bool,
}

impl Opening {
    pub fn new(config: Config) -> Opening {
        Opening { player: Player::with(Record::new(config)), resumed: false }
    }

    /// It will be on its way to where the record's current branch was left.
    pub fn resume(record: Record) -> Opening {
        Opening { player: Player::with(record), resumed: true }
    }

    /// Goes on with about `budget` polls: whether it is open.
    pub fn go_on(&mut self, budget: u64) -> bool {
        let Player { shown, record, .. } = &mut self.player;
        shown.run(record, Goal { at: ORIGIN, inputs: 0 }, budget, None) != Ran::Budget
    }

    /// At once, however much is left to do.
    pub fn player(mut self) -> Player {
        self.go_on(u64::MAX);
        if self.resumed {
            self.player.go_live(None);
        }
        self.player
    }
}

impl Player {
    pub fn new(config: Config) -> Player {
        Opening::new(config).player()
    }

    /// A laboratory at its beginning, on its way to where the record's current branch was left.
    pub fn resume(record: Record) -> Player {
        Opening::resume(record).player()
    }

    fn with(record: Record) -> Player {
        let shown = Replica::begin(1, &record.config);
        Player {
            record,
            shown,
            end: None,
            before: None,
            seek: None,
            later: (None, false),
            waiting: Vec::new(),
            parked: Vec::new(),
            scout: None,
            size: None,
            ids: 1,
            taken: (0, 0),
            revision: 0,
            said: None,
        }
    }

    /// What is shown.
    pub fn lab(&self) -> &Lab {
        &self.shown.lab
    }

    /// The laboratory as far as it is known: the end of the current branch.
    pub fn latest(&self) -> &Lab {
        &self.end.as_ref().unwrap_or(&self.shown).lab
    }

    pub fn record(&self) -> &Record {
        &self.record
    }

    pub fn now(&self) -> SimTime {
        self.shown.lab.now()
    }

    pub fn end(&self) -> SimTime {
        self.latest().now()
    }

    /// An earlier instant than the end is shown.
    pub fn is_past(&self) -> bool {
        self.end.is_some()
    }

    /// Something was typed into the past that is shown.
    pub fn has_strayed(&self) -> bool {
        self.end.is_some() && self.shown.has_strayed()
    }

    /// Another number for each laboratory that was shown.
    pub fn identity(&self) -> u64 {
        self.shown.id
    }

    /// Where it is going, and how much of the way is done.
    pub fn seeking(&self) -> Option<(SimTime, f64)> {
        let seek = self.seek.as_ref()?;
        let at = seek.maker.as_ref().unwrap_or(&self.shown).lab.now();
        let way = seek.goal.at.since(SimTime::ZERO).as_secs_f64().max(1.0);
        Some((seek.goal.at, at.as_secs_f64() / way))
    }

    /// Changes whenever anything may have changed but the time.
    pub fn revision(&self) -> u64 {
        self.revision.wrapping_add(self.shown.lab.revision())
    }

    /// What there is to say of what became of time and branches, once.
    pub fn take_said(&mut self) -> Option<String> {
        self.said.take()
    }

    pub fn take_output(&mut self) -> Output {
        let Replica { id, output, forgotten, .. } = &self.shown;
        let (of, taken) = std::mem::replace(&mut self.taken, (*id, forgotten + output.len()));
        match taken.checked_sub(*forgotten).filter(|from| of == *id && *from <= output.len()) {
            Some(from) => Output::More(output[from..].to_vec()),
            None => Output::Anew(output.clone()),
        }
    }

    /// What commands beside the terminal came to; those of the past have been heard.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        let notices = std::mem::take(&mut self.shown.notices);
        if self.end.is_some() && !self.shown.has_strayed() { Vec::new() } else { notices }
    }

    /// Takes what a person does. On the way to another instant it waits, but for edits, which were made to other files.
    pub fn input(&mut self, input: Input) {
        if let Input::Resize { columns, rows } = input {
            self.size = Some((columns, rows));
        }
        if self.seek.is_some() {
            if !matches!(input, Input::WriteFile { .. } | Input::EditFile { .. } | Input::Resize { .. }) {
                self.waiting.push(input);
            }
            return;
        }
        let now = self.now();
        // The instant's own work doesn't count as what the input did.
        self.shown.lab.advance(now, SETTLE);
        self.shown.collect();
        let before = self.shown.lab.mark();
        let from = self.shown.output.len();
        let enter = input.is_enter();
        self.shown.lab.input(input.clone());
        let title = input.title().or_else(|| enter.then(|| screen::command(self.fresh_output(), from)).flatten());
        self.shown.collect();
        self.revision += 1;
        if self.end.is_none() {
            self.absorb();
            let changed = !self.shown.lab.mark().same_cluster(&before);
            let title = title.or_else(|| enter.then(|| "what was typed".to_string()));
            if let Some((title, id)) = title.zip(self.shown.last).filter(|_| changed) {
                self.record.name_entry(id, title);
            }
            return;
        }
        let before = self.before.get_or_insert(before).clone();
        self.branch_if_changed(&before, title);
    }

    /// The shown one's output with what it just wrote.
    fn fresh_output(&mut self) -> &[u8] {
        self.shown.collect();
        &self.shown.output
    }

    /// Records what the shown one has taken at the end of its branch.
    fn absorb(&mut self) {
        for (at, input) in &self.shown.lab.inputs()[self.shown.given..] {
            self.shown.last = Some(self.record.push(*at, input.clone()));
        }
        self.shown.given = self.shown.lab.inputs().len();
        let now = self.shown.lab.now();
        let branch = self.record.branch_mut();
        branch.end = branch.end.max(now);
    }

    fn branch_if_changed(&mut self, before: &Mark, title: Option<String>) {
        let mark = self.shown.lab.mark();
        if mark == *before {
            return;
        }
        self.branch(title, !mark.same_cluster(before));
    }

    /// The past that is shown goes on as another branch.
    fn branch(&mut self, title: Option<String>, changed: bool) {
        let Some(end) = self.end.take() else { return };
        let now = self.now();
        self.record.branch_mut().outcome = news::summary(&end.lab.view());
        let name = title.clone().unwrap_or_else(|| format!("From {}", clock(now)));
        let old = self.record.branch().name.clone();
        self.said = Some(format!("A branch begins here: {name}. What followed is kept as \"{old}\"."));
        self.record.fork(self.shown.given, now, name);
        self.before = None;
        self.park(end);
        self.absorb();
        if let Some((title, id)) = title.zip(self.shown.last).filter(|_| changed) {
            self.record.name_entry(id, title);
        }
        self.revision += 1;
    }

    /// Goes on to `until`: lives on at the end, follows what is known before it; `stop` as for [`Lab::advance_until`].
    /// On the way to another instant it goes that way instead.
    pub fn advance(&mut self, until: SimTime, budget: u64, stop: Option<&mut dyn FnMut(&View) -> bool>) -> Ran {
        if self.seek.is_some() {
            return self.pursue(budget);
        }
        let Some(end) = self.end.as_ref().map(|end| end.lab.now()) else {
            let goal = Goal { at: until, inputs: usize::MAX };
            // Nothing lies ahead on the path, so this only lives on.
            let ran = self.shown.run(&self.record, goal, budget, stop);
            self.absorb();
            return ran;
        };
        if self.shown.has_strayed() {
            if until > self.now() {
                self.go_on();
                return Ran::Budget;
            }
            // Programs that were started here finish what they can do at once.
            let ran = self.shown.run(&self.record, Goal { at: self.now(), inputs: 0 }, budget, stop);
            if let Some(before) = self.before.clone() {
                self.branch_if_changed(&before, None);
            }
            return ran;
        }
        let goal = Goal { at: until.min(end), inputs: usize::MAX };
        let ran = self.shown.run(&self.record, goal, budget, stop);
        if ran != Ran::Budget && self.now() >= end && self.shown.given == self.record.len() {
            self.return_to_end();
        }
        ran
    }

    /// Time goes on although something was typed into the past: reading is dropped, anything else is a branch.
    pub fn go_on(&mut self) {
        if self.end.is_none() || !self.shown.has_strayed() || self.seek.is_some() {
            return;
        }
        if self.shown.lab.is_at_prompt() {
            self.said = Some("What was only read here is dropped.".into());
            let now = self.now();
            self.look(now);
        } else {
            self.branch(None, false);
        }
    }

    fn return_to_end(&mut self) {
        if let Some(end) = self.end.take() {
            let past = std::mem::replace(&mut self.shown, end);
            self.park(past);
            self.before = None;
            self.revision += 1;
            self.fit();
        }
    }

    /// On to the next instant at which something can be seen. False if there is none within `budget` or an hour.
    pub fn step(&mut self, budget: u64) -> bool {
        if self.seek.is_some() || self.end.is_some() && self.shown.has_strayed() {
            self.go_on();
            if self.seek.is_some() {
                self.later.1 = true;
                return true;
            }
        }
        let until = self.now() + FAR;
        self.advance(until, budget, Some(&mut |_| true)) == Ran::Stopped
    }

    /// Shows the laboratory as it was at `to`, or its end.
    pub fn seek(&mut self, to: SimTime) {
        let to = to.max(ORIGIN);
        if matches!(&self.seek, Some(Seek { then: Then::Live(_), .. })) {
            self.later.0 = Some(to);
            return;
        }
        if to >= self.end() {
            self.stop_seeking();
            self.return_to_end();
            return;
        }
        if self.seek.is_none() && to == self.now() && !self.shown.has_strayed() {
            return;
        }
        self.look(to);
    }

    /// Starts on the way to an instant before the end.
    fn look(&mut self, to: SimTime) {
        self.stop_seeking();
        let goal = Goal { at: to, inputs: self.record.inputs().take_while(|e| e.at <= to).count() };
        let in_place = self.end.is_some() && self.shown.leads_to(&self.record, goal);
        let maker = (!in_place).then(|| self.replica_for(goal));
        self.seek = Some(Seek { goal, maker, then: Then::Look });
    }

    /// Starts on the way to the end of the record's current branch.
    fn go_live(&mut self, files: Option<BTreeMap<String, Vec<u8>>>) {
        self.stop_seeking();
        let goal = Goal { at: self.record.branch().end, inputs: self.record.len() };
        let maker = Some(self.replica_for(goal));
        self.seek = Some(Seek { goal, maker, then: Then::Live(files) });
        self.scout = None;
    }

    fn stop_seeking(&mut self) {
        if let Some(maker) = self.seek.take().and_then(|seek| seek.maker) {
            self.park(maker);
        }
    }

    /// The parked one that is nearest, or a new one.
    fn replica_for(&mut self, goal: Goal) -> Replica {
        let fits = |r: &Replica| r.leads_to(&self.record, goal);
        let best = (0..self.parked.len()).filter(|i| fits(&self.parked[*i])).max_by_key(|i| self.parked[*i].lab.now());
        match best {
            Some(best) => self.parked.remove(best),
            None => self.new_replica(),
        }
    }

    fn new_replica(&mut self) -> Replica {
        self.ids += 1;
        Replica::begin(self.ids, &self.record.config)
    }

    fn park(&mut self, replica: Replica) {
        if replica.has_strayed() {
            return;
        }
        self.parked.push(replica);
        if self.parked.len() > PARKED {
            // The fresh one is the way to everywhere.
            let oldest = self.parked.iter().position(|r| r.given > 0 || r.lab.now() > ORIGIN).unwrap_or(0);
            self.parked.remove(oldest);
        }
    }

    /// Goes on to where it was to go.
    fn pursue(&mut self, budget: u64) -> Ran {
        let Some(seek) = &mut self.seek else { return Ran::There };
        let replica = seek.maker.as_mut().unwrap_or(&mut self.shown);
        if replica.run(&self.record, seek.goal, budget, None) == Ran::Budget {
            return Ran::Budget;
        }
        self.revision += 1;
        let Some(Seek { maker, then, .. }) = self.seek.take() else { return Ran::There };
        let before = maker.map(|maker| std::mem::replace(&mut self.shown, maker));
        self.before = None;
        self.shown.notices.clear();
        match then {
            Then::Look => match before {
                Some(before) if self.end.is_none() => self.end = Some(before),
                Some(before) => self.park(before),
                None => {}
            },
            Then::Live(files) => {
                let others = before.into_iter().chain(self.end.take());
                others.for_each(|other| self.park(other));
                self.carry(files.unwrap_or_default());
            }
        }
        self.fit();
        for input in std::mem::take(&mut self.waiting) {
            self.input(input);
        }
        match std::mem::take(&mut self.later) {
            (Some(to), _) => self.seek(to),
            (None, true) => {
                self.step(SETTLE);
            }
            _ => {}
        }
        Ran::There
    }

    /// Brings files to another branch.
    fn carry(&mut self, files: BTreeMap<String, Vec<u8>>) {
        if files.is_empty() {
            return;
        }
        let there = self.shown.lab.files();
        let removed = there.keys().filter(|path| !path.starts_with('.') && !files.contains_key(*path));
        let removed: Vec<Input> = removed.map(|path| Input::RemoveFile { path: path.clone() }).collect();
        let written = files.into_iter().filter(|(path, data)| !path.starts_with('.') && there.get(path) != Some(data));
        let written = written.map(|(path, data)| Input::WriteFile { path, data });
        removed.into_iter().chain(written).for_each(|input| self.input(input));
    }

    /// The terminal keeps the size that it has on the page.
    fn fit(&mut self) {
        let Some((columns, rows)) = self.size else { return };
        let last = self.shown.lab.inputs().iter().rev().find_map(|(_, input)| match input {
            Input::Resize { columns, rows } => Some((*columns, *rows)),
            _ => None,
        });
        if last != Some((columns, rows)) {
            self.input(Input::Resize { columns, rows });
        }
    }

    /// What [`Player::undo`] would take back: the last thing done that changed the cluster.
    pub fn undoable(&self) -> Option<&str> {
        let (_, title) = self.last_action()?;
        Some(title)
    }

    fn last_action(&self) -> Option<(usize, &str)> {
        let taken = (0..self.shown.given.min(self.record.len())).rev();
        taken.into_iter().find_map(|i| Some((i, self.record.on_path(i)?.1.title.as_deref()?)))
    }

    /// Goes back to just before the last thing done that changed the cluster, and goes on without it: files stay.
    pub fn undo(&mut self) -> bool {
        if self.seek.is_some() {
            return false;
        }
        let Some((index, title)) = self.last_action().map(|(index, title)| (index, title.to_string())) else {
            return false;
        };
        let Some(at) = self.record.on_path(index).map(|(_, entry)| entry.at) else { return false };
        // The line it was typed on goes with it.
        let typed = |i: &usize| {
            let key = |entry: &Entry| matches!(entry.input, Input::Type(_)) && !entry.input.is_enter();
            self.record.on_path(*i).is_some_and(|(_, entry)| key(entry))
        };
        let line = (0..index).rev().take_while(typed).last().unwrap_or(index);
        let files = self.shown.lab.files();
        self.leave();
        let old = self.record.current();
        self.record.fork(line, at, format!("Without {title}"));
        self.record.branch_mut().undoes = Some(old);
        self.said = Some(format!("Undone: {title}. It is {} again.", clock(at)));
        self.go_live(Some(files));
        true
    }

    /// What [`Player::redo`] would do again: what the current branch undoes, if nothing was done since.
    pub fn redoable(&self) -> Option<&str> {
        let branch = self.record.branch();
        branch.undoes?;
        let own = self.record.inputs().skip(branch.inherited);
        let mut done = own.filter(|e| e.title.is_some());
        done.next().is_none().then(|| branch.name.strip_prefix("Without ").unwrap_or(&branch.name))
    }

    /// Goes back to the branch that an undo left.
    pub fn redo(&mut self) -> bool {
        let Some(old) = self.record.branch().undoes.filter(|_| self.redoable().is_some()) else { return false };
        let empty = self.record.current();
        if !self.switch(old) {
            return false;
        }
        self.record.drop_branch(empty);
        true
    }

    /// Goes to the end of another branch.
    pub fn switch(&mut self, branch: usize) -> bool {
        if self.seek.is_some() || branch == self.record.current() {
            return false;
        }
        self.leave();
        if !self.record.switch(branch) {
            return false;
        }
        let (name, end) = (&self.record.branch().name, self.record.branch().end);
        self.said = Some(format!("The branch \"{name}\", at {}", clock(end)));
        self.go_live(None);
        true
    }

    /// Notes how things stand on the branch that is being left.
    fn leave(&mut self) {
        let outcome = news::summary(&self.latest().view());
        self.record.branch_mut().outcome = outcome;
    }

    /// What will happen next, if it is known.
    pub fn forecast(&self) -> Option<&Forecast> {
        let scout = self.scout.as_ref()?;
        let ahead = |f: &&Forecast| f.next.as_ref().is_none_or(|(at, _)| *at > self.now());
        scout.forecast.as_ref().filter(|_| self.is_scouted(scout)).filter(ahead)
    }

    fn is_scouted(&self, scout: &Scout) -> bool {
        (scout.given, scout.last) == (self.shown.given, self.shown.last) && scout.now <= self.now()
    }

    /// Lets go of what only makes ways shorter.
    pub fn forget(&mut self) {
        self.parked.clear();
        self.scout = None;
    }

    /// Work for idle times: looks ahead, and makes a laboratory ready that can go anywhere. True if there was any.
    pub fn think(&mut self, budget: u64, ahead: bool) -> bool {
        if self.seek.is_some() || self.record.config.workers > TOO_MANY {
            return false;
        }
        if ahead && self.shown.lab.polls() < TOO_MUCH && self.look_ahead(budget) {
            return true;
        }
        let start = Goal { at: ORIGIN, inputs: 0 };
        match self.parked.iter_mut().find(|r| r.given == 0 && r.lab.now() <= ORIGIN) {
            Some(fresh) if fresh.lab.is_open() => false,
            Some(fresh) => {
                fresh.run(&self.record, start, budget, None);
                true
            }
            None => {
                let fresh = self.new_replica();
                self.park(fresh);
                true
            }
        }
    }

    fn look_ahead(&mut self, budget: u64) -> bool {
        let (given, last, now) = (self.shown.given, self.shown.last, self.now());
        let here = Goal { at: now, inputs: given };
        let known = self.scout.take().filter(|scout| self.is_scouted(scout));
        let mut scout = known.unwrap_or_else(|| {
            let replica = self.new_replica();
            Scout { replica, given, last, now, forecast: None }
        });
        if let Some(forecast) = &scout.forecast {
            let over = match forecast.next {
                Some((at, _)) => at <= now,
                None => scout.now + FAR / 2 < now,
            };
            if !over {
                self.scout = Some(scout);
                return false;
            }
            (scout.forecast, scout.now) = (None, now);
        }
        if scout.replica.lab.now() < now || scout.replica.given < given {
            scout.replica.run(&self.record, here, budget, None);
        } else {
            let far = scout.now + FAR;
            let end = self.end.as_ref().map(|end| end.lab.now()).filter(|end| *end <= far);
            let goal = Goal { at: end.unwrap_or(far), inputs: usize::MAX };
            let ran = scout.replica.run(&self.record, goal, budget, Some(&mut |_| true));
            let at = scout.replica.lab.now();
            scout.forecast = match ran {
                Ran::Budget => None,
                Ran::There => Some(Forecast { next: end.map(|end| (end, "as far as it went".into())) }),
                Ran::Stopped => {
                    let what = news::at(&scout.replica.lab.view(), at).unwrap_or_else(|| "a change".into());
                    Some(Forecast { next: Some((at, what)) })
                }
            };
            if scout.forecast.is_some() {
                self.revision += 1;
            }
        }
        self.scout = Some(scout);
        true
    }
}

/// `00:41`, `1:02:03` since the laboratory opened.
fn clock(at: SimTime) -> String {
    let seconds = at.since(ORIGIN).as_secs();
    let hours = if seconds >= 3600 { format!("{}:", seconds / 3600) } else { String::new() };
    format!("{hours}{:02}:{:02}", seconds / 60 % 60, seconds % 60)
}

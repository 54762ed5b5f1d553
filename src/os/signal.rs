//! Signals: numbers, names and default actions (x86-64).

use std::fmt;

macro_rules! signals {
    ($($name:ident = $number:literal, $action:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Signal { $($name = $number,)* }

        impl Signal {
            pub const ALL: &'static [Signal] = &[$(Signal::$name,)*];
            pub fn number(self) -> i32 { self as i32 }
            pub fn from_number(n: i32) -> Option<Signal> { match n { $($number => Some(Signal::$name),)* _ => None } }
            /// Without `SIG`: `TERM`.
            pub fn name(self) -> &'static str { match self { $(Signal::$name => stringify!($name),)* } }
            /// What it does to a process that neither handles nor ignores it.
            pub fn default_action(self) -> DefaultAction { match self { $(Signal::$name => DefaultAction::$action,)* } }
        }
    };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultAction {
    Terminate,
    Ignore,
    Stop,
    Continue,
}

signals! {
    HUP = 1, Terminate;
    INT = 2, Terminate;
    QUIT = 3, Terminate;
    ILL = 4, Terminate;
    TRAP = 5, Terminate;
    ABRT = 6, Terminate;
    BUS = 7, Terminate;
    FPE = 8, Terminate;
    KILL = 9, Terminate;
    USR1 = 10, Terminate;
    SEGV = 11, Terminate;
    USR2 = 12, Terminate;
    PIPE = 13, Terminate;
    ALRM = 14, Terminate;
    TERM = 15, Terminate;
    STKFLT = 16, Terminate;
    CHLD = 17, Ignore;
    CONT = 18, Continue;
    STOP = 19, Stop;
    TSTP = 20, Stop;
    TTIN = 21, Stop;
    TTOU = 22, Stop;
    URG = 23, Ignore;
    XCPU = 24, Terminate;
    XFSZ = 25, Terminate;
    VTALRM = 26, Terminate;
    PROF = 27, Terminate;
    WINCH = 28, Ignore;
    POLL = 29, Terminate;
    PWR = 30, Terminate;
    SYS = 31, Terminate;
}

impl Signal {
    /// Accepts `TERM`, `SIGTERM`, `term` and `15`.
    pub fn parse(text: &str) -> Option<Signal> {
        if let Ok(number) = text.parse() {
            return Signal::from_number(number);
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        // The same one by another name.
        let name = if name == "IO" { "POLL" } else { name };
        Signal::ALL.iter().copied().find(|s| s.name() == name)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIG{}", self.name())
    }
}

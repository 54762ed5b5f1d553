//! Virtual time: an executor of async tasks, a clock, timers, channels and a seeded generator.
//!
//! Invariants:
//! - Time moves only when no task can run; then it jumps to the earliest timer.
//! - Tasks run in the order in which they were woken; timers of one instant fire in the order in
//!   which they were set. So a run is a function of the seed and the inputs alone.
//! - No threads, no wall clock, no global state: everything hangs from one [`Sim`] handle.
//! - Knows nothing of Kubernetes or Linux.

mod executor;
mod map;
mod rng;
mod sync;

pub use executor::{Reached, Sim, SimTime, Sleep, Task};
pub use map::VecMap;
pub use rng::Rng;
pub use sync::{Either, Notify, OneshotReceiver, OneshotSender, Receiver, Sender, WaitQueue, channel, oneshot, race};

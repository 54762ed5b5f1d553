//! Redis: `redis-server` and `redis-cli`, speaking RESP version 2 over simulated sockets.
//!
//! Behaviour and texts: Redis 7.0. What is stored is kept by value; expiry is by virtual time. A command that isn't
//! here is refused as unknown, as a server without that module would.

pub mod cli;
mod commands;
mod resp;
pub mod server;
mod store;
#[cfg(test)]
mod tests;

//! Network tools and the protocols that they and the servers speak.

pub mod base64;
pub mod curl;
pub mod http;
pub mod resolve;
pub mod tls;

use super::Entry;

pub const TABLE: &[Entry] = &[entry!("curl", curl::main, "fetch a URL")];

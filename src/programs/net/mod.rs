//! Network tools and the protocols that they and the servers speak.

pub mod base64;
pub mod http;
pub mod tls;

use super::Entry;

pub const TABLE: &[Entry] = &[];

//! lab
pub mod view;

//! The apiserver: the store and its verbs, the only state that components share.

pub mod proxy;

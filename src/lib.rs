//! Podarium: a Kubernetes Pod laboratory, simulated wholly in virtual time.
//!
//! Rooms are listed from the lowest floor up; a room imports only rooms above it in this list
//! (`tests/floors.rs` checks it). See ARCHITECTURE.md.

pub mod sim;

pub mod os;

pub mod programs;

pub mod manifest;

pub mod api;

pub mod apiserver;

pub mod registry;

pub mod kubelet;

pub mod scheduler;

pub mod controllers;

pub mod network;

pub mod kubectl;

pub mod lab;

pub mod scene;

#[cfg(not(target_arch = "wasm32"))]
pub mod cli;

#[cfg(target_arch = "wasm32")]
pub mod web;

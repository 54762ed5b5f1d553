//! Images: how their names are read, which ones exist, and how long a pull takes.
//!
//! The catalogue is data: one YAML file an image under `images/`, layers that several share under
//! `base/`. Adding a file adds an image (see `images/README.md`).
//!
//! Invariants:
//! - Names are read as `distribution/reference` reads them, errors included.
//! - An image's files are built once, when first asked for, and shared by all its containers.
//! - Pull errors are worded as containerd words them; the prefix `rpc error: ...` is part of [`PullError`]'s text.

mod catalogue;
mod format;
mod image;
pub mod own;
mod pull;
mod reference;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, CatalogueError, Workspace};
pub use image::{Image, ImageConfig, PortProtocol};
pub use pull::{Login, PullError, PullTimes};
pub use reference::{ImageRef, ReferenceError, apply_default_tag};

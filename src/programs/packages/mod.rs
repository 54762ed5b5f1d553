//! Package managers: apk of Alpine, apt of Debian and Ubuntu. What there is to install is data: a line a package, in the
//! formats that [`catalogue`] explains. Installing asks the distribution's mirror for the packages over the network, and
//! puts their programs into the container's file system, where they last as long as the container.

mod apk;
mod apt;
mod catalogue;
mod fetch;
mod fortune;

use super::Entry;

pub const TABLE: &[Entry] = &[
    entry!("apk", apk::main, "install Alpine's packages"),
    entry!("apt", apt::main, "install Debian's packages"),
    entry!("apt-get", apt::main, "install Debian's packages"),
    entry!("fortune", fortune::main, "print a saying"),
];

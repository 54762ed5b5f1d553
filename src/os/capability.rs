//! Capabilities: the parts that root's power is divided into (capabilities(7)), and what else a container's processes
//! may gain.

/// The names, by number.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability(u8);

impl Capability {
    pub const CHOWN: Capability = Capability(0);
    pub const DAC_OVERRIDE: Capability = Capability(1);
    pub const FOWNER: Capability = Capability(3);
    pub const KILL: Capability = Capability(5);
    pub const SETUID: Capability = Capability(7);
    pub const NET_BIND_SERVICE: Capability = Capability(10);
    pub const NET_ADMIN: Capability = Capability(12);
    pub const SYS_PTRACE: Capability = Capability(19);

    /// `NET_ADMIN`, in any case.
    pub fn parse(name: &str) -> Option<Capability> {
        let at = NAMES.iter().position(|own| own.eq_ignore_ascii_case(name))?;
        Some(Capability(at as u8))
    }
}

/// A set of them. Prints as /proc does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    pub const ALL: Capabilities = Capabilities((1 << NAMES.len()) - 1);
    pub const NONE: Capabilities = Capabilities(0);
    /// What containerd gives a container that asks for nothing.
    pub const DEFAULT: Capabilities = Capabilities(0xa804_25fb);

    pub fn has(self, capability: Capability) -> bool {
        self.0 >> capability.0 & 1 == 1
    }

    pub fn with(self, capability: Capability) -> Capabilities {
        Capabilities(self.0 | 1 << capability.0)
    }

    pub fn without(self, capability: Capability) -> Capabilities {
        Capabilities(self.0 & !(1 << capability.0))
    }
}

impl std::fmt::Display for Capabilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What bounds the processes of a container, root's too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Privileges {
    /// What root has; others have none.
    pub bounding: Capabilities,
    /// Set-user-id programs give nothing.
    pub no_new: bool,
    /// A system call filter is at work. It forbids nothing that programs here do.
    pub filtered: bool,
}

impl Privileges {
    /// Those of the host's processes.
    pub const HOST: Privileges = Privileges { bounding: Capabilities::ALL, no_new: false, filtered: false };
}

//! Addresses of a node's pods: given out in order, a freed one only after all others had their turn.

use std::{cell::RefCell, collections::BTreeSet, net::Ipv4Addr};

/// The pool of one node's pod CIDR.
pub struct Ipam {
    base: u32,
    pub prefix: u8,
    state: RefCell<(u32, BTreeSet<u32>)>,
}

impl Ipam {
    /// `cidr`: `10.244.1.0/24`; a /31 has room for no pod. `None` if it isn't an IPv4 network.
    pub fn new(cidr: &str) -> Option<Ipam> {
        let (address, prefix) = cidr.split_once('/')?;
        let prefix: u8 = prefix.parse().ok().filter(|p| (1..=31).contains(p))?;
        let address: Ipv4Addr = address.parse().ok()?;
        let base = u32::from(address) & (u32::MAX << (32 - prefix));
        Some(Ipam { base, prefix, state: RefCell::new((2, BTreeSet::new())) })
    }

    /// The node's own address in it.
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1)
    }

    /// The first and last address that pods can have.
    pub fn range(&self) -> (Ipv4Addr, Ipv4Addr) {
        (self.gateway(), Ipv4Addr::from(self.base + self.last()))
    }

    fn last(&self) -> u32 {
        (1u32 << (32 - self.prefix)) - 2
    }

    /// The next free address.
    pub fn take(&self) -> Option<Ipv4Addr> {
        let (next, used) = &mut *self.state.borrow_mut();
        let last = self.last();
        for _ in 2..=last {
            let candidate = *next;
            *next = if candidate >= last { 2 } else { candidate + 1 };
            if used.insert(candidate) {
                return Some(Ipv4Addr::from(self.base + candidate));
            }
        }
        None
    }

    pub fn free(&self, address: Ipv4Addr) {
        self.state.borrow_mut().1.remove(&u32::from(address).wrapping_sub(self.base));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_in_order_and_wrap() {
        let ipam = Ipam::new("10.244.1.7/29").expect("a network");
        let take = || ipam.take().map(|a| a.to_string());
        let some = |a: &str| Some(a.to_string());
        assert_eq!(ipam.gateway().to_string(), "10.244.1.1");
        assert_eq!([take(), take()], [some("10.244.1.2"), some("10.244.1.3")]);
        ipam.free(Ipv4Addr::new(10, 244, 1, 2));
        assert_eq!([take(), take(), take()], [some("10.244.1.4"), some("10.244.1.5"), some("10.244.1.6")]);
        assert_eq!([take(), take()], [some("10.244.1.2"), None]);
        assert!(Ipam::new("10.244.1.0/32").is_none() && Ipam::new("fd00::/64").is_none());
    }
}

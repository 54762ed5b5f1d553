//! IP addresses and ranges, as strictly as new objects are held to them (`StrictIPCIDRValidation`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::api::field::{Errors, Path};

/// An address as Go once read it: the numbers of IPv4 may begin with zeros.
fn sloppy(address: &str) -> Option<IpAddr> {
    let (head, tail) = match address.rfind(':') {
        Some(colon) if address[colon..].contains('.') => address.split_at(colon + 1),
        Some(_) => return address.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => ("", address),
    };
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.trim_start_matches('0')).map(|rest| if rest.is_empty() { "0" } else { rest }.to_string())
    };
    let numbers: Vec<String> = tail.split('.').map(number).collect::<Option<_>>()?;
    let tail = numbers.join(".");
    if head.is_empty() {
        return tail.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    }
    format!("{head}{tail}").parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

/// The address, where there is nothing wrong with it (`IsValidIPForLegacyField`).
pub fn ip(errors: &mut Errors, address: &str, path: &Path) -> Option<IpAddr> {
    let Some(parsed) = sloppy(address) else {
        errors.invalid(path, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
        return None;
    };
    if errors.options.legacy_addresses {
        return Some(parsed);
    }
    if address.parse::<IpAddr>().is_err() {
        errors.invalid(path, address, "must not have leading 0s");
        return None;
    }
    if is_mapped(parsed) {
        errors.invalid(path, address, "must not be an IPv4-mapped IPv6 address");
        return None;
    }
    Some(parsed)
}

/// A range, where it is one at all (`IsValidCIDRForLegacyField`): an address in it, and its length.
pub fn cidr(errors: &mut Errors, range: &str, path: &Path) -> Option<(IpAddr, u32)> {
    let split = range.split_once('/').and_then(|(address, length)| {
        let digits = !length.is_empty() && length.len() < 9 && length.bytes().all(|byte| byte.is_ascii_digit());
        let (parsed, bits) = (sloppy(address)?, length.parse::<u32>().ok().filter(|_| digits)?);
        (bits <= if parsed.is_ipv4() { 32 } else { 128 }).then_some((address, length, parsed, bits))
    });
    let Some((address, length, parsed, bits)) = split else {
        errors.invalid(path, range, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
        return None;
    };
    if errors.options.legacy_addresses {
        return Some((parsed, bits));
    }
    let beyond = match parsed {
        IpAddr::V4(v4) => v4.to_bits().checked_shl(bits).unwrap_or(0) != 0,
        IpAddr::V6(v6) => v6.to_bits().checked_shl(bits).unwrap_or(0) != 0,
    };
    if address.parse::<IpAddr>().is_err() || (length.len() > 1 && length.starts_with('0')) {
        errors.invalid(path, range, "must not have leading 0s in IP or prefix length");
    } else if is_mapped(parsed) {
        errors.invalid(path, range, "must not have an IPv4-mapped IPv6 address");
    } else if beyond {
        errors.invalid(path, range, "must not have bits set beyond the prefix length");
    }
    Some((parsed, bits))
}

/// An address where traffic can go (`ValidateEndpointIP`).
pub fn endpoint(errors: &mut Errors, parsed: IpAddr, address: &str, path: &Path) {
    let parsed = parsed.to_canonical();
    if parsed.is_unspecified() {
        errors.invalid(path, address, &format!("may not be unspecified ({address})"));
    }
    let (local, local_multicast) = match parsed {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.segments()[0] & 0xffc0 == 0xfe80, v6.segments()[0] & 0xff0f == 0xff02),
    };
    if parsed.is_loopback() {
        errors.invalid(path, address, "may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    if local {
        errors.invalid(path, address, "may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if local_multicast {
        errors.invalid(path, address, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong<T>(check: impl Fn(&mut Errors) -> T) -> String {
        let mut errors = Errors::new();
        check(&mut errors);
        errors.texts().join("; ")
    }

    #[test]
    fn addresses() {
        let cases = [
            ("10.0.0.1", ""),
            ("fd00::1", ""),
            ("FD00:0::1", ""),
            ("010.0.0.1", "ip: Invalid value: \"010.0.0.1\": must not have leading 0s"),
            ("::ffff:1.2.3.4", "ip: Invalid value: \"::ffff:1.2.3.4\": must not be an IPv4-mapped IPv6 address"),
            ("10.0.0", "ip: Invalid value: \"10.0.0\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        ];
        for (address, expected) in cases {
            assert_eq!(wrong(|errors| ip(errors, address, &Path::root("ip"))), expected, "{address}");
        }
    }

    #[test]
    fn ranges() {
        let cases = [
            ("10.0.0.0/8", ""),
            ("fd00::/64", ""),
            ("0.0.0.0/0", ""),
            ("10.0.0.0/08", "must not have leading 0s in IP or prefix length"),
            ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
            ("::ffff:1.2.3.0/120", "must not have an IPv4-mapped IPv6 address"),
            ("10.0.0.0/33", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
            ("10.0.0.0", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
        ];
        for (range, expected) in cases {
            let expected =
                if expected.is_empty() { "".into() } else { format!("r: Invalid value: \"{range}\": {expected}") };
            assert_eq!(wrong(|errors| cidr(errors, range, &Path::root("r"))), expected, "{range}");
        }
    }
}

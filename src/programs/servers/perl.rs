//! Perl as far as the Kubernetes documentation's Job needs it: `perl -Mbignum=bpi -wle "print bpi(2000)"`. The language
//! is not simulated.

use std::time::Duration;

use crate::{os::Proc, programs::util};

/// Said if the image's environment doesn't tell.
const VERSION: &str = "5.36.0";
/// More digits would take minutes of the page's time.
const MAX_DIGITS: usize = 10_000;

pub async fn main(proc: Proc) -> i32 {
    let argv = proc.argv();
    let words: Vec<&str> = argv.iter().skip(1).map(String::as_str).collect();
    let print = |words: &[&str]| {
        let (option, script) = words.split_first()?;
        let digits = script.first()?.trim().trim_end_matches(';').strip_prefix("print bpi(")?.strip_suffix(')')?;
        (option.starts_with('-') && option.ends_with('e')).then(|| digits.parse::<usize>().ok())?
    };
    match words[..] {
        ["-v" | "--version", ..] => {
            let version = proc.env("PERL_VERSION").unwrap_or_else(|| VERSION.into());
            let text = format!("\nThis is perl 5, version {version} built for x86_64-linux-gnu\n");
            util::done(proc.print(&text).await)
        }
        ["-Mbignum=bpi", ref rest @ ..] if print(rest).is_some_and(|digits| (1..=MAX_DIGITS).contains(&digits)) => {
            let digits = print(rest).unwrap_or(1);
            // What it takes on a usual machine: about 4 s for 2000 digits, and growing with their square.
            let micros = u64::try_from(digits * digits).unwrap_or(u64::MAX);
            proc.charge(Duration::from_micros(micros)).await;
            util::done(proc.print(&format!("{}\n", pi(digits))).await)
        }
        _ => {
            util::fail(&proc, 2, "perl: Perl is not simulated; only 'perl -Mbignum=bpi -wle \"print bpi(N)\"' runs")
                .await
        }
    }
}

/// So many significant digits of pi, the last one rounded, by Rabinowitz and Wagon's spigot.
fn pi(digits: usize) -> String {
    // Three more than asked for, to round by.
    let wanted = digits + 3;
    let mut remainders = vec![2_u64; wanted * 10 / 3 + 2];
    let mut found: Vec<u8> = Vec::with_capacity(wanted + 1);
    for _ in 0..=wanted {
        let mut carry = 0;
        for at in (1..remainders.len()).rev() {
            let weight = u64::try_from(at).unwrap_or(1);
            let sum = remainders[at] * 10 + carry;
            remainders[at] = sum % (2 * weight + 1);
            carry = sum / (2 * weight + 1) * weight;
        }
        let sum = remainders[0] * 10 + carry;
        remainders[0] = sum % 10;
        // A digit may come out as 10, which is a one for the digits before it.
        let digit = u8::try_from(sum / 10).unwrap_or(0);
        add(&mut found, digit / 10);
        found.push(digit % 10);
    }
    // The spigot's first digit is the 0 before 3.
    let mut found: Vec<u8> = found.into_iter().skip_while(|digit| *digit == 0).collect();
    let up = found.get(digits).is_some_and(|digit| *digit >= 5);
    found.truncate(digits);
    add(&mut found, up.into());
    let text: String = found.iter().map(|digit| char::from(b'0' + digit)).collect();
    if digits == 1 { text } else { format!("{}.{}", &text[..1], &text[1..]) }
}

/// Adds to the last digit, with carry.
fn add(digits: &mut [u8], mut carry: u8) {
    for digit in digits.iter_mut().rev() {
        if carry == 0 {
            return;
        }
        *digit += carry;
        carry = *digit / 10;
        *digit %= 10;
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits() {
        for (count, expected) in
            [(1, "3"), (2, "3.1"), (5, "3.1416"), (50, "3.1415926535897932384626433832795028841971693993751")]
        {
            assert_eq!(super::pi(count), expected, "{count}");
        }
        // The Feynman point: six nines from the 762nd decimal on.
        assert_eq!(&super::pi(800)[763..769], "999999");
    }
}

//! true, false, test, yes and seq.

use std::time::Duration;

use crate::{
    os::Proc,
    programs::{
        Context, Flavour,
        sh::{self},
        util::{self, Args, Out},
    },
};

pub async fn true_(_proc: Proc) -> i32 {
    0
}

pub async fn false_(_proc: Proc) -> i32 {
    1
}

pub async fn test(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let dialect = if ctx.flavour == Flavour::Busybox { sh::Dialect::Ash } else { sh::Dialect::Bash };
    match sh::test::run(&proc, &argv, dialect) {
        Ok(value) => i32::from(!value),
        Err(error) => util::fail(&proc, 2, &format!("{}: {}", util::program_name(&proc), error.message(dialect))).await,
    }
}

pub async fn yes(proc: Proc) -> i32 {
    let argv = proc.argv();
    let word = if argv.len() > 1 { argv[1..].join(" ") } else { "y".to_string() };
    let line = word + "\n";
    let chunk = line.repeat((8192 / line.len()).max(1));
    loop {
        if util::write_out(&proc, chunk.as_bytes()).await.is_err() {
            return 1;
        }
    }
}

pub async fn seq(proc: Proc, ctx: Context) -> i32 {
    let argv = proc.argv();
    let mut separator = "\n".to_string();
    let (mut equal, mut format, mut numbers) = (false, None, Vec::new());
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-s" => separator = args.next().cloned().unwrap_or_default(),
            "-w" => equal = true,
            "-f" => format = args.next().cloned(),
            _ if arg.starts_with("-s") => separator = arg[2..].to_string(),
            _ => numbers.push(arg.clone()),
        }
    }
    let parsed: Option<Vec<f64>> = numbers.iter().map(|text| text.parse().ok()).collect();
    let Some(parsed) = parsed else {
        let bad = numbers.iter().find(|text| text.parse::<f64>().is_err()).cloned().unwrap_or_default();
        let text = match ctx.flavour {
            Flavour::Gnu => {
                format!("seq: invalid floating point argument: '{bad}'\nTry 'seq --help' for more information.")
            }
            Flavour::Busybox => format!("seq: invalid number '{bad}'"),
        };
        return util::fail(&proc, 1, &text).await;
    };
    let (first, step, last) = match parsed[..] {
        [last] => (1.0, 1.0, last),
        [first, last] => (first, 1.0, last),
        [first, step, last] => (first, step, last),
        _ => return util::usage(&proc, Args::of(&proc, ctx.flavour).missing_operand(), 1).await,
    };
    if step == 0.0 {
        return util::fail(&proc, 1, "seq: invalid Zero increment value: '0'\nTry 'seq --help' for more information.")
            .await;
    }
    let decimals = |text: &String| text.split_once('.').map_or(0, |(_, digits)| digits.len());
    let precision = numbers.iter().take(numbers.len().saturating_sub(1).max(1)).map(decimals).max().unwrap_or(0);
    let show = |value: f64| format!("{value:.precision$}");
    let width = if equal { show(first).len().max(show(last).len()) } else { 0 };
    let mut out = Out::new(&proc);
    let mut i = 0_u64;
    loop {
        let value = first + step * i as f64;
        if (step > 0.0 && value > last + step.abs() * 1e-9) || (step < 0.0 && value < last - step.abs() * 1e-9) {
            break;
        }
        if i > 0 && out.write(separator.as_bytes()).await.is_err() {
            return 1;
        }
        let text = match &format {
            Some(format) => util::text(sh::echo::printf(format, &[value.to_string()], sh::Dialect::Bash).output),
            None if value < 0.0 && equal => format!("-{:0>1$}", show(-value), width - 1),
            None => format!("{:0>width$}", show(value)),
        };
        if out.write(text.as_bytes()).await.is_err() {
            return 1;
        }
        i += 1;
        if i.is_multiple_of(1000) {
            proc.charge(Duration::from_micros(100)).await;
        }
    }
    if i > 0 && out.write(b"\n").await.is_err() {
        return 1;
    }
    out.finish(0).await
}

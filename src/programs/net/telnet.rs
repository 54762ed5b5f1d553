//! telnet, as inetutils' and as busybox': a connection with a terminal's line discipline on this side. No options are
//! negotiated: servers here are none that would.

use super::{ip::address, sockets::service};
use crate::{
    os::Proc,
    programs::{Context, Flavour, util},
    sim::{Either, race},
};

const BUSYBOX_USAGE: &str = "
Usage: telnet [-a] [-l USER] HOST [PORT]

Connect to telnet server

\t-a\tAutomatic login with $USER variable
\t-l USER\tAutomatic login as USER
";

const PORT: u16 = 23;

pub async fn main(proc: Proc, ctx: Context) -> i32 {
    let busybox = ctx.flavour == Flavour::Busybox;
    let argv = proc.argv();
    let mut operands = Vec::new();
    let mut args = argv.iter().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-a" | "-E" | "-8" | "-K" | "-4" | "-6" => {}
            "-l" => {
                args.next();
            }
            option if option.starts_with('-') && option.len() > 1 => {
                let option = option.chars().nth(1).unwrap_or('-');
                let hint = match busybox {
                    true => ctx.banner() + BUSYBOX_USAGE,
                    false => "Try 'telnet --help' or 'telnet --usage' for more information.\n".to_string(),
                };
                util::ignore(proc.eprint(&format!("telnet: invalid option -- '{option}'\n{hint}")).await);
                return if busybox { 1 } else { 64 };
            }
            operand => operands.push(operand.to_string()),
        }
    }
    let Some(host) = operands.first() else {
        let text = if busybox { ctx.banner() + BUSYBOX_USAGE } else { "telnet: commands are not simulated\n".into() };
        util::ignore(proc.eprint(&text).await);
        return 1;
    };
    let number = |text: &str| text.parse().ok().or_else(|| (1..=u16::MAX).find(|port| service(*port) == Some(text)));
    let shown = operands.get(1).cloned().unwrap_or_else(|| "telnet".to_string());
    let Some(port) = operands.get(1).map_or(Some(PORT), |text| number(text)) else {
        let text = match busybox {
            true => format!("telnet: bad port '{shown}'"),
            false => format!("Server lookup failure:  {host}:{shown}, Servname not supported for ai_socktype"),
        };
        return util::fail(&proc, 1, &text).await;
    };
    let to = match address(&proc, host, port).await {
        Ok(to) => to,
        Err(_) if busybox => return util::fail(&proc, 1, &format!("telnet: bad address '{host}'")).await,
        Err(trouble) => {
            let text = format!("Server lookup failure:  {host}:{shown}, {}", trouble.text());
            return util::fail(&proc, 1, &text).await;
        }
    };
    if !busybox {
        util::ignore(proc.print(&format!("Trying {}...\n", to.ip())).await);
    }
    let stream = match proc.net().connect(Some(&proc), to).await {
        Ok(stream) => stream,
        Err(error) => {
            let text = match busybox {
                true => format!("telnet: can't connect to remote host ({}): {error}", to.ip()),
                false => format!("telnet: Unable to connect to remote host: {error}"),
            };
            return util::fail(&proc, 1, &text).await;
        }
    };
    let greeting = match busybox {
        // Older ones say nothing.
        true if ctx.busybox() < (1, 30) => String::new(),
        true => format!("Connected to {host}\n"),
        false => format!("Connected to {host}.\nEscape character is '^]'.\n"),
    };
    util::ignore(proc.print(&greeting).await);
    let receive = async {
        while let Ok(data) = stream.read(64 * 1024).await {
            if data.is_empty() || util::write_out(&proc, &data).await.is_err() {
                break;
            }
        }
    };
    let send = async {
        let stdin = proc.stdin();
        while let Ok(data) = stdin.read(64 * 1024).await {
            if data.is_empty() {
                break;
            }
            // A line ends as NVT has it.
            let mut line = Vec::with_capacity(data.len());
            for byte in data.iter() {
                if *byte == b'\n' {
                    line.push(b'\r');
                }
                line.push(*byte);
            }
            if stream.write_all(&line).await.is_err() {
                break;
            }
        }
        if !busybox {
            stream.shutdown();
            std::future::pending::<()>().await;
        }
    };
    match race(receive, send).await {
        Either::Left(()) => {
            let end = if busybox { "\r\n" } else { ".\n" };
            let text = format!("Connection closed by foreign host{end}");
            match busybox {
                true => util::ignore(proc.print(&text).await),
                false => util::ignore(proc.eprint(&text).await),
            }
            i32::from(busybox)
        }
        Either::Right(()) => 0,
    }
}

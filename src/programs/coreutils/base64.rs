//! base64.

use crate::{
    os::Proc,
    programs::{
        Context,
        util::{self, Arg, Args},
    },
};

pub async fn base64(proc: Proc, ctx: Context) -> i32 {
    let mut args = Args::of(&proc, ctx.flavour);
    let (mut decode, mut wrap, mut path) = (false, 76, "-".to_string());
    loop {
        match args.next() {
            Ok(None) => break,
            Ok(Some(Arg::Short('d' | 'D'))) => decode = true,
            Ok(Some(Arg::Long(name))) if name == "decode" => decode = true,
            Ok(Some(Arg::Short('i'))) => {}
            Ok(Some(Arg::Short('w'))) => wrap = args.value().ok().and_then(|n| n.parse().ok()).unwrap_or(76),
            Ok(Some(Arg::Long(name))) if name == "wrap" => {
                wrap = args.value().ok().and_then(|n| n.parse().ok()).unwrap_or(76);
            }
            Ok(Some(Arg::Value(value))) => path = value,
            Ok(Some(_)) => return util::usage(&proc, args.unknown(), 1).await,
            Err(error) => return util::usage(&proc, error, 1).await,
        }
    }
    let data = match util::open_input(&proc, &path) {
        Ok(file) => file.read_to_end().await,
        Err(error) => Err(error),
    };
    let data = match data {
        Ok(data) => data,
        Err(error) => return util::fail(&proc, 1, &util::open_error(ctx.flavour, "base64", &path, error)).await,
    };
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    if decode {
        let (mut bits, mut count) = (0_u32, 0);
        for byte in data {
            if byte == b'=' || byte.is_ascii_whitespace() {
                continue;
            }
            let Some(value) = LETTERS.iter().position(|c| *c == byte) else {
                util::ignore(util::write_out(&proc, &out).await);
                return util::fail(&proc, 1, "base64: invalid input").await;
            };
            bits = bits << 6 | value as u32;
            count += 6;
            if count >= 8 {
                count -= 8;
                out.push((bits >> count) as u8);
                bits &= (1 << count) - 1;
            }
        }
        return util::done(util::write_out(&proc, &out).await);
    }
    let mut column = 0;
    for chunk in data.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            if wrap > 0 && column == wrap {
                out.push(b'\n');
                column = 0;
            }
            let padding = i > chunk.len();
            out.push(if padding { b'=' } else { LETTERS[(bits >> (18 - 6 * i) & 63) as usize] });
            column += 1;
        }
    }
    if column > 0 && wrap > 0 {
        out.push(b'\n');
    }
    util::done(util::write_out(&proc, &out).await)
}

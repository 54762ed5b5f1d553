//! Asking a mirror for a file: the way there is as real as any other, the file's bytes are in the catalogue already.

use std::time::Duration;

use crate::{
    os::{Errno, Proc},
    programs::net::{
        http::{self, Connection, Request, Url},
        ip,
        resolve::Trouble,
        tls::Stream,
    },
};

/// Bytes a second.
const SPEED: u64 = 12_000_000;
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a file didn't come.
pub enum Failure {
    Resolve(Trouble),
    Connect(Errno),
    TimedOut,
    /// The server answered with this status, or with nothing of use.
    Status(u16, String),
}

/// Fetches `url`, whose file has `size` bytes.
pub async fn fetch(proc: &Proc, url: &str, size: u64) -> Result<(), Failure> {
    let bad = || Failure::Status(400, "Bad Request".into());
    let url = Url::parse(url).map_err(|_| bad())?;
    let to = ip::address(proc, &url.host, url.port).await.map_err(Failure::Resolve)?;
    let sim = proc.sim();
    let connected = sim.timeout(PATIENCE, proc.net().connect(Some(proc), to)).await;
    let tcp = connected.ok_or(Failure::TimedOut)?.map_err(Failure::Connect)?;
    let mut stream = Stream::plain(tcp);
    if url.tls {
        let certificate = stream.client_hello(&url.host).await.map_err(|_| bad())?;
        if certificate.check(&url.host, sim.wall(), None).is_err() || stream.accept_certificate().await.is_err() {
            return Err(bad());
        }
    }
    let mut request = Request::new("GET", &url.target);
    request.headers.add("Host", &url.host);
    let mut connection = Connection::new(stream);
    let asked = http::exchange(proc.net(), sim, Some(proc), &mut connection, &request);
    let response = sim.timeout(PATIENCE, asked).await.ok_or(Failure::TimedOut)?.map_err(|_| bad())?;
    if response.status != 200 {
        return Err(Failure::Status(response.status, response.reason.into_owned()));
    }
    proc.sleep(Duration::from_secs_f64(size as f64 / SPEED as f64)).await;
    Ok(())
}

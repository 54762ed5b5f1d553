//! `kubectl cp` of single files. A real one streams a tar archive through `exec`; here the file's bytes go through
//! `cat`, so a container needs `sh` and `cat` instead of `tar`, and directories are refused.

use std::rc::Rc;

use super::{Args, Ctx, Failure, Outcome, container, exec, fail};
use crate::{
    api::{
        Pod, client,
        client::{ExecOptions, Session},
    },
    os::{Stream, fs::FileType},
};

/// `[[namespace/]pod:]path`; no pod means here.
struct Spec<'a> {
    pod: Option<(Option<&'a str>, &'a str)>,
    path: &'a str,
}

impl Spec<'_> {
    fn parse(text: &str) -> Result<Spec<'_>, Failure> {
        let wrong = || fail("filespec must match the canonical format: [[namespace/]pod:]file/path");
        let Some((pod, path)) = text.split_once(':') else { return Ok(Spec { pod: None, path: text }) };
        let pod = match pod.split('/').collect::<Vec<_>>()[..] {
            [""] => return wrong(),
            [pod] => (None, pod),
            [namespace, pod] => (Some(namespace), pod),
            _ => return wrong(),
        };
        Ok(Spec { pod: Some(pod), path })
    }
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let [from, to] = &args.args[..] else { return fail("source and destination are required") };
    let (from, to) = (Spec::parse(from)?, Spec::parse(to)?);
    if from.pod.is_some() && to.pod.is_some() {
        return fail("one of src or dest must be a local file specification");
    }
    if from.path.is_empty() || to.path.is_empty() {
        return fail("filepath can not be empty");
    }
    match (from.pod, to.pod) {
        (Some(pod), _) => out_of(cx, args, pod, from.path, to.path).await,
        (None, Some(pod)) => into(cx, args, pod, from.path, to.path).await,
        (None, None) => fail("one of src or dest must be a remote file specification"),
    }
}

async fn out_of(cx: &Ctx, args: &Args, pod: (Option<&str>, &str), from: &str, to: &str) -> Outcome {
    let place = Place::find(cx, args, pod).await?;
    if place.run(cx, &["test", "-d", from], None).await?.code == 0 {
        return fail(format!("{from} is a directory: only single files are copied in this laboratory"));
    }
    let ran = place.run(cx, &["cat", from], None).await?;
    if ran.code != 0 {
        return ran.failed(cx).await;
    }
    let to = match cx.proc.stat(to) {
        Ok(stat) if stat.file_type == FileType::Directory => format!("{}/{}", to.trim_end_matches('/'), base(from)),
        _ => to.to_string(),
    };
    match cx.proc.write_file(&to, &ran.stdout).await {
        Ok(()) => Ok(0),
        Err(error) => fail(format!("open {to}: {}", error.text().to_lowercase())),
    }
}

async fn into(cx: &Ctx, args: &Args, pod: (Option<&str>, &str), from: &str, to: &str) -> Outcome {
    let stat = cx.proc.stat(from).map_err(|_| Failure::Message(format!("{from} doesn't exist in local filesystem")))?;
    if stat.file_type == FileType::Directory {
        return fail(format!("{from} is a directory: only single files are copied in this laboratory"));
    }
    let bytes = cx.proc.read_file(from).await;
    let bytes = bytes.map_err(|error| Failure::Message(format!("open {from}: {}", error.text().to_lowercase())))?;
    let place = Place::find(cx, args, pod).await?;
    let mut to = to.to_string();
    if place.run(cx, &["test", "-d", &to], None).await?.code == 0 {
        to = format!("{}/{}", to.trim_end_matches('/'), base(from));
    }
    let ran = place.run(cx, &["sh", "-c", "cat > \"$0\"", &to], Some(bytes)).await?;
    if ran.code == 0 { Ok(0) } else { ran.failed(cx).await }
}

fn base(path: &str) -> &str {
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

/// The container to run commands in.
struct Place {
    pod: Rc<Pod>,
    container: String,
}

/// How a command ended.
struct Ran {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    code: i32,
}

impl Ran {
    async fn failed(self, cx: &Ctx) -> Outcome {
        cx.err(String::from_utf8_lossy(&self.stderr)).await;
        cx.err(format!("command terminated with exit code {}\n", self.code)).await;
        Ok(self.code)
    }
}

impl Place {
    async fn find(cx: &Ctx, args: &Args, (namespace, pod): (Option<&str>, &str)) -> Result<Place, Failure> {
        let pod = client::get::<Pod>(&*cx.client, namespace.unwrap_or(&cx.namespace), pod).await?;
        exec::refuse_completed(&pod, "exec into")?;
        let container = container::choose(cx, &pod, args.get("container"), false).await?;
        Ok(Place { pod, container })
    }

    async fn run(&self, cx: &Ctx, command: &[&str], input: Option<Vec<u8>>) -> Result<Ran, Failure> {
        let options = ExecOptions {
            container: Some(self.container.clone()),
            command: command.iter().map(|word| word.to_string()).collect(),
            stdin: input.is_some(),
            tty: false,
            size: None,
        };
        let (namespace, name) = exec::place(&self.pod);
        let session = cx.client.exec(namespace, name, options).await.map_err(exec::upgrade_failure)?;
        let Session { stdin, mut output, exit, .. } = session;
        if let (Some(stdin), Some(input)) = (stdin, input) {
            // Nobody reads any more: the exit code tells why.
            let _ = stdin.send(input);
        }
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some((stream, data)) = output.recv().await {
            match stream {
                Stream::Stdout => stdout.extend(data),
                Stream::Stderr => stderr.extend(data),
            }
        }
        Ok(Ran { stdout, stderr, code: exec::exit_code(exit.await)? })
    }
}

//! The catalogue's images, run on a simulated machine.

use std::{cell::RefCell, collections::BTreeMap, net::IpAddr, rc::Rc, time::Duration};

use super::{Catalogue, ImageRef, Login, PullTimes, apply_default_tag};
use crate::{
    os::{
        ExitStatus, File, Filesystem, FsImage, IpcNs, Machine, MountNs, Namespaces, NetNs, Network, PidNs, Proc,
        ProgramTable, Signal, SpawnOptions, UtsNs, net::NetEventKind,
    },
    programs::Programs,
    sim::Sim,
};

struct Lab {
    sim: Sim,
    network: Network,
    machine: Machine,
    catalogue: Catalogue,
}

type Captured = Rc<RefCell<Vec<u8>>>;

struct Container {
    proc: Proc,
    namespaces: Namespaces,
    out: Captured,
}

impl Container {
    fn log(&self) -> String {
        String::from_utf8_lossy(&self.out.borrow()).into_owned()
    }

    fn code(&self) -> Option<i32> {
        self.proc.status().map(ExitStatus::code)
    }
}

impl Lab {
    fn new() -> Lab {
        let sim = Sim::new(1, jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_700_000_000));
        let network = Network::new(&sim);
        let root = Filesystem::new("ext4", Rc::new(FsImage::new([])));
        let host = network.namespace("node");
        let machine = Machine::new(&sim, &network, Rc::new(Programs::default()), "node", host, root);
        Lab { sim, network, machine, catalogue: Catalogue::load() }
    }

    fn pod(&self, name: &str, ip: [u8; 4]) -> NetNs {
        let net = self.network.namespace(name);
        let gateway = IpAddr::from([ip[0], ip[1], ip[2], 1]);
        net.add_interface("eth0", ip.into(), 24, Some(gateway)).expect("a free address");
        net.set_unprivileged_port_start(0);
        net
    }

    /// Starts an image as a container runtime does; `args` replace its command.
    fn start(&self, image: &str, pod: &str, net: &NetNs, args: &[&str]) -> Container {
        let image = self.catalogue.resolve(&ImageRef::parse(image).expect("a name")).expect("an image");
        let mnt = MountNs::new(Filesystem::new("overlay", image.fs()), false);
        let namespaces = Namespaces {
            net: net.clone(),
            uts: UtsNs::new(pod),
            ipc: IpcNs::default(),
            pid: PidNs::child_of(&self.machine.namespaces().pid),
            mnt,
        };
        let mut argv = image.config.entrypoint.clone();
        if args.is_empty() {
            argv.extend(image.config.cmd.clone());
        } else {
            argv.extend(args.iter().map(|a| (*a).to_owned()));
        }
        let env = image.config.env.iter().cloned().collect();
        self.spawn(argv, env, image.config.working_dir.clone(), namespaces)
    }

    fn spawn(
        &self,
        argv: Vec<String>,
        env: BTreeMap<String, String>,
        cwd: String,
        namespaces: Namespaces,
    ) -> Container {
        let out = Captured::default();
        let sink = || {
            let out = out.clone();
            File::sink(move |data| out.borrow_mut().extend_from_slice(data))
        };
        let (stdout, stderr) = (sink(), sink());
        let options = SpawnOptions {
            argv,
            env,
            cwd,
            uid: 0,
            gid: 0,
            namespaces: namespaces.clone(),
            stdin: File::null(),
            stdout,
            stderr,
            tty: None,
            cgroup: self.machine.cgroup().child("kubepods"),
            oom_score_adj: 0,
        };
        let proc = self.machine.spawn(options).expect("it starts");
        let container = Container { proc, namespaces, out };
        self.pass(0.1);
        container
    }

    /// Runs a command in a container: output and exit code.
    fn exec(&self, container: &Container, argv: &[&str]) -> (String, i32) {
        let argv = argv.iter().map(|a| (*a).to_owned()).collect();
        let env = BTreeMap::from([("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())]);
        let ran = self.spawn(argv, env, "/".into(), container.namespaces.clone());
        for _ in 0..200 {
            if ran.code().is_some() {
                break;
            }
            self.pass(1.0);
        }
        (ran.log(), ran.code().expect("it ends"))
    }

    fn pass(&self, seconds: f64) {
        self.sim.run_until(self.sim.now() + Duration::from_secs_f64(seconds), 1_000_000);
    }
}

#[test]
fn every_file_of_the_catalogue_can_be_used() {
    let catalogue = Catalogue::empty();
    let programs = Programs::default();
    let mut unknown = BTreeMap::new();
    for (file, text) in super::catalogue::IMAGES {
        catalogue.add(file, text).unwrap_or_else(|error| panic!("{error}"));
    }
    for name in catalogue.names() {
        let image = catalogue.resolve(&ImageRef::parse(&name).expect("a name")).expect("it is there");
        image.fs();
        for (path, program) in image.programs() {
            if programs.get(&program).is_none() {
                unknown.insert(program, format!("{name}: {path}"));
            }
        }
    }
    // It comes with the laboratory, as it asks the cluster.
    unknown.remove("coredns");
    assert_eq!(unknown, BTreeMap::new(), "programs that no table has, and an image that names them");
}

#[test]
fn catalogue_files_are_strict() {
    let rows = [
        ("name: a\ntags: [{tag: [x], size: 1, sise: 2}]", "unknown field `sise`"),
        ("name: a\nnam: b\ntags: []", "unknown field `nam`"),
        ("name: a\nfrom: nothing\ntags: [{tag: [x], size: 1}]", "there is no base layer nothing"),
        ("name: A\ntags: []", "must be lowercase"),
        ("name: a\ntags: [{tag: [x], size: 1, pullSeconds: -1}]", "not a time"),
        ("name: a\nfiles: {x: {content: y}}\ntags: [{tag: [x], size: 1}]", "must be an absolute path"),
        ("name: a\nfiles: {/x: {}}\ntags: [{tag: [x], size: 1}]", "give either"),
    ];
    for (text, message) in rows {
        let error = Catalogue::empty().add("test.yaml", text).expect_err(text).to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn image_names() {
    let digest = format!("sha256:{}", "e3b0c442".repeat(8));
    let hex = "e3b0c442".repeat(8);
    let long_tag = format!("nginx:{}", "a".repeat(129));
    // (name, the full name or the error)
    let rows = [
        ("root", Ok("docker.io/library/root:latest")),
        ("user/repo", Ok("docker.io/user/repo:latest")),
        ("user/repo:tag", Ok("docker.io/user/repo:tag")),
        ("index.docker.io/a", Ok("docker.io/library/a:latest")),
        ("url:5000/repo", Ok("url:5000/repo:latest")),
        ("nginx:1.27", Ok("docker.io/library/nginx:1.27")),
        ("library/nginx", Ok("docker.io/library/nginx:latest")),
        ("gcr.io/a/b:v1", Ok("gcr.io/a/b:v1")),
        ("localhost/x", Ok("localhost/x:latest")),
        ("localhost:5000/x:y", Ok("localhost:5000/x:y")),
        ("registry.k8s.io/pause:3.10", Ok("registry.k8s.io/pause:3.10")),
        ("nginx:LATEST", Ok("docker.io/library/nginx:LATEST")),
        ("a_b", Ok("docker.io/library/a_b:latest")),
        ("10.0.0.1:5000/a", Ok("10.0.0.1:5000/a:latest")),
        ("[::1]:5000/a", Ok("[::1]:5000/a:latest")),
        ("Nginx", Err("invalid reference format: repository name (library/Nginx) must be lowercase")),
        ("NGINX:1", Err("invalid reference format: repository name (library/NGINX) must be lowercase")),
        ("ghcr.io/Owner/img", Err("invalid reference format: repository name (Owner/img) must be lowercase")),
        ("", Err("invalid reference format")),
        ("nginx:", Err("invalid reference format")),
        (":1", Err("invalid reference format")),
        ("nginx@", Err("invalid reference format")),
        (" nginx", Err("invalid reference format")),
        ("nginx ", Err("invalid reference format")),
        ("a b", Err("invalid reference format")),
        ("/a", Err("invalid reference format")),
        ("a/", Err("invalid reference format")),
        ("-a", Err("invalid reference format")),
        ("a___b", Err("invalid reference format")),
        ("a..b", Err("invalid reference format")),
        ("http://nginx", Err("invalid reference format")),
        ("user@host/img", Err("invalid reference format")),
        (&long_tag, Err("invalid reference format")),
        ("nginx@sha256:abcd", Err("invalid reference format")),
    ];
    for (name, expected) in rows {
        let got = ImageRef::parse(name).map(|r| r.to_string()).map_err(|e| e.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{name}");
    }
    let with = |name: &str| ImageRef::parse(&format!("{name}@{digest}")).map(|r| r.to_string());
    assert_eq!(with("root"), Ok(format!("docker.io/library/root@{digest}")));
    assert_eq!(with("url:5000/repo:latest"), Ok(format!("url:5000/repo:latest@{digest}")));
    assert_eq!(
        ImageRef::parse(&hex).map_err(|e| e.to_string()),
        Err(format!("invalid repository name ({hex}), cannot specify 64-byte hexadecimal strings"))
    );
    assert_eq!(apply_default_tag("root").as_deref(), Ok("root:latest"));
    assert_eq!(apply_default_tag("root:tag").as_deref(), Ok("root:tag"));
    assert_eq!(apply_default_tag(&format!("root@{digest}")), Ok(format!("root@{digest}")));
}

#[test]
fn pulls_that_fail() {
    let catalogue = Catalogue::load();
    // (name, what follows `failed to resolve reference "NAME": `, code)
    let rows = [
        ("nginx:nope", "docker.io/library/nginx:nope: not found", "NotFound"),
        (
            "nosuchimage",
            "pull access denied, repository does not exist or may require authorization: server message: \
             insufficient_scope: authorization failed",
            "Unknown",
        ),
        ("registry.k8s.io/nope:1", "registry.k8s.io/nope:1: not found", "NotFound"),
        (
            "foo.example/a/b",
            "failed to do request: Head \"https://foo.example/v2/a/b/manifests/latest\": dial tcp: lookup foo.example on \
             172.18.0.1:53: no such host",
            "Unknown",
        ),
        (
            "localhost:5000/x:1",
            "failed to do request: Head \"http://localhost:5000/v2/x/manifests/1\": dial tcp [::1]:5000: connect: \
             connection refused",
            "Unknown",
        ),
    ];
    for (name, cause, code) in rows {
        let name = ImageRef::parse(name).expect("a name");
        let error = catalogue.resolve(&name).expect_err("it isn't there").to_string();
        let expected = format!(
            "rpc error: code = {code} desc = failed to pull and unpack image \"{name}\": failed to resolve reference \
             \"{name}\": {cause}"
        );
        assert_eq!(error, expected);
    }
}

#[test]
fn private_images() {
    let catalogue = Catalogue::load();
    let login = |username: &str, password: &str| Login { username: username.into(), password: password.into() };
    let (alice, jane, nobody) = (login("alice", "wonderland"), login("janedoe", "xxxxxxxxxxx"), login("x", "y"));
    let denied = "pull access denied, repository does not exist or may require authorization: ";
    let rows = [
        ("registry.example.com/shop/web:1.0", None, format!("{denied}authorization failed: no basic auth credentials")),
        (
            "registry.example.com/shop/web:1.0",
            Some(&nobody),
            "unexpected status from HEAD request to https://registry.example.com/v2/shop/web/manifests/1.0: 401 \
             Unauthorized"
                .into(),
        ),
        ("registry.example.com/shop/web:1.0", Some(&alice), String::new()),
        ("janedoe/jdoe-private:v1", None, format!("{denied}server message: insufficient_scope: authorization failed")),
        (
            "janedoe/jdoe-private:v1",
            Some(&nobody),
            "failed to authorize: failed to fetch oauth token: unexpected status from GET request to \
             https://auth.docker.io/token?scope=repository%3Ajanedoe%2Fjdoe-private%3Apull&service=registry.docker.io: \
             401 Unauthorized"
                .into(),
        ),
        ("janedoe/jdoe-private:v1", Some(&jane), String::new()),
        ("nginx", Some(&jane), String::new()),
        ("registry.k8s.io/pause:3.8", Some(&nobody), String::new()),
    ];
    for (name, login, cause) in rows {
        let name = ImageRef::parse(name).expect("a name");
        let said = catalogue.pull(&name, login).err().map(|error| error.message).unwrap_or_default();
        assert_eq!(said.split_once(&format!("reference \"{name}\": ")).map_or("", |(_, cause)| cause), cause, "{name}");
    }
    assert!(!super::pull::registries().is_empty());
}

#[test]
fn pulls_take_time_by_size() {
    let catalogue = Catalogue::load();
    let time = |name: &str, times: PullTimes| {
        let image = catalogue.resolve(&ImageRef::parse(name).expect("a name")).expect("an image");
        times.of(&image).as_secs_f64()
    };
    let usual = PullTimes::default();
    assert!((3.0..4.5).contains(&time("luksa/kubia:1.0", usual)));
    assert!(time("busybox", usual) < 0.5);
    assert_eq!(time("busybox", PullTimes { fixed: Some(Duration::from_millis(1200)), ..usual }), 1.2);
}

#[test]
fn one_image_by_tag_and_digest() {
    let catalogue = Catalogue::load();
    let get = |name: &str| catalogue.resolve(&ImageRef::parse(name).expect("a name")).expect("an image");
    let image = get("luksa/kubia:1.0");
    assert!(Rc::ptr_eq(&image, &get("docker.io/luksa/kubia:1.0")));
    assert!(Rc::ptr_eq(&image.fs(), &image.fs()));
    assert_eq!(get(&image.image_id()).digest, image.digest);
    assert_eq!(get("luksa/kubia").digest, image.digest);
    assert_ne!(get("luksa/kubia:1.1").digest, image.digest);
}

const KUBIA_STARTED: &str = "Kubia server starting...\nLocal hostname is kubia-http\nListening on port 8080\n";

#[test]
fn kubia_answers_other_pods() {
    let lab = Lab::new();
    let server = lab.start("luksa/kubia:1.0", "kubia-http", &lab.pod("kubia-http", [10, 244, 1, 4]), &[]);
    let client = lab.start("luksa/kubia:1.0", "client", &lab.pod("client", [10, 244, 2, 4]), &[]);
    let (out, code) = lab.exec(&client, &["curl", "-s", "http://10.244.1.4:8080"]);
    assert_eq!((out.as_str(), code), ("Hey there, this is kubia-http. Your IP is ::ffff:10.244.2.4. \n", 0));
    let expected = format!("{KUBIA_STARTED}Received request for / from ::ffff:10.244.2.4\n");
    assert_eq!(server.log(), expected);
    let (out, code) = lab.exec(&server, &["bash", "-c", "curl -s localhost:8080/x"]);
    assert_eq!((out.as_str(), code), ("Hey there, this is kubia-http. Your IP is ::1. \n", 0));
    // Process 1 has no handler for SIGTERM.
    lab.machine.kill(&server.proc, Signal::TERM);
    lab.pass(1.0);
    assert_eq!(server.code(), None);
}

#[test]
fn kubia_1_1_ends_on_sigterm() {
    let lab = Lab::new();
    let server = lab.start("luksa/kubia:1.1", "kubia-http", &lab.pod("kubia-http", [10, 244, 1, 4]), &[]);
    lab.machine.kill(&server.proc, Signal::TERM);
    lab.pass(0.1);
    let expected = format!("{KUBIA_STARTED}Received SIGTERM. Server shutting down...\n");
    assert_eq!((server.log(), server.code()), (expected, Some(0)));
}

#[test]
fn a_taken_port_ends_node() {
    let lab = Lab::new();
    let net = lab.pod("kubia-http", [10, 244, 1, 4]);
    let _first = lab.start("luksa/kubia:1.0", "kubia-http", &net, &[]);
    let second = lab.start("luksa/kubia:1.0", "kubia-http", &net, &[]);
    let log = second.log();
    assert!(log.starts_with(&format!("{KUBIA_STARTED}events.js:292\n      throw er; // Unhandled 'error' event\n")));
    assert!(log.contains("\nError: listen EADDRINUSE: address already in use :::8080\n"));
    assert!(log.ends_with("  syscall: 'listen',\n  address: '::',\n  port: 8080\n}\n"), "{log}");
    assert_eq!(second.code(), Some(1));
}

#[test]
fn envoy_ends_tls_before_kubia() {
    let lab = Lab::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let tap = seen.clone();
    lab.network.set_tap(move |event| {
        if let NetEventKind::Request { .. } | NetEventKind::Response { .. } = &event.kind {
            tap.borrow_mut().push(format!("{}: {:?}", event.from_ns, event.kind));
        }
    });
    let net = lab.pod("kubia-ssl", [10, 244, 2, 4]);
    let kubia = lab.start("luksa/kubia:1.0", "kubia-ssl", &net, &[]);
    let envoy = lab.start("luksa/kubia-ssl-proxy:1.0", "kubia-ssl", &net, &[]);
    let client = lab.start("luksa/kubia:1.0", "client", &lab.pod("client", [10, 244, 1, 9]), &[]);
    let get = |argv: &[&str]| lab.exec(&client, argv);

    let (out, code) = get(&["curl", "-sk", "https://10.244.2.4:8443/a"]);
    assert_eq!((out.as_str(), code), ("Hey there, this is kubia-ssl. Your IP is ::ffff:127.0.0.1. \n", 0));
    assert!(kubia.log().ends_with("Received request for /a from ::ffff:127.0.0.1\n"));
    assert_eq!(
        *seen.borrow(),
        [
            "client: Request { method: \"GET\", path: \"/a\", tls: true }",
            "kubia-ssl: Request { method: \"GET\", path: \"/a\", tls: false }",
            "kubia-ssl: Response { method: \"GET\", path: \"/a\", status: 200 }",
            "client: Response { method: \"GET\", path: \"/a\", status: 200 }",
        ]
    );
    let (out, code) = get(&["curl", "-ski", "https://10.244.2.4:8443"]);
    let headers: Vec<&str> = out.lines().map(|l| l.split(':').next().unwrap_or_default()).take(5).collect();
    assert_eq!(headers, ["HTTP/1.1 200 OK", "date", "x-envoy-upstream-service-time", "server", "transfer-encoding"]);
    assert_eq!(code, 0);

    let (out, code) = get(&["curl", "-sS", "https://10.244.2.4:8443"]);
    let refused = "curl: (60) SSL certificate problem: self-signed certificate\n\
                   More details here: https://curl.se/docs/sslcerts.html\n\n\
                   curl failed to verify the legitimacy of the server and therefore could not\n\
                   establish a secure connection to it. To learn more about this situation and\n\
                   how to fix it, please visit the web page mentioned above.\n";
    assert_eq!((out.as_str(), code), (refused, 60));

    for (url, text, code) in [
        ("http://10.244.2.4:8443", "curl: (52) Empty reply from server\n", 52),
        (
            "https://10.244.2.4:8080",
            "curl: (35) OpenSSL/3.0.16: error:0A00010B:SSL routines::wrong version number\n",
            35,
        ),
        (
            "http://10.244.2.4:1234",
            "curl: (7) Failed to connect to 10.244.2.4 port 1234 after 0 ms: Couldn't connect to server\n",
            7,
        ),
        ("http://foo", "curl: (6) Could not resolve host: foo\n", 6),
        ("http://10.244.2.4:9901/ready", "LIVE\n", 0),
        ("http://10.244.2.4:9901/listeners", "listener_0::0.0.0.0:8443\n", 0),
    ] {
        assert_eq!(get(&["curl", "-sSk", url]), (text.to_owned(), code), "{url}");
    }
    assert!(get(&["curl", "-s", "http://10.244.2.4:9901/"]).0.contains("<title>Envoy Admin</title>"));

    get(&["curl", "-s", "-X", "POST", "http://10.244.2.4:9901/healthcheck/fail"]);
    let ready = get(&["curl", "-s", "-w", "%{http_code}", "http://10.244.2.4:9901/ready"]);
    assert_eq!(ready.0, "DRAINING\n503");

    lab.machine.kill(&kubia.proc, Signal::KILL);
    lab.pass(1.0);
    let (out, _) = get(&["curl", "-sk", "https://10.244.2.4:8443"]);
    let down = "upstream connect error or disconnect/reset before headers. reset reason: connection failure";
    assert_eq!(out, down);

    lab.machine.kill(&envoy.proc, Signal::TERM);
    lab.pass(0.1);
    assert_eq!(envoy.code(), Some(0));
    let log = envoy.log();
    for text in ["initializing epoch 0", "admin address: 0.0.0.0:9901", "starting main dispatch loop", "caught SIGTERM"]
    {
        assert!(log.contains(text), "{text}: {log}");
    }
}

#[test]
fn a_taken_port_ends_envoy() {
    let lab = Lab::new();
    let net = lab.pod("kubia-ssl", [10, 244, 2, 4]);
    let _first = lab.start("luksa/kubia-ssl-proxy:1.0", "kubia-ssl", &net, &[]);
    let second = lab.start("luksa/kubia-ssl-proxy:1.0", "kubia-ssl", &net, &[]);
    assert_eq!(second.code(), Some(1));
    assert!(
        second.log().ends_with("exiting\ncannot bind '0.0.0.0:9901': Address already in use\n"),
        "{}",
        second.log()
    );
}

#[test]
fn init_demo_counts_its_steps() {
    let lab = Lab::new();
    let net = lab.pod("kubia-init", [10, 244, 1, 4]);
    let started = lab.sim.now();
    let demo = lab.start("luksa/init-demo:1.0", "kubia-init", &net, &["2"]);
    while demo.code().is_none() {
        lab.pass(0.1);
    }
    let expected = "Initialization started...\nPerforming initialization procedure 1/2\n\
                    Performing initialization procedure 2/2\nInitialization complete!\n";
    assert_eq!((demo.log().as_str(), demo.code()), (expected, Some(0)));
    assert!((2.0..2.2).contains(&lab.sim.now().since(started).as_secs_f64()));
}

#[test]
fn agnhost_liveness_fails_after_ten_seconds() {
    let lab = Lab::new();
    let net = lab.pod("liveness", [10, 244, 1, 4]);
    let server = lab.start("registry.k8s.io/e2e-test-images/agnhost:2.40", "liveness", &net, &["liveness"]);
    let client = lab.start("luksa/kubia:1.0", "client", &lab.pod("client", [10, 244, 2, 4]), &[]);
    let status = || lab.exec(&client, &["curl", "-s", "-w", " %{http_code}", "10.244.1.4:8080/healthz"]).0;
    assert_eq!(status(), "ok 200");
    lab.pass(11.0);
    assert!(status().ends_with(" 500"));
    assert_eq!(server.code(), None);
}

const NGINX_ENTRYPOINT: &str = "\
/docker-entrypoint.sh: /docker-entrypoint.d/ is not empty, will attempt to perform configuration
/docker-entrypoint.sh: Looking for shell scripts in /docker-entrypoint.d/
/docker-entrypoint.sh: Launching /docker-entrypoint.d/10-listen-on-ipv6-by-default.sh
10-listen-on-ipv6-by-default.sh: info: Getting the checksum of /etc/nginx/conf.d/default.conf
10-listen-on-ipv6-by-default.sh: info: Enabled listen on IPv6 in /etc/nginx/conf.d/default.conf
/docker-entrypoint.sh: Sourcing /docker-entrypoint.d/15-local-resolvers.envsh
/docker-entrypoint.sh: Launching /docker-entrypoint.d/20-envsubst-on-templates.sh
/docker-entrypoint.sh: Launching /docker-entrypoint.d/30-tune-worker-processes.sh
/docker-entrypoint.sh: Configuration complete; ready for start up
";

#[test]
fn nginx_serves_its_files() {
    let lab = Lab::new();
    let nginx = lab.start("nginx", "web", &lab.pod("web", [10, 244, 1, 4]), &[]);
    let client = lab.start("luksa/kubia:1.0", "client", &lab.pod("client", [10, 244, 2, 4]), &[]);
    let log = nginx.log();
    assert!(log.starts_with(NGINX_ENTRYPOINT), "{log}");
    let notices = &log[NGINX_ENTRYPOINT.len()..];
    let texts: Vec<&str> = notices.lines().filter_map(|l| Some(l.split_once(": ")?.1)).collect();
    assert_eq!(texts[..2], ["using the \"epoll\" event method", "nginx/1.29.1"]);
    assert_eq!(texts.iter().filter(|t| t.starts_with("start worker process ")).count(), 4);

    let get = |argv: &[&str]| lab.exec(&client, argv);
    let (page, code) = get(&["curl", "-s", "10.244.1.4"]);
    assert!(page.contains("<h1>Welcome to nginx!</h1>") && code == 0, "{page}");
    let not_found = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
                     <center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx/1.29.1</center>\r\n</body>\r\n</html>\r\n";
    assert_eq!(get(&["curl", "-s", "10.244.1.4/nope"]).0, not_found);
    let log = nginx.log();
    let lines: Vec<&str> = log.lines().rev().take(3).collect();
    assert!(lines[2].starts_with("10.244.2.4 - - [14/Nov/2023:22:13:2"), "{}", lines[2]);
    assert!(lines[2].ends_with("+0000] \"GET / HTTP/1.1\" 200 369 \"-\" \"curl/7.88.1\" \"-\""), "{}", lines[2]);
    let failed = "open() \"/usr/share/nginx/html/nope\" failed (2: No such file or directory), client: 10.244.2.4, server: \
                  localhost, request: \"GET /nope HTTP/1.1\", host: \"10.244.1.4\"";
    assert!(lines[1].ends_with(failed), "{}", lines[1]);

    assert_eq!(
        lab.exec(&nginx, &["sh", "-c", "echo hello > /usr/share/nginx/html/x.txt; nginx -s quit"]),
        (String::new(), 0)
    );
    lab.pass(0.1);
    assert_eq!(nginx.code(), Some(0));
    let log = nginx.log();
    assert!(log.contains("signal 3 (SIGQUIT) received, shutting down\n"));
    assert!(log.ends_with("1#1: exit\n"));
}

#[test]
fn nginx_replaces_a_worker() {
    let lab = Lab::new();
    let nginx = lab.start("nginx:1.14.2", "web", &lab.pod("web", [10, 244, 1, 4]), &[]);
    assert_eq!(nginx.log(), "");
    let titles = || {
        let seen = lab.machine.processes_seen_from(&nginx.namespaces.pid);
        seen.iter().map(|p| format!("{} {}", p.pid, p.args.join(" "))).collect::<Vec<_>>()
    };
    assert_eq!(titles(), ["1 nginx: master process nginx -g daemon off;", "2 nginx: worker process"]);
    lab.exec(&nginx, &["kill", "-9", "2"]);
    lab.pass(0.1);
    assert_eq!(titles().len(), 2);
    assert!(nginx.log().contains("[alert] 1#1: worker process 2 exited on signal 9\n"), "{}", nginx.log());
    let (page, _) = lab.exec(&nginx, &["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "localhost"]);
    assert_eq!(page, "200");
}

#[test]
fn a_taken_port_ends_nginx() {
    let lab = Lab::new();
    let net = lab.pod("web", [10, 244, 1, 4]);
    let _first = lab.start("nginx:1.14.2", "web", &net, &[]);
    let started = lab.sim.now();
    let second = lab.start("nginx:1.14.2", "web", &net, &[]);
    while second.code().is_none() {
        lab.pass(0.1);
    }
    assert_eq!(second.code(), Some(1));
    assert!((2.0..2.3).contains(&lab.sim.now().since(started).as_secs_f64()), "four waits of half a second");
    let log = second.log();
    let bind = "bind() to 0.0.0.0:80 failed (98: Address already in use)\n";
    assert_eq!(log.matches(&format!("nginx: [emerg] {bind}")).count(), 5, "{log}");
    assert_eq!(log.matches(&format!("1#1: {bind}")).count(), 5);
    assert!(log.ends_with("nginx: [emerg] still could not bind()\n"), "{log}");
}

#[test]
fn nginx_reads_its_configuration_again() {
    let lab = Lab::new();
    let nginx = lab.start("nginx:1.14.2", "web", &lab.pod("web", [10, 244, 1, 4]), &[]);
    let conf = "server { listen 80; listen 8080; location /api { return 200 \"$request_uri of $hostname\\n\"; } location / { \
                root /tmp; } }";
    let script = format!("echo '{conf}' > /etc/nginx/conf.d/default.conf; nginx -t && nginx -s reload");
    let (out, code) = lab.exec(&nginx, &["sh", "-c", &script]);
    let ok = "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n\
              nginx: configuration file /etc/nginx/nginx.conf test is successful\n";
    assert_eq!((out.as_str(), code), (ok, 0));
    lab.pass(0.1);
    for port in ["80", "8080"] {
        let (out, _) = lab.exec(&nginx, &["curl", "-s", &format!("127.0.0.1:{port}/api/x?y")]);
        assert_eq!(out, "/api/x?y of web\n");
    }
    let bad = "echo 'server { listn 80; }' > /etc/nginx/conf.d/default.conf; nginx -t; nginx -s reload";
    let (out, _) = lab.exec(&nginx, &["sh", "-c", bad]);
    let text = "unknown directive \"listn\" in /etc/nginx/conf.d/default.conf:1\n";
    assert!(out.contains(&format!("nginx: [emerg] {text}")), "{out}");
    assert!(out.contains("nginx: configuration file /etc/nginx/nginx.conf test failed\n"), "{out}");
    assert_eq!(lab.exec(&nginx, &["curl", "-s", "127.0.0.1:8080/api/"]).0, "/api/ of web\n");
}

/// Images that the examples of tests/examples name, as Docker's and Kubernetes' tutorials do, one a line; behind `-` those
/// that aren't simulated, with the reason.
const REFERENCES: &str = include_str!("references.txt");

#[test]
fn what_tutorials_name_can_be_pulled() {
    let catalogue = Catalogue::load();
    for line in REFERENCES.lines().filter(|line| !line.starts_with('#')) {
        let (name, reason) = line.split_once(" - ").map_or((line, None), |(name, reason)| (name, Some(reason)));
        let found = ImageRef::parse(name).is_ok_and(|name| catalogue.resolve(&name).is_ok());
        assert_eq!(found, reason.is_none(), "{name}");
    }
}

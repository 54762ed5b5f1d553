//! The kubelet: phase, conditions, statuses, image pulls, environment, restart decisions (b, f, f2, h2, n, o).

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ConfigMap, ContainerRestartRule, ContainerStatus, HostAlias, PodCondition, PodStatus, Secret, Service,
};
use podarium::api::Container;
use podarium::{
    api::{
        ApiClient, Error, Kind, Object, Pod, PodSpec, available,
        client::{
            Answer, Body, DeleteOptions, Deleted, Dial, ExecOptions, List, ListOptions, LogOptions, Patch, Session,
            Subresource, Watch, WriteOptions, Written,
        },
        restart,
    },
    kubelet::{
        actions::KillReason,
        backoff::Backoff,
        credentials::Credential,
        env,
        hosts::{host_network_hosts_file, hostname_and_domain, hosts_file},
        images::{ImageService, PullBackoff, PullLimit, Wanted, ensure},
        kill,
        status::{
            Record, RecordState, Runtime, SandboxRecord,
            conditions::{self, any_regular_started},
            containers, is_terminal,
            phase::phase,
            pod::{Input, ProbeResults, generate},
        },
    },
    registry::{Catalogue, Image, ImageRef},
    sim::{Receiver, Sim, SimTime},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Case, Failure, Outcome, Table, each, same, unknown};

pub fn run(table: &Table) -> Vec<Outcome> {
    each(table, |case| match case.test {
        test if test.starts_with("TestPodPhaseWith") => phases(case),
        "TestGenerateContainersReadyCondition"
        | "TestGeneratePodReadyCondition"
        | "TestGeneratePodInitializedCondition"
        | "TestGeneratePodReadyToStartContainersCondition"
        | "TestGenerateAllContainersRestartingCondition" => condition(case),
        "Test_generateAPIPodStatus" => whole_status(case),
        "TestConvertToAPIContainerStatuses" => container_statuses(case),
        "TestSerializedPuller" | "TestParallelPuller" => pulls(case),
        "TestMakeEnvironmentVariables" => environment(case),
        "TestManagedHostsFileContent" => {
            let text = |key: &str| case.input[key].as_str().unwrap_or_default();
            let (ips, aliases) = (read::<Vec<String>>(&case.input["hostIPs"])?, aliases(case)?);
            let got = hosts_file(&ips, text("hostName"), text("hostDomainName"), &aliases);
            same(got.as_str(), case.expected["expectedContent"].as_str().unwrap_or_default())
        }
        "TestNodeHostsFileContent" => {
            let node = case.input["rawHostsFileContent"].as_str().unwrap_or_default();
            let got = host_network_hosts_file(node, &aliases(case)?);
            same(got.as_str(), case.expected["expectedHostsFileContent"].as_str().unwrap_or_default())
        }
        "TestGeneratePodHostNameAndDomain" => hostname(case),
        "TestGenerateAPIPodStatusPodIPs" | "TestGenerateAPIPodStatusHostNetworkPodIPs" => pod_ips(case),
        "TestFindMatchingContainerRestartRule" => {
            let container: Container = read(&case.input["container"])?;
            let found = restart::matching_rule(&container, exit_code(case)).cloned();
            let expected: Option<ContainerRestartRule> = read(&case.expected["expectedRule"])?;
            same(found, expected.filter(|_| case.expected["expectedFound"] == true))
        }
        "TestIsContainerRestartable" => {
            let (container, spec): (Container, PodSpec) =
                (read(&case.input["container"])?, read(&case.input["podSpec"])?);
            verdict(case, restart::is_restartable(&container, &spec))
        }
        "TestContainerHasRestartablePolicy" => {
            let (container, spec): (Container, PodSpec) =
                (read(&case.input["container"])?, read(&case.input["podSpec"])?);
            verdict(case, restart::restarts_after(&container, &spec, exit_code(case)))
        }
        "TestAllContainersCouldRestart" => verdict(case, restart::may_restart_all(&read(&case.input["podSpec"])?)),
        "TestIsPodAvailable" => {
            let min_ready = read::<Option<i32>>(&case.input["minReadySeconds"])?.unwrap_or(0);
            verdict(case, available::is_available(&read::<Pod>(&case.input["pod"])?, min_ready, now(case)))
        }
        "TestIsPodTerminal" => verdict(case, is_terminal(case.input["podPhase"].as_str())),
        "TestKillContainerGracePeriod" => {
            let pod: Pod = read(&case.input["pod"])?;
            let name = pod.spec.as_ref().and_then(|s| s.containers.first()).map(|c| c.name.clone());
            let reason = match case.input["reason"].as_str().unwrap_or_default() {
                "LivenessProbe" => KillReason::Liveness,
                "StartupProbe" => KillReason::Startup,
                _ => KillReason::Other,
            };
            let got = kill::grace_period(&pod, name.as_deref().unwrap_or_default(), reason);
            same(Some(got), case.expected["expectedGracePeriod"].as_i64())
        }
        "TestDoBackOff" => back_off(case),
        "TestHasAnyActiveRegularContainerStarted" => {
            let status = &case.input["podStatus"];
            let active = Runtime { containers: records(&status["ActiveContainerStatuses"])?, ..runtime(status)? };
            verdict(case, active.any_active_regular(&read(&case.input["spec"])?))
        }
        "TestHasAnyRegularContainerStarted" => {
            let statuses: Option<Vec<ContainerStatus>> = read(&case.input["statuses"])?;
            let got = any_regular_started(&read(&case.input["spec"])?, &statuses.unwrap_or_default());
            same(Some(got), case.expected["expectStarted"].as_bool())
        }
        "TestExpandCommandAndArgs" | "TestExpandContainerCommandAndArgs" => expansion(case),
        test => unknown(test),
    })
}

// ---- reading

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::not_run(error.to_string()))
}

fn verdict(case: Case, got: bool) -> Outcome {
    same(Some(got), case.expected["expected"].as_bool())
}

fn exit_code(case: Case) -> i32 {
    case.input["exitCode"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or(0)
}

fn now(case: Case) -> Timestamp {
    case.all["now"].as_str().and_then(|now| now.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn aliases(case: Case) -> Result<Vec<HostAlias>, Failure> {
    read::<Option<Vec<HostAlias>>>(&case.input["hostAliases"]).map(Option::unwrap_or_default)
}

/// Go's zero time is none.
fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().filter(|text| !text.starts_with("0001-")).and_then(|text| text.parse().ok())
}

/// The kubelet's runtime status, by Go's field names.
fn runtime(status: &Value) -> Result<Runtime, Failure> {
    let sandboxes = status["SandboxStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ready = |sandbox: &Value| sandbox["State"] == 0;
    let sandbox = sandboxes.first().map(|newest| SandboxRecord {
        // Two that are up are one too many.
        ready: ready(newest) && sandboxes.iter().filter(|s| ready(s)).count() == 1,
        ips: newest["Network"]["Ip"].as_str().filter(|ip| !ip.is_empty()).map(String::from).into_iter().collect(),
        ..SandboxRecord::default()
    });
    Ok(Runtime { sandbox, containers: records(&status["ContainerStatuses"])? })
}

fn records(list: &Value) -> Result<Vec<Record>, Failure> {
    let record = |value: &Value| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
        let number = |key: &str| value[key].as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(0);
        let (kind, id) = (text(&value["ID"]["Type"]), text(&value["ID"]["ID"]));
        Ok(Record {
            id: if kind.is_empty() && id.is_empty() { String::new() } else { format!("{kind}://{id}") },
            name: text(&value["Name"]),
            image: text(&value["Image"]).into(),
            image_id: text(&value["ImageRef"]).into(),
            state: match value["State"].as_str() {
                Some("running") => RecordState::Running,
                Some("exited") => RecordState::Exited,
                Some("created") => RecordState::Created,
                Some("unknown") => RecordState::Unknown,
                other => return Err(Failure::not_run(format!("unknown state {other:?}"))),
            },
            started_at: time(&value["StartedAt"]),
            finished_at: time(&value["FinishedAt"]),
            exit_code: number("ExitCode"),
            reason: text(&value["Reason"]),
            message: text(&value["Message"]),
            restart_count: number("RestartCount"),
            ..Record::default()
        })
    };
    list.as_array().into_iter().flatten().map(record).collect()
}

// ---- b, f

fn phases(case: Case) -> Outcome {
    let pod: Pod = read(&case.input["pod"])?;
    let status = pod.status.clone().unwrap_or_default().into_inner();
    let all = [status.container_statuses, status.init_container_statuses];
    let all: Vec<ContainerStatus> = all.into_iter().flatten().flatten().collect();
    let flag = |key: &str| case.input[key].as_bool().unwrap_or(false);
    let got = phase(&pod, &all, flag("podIsTerminal"), flag("podHasInitialized"));
    same(got, case.expected["phase"].as_str().unwrap_or_default())
}

fn condition(case: Case) -> Outcome {
    let input = case.input;
    let spec: Option<PodSpec> = read(&input["spec"])?;
    let spec = spec.unwrap_or_default();
    let statuses: Option<Vec<ContainerStatus>> = read(&input["containerStatuses"])?;
    let word = input["podPhase"].as_str().unwrap_or_default();
    let got = match case.test {
        "TestGenerateContainersReadyCondition" => conditions::containers_ready(&spec, statuses.as_deref(), word),
        "TestGeneratePodReadyCondition" => {
            let others: Option<Vec<PodCondition>> = read(&input["conditions"])?;
            let containers = conditions::containers_ready(&spec, statuses.as_deref(), word);
            conditions::ready(&spec, &others.unwrap_or_default(), &containers)
        }
        "TestGeneratePodInitializedCondition" => conditions::initialized(&spec, statuses.as_deref(), word, false),
        "TestGeneratePodReadyToStartContainersCondition" => {
            let pod: Pod = read(&input["pod"])?;
            let host_network = pod.spec.is_some_and(|spec| spec.host_network == Some(true));
            conditions::ready_to_start(&runtime(&input["status"])?, host_network)
        }
        _ => {
            // The pod of all these cases: `trigger` restarts all at 42.
            let rule = json!({"action": "RestartAllContainers", "exitCodes": {"operator": "In", "values": [42]}});
            let spec: PodSpec = read(&json!({"containers": [
                {"name": "container1"},
                {"name": "trigger", "restartPolicy": "Never", "restartPolicyRules": [rule]},
            ]}))?;
            let told: Option<PodStatus> = read(&input["oldAPIStatus"])?;
            let phase = input["phase"].as_str().unwrap_or_default();
            conditions::all_restarting(&spec, &runtime(&input["podStatus"])?, &told.unwrap_or_default(), phase)
        }
    };
    let expected = if case.expected["expectReady"].is_null() { "expected" } else { "expectReady" };
    let expected = &case.expected[expected];
    // Some of these tests look at type, status and reason alone.
    let parts = |value: &Value| {
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_string();
        let typed = expected["type"].as_str().is_some_and(|t| !t.is_empty());
        let whole = |key: &str| if typed { text(key) } else { String::new() };
        [whole("type"), text("status"), text("reason"), whole("message")]
    };
    let got = serde_json::to_value(got).unwrap_or_default();
    same(parts(&got), parts(expected))
}

// ---- f2

/// Calls every regular container ready.
struct AllReady;

impl ProbeResults for AllReady {
    fn update(&self, status: &mut ContainerStatus) {
        status.ready = true;
    }
}

fn whole_status(case: Case) -> Outcome {
    let input = case.input;
    let pod: Pod = read(&input["pod"])?;
    let old: PodStatus = read(&input["previousStatus"])?;
    let runtime = runtime(&input["currentStatus"])?;
    let got = generate(
        &pod,
        &Input {
            runtime: &runtime,
            old: &old,
            reasons: &containers::Reasons::new(),
            probes: &AllReady,
            host_ips: &["127.0.0.1".to_string(), "::1".to_string()],
            now: now(case),
            pod_ends: input["isPodTerminal"].as_bool().unwrap_or(false),
            evicted: None,
            disruption: None,
            resize: &[],
        },
    );
    let mut got = serde_json::to_value(got).unwrap_or_default();
    let mut expected = case.expected["expected"].clone();
    let list = |value: &mut Value| value["conditions"].as_array_mut().map(std::mem::take).unwrap_or_default();
    let (mut told, mut wanted) = (list(&mut got), list(&mut expected));
    // Which two are given beside the others.
    let network = told.iter().position(|c| c["type"] == "PodReadyToStartContainers").map(|at| told.remove(at));
    let network = network.map(|c| c["status"].clone());
    same(network, Some(case.expected["expectedPodReadyToStartContainersCondition"]["status"].clone()))?;
    if case.expected["expectedPodDisruptionCondition"].is_object() {
        wanted.insert(0, case.expected["expectedPodDisruptionCondition"].clone());
    }
    let parts = |c: &Value| json!([c["type"], c["status"], c["reason"], c["message"]]);
    let all = |list: &[Value]| list.iter().map(parts).collect::<Vec<_>>();
    same(all(&told), all(&wanted))?;
    if input["currentStatus"]["IPs"].is_null() {
        // The sandbox has an address that the pod was not given.
        for key in ["podIP", "podIPs"] {
            got.as_object_mut().map(|got| got.remove(key));
        }
    }
    // Their probes, which tell that an init container has ended well, are dummies.
    for status in [&mut got, &mut expected] {
        for init in status["initContainerStatuses"].as_array_mut().into_iter().flatten() {
            init["ready"] = false.into();
        }
    }
    same(plain(&got), plain(&expected))
}

fn container_statuses(case: Case) -> Outcome {
    let input = case.input;
    let pod: Pod = read(&input["pod"])?;
    let old: Vec<ContainerStatus> = read(&input["previousStatus"])?;
    let list: Vec<Container> = read(&input["containers"])?;
    let flag = |key: &str| input[key].as_bool().unwrap_or(false);
    let (runtime, reasons) = (runtime(&input["currentStatus"])?, containers::Reasons::new());
    let (init, all) = (flag("isInitContainer"), flag("podRestarting"));
    let got = containers::statuses(&pod, &runtime, &old, &list, init, &reasons, all, now(case));
    let mut got = serde_json::to_value(got).unwrap_or_default();
    let expected = &case.expected["expected"];
    for (i, status) in got.as_array_mut().into_iter().flatten().enumerate() {
        // Ids are not looked at where they are not given.
        if let Some(status) = status.as_object_mut().filter(|_| expected[i]["containerID"].is_null()) {
            status.remove("containerID");
        }
    }
    same(plain(&got), plain(expected))
}

/// Without what is empty, and what these tests leave to other parts of the kubelet.
fn plain(value: &Value) -> Value {
    let is_state = |key: &str| ["running", "waiting", "terminated"].contains(&key);
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !["started", "resources", "allocatedResources", "imageID"].contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), plain(value)))
            .filter(|(key, value)| {
                is_state(key) || !(value.is_null() || *value == json!({}) || *value == json!([]) || *value == json!(""))
            })
            .collect(),
        Value::Array(list) => list.iter().map(plain).collect(),
        other => other.clone(),
    }
}

// ---- h2

/// A container runtime as the tests have it.
struct Puller<'a> {
    case: Case<'a>,
    image: Rc<Image>,
    calls: RefCell<Vec<&'static str>>,
    sim: Sim,
    limit: PullLimit,
}

impl Puller<'_> {
    fn error(&self, key: &str) -> Option<String> {
        self.case.input[key]["error"].as_str().map(String::from)
    }
}

impl ImageService for Puller<'_> {
    fn status(&self, image: &ImageRef) -> Result<Option<Rc<Image>>, String> {
        self.calls.borrow_mut().push("GetImageRef");
        match self.error("inspectErr") {
            Some(error) => Err(error),
            None => Ok(image.path.ends_with("present_image").then(|| self.image.clone())),
        }
    }

    fn pull<'a>(
        &'a self,
        _: &'a ImageRef,
        _: &'a [Credential],
    ) -> LocalBoxFuture<'a, Result<(Rc<Image>, Duration), String>> {
        Box::pin(async move {
            self.limit.accept(self.sim.now())?;
            self.calls.borrow_mut().push("PullImage");
            match self.error("pullerErr") {
                Some(error) => Err(error),
                None => {
                    self.calls.borrow_mut().push("GetImageSize");
                    Ok((self.image.clone(), Duration::ZERO))
                }
            }
        })
    }

    fn is_accessible(&self, _: &ImageRef, _: &[Credential]) -> bool {
        // Records of pulls with credentials, by image; without any, everybody may.
        let known = &self.case.input["allowedCredentials"];
        if known.is_null() || known["allowAll"] == true {
            return true;
        }
        let name = self.case.input["containerImage"].as_str().unwrap_or_default();
        let allowed = known["allowedSecrets"][name].as_array().map(Vec::as_slice).unwrap_or_default();
        let has = |secret: &Value| {
            let meta = &secret["metadata"];
            allowed
                .iter()
                .any(|a| a["UID"] == meta["uid"] && a["Name"] == meta["name"] && a["Namespace"] == meta["namespace"])
        };
        // Credentials by accounts come from the registry's own list.
        let accounts = known["allowedServiceAccounts"][name].as_array().map(Vec::as_slice).unwrap_or_default();
        let lists = self.case.input["registryCredentials"].as_object().into_iter().flat_map(|map| map.values());
        let mut given = lists.flat_map(|list| list.as_array().into_iter().flatten());
        let of_account = |credential: &Value| {
            let account = &credential["Source"]["ServiceAccount"];
            account.is_object() && accounts.iter().any(|allowed| allowed == account)
        };
        self.case.input["pullSecrets"].as_array().into_iter().flatten().any(has) || given.any(of_account)
    }
}

fn pulls(case: Case) -> Outcome {
    let input = case.input;
    let container: Container = read(&json!({
        "name": "container_name", "image": input["containerImage"], "imagePullPolicy": input["policy"],
    }))?;
    let wanted = Wanted {
        image: container.image.as_deref().unwrap_or_default(),
        policy: container.image_pull_policy.as_deref(),
        credentials: &[],
    };
    let sim = Sim::new(1, Timestamp::UNIX_EPOCH);
    let busybox = ImageRef::parse("busybox").map_err(|error| Failure::not_run(error.to_string()))?;
    let image = Catalogue::load().resolve(&busybox).map_err(|error| Failure::not_run(error.to_string()))?;
    let number = |key: &str| input[key].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    let limit = PullLimit::new(number("qps"), number("burst"), sim.now());
    let puller = Puller { case, image, calls: RefCell::default(), sim: sim.clone(), limit };
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    let backoff = RefCell::new(PullBackoff::new(backoff));
    let mut got = Vec::new();
    let steps = case.expected["expected"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (i, step) in steps.iter().enumerate() {
        let events = RefCell::new(Vec::new());
        let event = |_, reason: &str, _| events.borrow_mut().push(reason.to_string());
        sim.run_until(SimTime::from_secs_f64(i as f64), u64::MAX);
        let outcome = now_or_never(ensure(&puller, &sim, &backoff, "pod_uid", &wanted, &event))?;
        let (error, message) = outcome.err().unwrap_or_default();
        // An empty message stands for any.
        let message = if step["msg"] == "" { String::new() } else { message };
        let calls = puller.calls.take();
        got.push(json!({"calls": calls, "err": error, "events": events.into_inner(), "msg": message}));
    }
    let expected = |step: &Value| {
        let or = |value: &Value, empty: Value| if value.is_null() { empty } else { value.clone() };
        json!({
            "calls": or(&step["calls"], json!([])),
            "err": or(&step["err"]["error"], json!("")),
            "events": or(&step["events"], json!([])),
            "msg": step["msg"],
        })
    };
    same(got, steps.iter().map(expected).collect())
}

/// What a future gives that waits for nothing.
fn now_or_never<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    futures_util::FutureExt::now_or_never(future).ok_or_else(|| Failure::not_run("it waits"))
}

// ---- n

/// An apiserver that has one object of a kind, whatever its name, and some services.
struct Server {
    config_map: Option<Rc<ConfigMap>>,
    secret: Option<Rc<Secret>>,
    services: Vec<Rc<Service>>,
    /// Nothing is known of services yet.
    unsynced: bool,
}

impl Server {
    fn refused<T>(kind: Kind, name: &str) -> Answer<'static, T> {
        let error = Error::not_found(kind, name);
        Box::pin(async move { Err(error) })
    }
}

impl ApiClient for Server {
    fn get<'a>(&'a self, kind: Kind, namespace: &'a str, name: &'a str) -> Answer<'a, Object> {
        let wanted = |s: &&Rc<Service>| {
            s.metadata.namespace.as_deref() == Some(namespace) && s.metadata.name.as_deref() == Some(name)
        };
        let found = match kind {
            Kind::ConfigMap => self.config_map.clone().map(Object::ConfigMap),
            Kind::Secret => self.secret.clone().map(Object::Secret),
            Kind::Service if self.unsynced => {
                let error = Error::internal("services have not yet been read at least once, cannot construct envvars");
                return Box::pin(async move { Err(error) });
            }
            Kind::Service => self.services.iter().find(wanted).cloned().map(Object::Service),
            _ => None,
        };
        match found {
            Some(object) => Box::pin(async move { Ok(object) }),
            None => Server::refused(kind, name),
        }
    }

    fn list<'a>(&'a self, kind: Kind, namespace: &'a str, _: ListOptions) -> Answer<'a, List> {
        if kind != Kind::Service || self.unsynced {
            return Server::refused(kind, "");
        }
        let here = |s: &&Rc<Service>| s.metadata.namespace.as_deref() == Some(namespace);
        let items = self.services.iter().filter(here).cloned().map(Object::Service).collect();
        Box::pin(async move { Ok(List { items, resource_version: 1 }) })
    }

    fn watch<'a>(&'a self, kind: Kind, _: &'a str, _: ListOptions) -> Answer<'a, Watch> {
        Server::refused(kind, "")
    }

    fn create<'a>(&'a self, kind: Kind, _: &'a str, _: Body, _: WriteOptions) -> Answer<'a, Written> {
        Server::refused(kind, "")
    }

    fn update<'a>(
        &'a self,
        kind: Kind,
        _: &'a str,
        name: &'a str,
        _: Subresource,
        _: Body,
        _: WriteOptions,
    ) -> Answer<'a, Written> {
        Server::refused(kind, name)
    }

    fn patch<'a>(
        &'a self,
        kind: Kind,
        _: &'a str,
        name: &'a str,
        _: Subresource,
        _: Patch,
        _: WriteOptions,
    ) -> Answer<'a, Written> {
        Server::refused(kind, name)
    }

    fn delete<'a>(&'a self, kind: Kind, _: &'a str, name: &'a str, _: DeleteOptions) -> Answer<'a, Deleted> {
        Server::refused(kind, name)
    }

    fn bind<'a>(&'a self, _: &'a str, name: &'a str, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        Server::refused(Kind::Pod, name)
    }

    fn evict<'a>(&'a self, _: &'a str, name: &'a str, _: DeleteOptions) -> Answer<'a, ()> {
        Server::refused(Kind::Pod, name)
    }

    fn logs<'a>(&'a self, _: &'a str, name: &'a str, _: LogOptions) -> Answer<'a, Receiver<Vec<u8>>> {
        Server::refused(Kind::Pod, name)
    }

    fn exec<'a>(&'a self, _: &'a str, name: &'a str, _: ExecOptions) -> Answer<'a, Session> {
        Server::refused(Kind::Pod, name)
    }

    fn attach<'a>(&'a self, _: &'a str, name: &'a str, _: ExecOptions) -> Answer<'a, Session> {
        Server::refused(Kind::Pod, name)
    }

    fn port_forward<'a>(&'a self, _: &'a str, name: &'a str) -> Answer<'a, Dial> {
        Server::refused(Kind::Pod, name)
    }

    fn version<'a>(&'a self) -> Answer<'a, String> {
        Box::pin(async { Ok(String::new()) })
    }
}

/// The services of all these cases: name, namespace, address, port.
const SERVICES: [(&str, &str, &str, i32); 12] = [
    ("kubernetes", "default", "1.2.3.1", 8081),
    ("kubernetes", "kubernetes", "1.2.3.2", 8082),
    ("test", "test1", "1.2.3.3", 8083),
    ("kubernetes", "test2", "1.2.3.4", 8084),
    ("test", "test2", "1.2.3.5", 8085),
    ("test", "test2", "None", 8085),
    ("test", "test2", "", 8085),
    ("not-special", "default", "1.2.3.8", 8088),
    ("not-special", "kubernetes", "1.2.3.8", 8088),
    ("not-special", "kubernetes", "None", 8088),
    ("not-special", "kubernetes", "", 8088),
    ("not-special", "default", "None", 8088),
];

fn environment(case: Case) -> Outcome {
    let input = case.input;
    let service = |(name, namespace, ip, port): (&str, &str, &str, i32)| {
        let ports = json!([{"protocol": "TCP", "port": port}]);
        read(&json!({
            "metadata": {"name": name, "namespace": namespace}, "spec": {"clusterIP": ip, "ports": ports},
        }))
        .map(Rc::new)
    };
    let none = input["nilLister"] == true || input["unsyncedServices"] == true;
    let services = SERVICES.into_iter().filter(|_| !none).map(service).collect::<Result<_, _>>()?;
    let server = Server {
        config_map: read::<Option<ConfigMap>>(&input["configMap"])?.map(Rc::new),
        secret: read::<Option<Secret>>(&input["secret"])?.map(Rc::new),
        services,
        unsynced: input["unsyncedServices"] == true,
    };
    let source = if input["staticPod"] == true { "file" } else { "api" };
    let pod: Pod = read(&json!({
        "metadata": {
            "name": "dapi-test-pod-name", "namespace": input["ns"],
            "annotations": {"kubernetes.io/config.source": source},
        },
        "spec": {
            "serviceAccountName": "special", "nodeName": "node-name", "containers": [],
            "enableServiceLinks": input["enableServiceLinks"],
        },
    }))?;
    let pod_ips: Option<Vec<String>> = read(&input["podIPs"])?;
    let context = env::Context {
        client: &server,
        pod: &pod,
        pod_ips: &pod_ips.unwrap_or_default(),
        host_ips: &["127.0.0.1".to_string(), "::1".to_string()],
        node: "node-name",
        allocatable: (0, 0),
    };
    let got = now_or_never(env::build(&context, &read(&input["container"])?))?;
    if case.expected["expectedError"] == true {
        return same(got.is_err(), true);
    }
    let expected = variables(&case.expected["expectedEnvs"]);
    same(got, Ok(expected))
}

fn variables(list: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    list.as_array().into_iter().flatten().map(|v| (text(&v["Name"]), text(&v["Value"]))).collect()
}

fn expansion(case: Case) -> Outcome {
    let container: Container = read(&case.input["container"])?;
    let env = variables(&case.input["envs"]);
    let expanded = |words: &Option<Vec<String>>| env::expand_all(words.as_deref(), &env);
    let expected = |key: &str| read::<Option<Vec<String>>>(&case.expected[key]).map(Option::unwrap_or_default);
    let wanted = (expected("expectedCommand")?, expected("expectedArgs")?);
    same((expanded(&container.command), expanded(&container.args)), wanted)
}

fn hostname(case: Case) -> Outcome {
    let (input, expected) = (case.input, case.expected);
    // Without the feature the apiserver drops the field.
    let over = Some(&input["podHostnameOverride"]).filter(|_| input["featureGateEnabled"] == true);
    let pod: Pod = read(&json!({
        "metadata": {"name": input["podName"], "namespace": "default"},
        "spec": {
            "hostname": input["podHostname"], "subdomain": input["podSubdomain"], "hostnameOverride": over,
            "containers": [],
        },
    }))?;
    let got = hostname_and_domain(&pod);
    let text = |key: &str| expected[key].as_str().unwrap_or_default().to_string();
    if expected["expectError"] == true {
        let contains = got.as_ref().is_err_and(|error| error.contains(&text("errorContains")));
        return if contains { Ok(()) } else { Err(Failure::new(text("errorContains"), format!("{got:?}"))) };
    }
    same(got, Ok((text("expectedHostname"), text("expectedDomain"))))
}

fn pod_ips(case: Case) -> Outcome {
    let input = case.input;
    let host_network = case.test == "TestGenerateAPIPodStatusHostNetworkPodIPs";
    let pod: Pod = read(&json!({"spec": {"hostNetwork": host_network, "containers": []}}))?;
    let ips: Option<Vec<String>> = read(&input["criPodIPs"])?;
    let node_ip = input["nodeIP"].as_str().filter(|ip| !ip.is_empty()).map(String::from);
    // A node's addresses are looked through by kind, and the first of each family is taken.
    let addresses = input["nodeAddresses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_kind = |kind: &'static str| addresses.iter().filter(move |address| address["type"] == kind);
    let all = of_kind("InternalIP").chain(of_kind("ExternalIP")).filter_map(|a| a["address"].as_str());
    let mut host_ips: Vec<String> = node_ip.into_iter().collect();
    for ip in all {
        if host_ips.iter().all(|other| other.contains(':') != ip.contains(':')) {
            host_ips.push(ip.into());
        }
    }
    let runtime = Runtime {
        sandbox: Some(SandboxRecord { ready: true, ips: ips.unwrap_or_default(), ..SandboxRecord::default() }),
        containers: Vec::new(),
    };
    let got = generate(
        &pod,
        &Input {
            runtime: &runtime,
            old: &PodStatus::default(),
            reasons: &containers::Reasons::new(),
            probes: &AllReady,
            host_ips: &host_ips,
            now: now(case),
            pod_ends: false,
            evicted: None,
            disruption: None,
            resize: &[],
        },
    );
    let first = case.expected["podIPs"][0]["ip"].as_str().map(String::from);
    same(got.pod_ip, first)?;
    same(serde_json::to_value(got.pod_ips).unwrap_or_default(), case.expected["podIPs"].clone())
}

// ---- o

fn back_off(case: Case) -> Outcome {
    let input = case.input;
    let duration = |key: &str| match input["backoff"][key].as_str() {
        Some("1s") => Ok(Duration::from_secs(1)),
        Some("1m0s") => Ok(Duration::from_secs(60)),
        other => Err(Failure::not_run(format!("unknown duration {other:?}"))),
    };
    let mut backoff = Backoff::new(duration("defaultDuration")?, duration("maxDuration")?);
    let name = input["podStatus"]["ContainerStatuses"][0]["Name"].as_str().unwrap_or_default();
    let at = |time: Timestamp| {
        SimTime::from_nanos(
            u64::try_from(time.as_nanosecond() - now(case).as_nanosecond() + 1_000_000_000).unwrap_or(0),
        )
    };
    let clock = time(&input["backoff"]["Clock"]["FakePassiveClock"]["time"]).unwrap_or(now(case));
    if case.name.starts_with("in backoff") {
        // Which keys wait already is not part of the dump.
        backoff.step(name, at(clock), at(clock));
    }
    let mut found: VecDeque<Record> = records(&input["podStatus"]["ContainerStatuses"])?.into();
    let exited = found.pop_front().filter(|record| record.state == RecordState::Exited);
    let late = exited.and_then(|r| r.finished_at).is_some_and(|end| backoff.restarts_late(name, at(end), at(clock)));
    same(Some(late), case.expected["expectedInBackOff"].as_bool())
}

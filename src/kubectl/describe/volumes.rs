//! A pod's volumes in full.

use serde_json::Value;

use super::{annotations, labels};
use crate::api::quantity::Quantity;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

/// `[a b]`
fn list(value: &Value) -> String {
    let items: Vec<String> = value.as_array().into_iter().flatten().map(text).collect();
    format!("[{}]", items.join(" "))
}

fn flag(value: &Value) -> String {
    value.as_bool().unwrap_or(false).to_string()
}

fn number(value: &Value) -> String {
    value.as_i64().unwrap_or(0).to_string()
}

/// A reference to a Secret as Go prints it.
fn secret(value: &Value) -> String {
    if value.is_object() { format!("&LocalObjectReference{{Name:{},}}", text(&value["name"])) } else { "nil".into() }
}

fn or(value: &Value, default: &str) -> String {
    value.as_str().unwrap_or(default).to_string()
}

pub fn volumes(out: &mut String, volumes: &Value) {
    let Some(volumes) = volumes.as_array().filter(|volumes| !volumes.is_empty()) else {
        out.push_str("Volumes:\t<none>\n");
        return;
    };
    out.push_str("Volumes:\n");
    for volume in volumes {
        out.push_str(&format!("  {}:\n", text(&volume["name"])));
        let Some((kind, source)) = KINDS.iter().find_map(|kind| Some((*kind, volume.get(*kind)?))) else {
            out.push_str("  <unknown>\n");
            continue;
        };
        let mut line = |key: &str, value: String| out.push_str(&format!("    {key}:\t{value}\n"));
        line("Type", what(kind).into());
        match kind {
            "projected" => projected(out, source),
            "downwardAPI" => downward(out, source),
            "ephemeral" => ephemeral(out, &source["volumeClaimTemplate"]),
            "csi" => {
                csi(out, source);
            }
            "iscsi" => {
                for (key, value) in lines(kind, source) {
                    // The real one forgets a colon.
                    let colon = if key == "ISCSIInterface" { "" } else { ":" };
                    out.push_str(&format!("    {key}{colon}\t{value}\n"));
                }
            }
            _ => lines(kind, source).into_iter().for_each(|(key, value)| line(key, value)),
        }
    }
}

/// In the order in which they are looked for.
const KINDS: [&str; 30] = [
    "hostPath",
    "emptyDir",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "secret",
    "configMap",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "ephemeral",
    "rbd",
    "quobyte",
    "downwardAPI",
    "azureDisk",
    "vsphereVolume",
    "cinder",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "cephfs",
    "storageos",
    "fc",
    "azureFile",
    "flexVolume",
    "flocker",
    "projected",
    "csi",
    "image",
];

fn what(kind: &str) -> &'static str {
    match kind {
        "hostPath" => "HostPath (bare host directory volume)",
        "emptyDir" => "EmptyDir (a temporary directory that shares a pod's lifetime)",
        "gcePersistentDisk" => "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)",
        "awsElasticBlockStore" => "AWSElasticBlockStore (a Persistent Disk resource in AWS)",
        "gitRepo" => "GitRepo (a volume that is pulled from git when the pod is created)",
        "secret" => "Secret (a volume populated by a Secret)",
        "configMap" => "ConfigMap (a volume populated by a ConfigMap)",
        "nfs" => "NFS (an NFS mount that lasts the lifetime of a pod)",
        "iscsi" => {
            "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)"
        }
        "glusterfs" => "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)",
        "persistentVolumeClaim" => {
            "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)"
        }
        "ephemeral" => {
            "EphemeralVolume (an inline specification for a volume that gets created and deleted with the pod)"
        }
        "rbd" => "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)",
        "quobyte" => "Quobyte (a Quobyte mount on the host that shares a pod's lifetime)",
        "downwardAPI" => "DownwardAPI (a volume populated by information about the pod)",
        "azureDisk" => "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)",
        "vsphereVolume" => "vSphereVolume (a Persistent Disk resource in vSphere)",
        "cinder" => "Cinder (a Persistent Disk resource in OpenStack)",
        "photonPersistentDisk" => "PhotonPersistentDisk (a Persistent Disk resource in photon platform)",
        "portworxVolume" => "PortworxVolume (a Portworx Volume resource)",
        "scaleIO" => "ScaleIO (a persistent volume backed by a block device in ScaleIO)",
        "cephfs" => "CephFS (a CephFS mount on the host that shares a pod's lifetime)",
        "storageos" => "StorageOS (a StorageOS Persistent Disk resource)",
        "fc" => "FC (a Fibre Channel disk)",
        "azureFile" => "AzureFile (an Azure File Service mount on the host and bind mount to the pod)",
        "flexVolume" => {
            "FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)"
        }
        "flocker" => "Flocker (a Flocker volume mounted by the Flocker agent)",
        "projected" => "Projected (a volume that contains injected data from multiple sources)",
        "csi" => "CSI (a Container Storage Interface (CSI) volume source)",
        _ => "Image (a container image or OCI artifact)",
    }
}

/// The lines below the type.
fn lines(kind: &str, v: &Value) -> Vec<(&'static str, String)> {
    let fs = || ("FSType", text(&v["fsType"]));
    let read_only = || ("ReadOnly", flag(&v["readOnly"]));
    match kind {
        "hostPath" => vec![("Path", text(&v["path"])), ("HostPathType", or(&v["type"], "<none>"))],
        "emptyDir" => {
            let limit = v["sizeLimit"].as_str().and_then(|limit| limit.parse::<Quantity>().ok());
            let limit = limit.filter(|limit| limit.sign() > 0).map_or("<unset>".into(), |limit| limit.to_string());
            vec![("Medium", text(&v["medium"])), ("SizeLimit", limit)]
        }
        "gcePersistentDisk" => {
            vec![("PDName", text(&v["pdName"])), fs(), ("Partition", number(&v["partition"])), read_only()]
        }
        "awsElasticBlockStore" => {
            vec![("VolumeID", text(&v["volumeID"])), fs(), ("Partition", number(&v["partition"])), read_only()]
        }
        "gitRepo" => vec![("Repository", text(&v["repository"])), ("Revision", text(&v["revision"]))],
        "secret" => vec![("SecretName", text(&v["secretName"])), ("Optional", flag(&v["optional"]))],
        "configMap" => vec![("Name", text(&v["name"])), ("Optional", flag(&v["optional"]))],
        "nfs" => vec![("Server", text(&v["server"])), ("Path", text(&v["path"])), read_only()],
        "iscsi" => vec![
            ("TargetPortal", text(&v["targetPortal"])),
            ("IQN", text(&v["iqn"])),
            ("Lun", number(&v["lun"])),
            ("ISCSIInterface", text(&v["iscsiInterface"])),
            fs(),
            read_only(),
            ("Portals", list(&v["portals"])),
            ("DiscoveryCHAPAuth", flag(&v["chapAuthDiscovery"])),
            ("SessionCHAPAuth", flag(&v["chapAuthSession"])),
            ("SecretRef", secret(&v["secretRef"])),
            ("InitiatorName", or(&v["initiatorName"], "<none>")),
        ],
        "glusterfs" => vec![("EndpointsName", text(&v["endpoints"])), ("Path", text(&v["path"])), read_only()],
        "persistentVolumeClaim" => vec![("ClaimName", text(&v["claimName"])), read_only()],
        "rbd" => vec![
            ("CephMonitors", list(&v["monitors"])),
            ("RBDImage", text(&v["image"])),
            fs(),
            ("RBDPool", text(&v["pool"])),
            ("RadosUser", text(&v["user"])),
            ("Keyring", text(&v["keyring"])),
            ("SecretRef", secret(&v["secretRef"])),
            read_only(),
        ],
        "quobyte" => vec![("Registry", text(&v["registry"])), ("Volume", text(&v["volume"])), read_only()],
        "azureDisk" => vec![
            ("DiskName", text(&v["diskName"])),
            ("DiskURI", text(&v["diskURI"])),
            ("Kind", text(&v["kind"])),
            fs(),
            ("CachingMode", text(&v["cachingMode"])),
            read_only(),
        ],
        "vsphereVolume" => {
            vec![("VolumePath", text(&v["volumePath"])), fs(), ("StoragePolicyName", text(&v["storagePolicyName"]))]
        }
        "cinder" => {
            vec![("VolumeID", text(&v["volumeID"])), fs(), read_only(), ("SecretRef", secret(&v["secretRef"]))]
        }
        "photonPersistentDisk" => vec![("PdID", text(&v["pdID"])), fs()],
        "portworxVolume" => vec![("VolumeID", text(&v["volumeID"]))],
        "scaleIO" => vec![
            ("Gateway", text(&v["gateway"])),
            ("System", text(&v["system"])),
            ("Protection Domain", text(&v["protectionDomain"])),
            ("Storage Pool", text(&v["storagePool"])),
            ("Storage Mode", text(&v["storageMode"])),
            ("VolumeName", text(&v["volumeName"])),
            fs(),
            read_only(),
        ],
        "cephfs" => vec![
            ("Monitors", list(&v["monitors"])),
            ("Path", text(&v["path"])),
            ("User", text(&v["user"])),
            ("SecretFile", text(&v["secretFile"])),
            ("SecretRef", secret(&v["secretRef"])),
            read_only(),
        ],
        "storageos" => vec![
            ("VolumeName", text(&v["volumeName"])),
            ("VolumeNamespace", text(&v["volumeNamespace"])),
            fs(),
            read_only(),
        ],
        "fc" => {
            let names: Vec<String> = v["targetWWNs"].as_array().into_iter().flatten().map(text).collect();
            let lun = v["lun"].as_i64().map_or("<none>".into(), |lun| lun.to_string());
            vec![("TargetWWNs", names.join(", ")), ("LUN", lun), fs(), read_only()]
        }
        "azureFile" => {
            vec![("SecretName", text(&v["secretName"])), ("ShareName", text(&v["shareName"])), read_only()]
        }
        "flexVolume" => {
            let options = v["options"].as_object().into_iter().flatten();
            let options: Vec<String> = options.map(|(key, value)| format!("{key}:{}", text(value))).collect();
            vec![
                ("Driver", text(&v["driver"])),
                fs(),
                ("SecretRef", secret(&v["secretRef"])),
                read_only(),
                ("Options", format!("map[{}]", options.join(" "))),
            ]
        }
        "flocker" => vec![("DatasetName", text(&v["datasetName"])), ("DatasetUUID", text(&v["datasetUUID"]))],
        "image" => vec![("Reference", text(&v["reference"])), ("PullPolicy", text(&v["pullPolicy"]))],
        _ => Vec::new(),
    }
}

fn projected(out: &mut String, v: &Value) {
    let mut line = |key: &str, value: &str| out.push_str(&format!("    {key}:\t{value}\n"));
    for source in v["sources"].as_array().into_iter().flatten() {
        if let Some(secret) = source.get("secret") {
            line("SecretName", &text(&secret["name"]));
            line("Optional", &flag(&secret["optional"]));
        } else if source.get("downwardAPI").is_some() {
            line("DownwardAPI", "true");
        } else if let Some(map) = source.get("configMap") {
            line("ConfigMapName", &text(&map["name"]));
            line("Optional", &flag(&map["optional"]));
        } else if let Some(token) = source.get("serviceAccountToken") {
            line("TokenExpirationSeconds", &token["expirationSeconds"].as_i64().unwrap_or(3600).to_string());
        }
    }
}

fn downward(out: &mut String, v: &Value) {
    out.push_str("    Items:\n");
    for item in v["items"].as_array().into_iter().flatten() {
        for from in [&item["fieldRef"]["fieldPath"], &item["resourceFieldRef"]["resource"]] {
            if from.is_string() {
                out.push_str(&format!("      {} -> {}\n", text(from), text(&item["path"])));
            }
        }
    }
}

fn csi(out: &mut String, v: &Value) {
    for (key, value) in
        [("Driver", text(&v["driver"])), ("FSType", text(&v["fsType"])), ("ReadOnly", flag(&v["readOnly"]))]
    {
        out.push_str(&format!("    {key}:\t{value}\n"));
    }
    const MOST: usize = 140;
    let attributes = v["volumeAttributes"].as_object().filter(|attributes| !attributes.is_empty());
    let Some(attributes) = attributes else { return out.push_str("    VolumeAttributes:\t<none>\n") };
    for (index, (key, value)) in attributes.iter().enumerate() {
        let line = format!("{key}={}", text(value));
        let line = line.get(..MOST).map_or(line.clone(), |start| format!("{start}..."));
        // Each part is indented for itself.
        let title = if index == 0 { "    VolumeAttributes:\t    " } else { "        \t    " };
        out.push_str(&format!("{title}{line}\n"));
    }
}

/// The claim that will be made for it.
fn ephemeral(out: &mut String, template: &Value) {
    if !template.is_object() {
        return;
    }
    let (spec, mut own) = (&template["spec"], String::new());
    let map = |value: &Value| serde_json::from_value(value.clone()).ok();
    let name = text(&spec["volumeName"]);
    own.push_str(&format!("StorageClass:\t{}\nVolume:\t{name}\n", text(&spec["storageClassName"])));
    let mut described = String::new();
    labels(&mut described, "Labels:", map(&template["metadata"]["labels"]).as_ref());
    annotations(&mut described, map(&template["metadata"]["annotations"]).as_ref());
    // Each part of these is indented for itself.
    for line in described.lines() {
        match line.split_once('\t') {
            Some(("", value)) => own.push_str(&format!("    \t    {value}\n")),
            Some((title, value)) => own.push_str(&format!("{title}\t    {value}\n")),
            None => own.push_str(&format!("{line}\n")),
        }
    }
    let capacity = if name.is_empty() { "" } else { "0" };
    own.push_str(&format!("Capacity:\t{capacity}\nAccess Modes:\t\n"));
    if let Some(mode) = spec["volumeMode"].as_str() {
        own.push_str(&format!("VolumeMode:\t{mode}\n"));
    }
    if spec["dataSource"].is_object() {
        own.push_str("DataSource:\n");
        for (title, key) in [("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name")] {
            if key != "apiGroup" || spec["dataSource"][key].is_string() {
                own.push_str(&format!("  {title}:\t{}\n", text(&spec["dataSource"][key])));
            }
        }
    }
    own.lines().for_each(|line| out.push_str(&format!("    {line}\n")));
}

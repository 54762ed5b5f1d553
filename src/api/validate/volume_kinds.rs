//! Volume sources of storage systems: what each needs.
//!
//! Grouped as the real checks come, since only the first source of a volume is looked into.

use k8s_openapi::api::core::v1::ISCSIVolumeSource;

use super::{
    text,
    volume::{self, OneType},
};
use crate::api::{
    Volume,
    field::{Errors, Path},
    names,
};

fn need(errors: &mut Errors, value: &str, path: &Path) {
    if value.is_empty() {
        errors.required(path, "");
    }
}

fn partition(errors: &mut Errors, partition: Option<i32>, path: &Path) {
    if let Some(number) = partition.filter(|number| !(0..=255).contains(number)) {
        errors.invalid(&path.child("partition"), &number, "must be between 1 and 255, inclusive");
    }
}

pub fn old_disks(errors: &mut Errors, volume: &Volume, one: &mut OneType, path: &Path) {
    if let Some(repository) = &volume.git_repo {
        let path = path.child("gitRepo");
        if one.first(errors, &path) {
            need(errors, &repository.repository, &path.child("repository"));
            volume::descending_path(errors, text(&repository.directory), &path.child("directory"));
        }
    }
    if let Some(disk) = &volume.gce_persistent_disk
        && one.first(errors, &path.child("gcePersistentDisk"))
    {
        let path = path.child("persistentDisk");
        need(errors, &disk.pd_name, &path.child("pdName"));
        partition(errors, disk.partition, &path);
    }
    if let Some(disk) = &volume.aws_elastic_block_store {
        let path = path.child("awsElasticBlockStore");
        if one.first(errors, &path) {
            need(errors, &disk.volume_id, &path.child("volumeID"));
            partition(errors, disk.partition, &path);
        }
    }
}

pub fn network_disks(errors: &mut Errors, volume: &Volume, one: &mut OneType, path: &Path) {
    if let Some(nfs) = &volume.nfs {
        let path = path.child("nfs");
        if one.first(errors, &path) {
            need(errors, &nfs.server, &path.child("server"));
            need(errors, &nfs.path, &path.child("path"));
            if !nfs.path.starts_with('/') {
                errors.invalid(&path.child("path"), &nfs.path, "must be an absolute path");
            }
        }
    }
    if let Some(disk) = &volume.iscsi {
        let source = path.child("iscsi");
        if one.first(errors, &source) {
            iscsi(errors, disk, &source);
        }
        if disk.initiator_name.is_some() && volume.name.len() + disk.target_portal.len() + 1 > 64 {
            let why = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";
            errors.invalid(&path.child("name"), &volume.name, why);
        }
    }
    if let Some(gluster) = &volume.glusterfs {
        let path = path.child("glusterfs");
        if one.first(errors, &path) {
            need(errors, &gluster.endpoints, &path.child("endpoints"));
            need(errors, &gluster.path, &path.child("path"));
        }
    }
    if let Some(flocker) = &volume.flocker {
        let path = path.child("flocker");
        if one.first(errors, &path) {
            let (name, uuid) = (text(&flocker.dataset_name), text(&flocker.dataset_uuid));
            if name.is_empty() && uuid.is_empty() {
                errors.required(&path, "one of datasetName and datasetUUID is required");
            }
            if !name.is_empty() && !uuid.is_empty() {
                errors.invalid(&path, "resource", "datasetName and datasetUUID can not be specified simultaneously");
            }
            if name.contains('/') {
                errors.invalid(&path.child("datasetName"), name, "must not contain '/'");
            }
        }
    }
}

pub fn iscsi(errors: &mut Errors, disk: &ISCSIVolumeSource, path: &Path) {
    need(errors, &disk.target_portal, &path.child("targetPortal"));
    need(errors, &disk.iqn, &path.child("iqn"));
    if !disk.iqn.is_empty() {
        qualified(errors, &disk.iqn, &path.child("iqn"));
    }
    if !(0..=255).contains(&disk.lun) {
        errors.invalid(&path.child("lun"), &disk.lun, "must be between 0 and 255, inclusive");
    }
    let chap = disk.chap_auth_discovery == Some(true) || disk.chap_auth_session == Some(true);
    if chap && disk.secret_ref.is_none() {
        errors.required(&path.child("secretRef"), "");
    }
    if let Some(initiator) = &disk.initiator_name {
        qualified(errors, initiator, &path.child("initiatorname"));
    }
}

/// iSCSI qualified names: `iqn.YYYY-MM.DOMAIN:NAME`, `eui.` with 16 characters, `naa.` with 32.
fn qualified(errors: &mut Errors, name: &str, path: &Path) {
    let alphanumeric =
        |text: &str, length: usize| text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric());
    let good = if name.starts_with("iqn") {
        let digits = |text: Option<&str>| text.is_some_and(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let rest = name.strip_prefix("iqn.").unwrap_or_default();
        let (domain, tail) = rest.split_once(':').unwrap_or((rest, ""));
        digits(rest.get(..4))
            && rest.get(4..5) == Some("-")
            && digits(rest.get(5..7))
            && rest.get(7..8) == Some(".")
            && domain.get(8..).is_some_and(|d| {
                !d.is_empty() && d.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
            })
            && !tail.is_empty()
            && !tail.contains(|c: char| matches!(c, ',' | ';' | '*' | '&' | '$' | '|') || c.is_whitespace())
    } else if name.starts_with("eui") {
        name.get(4..).is_some_and(|tail| alphanumeric(tail, 16))
    } else if name.starts_with("naa") {
        name.get(4..).is_some_and(|tail| alphanumeric(tail, 32))
    } else {
        return errors.invalid(path, name, "must be valid format starting with iqn, eui, or naa");
    };
    if !good {
        errors.invalid(path, name, "must be valid format");
    }
}

pub fn storage_systems(errors: &mut Errors, volume: &Volume, one: &mut OneType, path: &Path) {
    if let Some(rbd) = &volume.rbd {
        let path = path.child("rbd");
        if one.first(errors, &path) {
            if rbd.monitors.is_empty() {
                errors.required(&path.child("monitors"), "");
            }
            need(errors, &rbd.image, &path.child("image"));
        }
    }
    if let Some(cinder) = &volume.cinder {
        let path = path.child("cinder");
        if one.first(errors, &path) {
            need(errors, &cinder.volume_id, &path.child("volumeID"));
            if cinder.secret_ref.as_ref().is_some_and(|secret| secret.name.is_empty()) {
                errors.required(&path.child("secretRef.name"), "");
            }
        }
    }
    if let Some(ceph) = &volume.cephfs
        && one.first(errors, &path.child("cephFS"))
        && ceph.monitors.is_empty()
    {
        errors.required(&path.child("cephfs.monitors"), "");
    }
    if let Some(quobyte) = &volume.quobyte {
        let path = path.child("quobyte");
        if one.first(errors, &path) {
            let pairs = "must be a host:port pair or multiple pairs separated by commas";
            if quobyte.registry.is_empty() {
                errors.required(&path.child("registry"), pairs);
            } else if text(&quobyte.tenant).len() >= 65 {
                let why = "must be a UUID and may not exceed a length of 64 characters";
                errors.required(&path.child("tenant"), why);
            } else {
                for _ in quobyte.registry.split(',').filter(|pair| pair.matches(':').count() != 1) {
                    errors.invalid(&path.child("registry"), &quobyte.registry, pairs);
                }
            }
            need(errors, &quobyte.volume, &path.child("volume"));
        }
    }
}

pub fn plugins(errors: &mut Errors, volume: &Volume, one: &mut OneType, path: &Path) {
    if let Some(fc) = &volume.fc {
        let path = path.child("fc");
        if one.first(errors, &path) {
            let names = fc.target_wwns.as_deref().unwrap_or_default();
            let ids = fc.wwids.as_deref().unwrap_or_default();
            match (names.is_empty(), ids.is_empty()) {
                (true, true) => {
                    let why = "must specify either targetWWNs or wwids, but not both";
                    errors.required(&path.child("targetWWNs"), why);
                }
                (false, false) => {
                    let value = serde_json::Value::from(names.to_vec());
                    let why = "targetWWNs and wwids can not be specified simultaneously";
                    errors.invalid(&path.child("targetWWNs"), &value, why);
                }
                _ => {}
            }
            if !names.is_empty() {
                match fc.lun {
                    None => errors.required(&path.child("lun"), "lun is required if targetWWNs is specified"),
                    Some(lun) if !(0..=255).contains(&lun) => {
                        errors.invalid(&path.child("lun"), &lun, "must be between 0 and 255, inclusive");
                    }
                    Some(_) => {}
                }
            }
        }
    }
    if let Some(flex) = &volume.flex_volume {
        let path = path.child("flexVolume");
        if one.first(errors, &path) {
            need(errors, &flex.driver, &path.child("driver"));
            for key in flex.options.iter().flatten().map(|(key, _)| key) {
                let space = key.split_once('/').map_or(key.as_str(), |(space, _)| space);
                let space = format!(".{}", space.to_lowercase());
                if space.ends_with(".kubernetes.io") || space.ends_with(".k8s.io") {
                    let why = "kubernetes.io and k8s.io namespaces are reserved";
                    errors.invalid(&path.child("options").key(key), key, why);
                }
            }
        }
    }
}

pub fn cloud_disks(errors: &mut Errors, volume: &Volume, one: &mut OneType, path: &Path) {
    if let Some(file) = &volume.azure_file {
        let path = path.child("azureFile");
        if one.first(errors, &path) {
            need(errors, &file.secret_name, &path.child("secretName"));
            need(errors, &file.share_name, &path.child("shareName"));
        }
    }
    if let Some(vsphere) = &volume.vsphere_volume {
        let path = path.child("vsphereVolume");
        if one.first(errors, &path) {
            need(errors, &vsphere.volume_path, &path.child("volumePath"));
        }
    }
    if let Some(photon) = &volume.photon_persistent_disk {
        let path = path.child("photonPersistentDisk");
        if one.first(errors, &path) {
            need(errors, &photon.pd_id, &path.child("pdID"));
        }
    }
    if let Some(portworx) = &volume.portworx_volume {
        let path = path.child("portworxVolume");
        if one.first(errors, &path) {
            need(errors, &portworx.volume_id, &path.child("volumeID"));
        }
    }
    if let Some(disk) = &volume.azure_disk {
        let path = path.child("azureDisk");
        if one.first(errors, &path) {
            need(errors, &disk.disk_name, &path.child("diskName"));
            need(errors, &disk.disk_uri, &path.child("diskURI"));
            let modes = ["None", "ReadOnly", "ReadWrite"];
            if let Some(mode) = disk.caching_mode.as_deref().filter(|mode| !modes.contains(mode)) {
                errors.not_supported(&path.child("cachingMode"), mode, &modes);
            }
            let kinds = ["Dedicated", "Managed", "Shared"];
            if let Some(kind) = disk.kind.as_deref() {
                if !kinds.contains(&kind) {
                    errors.not_supported(&path.child("kind"), kind, &kinds);
                }
                let (prefix, form) = if kind == "Managed" {
                    (
                        "/subscriptions/",
                        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",
                    )
                } else {
                    ("https://", "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd")
                };
                if !disk.disk_uri.starts_with(prefix) {
                    errors.not_supported(&path.child("diskURI"), &disk.disk_uri, &[form]);
                }
            }
        }
    }
    if let Some(storage) = &volume.storageos {
        let path = path.child("storageos");
        if one.first(errors, &path) {
            let (name, namespace) = (text(&storage.volume_name), text(&storage.volume_namespace));
            if name.is_empty() {
                errors.required(&path.child("volumeName"), "");
            } else {
                errors.invalid_each(&path.child("volumeName"), name, names::dns1123_label(name));
            }
            if !namespace.is_empty() {
                errors.invalid_each(&path.child("volumeNamespace"), namespace, names::dns1123_label(namespace));
            }
            if storage.secret_ref.as_ref().is_some_and(|secret| secret.name.is_empty()) {
                errors.required(&path.child("secretRef.name"), "");
            }
        }
    }
}

/// The name of a CSI driver.
pub fn driver_name(errors: &mut Errors, name: &str, path: &Path) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    if name.len() > 63 {
        errors.too_long(path, 63);
    }
    errors.invalid_each(path, name, names::dns1123_subdomain(&name.to_lowercase()));
}

pub fn drivers(errors: &mut Errors, volume: &Volume, one: &mut OneType, path: &Path) {
    if let Some(scale_io) = &volume.scale_io {
        let path = path.child("scaleIO");
        if one.first(errors, &path) {
            need(errors, &scale_io.gateway, &path.child("gateway"));
            need(errors, &scale_io.system, &path.child("system"));
            need(errors, text(&scale_io.volume_name), &path.child("volumeName"));
        }
    }
    if let Some(csi) = &volume.csi {
        let path = path.child("csi");
        if one.first(errors, &path) {
            driver_name(errors, &csi.driver, &path.child("driver"));
            if let Some(secret) = &csi.node_publish_secret_ref {
                if secret.name.is_empty() {
                    errors.required(&path.child("nodePublishSecretRef.name"), "");
                } else {
                    errors.invalid_each(&path.child("name"), &secret.name, names::dns1123_subdomain(&secret.name));
                }
            }
        }
    }
}

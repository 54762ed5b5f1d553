//! Volumes, their mounts and what fills them.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, EphemeralVolumeSource, ImageVolumeSource, KeyToPath, PersistentVolumeClaimSpec,
    ProjectedVolumeSource, TypedLocalObjectReference, VolumeDevice, VolumeMount,
};

use super::{container, env, meta, resources, text, volume_kinds};
use crate::api::{
    Container, PodSpec, Volume,
    field::{Dump, Errors, Path, quoted},
    names,
    quantity::amount,
};

const FILE_MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";
const ONE_TYPE: &str = "may not specify more than 1 volume type";

/// The volumes that are good, for those who refer to them.
pub type Known<'v> = Vec<&'v Volume>;

pub fn volumes<'v>(errors: &mut Errors, volumes: &'v [Volume], pod_name: &str, path: &Path) -> Known<'v> {
    let made_claims: Vec<String> = volumes
        .iter()
        .filter(|volume| volume.ephemeral.is_some() && !pod_name.is_empty())
        .map(|volume| format!("{pod_name}-{}", volume.name))
        .collect();
    let mut known: Known = Vec::new();
    for (index, volume) in volumes.iter().enumerate() {
        let path = path.index(index);
        let name_path = path.child("name");
        let before = errors.len();
        source(errors, volume, pod_name, &path);
        if volume.name.is_empty() {
            errors.required(&name_path, "");
        } else {
            errors.invalid_each(&name_path, &volume.name, names::dns1123_label(&volume.name));
        }
        if known.iter().any(|other| other.name == volume.name) {
            errors.duplicate(&name_path, &volume.name);
        }
        if errors.len() == before {
            known.push(volume);
        }
        if let Some(claim) = &volume.persistent_volume_claim
            && made_claims.contains(&claim.claim_name)
        {
            let why = "must not reference a PVC that gets created for an ephemeral volume";
            errors.invalid(&path.child("persistentVolumeClaim.claimName"), &claim.claim_name, why);
        }
    }
    known
}

/// Refuses a second source; its own check runs for the first alone.
pub(super) struct OneType(bool);

impl OneType {
    pub fn first(&mut self, errors: &mut Errors, path: &Path) -> bool {
        if std::mem::replace(&mut self.0, true) {
            errors.forbidden(path, ONE_TYPE);
            return false;
        }
        true
    }
}

fn source(errors: &mut Errors, volume: &Volume, pod_name: &str, path: &Path) {
    let mut one = OneType(false);
    if let Some(empty) = &volume.empty_dir {
        one.0 = true;
        if empty.size_limit.as_ref().is_some_and(|limit| amount(limit).sign() < 0) {
            errors.forbidden(&path.child("emptyDir.sizeLimit"), "SizeLimit field must be a valid resource quantity");
        }
    }
    if let Some(host) = &volume.host_path {
        let path = path.child("hostPath");
        if one.first(errors, &path) {
            if host.path.is_empty() {
                errors.required(&path.child("path"), "");
            } else {
                no_backsteps(errors, &host.path, &path.child("path"));
                host_path_type(errors, host.type_.as_deref(), &path.child("type"));
            }
        }
    }
    volume_kinds::old_disks(errors, volume, &mut one, path);
    if let Some(secret) = &volume.secret {
        let path = path.child("secret");
        if one.first(errors, &path) {
            if text(&secret.secret_name).is_empty() {
                errors.required(&path.child("secretName"), "");
            }
            mode(errors, secret.default_mode, &path.child("defaultMode"));
            items(errors, secret.items.as_deref(), &path.child("items"));
        }
    }
    volume_kinds::network_disks(errors, volume, &mut one, path);
    if let Some(claim) = &volume.persistent_volume_claim {
        let path = path.child("persistentVolumeClaim");
        if one.first(errors, &path) && claim.claim_name.is_empty() {
            errors.required(&path.child("claimName"), "");
        }
    }
    volume_kinds::storage_systems(errors, volume, &mut one, path);
    if let Some(downward) = &volume.downward_api {
        // The real check misspells the field here.
        if one.first(errors, &path.child("downwarAPI")) {
            let path = path.child("downwardAPI");
            mode(errors, downward.default_mode, &path.child("defaultMode"));
            for file in downward.items.iter().flatten() {
                downward_file(errors, file, &path);
            }
        }
    }
    volume_kinds::plugins(errors, volume, &mut one, path);
    if let Some(map) = &volume.config_map {
        let path = path.child("configMap");
        if one.first(errors, &path) {
            if map.name.is_empty() {
                errors.required(&path.child("name"), "");
            }
            mode(errors, map.default_mode, &path.child("defaultMode"));
            items(errors, map.items.as_deref(), &path.child("items"));
        }
    }
    volume_kinds::cloud_disks(errors, volume, &mut one, path);
    if let Some(projected) = &volume.projected {
        let path = path.child("projected");
        if one.first(errors, &path) {
            mode(errors, projected.default_mode, &path.child("defaultMode"));
            projections(errors, projected, &path);
        }
    }
    volume_kinds::drivers(errors, volume, &mut one, path);
    if let Some(ephemeral) = &volume.ephemeral {
        let source = path.child("ephemeral");
        if one.first(errors, &source) {
            ephemeral_source(errors, ephemeral, &source);
            // The claim's name comes from the pod's.
            if !pod_name.is_empty() {
                let claim = format!("{pod_name}-{}", volume.name);
                for wrong in names::dns1123_subdomain(&claim) {
                    errors.invalid(&path.child("name"), &volume.name, &format!("PVC name \"{claim}\": {wrong}"));
                }
            }
        }
    }
    if let Some(image) = &volume.image {
        let path = path.child("image");
        if one.first(errors, &path) {
            image_source(errors, image, &path);
        }
    }
    if !one.0 {
        errors.required(path, "must specify a volume type");
    }
}

fn image_source(errors: &mut Errors, image: &ImageVolumeSource, path: &Path) {
    if errors.options.is_pod && text(&image.reference).is_empty() {
        errors.required(&path.child("reference"), "");
    }
    container::pull_policy(errors, text(&image.pull_policy), &path.child("pullPolicy"));
}

fn ephemeral_source(errors: &mut Errors, source: &EphemeralVolumeSource, path: &Path) {
    let path = path.child("volumeClaimTemplate");
    let Some(template) = &source.volume_claim_template else { return errors.required(&path, "") };
    if let Some(meta) = &template.metadata {
        let path = path.child("metadata");
        meta::annotations(errors, meta.annotations.as_ref(), &path.child("annotations"));
        meta::labels(errors, meta.labels.as_ref(), &path.child("labels"));
        for (name, set) in [
            ("name", meta.name.is_some()),
            ("generateName", meta.generate_name.is_some()),
            ("namespace", meta.namespace.is_some()),
            ("uid", meta.uid.is_some()),
            ("ownerReferences", meta.owner_references.is_some()),
            ("finalizers", meta.finalizers.is_some()),
        ] {
            if set {
                errors.forbidden(&path.child(name), "cannot be set for an ephemeral volume claim template");
            }
        }
    }
    claim_spec(errors, &template.spec, &path.child("spec"));
}

/// What a claim asks for (`ValidatePersistentVolumeClaimSpec`).
pub fn claim_spec(errors: &mut Errors, spec: &PersistentVolumeClaimSpec, path: &Path) {
    let modes = spec.access_modes.as_deref().unwrap_or_default();
    if modes.is_empty() {
        errors.required(&path.child("accessModes"), "at least 1 access mode is required");
    }
    meta::label_selector(errors, spec.selector.as_ref(), &path.child("selector"));
    const MODES: &[&str] = &["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
    for mode in modes.iter().filter(|mode| !MODES.contains(&mode.as_str())) {
        errors.not_supported(&path.child("accessModes"), mode, MODES);
    }
    let pod_only = modes.iter().any(|mode| mode == "ReadWriteOncePod");
    if pod_only && modes.iter().any(|mode| mode != "ReadWriteOncePod" && MODES.contains(&mode.as_str())) {
        errors.forbidden(&path.child("accessModes"), "may not use ReadWriteOncePod with other access modes");
    }
    let resources_path = path.child("resources");
    let storage_path = resources_path.key("storage");
    let requests = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    match requests.and_then(|requests| requests.get("storage")).map(amount) {
        None => errors.required(&storage_path, ""),
        Some(storage) if storage.sign() <= 0 => {
            errors.invalid(&storage_path, &storage.to_string(), "must be greater than zero");
        }
        Some(storage) => resources::quantity_value(errors, "storage", &storage, &storage_path),
    }
    subdomain_if_any(errors, text(&spec.storage_class_name), &path.child("storageClassName"));
    if let Some(mode) = spec.volume_mode.as_deref().filter(|mode| !["Block", "Filesystem"].contains(mode)) {
        errors.not_supported(&path.child("volumeMode"), mode, &["Block", "Filesystem"]);
    }
    let from = spec.data_source.as_ref();
    if let Some(from) = from {
        origin(errors, [&from.name, &from.kind], from.api_group.as_deref(), &path.child("dataSource"));
    }
    if let Some(origin_ref) = &spec.data_source_ref {
        let at = path.child("dataSourceRef");
        origin(errors, [&origin_ref.name, &origin_ref.kind], origin_ref.api_group.as_deref(), &at);
        let namespace = text(&origin_ref.namespace);
        if !namespace.is_empty() {
            errors.invalid_each(&at.child("namespace"), namespace, names::dns1123_label(namespace));
        }
        let same = |from: &TypedLocalObjectReference| {
            (&from.name, &from.kind, text(&from.api_group))
                == (&origin_ref.name, &origin_ref.kind, text(&origin_ref.api_group))
        };
        let shown = Dump(format!("{path}.dataSource"));
        if from.is_some() && !namespace.is_empty() {
            errors.invalid(path, &shown, "may not be specified when dataSourceRef.namespace is specified");
        } else if from.is_some_and(|from| !same(from)) {
            errors.invalid(path, &shown, "must match dataSourceRef");
        }
    }
    subdomain_if_any(errors, text(&spec.volume_attributes_class_name), &path.child("volumeAttributesClassName"));
}

fn subdomain_if_any(errors: &mut Errors, name: &str, path: &Path) {
    if !name.is_empty() {
        errors.invalid_each(path, name, names::dns1123_subdomain(name));
    }
}

/// What a new volume's content comes from.
fn origin(errors: &mut Errors, [name, kind]: [&str; 2], group: Option<&str>, path: &Path) {
    for (field, value) in [("name", name), ("kind", kind)] {
        if value.is_empty() {
            errors.required(&path.child(field), "");
        }
    }
    let group = group.unwrap_or_default();
    if group.is_empty() && kind != "PersistentVolumeClaim" {
        errors.invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
    }
    subdomain_if_any(errors, group, &path.child("apiGroup"));
}

fn mode(errors: &mut Errors, mode: Option<i32>, path: &Path) {
    if let Some(mode) = mode.filter(|mode| !(0..=0o777).contains(mode)) {
        errors.invalid(path, &mode, FILE_MODE);
    }
}

fn items(errors: &mut Errors, items: Option<&[KeyToPath]>, path: &Path) {
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        key_to_path(errors, item, &path.index(index));
    }
}

fn key_to_path(errors: &mut Errors, item: &KeyToPath, path: &Path) {
    if item.key.is_empty() {
        errors.required(&path.child("key"), "");
    }
    if item.path.is_empty() {
        errors.required(&path.child("path"), "");
    }
    non_reserved_path(errors, &item.path, &path.child("path"));
    mode(errors, item.mode, &path.child("mode"));
}

fn downward_file(errors: &mut Errors, file: &DownwardAPIVolumeFile, path: &Path) {
    if file.path.is_empty() {
        errors.required(&path.child("path"), "");
    }
    non_reserved_path(errors, &file.path, &path.child("path"));
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), resource) => {
            env::object_field(errors, field, env::VOLUME_FIELDS, &path.child("fieldRef"));
            if resource.is_some() {
                let why = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.invalid(path, "resource", why);
            }
        }
        (None, Some(resource)) => env::resource_field(errors, resource, &path.child("resourceFieldRef"), true),
        (None, None) => errors.required(path, "one of fieldRef and resourceFieldRef is required"),
    }
    mode(errors, file.mode, &path.child("mode"));
}

fn projections(errors: &mut Errors, projected: &ProjectedVolumeSource, path: &Path) {
    let mut paths: BTreeSet<String> = BTreeSet::new();
    // Two files under one path; `shown` is what the fault names.
    let mut claim = |errors: &mut Errors, file: &str, shown: &str| {
        if !file.is_empty() && !paths.insert(file.to_string()) {
            errors.invalid(path, shown, "conflicting duplicate paths");
        }
    };
    let sources = path.child("sources");
    for (index, source) in projected.sources.iter().flatten().enumerate() {
        let source_path = sources.index(index);
        let mut count = 0;
        if let Some(secret) = &source.secret {
            count += 1;
            let path = source_path.child("secret");
            keyed(errors, &secret.name, secret.items.as_deref(), &path, &mut claim);
        }
        if let Some(map) = &source.config_map {
            count += 1;
            let path = source_path.child("configMap");
            keyed(errors, &map.name, map.items.as_deref(), &path, &mut claim);
        }
        if let Some(downward) = &source.downward_api {
            count += 1;
            let path = source_path.child("downwardAPI");
            for file in downward.items.iter().flatten() {
                downward_file(errors, file, &path);
                claim(errors, &file.path, &file.path);
            }
        }
        if let Some(token) = &source.service_account_token {
            count += 1;
            let seconds = token.expiration_seconds.unwrap_or(3600);
            let expiration = source_path.child("serviceAccountToken");
            let expiration = expiration.child("expirationSeconds");
            if seconds < 600 {
                errors.invalid(&expiration, &seconds, "may not specify a duration less than 10 minutes");
            }
            if seconds > 1 << 32 {
                errors.invalid(&expiration, &seconds, "may not specify a duration larger than 2^32 seconds");
            }
            if token.path.is_empty() {
                errors.required(&path.child("path"), "");
            } else {
                if !errors.options.wrong_token_paths {
                    non_reserved_path(errors, &token.path, &path.child("path"));
                }
            }
        }
        if let Some(bundle) = &source.cluster_trust_bundle {
            count += 1;
            let path = source_path.child("clusterTrustBundle");
            match (&bundle.name, &bundle.signer_name) {
                (Some(_), Some(_)) => {
                    let value = serde_json::json!(bundle);
                    errors.invalid(&path, &value, "only one of name and signerName may be used");
                }
                (Some(name), None) => {
                    if name.is_empty() {
                        errors.required(&path.child("name"), "must be a valid object name");
                    }
                    for why in trust_bundle_name(name) {
                        let why = format!("not a valid clustertrustbundlename: {why}");
                        errors.invalid(&path.child("name"), name, &why);
                    }
                    if bundle.label_selector.is_some() {
                        let value = serde_json::json!(bundle.label_selector);
                        let why = "labelSelector must be unset if name is specified";
                        errors.invalid(&path.child("labelSelector"), &value, why);
                    }
                }
                (None, Some(signer)) => {
                    if signer.is_empty() {
                        errors.required(&path.child("signerName"), "must be a valid signer name");
                    }
                    signer_name(errors, signer, &path.child("signerName"));
                    meta::label_selector(errors, bundle.label_selector.as_ref(), &path.child("labelSelector"));
                }
                (None, None) => errors.required(&path, "either name or signerName must be specified"),
            }
            if bundle.path.is_empty() {
                errors.required(&path.child("path"), "");
            }
            non_reserved_path(errors, &bundle.path, &path.child("path"));
            claim(errors, &bundle.path, &bundle.path);
        }
        if let Some(certificate) = &source.pod_certificate {
            count += 1;
            let path = source_path.child("podCertificate");
            signer_name(errors, &certificate.signer_name, &path.child("signerName"));
            if let Some(annotations) = &certificate.user_annotations {
                let path = path.child("userAnnotations");
                for key in annotations.keys().map(|key| key.to_lowercase()) {
                    errors.invalid_each(&path, &key, names::domain_prefixed_key(&key));
                }
                meta::annotations_size(errors, annotations, &path);
            }
            const KEYS: &[&str] = &["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
            if !KEYS.contains(&certificate.key_type.as_str()) {
                errors.not_supported(&path.child("keyType"), &certificate.key_type, KEYS);
            }
            if let Some(seconds) = certificate.max_expiration_seconds {
                let path = path.child("maxExpirationSeconds");
                if seconds < 3600 {
                    errors.invalid(&path, &seconds, "if provided, maxExpirationSeconds must be >= 3600");
                }
                let domain = certificate.signer_name.split('/').next().unwrap_or_default();
                let own = domain == "kubernetes.io" || domain.ends_with(".kubernetes.io");
                let most = if own { 24 * 3600 } else { 91 * 24 * 3600 };
                if seconds > most {
                    errors.invalid(&path, &seconds, &format!("if provided, maxExpirationSeconds must be <= {most}"));
                }
            }
            let files = [
                ("credentialBundlePath", text(&certificate.credential_bundle_path)),
                ("keyPath", text(&certificate.key_path)),
                ("certificateChainPath", text(&certificate.certificate_chain_path)),
            ];
            for (name, file) in files.iter().filter(|(_, file)| !file.is_empty()) {
                non_reserved_path(errors, file, &path.child(name));
                claim(errors, file, file);
            }
            if files.iter().all(|(_, file)| file.is_empty()) {
                let why = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
                errors.required(&path, why);
            }
        }
        if count > 1 {
            errors.forbidden(&source_path, "may not specify more than 1 volume type per source");
        }
    }
}

/// The paths of projected service account tokens.
pub(super) fn token_paths(spec: &PodSpec) -> impl Iterator<Item = &str> {
    let projected = spec.volumes.iter().flatten().filter_map(|volume| volume.projected.as_ref());
    let sources = projected.flat_map(|projected| projected.sources.iter().flatten());
    sources.filter_map(|source| Some(source.service_account_token.as_ref()?.path.as_str()))
}

/// `example.com/signer-name`.
fn signer_name(errors: &mut Errors, name: &str, path: &Path) {
    if name.is_empty() {
        return errors.required(path, "");
    }
    let parts: Vec<&str> = name.split('/').collect();
    let [domain, signer] = parts[..] else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return errors.invalid(path, name, why);
    };
    const DOMAIN: usize = 253;
    if domain.len() > DOMAIN {
        errors.too_long(path, DOMAIN);
    }
    type Rule = fn(&str) -> Vec<String>;
    let each = |errors: &mut Errors, part: &str, rule: Rule| {
        let wrong = part.split('.').map(|label| (label, rule(label))).find(|(_, wrong)| !wrong.is_empty());
        for why in wrong.iter().flat_map(|(label, wrong)| wrong.iter().map(move |why| (label, why))) {
            errors.invalid(path, part, &format!("validating label {}: {}", quoted(why.0), why.1));
        }
    };
    each(errors, domain, names::dns1123_label);
    if !domain.contains('.') {
        errors.invalid(path, domain, "should be a domain with at least two segments separated by dots");
    }
    each(errors, signer, names::dns1123_subdomain);
    const WHOLE: usize = DOMAIN + 253 + 63 + 2;
    if name.len() > WHOLE {
        errors.too_long(path, WHOLE);
    }
}

/// `example.com:signer-name:bundle`, or a name without a signer.
fn trust_bundle_name(name: &str) -> Vec<String> {
    match name.rsplit_once(':') {
        Some((_, own)) => names::dns1123_subdomain(own),
        None => names::dns1123_subdomain(name),
    }
}

fn keyed(
    errors: &mut Errors,
    name: &str,
    items: Option<&[KeyToPath]>,
    path: &Path,
    claim: &mut impl FnMut(&mut Errors, &str, &str),
) {
    if name.is_empty() {
        errors.required(&path.child("name"), "");
    }
    let items_path = path.child("items");
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        key_to_path(errors, item, &items_path.index(index));
        claim(errors, &item.path, name);
    }
}

pub(super) fn host_path_type(errors: &mut Errors, kind: Option<&str>, path: &Path) {
    const KINDS: &[&str] =
        &["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
    if let Some(kind) = kind.filter(|kind| !KINDS.contains(kind)) {
        errors.not_supported(path, kind, KINDS);
    }
}

pub fn descending_path(errors: &mut Errors, target: &str, path: &Path) {
    if target.starts_with('/') {
        errors.invalid(path, target, "must be a relative path");
    }
    no_backsteps(errors, target, path);
}

pub(super) fn non_reserved_path(errors: &mut Errors, target: &str, path: &Path) {
    descending_path(errors, target, path);
    if target.starts_with("..") && !target.starts_with("../") {
        errors.invalid(path, target, "must not start with '..'");
    }
}

pub fn no_backsteps(errors: &mut Errors, target: &str, path: &Path) {
    if has_backsteps(target) {
        errors.invalid(path, target, "must not contain '..'");
    }
}

fn has_backsteps(target: &str) -> bool {
    target.split('/').any(|part| part == "..")
}

pub fn mounts(errors: &mut Errors, container: &Container, known: &Known, path: &Path) {
    let devices = container.volume_devices.as_deref().unwrap_or_default();
    let mut points: Vec<&str> = Vec::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let item = path.index(index);
        let (name_path, point_path) = (item.child("name"), item.child("mountPath"));
        if mount.name.is_empty() {
            errors.required(&name_path, "");
        }
        if !known.iter().any(|volume| volume.name == mount.name) {
            errors.not_found(&name_path, &mount.name);
        }
        let point = mount.mount_path.as_str();
        if point.is_empty() {
            errors.required(&point_path, "");
        }
        if points.contains(&point) {
            errors.invalid(&point_path, point, "must be unique");
        }
        points.push(point);
        if devices.iter().any(|device| device.name == mount.name) {
            errors.invalid(&name_path, &mount.name, "must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| device.device_path == point) {
            errors.invalid(&point_path, point, "must not already exist as a path in volumeDevices");
        }
        // The real check names the list here, not the item.
        let (sub_path, expression) = (text(&mount.sub_path), text(&mount.sub_path_expr));
        if !sub_path.is_empty() {
            descending_path(errors, sub_path, &path.child("subPath"));
        }
        if !expression.is_empty() {
            if !sub_path.is_empty() {
                let why = "subPathExpr and subPath are mutually exclusive";
                errors.invalid(&item.child("subPathExpr"), expression, why);
            }
            descending_path(errors, expression, &path.child("subPathExpr"));
        }
        propagation(errors, mount, container, &path.child("mountPropagation"));
        recursive_read_only(errors, mount, &path.child("recursiveReadOnly"));
    }
}

fn propagation(errors: &mut Errors, mount: &VolumeMount, container: &Container, path: &Path) {
    let Some(propagation) = mount.mount_propagation.as_deref() else { return };
    const KINDS: &[&str] = &["Bidirectional", "HostToContainer", "None"];
    if !KINDS.contains(&propagation) {
        errors.not_supported(path, propagation, KINDS);
    }
    let privileged = container.security_context.as_ref().and_then(|context| context.privileged) == Some(true);
    if propagation == "Bidirectional" && !privileged {
        errors.forbidden(path, "Bidirectional mount propagation is available only to privileged containers");
    }
}

fn recursive_read_only(errors: &mut Errors, mount: &VolumeMount, path: &Path) {
    match mount.recursive_read_only.as_deref() {
        None | Some("Disabled") => {}
        Some("Enabled" | "IfPossible") => {
            if mount.read_only != Some(true) {
                errors.forbidden(path, "may only be specified when readOnly is true");
            }
            if mount.mount_propagation.as_deref().is_some_and(|propagation| propagation != "None") {
                let why = "may only be specified when mountPropagation is None or not specified";
                errors.forbidden(path, why);
            }
        }
        Some(other) => errors.not_supported(path, other, &["Disabled", "Enabled", "IfPossible"]),
    }
}

pub fn devices(errors: &mut Errors, devices: &[VolumeDevice], mounts: &[VolumeMount], known: &Known, path: &Path) {
    let (mut seen_paths, mut seen_names): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for (index, device) in devices.iter().enumerate() {
        let item = path.index(index);
        let (name_path, device_path) = (item.child("name"), item.child("devicePath"));
        let (name, target) = (device.name.as_str(), device.device_path.as_str());
        if name.is_empty() {
            errors.required(&name_path, "");
        }
        if seen_names.contains(&name) {
            errors.invalid(&name_path, name, "must be unique");
        }
        match known.iter().find(|volume| volume.name == name) {
            Some(volume) if volume.persistent_volume_claim.is_none() && volume.ephemeral.is_none() => {
                let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                errors.invalid(&name_path, name, why);
            }
            Some(_) => {}
            None => errors.not_found(&name_path, name),
        }
        if target.is_empty() {
            errors.required(&device_path, "");
        }
        if seen_paths.contains(&target) {
            errors.invalid(&device_path, target, "must be unique");
        }
        if has_backsteps(target) {
            errors.invalid(&device_path, target, "can not contain backsteps ('..')");
        } else {
            seen_paths.push(target);
        }
        if mounts.iter().any(|mount| mount.name == name) {
            errors.invalid(&name_path, name, "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|mount| mount.mount_path == target) {
            errors.invalid(&device_path, target, "must not already exist as a path in volumeMounts");
        }
        if !name.is_empty() {
            seen_names.push(name);
        }
    }
}

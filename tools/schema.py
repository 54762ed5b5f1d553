#!/usr/bin/env python3
"""Writes src/api/schema/{structure,descriptions}.txt: the fields of the API's types, as data.

Usage: tools/schema.py API_DIR APIMACHINERY_DIR K8S_OPENAPI_DIR

API_DIR and APIMACHINERY_DIR are the Go modules k8s.io/api and k8s.io/apimachinery (v0.36), from which come field names, Go
types, patch keys and enums; K8S_OPENAPI_DIR is the k8s-openapi crate that Cargo.toml names: descriptions, and the fields that
the published API has. The line format is described in src/api/schema/mod.rs.
"""
import html, os, re, sys

api, machinery, openapi = sys.argv[1:4]
version = "v1_36"

# Sources of persistent volumes; storage systems' own types stay as the API has them.
VOLUMES = """@ PersistentVolumeSource
GCEPersistentDisk gcePersistentDisk *json
AWSElasticBlockStore awsElasticBlockStore *json
HostPath hostPath *HostPathVolumeSource
Glusterfs glusterfs *json
NFS nfs *NFSVolumeSource
RBD rbd *json
Quobyte quobyte *json
ISCSI iscsi *json
FlexVolume flexVolume *json
Cinder cinder *json
CephFS cephfs *json
FC fc *json
Flocker flocker *json
AzureFile azureFile *json
VsphereVolume vsphereVolume *json
AzureDisk azureDisk *json
PhotonPersistentDisk photonPersistentDisk *json
PortworxVolume portworxVolume *json
ScaleIO scaleIO *json
Local local *LocalVolumeSource
StorageOS storageos *json
CSI csi *CSIPersistentVolumeSource
@ LocalVolumeSource
Path path string
FSType fsType *string
@ CSIPersistentVolumeSource
Driver driver string
VolumeHandle volumeHandle string
ReadOnly readOnly bool
FSType fsType string
VolumeAttributes volumeAttributes map:string
ControllerPublishSecretRef controllerPublishSecretRef *SecretReference
NodeStageSecretRef nodeStageSecretRef *SecretReference
NodePublishSecretRef nodePublishSecretRef *SecretReference
ControllerExpandSecretRef controllerExpandSecretRef *SecretReference
NodeExpandSecretRef nodeExpandSecretRef *SecretReference
@ SecretReference
Name name string
Namespace namespace string
@ VolumeNodeAffinity
Required required *NodeSelector"""

PACKAGES = {  # short name: (Go directory, k8s-openapi module)
    "core": (f"{api}/core/v1", "api/core/v1"),
    "coordination": (f"{api}/coordination/v1", "api/coordination/v1"),
    "scheduling": (f"{api}/scheduling/v1", "api/scheduling/v1"),
    "meta": (f"{machinery}/pkg/apis/meta/v1", "apimachinery/pkg/apis/meta/v1"),
    "autoscaling": (f"{api}/autoscaling/v2", "api/autoscaling/v2"),
    "autoscalingv1": (f"{api}/autoscaling/v1", "api/autoscaling/v1"),
}
for group in ["admissionregistration", "apps", "batch", "discovery", "networking", "node", "policy", "rbac", "storage"]:
    PACKAGES[group] = (f"{api}/{group}/v1", f"api/{group}/v1")
KINDS = ["core.ConfigMap", "core.Event", "core.Namespace", "core.Node", "core.Pod", "core.Secret", "core.ServiceAccount",
         "core.Service", "coordination.Lease", "scheduling.PriorityClass",
         "core.Endpoints", "core.LimitRange", "core.PersistentVolume", "core.PersistentVolumeClaim", "core.PodTemplate",
         "core.ReplicationController", "core.ResourceQuota", "admissionregistration.ValidatingAdmissionPolicy",
         "admissionregistration.ValidatingAdmissionPolicyBinding", "apps.ControllerRevision", "apps.DaemonSet", "apps.Deployment", "apps.ReplicaSet",
         "apps.StatefulSet", "autoscaling.HorizontalPodAutoscaler", "autoscalingv1.HorizontalPodAutoscaler", "batch.CronJob",
         "batch.Job", "discovery.EndpointSlice", "networking.Ingress", "networking.IngressClass", "networking.NetworkPolicy",
         "node.RuntimeClass", "policy.PodDisruptionBudget", "rbac.ClusterRole", "rbac.ClusterRoleBinding", "rbac.Role",
         "rbac.RoleBinding", "storage.StorageClass"]
SCALARS = {"string", "bool", "int32", "int64", "float64"}
SPECIAL = {"metav1.Time": "time", "metav1.MicroTime": "microtime", "resource.Quantity": "quantity",
           "intstr.IntOrString": "intorstring", "metav1.Duration": "duration", "[]byte": "bytes", "byte": "bytes",
           "types.UID": "string:types.UID", "types.NodeName": "string:types.NodeName", "runtime.RawExtension": "any",
           "Time": "time", "MicroTime": "microtime", "FieldsV1": "any", "interface{}": "any"}
ALIASES = {"apiv1.": "core.", "v1.": "core.", "corev1.": "core.", "metav1.": "meta."}

structs, scalars, enums = {}, {}, {}


def comments(lines, at):
    found = []
    while at > 0 and lines[at - 1].strip().startswith("//"):
        at -= 1
        found.insert(0, lines[at].strip()[2:].strip())
    return found


def prose(lines):
    """A Go comment as kube-openapi writes it: lines joined, blank lines kept, markers dropped."""
    out, paragraph = [], []
    for line in lines + [""]:
        if line.startswith("---"):
            break
        if line.startswith("+") or line.startswith("TODO"):
            continue
        if line:
            paragraph.append(line)
        elif paragraph:
            out.append(" ".join(paragraph))
            paragraph = []
    if paragraph:
        out.append(" ".join(paragraph))
    return "\n\n".join(out)


for short, (directory, _) in PACKAGES.items():
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".go") or name.endswith("_test.go") or "generated" in name:
            continue
        lines = open(f"{directory}/{name}").read().split("\n")
        at = 0
        while at < len(lines):
            line = lines[at]
            if m := re.match(r"type (\w+) struct \{$", line):
                fields, start = [], at + 1
                while lines[at] != "}":
                    at += 1
                structs[f"{short}.{m[1]}"] = lines[start:at]
            elif m := re.match(r"type (\w+) (string|int32|int64|map\[\w+\][\w.]+|\[\]\w+)$", line):
                scalars[f"{short}.{m[1]}"] = m[2]
                if any(c.startswith("+enum") for c in comments(lines, at)):
                    enums.setdefault(f"{short}.{m[1]}", [])
            elif m := re.match(r"\s+(\w+)\s+(\w+)\s+= \"([^\"]*)\"", line):
                enums.setdefault(f"?{short}.{m[2]}", []).append((m[3], m[1], comments(lines, at)))
            at += 1
for key in [k for k in enums if k.startswith("?")]:
    values = enums.pop(key)
    if key[1:] in enums:
        enums[key[1:]] = sorted(values)


def rust_fields(key):
    """JSON name -> description in k8s-openapi, and the type's own."""
    short, name = key.split(".")
    module = PACKAGES[short][1]
    file = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    path = f"{openapi}/src/{version}/{module}/{file}.rs"
    if not os.path.exists(path):
        return None, ""
    text = open(path).read()
    names = {rust: json for json, rust in re.findall(r'^\s+"([^"]+)" => Field::Key_(\w+),', text, re.M)}
    head = text[: text.index("\n}\n")]

    def clean(lines):
        return html.unescape(re.sub(r"\\([<>\[\]*_`\\])", r"\1", "\n".join(lines)))

    own, found, doc, inside = "", {}, [], False
    for line in head.split("\n"):
        stripped = line.strip()
        if stripped.startswith("///"):
            doc.append(stripped[4:])
        elif m := re.match(r"pub struct ", stripped):
            own, doc, inside = clean(doc), [], True
        elif m := re.match(r"pub (\w+):", stripped):
            rust = m[1]
            json = names.get(rust) or rust
            found[json], doc = clean(doc), []
        elif not stripped.startswith("#["):
            doc = []
    return found, own


def base(short, go):
    go = go.strip()
    if go in SPECIAL:
        return SPECIAL[go]
    if go.startswith("*"):
        return "*" + base(short, go[1:])
    if go.startswith("[]"):
        return "[]" + base(short, go[2:])
    if m := re.match(r"map\[([\w.]+)\](.*)$", go):
        return "map:" + base(short, m[2])
    if go in SCALARS:
        return go
    for prefix, package in ALIASES.items():
        if go.startswith(prefix):
            return go.replace(prefix, package)
    return f"{short}.{go}"


def fields_of(key, embedded=""):
    short = key.split(".")[0]
    lines, out = structs[key], []
    for at, line in enumerate(lines):
        line = line.strip()
        if not line or line.startswith("//"):
            continue
        m = re.match(r"(?:(\w+)\s+)?(\S+)\s+`([^`]*)`", line)
        if not m:
            continue
        tag = re.search(r'json:"([^"]*)"', m[3])
        if not tag:
            continue
        json, *options = tag[1].split(",")
        if "inline" in options or (not json and not m[1]):
            target = base(short, m[2])
            if target in structs:
                # encoding/json names embedded structs in its errors.
                name = target.split(".")[1]
                out += fields_of(target, name if name != "TypeMeta" else name)
            continue
        if json == "-" or not json:
            continue
        marks = comments(lines, at)
        pick = lambda name: (re.search(rf'{name}:"([^"]*)"', m[3]) or [None, None])[1]
        keys = [c.split("=")[1] for c in marks if c.startswith("+listMapKey=")]
        kind = next((c.split("=")[1] for c in marks if c.startswith("+listType=") or c.startswith("+structType=") or c.startswith("+mapType=")), None)
        flags = []
        if "omitempty" in options or "omitzero" in options:
            flags.append("o")
        if not any(c.startswith("+optional") for c in marks) and "omitempty" not in options and key != "meta.ObjectMeta":
            flags.append("r")
        if embedded:
            flags.append(f"e={embedded}")
        strategy = pick("patchStrategy")
        if strategy:
            flags.append(f"s={strategy}")
        if pick("patchMergeKey"):
            flags.append(f"m={pick('patchMergeKey')}")
        if kind:
            flags.append(f"l={kind}")
        if keys:
            flags.append(f"k={','.join(keys)}")
        out.append((json, base(short, m[2]), flags))
    return out


seen, queue, structure, descriptions = set(), list(KINDS), [], []


def visit(kind):
    kind = re.sub(r"^(\*|\[\]|map:)+", "", kind)
    if "." in kind and ":" not in kind and kind not in seen:
        queue.append(kind)


while queue:
    key = queue.pop(0)
    if key in seen:
        continue
    seen.add(key)
    if key in structs:
        published, own = rust_fields(key)
        structure.append(f"# {key}")
        descriptions.append(f"# {key}")
        if own:
            descriptions.append(f"= {own}".replace("\n", "\\n"))
        fields = fields_of(key)
        for json, kind, flags in sorted(fields):
            if published is not None and json not in published and key.split(".")[0] != "meta" and "e=" not in str(flags) and json not in ("kind", "apiVersion"):
                continue
            structure.append(f"{json} {kind} {' '.join(flags)}".strip())
            text = (published or {}).get(json, "")
            if json == "apiVersion" and not text and "e=TypeMeta" in flags:
                text = "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources"
            if json == "kind" and not text and "e=TypeMeta" in flags:
                text = "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds"
            if text:
                descriptions.append(f"{json} {text}".replace("\n", "\\n"))
            visit(kind)
    elif key in scalars:
        short = key.split(".")[0]
        kind = base(short, scalars[key])
        values = enums.get(key, [])
        structure.append(f"alias {key} {kind} {','.join(v[0] for v in values)}".rstrip())
        if values:
            descriptions.append(f"# {key}")
            for value, constant, comment in values:
                text = prose(comment)
                text = re.sub(rf"^{constant}\s+", "", text)
                descriptions.append(f"{value} {text}".replace("\n", "\\n").rstrip())
        visit(kind)
    else:
        sys.exit(f"no such type: {key}")

out = os.path.join(os.path.dirname(__file__), "../src/api/schema")
open(f"{out}/structure.txt", "w").write("\n".join(structure) + "\n")
open(f"{out}/descriptions.txt", "w").write("\n".join(descriptions) + "\n")

# The apiserver's internal types of a pod's spec, in Go's order: texts about changed pods show them.
# Usage: a fourth argument, the Go package k8s.io/kubernetes/pkg/apis/core.
if len(sys.argv) > 4:
    structs.clear()
    scalars.clear()
    lines = open(f"{sys.argv[4]}/types.go").read().split("\n")
    at = 0
    while at < len(lines):
        if m := re.match(r"type (\w+) struct \{$", lines[at]):
            start = at + 1
            while lines[at] != "}":
                at += 1
            structs[m[1]] = lines[start:at]
        elif m := re.match(r"type (\w+) ([\w\[\]*.]+)$", lines[at]):
            scalars[m[1]] = m[2]
        at += 1

    v1 = {}  # type -> {lower-case name: JSON name}
    current = None
    for line in structure:
        word, *rest = line.split(" ")
        if word == "#":
            current = v1.setdefault(rest[0].split(".")[1], {})
        elif word != "alias":
            current[word.lower()] = word

    def internal(go):
        if go.startswith("*"):
            return "*" + internal(go[1:])
        if go.startswith("[]"):
            return "[]" + internal(go[2:])
        if m := re.match(r"map\[[\w.]+\](.*)$", go):
            return "map:" + internal(m[1])
        if go in structs:
            return go
        if go in scalars:
            return internal(scalars[go])
        if go in ("string", "bool"):
            return go
        if go in ("int", "int32", "int64"):
            return "int"
        return {"resource.Quantity": "quantity", "intstr.IntOrString": "intorstring"}.get(go, "json")

    def internal_fields(name, json_type):
        out = []
        for line in structs[name]:
            m = re.match(r"\s*(\w+)\s+([\w\[\]*.]+)\s*(//.*)?(`.*`)?$", line)
            e = re.match(r"\s*([A-Z]\w+)\s*$", line)
            if e and e[1] in structs:
                out += internal_fields(e[1], json_type)
            elif m and m[2] != "struct":
                json_name = v1.get(json_type, {}).get(m[1].lower(), "")
                if json_type == "PodSecurityContext" and not json_name:
                    json_name = v1["PodSpec"].get(m[1].lower(), "")
                    json_name = f"^{json_name}" if json_name else ""
                out.append((m[1], json_name or "-", internal(m[2])))
        return out

    text, seen, queue = [], set(), ["PodSpec", "EphemeralContainer"]
    while queue:
        name = queue.pop(0)
        if name in seen or name not in structs:
            continue
        seen.add(name)
        text.append(f"@ {name}")
        for go, json_name, kind in internal_fields(name, name):
            text.append(f"{go} {json_name} {kind}")
            queue.append(re.sub(r"^(\*|\[\]|map:)+", "", kind))
    text.append(VOLUMES)
    open(f"{out}/internal.txt", "w").write("\n".join(text) + "\n")

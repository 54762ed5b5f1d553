//! The kinds that the cluster knows, and objects of any of them.

use std::{fmt, rc::Rc};

use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{ConfigMap, Event, Namespace, Node, Secret, Service, ServiceAccount},
        scheduling::v1::PriorityClass,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::other::{Other, hpa};

use super::pod::Pod;

/// A typed Kubernetes object.
pub trait Resource: Clone + Default + Serialize + DeserializeOwned + 'static {
    const KIND: Kind;

    fn meta(&self) -> &ObjectMeta;
    fn meta_mut(&mut self) -> &mut ObjectMeta;
    fn from_object(object: &Object) -> Option<&Rc<Self>>;
    fn into_object(self: Rc<Self>) -> Object;

    fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }
}

/// Holds a deleted object until its dependents no longer name it.
pub const FINALIZER_ORPHAN: &str = "orphan";
/// Holds a deleted object until the dependents that block it have gone.
pub const FINALIZER_FOREGROUND: &str = "foregroundDeletion";

macro_rules! kinds {
    (typed { $($kind:ident: group $group:literal, version $version:literal, plural $plural:literal, short [$($short:literal),*], namespaced $namespaced:literal;)* }
     values { $($other:ident: group $group_:literal, version $version_:literal, plural $plural_:literal, short [$($short_:literal),*], namespaced $namespaced_:literal;)* }) => {
        /// A kind of object. The order is that of `kubectl api-resources` within a group.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($kind,)* $($other,)* }

        /// An object of any kind. Cloning shares it.
        #[derive(Clone, Debug)]
        pub enum Object { $($kind(Rc<$kind>),)* Other(Rc<Other>) }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$kind,)* $(Kind::$other,)*];

            pub fn name(self) -> &'static str { match self { $(Kind::$kind => stringify!($kind),)* $(Kind::$other => stringify!($other),)* } }
            /// The API group; "" for core.
            pub fn group(self) -> &'static str { match self { $(Kind::$kind => $group,)* $(Kind::$other => $group_,)* } }
            pub fn version(self) -> &'static str { match self { $(Kind::$kind => $version,)* $(Kind::$other => $version_,)* } }
            /// Resource name in paths and messages: `pods`.
            pub fn plural(self) -> &'static str { match self { $(Kind::$kind => $plural,)* $(Kind::$other => $plural_,)* } }
            pub fn short_names(self) -> &'static [&'static str] { match self { $(Kind::$kind => &[$($short),*],)* $(Kind::$other => &[$($short_),*],)* } }
            /// Whether objects are [`Other`]: kept as values.
            pub fn is_other(self) -> bool { match self { $(Kind::$kind => false,)* $(Kind::$other => true,)* } }
            pub fn namespaced(self) -> bool { match self { $(Kind::$kind => $namespaced,)* $(Kind::$other => $namespaced_,)* } }
        }

        impl Object {
            pub fn kind(&self) -> Kind { match self { $(Object::$kind(_) => Kind::$kind,)* Object::Other(o) => o.kind } }
            pub fn meta(&self) -> &ObjectMeta { match self { $(Object::$kind(o) => &o.metadata,)* Object::Other(o) => &o.metadata } }
            /// The metadata to change; copies the object if it is shared.
            pub fn meta_mut(&mut self) -> &mut ObjectMeta { match self { $(Object::$kind(o) => &mut Rc::make_mut(o).metadata,)* Object::Other(o) => &mut Rc::make_mut(o).metadata } }
            /// As JSON, with apiVersion and kind.
            pub fn to_value(&self) -> Value {
                let value = match self { $(Object::$kind(o) => serde_json::to_value(&**o),)* Object::Other(o) => return o.to_value() };
                // Maps with string keys and finite numbers always serialise.
                let mut value = value.unwrap_or(Value::Null);
                super::wire::complete(self.kind(), &mut value);
                value
            }
            /// From JSON without strictness: unknown fields are dropped.
            pub fn from_value(kind: Kind, value: Value) -> Result<Object, serde_json::Error> {
                match kind { $(Kind::$kind => serde_json::from_value::<$kind>(value).map(|o| Object::$kind(Rc::new(o))),)* $(Kind::$other)|* => Other::read(kind, value).map(|o| Object::Other(Rc::new(o))) }
            }
        }

        $(impl Resource for $kind {
            const KIND: Kind = Kind::$kind;
            fn meta(&self) -> &ObjectMeta { &self.metadata }
            fn meta_mut(&mut self) -> &mut ObjectMeta { &mut self.metadata }
            fn from_object(object: &Object) -> Option<&Rc<Self>> { match object { Object::$kind(o) => Some(o), _ => None } }
            fn into_object(self: Rc<Self>) -> Object { Object::$kind(self) }
        })*
    };
}

kinds! {
    typed {
        ConfigMap: group "", version "v1", plural "configmaps", short ["cm"], namespaced true;
        Event: group "", version "v1", plural "events", short ["ev"], namespaced true;
        Namespace: group "", version "v1", plural "namespaces", short ["ns"], namespaced false;
        Node: group "", version "v1", plural "nodes", short ["no"], namespaced false;
        Pod: group "", version "v1", plural "pods", short ["po"], namespaced true;
        Secret: group "", version "v1", plural "secrets", short [], namespaced true;
        ServiceAccount: group "", version "v1", plural "serviceaccounts", short ["sa"], namespaced true;
        Service: group "", version "v1", plural "services", short ["svc"], namespaced true;
        Lease: group "coordination.k8s.io", version "v1", plural "leases", short [], namespaced true;
        PriorityClass: group "scheduling.k8s.io", version "v1", plural "priorityclasses", short ["pc"], namespaced false;
    }
    values {
        Endpoints: group "", version "v1", plural "endpoints", short ["ep"], namespaced true;
        LimitRange: group "", version "v1", plural "limitranges", short ["limits"], namespaced true;
        PersistentVolumeClaim: group "", version "v1", plural "persistentvolumeclaims", short ["pvc"], namespaced true;
        PersistentVolume: group "", version "v1", plural "persistentvolumes", short ["pv"], namespaced false;
        PodTemplate: group "", version "v1", plural "podtemplates", short [], namespaced true;
        ReplicationController: group "", version "v1", plural "replicationcontrollers", short ["rc"], namespaced true;
        ResourceQuota: group "", version "v1", plural "resourcequotas", short ["quota"], namespaced true;
        ValidatingAdmissionPolicy: group "admissionregistration.k8s.io", version "v1", plural "validatingadmissionpolicies", short [], namespaced false;
        ValidatingAdmissionPolicyBinding: group "admissionregistration.k8s.io", version "v1", plural "validatingadmissionpolicybindings", short [], namespaced false;
        ControllerRevision: group "apps", version "v1", plural "controllerrevisions", short [], namespaced true;
        DaemonSet: group "apps", version "v1", plural "daemonsets", short ["ds"], namespaced true;
        Deployment: group "apps", version "v1", plural "deployments", short ["deploy"], namespaced true;
        ReplicaSet: group "apps", version "v1", plural "replicasets", short ["rs"], namespaced true;
        StatefulSet: group "apps", version "v1", plural "statefulsets", short ["sts"], namespaced true;
        HorizontalPodAutoscaler: group "autoscaling", version "v2", plural "horizontalpodautoscalers", short ["hpa"], namespaced true;
        CronJob: group "batch", version "v1", plural "cronjobs", short ["cj"], namespaced true;
        Job: group "batch", version "v1", plural "jobs", short [], namespaced true;
        EndpointSlice: group "discovery.k8s.io", version "v1", plural "endpointslices", short [], namespaced true;
        IngressClass: group "networking.k8s.io", version "v1", plural "ingressclasses", short [], namespaced false;
        Ingress: group "networking.k8s.io", version "v1", plural "ingresses", short ["ing"], namespaced true;
        NetworkPolicy: group "networking.k8s.io", version "v1", plural "networkpolicies", short ["netpol"], namespaced true;
        RuntimeClass: group "node.k8s.io", version "v1", plural "runtimeclasses", short [], namespaced false;
        PodDisruptionBudget: group "policy", version "v1", plural "poddisruptionbudgets", short ["pdb"], namespaced true;
        ClusterRoleBinding: group "rbac.authorization.k8s.io", version "v1", plural "clusterrolebindings", short [], namespaced false;
        ClusterRole: group "rbac.authorization.k8s.io", version "v1", plural "clusterroles", short [], namespaced false;
        RoleBinding: group "rbac.authorization.k8s.io", version "v1", plural "rolebindings", short [], namespaced true;
        Role: group "rbac.authorization.k8s.io", version "v1", plural "roles", short [], namespaced true;
        StorageClass: group "storage.k8s.io", version "v1", plural "storageclasses", short ["sc"], namespaced false;
    }
}

impl Kind {
    /// `v1`, `coordination.k8s.io/v1`.
    pub fn api_version(self) -> String {
        if self.group().is_empty() { self.version().into() } else { format!("{}/{}", self.group(), self.version()) }
    }

    /// Lower-case kind: `pod`.
    pub fn singular(self) -> String {
        self.name().to_ascii_lowercase()
    }

    /// `pods`, `leases.coordination.k8s.io`, as messages and `-o name` show resources.
    pub fn qualified(self) -> String {
        if self.group().is_empty() { self.plural().into() } else { format!("{}.{}", self.plural(), self.group()) }
    }

    /// An older version in which objects of this kind are taken and given back too.
    pub fn older_version(self) -> Option<&'static str> {
        (self == Kind::HorizontalPodAutoscaler).then_some(hpa::V1)
    }

    pub fn from_api_version_kind(api_version: &str, kind: &str) -> Option<Kind> {
        let also = |k: &Kind| k.older_version().is_some_and(|older| older == api_version);
        Kind::ALL.iter().copied().find(|k| k.name() == kind && (k.api_version() == api_version || also(k)))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Object {
    pub fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// "" for cluster-scoped objects.
    pub fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_default()
    }

    pub fn uid(&self) -> &str {
        self.meta().uid.as_deref().unwrap_or_default()
    }

    /// The resourceVersion as a number; 0 if unset.
    pub fn resource_version(&self) -> u64 {
        self.meta().resource_version.as_deref().and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    pub fn as_<R: Resource>(&self) -> Option<&Rc<R>> {
        R::from_object(self)
    }
}

impl<R: Resource> From<R> for Object {
    fn from(resource: R) -> Object {
        Rc::new(resource).into_object()
    }
}

//! ControllerRevisions: the templates that a DaemonSet or StatefulSet has had. Sources: pkg/controller/history,
//! pkg/controller/daemon/update.go.

use std::rc::Rc;

use serde_json::{Value, json};

use super::{World, controller_of, name_of, namespace_of, number, owner_reference, uid_of};
use crate::api::{
    Error, Kind, Object, Result,
    client::{DeleteOptions, ListOptions, Subresource},
    other::Other,
    template_hash::{revision_hash, template_hash},
};

/// The label that tells which revision a pod is of.
pub const REVISION_LABEL: &str = "controller-revision-hash";

/// The revisions of an object, the oldest first, with the present one last.
pub struct History {
    pub old: Vec<Rc<Other>>,
    pub current: Rc<Other>,
}

/// The label that a revision's pods have.
pub fn hash_of(revision: &Other) -> &str {
    let labels = revision.metadata.labels.as_ref();
    labels.and_then(|labels| labels.get(REVISION_LABEL)).map(String::as_str).unwrap_or_default()
}

/// The template that a revision keeps.
pub fn template_of(revision: &Other) -> &Value {
    revision.at("data/spec/template")
}

/// What a revision keeps: a patch that brings the template back.
fn patch(owner: &Other) -> Value {
    let mut template = owner.at("spec/template").clone();
    if let Value::Object(template) = &mut template {
        template.insert("$patch".into(), "replace".into());
    }
    json!({"spec": {"template": template}})
}

pub async fn list(world: &World, owner: &Other) -> Result<Vec<Rc<Other>>> {
    let listed = world.client.list(Kind::ControllerRevision, namespace_of(owner), ListOptions::default()).await?.items;
    let mine = |object: Object| match object {
        Object::Other(revision) => {
            let owned = controller_of(&revision.metadata).is_some_and(|by| by.uid == uid_of(owner));
            owned.then_some(revision)
        }
        _ => None,
    };
    let mut revisions: Vec<Rc<Other>> = listed.into_iter().filter_map(mine).collect();
    revisions.sort_by_key(|revision| (number(revision, "revision", 0), name_of(revision).to_string()));
    Ok(revisions)
}

/// Finds the revision of the present template, or makes it. One that was there before becomes the newest.
pub async fn sync(world: &mut World, owner: &Rc<Other>) -> Result<History> {
    let mut revisions = list(world, owner).await?;
    let patch = patch(owner);
    let next = revisions.last().map_or(0, |last| number(last, "revision", 0)) + 1;
    if let Some(at) = revisions.iter().rposition(|revision| revision.at("data") == &patch) {
        let mut current = revisions.remove(at);
        if at < revisions.len() {
            let mut changed = Other::clone(&current);
            changed.content.insert("revision".into(), next.into());
            current = world.write(changed, Subresource::None).await?;
        }
        return Ok(History { old: revisions, current });
    }
    let collisions = owner.at("status/collisionCount").as_i64().and_then(|count| u32::try_from(count).ok());
    let hash = match owner.kind {
        Kind::StatefulSet => revision_hash(&patch, collisions.unwrap_or(0)),
        _ => template_hash(owner.at("spec/template"), collisions),
    };
    let name = format!("{}-{hash}", name_of(owner));
    // The pods of a StatefulSet have the whole name as their label.
    let label = if owner.kind == Kind::StatefulSet { name.as_str() } else { hash.as_str() };
    let mut labels = owner.at("spec/template/metadata/labels").clone();
    labels[REVISION_LABEL] = label.into();
    let mut annotations = owner.metadata.annotations.clone().unwrap_or_default();
    annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    let value = json!({
        "metadata": {
            "name": name,
            "namespace": namespace_of(owner),
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [owner_reference(owner)],
        },
        "data": patch,
        "revision": next,
    });
    let revision = Other::read(Kind::ControllerRevision, value).map_err(Error::internal)?;
    let namespace = namespace_of(owner).to_string();
    match world.create(Kind::ControllerRevision, &namespace, Object::Other(Rc::new(revision))).await? {
        Object::Other(current) => Ok(History { old: revisions, current }),
        _ => Err(Error::internal("another kind of object came back")),
    }
}

/// Deletes the oldest revisions beyond the limit, but for those that `live` says are still in use.
pub async fn clean_up(
    world: &mut World,
    owner: &Other,
    old: &[Rc<Other>],
    live: impl Fn(&Other) -> bool,
) -> Result<()> {
    let limit = usize::try_from(number(owner, "spec/revisionHistoryLimit", 10)).unwrap_or(0);
    let idle: Vec<&Rc<Other>> = old.iter().filter(|revision| !live(revision)).collect();
    for revision in &idle[..idle.len().saturating_sub(limit)] {
        let options = DeleteOptions::default();
        let gone = world.client.delete(Kind::ControllerRevision, namespace_of(owner), name_of(revision), options).await;
        match gone {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

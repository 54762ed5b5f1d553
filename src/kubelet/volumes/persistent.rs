//! Volumes that a claim names. Sources: kubernetes `pkg/kubelet/volumemanager/populator`, `pkg/volume/local`.

use std::cell::{Cell, RefCell};

use super::{Fault, Ready, Source, host_path};
use crate::{
    api::{
        Kind, Object, Result, Volume,
        other::Other,
        volumes::{is_bound, is_claimed_by, is_made_for, volume_of},
    },
    os::fs::FileType,
};

pub(super) async fn set_up(source: &Source<'_>, volume: &Volume, name: &str) -> std::result::Result<Ready, Fault> {
    let namespace = source.context.pod.metadata.namespace.as_deref().unwrap_or_default();
    let process = |why: String| Fault::Process(format!("error processing PVC {namespace}/{name}: {why}"));
    let get = async |kind: Kind, namespace: &str, name: &str| -> Result<Option<std::rc::Rc<Other>>> {
        match source.context.client.get(kind, namespace, name).await? {
            Object::Other(object) => Ok(Some(object)),
            _ => Ok(None),
        }
    };
    let claim = match get(Kind::PersistentVolumeClaim, namespace, name).await {
        Ok(Some(claim)) => claim,
        Ok(None) => return Err(process("not a claim".into())),
        Err(error) => return Err(process(format!("failed to fetch PVC from API server: {error}"))),
    };
    if claim.metadata.deletion_timestamp.is_some() {
        return Err(process("PVC is being deleted".into()));
    }
    let source_of_claim = volume.persistent_volume_claim.as_ref();
    if source_of_claim.is_none() {
        is_made_for(&claim, source.context.pod).map_err(Fault::Process)?;
    }
    if !is_bound(&claim) || claim.text("status/phase") != "Bound" {
        return Err(process("PVC is not bound".into()));
    }
    let name = volume_of(&claim);
    let volume = match get(Kind::PersistentVolume, "", name).await {
        Ok(Some(volume)) if is_claimed_by(&volume, &claim) => volume,
        Err(error) => return Err(process(format!("failed to fetch PV {name} from API server: {error}"))),
        Ok(_) => return Err(process(format!("PV {name} is bound to another claim"))),
    };
    let (host, local) = (volume.text("spec/hostPath/path"), volume.text("spec/local/path"));
    let path = if host.is_empty() { local } else { host };
    if !host.is_empty() {
        host_path(source.host, host, volume.text("spec/hostPath/type")).map_err(|error| Fault::set_up(name, &error))?;
    } else if local.is_empty() {
        let text =
            format!("MountVolume.NewMounter initialization failed for volume \"{name}\" : no volume plugin matched");
        return Err(Fault::Mount(text));
    } else if source.host.stat(local).map(|stat| stat.file_type) != Ok(FileType::Directory) {
        let text = format!(
            "MountVolume.NewMounter initialization failed for volume \"{name}\" : path \"{local}\" does not exist"
        );
        return Err(Fault::Mount(text));
    }
    Ok(Ready {
        fs: source.host.clone(),
        base: path.into(),
        written: RefCell::default(),
        version: Cell::new(0),
        read_only: source_of_claim.is_some_and(|wanted| wanted.read_only == Some(true)),
        image: RefCell::default(),
    })
}

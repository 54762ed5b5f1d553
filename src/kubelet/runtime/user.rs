//! Who a container runs as: the image's user, the security context, the image's /etc/passwd.

use crate::os::Filesystem;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    /// All groups, the main one first.
    pub groups: Vec<u32>,
    pub home: String,
}

/// What the pod asks for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// supplementalGroups and fsGroup.
    pub groups: Vec<u32>,
    /// supplementalGroupsPolicy: Strict.
    pub strict: bool,
}

/// Resolves names as containerd does. `root` is the image's tree. The error is containerd's text.
pub fn resolve(image_user: &str, wanted: &Wanted, root: &Filesystem) -> Result<User, String> {
    let lossy = |e: std::string::FromUtf8Error| String::from_utf8_lossy(e.as_bytes()).into_owned();
    let text = |path: &str| String::from_utf8(root.read(path).unwrap_or_default()).unwrap_or_else(lossy);
    let (passwd, group) = (text("/etc/passwd"), text("/etc/group"));
    let (user, main_group) = match image_user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (image_user, None),
    };
    let user = wanted.uid.map_or_else(|| user.to_string(), |uid| uid.to_string());
    let key = if user.is_empty() { "0" } else { &user };
    let of_user = |line: &&str| {
        let mut names = line.split(':').step_by(2);
        names.next() == Some(key) || names.next() == Some(key)
    };
    let entry = passwd.lines().filter(of_user).map(fields).find(|f| f.len() >= 6);
    let number = |field: &str| field.parse::<u32>().ok();
    let uid = match (&entry, user.as_str()) {
        (Some(f), _) => number(f[2]).unwrap_or(0),
        (None, "") => 0,
        (None, name) => match number(name) {
            Some(uid) => uid,
            None => {
                return Err(format!(
                    "failed to create containerd container: mount callback failed on /tmp: no users found for user {name:?}"
                ));
            }
        },
    };
    let gid_of = |name: &str| {
        number(name)
            .or_else(|| group.lines().map(fields).find(|f| f.len() >= 3 && f[0] == name).and_then(|f| number(f[2])))
    };
    let gid = match (wanted.gid, main_group) {
        (Some(gid), _) => gid,
        (None, Some(name)) if wanted.uid.is_none() => gid_of(name).unwrap_or(0),
        _ => entry.as_ref().and_then(|f| number(f[3])).unwrap_or(0),
    };
    let mut groups = vec![gid];
    let mut add = |gid: u32| {
        if !groups.contains(&gid) {
            groups.push(gid);
        }
    };
    if !wanted.strict
        && let Some(entry) = &entry
    {
        // Most groups have nobody but those whose main one they are.
        let member = |line: &&str| entry[0].is_empty() || !line.ends_with(':');
        for line in group.lines().filter(member).map(fields).filter(|f| f.len() >= 4) {
            if line[3].split(',').any(|member| member == entry[0])
                && let Some(gid) = number(line[2])
            {
                add(gid);
            }
        }
    }
    wanted.groups.iter().copied().for_each(&mut add);
    // As the kernel keeps them.
    groups[1..].sort_unstable();
    let home = entry.map_or("/", |f| f[5]).to_string();
    Ok(User { uid, gid, groups, home })
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::os::{FsImage, fs::Content};

    #[test]
    fn users() {
        let file = |path: &str, text: &str| (path.to_string(), 0o644, 0, Content::Data(text.as_bytes().into()));
        let image = FsImage::new([
            file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:102:nginx:/var/cache/nginx:/bin/false\n"),
            file("/etc/group", "root:x:0:\nwheel:x:10:root\nnginx:x:102:\nweb:x:33:nginx\n"),
        ]);
        let root = Filesystem::new("overlay", Rc::new(image));
        let wanted = |uid, gid, groups: &[u32]| Wanted { uid, gid, groups: groups.to_vec(), strict: false };
        let table = [
            ("", wanted(None, None, &[]), (0, 0, vec![0, 10], "/root")),
            ("nginx", wanted(None, None, &[]), (101, 102, vec![102, 33], "/var/cache/nginx")),
            ("101:10", wanted(None, None, &[2000]), (101, 10, vec![10, 33, 2000], "/var/cache/nginx")),
            ("nginx", wanted(Some(1000), None, &[]), (1000, 0, vec![0], "/")),
            ("", wanted(Some(1000), Some(3000), &[3000, 4000]), (1000, 3000, vec![3000, 4000], "/")),
        ];
        for (image_user, wanted, (uid, gid, groups, home)) in table {
            let expected = User { uid, gid, groups, home: home.into() };
            assert_eq!(resolve(image_user, &wanted, &root), Ok(expected), "{image_user} {wanted:?}");
        }
        assert!(resolve("ghost", &Wanted::default(), &root).is_err());
    }
}

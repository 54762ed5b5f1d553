//! The names of users and groups.

use crate::{
    os::Proc,
    programs::util::{self},
};

/// User names of /etc/passwd.
pub struct Names {
    users: Vec<(u32, String)>,
    groups: Vec<(u32, String)>,
}

impl Names {
    pub async fn load(proc: &Proc) -> Names {
        let read = |path: &'static str| async move {
            let text = proc.read_file(path).await.map(util::text).unwrap_or_default();
            let line = |line: &str| {
                let mut fields = line.split(':');
                let name = fields.next()?.to_string();
                Some((fields.nth(1)?.parse().ok()?, name))
            };
            text.lines().filter_map(line).collect::<Vec<(u32, String)>>()
        };
        Names { users: read("/etc/passwd").await, groups: read("/etc/group").await }
    }

    fn find(list: &[(u32, String)], id: u32) -> Option<String> {
        let found = list.iter().find(|(own, _)| *own == id).map(|(_, name)| name.clone());
        found.or_else(|| (id == 0).then(|| "root".to_string()))
    }

    pub fn user_name(&self, id: u32) -> Option<String> {
        Names::find(&self.users, id)
    }

    pub fn group_name(&self, id: u32) -> Option<String> {
        Names::find(&self.groups, id)
    }

    pub fn user(&self, id: u32) -> String {
        self.user_name(id).unwrap_or_else(|| id.to_string())
    }

    pub fn group(&self, id: u32) -> String {
        self.group_name(id).unwrap_or_else(|| id.to_string())
    }

    pub fn uid(&self, name: &str) -> Option<u32> {
        self.users.iter().find(|(_, own)| own == name).map(|(id, _)| *id).or_else(|| parse_id(name))
    }

    pub fn gid(&self, name: &str) -> Option<u32> {
        self.groups.iter().find(|(_, own)| own == name).map(|(id, _)| *id).or_else(|| parse_id(name))
    }
}

fn parse_id(name: &str) -> Option<u32> {
    if name == "root" { Some(0) } else { name.parse().ok() }
}

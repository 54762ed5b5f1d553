//! Tests of file systems, mounts and path walks.

use std::{collections::BTreeMap, rc::Rc};

use super::{Content, FileType, Filesystem, FsImage, Mount, MountNs};
use crate::{
    os::{
        Errno, File, OpenFlags, Proc,
        testing::{FILES, World, image},
    },
    sim::{Rng, SimTime},
};

fn names(proc: &Proc, path: &str) -> String {
    match proc.read_dir(path) {
        Ok(entries) => entries.into_iter().map(|e| e.name).collect::<Vec<_>>().join(" "),
        Err(errno) => errno.name().to_owned(),
    }
}

async fn read(proc: &Proc, path: &str) -> String {
    match proc.read_file(path).await {
        Ok(data) => String::from_utf8_lossy(&data).into_owned(),
        Err(errno) => errno.name().to_owned(),
    }
}

#[test]
fn images_follow_links_and_later_files_win() {
    let image = FsImage::new(
        [
            ("/bin", Content::Symlink("usr/bin".into())),
            ("/usr/bin/a", Content::Data((*b"1").into())),
            ("/bin/a", Content::Data((*b"22").into())),
            ("bin/b", Content::Data((*b"3").into())),
            ("/loop", Content::Symlink("loop".into())),
            ("/loop/x", Content::Directory),
            ("/d/e", Content::Data((*b"4").into())),
            ("/d/e/f", Content::Data((*b"5").into())),
            ("/up", Content::Symlink("d/../usr".into())),
            ("/up/c", Content::Data((*b"6").into())),
        ]
        .map(|(path, content)| (path.to_owned(), 0o644, 0, content)),
    );
    let fs = Filesystem::new("overlay", Rc::new(image));
    let files: Vec<_> = fs.files().into_iter().map(|(path, size)| format!("{path} {size}")).collect();
    assert_eq!(files, ["/d/e/f 1", "/usr/bin/a 2", "/usr/bin/b 1", "/usr/c 1"]);
}

#[test]
fn copy_on_write_leaves_the_image_alone() {
    let image = image(FILES);
    let (one, two) = (Filesystem::new("overlay", image.clone()), Filesystem::new("overlay", image));
    assert_eq!((one.used(), one.revision()), (0, 0));
    one.write("/etc/motd", b"changed", 0o600).unwrap();
    one.write("/tmp/new", b"1234", 0o644).unwrap();
    one.remove("/bin/true").unwrap();
    one.rename("/etc/secret", "/etc/open").unwrap();
    assert_eq!(one.read("/etc/motd").unwrap(), b"changed");
    assert_eq!(one.used(), 11);
    assert!(one.revision() > 0);
    assert_eq!(two.read("/etc/motd").unwrap(), b"hello\n");
    assert!(two.exists("/bin/true") && !one.exists("/bin/true"));
    assert_eq!((two.used(), two.revision()), (0, 0));
    assert_eq!(one.read("/etc/open").unwrap(), b"s3cret\n");
    one.remove("/tmp").unwrap();
    assert_eq!(one.used(), 7);
    one.mkdir_all("/x/y/z", 0o700).unwrap();
    assert_eq!(one.stat("/x/y").unwrap().mode, 0o700);
    assert_eq!(one.mkdir_all("/etc/motd/x", 0o700), Err(Errno::ENOTDIR));
    assert_eq!(one.write("/absent/x", b"", 0o644), Err(Errno::ENOENT));
}

#[test]
fn walks() {
    let world = World::new();
    world.run(|proc| async move {
        proc.symlink("/etc", "/tmp/etc").unwrap();
        proc.symlink("../etc/motd", "/tmp/rel").unwrap();
        proc.symlink("absent", "/tmp/dangling").unwrap();
        proc.chdir("/home/user").unwrap();
        let rows = [
            ("/etc/motd", "hello\n"),
            ("/tmp/etc/motd", "hello\n"),
            ("/tmp/etc/../etc/./motd", "hello\n"),
            ("/tmp/rel", "hello\n"),
            ("../../etc/motd", "hello\n"),
            ("/../../etc//motd", "hello\n"),
            ("/etc/motd/", "ENOTDIR"),
            ("/etc/motd/x", "ENOTDIR"),
            ("/etc/motd/..", "ENOTDIR"),
            ("/etc", "EISDIR"),
            ("/a", "ELOOP"),
            ("/tmp/dangling", "ENOENT"),
            ("", "ENOENT"),
            ("/absent/x", "ENOENT"),
        ];
        for (path, expected) in rows {
            assert_eq!(read(&proc, path).await, expected, "{path}");
        }
        let long = format!("/{}", "x".repeat(256));
        assert_eq!(read(&proc, &long).await, "ENAMETOOLONG");
        assert_eq!(read(&proc, &"/x".repeat(3000)).await, "ENAMETOOLONG");
        assert_eq!(proc.lstat("/tmp/rel").unwrap().file_type, FileType::Symlink);
        assert_eq!(proc.stat("/tmp/rel").unwrap().file_type, FileType::Regular);
        assert_eq!(proc.real_path("/tmp/etc/../tmp/rel").unwrap(), "/etc/motd");
        assert_eq!(proc.absolute("../x/./y"), "/home/x/y");
        // Creating through a dangling link makes what it points to.
        proc.write_file("/tmp/dangling", b"now").await.unwrap();
        assert_eq!(read(&proc, "/tmp/absent").await, "now");
        proc.chdir("/tmp/etc").unwrap();
        assert_eq!(proc.cwd(), "/etc");
        assert_eq!(proc.chdir("motd"), Err(Errno::ENOTDIR));
    });
}

#[test]
fn errors_of_changes() {
    let world = World::new();
    world.run(|proc| async move {
        proc.mkdir("/tmp/d", 0o777).unwrap();
        proc.write_file("/tmp/d/f", b"x").await.unwrap();
        proc.write_file("/tmp/g", b"y").await.unwrap();
        proc.mkdir("/tmp/empty", 0o777).unwrap();
        let all = [
            ("mkdir there", proc.mkdir("/tmp/d", 0o777), Err(Errno::EEXIST)),
            ("mkdir nowhere", proc.mkdir("/tmp/x/y", 0o777), Err(Errno::ENOENT)),
            ("mkdir below a file", proc.mkdir("/tmp/g/y", 0o777), Err(Errno::ENOTDIR)),
            ("unlink a directory", proc.unlink("/tmp/d"), Err(Errno::EISDIR)),
            ("rmdir a file", proc.rmdir("/tmp/g"), Err(Errno::ENOTDIR)),
            ("rmdir a full one", proc.rmdir("/tmp/d"), Err(Errno::ENOTEMPTY)),
            ("rmdir .", proc.rmdir("."), Err(Errno::EINVAL)),
            ("unlink nothing", proc.unlink("/tmp/zzz"), Err(Errno::ENOENT)),
            ("rename into itself", proc.rename("/tmp/d", "/tmp/d/e"), Err(Errno::EINVAL)),
            ("rename over a full one", proc.rename("/tmp/empty", "/tmp/d"), Err(Errno::ENOTEMPTY)),
            ("rename a file over a directory", proc.rename("/tmp/g", "/tmp/empty"), Err(Errno::EISDIR)),
            ("rename a directory over a file", proc.rename("/tmp/empty", "/tmp/g"), Err(Errno::ENOTDIR)),
            ("link a directory", proc.link("/tmp/d", "/tmp/l"), Err(Errno::EPERM)),
            ("link over", proc.link("/tmp/g", "/tmp/d/f"), Err(Errno::EEXIST)),
            ("link", proc.link("/tmp/g", "/tmp/l"), Ok(())),
            ("rename to another name of it", proc.rename("/tmp/g", "/tmp/l"), Ok(())),
            ("rename over an empty one", proc.rename("/tmp/d", "/tmp/empty"), Ok(())),
            ("symlink there", proc.symlink("x", "/tmp/g"), Err(Errno::EEXIST)),
            ("rmdir /dev", proc.rmdir("/dev"), Err(Errno::EBUSY)),
            ("rename /proc", proc.rename("/proc", "/x"), Err(Errno::EBUSY)),
            ("write to /proc", proc.mkdir("/proc/x", 0o777), Err(Errno::ENOENT)),
            ("chmod nothing", proc.chmod("/zzz", 0o777), Err(Errno::ENOENT)),
        ];
        for (what, got, expected) in all {
            assert_eq!(got, expected, "{what}");
        }
        assert_eq!(names(&proc, "/tmp"), "empty g l");
        assert_eq!(
            (proc.stat("/tmp/l").unwrap().nlink, proc.stat("/tmp/g").unwrap().ino),
            (2, proc.stat("/tmp/l").unwrap().ino)
        );
        let exclusive = OpenFlags { exclusive: true, ..OpenFlags::WRITE };
        assert_eq!(proc.open("/tmp/g", exclusive, 0o644).err(), Some(Errno::EEXIST));
        assert_eq!(proc.open("/tmp", OpenFlags::WRITE, 0).err(), Some(Errno::EISDIR));
        let dir = OpenFlags { directory: true, ..OpenFlags::READ };
        assert_eq!(proc.open("/tmp/g", dir, 0).err(), Some(Errno::ENOTDIR));
    });
}

/// The answers are those of Linux 6.18.
#[test]
fn odd_endings_of_paths() {
    let world = World::new();
    world.run(|proc| async move {
        proc.chdir("/tmp").unwrap();
        proc.mkdir("d", 0o777).unwrap();
        proc.mkdir("empty", 0o777).unwrap();
        proc.write_file("d/f", b"").await.unwrap();
        proc.write_file("g", b"").await.unwrap();
        proc.symlink("nope", "dangling").unwrap();
        let open = |path, flags| proc.open(path, flags, 0o644).map(drop);
        let create = OpenFlags { truncate: false, ..OpenFlags::WRITE };
        let create_read = OpenFlags { create: true, ..OpenFlags::READ };
        let exclusive = OpenFlags { exclusive: true, ..create };
        let all = [
            ("open g/", open("g/", OpenFlags::READ), Err(Errno::ENOTDIR)),
            ("creat x/", open("x/", create), Err(Errno::EISDIR)),
            ("rename g x/", proc.rename("g", "x/"), Err(Errno::ENOTDIR)),
            ("unlink g/", proc.unlink("g/"), Err(Errno::ENOTDIR)),
            ("mkdir x/", proc.mkdir("x/", 0o777), Ok(())),
            ("rename x y/", proc.rename("x", "y/"), Ok(())),
            ("open g/..", open("g/..", OpenFlags::READ), Err(Errno::ENOTDIR)),
            ("symlink to nothing", proc.symlink("", "z"), Err(Errno::ENOENT)),
            ("symlink z/", proc.symlink("a", "z/"), Err(Errno::ENOENT)),
            ("rmdir empty/.", proc.rmdir("empty/."), Err(Errno::EINVAL)),
            ("rmdir empty/..", proc.rmdir("empty/.."), Err(Errno::ENOTEMPTY)),
            ("rename .", proc.rename(".", "q"), Err(Errno::EBUSY)),
            ("unlink .", proc.unlink("."), Err(Errno::EISDIR)),
            ("open a directory to create it", open("d", create_read), Err(Errno::EISDIR)),
            ("create anew through a dangling link", open("dangling", exclusive), Err(Errno::EEXIST)),
            ("mkdir dangling", proc.mkdir("dangling", 0o777), Err(Errno::EEXIST)),
            ("mkdir dangling/", proc.mkdir("dangling/", 0o777), Err(Errno::EEXIST)),
        ];
        for (what, got, expected) in all {
            assert_eq!(got, expected, "{what}");
        }
        assert_eq!(names(&proc, "."), "d dangling empty g y");
    });
}

#[test]
fn open_files_outlive_their_names() {
    let world = World::new();
    world.run(|proc| async move {
        proc.write_file("/tmp/f", b"one two").await.unwrap();
        let file = proc.open("/tmp/f", OpenFlags::READ, 0).unwrap();
        let copy = file.clone();
        assert_eq!(file.read(4).await.unwrap(), b"one ");
        proc.unlink("/tmp/f").unwrap();
        proc.write_file("/tmp/f", b"other").await.unwrap();
        assert_eq!(copy.read(10).await.unwrap(), b"two", "clones share the offset");
        assert_eq!(file.seek(0), Ok(0));
        assert_eq!(file.read_to_end().await.unwrap(), b"one two");
        assert_eq!(file.write_all(b"x").await, Err(Errno::EBADF));
        // A file of the image, opened before somebody changes it.
        let lower = proc.open("/etc/motd", OpenFlags::READ, 0).unwrap();
        let append = proc.open("/etc/motd", OpenFlags::APPEND, 0).unwrap();
        append.write_all(b"more\n").await.unwrap();
        assert_eq!(lower.read_to_end().await.unwrap(), b"hello\nmore\n");
        append.seek(0).unwrap();
        append.write_all(b"end\n").await.unwrap();
        assert_eq!(read(&proc, "/etc/motd").await, "hello\nmore\nend\n");
    });
}

#[test]
fn permissions() {
    let world = World::new();
    let mut options = world.options(world.container(), &["user"]);
    options.uid = 1000;
    options.gid = 1000;
    let proc = world.machine.spawn_fn(options, |proc| async move {
        assert_eq!(read(&proc, "/etc/motd").await, "hello\n");
        assert_eq!(read(&proc, "/etc/secret").await, "EACCES");
        assert_eq!(proc.write_file("/etc/motd", b"x").await, Err(Errno::EACCES));
        assert_eq!(proc.write_file("/etc/new", b"x").await, Err(Errno::EACCES));
        assert_eq!(proc.unlink("/etc/motd"), Err(Errno::EACCES));
        assert_eq!(proc.chmod("/etc/motd", 0o777), Err(Errno::EPERM));
        assert_eq!(proc.chown("/etc/motd", Some(1000), None), Err(Errno::EPERM));
        proc.write_file("/tmp/mine", b"x").await.unwrap();
        assert_eq!((proc.stat("/tmp/mine").unwrap().uid, proc.stat("/tmp/mine").unwrap().mode), (1000, 0o644));
        proc.mkdir("/tmp/locked", 0o700).unwrap();
        proc.write_file("/tmp/locked/f", b"x").await.unwrap();
        proc.chmod("/tmp/locked", 0o600).unwrap();
        assert_eq!(read(&proc, "/tmp/locked/f").await, "EACCES");
        assert_eq!(names(&proc, "/tmp/locked"), "f");
        assert_eq!(proc.access("/etc/motd", 4), Ok(()));
        assert_eq!(proc.access("/etc/motd", 2), Err(Errno::EACCES));
        0
    });
    world.pass(1.0);
    assert!(proc.status().is_some_and(|s| s.code() == 0));
    // Another user can't take it out of a sticky directory; a group can be shared by fsGroup.
    let ns = proc.namespaces().mnt.clone();
    let volume = Filesystem::empty("ext4", None);
    volume.chown("/", None, Some(2000)).unwrap();
    volume.chmod("/", 0o2775).unwrap();
    ns.mount(Mount { target: "/data".into(), fs: volume, source: "/".into(), read_only: false }).unwrap();
    let mut namespaces = world.container();
    namespaces.mnt = ns;
    let mut options = world.options(namespaces, &["other"]);
    options.uid = 3000;
    let other = world.machine.spawn_fn(options, |proc| async move {
        assert_eq!(proc.unlink("/tmp/mine"), Err(Errno::EPERM));
        assert_eq!(proc.rename("/tmp/mine", "/tmp/yours"), Err(Errno::EPERM));
        assert_eq!(proc.write_file("/data/f", b"x").await, Err(Errno::EACCES));
        proc.set_groups(&[2000]);
        proc.write_file("/data/f", b"x").await.unwrap();
        assert_eq!(proc.stat("/data/f").unwrap().gid, 2000, "set-group-id hands the group down");
        0
    });
    world.pass(1.0);
    assert!(other.status().is_some_and(|s| s.code() == 0));
}

#[test]
fn mounts() {
    let world = World::new();
    let ns = world.container();
    let config = Filesystem::empty("tmpfs", None);
    config.mkdir_all("/..v1", 0o755).unwrap();
    config.write("/..v1/key", b"value", 0o644).unwrap();
    config.symlink("..v1", "/..data").unwrap();
    config.symlink("..data/key", "/key").unwrap();
    let hosts = Filesystem::empty("ext4", None);
    hosts.write("/hosts", b"127.0.0.1 localhost\n", 0o644).unwrap();
    let small = Filesystem::empty("tmpfs", Some(10));
    let mount = |target: &str, fs: &Filesystem, source: &str, read_only| {
        let fs = fs.clone();
        ns.mnt.mount(Mount { target: target.into(), fs, source: source.into(), read_only })
    };
    mount("/var/run/config", &config, "/", true).unwrap();
    mount("/etc/hosts", &hosts, "/hosts", false).unwrap();
    mount("/key-only", &config, "/key", true).unwrap();
    mount("/small", &small, "/", false).unwrap();
    mount("/small/inner", &hosts, "/", false).unwrap();
    mount("/usr/bin/mounted", &hosts, "/hosts", true).unwrap();
    assert_eq!(mount("/etc/motd", &config, "/", true), Err(Errno::ENOTDIR));
    assert_eq!(mount("/tmp", &hosts, "/hosts", true), Err(Errno::ENOTDIR));
    assert_eq!(mount("/x", &hosts, "/absent", true), Err(Errno::ENOENT));
    ns.mnt.mkdir_all("/small/work/dir", 0o755).unwrap();
    ns.mnt.mkdir_all("/small/work/dir", 0o755).unwrap();
    assert_eq!(ns.mnt.mkdir_all("/etc/motd/x", 0o755), Err(Errno::ENOTDIR));
    assert_eq!(ns.mnt.mkdir_all("/etc/motd", 0o755), Err(Errno::ENOTDIR));
    assert!(small.exists("/work/dir"));
    let targets: Vec<String> = ns.mnt.mounts().into_iter().map(|m| m.target).collect();
    assert_eq!(
        targets,
        ["/", "/dev", "/var/run/config", "/etc/hosts", "/key-only", "/small", "/small/inner", "/bin/mounted"]
    );
    let kept = ns.clone();
    let fs = hosts.clone();
    let proc = world.machine.spawn_fn(world.options(ns, &["main"]), move |proc| async move {
        assert_eq!(read(&proc, "/var/run/config/key").await, "value");
        assert_eq!(read(&proc, "/key-only").await, "value");
        assert_eq!(proc.real_path("/var/run/config/key/").err(), Some(Errno::ENOTDIR));
        assert_eq!(proc.write_file("/var/run/config/key", b"x").await, Err(Errno::EROFS));
        assert_eq!(proc.mkdir("/var/run/config/x", 0o777), Err(Errno::EROFS));
        assert_eq!(proc.chmod("/var/run/config/key", 0o600), Err(Errno::EROFS));
        assert_eq!(proc.access("/var/run/config/key", 2), Err(Errno::EROFS));
        assert_eq!(read(&proc, "/var/run/config/../config/key").await, "value", ".. over a mount");
        assert_eq!(names(&proc, "/"), "a b bin dev etc home key-only log proc small sys tmp usr var");
        assert_eq!(names(&proc, "/small"), "inner work");
        assert_eq!(names(&proc, "/small/inner/.."), "inner work");
        proc.write_file("/etc/hosts", b"changed").await.unwrap();
        assert_eq!(fs.read("/hosts").unwrap(), b"changed");
        assert_eq!(proc.unlink("/etc/hosts"), Err(Errno::EBUSY));
        assert_eq!(proc.rename("/etc/motd", "/etc/hosts"), Err(Errno::EBUSY));
        assert_eq!(proc.rmdir("/small"), Err(Errno::EBUSY));
        assert_eq!(proc.rename("/etc/motd", "/small/motd"), Err(Errno::EXDEV));
        assert_eq!(proc.link("/etc/motd", "/small/motd"), Err(Errno::EXDEV));
        assert_eq!(proc.write_file("/small/f", b"0123456789abc").await, Err(Errno::ENOSPC));
        assert_eq!(read(&proc, "/small/f").await, "0123456789");
        assert_eq!(proc.write_file("/small/g", b"x").await, Err(Errno::ENOSPC));
        proc.unlink("/small/f").unwrap();
        proc.write_file("/small/g", b"01234567").await.unwrap();
        0
    });
    world.pass(1.0);
    assert!(proc.status().is_some_and(|s| s.code() == 0));
    assert_eq!(small.used(), 8);
    // The kubelet swaps a volume's content: mounts see it at once.
    config.mkdir_all("/..v2", 0o755).unwrap();
    config.write("/..v2/key", b"newer", 0o644).unwrap();
    config.symlink("..v2", "/..tmp").unwrap();
    config.rename("/..tmp", "/..data").unwrap();
    config.remove("/..v1").unwrap();
    let seen = world.machine.spawn_fn(world.options(world.container_with(kept), &["again"]), |proc| async move {
        i32::from(read(&proc, "/var/run/config/key").await == "newer" && read(&proc, "/key-only").await != "newer")
    });
    world.pass(1.0);
    assert!(seen.status().is_some_and(|s| s.code() == 1));
}

#[test]
fn read_only_roots_and_times() {
    let world = World::new();
    let mut ns = world.container();
    ns.mnt = MountNs::new(Filesystem::new("overlay", image(FILES)), true);
    let tmp = Filesystem::empty("tmpfs", None);
    ns.mnt.mount(Mount { target: "/tmp".into(), fs: tmp, source: "/".into(), read_only: false }).unwrap();
    let proc = world.machine.spawn_fn(world.options(ns, &["main"]), |proc| async move {
        assert_eq!(proc.write_file("/etc/motd", b"x").await, Err(Errno::EROFS));
        assert_eq!(proc.write_file("/new", b"x").await, Err(Errno::EROFS));
        assert_eq!(proc.unlink("/etc/motd"), Err(Errno::EROFS));
        proc.write_file("/dev/shm/x", b"x").await.unwrap();
        proc.write_file("/tmp/f", b"x").await.unwrap();
        let made = proc.stat("/tmp/f").unwrap().mtime;
        proc.sleep(std::time::Duration::from_secs(5)).await;
        assert_eq!(made, SimTime::ZERO);
        proc.touch("/tmp/f").unwrap();
        assert_eq!(proc.stat("/tmp/f").unwrap().mtime, SimTime::from_secs_f64(5.0));
        assert_eq!(proc.touch("/tmp/absent"), Err(Errno::ENOENT));
        0
    });
    world.pass(10.0);
    assert!(proc.status().is_some_and(|s| s.code() == 0));
}

#[test]
fn named_pipes() {
    let world = World::new();
    let got = world.run(|proc| async move {
        proc.mkfifo("/tmp/p", 0o644).unwrap();
        assert_eq!(proc.stat("/tmp/p").unwrap().file_type, FileType::Fifo);
        let writer = proc.fork(vec![], crate::os::process::Group::Inherit, |child| async move {
            child.sleep(std::time::Duration::from_secs(2)).await;
            child.write_file("/tmp/p", b"through").await.map_or(1, |()| 0)
        });
        let data = read(&proc, "/tmp/p").await;
        (data, proc.wait(writer).await.unwrap().code())
    });
    assert_eq!(got, ("through".to_owned(), 0));
}

#[test]
fn zeros_cost_nothing() {
    let world = World::new();
    let (sizes, ends) = world.run(|proc| async move {
        let file = proc.open("/tmp/big", OpenFlags::READ_WRITE, 0o644).unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..300 {
            file.write_all(&zeros).await.unwrap();
        }
        let size = proc.stat("/tmp/big").unwrap().size;
        let used = proc.statfs("/tmp").unwrap().0;
        // What isn't zero must be kept, and there is an end to it.
        assert_eq!(file.write_all(b"x").await, Err(Errno::EFBIG));
        assert_eq!(file.truncate(u64::MAX), Err(Errno::EFBIG));
        file.seek(3).unwrap();
        file.write_all(b"abc\0").await.unwrap();
        file.seek(0).unwrap();
        let head = file.read(10).await.unwrap();
        file.seek(size - 2).unwrap();
        ((size, used), (head, file.read(10).await.unwrap()))
    });
    assert_eq!(sizes, (300 << 20, 300 << 20));
    assert_eq!(ends, (b"\0\0\0abc\0\0\0\0".to_vec(), vec![0, 0]));
}

#[test]
fn truncation_and_holes() {
    let world = World::new();
    world.run(|proc| async move {
        let file = proc.open("/tmp/f", OpenFlags::READ_WRITE, 0o644).unwrap();
        file.write_all(b"abc").await.unwrap();
        file.seek(5).unwrap();
        file.write_all(b"d").await.unwrap();
        assert_eq!(proc.read_file("/tmp/f").await.unwrap(), b"abc\0\0d");
        file.truncate(2).unwrap();
        assert_eq!(proc.stat("/tmp/f").unwrap().size, 2);
        assert_eq!(proc.read_file("/dev/zero").await, Err(Errno::EFBIG));
        assert_eq!(File::null().seek(3), Ok(0));
        assert_eq!(proc.pipe().0.seek(0), Err(Errno::ESPIPE));
    });
}

/// What a file system should do, as plainly as can be: paths to contents.
#[derive(Default)]
struct Model(BTreeMap<String, Option<Vec<u8>>>);

impl Model {
    fn parent_ok(&self, path: &str) -> Result<(), Errno> {
        let dir = &path[..path.rfind('/').unwrap_or(0)];
        // Each directory on the way must be there, the first that isn't decides.
        let mut end = 0;
        loop {
            match dir[end..].find('/').map(|i| end + i + 1).or((end < dir.len()).then_some(dir.len() + 1)) {
                None => return Ok(()),
                Some(next) => {
                    let prefix = &dir[..next - 1];
                    if !prefix.is_empty() {
                        match self.0.get(prefix) {
                            None => return Err(Errno::ENOENT),
                            Some(Some(_)) => return Err(Errno::ENOTDIR),
                            Some(None) => {}
                        }
                    }
                    end = next.min(dir.len());
                    if next > dir.len() {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn children(&self, path: &str) -> bool {
        self.0.keys().any(|k| k.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    fn write(&mut self, path: &str, data: &[u8], append: bool) -> Result<(), Errno> {
        self.parent_ok(path)?;
        match self.0.entry(path.to_owned()).or_insert_with(|| Some(Vec::new())) {
            None => Err(Errno::EISDIR),
            Some(old) => {
                if !append {
                    old.clear();
                }
                old.extend_from_slice(data);
                Ok(())
            }
        }
    }

    fn mkdir(&mut self, path: &str) -> Result<(), Errno> {
        self.parent_ok(path)?;
        if self.0.contains_key(path) {
            return Err(Errno::EEXIST);
        }
        self.0.insert(path.to_owned(), None);
        Ok(())
    }

    fn unlink(&mut self, path: &str) -> Result<(), Errno> {
        self.parent_ok(path)?;
        match self.0.get(path) {
            None => Err(Errno::ENOENT),
            Some(None) => Err(Errno::EISDIR),
            Some(Some(_)) => {
                self.0.remove(path);
                Ok(())
            }
        }
    }

    fn rmdir(&mut self, path: &str) -> Result<(), Errno> {
        self.parent_ok(path)?;
        match self.0.get(path) {
            None => Err(Errno::ENOENT),
            Some(Some(_)) => Err(Errno::ENOTDIR),
            Some(None) if self.children(path) => Err(Errno::ENOTEMPTY),
            Some(None) => {
                self.0.remove(path);
                Ok(())
            }
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        self.parent_ok(from)?;
        self.parent_ok(to)?;
        let Some(old) = self.0.get(from) else { return Err(Errno::ENOENT) };
        if old.is_none() && to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Errno::EINVAL);
        }
        if from == to {
            return Ok(());
        }
        match (old, self.0.get(to)) {
            (None, Some(Some(_))) => return Err(Errno::ENOTDIR),
            (Some(_), Some(None)) => return Err(Errno::EISDIR),
            (None, Some(None)) if self.children(to) => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.0.remove(to);
        let below = |key: &str| key == from || key.strip_prefix(from).is_some_and(|rest| rest.starts_with('/'));
        let moved: Vec<String> = self.0.keys().filter(|key| below(key)).cloned().collect();
        for key in moved {
            if let Some(value) = self.0.remove(&key) {
                self.0.insert(format!("{to}{}", &key[from.len()..]), value);
            }
        }
        Ok(())
    }
}

fn random_path(rng: &mut Rng) -> String {
    let depth = 1 + rng.below(3);
    (0..depth).map(|_| format!("/{}", ["a", "b", "c"][rng.below(3) as usize])).collect()
}

#[test]
fn random_operations_agree_with_a_model() {
    for seed in 0..20 {
        let world = World::new();
        let mut ns = world.container();
        // Half of it begins in an image.
        let lower: &[(&str, u32, &str)] = &[("/a/b", 0o644, "low"), ("/b/a/c", 0o644, "lower"), ("/c", 0o644, "")];
        let fs = Filesystem::new("overlay", image(lower));
        ns.mnt = MountNs::new(fs.clone(), false);
        let proc = world.machine.spawn_fn(world.options(ns, &["main"]), move |proc| async move {
            let mut rng = crate::sim::Sim::new(seed, jiff::Timestamp::UNIX_EPOCH).rng("operations");
            let mut model = Model::default();
            for dir in ["/a", "/b", "/b/a"] {
                model.mkdir(dir).unwrap();
            }
            for (path, _, text) in lower {
                model.write(path, text.as_bytes(), false).unwrap();
            }
            for step in 0..400 {
                let (path, other) = (random_path(&mut rng), random_path(&mut rng));
                let data = rng.hex(rng.clone().below(20) as usize);
                let (what, got, expected) = match rng.below(7) {
                    0 | 1 => {
                        let got = proc.write_file(&path, data.as_bytes()).await;
                        ("write", got, model.write(&path, data.as_bytes(), false))
                    }
                    2 => {
                        let got = match proc.open(&path, OpenFlags::APPEND, 0o644) {
                            Ok(file) => file.write_all(data.as_bytes()).await,
                            Err(errno) => Err(errno),
                        };
                        ("append", got, model.write(&path, data.as_bytes(), true))
                    }
                    3 => ("mkdir", proc.mkdir(&path, 0o755), model.mkdir(&path)),
                    4 => ("unlink", proc.unlink(&path), model.unlink(&path)),
                    5 => ("rmdir", proc.rmdir(&path), model.rmdir(&path)),
                    _ => ("rename", proc.rename(&path, &other), model.rename(&path, &other)),
                };
                // Which of two true complaints about a rename comes first isn't worth a rule.
                let both_fail = what == "rename" && got.is_err() && expected.is_err();
                assert!(
                    got == expected || both_fail,
                    "seed {seed} step {step} {what} {path} {other}: {got:?} {expected:?}"
                );
                let files: Vec<(String, u64)> = fs.files();
                let wanted: Vec<(String, u64)> =
                    model.0.iter().filter_map(|(k, v)| Some((k.clone(), v.as_ref()?.len() as u64))).collect();
                assert_eq!(files, wanted, "seed {seed} step {step} {what} {path} {other}");
            }
            for (path, content) in &model.0 {
                match content {
                    Some(content) => assert_eq!(proc.read_file(path).await.as_ref(), Ok(content)),
                    None => assert_eq!(proc.stat(path).unwrap().file_type, FileType::Directory),
                }
            }
            0
        });
        world.pass(1.0);
        assert!(proc.status().is_some_and(|s| s.code() == 0), "seed {seed}");
    }
}

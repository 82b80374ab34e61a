//! Nothing that a start does, or fails at, appears on the host.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::{ENGINES, Place};
use crate::stage::IMAGE;

/// All that is below `folder`, and that itself: path, mode, owner, and content or what a link names.
fn tree(folder: &Path) -> Vec<(PathBuf, u32, u32, Vec<u8>)> {
    let about = folder.symlink_metadata().unwrap();
    let mut found = Vec::new();
    let mut content = Vec::new();
    if about.is_dir() {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        found = entries.flat_map(|entry| tree(&entry.path())).collect();
    } else if about.is_symlink() {
        content = std::fs::read_link(folder).unwrap().into_os_string().into_encoded_bytes();
    } else {
        content = std::fs::read(folder).unwrap();
    }
    found.push((folder.to_owned(), about.permissions().mode(), about.uid(), content));
    found.sort();
    found
}

/// A place with a working directory, another one beside it, and links from one to the other.
fn place(engine: &str) -> (Place, [PathBuf; 2]) {
    let place = Place::on(engine);
    place.scenario.write("work/sub/file", "content\n");
    place.scenario.write("other/file", "content\n");
    let (work, other) = (place.work(), place.scenario.home().join("other"));
    symlink("nowhere", work.join("dangling")).unwrap();
    symlink("../other", work.join("outside")).unwrap();
    symlink("sub", work.join("inside")).unwrap();
    (place, [work, other])
}

#[test]
fn a_missing_working_directory_must_not_appear_on_the_host() {
    for engine in ENGINES {
        let (place, folders) = place(engine);
        let [work, other] = &folders;
        let mount = |mode: &str| format!("--mount={}:{mode}", other.display());
        let (read, write) = (mount("ro"), mount("rw"));
        let absolute = |name: &str| work.join(name).display().to_string();
        // What is there can be entered, from a spare too, which was made before it was there.
        for (options, workdir, shown) in [
            (&[][..], "sub", "sub"),
            (&["--write"], "inside", "sub"),
            (&["--discard"], &absolute("sub"), "sub"),
        ] {
            let workdir = format!("--workdir={workdir}");
            let words = [options, &[workdir.as_str(), "--", "sh", "-c", "pwd -P; cat file"]].concat();
            let seen = place.same(&words, b"");
            let expected = format!("{}\ncontent\n", absolute(shown));
            assert_eq!(String::from_utf8_lossy(&seen.stdout), expected, "{options:?}");
        }
        std::fs::create_dir(work.join("made")).unwrap();
        let made = place.same(&["--workdir=made", "--", "pwd"], b"");
        assert_eq!(String::from_utf8_lossy(&made.stdout), format!("{}\n", absolute("made")));
        let before = folders.each_ref().map(|folder| tree(folder));
        let beside = other.join("missing").display().to_string();
        for (options, workdir) in [
            (&[][..], "missing"),
            (&["--warm=1"], "missing/dir"),
            (&["--write"], &absolute("missing/dir")),
            (&["--discard"], "missing/dir"),
            (&["--discard", "--warm=1"], "sub/missing"),
            (&["--write", "--warm=1"], "./sub/../missing/"),
            (&[&read], &beside),
            (&[&write], &beside),
            (&[&write], "outside/missing"),
            (&[], "inside/missing"),
            (&[], "dangling"),
            (&["--warm=1"], "dangling"),
            (&["--write"], "dangling/dir"),
            (&[&write], "outside/../missing"),
            (&[], "sub/file"),
            (&[], "/no/such/dir"),
        ] {
            let workdir = format!("--workdir={workdir}");
            let words = [options, &[workdir.as_str(), "--", "true"]].concat();
            place.run(&words).exits(125).says("working directory `").says("hint: ");
            let after = folders.each_ref().map(|folder| tree(folder));
            assert_eq!(after, before, "on {engine}: do {words:?}");
        }
        let words = ["--format=json", "--workdir=dangling", "--", "true"];
        let report: serde_json::Value = serde_json::from_slice(&place.run(&words).exits(125).stdout).unwrap();
        let expected =
            format!("working directory `{}`: no such directory in the sandbox", absolute("dangling"));
        assert_eq!(report["error"]["message"], expected.as_str(), "{report:#}");
        assert!(report["error"]["hints"][0]["commands"][0].is_string(), "{report:#}");
        place.wait_until_over();
    }
}

#[test]
fn a_home_in_the_project_must_not_appear_on_the_host() {
    for engine in ENGINES {
        let (place, folders) = place(engine);
        let before = folders.each_ref().map(|folder| tree(folder));
        for home in ["home", "sub/home", "sub/../home", "dangling", "../work/home"] {
            for options in [&[][..], &["--write"], &["--discard"]] {
                let home = format!("--env=HOME={}/{home}", place.work().display());
                place.run(&[options, &[&home, "--", "true"]].concat());
                assert_eq!(folders.each_ref().map(|folder| tree(folder)), before, "{home} {options:?}");
            }
        }
        place.wait_until_over();
    }
}

#[test]
fn a_volume_of_the_image_must_not_appear_on_the_host() {
    for engine in ENGINES {
        let (place, folders) = place(engine);
        let name = format!("{}-volume", place.scenario.name());
        let made = place.scenario.ask(&["create", IMAGE, "true"]);
        let change = format!("--change=VOLUME {}/vol/deep", place.work().display());
        place.scenario.ask(&["commit", &change, &made, &name]);
        place.scenario.ask(&["rm", &made]);
        let before = folders.each_ref().map(|folder| tree(folder));
        let image = format!("--image={name}");
        for options in [&[][..], &["--warm=1"], &["--write"], &["--discard"]] {
            let words = [options, &[image.as_str(), "--", "true"]].concat();
            place.run(&words).exits(125).says("volume").says("hint: create it yourself:\n    mkdir -p ");
            assert_eq!(folders.each_ref().map(|folder| tree(folder)), before, "on {engine}: {options:?}");
        }
        std::fs::create_dir_all(place.work().join("vol/deep")).unwrap();
        let seen = place.same(&[&image, "--", "sh", "-c", "echo x >vol/deep/x; ls vol/deep"], b"");
        assert_eq!(String::from_utf8_lossy(&seen.stdout), "x\n", "a volume is writable: {seen:?}");
        assert_eq!(std::fs::read_dir(place.work().join("vol/deep")).unwrap().count(), 0);
        place.wait_until_over();
        for sandbox in place.sandboxes() {
            place.scenario.ask(&["rm", "--force", "--volumes", &sandbox]);
        }
        place.scenario.ask(&["rmi", "--force", &name]);
    }
}

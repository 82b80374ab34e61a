//! Where gVisor may come from, and everything that may be wrong with it.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::stage::{Io, Mirror, Scenario, Site};

pub(crate) const ARCHIVE: &str = "gvisor.tar.bz2";

/// Runs a shell line in `folder`.
pub(crate) fn sh(folder: &Path, line: &str) {
    let output = Command::new("sh").args(["-ec", line]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

/// gVisor's archive and its sum, as releases have them.
pub(crate) fn archive(site: &Site) -> (Vec<u8>, Vec<u8>) {
    let folder = site.source();
    sh(&folder, &format!("tar -cjf ../{ARCHIVE} * && cd .. && sha512sum {ARCHIVE} > {ARCHIVE}.sha512"));
    (std::fs::read(site.path(ARCHIVE)).unwrap(), std::fs::read(site.path("gvisor.tar.bz2.sha512")).unwrap())
}

/// The sum file of `content` under the archive's name.
pub(crate) fn sum_of(site: &Site, content: &[u8]) -> Vec<u8> {
    let folder = site.path("sums");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(ARCHIVE), content).unwrap();
    sh(&folder, &format!("sha512sum {ARCHIVE} > sum"));
    std::fs::read(folder.join("sum")).unwrap()
}

pub(crate) fn from(source: &str) -> [&str; 3] {
    ["--from", source, "--yes"]
}

#[test]
fn a_mirror_must_lead_to_a_sandbox_and_back() {
    let site = Site::new();
    let before = site.files();
    let (content, sum) = archive(&site);
    let mirror = Mirror::start();
    let url = mirror.put(ARCHIVE, content);
    mirror.put("gvisor.tar.bz2.sha512", sum);
    let (container, run) = site.bystander();
    site.setup(from(&url)).exits(0).says("is `runsc-sandbox`");
    let names = [
        "daemon.json",
        "opt",
        "opt/containerd-shim-runsc-v1",
        "opt/gvisor-bin",
        "opt/gvisor-bin/part",
        "opt/runsc",
    ];
    let seen: Vec<String> =
        site.names().into_iter().filter(|name| !name.starts_with("daemon.json.")).collect();
    assert_eq!(seen, names);
    for (path, (mode, _)) in site.files() {
        let wanted = if path.ends_with("part") { 0o644 } else { 0o755 };
        assert!(!path.starts_with(site.path("opt")) || mode == wanted, "{}: {mode:o}", path.display());
    }
    site.undo().exits(0);
    assert_eq!(site.files(), before);
    assert_eq!(site.run_of(&container), run);
}

#[test]
fn a_mirror_with_anything_wrong_must_change_nothing() {
    let site = Site::new();
    let before = site.files();
    let (content, sum) = archive(&site);
    let mirror = Mirror::start();
    let url = mirror.put(ARCHIVE, content.clone());
    let fails = |what: &str| {
        site.setup(from(&url)).exits(1).says(what).says("everything is as it was");
        assert_eq!(site.files(), before, "{what}");
    };
    fails("no checksum, so nothing was fetched");
    mirror.put("gvisor.tar.bz2.sha512", "<html>404, with status 200</html>");
    fails("has no SHA-512 sum of `gvisor.tar.bz2` in it");
    mirror.put("gvisor.tar.bz2.sha512", format!("{}  {ARCHIVE}\n", "0".repeat(128)));
    fails("wrong checksum");
    // The archive itself: not there, a page that says so, cut off.
    mirror.put("gvisor.tar.bz2.sha512", sum.clone());
    mirror.take_away(ARCHIVE);
    fails("the server does not have it");
    mirror.put(ARCHIVE, "<html>404, with status 200</html>");
    fails("wrong checksum");
    mirror.put(ARCHIVE, &content[..content.len() / 2]);
    fails("wrong checksum");
    mirror.put("gvisor.tar.bz2.sha512", sum_of(&site, &content[..content.len() / 2]));
    fails("cannot be unpacked");
    mirror.put("gvisor.tar.bz2.sha512", sum_of(&site, b"<html>"));
    mirror.put(ARCHIVE, "<html>");
    fails("cannot be unpacked");
    assert_eq!(site.registered("runsc"), "");
    site.setup(from("http://127.0.0.1:1/x.tar.bz2")).exits(1).says("cannot fetch");
    // And then everything is right.
    mirror.put(ARCHIVE, content);
    mirror.put("gvisor.tar.bz2.sha512", sum);
    site.setup(from(&url)).exits(0);
}

#[test]
fn a_download_that_broke_off_must_go_on_where_it_was() {
    for program in ["curl", "wget"] {
        let site = Site::with(|scenario| only_with(scenario, program));
        let (content, sum) = archive(&site);
        let mirror = Mirror::start();
        let half = content.len() / 2;
        let url = mirror.put(ARCHIVE, content);
        mirror.put("gvisor.tar.bz2.sha512", sum);
        mirror.cut_once(ARCHIVE);
        let outcome = site.setup(from(&url));
        if !outcome.status.success() {
            site.setup(from(&url)).exits(0);
        }
        let part = format!("/{ARCHIVE} 206 from {half}");
        assert!(mirror.log().contains(&part), "{program}: {:?}", mirror.log());
        site.undo().exits(0);
    }
}

/// A PATH with one of the two downloaders.
fn only_with(scenario: Scenario, program: &str) -> Scenario {
    let bin = scenario.home().join("bin");
    for name in [program, "sh", "tar", "bzip2", "unshare", "mount"] {
        let target = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
        let target = String::from_utf8(target.stdout).unwrap();
        std::os::unix::fs::symlink(target.trim(), bin.join(name)).unwrap();
    }
    scenario.env("PATH", bin)
}

#[test]
fn an_archive_that_reaches_out_of_itself_must_be_refused() {
    let site = Site::new();
    let before = site.files();
    let folder = site.source();
    for (make, why) in [
        ("tar -cjPf ../bad.tar.bz2 runsc /etc/hostname", "points out of it"),
        ("tar -cjPf ../bad.tar.bz2 runsc ../docker.pid", "points out of it"),
        (
            "ln -s /etc/passwd out && tar -cjf ../bad.tar.bz2 runsc out && rm out",
            "a link in it points out of it",
        ),
        ("ln -s ../x out && tar -cjf ../bad.tar.bz2 runsc out && rm out", "a link in it points out of it"),
        (
            "mknod null c 1 3 && tar -cjf ../bad.tar.bz2 runsc null && rm null",
            "neither file, folder nor link",
        ),
        (
            "mkdir deep && cp runsc deep && tar -cjf ../bad.tar.bz2 deep && rm -r deep",
            "no `runsc` in it at its top",
        ),
        ("cp ../docker.pid runsc && tar -cjf ../bad.tar.bz2 runsc", "is no runsc that runs here"),
    ] {
        sh(&folder, &format!("{make} && cd .. && sha512sum bad.tar.bz2 > bad.tar.bz2.sha512"));
        let bad = site.path("bad.tar.bz2");
        site.setup(from(bad.to_str().unwrap())).exits(1).says(why);
        assert_eq!(site.files(), before, "{make}");
    }
}

#[test]
fn files_and_folders_must_do_where_there_is_no_network() {
    let site = Site::new();
    let before = site.files();
    archive(&site);
    let works = |source: &Path| {
        site.setup(from(source.to_str().unwrap())).exits(0);
        site.undo().exits(0);
        assert_eq!(site.files(), before);
    };
    // An archive, a folder with one, and a runsc alone.
    works(&site.path(ARCHIVE));
    let copy = site.path("copy");
    sh(&site.own.engine.dir, "mkdir copy alone && cp gvisor.tar.bz2* copy && cp source/runsc alone/gvisor");
    works(&copy);
    sh(&site.path("alone"), "sha512sum gvisor > gvisor.sha512");
    works(&site.path("alone/gvisor"));
    sh(&copy, "rm *.sha512");
    let copy = copy.join(ARCHIVE);
    site.setup(from(copy.to_str().unwrap())).exits(1).says("no checksum: there is no");
    sh(&site.path("alone"), "echo x >> gvisor");
    site.setup(from(site.path("alone/gvisor").to_str().unwrap())).exits(1).says("wrong checksum");
    assert_eq!(site.files(), before);
}

/// An apt that knows one package: it leaves a runsc in PATH, as the real one does.
const APT: &str = r#"#!/bin/sh
echo "apt-get $*" >>"$0.log"
here=${0%/*}
case " $* " in
*" install "*) [ ! -e /etc/docker/daemon.json ] || echo "postinst would have run" >>"$0.log"; cp "$here/../runsc" "$here/runsc" ;;
*" purge "*) rm "$here/runsc" ;;
esac
"#;
const DPKG: &str = "#!/bin/sh\n[ ! -e \"${0%/*}/runsc\" ] || printf installed\n";

/// The machine's own apt stays out of it: its folders are laid over in a mount namespace of the test's own.
const OVERLAY: &str = r#"set -e
    mount -t tmpfs none /etc/apt/sources.list.d && mount -t tmpfs none /usr/share/keyrings
    mkdir -p /etc/docker && mount -t tmpfs none /etc/docker && echo '{}' >/etc/docker/daemon.json
    if [ -n "$LISTED" ]; then echo "deb https://storage.googleapis.com/gvisor/releases release main" >/etc/apt/sources.list.d/own.list; fi
    "$@"; code=$?
    ls /etc/apt/sources.list.d /usr/share/keyrings >&2
    exit $code"#;

#[test]
fn apt_must_install_and_remove_the_package_and_never_register_by_itself() {
    let words = ["unshare", "--mount", "sh", "-c", OVERLAY, "sh"];
    let site = Site::with(|scenario| scenario.env("LISTED", "yes").through(words));
    let before = site.files();
    let bin = site.scenario.home().join("bin");
    sh(site.scenario.home(), &format!("cp {} runsc", site.path("bin/runsc").display()));
    for (name, text) in [("apt-get", APT), ("dpkg-query", DPKG)] {
        site.scenario.write(&format!("bin/{name}"), text);
        sh(&bin, &format!("chmod 755 {name}"));
    }
    sh(site.scenario.home(), "chmod 755 .");
    site.setup(["--from=apt", "--yes"]).exits(0).says("is `runsc-sandbox`");
    assert_eq!(site.registered("runsc"), bin.join("runsc").to_str().unwrap());
    site.undo().exits(0);
    assert_eq!(site.files(), before);
    let log = std::fs::read_to_string(bin.join("apt-get.log")).unwrap();
    assert_eq!(
        log,
        "apt-get update -q\napt-get install -qy -oDpkg::Use-Pty=0 runsc\napt-get purge -qy runsc\n"
    );
}

#[test]
fn a_terminal_must_see_how_far_the_download_is() {
    let site = Site::new();
    let (content, sum) = archive(&site);
    let mirror = Mirror::start();
    let url = mirror.put(ARCHIVE, content);
    mirror.put("gvisor.tar.bz2.sha512", sum);
    let words: Vec<OsString> = from(&url).iter().map(OsString::from).collect();
    let outcome = site.start(words, Io::Terminal).end().exits(0);
    assert!(outcome.out().contains("100"), "{outcome}");
}

//! Another user of the machine plants what setup, as root, would read, run, follow or remove: root's files stay as
//! they were, and nothing of that user's runs.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::setup_sources::{ARCHIVE, archive, from, sh, sum_of};
use crate::stage::site::{Files, collect};
use crate::stage::{Io, Mirror, Site};

/// Nobody's id on any machine of ours; no entry in /etc/passwd is needed.
const USER: u32 = 61_234;

/// A directory of that user's.
fn users(site: &Site, name: &str) -> PathBuf {
    let folder = site.path(name);
    std::fs::create_dir_all(&folder).unwrap();
    give_away(&folder);
    folder
}

fn give_away(path: &Path) {
    std::os::unix::fs::lchown(path, Some(USER), Some(USER)).unwrap();
}

/// A file of root's that nobody else can read.
fn victim(site: &Site) -> PathBuf {
    let path = site.path("victim");
    std::fs::write(&path, "root's secret\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// What a file is, owner included.
fn state(path: &Path) -> (u32, u32, u64, Vec<u8>) {
    let about = std::fs::symlink_metadata(path).unwrap();
    (about.uid(), about.mode(), about.ino(), std::fs::read(path).unwrap())
}

fn tree(path: &Path) -> Files {
    let mut files = Files::new();
    collect(path, &mut files);
    files
}

/// A program that notes that it ran, and as whom, and then becomes `real`.
fn plant(path: &Path, marker: &Path, real: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = format!("#!/bin/sh\nid -u >>{}\nexec {real} \"$@\"\n", marker.display());
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    give_away(path);
}

/// Journals that would have root remove or exchange `victim`.
fn journals(victim: &Path, theirs: &Path) -> [serde_json::Value; 4] {
    let id = std::fs::metadata(victim).map(|about| (about.dev(), about.ino())).unwrap();
    let apt = json!({"files": [victim], "had_package": true});
    [
        json!({"done": {"apt": apt}, "pending": null}),
        json!({"done": null, "pending": {"stages": [victim]}}),
        json!({"done": {"placed": [{"to": victim, "kept": null, "id": id}]}, "pending": null}),
        json!({"done": {"placed": [{"to": victim, "kept": theirs, "id": id}]}, "pending": null}),
    ]
}

#[test]
fn a_journal_in_a_users_directory_must_not_be_believed() {
    let site = Site::new();
    let (victim, home) = (victim(&site), users(&site, "user"));
    let (config, theirs) = (home.join("daemon.json"), home.join("theirs"));
    for text in journals(&victim, &theirs) {
        std::fs::write(&config, "{}\n").unwrap();
        std::fs::write(&theirs, "theirs\n").unwrap();
        let journal = home.join("daemon.json.docker-sandbox-runsc");
        std::fs::write(&journal, text.to_string()).unwrap();
        for path in [&config, &theirs, &journal] {
            give_away(path);
        }
        let (before, planted) = (state(&victim), tree(&home));
        let words = ["--undo", "--yes", "--config-file", config.to_str().unwrap()];
        site.setup(words).exits(1).says("other users can change").says("belongs to user 61234");
        let source = site.source();
        let words = ["--from", source.to_str().unwrap(), "--yes", "--config-file", config.to_str().unwrap()];
        site.setup(words).exits(1).says("other users can change").says("hint:");
        assert_eq!(state(&victim), before, "{text}");
        assert_eq!(tree(&home), planted, "{text}");
    }
}

#[test]
fn a_journal_must_be_roots_own_file() {
    let site = Site::new();
    let victim = victim(&site);
    let journal = site.path("daemon.json.docker-sandbox-runsc");
    let theirs = site.path("theirs");
    std::fs::write(&theirs, "theirs\n").unwrap();
    let refused = |what: &str| {
        let before = state(&victim);
        site.undo().exits(1).says("was not written by setup");
        site.set_up().exits(1).says("was not written by setup");
        assert_eq!(state(&victim), before, "{what}");
    };
    for text in journals(&victim, &theirs) {
        std::fs::write(&journal, text.to_string()).unwrap();
        give_away(&journal);
        refused("another user's");
        chown(&journal, Some(0), Some(0)).unwrap();
        std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o666)).unwrap();
        refused("for all to write");
        std::fs::remove_file(&journal).unwrap();
        let elsewhere = users(&site, "user").join("journal");
        std::fs::write(&elsewhere, text.to_string()).unwrap();
        symlink(&elsewhere, &journal).unwrap();
        refused("a link");
        std::fs::remove_file(&journal).unwrap();
    }
    // A directory that others can write to is theirs as well.
    let open = site.path("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    let config = open.join("daemon.json");
    std::fs::write(&config, "{}\n").unwrap();
    let words = ["--undo", "--yes", "--config-file", config.to_str().unwrap()];
    site.setup(words)
        .exits(1)
        .says("others can write to")
        .says(&format!("sudo chmod go-w {}", open.display()));
}

#[test]
fn programs_must_not_go_where_a_user_can_exchange_them() {
    let site = Site::new();
    let (before, source) = (site.files(), site.source());
    let home = users(&site, "user");
    std::fs::create_dir(site.path("roots")).unwrap();
    symlink(site.path("roots"), home.join("link")).unwrap();
    give_away(&home.join("link"));
    for prefix in [home.join("bin"), home.clone(), home.join("link")] {
        let planted = tree(&home);
        let words =
            ["setup", "--from", source.to_str().unwrap(), "--yes", "--prefix", prefix.to_str().unwrap()];
        site.scenario
            .direct(words)
            .exits(1)
            .says("and the daemon would run what is in there")
            .says("--prefix /usr/local/bin");
        assert_eq!((tree(&home), site.files()), (planted, before.clone()));
    }
    // Given away since: nothing is removed by a name that leads elsewhere tomorrow.
    site.set_up().exits(0);
    let placed = site.files();
    give_away(&site.path("opt"));
    site.undo().exits(1).says("and nothing is removed there");
    chown(site.path("opt"), Some(0), Some(0)).unwrap();
    let names = |files: &Files| {
        files.keys().filter(|path| path.starts_with(site.path("opt"))).cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(&site.files()), names(&placed));
    site.undo().exits(0);
    assert_eq!(site.files(), before);
}

#[test]
fn downloads_must_not_go_through_a_users_cache() {
    let path = |scenario: &crate::stage::Scenario| scenario.home().join("users-cache");
    let site = Site::with(|scenario| {
        let cache = path(&scenario);
        std::fs::create_dir_all(cache.join("docker-sandbox/downloads")).unwrap();
        scenario.env("XDG_CACHE_HOME", &cache).env("HOME", cache)
    });
    let (cache, before, victim) = (path(&site.scenario), site.files(), victim(&site));
    let (content, sum) = archive(&site);
    let mirror = Mirror::start();
    let url = mirror.put(ARCHIVE, content);
    mirror.put("gvisor.tar.bz2.sha512", sum.clone());
    // The name under which a download waits: a link there had root write to where it leads.
    let waits = format!("{}-{ARCHIVE}", std::str::from_utf8(&sum[..32]).unwrap());
    symlink(&victim, cache.join("docker-sandbox/downloads").join(waits)).unwrap();
    // sudo may leave root the user's home as well: curl's and wget's own configuration has them write anywhere.
    let options = format!("trace-ascii = {}\n", victim.display());
    std::fs::write(cache.join(".curlrc"), options).unwrap();
    std::fs::write(cache.join(".wgetrc"), format!("logfile = {}\n", victim.display())).unwrap();
    for folder in ["", "docker-sandbox", "docker-sandbox/downloads"] {
        give_away(&cache.join(folder));
    }
    let (secret, planted) = (state(&victim), tree(&cache));
    site.setup(from(&url)).exits(0).says("is `runsc-sandbox`");
    assert_eq!(state(&victim), secret);
    assert_eq!(tree(&cache), planted);
    site.undo().exits(0);
    assert_eq!(site.files(), before);
    assert_eq!(state(&victim), secret);
}

#[test]
fn what_was_verified_must_be_what_is_unpacked() {
    let site = Site::new();
    let before = site.files();
    archive(&site);
    let home = users(&site, "user");
    let theirs = home.join(ARCHIVE);
    for name in [ARCHIVE, "gvisor.tar.bz2.sha512"] {
        std::fs::copy(site.path(name), home.join(name)).unwrap();
        give_away(&home.join(name));
    }
    let good = std::fs::read(site.path("source/runsc")).unwrap();
    let mut running = site.start(from(theirs.to_str().unwrap()), Io::Terminal);
    // By then the sum was right; from now on the same file is another archive.
    running.wait_for("unpacked:");
    let mut evil = std::fs::read(&theirs).unwrap();
    evil.fill(0);
    std::fs::write(&theirs, evil).unwrap();
    running.end().exits(0);
    assert_eq!(std::fs::read(site.path("opt/runsc")).unwrap(), good);
    site.undo().exits(0);
    assert_eq!(site.files(), before);
}

#[test]
fn a_download_without_end_must_be_ended() {
    let site = Site::new();
    let before = site.files();
    let mirror = Mirror::start();
    let url = mirror.put_endless(ARCHIVE);
    mirror.put("gvisor.tar.bz2.sha512", sum_of(&site, b"whatever it is"));
    site.setup(from(&url)).exits(1).says("would have more than 512 MB").says("everything is as it was");
    let left = tree(&site.scenario.home().join("cache"));
    assert!(left.keys().all(|path| path.is_dir()), "{:?}", left.keys());
    mirror.put(ARCHIVE, "x");
    let url = mirror.put_endless("gvisor.tar.bz2.sha512");
    site.setup(from(url.trim_end_matches(".sha512"))).exits(1).says("would have more than 1 MB");
    assert_eq!(site.files(), before);
}

#[test]
fn an_archive_of_no_release_must_be_refused_before_it_is_written() {
    let site = Site::new();
    let before = site.files();
    let folder = site.source();
    for (make, why) in [
        ("chmod 4755 runsc && tar -cf ../bad.tar runsc; chmod 755 runsc", "is set-user-ID or set-group-ID"),
        ("chmod 2755 runsc && tar -cf ../bad.tar runsc; chmod 755 runsc", "is set-user-ID or set-group-ID"),
        ("mkfifo pipe && tar -cf ../bad.tar runsc pipe; rm pipe", "neither file, folder nor link"),
        ("tar -cf ../bad.tar runsc runsc --hard-dereference", "is in it twice"),
        ("tar -cf ../bad.tar --transform 's|^gvisor-bin|runsc|' runsc gvisor-bin/part", "is in it twice"),
        (
            "mkdir d && ln -s ../gvisor-bin d/up && tar -cf ../bad.tar runsc d; rm -r d",
            "a link in it points out of it",
        ),
        ("ln -s nowhere out && tar -cf ../bad.tar runsc out; rm out", "its link"),
        ("cp runsc $(printf '%0120d' 1) && tar -cf ../bad.tar 0*; rm 0*", "has more than 100 bytes"),
        (
            "tar --format=pax --pax-option=size:=9 -cf ../bad.tar runsc",
            "an extended header in it sets `size`",
        ),
        (
            "truncate -s 3G big && tar -cf - big | head -c 1M >../bad.tar; rm big",
            "it holds more than 2048 MB",
        ),
        (
            "mkdir many && (cd many && seq 5000 | xargs touch) && tar -cf ../bad.tar runsc many; rm -r many",
            "or more than 4096 files",
        ),
    ] {
        sh(&folder, &format!("{make}; cd .. && sha512sum bad.tar > bad.tar.sha512"));
        site.setup(from(site.path("bad.tar").to_str().unwrap())).exits(1).says(why);
        assert_eq!(site.files(), before, "{make}");
    }
}

#[test]
fn an_archive_must_be_unpacked_once_and_seen_on_its_way() {
    let site = Site::new();
    // Large enough to take a while, and not to be compressed.
    sh(&site.source(), "head -c 4M /dev/urandom >gvisor-bin/large");
    let (content, sum) = archive(&site);
    let mirror = Mirror::start();
    let url = mirror.put(ARCHIVE, content);
    mirror.put("gvisor.tar.bz2.sha512", sum);
    // Counts how often the archive is decompressed.
    let marker = site.path("decompressed");
    let counting = site.scenario.home().join("bin/bzip2");
    plant(&counting, &marker, "/usr/bin/env -i PATH=/usr/bin:/bin bzip2");
    chown(&counting, Some(0), Some(0)).unwrap();
    let said = site.setup(from(&url)).exits(0).err();
    let lines = |text: &str| {
        text.lines().filter(|line| line.contains("unpacked:")).map(str::trim).collect::<Vec<_>>().join("|")
    };
    assert_eq!(lines(&said), "unpacked: 25 %|unpacked: 50 %|unpacked: 75 %|unpacked: 100 %");
    assert_eq!(std::fs::read_to_string(&marker).unwrap().lines().count(), 1);
    site.undo().exits(0);
    let words = from(&url);
    let seen = site.start(words, Io::Terminal).end().exits(0).out();
    assert!(seen.contains("\r\u{1b}[K  unpacked: 100 %\r\u{1b}[K"), "{seen:?}");
    site.undo().exits(0);
}

#[test]
fn what_only_root_can_read_must_not_be_copied_out_of_a_users_directory() {
    let site = Site::new();
    let (before, victim, home) = (site.files(), victim(&site), users(&site, "user"));
    let secret = state(&victim);
    for part in ["gvisor-bin/part", "containerd-shim-runsc-v1", "runsc"] {
        let theirs = home.join("gvisor");
        let _ = std::fs::remove_dir_all(&theirs);
        sh(
            &home,
            &format!("cp -r {} gvisor && ln -sf {} gvisor/{part}", site.source().display(), victim.display()),
        );
        site.setup(from(theirs.to_str().unwrap()))
            .exits(1)
            .says("is a link that points out of its directory");
        assert_eq!((site.files(), state(&victim)), (before.clone(), secret.clone()), "{part}");
    }
    // A pipe would have root wait for its other end for ever, and so would one that is called a checksum.
    sh(&home, "cp gvisor/gvisor-bin/part x.tar && mkfifo x.tar.sha512");
    site.setup(from(home.join("x.tar").to_str().unwrap())).exits(1).says("is neither file, folder nor link");
    sh(
        &home,
        "rm gvisor/runsc && mkfifo gvisor/containerd-shim && mv gvisor/containerd-shim gvisor/gvisor-bin/pipe",
    );
    std::fs::copy(site.path("bin/runsc"), home.join("gvisor/runsc")).unwrap();
    sh(&home, "rm gvisor/containerd-shim-runsc-v1");
    let theirs = home.join("gvisor");
    sh(&theirs, "rm -f gvisor-bin/part");
    site.setup(from(theirs.to_str().unwrap())).exits(1).says("is neither file, folder nor link");
    assert_eq!(site.files(), before);
}

#[test]
fn no_program_of_a_users_must_run_as_root() {
    let site = Site::new();
    let (home, marker) = (users(&site, "user"), site.path("ran"));
    let bin = users(&site, "user/bin");
    for name in ["curl", "bzip2", "runsc", "dpkg-query", "apt-get", "tar"] {
        plant(&bin.join(name), &marker, &format!("/usr/bin/{name}"));
    }
    let path = format!("{}:{}:/usr/bin:/bin", bin.display(), site.scenario.home().join("bin").display());
    let Site { scenario, own } = site;
    let site = Site { scenario: scenario.env("PATH", path), own };
    let before = site.files();
    let (content, sum) = archive(&site);
    let mirror = Mirror::start();
    let url = mirror.put(ARCHIVE, content);
    mirror.put("gvisor.tar.bz2.sha512", sum);
    site.setup(from(&url)).exits(0);
    site.undo().exits(0);
    // The runsc that is there would be registered where it is.
    site.setup(["--dry-run"]).exits(0);
    assert!(!marker.exists(), "{}", std::fs::read_to_string(&marker).unwrap());

    // Docker's own plugins, where sudo has left the user's directories to root; and a docker of the user's.
    let config = home.join("config");
    plant(&config.join("cli-plugins/docker-theirs"), &marker, "/bin/true");
    give_away(&config);
    let Site { scenario, own } = site;
    let site = Site { scenario: scenario.env("DOCKER_CONFIG", &config), own };
    let said = site.set_up().exits(1).says("and `docker` would run plugins from there as root").err();
    let way_out = said.lines().find(|line| line.trim().starts_with("sudo -H env -u DOCKER_CONFIG "));
    assert!(
        way_out.is_some_and(|line| line.contains(" setup --from=") && line.ends_with(" --yes")),
        "{said}"
    );
    assert!(!marker.exists(), "{}", std::fs::read_to_string(&marker).unwrap());
    assert_eq!(site.files(), before);
    let docker = bin.join("docker");
    plant(&docker, &marker, "/bin/true");
    let own_config = site.scenario.home().join(".docker");
    let Site { scenario, own } = site;
    let site = Site { scenario: scenario.env("DOCKER_CONFIG", own_config), own };
    site.set_up().exits(1).says("and root would run it");
    assert!(!marker.exists(), "{}", std::fs::read_to_string(&marker).unwrap());
    assert_eq!(site.files(), before);
}

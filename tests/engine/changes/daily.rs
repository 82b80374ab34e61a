//! What people do with git arrives: as far as it runs nothing.

use std::path::Path;
use std::process::Command;

use super::Project;
use super::project::differences;
use crate::one_shot::{ENGINES, Place};

/// Puts the host's git with its libraries into an image. The links of `git-core` to git stay links.
const MAKE: &str = r#"
    set -eu
    top=$1; tree=$top/tree; core=$(/usr/bin/git --exec-path); mkdir -p "$tree$core" "$tree/usr/bin" "$tree/tmp" "$tree/home/user" "$tree/root" "$tree/etc"
    cp -a "$core/." "$tree$core"; cp /usr/bin/git "$tree/usr/bin"; mkdir "$tree/usr/share"; cp -a /usr/share/git-core "$tree/usr/share" || :
    for library in $(ldd /usr/bin/git "$core"/git-remote-http /bin/sh 2>/dev/null | grep -o '/[^ )]*' | grep '\.so' | sort -u); do
        mkdir -p "$tree${library%/*}"; cp -L "$library" "$tree$library"
    done
    ln -s usr/bin "$tree/bin"; cp "$2" "$tree/usr/bin/busybox"
    for applet in $("$2" --list); do [ -e "$tree/usr/bin/$applet" ] || ln -s busybox "$tree/usr/bin/$applet"; done
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$tree/etc/passwd"; printf 'root:x:0:\n' >"$tree/etc/group"; chmod 1777 "$tree/tmp"
    tar -C "$tree" --owner=0 --group=0 -cf "$top/tar" .
"#;

/// An image with git, of one place. Dropped, it is removed.
pub(super) struct Image<'a>(&'a Place, String);

impl<'a> Image<'a> {
    pub(super) fn on(place: &'a Place) -> Self {
        let busybox = Command::new("sh").args(["-c", "command -v busybox"]).output().unwrap();
        let cache = place.scenario.engine.cache().join("busybox/root/bin/busybox");
        let found = String::from_utf8(busybox.stdout).unwrap().trim().to_owned();
        let busybox = if cache.exists() { cache.display().to_string() } else { found };
        Self::made(place, MAKE, &busybox)
    }

    /// One of what `script` puts into the file `tar` of its first argument; the second is `argument`.
    pub(super) fn made(place: &'a Place, script: &str, argument: &str) -> Self {
        let name = format!("{}-made", place.scenario.name());
        let top = tempfile::tempdir().unwrap();
        let made =
            Command::new("sh").args(["-c", script, "sh"]).arg(top.path()).arg(argument).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let tar = top.path().join("tar");
        place.scenario.ask(&["import", "--change", "ENV PATH=/usr/bin", tar.to_str().unwrap(), &name]);
        Self(place, name)
    }

    pub(super) fn name(&self) -> &str {
        &self.1
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        for sandbox in self.0.sandboxes() {
            self.0.scenario.ask(&["rm", "--force", &sandbox]);
        }
        self.0.scenario.ask(&["rmi", "--force", &self.1]);
    }
}

fn prepare(project: &Project) {
    let home = project.place.scenario.home();
    let remote = home.join("beside/remote");
    let _ = std::fs::remove_dir_all(&remote);
    project.repository("../beside/remote");
    project.git(&remote, &["branch", "other"]);
    let whole = project.root();
    project.git(home, &["clone", "--quiet", remote.to_str().unwrap(), whole.to_str().unwrap()]);
    project.git(
        "",
        &["submodule", "--quiet", "add", "./.", "lib/sub"]
            .map(|word| if word == "./." { remote.to_str().unwrap() } else { word }),
    );
    project.git("", &["commit", "--quiet", "-m", "submodule"]);
    project.git("", &["worktree", "add", "--quiet", "../beside/gone"]);
    std::fs::remove_dir_all(home.join("beside/gone")).unwrap();
}

#[test]
fn everyday_git_arrives() {
    let script = r#"
        set -e; export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
        git switch -q -c x origin/other; git branch -m x y; echo new >new; git add new; git commit -q -m new
        echo more >>file; git stash -q; git remote add evil "ext::sh -c evil"; git worktree prune; git submodule -q update --init
        git tag -a -m tagged v1; git gc -q --prune=now; git branch side main; git merge -q -m merged side; echo rest >>new; git status --short
    "#;
    for engine in ENGINES {
        let project = Project::on(engine);
        let image = Image::on(&project.place);
        let option = format!("--image={}", image.name());
        project.both_ways(
            prepare,
            &["--write", &option, "--", "sh", "-c", script],
            |project, run, before| {
                let states = run.states(&project.root());
                assert_eq!(
                    (run.report["exit_code"].as_u64(), run.out()),
                    (Some(0), " M new\n"),
                    "{:?}",
                    run.outcome
                );
                assert_eq!(project.git("", &["branch", "--show-current"]), "y\n");
                assert_eq!(project.git("", &["log", "-1", "--format=%s", "y^"]), "new\n");
                assert_eq!(project.git("", &["log", "-1", "--format=%s"]), "merged\n");
                assert_eq!(
                    project.git("", &["config", "branch.y.merge"]),
                    "refs/heads/other\n",
                    "{states:#?}"
                );
                assert_eq!(project.git("", &["config", "branch.y.remote"]), "origin\n");
                assert_eq!(project.git("", &["tag"]), "v1\n");
                assert_eq!(project.git("", &["stash", "list"]).lines().count(), 1);
                assert_eq!(project.git("", &["remote"]), "origin\n");
                assert_eq!(project.git("", &["status", "--porcelain"]), " M new\n");
                project.git("", &["stash", "pop", "--quiet"]);
                project.git("", &["fsck", "--strict"]);
                project.git("lib/sub", &["fsck"]);
                let ignored = project.git("", &["status", "--porcelain", "--ignored"]);
                assert_eq!(ignored, " M file\n M new\n");
                let changed = differences(&project.snapshot(), before);
                assert!(!changed.iter().any(|path| path.starts_with(Path::new(".git/hooks"))));
                project.use_repository("");
            },
        );
    }
}

#[test]
fn nothing_is_left_of_a_command_whose_changes_are_applied() {
    for engine in ENGINES {
        let project = Project::on(engine);
        let script = "echo new >file; echo new >new; mkdir -p a/b; echo x >a/b/c";
        project.both_ways(
            |project| project.repository(""),
            &["--write", "--", "sh", "-c", script],
            |project, run, _| {
                assert_eq!(run.kinds(), ["applied"], "{}", run.outcome);
                assert_eq!(
                    project.git("", &["status", "--porcelain", "--ignored"]),
                    " M file\n?? a/\n?? new\n"
                );
                project.git("", &["fsck"]);
            },
        );
        project.assert_nothing_left();
    }
}

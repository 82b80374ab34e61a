//! Repositories: what git needs arrives, what git would run does not.

use std::process::Command;

use super::*;

fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "protocol.file.allow=always", "-c", "user.name=a", "-c", "user.email=a@example.org"])
        .args(args)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn commit(directory: &Path, file: &str, content: &str) {
    fs::write(directory.join(file), content).unwrap();
    git(directory, &["add", file]);
    git(directory, &["commit", "--quiet", "-m", file]);
}

fn repository(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    git(directory, &["init", "--quiet", "--initial-branch=main"]);
    commit(directory, "file", "content\n");
}

/// A repository with a remote, whose branch `other` is known.
fn with_remote(project: &Path) {
    let remote = project.parent().unwrap().join("remote");
    repository(&remote);
    git(&remote, &["branch", "other"]);
    git(
        project.parent().unwrap(),
        &["clone", "--quiet", remote.to_str().unwrap(), project.to_str().unwrap()],
    );
    fs::create_dir_all(project.join("sub")).unwrap();
}

#[test]
fn everyday_git_commands_arrive() {
    for view in VIEWS {
        let stage = Stage::new(view, with_remote);
        stage.run(|root| {
            git(root, &["switch", "--quiet", "-c", "x", "origin/other"]);
            commit(root, "new", "new\n");
            git(root, &["branch", "-m", "x", "y"]);
            fs::write(root.join("file"), "stashed\n").unwrap();
            git(root, &["stash", "--quiet"]);
            git(root, &["gc", "--quiet"]);
            git(root, &["worktree", "prune"]);
            git(root, &["remote", "add", "evil", "ext::sh -c evil"]);
        });
        let changes = stage.apply();
        let project = stage.path("project");
        git(&project, &["fsck", "--strict"]);
        assert_eq!(
            git(&project, &["log", "--format=%s"]),
            "new\nfile\n",
            "{view:?}: {:#?}",
            states(&changes)
        );
        assert_eq!(git(&project, &["branch", "--show-current"]), "y\n");
        assert_eq!(git(&project, &["status", "--porcelain"]), "");
        assert_eq!(git(&project, &["stash", "list", "--format=%s"]).lines().count(), 1);
        assert_eq!(git(&project, &["config", "branch.y.merge"]), "refs/heads/other\n");
        assert_eq!(git(&project, &["config", "branch.y.remote"]), "origin\n");
        let config = fs::read_to_string(project.join(".git/config")).unwrap();
        assert!(!config.contains("evil"), "{config}");
        let kept = fs::read_to_string(stage.path("kept/.git/config")).unwrap();
        assert!(kept.contains("ext::sh -c evil"), "{kept}");
        let held = changes.iter().filter(|change| matches!(change.state, State::Failed(_) | State::Conflict));
        assert_eq!(held.count(), 0, "{view:?}: {:#?}", states(&changes));
    }
}

/// The paths in a git directory of which everything stays as it is.
fn guarded(project: &Path, git: &str) -> Snapshot {
    let guarded =
        ["config", "hooks", "commondir", "gitdir", "info", "worktrees", "modules", "objects/info", "index"];
    let all = snapshot(project).into_iter();
    all.filter(|(path, _)| guarded.iter().any(|name| path.starts_with(Path::new(git).join(name)))).collect()
}

#[test]
fn what_a_repository_names_in_the_directory_beside_it_stays() {
    for view in VIEWS {
        let stage = Stage::new(view, |project| {
            fs::create_dir_all(project.join("hooks")).unwrap();
            fs::create_dir_all(project.join("code")).unwrap();
            repository(&project.join("code"));
            git(&project.join("code"), &["config", "core.hooksPath", "../hooks"]);
        });
        stage.run(|root| {
            fs::write(root.join("hooks/post-commit"), "#!/bin/sh\n").unwrap();
            fs::write(root.join("code/new"), "new\n").unwrap();
        });
        let states = states(&stage.apply());
        assert_eq!(states["hooks/post-commit"], "git-config", "{view:?}: {states:#?}");
        assert_eq!(states["code/new"], "applied", "{view:?}: {states:#?}");
        assert!(!stage.path("project/hooks/post-commit").exists());
    }
}

#[test]
fn what_git_would_run_stays_as_it_is() {
    for view in VIEWS {
        let stage = Stage::new(view, |project| {
            with_remote(project);
            repository(&project.join("nested"));
            git(project, &["config", "core.hooksPath", ".githooks"]);
            git(project, &["config", "include.path", "../.gitconfig"]);
            git(project, &["config", "includeIf.onbranch:other.path", "../sub/conditional"]);
        });
        let project = stage.path("project");
        let before = (guarded(&project, ".git"), guarded(&project, "nested/.git"));
        stage.run(|root| {
            for git in [".git", "nested/.git"] {
                let git = root.join(git);
                let config = fs::read_to_string(git.join("config")).unwrap();
                fs::write(git.join("config"), config + "[core]\n\tfsmonitor = touch /tmp/evil\n").unwrap();
                fs::create_dir_all(git.join("hooks")).unwrap();
                fs::write(git.join("hooks/post-commit"), "#!/bin/sh\n").unwrap();
                fs::write(git.join("commondir"), "../sub\n").unwrap();
                fs::create_dir_all(git.join("info")).unwrap();
                fs::write(git.join("info/attributes"), "* filter=evil\n").unwrap();
                fs::create_dir_all(git.join("objects/info")).unwrap();
                fs::write(git.join("objects/info/alternates"), "/tmp/evil\n").unwrap();
                fs::create_dir_all(git.join("modules/evil/objects")).unwrap();
                fs::write(git.join("modules/evil/HEAD"), "ref: refs/heads/main\n").unwrap();
                fs::create_dir_all(git.join("rebase-merge")).unwrap();
                fs::write(git.join("rebase-merge/git-rebase-todo"), "exec evil\n").unwrap();
                fs::create_dir_all(git.join("worktrees/evil")).unwrap();
                fs::write(git.join("worktrees/evil/commondir"), "../../../sub\n").unwrap();
                fs::create_dir_all(git.join("refs/heads/evil/objects")).unwrap();
                fs::write(git.join("refs/heads/evil/HEAD"), "ref: refs/heads/main\n").unwrap();
                fs::write(git.join("refs/heads/text"), "#!/bin/sh\n").unwrap();
                fs::write(git.join("HEAD"), "ref: ../../evil\n").unwrap();
            }
            fs::create_dir_all(root.join(".githooks")).unwrap();
            fs::write(root.join(".githooks/post-commit"), "#!/bin/sh\n").unwrap();
            fs::write(root.join(".gitconfig"), "[core]\n\tfsmonitor = evil\n").unwrap();
            fs::write(root.join("sub/conditional"), "[core]\n\tfsmonitor = evil\n").unwrap();
            let name = "refs/heads/fine";
            fs::copy(root.join(".git/refs/heads/main"), root.join(".git").join(name)).unwrap();
        });
        let changes = stage.apply();
        let states = states(&changes);
        for (git, before) in [(".git", &before.0), ("nested/.git", &before.1)] {
            assert_eq!(differences(&guarded(&project, git), before), NONE, "{view:?}: {states:#?}");
        }
        for path in [
            ".githooks/post-commit",
            ".gitconfig",
            "sub/conditional",
            ".git/rebase-merge",
            ".git/refs/heads/text",
        ] {
            assert!(!project.join(path).exists(), "{view:?}: {path}: {states:#?}");
        }
        assert!(!project.join(".git/refs/heads/evil/HEAD").exists());
        assert_eq!(fs::read_to_string(project.join(".git/HEAD")).unwrap(), "ref: refs/heads/main\n");
        assert_eq!(states.get(".git/refs/heads/fine").map(String::as_str), Some("applied"), "{states:#?}");
        assert_eq!(git(&project, &["status", "--porcelain", "--untracked-files=no"]), "");
    }
}

#[test]
fn an_index_with_a_submodule_or_hidden_changes_is_held_back() {
    let cases: [(&[&str], &str); 4] = [
        (&["update-index", "--assume-unchanged", "file"], "git-index"),
        (&["update-index", "--skip-worktree", "file"], "git-index"),
        (
            &["update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,sub"],
            "git-index",
        ),
        (&["update-index", "--chmod=+x", "file"], "applied"),
    ];
    for (args, expected) in cases {
        let stage = Stage::new(View::Overlay, with_remote);
        let before = fs::read(stage.path("project/.git/index")).unwrap();
        stage.run(|root| drop(git(root, args)));
        let changes = stage.apply();
        assert_eq!(states(&changes).get(".git/index").map(String::as_str), Some(expected), "{args:?}");
        let same = fs::read(stage.path("project/.git/index")).unwrap() == before;
        assert_eq!(same, expected == "git-index");
    }
}

#[test]
fn a_bare_repository_with_worktrees_keeps_its_pointers() {
    let stage = Stage::new(View::Overlay, |project| {
        with_remote(&project.join("first"));
        git(project, &["clone", "--quiet", "--bare", "first", "bare"]);
        git(&project.join("bare"), &["worktree", "add", "--quiet", "../tree", "main"]);
    });
    let project = stage.path("project");
    let before = snapshot(&project);
    stage.run(|root| {
        fs::write(root.join("tree/.git"), "gitdir: ../evil\n").unwrap();
        fs::write(root.join("bare/worktrees/tree/commondir"), "../../../evil\n").unwrap();
        fs::write(root.join("bare/worktrees/tree/gitdir"), "/evil\n").unwrap();
        fs::write(root.join("bare/config"), "[core]\n\tbare = true\n\tfsmonitor = evil\n").unwrap();
        fs::write(root.join("bare/hooks/post-update"), "#!/bin/sh\n").unwrap();
        // A ref of a worktree is its own business.
        fs::write(root.join("bare/worktrees/tree/ORIG_HEAD"), "0123456789012345678901234567890123456789\n")
            .unwrap();
    });
    let changes = stage.apply();
    let differ = differences(&snapshot(&project), &before);
    assert_eq!(differ, [PathBuf::from("bare/worktrees/tree/ORIG_HEAD")], "{:#?}", states(&changes));
}

#[test]
fn removing_a_repository_leaves_it() {
    for view in VIEWS {
        let stage = Stage::new(view, |project| {
            some_files(project);
            repository(&project.join("nested"));
        });
        let project = stage.path("project");
        let before = snapshot(&project.join("nested/.git"));
        stage.run(|root| {
            fs::remove_dir_all(root.join("nested")).unwrap();
            symlink("a", root.join("nested")).unwrap();
        });
        let changes = stage.apply();
        let after = snapshot(&project.join("nested/.git"));
        let history = ["refs", "logs", "COMMIT_EDITMSG", "objects/pack"];
        let mut differ = differences(&before, &after);
        differ.retain(|path| !history.iter().any(|name| path.starts_with(name)));
        assert_eq!(differ, NONE, "{view:?}: {:#?}", states(&changes));
        assert!(project.join("nested").symlink_metadata().unwrap().is_dir());
    }
}

#[test]
fn in_a_git_directory_only_names_that_git_gives_are_applied() {
    use std::os::unix::ffi::OsStringExt as _;
    for view in VIEWS {
        let stage = Stage::new(view, with_remote);
        let project = stage.path("project");
        let before = snapshot(&project);
        stage.run(|root| {
            let id = git(root, &["rev-parse", "HEAD"]);
            fs::write(root.join(".git/refs/heads/a\u{1b}[31m"), &id).unwrap();
            fs::write(root.join(".git/refs/heads/a b"), &id).unwrap();
            fs::write(root.join(".git/logs/.git"), "gitdir: ../../x\n").unwrap();
            fs::write(root.join(".git/logs/other"), "x\n").unwrap();
            let name = std::ffi::OsString::from_vec(b"x\xff".to_vec());
            fs::create_dir(root.join(".git").join(name)).unwrap();
        });
        let changes = stage.apply();
        assert_eq!(differences(&project_of(&stage), &before), NONE, "{view:?}: {:#?}", states(&changes));
    }
}

fn project_of(stage: &Stage) -> Snapshot {
    snapshot(&stage.path("project"))
}

#[test]
fn what_configuration_and_hooks_lead_to_stays() {
    for view in VIEWS {
        let stage = Stage::new(view, |project| {
            with_remote(project);
            for name in ["script", "dormant", "more", "hooks/x", "fsmonitor", "clean", "free"] {
                fs::create_dir_all(project.join(name).parent().unwrap()).unwrap();
                fs::write(project.join(name), "").unwrap();
            }
            fs::write(project.join("dormant"), "[include]\n\tpath = more\n[core]\n\thooksPath = hooks\n")
                .unwrap();
            symlink("../../script", project.join(".git/hooks/pre-commit")).unwrap();
            git(project, &["config", "includeIf.onbranch:none.path", "../dormant"]);
            git(project, &["config", "core.fsmonitor", "./fsmonitor"]);
            git(project, &["config", "filter.x.clean", "sh 'clean' %f"]);
        });
        let before = project_of(&stage);
        stage.run(|root| {
            for name in ["script", "dormant", "more", "hooks/x", "hooks/new", "fsmonitor", "clean", "free"] {
                fs::write(root.join(name), "evil\n").unwrap();
            }
        });
        let changes = stage.apply();
        let differ = differences(&project_of(&stage), &before);
        assert_eq!(differ, [PathBuf::from("free")], "{view:?}: {:#?}", states(&changes));
    }
}

#[test]
fn an_object_that_git_only_touched_is_no_change() {
    for view in VIEWS {
        let stage = Stage::new(view, with_remote);
        stage.run(|root| {
            // The content of `file`, whose object is there.
            fs::write(root.join("again"), "content\n").unwrap();
            git(root, &["add", "again"]);
        });
        let changes = states(&stage.apply());
        assert!(changes.values().all(|state| state == "applied"), "{view:?}: {changes:#?}");
        assert_eq!(git(&stage.path("project"), &["status", "--porcelain"]), "A  again\n");
    }
}

//! Nothing that a command leaves makes the host's git start a program.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::Project;
use super::project::differences;
use crate::one_shot::ENGINES;

/// What the scripts have: `evil FILE` makes a program, `config FILE` adds configuration that names one, `repository DIR` makes a git
/// directory that does both.
const EVIL: &str = r#"
    evil() { mkdir -p "${1%/*}"; printf '#!/bin/sh\ntouch /tmp/docker-sandbox-planted\n' >"$1"; chmod 755 "$1"; }
    config() {
        mkdir -p "${1%/*}"
        printf '[core]\n\tfsmonitor = touch /tmp/docker-sandbox-planted; false\n\tsshCommand = touch /tmp/docker-sandbox-planted\n' >>"$1"
        printf '\tpager = touch /tmp/docker-sandbox-planted\n[diff]\n\texternal = touch /tmp/docker-sandbox-planted\n' >>"$1"
        printf '[filter "x"]\n\tclean = touch /tmp/docker-sandbox-planted\n\tsmudge = touch /tmp/docker-sandbox-planted\n' >>"$1"
    }
    repository() {
        mkdir -p "$1/objects" "$1/refs/heads"; echo 'ref: refs/heads/main' >"$1/HEAD"
        config "$1/config"; for hook in pre-commit post-commit post-checkout post-index-change; do evil "$1/hooks/$hook"; done
    }
    exec 2>/dev/null
"#;

fn script(text: &str) -> String {
    format!("{EVIL}{text}\necho end\n")
}

/// The project is a repository with a submodule that is not checked out, and a rebase that waits.
fn prepare(project: &Project) {
    project.repository("");
    project.git("", &["switch", "--quiet", "-c", "topic"]);
    project.commit("", "file", "topic\n");
    project.git("", &["switch", "--quiet", "main"]);
    project.commit("", "file", "main\n");
    let id = project.git("", &["rev-parse", "HEAD"]);
    let link = format!("160000,{},lib/sub", id.trim());
    project.git("", &["update-index", "--add", "--cacheinfo", &link]);
    project.git("", &["commit", "--quiet", "-m", "sub"]);
    std::fs::create_dir_all(project.path("lib/sub")).unwrap();
    project.watched_git(&project.root(), &["rebase", "main", "topic"]);
    assert!(project.path(".git/rebase-merge/git-rebase-todo").exists());
}

#[test]
fn a_repository_runs_nothing_that_a_command_planted() {
    let script = script(
        r#"
        repository lib/sub/.git; repository lib/sub; repository other/.git; repository new.git; repository .GIT
        mkdir linked; echo 'gitdir: ../new.git' >linked/.git; ln -s ../new.git link.git; ln -s new.git .Git
        repository "$(printf '.g\342\200\214it')"; repository .git/modules/lib/sub; repository .git/worktrees/x
        repository .git/refs/heads/deep; repository .git/logs/deep; echo 'gitdir: ../../new.git' >.git/logs/.git
        echo 'exec touch /tmp/docker-sandbox-planted' >>.git/rebase-merge/git-rebase-todo
        echo 'touch /tmp/docker-sandbox-planted' >.git/rebase-merge/gpg_sign_opt; mkdir .git/sequencer; echo x >.git/sequencer/todo
        config .git/config; config .git/config.worktree; config .git/worktrees/x/config.worktree
        for hook in pre-commit post-commit post-checkout post-index-change; do evil .git/hooks/$hook; done
        echo ../new.git >.git/commondir; echo ../other >.git/gitdir; mkdir -p .git/info .git/objects/info
        echo '* filter=x diff=x' >.git/info/attributes; echo ../../../new.git/objects >.git/objects/info/alternates
        echo x >.git/shallow; echo x >.git/info/grafts; echo x >.git/index.lock; echo x >.git/HEAD.lock; echo x >.git/refs/heads/main.lock
        mkdir "$(printf '.git/x\377')"; mkfifo .git/MERGE_MSG; ln -s /etc/passwd .git/FETCH_HEAD; ln -s ../file .git/ORIG_HEAD
        printf 'gitdir: x\n' >.git/refs/heads/no; printf '%s\n' 0123456789012345678901234567890123456789 >"$(printf '.git/refs/heads/a\033[31m')"
        printf '# x\n0123456789012345678901234567890123456789 refs/../../x\n' >.git/packed-refs
        rm -f .git/HEAD; ln -s ../file .git/HEAD; chmod 777 .git/config .git/hooks; echo fine >fine
        "#,
    );
    for engine in ENGINES {
        let project = Project::on(engine);
        let args = ["--write", "--", "sh", "-c", &script];
        project.both_ways(prepare, &args, |project, run, before| {
            assert_eq!(run.out(), "end\n", "{}", run.outcome);
            let states = run.states(&project.root());
            let mut changed = differences(&project.snapshot(), before);
            // Directories with nothing in them are no repository.
            changed.retain(|path| !["linked", "other", "fine"].map(Path::new).contains(&path.as_path()));
            assert!(changed.is_empty(), "{changed:?}: {states:#?}");
            project.use_repository("lib/sub");
            project.use_repository("linked");
            project.use_repository("");
            project.watched_git(&project.root(), &["rebase", "--skip"]);
            assert!(!project.path(".git/rebase-merge").exists());
            project.git("", &["fsck"]);
        });
    }
}

#[test]
fn an_index_that_does_more_than_list_files_is_held_back() {
    // The host's git makes them: what the command does is to put them there.
    let cases: [&[&str]; 5] = [
        &["update-index", "--add", "--cacheinfo", "160000,0123456789012345678901234567890123456789,other"],
        &["update-index", "--assume-unchanged", "file"],
        &["update-index", "--skip-worktree", "file"],
        &["update-index", "--split-index"],
        &["update-index", "--index-version", "4"],
    ];
    for engine in ENGINES {
        let project = Project::on(engine);
        for (at, args) in cases.into_iter().enumerate() {
            project.empty();
            project.repository("");
            project.repository("other");
            let index = project.path(".git/index");
            let before = std::fs::read(&index).unwrap();
            project.git("", args);
            std::fs::rename(&index, project.path("planted")).unwrap();
            std::fs::write(&index, &before).unwrap();
            let run = project.run(&["--", "sh", "-c", "mv planted .git/index"]);
            let state = run.states(&project.root()).remove(".git/index");
            let expected = if at == 4 { "applied" } else { "git-index" };
            assert_eq!(state.as_deref(), Some(expected), "{args:?}: {}", run.outcome);
            assert_eq!(std::fs::read(&index).unwrap() == before, at != 4, "{args:?}");
            project.use_repository("");
        }
    }
}

#[test]
fn repositories_below_the_working_directory_run_nothing() {
    let script = script(
        r#"
        evil a/.git/hooks/post-commit; config b/.git/config
        for bare in bare bare/worktrees/tree; do
            config $bare/config; config $bare/config.worktree; evil $bare/hooks/post-commit; evil $bare/hooks/reference-transaction
        done
        repository evil.git; repository bare/evil; echo "gitdir: $PWD/evil.git" >tree/.git
        echo ../../evil >bare/worktrees/tree/commondir; echo "$PWD/a" >bare/worktrees/tree/gitdir; echo x >bare/worktrees/tree/locked
        mv a/.git/hooks a/.git/other; cp -r b/.git/hooks a/.git/hooks; mv tree/.git tree/x; ln -s ../evil.git tree/.git
        cp -r a/.git/. b; mv b/.git c; cp -r evil.git b/.git
        echo new >a/file; echo new >tree/file
        "#,
    );
    for engine in ENGINES {
        let project = Project::on(engine);
        let prepare = |project: &Project| {
            project.repository("a");
            project.repository("b");
            project.git("", &["clone", "--quiet", "--bare", "a", "bare"]);
            project.git("bare", &["worktree", "add", "--quiet", "../tree"]);
        };
        let args = ["--write", "--", "sh", "-c", &script];
        project.both_ways(prepare, &args, |project, run, before| {
            assert_eq!(run.out(), "end\n", "{}", run.outcome);
            let states = run.states(&project.root());
            let history = ["refs", "packed-refs", "logs", "COMMIT_EDITMSG", "ORIG_HEAD", "FETCH_HEAD"];
            let mut changed = differences(&project.snapshot(), before);
            // `b` lost its history, which a command may take away from it like any other file.
            changed.retain(|path| {
                let lost = path.strip_prefix("b/.git").ok();
                !lost.is_some_and(|path| history.iter().any(|name| path.starts_with(name)))
            });
            let expected = ["a/file", "tree/file", "tree/x"].map(PathBuf::from);
            assert!(changed.iter().all(|path| expected.contains(path)), "{changed:?}: {states:#?}");
            assert_eq!(std::fs::read_to_string(project.path("a/file")).unwrap(), "new\n");
            for directory in ["a", "b", "bare", "tree", ""] {
                project.use_repository(directory);
            }
        });
    }
}

#[test]
fn what_the_hosts_configuration_names_in_the_project_stays() {
    let script = script(
        r"
        for directory in .githooks sub hooks scripts other; do evil $directory/post-commit; evil $directory/pre-commit; done
        for file in .gitconfig conditional on-a-branch includes included; do config $file; done
        rm -rf .githooks; ln -s other .githooks; echo new >file
        ",
    );
    let include = "[core]\n\thooksPath = scripts\n[include]\n\tpath = included\n";
    for engine in ENGINES {
        for (hooks, place) in [("core.hooksPath", "sub/../.githooks"), ("link", "hooks")] {
            let project = Project::on(engine);
            let global = project.place.scenario.home().join(".gitconfig");
            let gitconfig = std::fs::read_to_string(&global).unwrap();
            let prepare = |project: &Project| {
                std::fs::write(&global, &gitconfig).unwrap();
                project.repository("");
                for name in [".gitconfig", "conditional", "included"] {
                    project.write(name, "");
                }
                project.write("on-a-branch", include);
                for name in ["hooks", "scripts", ".githooks"] {
                    project.write(&format!("{name}/note"), "");
                }
                project.git("", &["config", "include.path", "../.gitconfig"]);
                project.git("", &["config", "includeIf.onbranch:x.path", "../on-a-branch"]);
                let conditional = project.path("conditional");
                let key = format!("includeIf.gitdir:{}/.path", project.root().display());
                project.git("", &["config", "--global", &key, conditional.to_str().unwrap()]);
                if hooks == "link" {
                    std::fs::remove_dir_all(project.path(".git/hooks")).unwrap();
                    symlink("../hooks", project.path(".git/hooks")).unwrap();
                } else {
                    project.git("", &["config", "--global", hooks, place]);
                }
            };
            let args = ["--write", "--", "sh", "-c", &script];
            project.both_ways(prepare, &args, |project, run, before| {
                let states = run.states(&project.root());
                let changed = differences(&project.snapshot(), before);
                let plant = if hooks == "link" { "hooks" } else { place.rsplit('/').next().unwrap() };
                let protected = [plant, ".gitconfig", "conditional", "on-a-branch", "included", "scripts"];
                for name in protected {
                    let changed = changed.iter().find(|path| path.starts_with(name));
                    assert!(changed.is_none(), "{hooks} {place}: {changed:?}: {states:#?}");
                }
                assert!(changed.contains(&PathBuf::from("file")), "{states:#?}");
                project.use_repository("");
                project.git("", &["switch", "--quiet", "-c", "x"]);
                project.use_repository("");
            });
        }
    }
}

#[test]
fn a_program_that_a_hook_leads_to_stays() {
    let project = Project::on("trixie");
    let hook = "#!/bin/sh\nexit 0\n";
    let prepare = |project: &Project| {
        project.repository("");
        project.write("scripts/check", hook);
        symlink("../../scripts/check", project.path(".git/hooks/pre-commit")).unwrap();
    };
    let script = script("evil scripts/check; evil scripts/other");
    project.both_ways(prepare, &["--write", "--", "sh", "-c", &script], |project, run, _| {
        let states = run.states(&project.root());
        assert_eq!(states["scripts/check"], "git-config", "{states:#?}");
        assert_eq!(states["scripts/other"], "applied");
        assert_eq!(std::fs::read_to_string(project.path("scripts/check")).unwrap(), hook);
    });
}

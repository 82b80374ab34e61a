#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use super::*;

fn repository(git: &Path) {
    for folder in ["objects", "refs", "hooks"] {
        fs::create_dir_all(git.join(folder)).unwrap();
    }
    fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(git.join("config"), "[core]\n").unwrap();
}

/// `ro PATH` and `rw PATH`, from `root`.
fn seen(root: &Path) -> Vec<String> {
    let line = |mount: &Mount| {
        let path = mount.path.strip_prefix(root).unwrap().display().to_string();
        format!("{} {path}", if mount.read_only { "ro" } else { "rw" })
    };
    protected(root).unwrap().iter().map(line).collect()
}

#[test]
fn a_folder_without_a_repository_needs_nothing() {
    let top = tempfile::tempdir().unwrap();
    assert_eq!(seen(top.path()), [""; 0]);
}

#[test]
fn what_is_started_is_read_only_and_cannot_be_put_aside() {
    let top = tempfile::tempdir().unwrap();
    repository(&top.path().join(".git"));
    assert_eq!(seen(top.path()), ["rw .git", "ro .git/commondir", "ro .git/config", "ro .git/hooks"]);
    // What is missing is made, and so cannot be made by others.
    fs::remove_dir(top.path().join(".git/hooks")).unwrap();
    fs::remove_file(top.path().join(".git/config")).unwrap();
    assert_eq!(seen(top.path()), ["rw .git", "ro .git/commondir", "ro .git/config", "ro .git/hooks"]);
    fs::create_dir_all(top.path().join("tools/hooks")).unwrap();
    fs::write(
        top.path().join(".git/config"),
        "[core]\n\tHooksPath = tools/hooks\n[extensions]\nworktreeConfig=true",
    )
    .unwrap();
    fs::create_dir_all(top.path().join(".git/worktrees/x")).unwrap();
    assert_eq!(
        seen(top.path()),
        [
            "rw .git",
            "ro .git/commondir",
            "ro .git/config",
            "ro .git/config.worktree",
            "ro .git/hooks",
            "ro .git/worktrees",
            "rw tools",
            "ro tools/hooks"
        ]
    );
}

#[test]
fn worktrees_submodules_and_bare_repositories_are_seen() {
    let top = tempfile::tempdir().unwrap();
    repository(&top.path().join(".git"));
    repository(&top.path().join(".git/modules/sub"));
    fs::create_dir_all(top.path().join("lib/sub")).unwrap();
    fs::write(top.path().join("lib/sub/.git"), "gitdir: ../../.git/modules/sub\n").unwrap();
    fs::write(top.path().join(".gitmodules"), "[submodule \"sub\"]\n\tpath = lib/sub\n\tpath = ../..\n")
        .unwrap();
    assert_eq!(
        seen(top.path()),
        [
            "rw .git",
            "ro .git/commondir",
            "ro .git/config",
            "ro .git/hooks",
            "ro .git/modules",
            "rw lib",
            "rw lib/sub",
            "ro lib/sub/.git"
        ]
    );
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join(".git"), "gitdir: /elsewhere\n").unwrap();
    assert_eq!(seen(tree.path()), ["ro .git"]);
    let bare = tempfile::tempdir().unwrap();
    repository(bare.path());
    assert_eq!(seen(bare.path()), ["ro commondir", "ro config", "ro hooks"]);
}

#[test]
fn links_are_not_trusted() {
    let top = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(top.path()).unwrap();
    repository(&root.join(".git"));
    fs::remove_dir(root.join(".git/hooks")).unwrap();
    fs::create_dir(root.join("tools")).unwrap();
    std::os::unix::fs::symlink("../tools", root.join(".git/hooks")).unwrap();
    assert_eq!(seen(&root), ["ro .git", "ro .git/commondir", "ro .git/config", "ro tools"]);
    let other = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(root.join(".git"), other.path().join(".git")).unwrap();
    let error = protected(other.path()).unwrap_err().to_string();
    assert!(error.contains("is a link"), "{error}");
}

#[test]
fn a_working_folder_that_looks_like_a_repository_has_its_own_all_the_same() {
    let top = tempfile::tempdir().unwrap();
    repository(&top.path().join(".git"));
    repository(top.path());
    let seen = seen(top.path());
    for expected in ["ro .git/hooks", "ro .git/config", "ro hooks", "ro config"] {
        assert!(seen.iter().any(|line| line == expected), "{expected}: {seen:?}");
    }
}

#[test]
fn submodules_are_found_by_what_no_command_can_change() {
    let top = tempfile::tempdir().unwrap();
    repository(&top.path().join(".git"));
    let sub = top.path().join(".git/modules/libs/sub");
    repository(&sub);
    fs::write(sub.join("config"), "[core]\n\tworktree = ../../../../lib/sub\n").unwrap();
    fs::create_dir_all(top.path().join("lib/sub")).unwrap();
    fs::write(top.path().join("lib/sub/.git"), "gitdir: ../../.git/modules/libs/sub\n").unwrap();
    assert!(seen(top.path()).contains(&"ro lib/sub/.git".to_owned()), "{:?}", seen(top.path()));
}

#[test]
fn a_worktree_in_the_folder_is_one_of_its_own() {
    let top = tempfile::tempdir().unwrap();
    repository(&top.path().join(".git"));
    let private = top.path().join(".git/worktrees/x");
    fs::create_dir_all(&private).unwrap();
    fs::create_dir_all(top.path().join("trees/x")).unwrap();
    fs::write(private.join("gitdir"), format!("{}\n", top.path().join("trees/x/.git").display())).unwrap();
    fs::write(private.join("commondir"), "../..\n").unwrap();
    fs::write(top.path().join("trees/x/.git"), format!("gitdir: {}\n", private.display())).unwrap();
    assert!(seen(top.path()).contains(&"ro trees/x/.git".to_owned()), "{:?}", seen(top.path()));
}

#[test]
fn what_gitmodules_says_leads_nowhere_else() {
    let top = tempfile::tempdir().unwrap();
    let root = top.path().join("evil");
    repository(&root.join(".git"));
    repository(&top.path().join("mine/.git"));
    let before = seen(&root);
    std::os::unix::fs::symlink("..", root.join("a")).unwrap();
    let text = "[submodule \"x\"]\npath = a/mine\npath = a/evil\npath =\npath = \"\"\n".repeat(50);
    fs::write(root.join(".gitmodules"), text).unwrap();
    assert_eq!(seen(&root), before);
    // Neither what has no end nor what waits for another end is read.
    fs::remove_file(root.join(".gitmodules")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", root.join(".gitmodules")).unwrap();
    assert_eq!(seen(&root), before);
    fs::remove_file(root.join(".gitmodules")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        root.join(".gitmodules"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(seen(&root), before);
    assert!(fs::read_dir(top.path().join("mine/.git")).unwrap().count() == 5);
}

#[test]
fn spellings_that_git_knows_are_known() {
    let paths = |text: &str| files::submodules(text.as_bytes());
    for text in [
        "path = lib/sub",
        "[submodule \"x\"] path=lib/sub",
        "\tPath = \"lib/sub\" ; x",
        "path = lib/s\"ub\" # y",
    ] {
        assert_eq!(paths(text), [Path::new("lib/sub")], "{text}");
    }
    assert_eq!(paths("path = ../x\npath = /x\npath =\n#path = x\npathology = x"), [""; 0].map(PathBuf::from));
}

#[test]
fn hooks_are_where_the_configuration_says_for_whoever_is_there() {
    let top = tempfile::tempdir().unwrap();
    let root = top.path().join("app");
    repository(&root.join(".git"));
    let hooks =
        |path: &str| fs::write(root.join(".git/config"), format!("[core]\nhooksPath = {path}\n")).unwrap();
    // Not there yet: the command would make it.
    hooks(".husky/_");
    assert!(seen(&root).contains(&"ro .husky/_".to_owned()), "{:?}", seen(&root));
    // By way of a link to the root.
    let link = top.path().join("link");
    std::os::unix::fs::symlink(&root, &link).unwrap();
    assert!(seen(&link).contains(&"ro .husky/_".to_owned()), "{:?}", seen(&link));
    // A part of the files only.
    hooks("frontend/.hooks");
    fs::create_dir_all(root.join("frontend")).unwrap();
    assert_eq!(seen(&root.join("frontend")), ["ro .hooks"]);
    // In another worktree.
    let tree = top.path().join("tree");
    let private = root.join(".git/worktrees/tree");
    fs::create_dir_all(&private).unwrap();
    fs::create_dir_all(&tree).unwrap();
    fs::write(private.join("commondir"), "../..\n").unwrap();
    fs::write(tree.join(".git"), format!("gitdir: {}\n", private.display())).unwrap();
    hooks("tools");
    assert_eq!(seen(&tree), ["ro .git", "ro tools"]);
    // Elsewhere: nobody's but the user's.
    for elsewhere in ["~/hooks", "/nowhere/hooks", "../../hooks"] {
        hooks(elsewhere);
        assert_eq!(seen(&tree), ["ro .git"], "{elsewhere}");
        assert!(!tree.join("~").exists());
    }
}

#[test]
fn a_repository_that_a_file_names_in_the_folder_is_protected() {
    let top = tempfile::tempdir().unwrap();
    repository(&top.path().join(".bare"));
    fs::write(top.path().join(".git"), "gitdir: ./.bare\n").unwrap();
    assert_eq!(
        seen(top.path()),
        ["rw .bare", "ro .bare/commondir", "ro .bare/config", "ro .bare/hooks", "ro .git"]
    );
}

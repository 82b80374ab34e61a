#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;

/// A directory as the host has it, and as the command left it.
struct Stage {
    base: TempDir,
}

impl Stage {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        for side in ["host", "view"] {
            fs::create_dir(base.path().join(side)).unwrap();
        }
        Self { base }
    }

    fn path(&self, side: &str, path: impl AsRef<Path>) -> PathBuf {
        self.base.path().join(side).join(path)
    }

    fn write(&self, side: &str, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let file = self.path(side, path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
        self
    }

    fn both(&self, path: impl AsRef<Path>, host: impl AsRef<[u8]>, view: impl AsRef<[u8]>) -> &Self {
        self.write("host", &path, host).write("view", &path, view)
    }

    fn mode(&self, side: &str, path: &str, mode: u32) -> &Self {
        fs::set_permissions(self.path(side, path), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    fn compare(&self, path: impl AsRef<Path>, kind: Kind) -> Comparison {
        let [host, view] = ["host", "view"].map(|side| Tree::open(&self.base.path().join(side)).unwrap());
        compare(&view, &host, &Change::new(path.as_ref().to_owned(), kind, Node::File))
    }

    fn diff(&self, path: impl AsRef<Path>, kind: Kind) -> String {
        let text = self.compare(path, kind).unified();
        assert!(!text.chars().any(|c| c.is_control() && !"\n\t".contains(c)), "{text:?}");
        text
    }
}

#[test]
fn a_diff_is_the_one_that_git_writes() {
    let numbers =
        |range: std::ops::Range<u32>| range.map(|n| n.to_string() + "\n").collect::<Vec<_>>().concat();
    let cases = [
        (numbers(0..30), numbers(0..30).replace("\n7\n", "\nseven\n").replace("\n25\n", "\n")),
        (numbers(0..30), "new\n".to_owned() + &numbers(0..30) + "end\n"),
        ("a\nb\n".to_owned(), "a\nb".to_owned()),
        ("a".to_owned(), "b".to_owned()),
        (String::new(), "x\ty\n\nz\n".to_owned()),
        ("x\n".to_owned(), String::new()),
    ];
    for (host, view) in cases {
        let stage = Stage::new();
        stage.both("f", &host, &view);
        let git = std::process::Command::new("git")
            .args(["diff", "--no-index", "--no-color", "host/f", "view/f"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .current_dir(stage.base.path())
            .output()
            .unwrap();
        let git = String::from_utf8(git.stdout).unwrap();
        // What stands behind `@@` in git's is the line of a function.
        let cut = |line: &str| match line.match_indices(" @@").next() {
            Some((at, _)) if line.starts_with("@@") => line[..at + 3].to_owned(),
            _ => line.to_owned(),
        };
        let hunks = |text: &str| -> Vec<String> {
            text.lines().skip_while(|line| !line.starts_with("@@")).map(cut).collect()
        };
        let ours = stage.diff("f", Kind::Modified);
        assert_eq!(hunks(&ours), hunks(&git), "{host:?} {view:?}");
        assert!(ours.starts_with("diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ "), "{ours}");
        let (added, removed) = stage.compare("f", Kind::Modified).counts().unwrap();
        let count = |sign: char| hunks(&git).iter().filter(|line| line.starts_with(sign)).count();
        assert_eq!((added, removed), (count('+'), count('-')));
    }
}

#[test]
fn names_and_contents_do_not_drive_a_terminal() {
    let stage = Stage::new();
    let name = OsStr::from_bytes(b"e\x1b[2J\nx\xff\xc2\x9b\xe2\x80\xae");
    stage.write("view", name, b"\x1b]0;owned\x07\ttab\r\n\xff\xc2\x85\xe2\x80\xae\xe2\x80\xa8last\n");
    assert_eq!(
        stage.diff(name, Kind::Added),
        "diff --git a/e\\u{1b}[2J\\u{a}x\\xff\\u{9b}\\u{202e} b/e\\u{1b}[2J\\u{a}x\\xff\\u{9b}\\u{202e}\n\
         new file mode 100644\n\
         --- /dev/null\n\
         +++ b/e\\u{1b}[2J\\u{a}x\\xff\\u{9b}\\u{202e}\n\
         @@ -0,0 +1,2 @@\n\
         +\\u{1b}]0;owned\\u{7}\ttab\\u{d}\n\
         +\\xff\\u{85}\\u{202e}\\u{2028}last\n"
    );
}

#[test]
fn what_looks_the_same_once_escaped_is_a_difference() {
    let stage = Stage::new();
    stage.both("f", "\\u{1b}\n\\xff\n", b"\x1b\n\xff\n");
    assert_eq!(stage.compare("f", Kind::Modified).counts(), Some((2, 2)));
    assert!(stage.diff("f", Kind::Modified).contains("-\\xff\n"));
}

#[test]
fn modes_links_and_types_are_shown_as_git_does() {
    let stage = Stage::new();
    stage.both("mode", "x\n", "x\n").mode("view", "mode", 0o755);
    assert_eq!(
        stage.diff("mode", Kind::Modified),
        "diff --git a/mode b/mode\nold mode 100644\nnew mode 100755\n"
    );
    stage.write("view", "suid", "").mode("view", "suid", 0o4755);
    assert_eq!(stage.diff("suid", Kind::Added), "diff --git a/suid b/suid\nnew file mode 104755\n");
    symlink("old", stage.path("host", "link")).unwrap();
    symlink("/etc/\x1bpasswd", stage.path("view", "link")).unwrap();
    assert_eq!(
        stage.diff("link", Kind::Modified),
        "diff --git a/link b/link\n--- a/link\n+++ b/link\n@@ -1 +1 @@\n-old\n\\ No newline at end of file\n\
         +/etc/\\u{1b}passwd\n\\ No newline at end of file\n"
    );
    stage.write("host", "type", "content\n");
    symlink("x", stage.path("view", "type")).unwrap();
    assert_eq!(
        stage.diff("type", Kind::Modified),
        "diff --git a/type b/type\ndeleted file mode 100644\n--- a/type\n+++ /dev/null\n@@ -1 +0,0 @@\n-content\n\
         diff --git a/type b/type\nnew file mode 120000\n--- /dev/null\n+++ b/type\n@@ -0,0 +1 @@\n+x\n\
         \\ No newline at end of file\n"
    );
    assert_eq!(stage.compare("type", Kind::Modified).counts(), Some((1, 1)));
}

#[test]
fn a_link_in_the_place_of_a_directory_leads_nowhere() {
    let stage = Stage::new();
    stage.write("host", "d/f", "inside\n");
    fs::write(stage.base.path().join("secret"), "secret\n").unwrap();
    symlink("..", stage.path("view", "d")).unwrap();
    let text = stage.diff("d/secret", Kind::Added);
    assert!(!text.contains("secret\n@@"), "{text}");
    assert_eq!(text, "diff --git a/d/secret b/d/secret\nneither the host nor the command has it any more\n");
}

#[test]
fn what_is_no_text_is_told_by_its_size() {
    let stage = Stage::new();
    stage.both("b", b"\0one", b"\0two!");
    assert_eq!(
        stage.diff("b", Kind::Modified),
        "diff --git a/b b/b\nBinary files a/b (4 bytes) and b/b (5 bytes) differ\n"
    );
    assert_eq!(stage.compare("b", Kind::Modified).counts(), None);
    assert_eq!(
        stage.diff("b", Kind::Removed),
        "diff --git a/b b/b\ndeleted file mode 100644\nBinary files a/b (4 bytes) and /dev/null differ\n"
    );
    let large = fs::File::create(stage.path("view", "large")).unwrap();
    large.set_len(MAX_SIZE + 1).unwrap();
    stage.mode("view", "large", 0o644);
    assert_eq!(
        stage.diff("large", Kind::Added),
        "diff --git a/large b/large\nnew file mode 100644\n\
         Large files /dev/null and b/large (8388609 bytes) are not compared\n"
    );
    rustix::fs::mkfifoat(rustix::fs::CWD, stage.path("view", "pipe"), rustix::fs::Mode::RUSR).unwrap();
    assert_eq!(
        stage.diff("pipe", Kind::Added),
        "diff --git a/pipe b/pipe\nnew file mode 010400\nSpecial files /dev/null and b/pipe differ\n"
    );
    stage.both(".git/index", b"DIRC\0\0\0\x02", b"DIRC\0\0\0\x02more");
    let text = stage.diff(".git/index", Kind::Modified);
    assert!(
        text.ends_with("Indexes of git a/.git/index (8 bytes) and b/.git/index (12 bytes) differ\n"),
        "{text}"
    );
    // Not every file of that name is one.
    stage.write("view", "src/index", "evil\n");
    assert!(stage.diff("src/index", Kind::Added).ends_with("+evil\n"));
}

#[test]
fn empty_files_directories_and_what_is_not_there_any_more() {
    let stage = Stage::new();
    stage.write("view", "empty", "").write("host", "gone/f", "1\n2\n");
    assert_eq!(stage.diff("empty", Kind::Added), "diff --git a/empty b/empty\nnew file mode 100644\n");
    stage.mode("host", "gone", 0o755);
    assert_eq!(stage.diff("gone", Kind::Removed), "diff --git a/gone b/gone\ndeleted file mode 040755\n");
    assert_eq!(
        stage.diff("gone/f", Kind::Removed),
        "diff --git a/gone/f b/gone/f\ndeleted file mode 100644\n--- a/gone/f\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n"
    );
    stage.both("touched", "x", "x");
    assert!(stage.diff("touched", Kind::Modified).ends_with("only the modification time differs\n"));
}

#[test]
fn keys_of_a_git_configuration_are_command_lines() {
    let stage = Stage::new();
    stage.both(".git/config", "[core]\n", "[core]\n\tfsmonitor = evil\n");
    let [host, view] = ["host", "view"].map(|side| Tree::open(&stage.base.path().join(side)).unwrap());
    let mut change = Change::new(".git/config".into(), Kind::Modified, Node::File);
    let keys = [
        ("branch.x.merge", vec!["refs/heads/x\u{9b}"]),
        ("branch.x.remote", vec!["a", "b"]),
        ("gone", vec![]),
    ];
    let owned =
        |(key, values): (&str, Vec<&str>)| (key.to_owned(), values.into_iter().map(str::to_owned).collect());
    change.keys = Some(keys.into_iter().map(owned).collect());
    let text = compare(&view, &host, &change).unified();
    assert_eq!(
        text,
        "diff --git a/.git/config b/.git/config\n\
         git config branch.x.merge 'refs/heads/x'\"\\\\\"'u{9b}'\n\
         git config --add branch.x.remote a\n\
         git config --add branch.x.remote b\n\
         git config --unset-all gone\n"
    );
}

#[test]
fn the_longest_files_are_compared_in_time() {
    let lines = |salt: u32| -> String {
        let line = |n: u32| (n.wrapping_mul(2_654_435_761) ^ salt).to_string() + "\n";
        (0..400_000).map(line).collect::<Vec<_>>().concat()
    };
    let stage = Stage::new();
    stage.both("f", lines(1), lines(77));
    let started = std::time::Instant::now();
    let (added, removed) = stage.compare("f", Kind::Modified).counts().unwrap();
    assert!(added > 0 && added == removed);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn objects_of_git_are_one_line_and_their_likes_are_not() {
    let stage = Stage::new();
    let [one, two] = ["a", "b"].map(|digit| digit.repeat(38));
    stage.write("host", ".git/HEAD", "ref: refs/heads/main\n");
    let paths = [
        format!(".git/objects/aa/{one}"),
        format!(".git/objects/aa/{two}"),
        format!(".git/objects/pack/pack-{}.idx", "c".repeat(40)),
        ".git/objects/info/alternates".to_owned(),
        ".git/objects/evil".to_owned(),
        format!("src/objects/aa/{one}"),
    ];
    let mut changes = vec![Change::new(".git/objects/aa".into(), Kind::Added, Node::Directory)];
    changes.extend(paths.iter().map(|path| Change::new(path.into(), Kind::Added, Node::File)));
    changes[2].state = State::Held("git-object".to_owned());
    let [host, view] = ["host", "view"].map(|side| Tree::open(&stage.base.path().join(side)).unwrap());
    let listed: Vec<(String, usize)> = items(&view, &host, &changes)
        .iter()
        .map(|item| match item {
            Item::One(change) => (change.path.display().to_string(), 1),
            Item::Objects(path, number, _) => (format!("{} objects", path.display()), *number),
        })
        .collect();
    let expected = [
        (".git/objects objects".to_owned(), 1),
        (".git/objects objects".to_owned(), 2),
        (paths[4].clone(), 1),
        (paths[3].clone(), 1),
        (paths[5].clone(), 1),
    ];
    assert_eq!(listed, expected);
}

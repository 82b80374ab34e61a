//! Every console block of every guide is run, and prints what it shows.
//!
//! A block is `console`, or `console,ignore,engine` where it needs a real engine; those are listed.
//! `TRYCMD=overwrite cargo test --test docs` writes what is printed into the guides.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use snapbox::cmd::cargo_bin;

use crate::guides::{self, Guide};

/// The home folder that the guides show.
const HOME: &str = "/home/you";
/// Fewer would mean that blocks have stopped being run without anybody noticing.
const LEAST_COMMANDS: usize = 26;

/// The commands in `guide`'s blocks that are run, and the lines of those that need an engine.
fn commands(guide: &Guide) -> (usize, Vec<usize>) {
    let (mut runnable, mut engine) = (0, Vec::new());
    for block in guides::split(&guide.text).0 {
        let at = format!("{}:{}", guide.name, block.line);
        let count = block.lines.iter().filter(|line| line.starts_with("$ ")).count();
        match block.info {
            "console" => runnable += count,
            "console,ignore,engine" => engine.push(block.line),
            "" => panic!("{at}: say what is in the block: console, sh, json, text"),
            other => {
                assert!(!other.starts_with("console"), "{at}: `{other}` is neither run nor for an engine");
                assert!(!block.lines.iter().any(|line| line.starts_with("$ docker")), "{at}: use `console`");
                continue;
            }
        }
        assert!(count > 0, "{at}: a console block starts with `$ `");
    }
    (runnable, engine)
}

/// Whether each line of `text` ends a command's output in a console block that is run: the next command, or the
/// block's end.
fn ends_of_output(text: &str) -> Vec<bool> {
    let mut within = None;
    let end = |line: &str| {
        let fence = line.strip_prefix("```");
        let is_end = within.is_some_and(|first: bool| !first && (fence.is_some() || line.starts_with("$ ")));
        within = match (within, fence) {
            (None, Some("console")) => Some(true),
            (_, Some(_)) => None,
            (within, None) => within.map(|_| false),
        };
        is_end
    };
    text.lines().map(end).collect()
}

/// trycmd takes the last newline of an output for the block's own; for the reader's sake the guides leave it out.
fn with_last_newlines(text: &str) -> String {
    let lines = text.lines().zip(ends_of_output(text));
    lines.flat_map(|(line, end)| [if end { "\n" } else { "" }, line, "\n"]).collect()
}

/// The way back.
fn without_last_newlines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let next_ends = ends_of_output(text).into_iter().skip(1).chain([false]);
    let kept = lines.iter().zip(next_ends).filter(|(line, next_ends)| !(*next_ends && line.is_empty()));
    kept.flat_map(|(line, _)| [*line, "\n"]).collect()
}

/// Somebody's machine: a home folder, a project of theirs, and a docker that plays Docker.
struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::Builder::new().prefix("docs-").tempdir().unwrap();
        let machine = Self { root };
        std::fs::create_dir_all(machine.home().join(".docker")).unwrap();
        std::fs::create_dir(machine.path("bin")).unwrap();
        symlink(guides::root().join("tests/docs/docker.sh"), machine.path("bin/docker")).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn home(&self) -> PathBuf {
        self.path("home")
    }

    fn run(&self, guide: &Guide) {
        // The project of `X.md`, `/home/you/webapp`, has what `folders/X` has. trycmd runs its commands in `X.in`.
        let copy = self.home().join(Path::new(&guide.name).file_name().unwrap());
        let project = copy.with_extension("in");
        std::fs::create_dir_all(project.join(".git")).unwrap();
        let files = guides::root().join("tests/docs/folders").join(copy.file_stem().unwrap());
        for file in std::fs::read_dir(files).into_iter().flatten().map(Result::unwrap) {
            std::fs::copy(file.path(), project.join(file.file_name())).unwrap();
        }
        let names = [
            (format!("{HOME}/webapp"), "[CWD]".to_owned()),
            (HOME.to_owned(), self.home().to_str().unwrap().to_owned()),
        ];
        let renamed = names.iter().fold(guide.text.clone(), |text, (shown, real)| text.replace(shown, real));
        std::fs::write(&copy, with_last_newlines(&renamed)).unwrap();
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        trycmd::TestCases::new()
            .case(&copy)
            .register_bin("docker", self.path("bin/docker"))
            .env("DOCS_BIN", text(self.path("bin")))
            .env("DOCS_PLUGIN", text(cargo_bin!("docker-sandbox").to_path_buf()))
            .env("HOME", text(self.home()))
            .env("XDG_CACHE_HOME", text(self.path("home/.cache")))
            .env("XDG_DATA_HOME", text(self.path("home/.local/share")))
            .env("DOCKER_CONFIG", "")
            // No daemon of the machine that runs the test.
            .env("DOCKER_HOST", format!("unix://{}", text(self.path("docker.sock"))))
            .env("DOCKER_CONTEXT", "")
            .env("DOCKER_SANDBOX_DETECT_TIMEOUT", "")
            .run();
        let after = without_last_newlines(&std::fs::read_to_string(copy).unwrap());
        let after = names.iter().fold(after, |text, (shown, real)| text.replace(real, shown));
        if after != guide.text {
            std::fs::write(&guide.path, after).unwrap();
        }
    }
}

#[test]
fn a_guide_survives_the_way_to_trycmd_and_back() {
    for guide in guides::all() {
        assert_eq!(without_last_newlines(&with_last_newlines(&guide.text)), guide.text, "{}", guide.name);
    }
}

#[test]
fn every_console_block_prints_what_it_shows() {
    // trycmd cannot take a variable away.
    assert_eq!(std::env::var_os("DOCKER_SANDBOX"), None, "unset it: the guides' commands would see it");
    let guides = guides::all();
    let (mut ran, mut for_engines) = (0, Vec::new());
    for guide in &guides {
        let (runnable, engine) = commands(guide);
        for_engines.extend(engine.into_iter().map(|line| format!("{}:{line}", guide.name)));
        if runnable > 0 {
            Machine::new().run(guide);
            ran += runnable;
        }
    }
    println!("{ran} commands ran in {} guides", guides.len());
    println!("blocks that need a real engine: {}", for_engines.join(", "));
    assert!(ran >= LEAST_COMMANDS, "only {ran} commands ran, of {LEAST_COMMANDS} expected at least");
}

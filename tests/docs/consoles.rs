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
const LEAST_COMMANDS: usize = 20;

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

    /// The folder that trycmd runs the commands of `guide.md` in.
    fn project(&self) -> PathBuf {
        self.path("home/guide.in")
    }

    /// What a guide shows as this machine has it, or the other way round.
    fn translate(&self, text: &str, to_machine: bool) -> String {
        let pairs = [(format!("{HOME}/webapp"), self.project()), (HOME.to_owned(), self.home())];
        pairs.iter().fold(text.to_owned(), |text, (shown, real)| {
            let real = real.to_str().unwrap();
            if to_machine { text.replace(shown, real) } else { text.replace(real, shown) }
        })
    }

    fn run(&self, guide: &Guide) {
        // The project, `/home/you/webapp`, has what the folder of the guide's name has.
        let project = self.project();
        std::fs::create_dir_all(project.join(".git")).unwrap();
        let stem = Path::new(&guide.name).file_stem().unwrap();
        let files = guides::root().join("tests/docs/projects").join(stem);
        for file in std::fs::read_dir(files).into_iter().flatten().map(Result::unwrap) {
            std::fs::copy(file.path(), project.join(file.file_name())).unwrap();
        }
        let copy = self.path("home/guide.md");
        std::fs::write(&copy, self.translate(&guide.text, true)).unwrap();
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
            // docker.sh takes it away; a block may set it.
            .env("DOCKER_SANDBOX", "-")
            .env("DOCKER_SANDBOX_DETECT_TIMEOUT", "")
            .run();
        let after = std::fs::read_to_string(copy).unwrap();
        let after = self.translate(&after, false);
        if after != guide.text {
            std::fs::write(&guide.path, after).unwrap();
        }
    }
}

#[test]
fn every_console_block_prints_what_it_shows() {
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

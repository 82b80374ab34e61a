//! Where `do` is tried: a scenario whose `docker` writes down what it is asked for, and which knows its sandboxes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::stage::{Engines, IMAGE, Io, Outcome, Running, Scenario, wait_until};

/// The engines that have gVisor.
pub(crate) const ENGINES: Engines = Engines::RELEASES;

/// Options that a spare takes with its command: those that have the others in common share spares.
const OF_THE_COMMAND: [&str; 5] = ["--env", "-e", "--shell", "--wait", "--workdir"];

/// A sandbox that waits for a command.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spare {
    pub(crate) specification: String,
    /// Its id: the name is another one once a command has it.
    pub(crate) container: String,
}

/// Dropped, its sandboxes are removed, those included that are still being made.
pub(crate) struct Place {
    pub(crate) scenario: Scenario,
    /// Which specification options came to.
    known: RefCell<BTreeMap<Vec<String>, String>>,
}

/// What is seen of a command that needs nobody while it runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Place {
    pub(crate) fn on(engine: &str) -> Self {
        Self::with(engine, &[])
    }

    /// With settings of the user's.
    pub(crate) fn with(engine: &str, settings: &[(&str, &str)]) -> Self {
        Self::of(Scenario::on(engine), settings)
    }

    pub(crate) fn of(scenario: Scenario, settings: &[(&str, &str)]) -> Self {
        let docker = scenario.home().join("bin/docker");
        std::fs::remove_file(&docker).unwrap();
        let log = scenario.home().join("docker.log");
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$1 $2 $3 $4\" >>{}\nexec {} \"$@\"\n",
            log.display(),
            scenario.cli.path.display()
        );
        std::fs::write(&docker, script).unwrap();
        std::fs::set_permissions(&docker, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(log, "").unwrap();
        let place = Self { scenario, known: RefCell::default() };
        place.settings(settings);
        place
    }

    /// Writes them, and the image.
    pub(crate) fn settings(&self, settings: &[(&str, &str)]) {
        let image = [("image", IMAGE)];
        let all = image.iter().chain(settings).map(|(name, value)| format!("\"{name}\": \"{value}\""));
        let text = format!("{{\"plugins\": {{\"sandbox\": {{{}}}}}}}", all.collect::<Vec<_>>().join(", "));
        self.scenario.write(".docker/config.json", &text);
    }

    /// The working folder.
    pub(crate) fn work(&self) -> PathBuf {
        self.scenario.home().join("work")
    }

    /// Starts `do ARGS`.
    pub(crate) fn start(&self, args: &[&str], io: Io) -> Running {
        self.scenario.start("docker-sandbox", ["do"].iter().chain(args), io)
    }

    /// `do ARGS`, to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.start(args, Io::Pipes).end()
    }

    /// Runs `do ARGS`, in which `--` stands before the command, cold and from a spare. What `drive` sees must be the
    /// same, and is returned.
    #[track_caller]
    pub(crate) fn both_ways<T: PartialEq + Debug>(
        &self,
        io: Io,
        args: &[&str],
        drive: impl Fn(Running) -> T,
    ) -> T {
        let options = args.iter().take_while(|&&arg| arg != "--");
        let of_the_spare =
            options.filter(|option| !OF_THE_COMMAND.iter().any(|known| option.starts_with(known)));
        let mut key: Vec<String> = of_the_spare.map(|&option| option.to_owned()).collect();
        key.push(format!("{}", io == Io::Terminal));
        let specification = self.known.borrow().get(&key).cloned();

        let warm = [&["--warm=1"], args].concat();
        let before = self.spares();
        let asked = self.asked().len();
        let cold = drive(self.start(if specification.is_some() { args } else { &warm }, io));
        let asked_for: Vec<String> = self.asked().split_off(asked);
        let runs = asked_for.iter().filter(|line| line.starts_with("run ")).count();
        let attached = asked_for.iter().any(|line| line.starts_with("attach "));
        assert!(runs == 1 && !attached, "a cold start is one `docker run`: {asked_for:#?}");

        let known = |spare: &Spare| {
            before.iter().any(|other| other.specification == spare.specification)
                || self.known.borrow().values().any(|other| *other == spare.specification)
        };
        let spare = self.wait_for_spare(|spare| match &specification {
            Some(specification) => spare.specification == *specification,
            None => !known(spare),
        });
        self.known.borrow_mut().insert(key, spare.specification);

        let asked = self.asked().len();
        let seen = drive(self.start(&warm, io));
        let asked_for: Vec<String> = self.asked().split_off(asked);
        let attach = format!("attach --sig-proxy=false {} ", spare.container);
        let runs = asked_for.iter().any(|line| line.starts_with("run "));
        assert!(asked_for.contains(&attach) && !runs, "{} takes it: {asked_for:#?}", spare.container);
        assert_eq!(seen, cold, "from a spare and cold, on {}: {args:?}", self.scenario.engine.name());
        cold
    }

    /// As [`Place::both_ways`], for a command that gets `input` and needs nobody.
    #[track_caller]
    pub(crate) fn same(&self, args: &[&str], input: &[u8]) -> Seen {
        self.both_ways(Io::Pipes, args, |mut running| {
            running.feed(input.to_vec());
            let outcome = running.end();
            Seen { code: outcome.status.code(), stdout: outcome.stdout, stderr: outcome.stderr }
        })
    }

    /// What `docker` was asked for, its first four words each.
    pub(crate) fn asked(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.scenario.home().join("docker.log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    /// The files that `do` keeps in folders called `name`.
    fn kept(&self, name: &str) -> Vec<PathBuf> {
        let files = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten();
        let daemons = files(self.scenario.home().join("data/docker-sandbox/do"));
        daemons.flat_map(|daemon| files(daemon.path().join(name))).map(|file| file.path()).collect()
    }

    /// Who counts as running or waits for that.
    pub(crate) fn claims(&self) -> Vec<PathBuf> {
        self.kept("running")
    }

    /// The spares that are ready.
    pub(crate) fn spares(&self) -> Vec<Spare> {
        let mut spares: Vec<Spare> = self.kept("spares").iter().filter_map(|file| spare(file)).collect();
        spares.sort();
        spares
    }

    /// Waits for a spare that is `fit`.
    #[track_caller]
    pub(crate) fn wait_for_spare(&self, fit: impl Fn(&Spare) -> bool) -> Spare {
        let mut found = None;
        wait_until("a spare is ready", || {
            found = self.spares().into_iter().find(|spare| fit(spare));
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until so many spares are ready and none is being made.
    #[track_caller]
    pub(crate) fn wait_for_spares(&self, count: usize) -> Vec<Spare> {
        wait_until(&format!("{count} spares are ready"), || {
            self.spares().len() == count && self.minders().is_empty()
        });
        self.spares()
    }

    /// The ids of all sandboxes here: those that have the working folder.
    pub(crate) fn sandboxes(&self) -> Vec<String> {
        let filter = format!("--filter=volume={}", self.work().display());
        let ids = self.scenario.ask(&["ps", "--all", "--no-trunc", "--quiet", &filter]);
        ids.lines().map(str::to_owned).collect()
    }

    /// Those that `prune` would not take anyway: a spare whose maker was killed between its making and its start waits for that.
    pub(crate) fn left(&self) -> Vec<String> {
        let volume = format!("--filter=volume={}", self.work().display());
        let half = ["--filter=status=created", "--filter=name=docker-sandbox-spare-"];
        let words = [&["ps", "--all", "--no-trunc", "--quiet", &volume][..], &half].concat();
        let half = self.scenario.ask(&words);
        self.sandboxes().into_iter().filter(|id| half.lines().all(|other| other != id)).collect()
    }

    /// The sandbox that the last command was given to: its id, or its name if it was made for it and is gone.
    #[track_caller]
    pub(crate) fn sandbox(&self) -> String {
        let asked = self.asked();
        let found = asked.iter().rev().find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            ["run", _, _, name] => name.strip_prefix("--name="),
            ["attach", _, id, ..] => Some(id),
            _ => None,
        });
        let found = found.unwrap_or_else(|| panic!("a sandbox: {asked:#?}"));
        let id = self.scenario.inspect(found, "{{.Id}}");
        if id.is_empty() { found.to_owned() } else { id }
    }

    /// The processes that mind commands of this place.
    pub(crate) fn minders(&self) -> Vec<i32> {
        let home = self.scenario.home().to_str().unwrap();
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let ours = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line);
            line.starts_with("docker-sandbox-minder\0") && line.contains(home)
        };
        ids.filter(ours).collect()
    }

    /// Waits until nothing is left of any command: no process, no sandbox but spares, no claim.
    #[track_caller]
    pub(crate) fn wait_until_over(&self) {
        self.wait_until_gone();
        assert_eq!(self.claims(), [""; 0].map(PathBuf::from));
    }

    /// The same after somebody was killed: what is left of its claim goes with the next command.
    #[track_caller]
    pub(crate) fn wait_until_gone(&self) {
        wait_until("nobody minds a command any more", || self.minders().is_empty());
        let spares: Vec<_> = self.spares().into_iter().map(|spare| spare.container).collect();
        wait_until("the sandboxes are gone", || self.left().iter().all(|name| spares.contains(name)));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("docker was asked for: {:#?}\nclaims: {:?}", self.asked(), self.claims());
            eprintln!("spares: {:?}\nminders: {:?}", self.spares(), self.minders());
        }
        // Whoever makes spares finds nothing to make any more.
        self.scenario.write(".docker/config.json", "{\"plugins\": {\"sandbox\": {\"image\": \"\"}}}");
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !self.minders().is_empty() && std::time::Instant::now() < limit {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        for sandbox in self.sandboxes() {
            self.scenario.ask(&["rm", "--force", "--volumes", &sandbox]);
        }
    }
}

/// `SPECIFICATION.NAME.ready`, with the id in it.
fn spare(file: &std::path::Path) -> Option<Spare> {
    let (specification, _) = file.file_name()?.to_str()?.strip_suffix(".ready")?.split_once('.')?;
    let content = std::fs::read_to_string(file).ok()?;
    let id = content.split_whitespace().find(|word| word.len() == 64)?;
    Some(Spare { specification: specification.to_owned(), container: id.to_owned() })
}

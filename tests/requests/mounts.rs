//! What a line mounts: our reading of it is what the real CLI sends, source by source, and what
//! starts mounts nothing that is refused.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use docker_sandbox::docker::flags::Flags;
use docker_sandbox::docker::mounts::{Mounts, Source};
use docker_sandbox::docker::run_line::RunLine;
use docker_sandbox::docker::volume_options;
use proptest::collection::vec;
use proptest::prelude::{Strategy, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use serde_json::Value;

use crate::bench::{Bench, Cli};
use crate::judge::{Verdict, judge_with};
use crate::line::Line;
use crate::spelling;

/// A mount that the daemon makes: the path of a bind, or a volume's name and options.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Made {
    Bind { path: PathBuf, read_only: bool },
    Volume { name: String, options: BTreeMap<String, String>, read_only: bool },
}

const PATHS: [&str; 16] = [
    "/srv/data",
    "/tmp/x y",
    "/var/log/nginx",
    "/home/me/project",
    "/etc",
    "/etc/ssl/certs",
    "/",
    "/run/docker.sock",
    "/run",
    "/proc/sys",
    "/usr/bin",
    "/root",
    "./data",
    "./..",
    ".",
    "named",
];

/// Parts of values, to be thrown together: what a reader may stumble over.
const PARTS: [&str; 34] = [
    "type=bind",
    "type=volume",
    "Type=",
    "src=/etc",
    "source=/srv/data",
    "SRC=",
    "dst=/x",
    "target=/x",
    "readonly",
    "ro=false",
    "volume-opt=device=/etc",
    "volume-opt=o=bind",
    "volume-opt=",
    "device=etc",
    ",",
    ",",
    ",",
    ",",
    "\"",
    "\"\"",
    "\n",
    "\r\n",
    " ",
    "=",
    ":",
    ":",
    "/etc",
    "/x",
    "./data",
    "ro",
    "rw,z",
    "\u{212a}\u{130}",
    "a",
    "bind=",
];

fn words() -> impl Strategy<Value = Vec<OsString>> {
    // Deep enough for any folder that tests are run in.
    let spelled = select(&PATHS[..]).prop_flat_map(|path| {
        let path = match path.strip_prefix('/') {
            Some(_) => spelling::path(path.to_owned(), "////////////////////", "/nobody").boxed(),
            None => proptest::strategy::Just(path.to_owned()).boxed(),
        };
        path.prop_flat_map(|path| spelling::option(path, false)).prop_map(|spelled| spelled.words)
    });
    let thrown = (select(vec!["--mount=", "-v", "--volume="]), vec(select(&PARTS[..]), 1..9));
    let thrown = thrown.prop_map(|(start, parts)| vec![format!("{start}{}", parts.concat())]);
    // As a mount that is read well but for one part too many.
    let nearly =
        (vec(select(&PARTS[..]), 0..3), vec(select(&PARTS[..]), 0..3)).prop_map(|(before, behind)| {
            vec![format!("--mount={}type=bind,src=/srv/data,dst=/x{}", before.concat(), behind.concat())]
        });
    let other = select(vec!["--rm", "-eA=-v", "-l=--mount", "--use-api-socket", "--use-api-socket=0"])
        .prop_map(|word| vec![word.to_owned()]);
    let option = prop_oneof![8 => spelled, 3 => thrown, 3 => nearly, 1 => other];
    vec(option, 1..4).prop_map(|options| {
        let tail = ["busybox", "-v", "/etc:/etc"].map(str::to_owned);
        options.concat().into_iter().chain(tail).map(OsString::from).collect()
    })
}

/// As Docker's `path.Clean` does.
fn clean(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::from("/"), |mut clean, part| {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
        clean
    })
}

/// What the daemon makes of a request. What it refuses is not among it.
///
/// Source: `ParseMountRaw` and `parseMountSpec` in moby's `volume/mounts/linux_parser.go`.
fn made(create: &Value) -> BTreeSet<Made> {
    let host = &create["HostConfig"];
    let list = |name: &str| host[name].as_array().cloned().unwrap_or_default();
    let binds = list("Binds").into_iter().filter_map(|bind| {
        let bind = bind.as_str().unwrap().to_owned();
        let parts: Vec<&str> = bind.splitn(4, ':').collect();
        let modes = parts.get(2).copied().unwrap_or_default();
        let read_only = modes.split(',').any(|mode| mode == "ro");
        (parts.len() < 4).then(|| of(parts[0], BTreeMap::new(), read_only)).flatten()
    });
    let mounts = list("Mounts").into_iter().filter_map(|mount| {
        let source = mount["Source"].as_str().unwrap_or_default();
        let options =
            mount["VolumeOptions"]["DriverConfig"]["Options"].as_object().cloned().unwrap_or_default();
        let options =
            options.into_iter().map(|(key, value)| (key, value.as_str().unwrap().to_owned())).collect();
        let read_only = mount["ReadOnly"] == true;
        match (mount["Type"].as_str().unwrap_or_default(), source.starts_with('/')) {
            ("bind", true) | ("volume", false) => of(source, options, read_only),
            _ => None,
        }
    });
    binds.chain(mounts).collect()
}

fn of(source: &str, options: BTreeMap<String, String>, read_only: bool) -> Option<Made> {
    if source.starts_with('/') {
        return Some(Made::Bind { path: clean(Path::new(source)), read_only });
    }
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_name = source.bytes().all(letter) && source.starts_with(|c: char| c.is_ascii_alphanumeric());
    // Docker makes one without a name and without options by itself.
    let is_from_somewhere = is_name || source.is_empty() && !options.is_empty();
    is_from_somewhere.then(|| Made::Volume { name: source.to_owned(), options, read_only })
}

/// The same, as our product reads the line.
fn read(words: &[OsString], bench: &Bench) -> BTreeSet<Made> {
    let folder = bench.folder().join("home/link");
    let line = RunLine::parse(words, &Flags::run()).unwrap();
    let mounts = Mounts::of(&line);
    // Docker mounts the socket that it asks by itself.
    let socket = bench.folder().join("docker.sock");
    let socket = mounts.api_socket.map(|_| Made::Bind { path: socket, read_only: false });
    let given = mounts.mounts.into_iter().map(|mount| match mount.source {
        Source::Path(path) => Made::Bind { path: clean(&folder.join(path)), read_only: mount.read_only },
        Source::Volume { name, options } => {
            let options: Vec<_> = options.iter().map(|option| option.to_string_lossy()).collect();
            let options = volume_options::of_mount(&options);
            Made::Volume { name: name.to_string_lossy().into(), options, read_only: mount.read_only }
        }
    });
    given.chain(socket).collect()
}

/// Whether a mount is one of those that are refused among [`PATHS`], told without the product.
fn is_refused(made: &Made, bench: &Bench) -> bool {
    let (paths, read_only) = match made {
        Made::Bind { path, read_only } => (vec![path.clone()], *read_only),
        Made::Volume { options, read_only, .. } => {
            let paths = options.values().flat_map(|value| value.split([',', ':', '=']));
            (paths.map(|path| Path::new("/").join(path)).collect(), *read_only)
        }
    };
    let top = bench.folder().canonicalize().unwrap();
    paths.iter().any(|path| {
        let cleaned = clean(path);
        let inside = cleaned.components().skip(1).position(|part| part.as_os_str() == "root");
        // Behind `/proc/…/root` it goes on as from the root.
        let behind = inside.filter(|_| cleaned.starts_with("/proc"));
        let path: PathBuf = behind.map_or(cleaned.clone(), |at| {
            Path::new("/").join(cleaned.components().skip(at + 2).collect::<PathBuf>())
        });
        let path = path.canonicalize().unwrap_or(path);
        let path = path.strip_prefix("/var/run").map_or(path.clone(), |rest| Path::new("/run").join(rest));
        let holds_a_socket = top.join("docker.sock").starts_with(&path)
            || path.file_name().is_some_and(|name| name == "docker.sock")
            || path == Path::new("/run");
        let whole =
            ["/", "/run", "/root", "/usr", "/home", "/home/me"].iter().any(|whole| path == Path::new(whole));
        let within = ["/etc", "/proc", "/usr/bin"].iter().any(|folder| path.starts_with(folder));
        holds_a_socket || !read_only && (whole || within || path == top.join("home"))
    })
}

/// What is wrong with our reading of a line that Docker takes.
fn compare(words: &[OsString], verdict: Verdict, create: &Value, bench: &Bench) -> Result<bool, String> {
    let read = read(words, bench);
    // Since 28.5, `--use-api-socket` is the usual socket, whatever the endpoint is.
    let usual = Made::Bind { path: "/var/run/docker.sock".into(), read_only: false };
    let asked = words.iter().any(|word| word.to_string_lossy().starts_with("--use-api-socket"));
    let made: BTreeSet<Made> = made(create)
        .into_iter()
        .map(|made| {
            let is_usual = asked && made == usual && !read.contains(&usual);
            if is_usual {
                Made::Bind { path: bench.folder().join("docker.sock"), read_only: false }
            } else {
                made
            }
        })
        .collect();
    if let Some(missed) = made.difference(&read).next() {
        return Err(format!("we do not see {missed:?} in the line, but {read:?}"));
    }
    let refused: Vec<&Made> = made.iter().filter(|made| is_refused(made, bench)).collect();
    match verdict {
        Verdict::Sandboxed if !refused.is_empty() => Err(format!("this was started: {refused:?}")),
        // What we read and the daemon does not make, it refuses.
        Verdict::RuledOut if refused.is_empty() && made == read => {
            Err(format!("refused for nothing: {made:?}"))
        }
        _ => Ok(made == read && !made.is_empty()),
    }
}

fn check(cli: &Cli, cases: u32) {
    let bench = Bench::new(cli);
    let seen: RefCell<BTreeMap<(Verdict, bool), u32>> = RefCell::default();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 600, ..Config::default() };
    let outcome = TestRunner::new(config).run(&words(), |words| {
        let line = Line::of("run", words.iter().map(|word| word.as_encoded_bytes()));
        let mut same = false;
        let also = |verdict, create: &Value| {
            same = compare(&words, verdict, create, &bench)?;
            Ok(())
        };
        let verdict = judge_with(&bench, &line, also).map_err(TestCaseError::fail)?;
        *seen.borrow_mut().entry((verdict, same)).or_default() += 1;
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(problem, words)) => panic!("{cli:?}: {problem}\n\n{words:?}"),
        Err(error) => panic!("{error}"),
    }
    let seen = seen.into_inner();
    println!("{cli:?}: {cases} cases: (verdict, whether the daemon takes all of it): {seen:?}");
    if cases >= 40 {
        let at_least = |verdict, percent| {
            let seen = seen.get(&(verdict, true)).copied().unwrap_or_default();
            assert!(seen * 100 >= cases * percent, "{cli:?}: only {seen} of {cases} cases were {verdict:?}");
        };
        at_least(Verdict::Sandboxed, 3);
        at_least(Verdict::RuledOut, 3);
    }
}

#[test]
fn we_read_the_mounts_that_the_newest_cli_sends() {
    check(&Cli::all()[0], crate::share(20));
}

#[test]
fn we_read_the_mounts_that_older_clis_send() {
    for cli in Cli::all().iter().skip(1) {
        check(cli, crate::share(5));
    }
}

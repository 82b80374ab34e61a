//! `docker sandbox setup`: gVisor onto this machine and into its Docker daemon, and out again.

mod plan;
mod report;
mod wanted;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::ArgMatches;
use report::Stderr;
use wanted::Wanted;

use crate::context::Context;
use crate::docker::client::Docker;
use crate::docker::daemon::DaemonProcess;
use crate::docker::info::Info;
use crate::docker::stop::Stop;
use crate::docker::{ask, failure};
use crate::error::{self, Error};
use crate::gvisor::detect::USUAL_NAME;
use crate::plugin;
use crate::setup::daemon_json::{self, Entry};
use crate::setup::install::{self, Order, Work};
use crate::setup::journal::Journal;
use crate::setup::reload::Daemon;
use crate::setup::source::Source;
use crate::setup::steps::Interrupted;
use crate::setup::target::{self, Facts, Kind, Target};
use crate::setup::tool::Tools;
use crate::setup::{file, ownership, register, runsc, undo};
use crate::ui::{self, plain, shown};

const LIMIT: Duration = Duration::from_secs(20);

pub(super) fn run(context: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let wanted = Wanted::read(context, matches)?;
    let docker = context.docker()?;
    if rustix::process::geteuid().is_root() {
        check_docker(context, &wanted, &docker)?;
    }
    let target = find_target(context, &wanted, &docker)?;
    let daemon = Daemon { docker, process: target.daemon.clone(), owner: target.owner };
    let outcome = if wanted.undo {
        take_back(context, &wanted, &target, &daemon)
    } else {
        put_in(context, &wanted, &target, &daemon)
    };
    outcome.map_err(|error| match error.downcast_ref::<Interrupted>() {
        Some(Interrupted(signal)) => {
            let code = 128_u8.saturating_add(*signal);
            error.context(Error::new("setup was stopped before it was done").code(code))
        }
        None => error,
    })
}

/// Docker's CLI runs plugins and credential helpers that its configuration directory holds or names: as root, it gets
/// one that only root can write to, and is itself such a program.
fn check_docker(context: &Context, wanted: &Wanted, docker: &Docker) -> anyhow::Result<()> {
    let program = context.program.clone().unwrap_or_else(|| PathBuf::from("docker-sandbox"));
    let words = ["sudo", "-H", "env", "-u", "DOCKER_CONFIG"].map(OsString::from).into_iter();
    let words = words.chain([program.into_os_string()]).chain(context.globals.iter().cloned());
    let line = ui::shell_line(words.chain(wanted.words.iter().cloned()));
    let own = || ("take root's own:", line.clone());
    ownership::check(docker.program(), "and root would run it", own())?;
    let Some(config) = context.config_json() else { return Ok(()) };
    let config = context.absolute(&config);
    let folder = config.parent().unwrap_or(&config);
    ownership::check(folder, "and `docker` would run plugins from there as root", own())?;
    ownership::check(&config, "and `docker` would run what it names as root", own())
}

fn find_target(context: &Context, wanted: &Wanted, docker: &Docker) -> anyhow::Result<Target> {
    let user = rustix::process::geteuid().as_raw();
    let endpoint = ask::endpoint(docker, LIMIT);
    let sudo = sudo_line(wanted, &endpoint);
    let info = match ask::about(docker, LIMIT) {
        Ok(info) if info.server_version.is_empty() && !wanted.undo => {
            // Docker's CLI answers for itself where the daemon does not.
            return Err(ask::runtimes(docker, LIMIT)
                .err()
                .unwrap_or_else(|| anyhow::anyhow!("no daemon answers")));
        }
        Ok(info) => {
            let runtimes = info.runtimes.as_ref().filter(|_| !info.server_version.is_empty());
            if runtimes.is_some_and(|runtimes| !ask::lists_shims(runtimes))
                && let Some(name) = ask::other_engine(docker, LIMIT)?
            {
                return Err(failure::no_docker_engine(&name).into());
            }
            info
        }
        Err(_) if wanted.undo => Info::default(),
        Err(_) if user != 0 && endpoint.starts_with("unix://") && !can_connect(&endpoint) => {
            return Err(target::needs_root(&sudo));
        }
        Err(error) => return Err(error),
    };
    let socket = endpoint.strip_prefix("unix://").map(PathBuf::from);
    if let Some(other) = socket.as_deref().and_then(|socket| another_users(&info, socket, user)) {
        let line = sudo.replacen("sudo ", &format!("sudo -H -u '#{other}' "), 1);
        return Err(Error::new(format!("this is the rootless Docker of user {other}; nothing was changed"))
            .hint("run it as that user:", line)
            .into());
    }
    let owner = target::owner(&info, user);
    let daemon = if let Some(pidfile) = &wanted.pidfile {
        Some(behind(pidfile, owner)?)
    } else {
        socket.and_then(|socket| DaemonProcess::served_by(&socket, owner))
    };
    let environment = &context.environment;
    let facts = Facts {
        info,
        endpoint,
        daemon,
        user,
        home: environment.home.clone(),
        config_home: environment.config.clone(),
    };
    let verify = context.command_line(["run", "--rm", "busybox", "dmesg"]);
    target::find(&facts, &wanted.wishes, &verify, &sudo, wanted.undo)
}

/// The user whose rootless Docker serves `socket`, if that is not `user`.
fn another_users(info: &Info, socket: &Path, user: u32) -> Option<u32> {
    let owner = DaemonProcess::serving(socket).filter(|_| info.is_rootless())?.owner();
    (owner != user).then_some(owner)
}

fn can_connect(endpoint: &str) -> bool {
    let socket = endpoint.strip_prefix("unix://").unwrap_or(endpoint);
    match std::os::unix::net::UnixStream::connect(socket) {
        Err(error) => error.kind() != std::io::ErrorKind::PermissionDenied,
        Ok(_) => true,
    }
}

fn behind(pidfile: &Path, owner: u32) -> anyhow::Result<DaemonProcess> {
    let text = std::fs::read_to_string(pidfile).with_context(|| format!("cannot read {}", shown(pidfile)))?;
    let daemon = text.trim().parse().ok().and_then(|pid| DaemonProcess::with_pid(pid, owner));
    daemon.ok_or_else(|| {
        Error::new(format!("{} names no running dockerd of this machine", shown(pidfile)))
            .hint("see which there are:", "pgrep -a dockerd")
            .into()
    })
}

/// sudo finds neither the user's plugins nor their context: so this binary, and the daemon by its address.
fn sudo_line(wanted: &Wanted, endpoint: &str) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("docker-sandbox"));
    let mut words = vec![OsString::from("sudo"), program.into_os_string()];
    if !endpoint.is_empty() && endpoint != "unix:///var/run/docker.sock" {
        words.push(format!("--host={endpoint}").into());
    }
    words.extend(wanted.words.iter().cloned());
    ui::shell_line(words)
}

fn put_in(context: &Context, wanted: &Wanted, target: &Target, daemon: &Daemon) -> anyhow::Result<()> {
    let name = wanted.name.clone().unwrap_or_else(|| USUAL_NAME.to_owned());
    let process = target.daemon.as_ref().context("the daemon's process is not known")?;
    let on_command_line = process.runtimes_on_its_command_line();
    if !on_command_line.is_empty() {
        let message = format!(
            "this daemon gets its runtimes on its command line ({}), and would not start with others in {}",
            plain(&on_command_line.join(", ")),
            shown(&target.config)
        );
        let add = format!("--add-runtime={name}={}", target.prefix.join("runsc").display());
        return Err(Error::new(message).hint("add this to its command line, and restart it:", add).into());
    }
    let search = context.environment.path.as_deref();
    let tools = Tools::new(search, Stop::default());
    let now = file::read(&target.real_config)?;
    let there = daemon_json::find(now.as_deref().unwrap_or_default(), &name).entry();
    let source = wanted.source.clone().unwrap_or_else(|| choose(&tools, target, there.as_ref()));
    let source = stay_in_place(source, &target.prefix);
    let mut args = arguments(wanted, target, there.as_ref());
    if let Source::Found(path) = &source {
        args.extend(runsc::for_read_only(path, &args));
    }
    let path = match &source {
        Source::Found(path) => path.clone(),
        Source::Apt => PathBuf::from("/usr/bin/runsc"),
        _ => target.prefix.join("runsc"),
    };
    let entry = Entry { path: path.to_string_lossy().into_owned(), args: args.clone() };
    let plan = register::plan(&target.real_config, &name, &entry)?;
    let text = plan::text(&name, &source, target, process, &plan);
    if wanted.dry_run {
        return ui::out(&format!("{text}\nNothing was changed.\n"));
    }
    ui::err(&text);
    ask_user(wanted, &context.command_line(["setup", "--yes"]))?;
    let tools = Tools::new(search, plugin::stop::watch(context).context("cannot watch for signals")?);
    let progress = std::io::stderr().is_terminal();
    let order = Order { name, args, source, downloads: downloads(context), progress };
    let mut report = Stderr::new();
    let mut work = Work { tools: &tools, daemon, target, report: &mut report };
    install::run(&mut work, &order)?;
    ui::note(&format!(
        "gVisor is set up as {}; to take it back: {}",
        shown(&order.name),
        context.command_line(wanted.undo_words())
    ));
    Ok(())
}

/// Where what was fetched waits. sudo may have left root the user's cache, which is not for root to trust.
fn downloads(context: &Context) -> PathBuf {
    let user = !rustix::process::geteuid().is_root();
    let cache = context.environment.cache.clone().filter(|cache| user || ownership::is_ours(cache));
    cache.unwrap_or_else(|| PathBuf::from("/var/cache/docker-sandbox")).join("downloads")
}

/// Without `--from`: what is there, else what the machine's package manager has, else a release.
fn choose(tools: &Tools, target: &Target, there: Option<&Entry>) -> Source {
    let registered = there.map(|entry| entry.path.as_str());
    let seen = |path: &PathBuf| target.daemon.as_ref().and_then(|daemon| daemon.shares(path)) != Some(false);
    let there = runsc::on_this_machine(tools, registered, &target.prefix).filter(seen);
    if let Some(path) = there.as_ref().filter(|path| !ownership::is_ours(path)) {
        ui::warn(&format!("{} is not used: other users can change it", shown(path)));
    }
    match there.filter(|path| ownership::is_ours(path)) {
        Some(path) => Source::Found(path),
        None if target.kind == Kind::System && tools.find("apt-get").is_some() => Source::Apt,
        None => Source::Release("latest".to_owned()),
    }
}

/// A folder that is the destination is used where it is.
fn stay_in_place(source: Source, prefix: &Path) -> Source {
    match &source {
        Source::Folder(folder) if folder.canonicalize().ok() == prefix.canonicalize().ok() => {
            Source::Found(prefix.join("runsc"))
        }
        _ => source,
    }
}

/// What the user wants, else what is registered already; rootless Docker has no say over cgroups.
fn arguments(wanted: &Wanted, target: &Target, there: Option<&Entry>) -> Vec<String> {
    let mut args = match there {
        Some(entry) if wanted.args.is_empty() => entry.args.clone(),
        _ => wanted.args.clone(),
    };
    let ignore = "--ignore-cgroups";
    if target.kind == Kind::Rootless && !args.iter().any(|word| word.trim_start_matches('-') == &ignore[2..])
    {
        args.insert(0, ignore.to_owned());
    }
    args
}

fn ask_user(wanted: &Wanted, with_yes: &str) -> anyhow::Result<()> {
    if wanted.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::new("there is no terminal to ask on; nothing was changed")
            .code(error::USAGE)
            .hint("say yes beforehand:", with_yes)
            .into());
    }
    if ui::is_yes(&ui::ask("Do this? [y/N]").context("cannot read the answer")?) {
        return Ok(());
    }
    Err(Error::new("not confirmed; nothing was changed").into())
}

fn take_back(context: &Context, wanted: &Wanted, target: &Target, daemon: &Daemon) -> anyhow::Result<()> {
    let first = wanted.name.as_deref().unwrap_or(USUAL_NAME);
    if target.real_config.parent().is_some_and(Path::is_dir) {
        // Opened, it is rid of what a killed run has left unfinished.
        drop(Journal::open(&target.real_config, first)?);
    }
    let known = Journal::names(&target.real_config);
    let names: Vec<String> = known
        .into_iter()
        .filter(|name| wanted.name.as_ref().is_none_or(|wanted| wanted == name))
        .rev()
        .collect();
    if names.is_empty() {
        let config = shown(&target.real_config);
        return Err(Error::new(format!("no setup is on record for {config}: there is nothing to undo"))
            .hint(
                "if it was for another file, name that:",
                context.command_line(["setup", "--undo", "--config-file", "FILE"]),
            )
            .into());
    }
    let list: Vec<String> = names.iter().map(shown).collect();
    let text = format!(
        "docker sandbox setup --undo takes {} out of {} again, and what was installed for it.\n",
        list.join(", "),
        shown(&target.config)
    );
    if wanted.dry_run {
        return ui::out(&format!("{text}Nothing was changed.\n"));
    }
    ui::err(&text);
    ask_user(wanted, &context.command_line(["setup", "--undo", "--yes"]))?;
    let daemon = daemon.process.is_some().then_some(daemon);
    if daemon.is_none() {
        ui::warn("no running daemon is known for it: only files are put back");
    }
    let tools = Tools::new(context.environment.path.as_deref(), plugin::stop::watch(context)?);
    for name in &names {
        let mut journal = Journal::open(&target.real_config, name)?;
        undo::undo(&mut journal, daemon, &tools, &mut Stderr::new())?;
    }
    ui::note("everything is as it was before setup");
    Ok(())
}

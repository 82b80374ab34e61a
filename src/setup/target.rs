//! Which daemon gets gVisor, and where its files are.

use std::path::{Path, PathBuf};

use super::{file, ownership};
use crate::docker::daemon::DaemonProcess;
use crate::docker::failure;
use crate::docker::info::Info;
use crate::error::Error;
use crate::gvisor::instructions::{self, Platform};
use crate::ui::{self, shown};

/// What kind of installation a local daemon is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The machine's own.
    System,
    /// A user's, without root.
    Rootless,
    /// From the snap: it sees its own file system, and little of ours.
    Snap,
}

/// What is known before anything is decided.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The daemon's answer.
    pub info: Info,
    /// Its address.
    pub endpoint: String,
    /// Its process, where that is known.
    pub daemon: Option<DaemonProcess>,
    /// Our effective user.
    pub user: u32,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config_home: Option<PathBuf>,
}

/// What the user said.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// `--config-file`, absolute.
    pub config: Option<PathBuf>,
    /// `--prefix`, absolute.
    pub prefix: Option<PathBuf>,
}

/// The daemon to set up.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its process; `None` where an undo has no daemon to tell.
    pub daemon: Option<DaemonProcess>,
    /// Its user.
    pub owner: u32,
    /// Its daemon.json, as named.
    pub config: PathBuf,
    /// The same, links followed: the file that is written.
    pub real_config: PathBuf,
    /// Where programs go.
    pub prefix: PathBuf,
}

/// The user whose process the daemon at `info` is.
#[must_use]
pub fn owner(info: &Info, user: u32) -> u32 {
    if info.is_rootless() { user } else { 0 }
}

/// Finds files and folders for the daemon that `facts` are about. `verify` is the command that shows
/// whether gVisor works, `sudo` the one that runs this again as root, `undo` whether only that is wanted.
///
/// # Errors
/// It is none that can be set up from here, by this user: what to do instead.
pub fn find(facts: &Facts, wishes: &Wishes, verify: &str, sudo: &str, undo: bool) -> anyhow::Result<Target> {
    if facts.info.os_type == "windows" {
        return Err(failure::windows_containers().into());
    }
    let platform = Platform::of(&facts.info, &facts.endpoint);
    let kind = match platform {
        Platform::Desktop => return Err(elsewhere("Docker Desktop", &platform, verify)),
        Platform::OrbStack => return Err(elsewhere("OrbStack", &platform, verify)),
        Platform::Colima => return Err(elsewhere("Colima", &platform, verify)),
        Platform::Remote(_) => return Err(elsewhere("a daemon on another machine", &platform, verify)),
        Platform::Rootless => Kind::Rootless,
        Platform::Linux if is_snap(facts.daemon.as_ref(), wishes) => Kind::Snap,
        Platform::Linux => Kind::System,
    };
    if kind != Kind::Rootless && facts.user != 0 {
        return Err(needs_root(sudo));
    }
    if facts.daemon.is_none() && !undo {
        return Err(Error::new(format!(
            "cannot tell which process is the Docker daemon at {}: nothing was changed",
            shown(&facts.endpoint)
        ))
        .hint("name its pid file:", "docker sandbox setup --pidfile /run/docker.pid")
        .hint("a daemon in a container or a virtual machine is set up in there", "docker info")
        .into());
    }
    let named = facts.daemon.as_ref().and_then(|daemon| match kind {
        // Its environment says where that is, and ours may be another.
        Kind::Rootless => daemon.configuration_path(),
        Kind::System | Kind::Snap => daemon.named_configuration(),
    });
    let config = match wishes.config.clone().or(named) {
        Some(config) => config,
        None => default_config(kind, facts)?,
    };
    let prefix = match (&wishes.prefix, kind) {
        (Some(prefix), _) => prefix.clone(),
        (None, Kind::System) => PathBuf::from("/usr/local/bin"),
        (None, Kind::Rootless) => home(facts)?.join(".local/bin"),
        // What the snap sees of this machine, and what survives its updates.
        (None, Kind::Snap) => PathBuf::from("/var/snap/docker/common/gvisor"),
    };
    let real_config = file::real(&config)?;
    let target = Target {
        kind,
        owner: owner(&facts.info, facts.user),
        daemon: facts.daemon.clone(),
        config,
        real_config,
        prefix,
    };
    target.check_sight()?;
    target.check_ownership(undo)?;
    Ok(target)
}

impl Target {
    /// The daemon and we must mean the same files by these names.
    fn check_sight(&self) -> anyhow::Result<()> {
        let Some(daemon) = &self.daemon else { return Ok(()) };
        let folder = self.real_config.parent().unwrap_or(Path::new("/"));
        for path in [folder, self.real_config.as_path()] {
            if path.exists() && daemon.shares(path) == Some(false) {
                return Err(Error::new(format!(
                    "{} is another file for the daemon (process {}) than for us: it has a file system of its own",
                    shown(path),
                    daemon.pid()
                ))
                .hint("set it up from inside there, with:", "docker sandbox setup")
                .into());
            }
        }
        Ok(())
    }

    /// What is read and written there is done as root: nobody else may be able to put a journal or a
    /// configuration there, or exchange a program that the daemon runs.
    fn check_ownership(&self, undo: bool) -> anyhow::Result<()> {
        let (config, prefix) = (ui::shell_line([&self.real_config]), "docker sandbox setup --prefix");
        let keep = (
            "keep it where only its owner can write, and have the daemon read it there:",
            match self.kind {
                Kind::Rootless => format!("cp {config} ~/.config/docker/daemon.json"),
                Kind::System | Kind::Snap => format!("sudo install -m 644 {config} /etc/docker/daemon.json"),
            },
        );
        ownership::check(&self.config, "and setup acts on what is in there", keep)?;
        let folder = self.real_config.parent().unwrap_or(Path::new("/"));
        let keep = ("see whose it is:", format!("namei -l {}", ui::shell_line([folder])));
        ownership::check(folder, "and setup acts on what is in there", keep)?;
        if undo {
            // What was placed is where the journal says.
            return Ok(());
        }
        let other = match self.kind {
            Kind::Rootless => ("take a directory of your own:", format!("{prefix} ~/.local/bin")),
            Kind::System => ("take a directory of root's:", format!("{prefix} /usr/local/bin")),
            Kind::Snap => ("take a directory of root's:", format!("{prefix} /var/snap/docker/common/gvisor")),
        };
        ownership::check(&self.prefix, "and the daemon would run what is in there", other)
    }
}

fn default_config(kind: Kind, facts: &Facts) -> anyhow::Result<PathBuf> {
    Ok(match kind {
        Kind::System => PathBuf::from("/etc/docker/daemon.json"),
        Kind::Snap => PathBuf::from("/var/snap/docker/current/config/daemon.json"),
        Kind::Rootless => match &facts.config_home {
            Some(folder) => folder.join("docker/daemon.json"),
            None => home(facts)?.join(".config/docker/daemon.json"),
        },
    })
}

fn home(facts: &Facts) -> anyhow::Result<&Path> {
    facts.home.as_deref().ok_or_else(|| {
        Error::new("there is no home folder, and rootless Docker has its files there")
            .hint("name them:", "docker sandbox setup --config-file FILE --prefix FOLDER")
            .into()
    })
}

fn is_snap(daemon: Option<&DaemonProcess>, wishes: &Wishes) -> bool {
    let snap = |path: &Path| path.starts_with("/var/snap/docker");
    let named = daemon.and_then(DaemonProcess::named_configuration);
    named.as_deref().is_some_and(snap) || wishes.config.as_deref().is_some_and(snap)
}

/// The error for a user who may not do this: the command that may.
#[must_use]
pub fn needs_root(sudo: &str) -> anyhow::Error {
    Error::new("this needs root: the daemon, its configuration and the folder for programs are root's")
        .hint("run exactly this:", sudo)
        .into()
}

fn elsewhere(what: &str, platform: &Platform, verify: &str) -> anyhow::Error {
    Error::new(format!("{what} cannot be set up from here; nothing was changed"))
        .body(instructions::for_platform(platform, verify))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(system: &str, security: &[&str], endpoint: &str) -> Facts {
        Facts {
            info: Info {
                operating_system: system.into(),
                security_options: Some(security.iter().map(|&option| option.into()).collect()),
                ..Info::default()
            },
            endpoint: endpoint.into(),
            home: Some("/home/you".into()),
            ..Facts::default()
        }
    }

    fn undo(facts: &Facts, wishes: &Wishes) -> anyhow::Result<Target> {
        find(facts, wishes, "verify", "sudo it", true)
    }

    #[test]
    fn each_kind_has_its_own_files() {
        let local = "unix:///var/run/docker.sock";
        let files = |facts: &Facts, wishes: &Wishes| {
            let target = undo(facts, wishes).unwrap();
            (target.kind, target.config.display().to_string(), target.prefix.display().to_string())
        };
        let debian = facts("Debian GNU/Linux 12", &[], local);
        let none = Wishes::default();
        assert_eq!(
            files(&debian, &none),
            (Kind::System, "/etc/docker/daemon.json".into(), "/usr/local/bin".into())
        );
        let rootless =
            Facts { user: 1000, ..facts("Debian", &["name=rootless"], "unix:///run/user/1000/docker.sock") };
        assert_eq!(
            files(&rootless, &none),
            (Kind::Rootless, "/home/you/.config/docker/daemon.json".into(), "/home/you/.local/bin".into())
        );
        let snap =
            Wishes { config: Some("/var/snap/docker/current/config/daemon.json".into()), prefix: None };
        let (kind, config, prefix) = files(&debian, &snap);
        assert_eq!((kind, prefix.as_str()), (Kind::Snap, "/var/snap/docker/common/gvisor"));
        assert_eq!(config, "/var/snap/docker/current/config/daemon.json");
    }

    #[test]
    fn daemons_that_are_elsewhere_are_explained_and_not_touched() {
        for (system, endpoint) in [
            ("Docker Desktop", "unix:///x"),
            ("OrbStack", "unix:///x"),
            ("Ubuntu", "unix:///home/you/.colima/default/docker.sock"),
            ("Debian", "ssh://you@host"),
            ("Debian", "tcp://host:2376"),
        ] {
            let error = undo(&facts(system, &[], endpoint), &Wishes::default()).unwrap_err();
            assert!(
                error.to_string().ends_with("cannot be set up from here; nothing was changed"),
                "{error}"
            );
        }
    }

    #[test]
    fn whoever_is_not_root_gets_the_command() {
        let you = Facts { user: 1000, ..facts("Debian", &[], "unix:///var/run/docker.sock") };
        assert!(undo(&you, &Wishes::default()).unwrap_err().to_string().starts_with("this needs root"));
    }

    #[test]
    fn a_daemon_that_cannot_be_found_is_not_set_up() {
        let error =
            find(&facts("Debian", &[], "unix:///x"), &Wishes::default(), "v", "s", false).unwrap_err();
        assert!(error.to_string().contains("cannot tell which process"), "{error}");
    }
}

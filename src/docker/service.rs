//! What its administrator types for one daemon: rootless Docker's are a user's own service and file.

use std::path::{Path, PathBuf};

use super::ask;
use super::client::Docker;
use super::daemon::DaemonProcess;
use super::info::Info;
use crate::ui::shell_line;
use std::time::Duration;

/// The file in the messages that are written for the system's daemon.
const SYSTEM_CONFIG: &str = "/etc/docker/daemon.json";
/// The same of rootless Docker, where nobody says otherwise.
const USERS_CONFIG: &str = "~/.config/docker/daemon.json";

/// Which daemon commands are meant for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    rootless: bool,
    /// Its daemon.json, where that is not the usual one.
    config: Option<PathBuf>,
}

impl Service {
    /// The daemon that gave this answer, as this process, if that is known.
    #[must_use]
    pub fn of(info: &Info, process: Option<&DaemonProcess>) -> Self {
        Self { rootless: info.is_rootless(), ..process.map(Self::of_process).unwrap_or_default() }
    }

    /// The daemon that is this process.
    #[must_use]
    pub fn of_process(process: &DaemonProcess) -> Self {
        let usual = (!process.is_rootless()).then(|| Path::new(SYSTEM_CONFIG));
        let config = process.configuration_path().filter(|path| Some(path.as_path()) != usual);
        Self { rootless: process.is_rootless(), config }
    }

    /// The daemon behind `socket`; where that is not known, the one that `docker` is to talk to. It is asked nothing: a
    /// user's own daemon is a process that this user sees.
    #[must_use]
    pub fn behind(socket: Option<PathBuf>, docker: &Docker, limit: Duration) -> Self {
        let named = || ask::endpoint(docker, limit).strip_prefix("unix://").map(PathBuf::from);
        let process = socket.or_else(named).and_then(|socket| DaemonProcess::serving(&socket));
        process.as_ref().map(Self::of_process).unwrap_or_default()
    }

    /// The daemon at an address, from the address alone: there may be none. Source: `dockerd-rootless-setuptool.sh`, whose
    /// context has the socket in `XDG_RUNTIME_DIR`.
    #[must_use]
    pub fn at(address: &str) -> Self {
        let rootless = address.contains("unix:///run/user/") || address.contains("unix /run/user/");
        Self { rootless, config: None }
    }

    /// Whether it is a user's own.
    #[must_use]
    pub fn is_rootless(&self) -> bool {
        self.rootless
    }

    /// Opens its daemon.json and has it read again.
    #[must_use]
    pub fn edit(&self) -> String {
        self.command("sudo ${EDITOR:-vi} /etc/docker/daemon.json && sudo systemctl reload docker")
    }

    /// A command for the system's daemon, for this one.
    #[must_use]
    pub fn command(&self, command: &str) -> String {
        let config = self.config.as_ref().map(|path| shell_line([path]));
        if !self.rootless {
            let Some(config) = config else { return command.to_owned() };
            let install = format!("sudo runsc install --config_file={config}");
            return command.replace("sudo runsc install", &install).replace(SYSTEM_CONFIG, &config);
        }
        // Quotes keep `~` from being the home.
        let file = config.clone().unwrap_or_else(|| r#""$HOME/.config/docker/daemon.json""#.to_owned());
        let config = config.unwrap_or_else(|| USERS_CONFIG.to_owned());
        let install = format!("runsc install --config_file={file} -- --ignore-cgroups");
        [
            ("sudo runsc install -- ", format!("{install} ").as_str()),
            ("sudo runsc install", &install),
            ("sudo ${EDITOR:-vi} /etc/docker/daemon.json", &format!("${{EDITOR:-vi}} {config}")),
            (USERS_CONFIG, &config),
            // Its unit's reload signals rootlesskit, which is not the daemon.
            ("sudo systemctl reload docker", "systemctl --user restart docker"),
            ("sudo systemctl ", "systemctl --user "),
            ("sudo journalctl ", "journalctl --user "),
            // Whoever made a user namespace may signal what is in it: user_namespaces(7).
            ("sudo pkill ", "pkill "),
        ]
        .iter()
        .fold(command.to_owned(), |command, (system, users)| command.replace(system, users))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_for_the_daemon_that_is_meant() {
        let system = Service::default();
        let named = Service { config: Some("/srv/d.json".into()), ..Service::default() };
        let user = Service { rootless: true, config: None };
        let users = Service { rootless: true, config: Some("/srv/my files/d.json".into()) };
        for (service, command, expected) in [
            (&system, "sudo runsc install", "sudo runsc install"),
            (&named, "sudo runsc install -- -x", "sudo runsc install --config_file=/srv/d.json -- -x"),
            (&named, "sudo systemctl reload docker", "sudo systemctl reload docker"),
            (
                &user,
                "sudo runsc install",
                r#"runsc install --config_file="$HOME/.config/docker/daemon.json" -- --ignore-cgroups"#,
            ),
            (
                &users,
                "sudo runsc install -- --platform=systrap",
                "runsc install --config_file='/srv/my files/d.json' -- --ignore-cgroups --platform=systrap",
            ),
            (&user, "sudo journalctl -u docker -n 50", "journalctl --user -u docker -n 50"),
            (&user, "sudo systemctl start docker", "systemctl --user start docker"),
            (&user, "sudo pkill -KILL -f -- 'x'", "pkill -KILL -f -- 'x'"),
            (&user, "sudo sysctl x=1", "sudo sysctl x=1"),
            (&users, "${EDITOR:-vi} ~/.config/docker/daemon.json", "${EDITOR:-vi} '/srv/my files/d.json'"),
        ] {
            assert_eq!(service.command(command), expected);
        }
        assert_eq!(
            user.edit(),
            "${EDITOR:-vi} ~/.config/docker/daemon.json && systemctl --user restart docker"
        );
        assert_eq!(
            system.edit(),
            "sudo ${EDITOR:-vi} /etc/docker/daemon.json && sudo systemctl reload docker"
        );
        assert_eq!(named.edit(), "sudo ${EDITOR:-vi} /srv/d.json && sudo systemctl reload docker");
    }

    #[test]
    fn a_socket_in_a_users_runtime_folder_is_rootless_dockers() {
        assert!(
            Service::at("Cannot connect to the Docker daemon at unix:///run/user/1000/docker.sock.")
                .is_rootless()
        );
        assert!(
            !Service::at("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.").is_rootless()
        );
    }
}

//! The kinds of places on a host that rules are about.

use std::path::{Path, PathBuf};

/// Directories and files of one kind: it is touched by what is one of them, by what holds one, and, where `inside`,
/// by what one of them holds.
pub(super) struct Area {
    pub(super) places: &'static [&'static str],
    pub(super) inside: bool,
}

pub(super) const ETC: Area = Area { places: &["/etc"], inside: true };
pub(super) const PROC: Area = Area { places: &["/proc"], inside: true };
pub(super) const SYS: Area = Area { places: &["/sys"], inside: true };
pub(super) const RUN: Area = Area { places: &["/run"], inside: false };
/// What systemd and udev read there is run by them, and engines keep what runs there.
pub(super) const RUN_INSIDE: Area = Area {
    places: &["/run/containerd", "/run/docker", "/run/runsc", "/run/systemd", "/run/udev"],
    inside: true,
};
pub(super) const DEV: Area = Area { places: &["/dev"], inside: false };
pub(super) const SHM: Area = Area { places: &["/dev/shm"], inside: true };

/// Programs of the host and what starts them, the scripts of its packages, and devices that a directory brings along:
/// gVisor opens those that can be read and written at a place.
pub(super) const SYSTEM: Area = Area {
    places: &[
        "/bin",
        "/boot",
        "/dev/cpu",
        "/dev/mapper",
        "/dev/mem",
        "/dev/port",
        "/dev/raw",
        "/gnu",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/nix",
        "/sbin",
        "/snap",
        "/usr/bin",
        "/usr/lib",
        "/usr/lib32",
        "/usr/lib64",
        "/usr/libexec",
        "/usr/libx32",
        "/usr/local/bin",
        "/usr/local/lib",
        "/usr/local/libexec",
        "/usr/local/sbin",
        "/usr/sbin",
        "/var/lib/apt",
        "/var/lib/dpkg",
        "/var/lib/flatpak",
        "/var/lib/pacman",
        "/var/lib/rpm",
        "/var/lib/snapd",
        "/var/lib/systemd",
        "/var/spool/anacron",
        "/var/spool/at",
        "/var/spool/cron",
    ],
    inside: true,
};

/// Where container engines keep what they run, unless they are told otherwise.
pub(super) const ENGINE: Area = Area {
    places: &[
        "/var/lib/containerd",
        "/var/lib/containers",
        "/var/lib/docker",
        "/var/lib/rancher",
        "/var/snap/docker",
    ],
    inside: true,
};

/// The same of an engine without root, under a home.
pub(super) const ENGINE_AT_HOME: [&str; 4] =
    [".config/docker", ".local/share/containerd", ".local/share/containers", ".local/share/docker"];

/// Where keys and credentials are kept, under a home. Our own list of trusted files is one.
pub(super) const CREDENTIALS: [&str; 45] = [
    ".ssh",
    ".aws",
    ".azure",
    ".bluemix",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".claude",
    ".claude.json",
    ".codex",
    ".config/chromium",
    ".config/composer/auth.json",
    ".config/containers",
    ".config/doctl",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/github-copilot",
    ".config/google-chrome",
    ".config/hub",
    ".config/op",
    ".config/rclone",
    ".config/sops",
    ".docker",
    ".gem/credentials",
    ".gemini",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/share/docker-sandbox",
    ".local/share/keyrings",
    ".mozilla",
    ".my.cnf",
    ".netrc",
    ".npmrc",
    ".oci",
    ".password-store",
    ".pgpass",
    ".pypirc",
    ".terraform.d",
    ".thunderbird",
    ".vault-token",
    ".Xauthority",
    ".yarnrc",
    ".yarnrc.yml",
    "snap/firefox",
];

/// What the host's user runs at login, or by an editor or another tool, under a home.
pub(super) const STARTUP: [&str; 139] = [
    // Shells and sessions.
    ".bash_aliases",
    ".bash_completion",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".bashrc.d",
    ".config/autostart",
    ".config/autostart-scripts",
    ".config/environment.d",
    ".config/fish",
    ".config/hypr",
    ".config/i3",
    ".config/openbox",
    ".config/plasma-workspace",
    ".config/starship.toml",
    ".config/sway",
    ".config/systemd",
    ".config/tmux",
    ".config/zsh",
    ".cshrc",
    ".direnvrc",
    ".config/direnv",
    ".gnomerc",
    ".inputrc",
    ".kshrc",
    ".local/share/applications",
    ".local/share/bash-completion",
    ".local/share/dbus-1",
    ".local/share/direnv",
    ".local/share/fish",
    ".local/share/nautilus",
    ".local/share/systemd",
    ".login",
    ".logout",
    ".mkshrc",
    ".oh-my-zsh",
    ".pam_environment",
    ".profile",
    ".screenrc",
    ".tcshrc",
    ".tmux.conf",
    ".xinitrc",
    ".xprofile",
    ".xserverrc",
    ".xsession",
    ".xsessionrc",
    ".zlogin",
    ".zlogout",
    ".zprofile",
    ".zsh",
    ".zshenv",
    ".zshrc",
    // Programs.
    ".asdf",
    ".bun/bin",
    ".cargo/bin",
    ".cargo/config",
    ".cargo/config.toml",
    ".cargo/env",
    ".deno/bin",
    ".fzf",
    ".krew",
    ".linuxbrew",
    ".local/bin",
    ".local/lib",
    ".local/pipx",
    ".local/share/fnm",
    ".local/share/mise",
    ".local/share/pipx",
    ".local/share/pnpm",
    ".local/share/uv",
    ".local/state/nix",
    ".nix-profile",
    ".npm-global",
    ".nvm",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".sdkman",
    ".volta",
    "bin",
    "go/bin",
    // Tools that run what their settings say.
    ".ansible",
    ".ansible.cfg",
    ".bundle/config",
    ".bunfig.toml",
    ".config/git",
    ".config/helm",
    ".config/home-manager",
    ".config/nix",
    ".config/nixpkgs",
    ".config/pip",
    ".config/yarn",
    ".forward",
    ".gdbinit",
    ".gemrc",
    ".ghci",
    ".git-templates",
    ".gitconfig",
    ".gradle/init.d",
    ".gradle/init.gradle",
    ".hgrc",
    ".irbrc",
    ".lldbinit",
    ".local/share/helm",
    ".mailcap",
    ".pip",
    ".procmailrc",
    ".pryrc",
    ".psqlrc",
    ".pydistutils.cfg",
    ".pythonrc",
    ".Rprofile",
    ".sqliterc",
    ".terraformrc",
    // Editors and their servers.
    ".config/Code",
    ".config/Cursor",
    ".config/emacs",
    ".config/JetBrains",
    ".config/nvim",
    ".config/opencode",
    ".config/VSCodium",
    ".config/zed",
    ".continue",
    ".cursor",
    ".cursor-server",
    ".emacs",
    ".emacs.d",
    ".local/share/JetBrains",
    ".local/share/nvim",
    ".local/share/zed",
    ".vim",
    ".vimrc",
    ".vscode",
    ".vscode-remote",
    ".vscode-server",
    ".vscode-server-insiders",
    ".vscodium-server",
];

/// Secrets outside of a home.
pub(super) const SECRETS: Area =
    Area { places: &["/etc/shadow", "/etc/gshadow", "/etc/ssl/private"], inside: true };

/// Where homes are.
pub(super) const HOMES: [&str; 3] = ["/root", "/home", "/Users"];

/// Where programs are within a package of `/opt`.
const PROGRAMS: [&str; 6] = ["bin", "lib", "lib32", "lib64", "libexec", "sbin"];

/// The places that rules are about, but for those in homes.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let areas = [ETC, PROC, SYS, RUN, RUN_INSIDE, SYSTEM, ENGINE, DEV, SHM];
    areas.into_iter().flat_map(|area| area.places).copied().chain(HOMES).chain(["/opt"])
}

/// Those in a home.
pub(super) fn at_home() -> impl Iterator<Item = &'static str> {
    CREDENTIALS.into_iter().chain(STARTUP).chain(ENGINE_AT_HOME)
}

impl Area {
    /// The root holds everything and has its own rule.
    pub(super) fn holds(&self, path: &Path) -> bool {
        path != Path::new("/") && self.places.iter().any(|place| touches(path, Path::new(place), self.inside))
    }
}

/// Whether `path` is `place`, holds it, or, where `inside`, is in it.
pub(super) fn touches(path: &Path, place: &Path, inside: bool) -> bool {
    place.starts_with(path) || inside && path.starts_with(place)
}

/// The user's home, root's, and what is one by its place.
pub(super) fn home_of(path: &Path, own: Option<&Path>) -> Option<PathBuf> {
    if let Some(own) = own.filter(|own| *own != Path::new("/") && path.starts_with(own)) {
        return Some(own.to_owned());
    }
    if path.starts_with("/root") {
        return Some("/root".into());
    }
    let users = ["/home", "/Users"].into_iter().find(|users| path.starts_with(users))?;
    Some(Path::new(users).join(path.strip_prefix(users).ok()?.components().next()?))
}

/// Whether `path` touches one of `names` in a home, and is no home itself.
pub(super) fn touches_at_home(path: &Path, own: Option<&Path>, names: &[&str]) -> bool {
    let home = home_of(path, own).filter(|home| home != path);
    home.is_some_and(|home| names.iter().any(|name| touches(path, &home.join(name), true)))
}

/// Whether `path` is `/opt`, or holds the programs of a package there.
pub(super) fn is_opt_programs(path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix("/opt") else { return false };
    let mut parts = inside.components();
    parts.next().is_none_or(|package| is_programs(package.as_os_str()))
        || parts.any(|part| is_programs(part.as_os_str()))
}

fn is_programs(name: &std::ffi::OsStr) -> bool {
    PROGRAMS.iter().any(|programs| name == *programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_its_places_what_holds_them_and_what_they_hold() {
        assert!(ETC.holds(Path::new("/etc")) && ETC.holds(Path::new("/etc/cron.d/x")));
        assert!(!ETC.holds(Path::new("/")) && !ETC.holds(Path::new("/etcetera")));
        for path in
            ["/dev/mapper", "/dev/cpu/0", "/usr/local/lib/x", "/usr/local", "/var/lib/dpkg/info", "/var/lib"]
        {
            assert!(SYSTEM.holds(Path::new(path)), "{path}");
        }
        for path in ["/dev/null", "/dev/net/tun", "/usr/local/share/x", "/usr/local/src", "/var/lib/mysql"] {
            assert!(!SYSTEM.holds(Path::new(path)), "{path}");
        }
        assert!(SYSTEM.holds(Path::new("/usr")) && !SYSTEM.holds(Path::new("/usr/share/x")));
        assert!(RUN.holds(Path::new("/run")) && !RUN.holds(Path::new("/run/mysqld")));
    }

    #[test]
    fn opt_is_programs_and_data() {
        for path in ["/opt", "/opt/bin", "/opt/tool/bin", "/opt/tool/v1/lib/x", "/opt/lib"] {
            assert!(is_opt_programs(Path::new(path)), "{path}");
        }
        for path in ["/opt/tool", "/opt/tool/data", "/optical", "/srv/opt/bin"] {
            assert!(!is_opt_programs(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn no_place_is_listed_twice() {
        let mut all: Vec<&str> = all().chain(at_home()).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}

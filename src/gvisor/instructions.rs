//! How to get gVisor onto the daemon's machine, for that machine's platform.
//!
//! Source: <https://gvisor.dev/docs/user_guide/install/>, and measurements for what it does not say: the loose `runsc` binary is gone since 2026-08, and the package registers runsc
//! only where `/etc/docker/daemon.json` exists already.

use crate::docker::info::Info;
use crate::ui::plain;

/// Where the daemon runs, as far as that changes what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// Docker Desktop: a virtual machine that keeps no changes.
    Desktop,
    /// OrbStack: a virtual machine with a configuration of its own.
    OrbStack,
    /// Colima: a virtual machine that can be entered.
    Colima,
    /// Rootless Docker on Linux.
    Rootless,
    /// A daemon on another machine: its endpoint.
    Remote(String),
    /// A daemon on this Linux machine.
    Linux,
}

impl Platform {
    /// Reads it off the daemon's answer and the endpoint (`unix:///…`, `tcp://…`, `ssh://…`).
    #[must_use]
    pub fn of(info: &Info, endpoint: &str) -> Self {
        let system = info.operating_system.to_ascii_lowercase();
        if system.contains("docker desktop") {
            Self::Desktop
        } else if system.contains("orbstack") {
            Self::OrbStack
        } else if info.name.to_ascii_lowercase().starts_with("colima") || endpoint.contains("/.colima/") {
            Self::Colima
        } else if ["tcp://", "ssh://", "http://", "https://"]
            .iter()
            .any(|scheme| endpoint.starts_with(scheme))
        {
            Self::Remote(endpoint.to_owned())
        } else if info.is_rootless() {
            Self::Rootless
        } else {
            Self::Linux
        }
    }
}

const APT: &str = r#"sudo apt-get update && sudo apt-get install -y ca-certificates curl gnupg
curl -fsSL https://gvisor.dev/archive.key | sudo gpg --dearmor --yes -o /usr/share/keyrings/gvisor-archive-keyring.gpg
echo "deb [arch=$(dpkg --print-architecture) signed-by=/usr/share/keyrings/gvisor-archive-keyring.gpg] https://storage.googleapis.com/gvisor/releases release main" | sudo tee /etc/apt/sources.list.d/gvisor.list
sudo apt-get update && sudo apt-get install -y runsc"#;

/// `$(uname -m)` is `x86_64` or `aarch64`, which are the two folders there are. The parts must stay
/// beside each other in a folder that every user can read.
const TARBALL: &str = r"cd $(mktemp -d)
curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2
curl -fSO https://storage.googleapis.com/gvisor/releases/release/latest/$(uname -m)/gvisor.tar.bz2.sha512
sha512sum -c gvisor.tar.bz2.sha512 && sudo tar -xjf gvisor.tar.bz2 -C /usr/local/bin --no-same-owner
sudo chmod -R a+rX /usr/local/bin/runsc /usr/local/bin/containerd-shim-runsc-v1 /usr/local/bin/gvisor-bin";

/// For a Mac's shell, which has neither `sha512sum` nor the name `aarch64`.
const TARBALL_ON_A_MAC: &str = r#"mkdir -p ~/gvisor && cd ~/gvisor
arch=$(uname -m | sed s/arm64/aarch64/)
curl -fSO "https://storage.googleapis.com/gvisor/releases/release/latest/$arch/gvisor.tar.bz2"
curl -fSO "https://storage.googleapis.com/gvisor/releases/release/latest/$arch/gvisor.tar.bz2.sha512"
shasum -a 512 -c gvisor.tar.bz2.sha512 && tar -xjf gvisor.tar.bz2 && chmod -R a+rX ."#;

const REGISTER: &str = "sudo runsc install
sudo systemctl reload docker";

const REGISTER_ROOTLESS: &str = r#"runsc install --config_file="$HOME/.config/docker/daemon.json" -- --ignore-cgroups
systemctl --user restart docker"#;

const REGISTER_COLIMA: &str = "colima ssh -- sudo runsc install
colima ssh -- sudo systemctl reload docker";

const REGISTER_ORBSTACK: &str = "orb config docker
orb restart docker";

/// The instructions: numbered steps, each with a block to paste. The last step verifies.
#[must_use]
pub fn for_platform(platform: &Platform, verify: &str) -> String {
    let mut steps = Steps::default();
    match platform {
        Platform::Desktop => {
            steps.say(
                "Docker Desktop has no supported way to add a runtime: its virtual machine keeps no \
                 changes, and paths in its daemon.json are paths in there. Run a Docker engine on Linux \
                 that has gVisor, and point this command line at it:",
            );
            steps.step(
                "Tell Docker about that engine",
                "docker context create linux --docker host=ssh://USER@HOST",
            );
            steps.step("Use it", "docker context use linux");
        }
        Platform::OrbStack => {
            steps.say("OrbStack runs the daemon in a virtual machine of its own.");
            steps.step(
                "Install gVisor in a folder that the machine sees (not below /tmp, which is a link there)",
                TARBALL_ON_A_MAC,
            );
            steps.step("Add the runtime `runsc` with its path, and restart", REGISTER_ORBSTACK);
        }
        Platform::Colima => {
            steps.say("Colima runs the daemon in a virtual machine. Enter it with `colima ssh` for step 1.");
            steps.step("Install gVisor in there", TARBALL);
            steps.step("Register it and reload the daemon", REGISTER_COLIMA);
        }
        Platform::Rootless => {
            steps.install();
            steps.step(
                "Register it with your own daemon, which has no say over cgroups, and restart that",
                REGISTER_ROOTLESS,
            );
        }
        Platform::Remote(endpoint) => {
            steps.say(&format!("The daemon is on another machine ({}). Do this there:", plain(endpoint)));
            steps.install();
            steps.step("Register it and reload the daemon (running containers stay as they are)", REGISTER);
        }
        Platform::Linux => {
            steps.install();
            steps.step("Register it and reload the daemon (running containers stay as they are)", REGISTER);
        }
    }
    steps.step("Verify (gVisor's boot lines appear)", verify);
    steps.text
}

#[derive(Default)]
struct Steps {
    text: String,
    count: usize,
}

impl Steps {
    fn say(&mut self, sentence: &str) {
        self.text.push_str(sentence);
        self.text.push_str("\n\n");
    }

    fn step(&mut self, title: &str, block: &str) {
        self.count += 1;
        self.title(&format!("{}. {title}:", self.count));
        self.block(block);
    }

    fn title(&mut self, title: &str) {
        self.text.push_str(title);
        self.text.push('\n');
    }

    fn block(&mut self, block: &str) {
        for line in block.lines() {
            self.text.push_str("    ");
            self.text.push_str(line);
            self.text.push('\n');
        }
        self.text.push('\n');
    }

    fn install(&mut self) {
        self.step("Install gVisor, on Debian or Ubuntu", APT);
        self.title("   … or on any Linux 5.6 or newer, x86_64 or aarch64:");
        self.block(TARBALL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(system: &str, name: &str, security: &[&str]) -> Info {
        Info {
            operating_system: system.into(),
            name: name.into(),
            security_options: Some(security.iter().map(|&option| option.into()).collect()),
            ..Info::default()
        }
    }

    #[test]
    fn the_platform_is_the_daemons() {
        let of =
            |system, name, security: &[&str], endpoint| Platform::of(&info(system, name, security), endpoint);
        let local = "unix:///var/run/docker.sock";
        assert_eq!(of("Docker Desktop", "docker-desktop", &[], local), Platform::Desktop);
        assert_eq!(of("OrbStack", "orbstack", &[], local), Platform::OrbStack);
        assert_eq!(of("Ubuntu 24.04", "colima", &[], local), Platform::Colima);
        assert_eq!(of("Debian GNU/Linux 12", "x", &["name=rootless"], local), Platform::Rootless);
        assert_eq!(of("Debian GNU/Linux 12", "x", &[], "ssh://h"), Platform::Remote("ssh://h".into()));
        assert_eq!(of("Debian GNU/Linux 12", "x", &["name=seccomp"], local), Platform::Linux);
    }

    #[test]
    fn no_instruction_names_the_binary_that_is_gone_and_each_ends_by_verifying() {
        let platforms = [
            Platform::Desktop,
            Platform::OrbStack,
            Platform::Colima,
            Platform::Rootless,
            Platform::Remote("x".into()),
            Platform::Linux,
        ];
        for platform in platforms {
            let text = for_platform(&platform, "docker sandbox run hello-world");
            assert!(!text.contains("/runsc.sha512") && !text.contains("${ARCH}/runsc"), "{text}");
            assert!(text.trim_end().ends_with("docker sandbox run hello-world"), "{text}");
        }
    }

    #[test]
    fn a_linux_machine_gets_both_ways_and_todays_addresses() {
        let text = for_platform(&Platform::Linux, "v");
        for part in [
            "/etc/apt/sources.list.d/gvisor.list",
            "gvisor.tar.bz2.sha512",
            "sudo runsc install",
            "sudo systemctl reload docker",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

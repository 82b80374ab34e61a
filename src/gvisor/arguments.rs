//! What a runtime's `runtimeArgs` mean for the sandbox. Pure.

/// One of runsc's flags as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// Without dashes: `network`.
    pub name: String,
    /// `true` for a bare switch.
    pub value: String,
}

/// Those that take the next word where there is no `=`; all others that matter here are switches.
const WITH_VALUE: [&str; 8] =
    ["network", "platform", "host-uds", "host-fifo", "overlay2", "file-access", "root", "debug-log"];

/// Reads the arguments as Go's flag package does.
#[must_use]
pub fn read(args: &[String]) -> Vec<Argument> {
    let mut read = Vec::new();
    let mut words = args.iter();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')) else { continue };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None if WITH_VALUE.contains(&flag) => (flag, words.next().cloned().unwrap_or_default()),
            None => (flag, "true".to_owned()),
        };
        read.push(Argument { name: name.to_owned(), value });
    }
    read
}

/// The platform that the arguments choose, if they do.
#[must_use]
pub fn platform(args: &[String]) -> Option<String> {
    let platform = read(args).into_iter().rfind(|argument| argument.name == "platform");
    platform.map(|argument| argument.value)
}

/// What the arguments give away, each as `ARGUMENT: CLAUSE`.
#[must_use]
pub fn weakening(args: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for argument in in_force(args) {
        let Argument { name, value } = &argument;
        let on = !matches!(value.as_str(), "false" | "0" | "f" | "none" | "");
        let why = match name.as_str() {
            "network" if value == "host" => {
                "sockets are the host kernel's, of the container's network namespace"
            }
            "host-uds" | "fsgofer-host-uds" if on => {
                "sockets of the host in mounted folders can be used from inside"
            }
            "host-fifo" if on => "pipes of the host in mounted folders can be used from inside",
            "profile" if on => "the host's user can profile the sandbox, and its filter allows more for that",
            "net-raw" if on => "raw sockets are allowed inside",
            "allow-flag-override" if on => "any container's annotations may change any flag of runsc",
            name if name.starts_with("TESTONLY-") && on => {
                "a switch for gVisor's own tests, which is never safe"
            }
            _ => continue,
        };
        found.push(format!("--{name}={value}: {why}"));
    }
    found
}

/// Arguments that cannot hold at once, or that Docker's wrapper script would tear apart.
#[must_use]
pub fn contradictions(args: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let read = read(args);
    for (at, argument) in read.iter().enumerate() {
        let differs = |other: &&Argument| other.name == argument.name && other.value != argument.value;
        if let Some(other) = read[at + 1..].iter().find(differs) {
            found.push(format!(
                "--{}={} and --{}={} are both given; the last one counts",
                argument.name, argument.value, other.name, other.value
            ));
        }
    }
    let bad = |c: char| c.is_whitespace() || "|&;<>()$`\\\"'*?[]#~!{}".contains(c);
    for word in args.iter().filter(|word| word.contains(bad)) {
        found.push(format!("`{word}` goes through a shell unquoted, which tears it apart"));
    }
    found
}

/// Of several with the same name the last one.
fn in_force(args: &[String]) -> Vec<Argument> {
    let read = read(args);
    let last = |at: usize| read[at + 1..].iter().all(|later| later.name != read[at].name);
    (0..read.len()).filter(|&at| last(at)).map(|at| read[at].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn each_weakening_argument_is_named_in_every_spelling() {
        for line in [
            "--network=host",
            "-network host",
            "--host-uds=open",
            "--fsgofer-host-uds",
            "--host-fifo open",
            "--profile",
            "--net-raw=true",
            "--allow-flag-override",
            "--TESTONLY-unsafe-nonroot",
        ] {
            assert_eq!(weakening(&words(line)).len(), 1, "{line}");
        }
        for line in
            ["--network=sandbox", "--net-raw=false", "--host-uds=none", "--debug", "--net-raw --net-raw=0"]
        {
            assert_eq!(weakening(&words(line)), [""; 0], "{line}");
        }
    }

    #[test]
    fn arguments_that_contradict_each_other_are_named() {
        assert_eq!(contradictions(&words("--platform=kvm --debug --platform systrap")).len(), 1);
        assert_eq!(contradictions(&["--debug-log=/a b".to_owned()]).len(), 1);
        assert_eq!(contradictions(&words("--network=host --platform=kvm")), [""; 0]);
    }

    #[test]
    fn the_last_platform_counts() {
        assert_eq!(platform(&words("--platform=kvm --platform ptrace")), Some("ptrace".to_owned()));
        assert_eq!(platform(&words("--debug")), None);
    }
}

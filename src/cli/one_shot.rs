//! `do`: its options.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command, ValueHint};

pub(super) fn command() -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let any = |name: &'static str, value: &'static str, help: &'static str| {
        text(name, value, help).value_parser(clap::value_parser!(OsString))
    };
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("do")
        // As in `docker run`, the last one counts.
        .args_override_self(true)
        .about("Run one command that you do not trust, in a fresh sandbox that is gone afterwards")
        .long_about(
            "Run one command that you do not trust, in a fresh sandbox that is gone afterwards.\n\n\
             It sees the project, the repository that the working folder is in or else that itself, read-only, at its own path, and no network. It has no capabilities, a read-only \
             root, a /tmp and a home folder in memory, and limits. Its exit code is that of `do`; 124 if it did not end \
             in time, 125 if it was not started.",
        )
        .override_usage("docker sandbox do [OPTIONS] [--] COMMAND [ARG...]\n       docker sandbox do [OPTIONS] --shell SCRIPT [ARG...]")
        .arg(any("shell", "SCRIPT", "Run SCRIPT with the image's `sh -c`"))
        .arg(flag("write", "Let the command write to the project, and apply what it changed when it has ended, but for what git, shells and editors would run by themselves").conflicts_with("discard"))
        .arg(
            text("apply", "WHEN", "Apply changes `always`, or `on-success`: if the exit code is 0; else they wait for `docker sandbox changes`")
                .value_parser(["always", "on-success"])
                .default_value("always"),
        )
        .arg(flag("review", "Show what the command changed when it has ended, and ask whether to apply it").conflicts_with("discard"))
        .arg(flag("discard", "Let the command write to the project, and throw the writes away"))
        .arg(
            any("mount", "PATH[:ro|rw]", "Another file or folder that it sees, at its own path, read-only unless `:rw`; can be given more than once")
                .action(ArgAction::Append)
                .value_hint(ValueHint::AnyPath),
        )
        .arg(text("image", "IMAGE", "The image [default: busybox:latest]"))
        .arg(text("platform", "PLATFORM", "Set platform if server is multi-platform capable"))
        .arg(any("env", "NAME[=VALUE]", "Set an environment variable; can be given more than once").short('e').action(ArgAction::Append))
        .arg(any("env-file", "FILE", "Read environment variables from a file; can be given more than once").action(ArgAction::Append).value_hint(ValueHint::FilePath))
        .arg(any("user", "USER[:GROUP]", "Who the command is [default: you]").short('u'))
        .arg(any("workdir", "DIR", "Working directory inside the container; it must exist [default: the current directory]").short('w'))
        .arg(any("network", "NETWORK", "`none`, `isolated` (to the outside only), or one of Docker's [default: none]"))
        .arg(any("runtime", "NAME", "Which gVisor runtime, where there are several"))
        .arg(text("cpus", "NUMBER", "How many processors [default: 2]"))
        .arg(text("memory", "BYTES", "How much memory, the files in /tmp included [default: 4g]").short('m'))
        .arg(text("memory-swap", "BYTES", "Memory and swap together; -1: no limit [default: as memory, so no swap]").allow_hyphen_values(true))
        .arg(text("pids-limit", "NUMBER", "How many processes, gVisor's own included [default: 512]"))
        .arg(text("disk", "BYTES", "How much it may write to its root, where the storage driver has limits"))
        .arg(text("timeout", "DURATION", "SIGTERM after that, SIGKILL 10 seconds later [default: 5m]"))
        .arg(text("max-output", "BYTES", "How much of each output is passed on or kept [default: all; with JSON: 16m]"))
        .arg(
            text("wait", "DURATION", "Where too many run, wait for one to end, in order of arrival [default: fail]")
                .num_args(0..=1)
                .require_equals(true)
                .default_missing_value(""),
        )
        .arg(any("ttl", "DURATION", "When `prune` may take it, whatever it does [default: when its time is over]"))
        .arg(
            text("format", "FORMAT", "`text`: what the command writes; `json`: one object at its end")
                .value_parser(["text", "json"])
                .default_value("text"),
        )
        .arg(text("warm", "NUMBER", "Keep so many sandboxes like this one ready for the next commands, at most 50 [default: 0]"))
        .arg(flag("no-sandbox", "Run it without gVisor; the same as --sandbox=none"))
        .arg(any("sandbox", "MODE", "How strict to be: `required` (the default), `preferred` or `none`"))
        .arg(flag("verbose", "Say on stderr which runtime is used and why"))
        .arg(any("detect-timeout", "DURATION", "How long the daemon may take to answer [default: 10s]"))
        .arg(any("allow", "RULE", "Allow what this rule forbids or holds back; a comma list, and can be given more than once").action(ArgAction::Append))
        .arg(any("quiet-rule", "RULE", "Do not warn of this rule; a comma list, and can be given more than once").action(ArgAction::Append))
        .arg(flag("no-fix", "Add nothing that makes up for what differs in gVisor; warn of it instead"))
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .num_args(0..)
                .trailing_var_arg(true)
                .value_parser(clap::value_parser!(OsString))
                .value_hint(ValueHint::CommandWithArguments),
        )
}

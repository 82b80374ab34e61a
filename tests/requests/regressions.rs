//! Cases that must never be missed, those included that the property found once.

use crate::bench::{Bench, Cli};
use crate::judge::{Verdict, judge};
use crate::line::{Call, Line};

/// What every CLI makes of the words behind `run`.
const CASES: &[(Verdict, &[&[u8]])] = &[
    (Verdict::Sandboxed, &[b"--rm", b"busybox", b"true"]),
    (Verdict::Sandboxed, &[b"--runtime=runc", b"--runtime=runsc", b"busybox"]),
    (Verdict::Sandboxed, &[b"--runtime", b"runc", b"--runtime=", b"busybox"]),
    (Verdict::Sandboxed, &[b"--runtime", b"gv-debug", b"busybox", b"--runtime=runc"]),
    (Verdict::Sandboxed, &[b"--runtime=io.containerd.runsc.v1", b"busybox"]),
    (Verdict::Sandboxed, &[b"-e", b"--runtime=runc", b"busybox"]),
    (Verdict::Sandboxed, &[b"-e", b"--no-sandbox", b"-l", b"--sandbox=none", b"busybox", b"--no-sandbox"]),
    (Verdict::Sandboxed, &[b"-e", b"--verbose", b"--name=--runtime=runc", b"busybox"]),
    (Verdict::Sandboxed, &[b"-l", b"--", b"busybox", b"--runtime=runc"]),
    (Verdict::Sandboxed, &[b"-itv", b"/a:/b", b"-p80:80", b"-iteA=--runtime=runc", b"busybox"]),
    (Verdict::Sandboxed, &[b"--rm", b"--", b"busybox", b"--", b"--runtime=runc"]),
    (Verdict::Sandboxed, &[b"-u=", b"-l=a", b"busybox"]),
    // A user's labels survive, and one in the place of ours does not.
    (
        Verdict::Sandboxed,
        &[b"-l", b"a=b", b"--label=docker-sandbox.mine=c", b"--label", b"docker-sandbox.kind=d", b"busybox"],
    ),
    (Verdict::Sandboxed, &[b"--rm=true", b"-t=0", b"--init=F", b"busybox"]),
    (Verdict::Sandboxed, &[b"-e", b"A=\xff", b"busybox", b"\xfe", b""]),
    (Verdict::Sandboxed, &[b"--pull", b"always", b"--platform=linux/amd64", b"--name", b"x", b"busybox"]),
    (
        Verdict::Sandboxed,
        &[b"--env-file=env.list", b"-eFROM_ENVIRONMENT", b"--label-file", b"labels.list", b"busybox"],
    ),
    // Found: what Docker's CLI sets for plugins is none of the container's business. By design, or rather by
    // Docker's, `-e OTEL_RESOURCE_ATTRIBUTES` is not among these: CLI 26.1 replaces its value for plugins.
    (
        Verdict::Sandboxed,
        &[b"-e", b"DOCKER_CLI_PLUGIN_SOCKET", b"-eDOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", b"busybox"],
    ),
    // Found: a blank is no volume to ask about; the daemon refuses it.
    (Verdict::Sandboxed, &[b"-v\n:/x", b"busybox"]),
    // Found: nor is a name of several lines, in the daemon's answer that there is no such volume.
    (Verdict::Sandboxed, &[b"-v\ntype=bind:/x", b"busybox"]),
    (Verdict::Sandboxed, &[b"-vnamed:/x", b"--volumes-from=other", b"--mount=src=v,dst=/y", b"busybox"]),
    (Verdict::Sandboxed, &[b"--ipc", b"container:x", b"busybox"]),
    (Verdict::RuledOut, &[b"-v/etc:/x", b"busybox"]),
    (Verdict::RuledOut, &[b"--ipc", b"host", b"busybox"]),
    (Verdict::WeRefused, &[b"--runtime=runc", b"busybox"]),
    (Verdict::WeRefused, &[b"--runtime=runsc", b"--runtime", b"runc", b"busybox"]),
    (Verdict::WeRefused, &[b"--pull=always", b"--runtime=nvidia", b"busybox"]),
    (Verdict::WeRefused, &[b"--runtime=\xff", b"busybox"]),
    (Verdict::WeRefused, &[b"--runtime=runsc ", b"busybox"]),
    (Verdict::BothRefused, &[]),
    (Verdict::BothRefused, &[b"--rm"]),
    (Verdict::BothRefused, &[b"--rm", b"--"]),
    (Verdict::BothRefused, &[b""]),
    (Verdict::BothRefused, &[b"--runtim=runc", b"busybox"]),
    (Verdict::BothRefused, &[b"-it --runtime=runc", b"busybox"]),
    (Verdict::BothRefused, &[b"busybox@", b"--runtime=runc"]),
    (Verdict::BothRefused, &[b"-e=", b"busybox"]),
    (Verdict::BothRefused, &[b"-e"]),
    (Verdict::BothRefused, &[b"-itv"]),
    (Verdict::BothRefused, &[b"--rm", b"--env", b"busybox"]),
    (Verdict::BothRefused, &[b"--", b"--runtime=runc"]),
    (Verdict::BothRefused, &[b"---runtime=runc", b"busybox"]),
    (Verdict::BothRefused, &[b"-i=", b"busybox"]),
    (Verdict::Helped, &[b"--rm", b"--help", b"busybox"]),
    (Verdict::Helped, &[b"--help", b"-d=maybe", b"busybox"]),
    // Found: the last `--help` counts, as that of any other option.
    (Verdict::Sandboxed, &[b"--help", b"--help=false", b"busybox"]),
];

#[test]
fn known_lines_end_as_they_must_with_every_cli() {
    let mut wrong = Vec::new();
    for (at, cli) in Cli::all().into_iter().enumerate() {
        let bench = Bench::new(&cli);
        // Called directly, our binary starts the same commands: one CLI shows it.
        let calls: &[Call] = if at == 0 { &[Call::Plugin, Call::Direct] } else { &[Call::Plugin] };
        for (expected, words) in CASES {
            for &call in calls {
                let line = Line { call, ..Line::of("run", *words) };
                match judge(&bench, &line) {
                    Ok(verdict) if verdict == *expected => {}
                    Ok(verdict) => {
                        wrong.push(format!("{cli:?}: {verdict:?}, not {expected:?}\n{}", bench.show(&line)));
                    }
                    Err(problem) => wrong.push(format!("{cli:?}: {problem}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

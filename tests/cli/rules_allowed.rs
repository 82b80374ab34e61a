//! Exceptions from the rules: on the command line and in `config.json`.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn what_is_allowed_starts_and_is_said_unless_it_is_silenced() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --allow=host-etc -v /etc:/x img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: `-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc, allowed by `--allow=host-etc` on the command line]
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v /etc:/x --runtime=runsc img

"#]]);
    test.docker("sandbox run --allow host-etc --quiet-rule host-etc -v /etc:/x img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v /etc:/x --runtime=runsc img

"#]]);
    test.docker("sandbox run -v /etc:/x --allow=host-etc,ipc-host --ipc=host img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: `--ipc=host`: the container can read and write the shared memory of the host's programs [ipc-host, allowed by `--allow=host-etc,ipc-host` on the command line]
docker sandbox: warning: `-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc, allowed by `--allow=host-etc,ipc-host` on the command line]
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v /etc:/x --ipc=host --runtime=runsc img

"#]]);
    // A silent rule forbids as before; one that is allowed and another are two.
    test.docker("sandbox run --quiet-rule=host-etc -v /etc:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v /etc:/x:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox run --allow=host-etc -v /etc:/x -v /sys:/y img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /sys:/y`: the container can change the host's devices and control groups [host-sys]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v /sys:/y:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-sys …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    // Behind the image, it is the container's.
    test.docker("sandbox run -v /etc:/x img --allow=host-etc").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v /etc:/x:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-etc …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
}

#[test]
fn warnings_are_silenced_by_their_rule_and_no_other() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --quiet-rule=pid-host,sysctl --pid=host --uts=host --sysctl a=b img")
        .is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: `--uts=host`: ignored: the host's name is not seen inside, and `hostname` says `?`; give it a name with `--hostname` [uts-host]
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --pid=host --uts=host --sysctl a=b --runtime=runsc img

"#]]);
    test.docker("sandbox run --quiet-rule=uts-host --quiet-rule pid-host --pid=host --uts=host img").is(
        str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --pid=host --uts=host --runtime=runsc img

"#]],
    );
}

#[test]
fn a_name_that_is_no_rule_starts_nothing() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --allow=host-etcetera img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--allow=host-etcetera` on the command line: `host-etcetera` is no rule

deny: socket-mount annotation-gvisor ipc-host host-root host-etc host-proc host-sys host-run host-home credentials host-startup host-engine host-system gpu-driver runtime-host-uds runtime-host-fifo runtime-devices runtime-drivers runtime-profile runtime-flag-override runtime-rootfs-tar runtime-network-plugin runtime-testonly limits-unenforced read-only-unenforced
changes: git-config git-directory git-object git-index vcs-directory git-hook-manager shell-startup editor-startup agent-startup link-outside set-id special-file

hint: name one of these:
    --allow=RULE

"#]]);
    test.docker("sandbox create --quiet-rule=all img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--quiet-rule=all` on the command line: `all` is no rule

deny: socket-mount annotation-gvisor ipc-host host-root host-etc host-proc host-sys host-run host-home credentials host-startup host-engine host-system gpu-driver runtime-host-uds runtime-host-fifo runtime-devices runtime-drivers runtime-profile runtime-flag-override runtime-rootfs-tar runtime-network-plugin runtime-testonly limits-unenforced read-only-unenforced
others: host-read host-opt runtime-unknown net-host net-container net-raw setuid pid-host uts-host sysctl device gpus apparmor seccomp memory cpus pids-limit oom-score-adj restart inotify host-socket read-only-file read-only net-user-dns rootfs-writes runtime-net-host runtime-net-raw runtime-suid runtime-trace

hint: name one of these:
    --quiet-rule=RULE

"#]]);
    test.docker("sandbox run --allow=net-host img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--allow=net-host` on the command line: `net-host` forbids nothing; `quiet-rule` silences it

deny: socket-mount annotation-gvisor ipc-host host-root host-etc host-proc host-sys host-run host-home credentials host-startup host-engine host-system gpu-driver runtime-host-uds runtime-host-fifo runtime-devices runtime-drivers runtime-profile runtime-flag-override runtime-rootfs-tar runtime-network-plugin runtime-testonly limits-unenforced read-only-unenforced
changes: git-config git-directory git-object git-index vcs-directory git-hook-manager shell-startup editor-startup agent-startup link-outside set-id special-file

hint: name one of these:
    --allow=RULE

"#]]);
    test.docker_words(["sandbox", "run", "--allow=\u{1b}[2J", "img"]).refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--allow=\u{1b}[2J` on the command line: `\u{1b}[2J` is no rule

deny: socket-mount annotation-gvisor ipc-host host-root host-etc host-proc host-sys host-run host-home credentials host-startup host-engine host-system gpu-driver runtime-host-uds runtime-host-fifo runtime-devices runtime-drivers runtime-profile runtime-flag-override runtime-rootfs-tar runtime-network-plugin runtime-testonly limits-unenforced read-only-unenforced
changes: git-config git-directory git-object git-index vcs-directory git-hook-manager shell-startup editor-startup agent-startup link-outside set-id special-file

hint: name one of these:
    --allow=RULE

"#]]);
}

#[test]
fn fixes_are_a_switch_of_ours() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox run --no-fix --rm --no-fix=false img --no-fix").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm --runtime=runsc img --no-fix

"#]]);
    test.docker("sandbox run --no-fix=maybe img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `maybe` is no value for `--no-fix`: true or false
hint: see the options there are:
    docker run --help
hint: and those that the sandbox adds:
    docker sandbox run --help

"#]]);
}

#[test]
fn the_users_settings_allow_and_silence() {
    let test = TestEnvironment::with_gvisor();
    test.user(r#"{"allow": "host-etc,ipc-host", "quiet-rule": "pid-host"}"#);
    test.docker("sandbox run -v /etc:/x --pid=host img").is(str![[r#"
exit 0
--- stdout
started
--- stderr
docker sandbox: warning: `-v /etc:/x`: the container can change the host's accounts and what the host starts [host-etc, allowed by `plugins.sandbox.allow` in `[ROOT]/home/.docker/config.json`]
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run -v /etc:/x --pid=host --runtime=runsc img

"#]]);
    test.docker("sandbox run -v /sys:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /sys:/x`: the container can change the host's devices and control groups [host-sys]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v /sys:/x:ro …
hint: or allow it, if that is what you want:
    docker sandbox run --allow=host-sys …
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.user(r#"{"allow": "host-etcetera"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: `host-etcetera` is no rule
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user(r#"{"allow": "pid-host"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: `pid-host` forbids nothing; `quiet-rule` silences it
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user(r#"{"allow": ["host-etc"]}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 1: `plugins.sandbox.allow` is not a string
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    test.user("{\"mode\": \"required\",\n\"quiet-rule\": \"nothing\"}");
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.docker/config.json` line 2: `nothing` is no rule
hint: correct it:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
}

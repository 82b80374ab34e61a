//! Exceptions from the rules that the machine's policy does not let anybody make.

use snapbox::str;

use crate::policy::policy;

#[test]
fn a_policy_limits_who_may_allow_what() {
    let test = policy(r#"{"may-allow": ["host-etc"]}"#);
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
    test.docker("sandbox run --allow=host-sys img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) does not let anybody allow `host-sys`, as `--allow=host-sys` on the command line does
hint: leave it out:
    docker sandbox run …

"#]]);
    test.docker("sandbox run -v /sys:/x img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `-v /sys:/x`: the container can change the host's devices and control groups [host-sys]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox run -v /sys:/x:ro …
hint: this machine's policy lets nobody allow it; who administers the machine can:
    sudo ${EDITOR:-vi} /etc/docker/sandbox-policy.json
--- docker was called
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox run -v /etc:/x img").refuses(str![[r#"
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
    test.user(r#"{"allow": "host-sys"}"#);
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) does not let anybody allow `host-sys`, as `plugins.sandbox.allow` in `[ROOT]/home/.docker/config.json` does
hint: take it out of the setting:
    ${EDITOR:-vi} [ROOT]/home/.docker/config.json

"#]]);
    let nothing = policy(r#"{"may-allow": []}"#);
    nothing.docker("sandbox create --allow=host-etc img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this machine's policy (/etc/docker/sandbox-policy.json) does not let anybody allow `host-etc`, as `--allow=host-etc` on the command line does
hint: leave it out:
    docker sandbox create …

"#]]);
}

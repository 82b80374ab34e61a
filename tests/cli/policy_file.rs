//! A policy that cannot be read or understood: nothing starts.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use snapbox::str;

use crate::policy::{machine, policy};

#[test]
fn a_policy_that_cannot_be_understood_starts_nothing() {
    policy(r#"{"weakest-mode": "some"}"#).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: `some` is no sandbox mode: required, preferred or none at line 1 column 24
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy(r#"{"weakest-mode": "none", "images": ["a"]}"#).docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: unknown field `images`, expected `weakest-mode` or `may-allow` at line 1 column 33
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy("{}").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: it has neither `weakest-mode` nor `may-allow`
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy("").docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: EOF while parsing a value at line 1 column 0
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy("[]").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: it is no JSON object
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy("[\"none\"]").docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: it is no JSON object
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy("{\"weakest-mode\": \"required\", \"weakest-mode\": \"none\"}").docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: duplicate field `weakest-mode` at line 1 column 43
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy("{\"weakest-mode\": null}").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: invalid type: null, expected a string at line 1 column 21
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
    policy("{\"weakest-mode\": \"\\u001b[2J\"}").docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the machine's policy `/etc/docker/sandbox-policy.json` is invalid: `\u{1b}[2J` is no sandbox mode: required, preferred or none at line 1 column 29
hint: write one mode, `required`, `preferred` or `none`, or the rules that may be allowed:
    echo '{"weakest-mode": "required"}' | sudo tee /etc/docker/sandbox-policy.json

"#]]);
}

#[test]
fn a_policy_that_cannot_be_read_starts_nothing() {
    let test = machine();
    std::fs::create_dir(test.path("etc/docker/sandbox-policy.json")).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the machine's policy `/etc/docker/sandbox-policy.json`: Is a directory (os error 21)
hint: make it readable for everybody:
    sudo chmod a+r /etc/docker/sandbox-policy.json

"#]]);
}

#[test]
fn a_policy_that_leads_nowhere_starts_nothing() {
    let test = machine();
    symlink("/nowhere", test.path("etc/docker/sandbox-policy.json")).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the machine's policy `/etc/docker/sandbox-policy.json`: No such file or directory (os error 2)
hint: make it readable for everybody:
    sudo chmod a+r /etc/docker/sandbox-policy.json

"#]]);
}

#[test]
fn a_policy_that_we_have_no_permission_for_starts_nothing() {
    if !rustix::process::geteuid().is_root() {
        // Mapped to root of a namespace, we may read whatever is ours: `a_policy_that_cannot_be_read` has to do.
        return;
    }
    let mut test = policy(r#"{"weakest-mode": "required"}"#);
    std::fs::set_permissions(
        test.path("etc/docker/sandbox-policy.json"),
        std::fs::Permissions::from_mode(0o0),
    )
    .unwrap();
    let script = "/bin/mount --bind \"$0\" /etc && exec /usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups \"$@\"";
    let etc = test.path("etc").display().to_string();
    test.wrapped(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, &etc]);
    test.docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the machine's policy `/etc/docker/sandbox-policy.json`: Permission denied (os error 13)
hint: make it readable for everybody:
    sudo chmod a+r /etc/docker/sandbox-policy.json

"#]]);
    // A folder that we may not look into might hold one.
    std::fs::set_permissions(test.path("etc/docker"), std::fs::Permissions::from_mode(0o0)).unwrap();
    test.docker("sandbox run --no-sandbox img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: cannot read the machine's policy `/etc/docker/sandbox-policy.json`: Permission denied (os error 13)
hint: make it readable for everybody:
    sudo chmod a+x /etc/docker

"#]]);
    std::fs::set_permissions(test.path("etc/docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

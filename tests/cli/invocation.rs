//! The forms in which Docker's CLI calls a plugin, and a user calls it directly.

use std::os::unix::fs::symlink;

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn docker_is_told_who_we_are() {
    TestEnvironment::new().direct("docker-cli-plugin-metadata").is(str![[r#"
exit 0
--- stdout
{
  "SchemaVersion": "0.1.0",
  "Vendor": "docker-sandbox",
  "ShortDescription": "Run containers inside gVisor, with the arguments of docker run",
  "URL": "https://github.com/docker-sandbox/docker-sandbox",
  [VERSION_KEY]
}

"#]]);
}

#[test]
fn the_metadata_answer_needs_no_home_no_docker_and_no_folder() {
    let mut test = TestEnvironment::new();
    for name in ["HOME", "PATH", "DOCKER_HOST", "FAKE_DOCKER"] {
        test.unset(name);
    }
    test.direct("docker-cli-plugin-metadata").is(str![[r#"
exit 0
--- stdout
{
  "SchemaVersion": "0.1.0",
  "Vendor": "docker-sandbox",
  "ShortDescription": "Run containers inside gVisor, with the arguments of docker run",
  "URL": "https://github.com/docker-sandbox/docker-sandbox",
  [VERSION_KEY]
}

"#]]);
}

#[test]
fn global_options_in_every_spelling_reach_every_docker_that_we_call() {
    let test = TestEnvironment::with_gvisor();
    test.docker("--context x sandbox run --rm img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker --context x info --format '{{json .Runtimes}}'
docker --context x context inspect --format '{{.Endpoints.docker.Host}}'
docker --context x run --rm --runtime=runsc img

"#]]);
    test.docker("--context=x -c y -cz -c=w sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker --context=x -c y -cz -c=w info --format '{{json .Runtimes}}'
docker --context=x -c y -cz -c=w context inspect --format '{{.Endpoints.docker.Host}}'
docker --context=x -c y -cz -c=w run --runtime=runsc img

"#]]);
    test.docker("-H tcp://a:1 -Htcp://b:2 --host=tcp://c:3 --host tcp://d:4 sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker -H tcp://a:1 -Htcp://b:2 --host=tcp://c:3 --host tcp://d:4 info --format '{{json .Runtimes}}'
docker -H tcp://a:1 -Htcp://b:2 --host=tcp://c:3 --host tcp://d:4 context inspect --format '{{.Endpoints.docker.Host}}'
docker -H tcp://a:1 -Htcp://b:2 --host=tcp://c:3 --host tcp://d:4 run --runtime=runsc img

"#]]);
    test.docker("-D -l debug --log-level=warn -Dlinfo sandbox create img").is(str![[r#"
exit 0
--- stdout
created
--- docker was called
docker -D -l debug --log-level=warn -Dlinfo info --format '{{json .Runtimes}}'
docker -D -l debug --log-level=warn -Dlinfo create --runtime=runsc img

"#]]);
    test.docker("--tls --tlsverify=false --tlscacert a --tlscert=b --tlskey c sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker --tls --tlsverify=false --tlscacert a --tlscert=b --tlskey c info --format '{{json .Runtimes}}'
docker --tls --tlsverify=false --tlscacert a --tlscert=b --tlskey c context inspect --format '{{.Endpoints.docker.Host}}'
docker --tls --tlsverify=false --tlscacert a --tlscert=b --tlskey c run --runtime=runsc img

"#]]);
    test.docker("--config /c --debug=false sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker --config /c --debug=false info --format '{{json .Runtimes}}'
docker --config /c --debug=false run --runtime=runsc img

"#]]);
}

#[test]
fn global_options_reach_the_questions_of_a_refusal_too() {
    let test = TestEnvironment::without_gvisor("debian");
    test.docker("--context x -D sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: this Docker daemon has no gVisor (runsc); nothing was started

Docker daemon:     builder, version 26.1.5+dfsg1
Its system:        Debian GNU/Linux 12 (bookworm), x86_64
Its runtimes:      io.containerd.runc.v2 (runc), runc (runc, the default)

1. Install gVisor, on Debian or Ubuntu:
[APT]

   … or on any Linux 5.6 or newer, x86_64 or aarch64:
[TARBALL]

2. Register it and reload the daemon (running containers stay as they are):
    sudo runsc install
    sudo systemctl reload docker

3. Verify (gVisor's boot lines appear):
    docker --context x -D sandbox run --rm busybox dmesg

hint: to have all of this done, proven, and taken back with --undo:
    docker --context x -D sandbox setup
hint: to start without a sandbox, this once:
    docker --context x -D sandbox run --no-sandbox …
hint: or wherever the daemon has no gVisor: for good by `"plugins": {"sandbox": {"mode": "preferred"}}` in [ROOT]/home/.docker/config.json, or in this shell by:
    export DOCKER_SANDBOX=preferred
--- docker was called
docker --context x -D info --format '{{json .Runtimes}}'
docker --context x -D info --format '{{json .}}'
docker --context x -D context inspect --format '{{.Endpoints.docker.Host}}'

"#]]);
}

#[test]
fn global_options_reach_the_look_into_docker_run_help() {
    let test = TestEnvironment::with_gvisor();
    test.answer("run --help").stdout("      --new string   Something\n");
    test.docker("-c x sandbox run --new v img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker -c x run --help
docker -c x info --format '{{json .Runtimes}}'
docker -c x context inspect --format '{{.Endpoints.docker.Host}}'
docker -c x run --runtime=runsc --new v --runtime=runsc img

"#]]);
}

#[test]
fn global_options_count_for_a_direct_call_too() {
    let test = TestEnvironment::with_gvisor();
    test.direct("--context x -D run --rm img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker --context x -D info --format '{{json .Runtimes}}'
docker --context x -D context inspect --format '{{.Endpoints.docker.Host}}'
docker --context x -D run --rm --runtime=runsc img

"#]]);
}

#[test]
fn an_unknown_global_option_is_wrong_usage() {
    TestEnvironment::new().docker("--bogus sandbox run img").is(str![[r#"
exit 2
--- stderr
docker sandbox: unknown flag `--bogus`
hint: see the commands there are:
    docker sandbox --help

"#]]);
}

#[test]
fn a_direct_call_is_the_same_run() {
    let test = TestEnvironment::with_gvisor();
    test.direct("run --rm img true").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --rm --runtime=runsc img true

"#]]);
    test.direct("create img").is(str![[r#"
exit 0
--- stdout
created
--- docker was called
docker info --format '{{json .Runtimes}}'
docker create --runtime=runsc img

"#]]);
}

#[test]
fn the_docker_in_use_is_the_one_that_called_us() {
    let mut test = TestEnvironment::with_gvisor();
    std::fs::create_dir(test.path("other")).unwrap();
    symlink(test.path("bin/docker").canonicalize().unwrap(), test.path("other/docker-28")).unwrap();
    let path = test.path("other/docker-28");
    test.set("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", path).docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
[ROOT]/other/docker-28 info --format '{{json .Runtimes}}'
[ROOT]/other/docker-28 run --runtime=runsc img

"#]]);
    let path = std::env::join_paths([test.path("bin"), test.path("other")]).unwrap();
    test.set("PATH", path);
    test.set("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "docker-28").docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
[ROOT]/other/docker-28 info --format '{{json .Runtimes}}'
[ROOT]/other/docker-28 run --runtime=runsc img

"#]]);
    // A direct call was not made by Docker, whatever an outer one left in the environment.
    test.direct("run img").is(str![[r#"
exit 0
--- stdout
started
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

#[test]
fn a_docker_given_by_a_relative_path_is_found_from_the_working_folder() {
    let mut test = TestEnvironment::with_gvisor();
    symlink(test.path("bin/docker").canonicalize().unwrap(), test.path("work/mydocker")).unwrap();
    test.set("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "./mydocker").docker("sandbox run img").is(str![[
        r#"
exit 0
--- stdout
started
--- docker was called
[ROOT]/work/mydocker info --format '{{json .Runtimes}}'
[ROOT]/work/mydocker run --runtime=runsc img

"#
    ]]);
}

#[test]
fn the_codes_of_the_container_are_ours_through_docker_and_directly() {
    for code in [0, 1, 42, 125, 126, 127, 137, 255] {
        let test = TestEnvironment::with_gvisor();
        test.answer("run").status(code);
        let expected = format!(
            "exit {code}\n--- docker was called\ndocker info --format '{{{{json .Runtimes}}}}'\ndocker run --runtime=runsc img\n"
        );
        // Docker's codes for what did not start make us ask whether that was gVisor's doing.
        let events = "docker events --since [..] --until [..] --filter type=container --format '{{.Action}} \
                      {{.Actor.ID}} {{.Actor.Attributes.image}}'\n";
        let asks = if (125..=127).contains(&code) { events } else { "" };
        test.docker("sandbox run img").is(format!("{expected}{asks}"));
        test.direct("run img").is(&expected);
    }
}

#[test]
fn both_outputs_of_docker_come_through() {
    let test = TestEnvironment::with_gvisor();
    test.answer("run").stdout("out\n").stderr("err\n");
    test.docker("sandbox run img").is(str![[r#"
exit 0
--- stdout
out
--- stderr
err
--- docker was called
docker info --format '{{json .Runtimes}}'
docker run --runtime=runsc img

"#]]);
}

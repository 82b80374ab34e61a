//! `do`: what Docker is told, and what is refused before that.

use snapbox::str;

use crate::environment::TestEnvironment;

/// The words of the `docker run`, less the guard's mount, the container's name and labels.
fn told(test: &TestEnvironment, line: &str) -> String {
    let done = test.docker(line);
    assert_eq!(done.code, Some(0), "{}", done.text());
    let words = done.last_words();
    let known = |word: &&String| {
        !word.starts_with("--label=docker-sandbox.")
            && !word.starts_with("--name=docker-sandbox-do-")
            && !word.contains("dst=/.docker-sandbox")
    };
    let words: Vec<String> = words.iter().filter(known).cloned().collect();
    words.join("\n").replace(&test.path("").display().to_string(), "[ROOT]/")
}

#[test]
fn docker_is_told_all_limits_and_the_users_options_where_they_can_undo_none() {
    let test = TestEnvironment::with_gvisor();
    snapbox::assert_data_eq!(
        told(&test, "sandbox do true"),
        str![[r#"
run
--rm
--interactive
--log-driver=none
--cap-drop=ALL
--security-opt=no-new-privileges
--read-only
--env=HOME=/home/sandbox
--workdir=/
--tmpfs=/tmp:exec,mode=1777
--tmpfs=/home/sandbox:exec,mode=1777
--user=0:0
--cpus=2
--memory=4294967296
--memory-swap=4294967296
--pids-limit=512
--entrypoint=/.docker-sandbox
--mount
'--health-cmd=kill -9 1'
--health-interval=313s
--health-timeout=10s
--health-retries=1
--network=none
--mount
'type=volume,dst=[ROOT]/work,volume-nocopy,volume-driver=local,volume-label=docker-sandbox.mount=read-only,volume-opt=type=none,"volume-opt=o=bind,private,ro",volume-opt=device=[ROOT]/work'
--runtime=runsc
busybox:latest
timeout=302000
grace=10000
workdir=[ROOT]/work
--
true
"#]]
    );
    test.write("work/sub/file", "");
    let line = "sandbox do --image img --platform linux/arm64 --cpus 0.5 -m 1g --memory-swap 2g --pids-limit 96 --timeout 90s --network bridge \
                -e A=b -u 7:8 -w sub --env-file e -- sh -c --privileged --runtime=runc";
    test.write("work/e", "C=d\n");
    snapbox::assert_data_eq!(
        told(&test, line),
        str![[r#"
run
--rm
--interactive
--log-driver=none
--cap-drop=ALL
--security-opt=no-new-privileges
--read-only
--env=HOME=/home/sandbox
--workdir=/
--platform=linux/arm64
--tmpfs=/tmp:exec,mode=1777
--tmpfs=/home/sandbox:exec,mode=1777
--user=7:8
--cpus=0.5
--memory=1073741824
--memory-swap=2147483648
--pids-limit=96
--entrypoint=/.docker-sandbox
--mount
'--health-cmd=kill -9 1'
--health-interval=103s
--health-timeout=10s
--health-retries=1
--network=bridge
--mount
'type=volume,dst=[ROOT]/work,volume-nocopy,volume-driver=local,volume-label=docker-sandbox.mount=read-only,volume-opt=type=none,"volume-opt=o=bind,private,ro",volume-opt=device=[ROOT]/work'
--runtime=runsc
--env-file=e
--env=A=b
img
timeout=92000
grace=10000
workdir=[ROOT]/work/sub
--
sh
-c
--privileged
--runtime=runc
"#]]
    );
}

#[test]
fn settings_are_limits_and_options_count_more() {
    let test = TestEnvironment::with_gvisor();
    test.user(r#"{"image": "mine:1", "memory": "512m", "pids-limit": "99", "timeout": "1m", "cpus": "1.5"}"#);
    let words = told(&test, "sandbox do --pids-limit 88 true");
    for word in ["--memory=536870912", "--memory-swap=536870912", "--pids-limit=88", "--cpus=1.5", "mine:1"] {
        assert!(words.lines().any(|line| line == word), "{word}: {words}");
    }
    // A little later than we do.
    assert!(words.lines().any(|line| line == "timeout=62000"), "{words}");
}

#[test]
fn what_cannot_be_is_refused_before_docker_is_asked() {
    let test = TestEnvironment::with_gvisor();
    for line in [
        "do",
        "do --",
        "do --pids-limit 79 true",
        "do --memory 5m true",
        "do --memory 1g --memory-swap 512m true",
        "do --timeout 0s true",
        "do --cpus 0 true",
        "do --max-output x true",
        "do --warm many true",
        "do --warm 51 true",
        "do --warm 0,/p=99999999999999999999 true",
        "do --workdir missing/dir true",
        "do --wait=soon true",
        "do --mount /nowhere/at/all true",
        "do --apply never --write true",
        "do --apply on-success true",
        "do --review true",
        "do --review --discard true",
        "do --discard --mount .:rw true",
        "do --timeout 500000000000y true",
        "do --wait=500000000000y true",
        "do --env-file missing true",
        "do --env =1 true",
        "do --write --discard true",
        "do --format xml true",
        "do --nonsense true",
    ] {
        let done = test.docker(&format!("sandbox {line}"));
        assert_eq!(done.code, Some(125), "{line}: {}", done.text());
        assert!(
            done.stderr.starts_with("docker sandbox: ") && done.stderr.contains("\nhint: "),
            "{}",
            done.text()
        );
        assert!(!done.text().contains("docker was called"), "{}", done.text());
    }
    test.docker("sandbox do --pids-limit 79 true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--pids-limit` on the command line: `79` is too few: gVisor itself needs 80
hint: give it a value that fits:
    docker sandbox do --pids-limit=512 …

"#]]);
    test.docker("sandbox do --warm 500 true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--warm` on the command line: `500` is too many: at most 50 sandboxes are kept warm
hint: give it a value that fits:
    docker sandbox do --warm=50 …

"#]]);
    test.docker("sandbox do --memory 1g --memory-swap 512m true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--memory-swap=512m` on the command line: `512m` is memory and swap together, and less than the memory alone, `1g` by `--memory=1g` on the command line
hint: leave it out for no swap, or give it more:
    --memory-swap=1g

"#]]);
    test.docker("sandbox do --review true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--review` is for commands that may write, and this one may not
hint: let it write to the project:
    docker sandbox do --write --review …

"#]]);
    test.docker("sandbox do --nonsense true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: unexpected argument '--nonsense' found; tip: to pass '--nonsense' as a value, use '-- --nonsense'
hint: see how it is used:
    docker sandbox do --help

"#]]);
}

#[test]
fn a_setting_of_more_warm_sandboxes_than_are_kept_is_refused_with_its_place() {
    let test = TestEnvironment::with_gvisor();
    for warm in ["51", "1,/home/me/app=51"] {
        test.user(&format!(r#"{{"warm": "{warm}"}}"#));
        let done = test.docker("sandbox do true");
        assert_eq!(done.code, Some(125), "{}", done.text());
        let said = "`warm`: `51` is too many: at most 50 sandboxes are kept warm\nhint: ";
        assert!(done.stderr.contains(said) && done.stderr.contains("config.json"), "{}", done.text());
    }
    test.user(r#"{"warm": "50"}"#);
    let done = test.docker("sandbox do --warm 0 true");
    assert_eq!(done.code, Some(0), "{}", done.text());
}

#[test]
fn an_image_is_pulled_and_looked_at_before_anything_starts() {
    let test = TestEnvironment::with_gvisor();
    test.answer("image inspect").stderr("Error: No such image: img\n").status(1);
    test.answer("pull").stderr("Error response from daemon: pull access denied\n").status(1);
    test.docker("sandbox do --image img --platform linux/arm64 true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: image `img` cannot be pulled: pull access denied
hint: pull it, or build it, under that name:
    docker pull --platform=linux/arm64 img
hint: or use an image that is there:
    docker images
--- docker was called
docker info --format '{{json .}}'
docker info --format '{{json .Runtimes}}'
docker image inspect '--format={{json .}}' --platform=linux/arm64 img
docker pull --platform=linux/arm64 img

"#]]);
    let done = test.docker("sandbox do --format json --image img true");
    assert!(done.stdout().contains(r#""code":"image""#), "{}", done.text());
    let test = TestEnvironment::with_gvisor();
    let work = test.path("work").display().to_string();
    test.answer("image inspect").stdout(&format!(r#"{{"Config": {{"Volumes": {{"{work}/vol": {{}}}}}}}}"#));
    let done = test.docker("sandbox do --image img true");
    assert_eq!(done.code, Some(125), "{}", done.text());
    assert!(
        done.stderr.contains(&format!("hint: create it yourself:\n    mkdir -p {work}/vol\n")),
        "{}",
        done.text()
    );
    assert!(!done.text().contains("docker run"), "{}", done.text());
}

#[test]
fn a_view_is_in_no_directory_that_it_is_of() {
    let mut test = TestEnvironment::with_gvisor();
    let data = test.path("work/.data");
    test.set("XDG_DATA_HOME", data.to_str().unwrap());
    for option in ["--write", "--discard"] {
        let refused = test.docker(&format!("sandbox do {option} true"));
        assert_eq!(refused.code, Some(125), "{}", refused.text());
        assert!(refused.stderr.contains("export XDG_DATA_HOME="), "{}", refused.text());
        assert!(!data.exists());
    }
    assert_eq!(test.docker("sandbox do true").code, Some(0));
}

#[test]
fn rules_hold_for_what_it_mounts() {
    let test = TestEnvironment::with_gvisor();
    test.docker("sandbox do --mount /etc:rw true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `--mount type=bind,src=/etc,dst=/etc`: the container can change the host's accounts and what the host starts [host-etc]; nothing was started
hint: mount it read-only, or only the folder that is needed:
    docker sandbox do --mount type=bind,src=/etc,dst=/etc,readonly …
hint: or allow it, if that is what you want:
    docker sandbox do --allow=host-etc --mount=/etc:rw -- true
--- docker was called
docker info --format '{{json .}}'
docker info --format '{{json .Runtimes}}'

"#]]);
    test.docker("sandbox do --runtime=runc true").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: the runtime `runc` is not gVisor; nothing was started
hint: take this daemon's gVisor:
    docker sandbox do --runtime=runsc …
hint: to start it without the sandbox, if that is what you want:
    docker sandbox do --no-sandbox --runtime=runc …
--- docker was called
docker info --format '{{json .}}'
docker info --format '{{json .Runtimes}}'
docker info --format '{{json .}}'

"#]]);
}

#[test]
fn an_error_is_an_object_where_one_was_asked_for() {
    let test = TestEnvironment::with_gvisor();
    for (line, code) in [
        ("do --format json", "usage"),
        ("do --format json --nonsense true", "usage"),
        ("do --format=json --pids-limit 1 true", "usage"),
        ("do --format=json --env-file missing true", "usage"),
        ("do --format=json --timeout 300y true", "usage"),
        ("do --format json --mount /etc:rw true", "rule-denied"),
        ("do --format json --runtime=runc true", "no-gvisor"),
    ] {
        let done = test.docker(&format!("sandbox {line}"));
        assert_eq!(done.code, Some(125), "{line}");
        let object: serde_json::Value = serde_json::from_str(done.stdout()).unwrap();
        assert_eq!(object["error"]["code"], code, "{line}: {object}");
        assert!(object["exit_code"].is_null() && object["signal"].is_null(), "{object}");
        assert!(object["error"]["hints"][0]["commands"][0].is_string(), "{object}");
    }
    test.user(r#"{"memory": "lots"}"#);
    let done = test.docker("sandbox do --format json true");
    assert!(done.stdout().contains(r#""code":"settings""#), "{}", done.text());
}

#[test]
fn the_docker_that_started_is_the_only_one_that_ends_it() {
    let test = TestEnvironment::with_gvisor();
    // Docker's own refusal, word for word, and its code.
    test.answer("run").stderr("docker: Error response from daemon: on fire.\n").status(125);
    test.answer("rm");
    let done = test.direct("do true");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (Some(125), "docker: Error response from daemon: on fire.\n")
    );
}

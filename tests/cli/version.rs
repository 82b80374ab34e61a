//! `version`.

use snapbox::str;

use crate::environment::TestEnvironment;

#[test]
fn version_names_the_plugin_and_the_docker_it_uses() {
    let test = TestEnvironment::new();
    test.answer("--version").stdout("Docker version 28.2.2, build e6534b4\n");
    test.docker("sandbox version").is(str![[r#"
exit 0
--- stdout
[VERSION]
docker         Docker version 28.2.2, build e6534b4 ([ROOT]/bin/docker)
--- docker was called
docker --version

"#]]);
    test.direct("--version").is(str![[r#"
exit 0
--- stdout
[VERSION]
docker         Docker version 28.2.2, build e6534b4 ([ROOT]/bin/docker)
--- docker was called
docker --version

"#]]);
    test.docker("-c x sandbox version").is(str![[r#"
exit 0
--- stdout
[VERSION]
docker         Docker version 28.2.2, build e6534b4 ([ROOT]/bin/docker)
--- docker was called
docker -c x --version

"#]]);
}

#[test]
fn version_needs_no_docker_and_no_answer_from_it() {
    let mut test = TestEnvironment::new();
    test.answer("--version").status(1);
    test.docker("sandbox version").is(str![[r#"
exit 0
--- stdout
[VERSION]
docker         did not answer ([ROOT]/bin/docker)
--- docker was called
docker --version

"#]]);
    test.set("PATH", "/nowhere").direct("version").is(str![[r#"
exit 0
--- stdout
[VERSION]

"#]]);
}

//! Nothing that plain `docker run` runs well is refused: the lines that the pages of the most used
//! images show. The fake docker starts them; what the rules say of them is all that counts.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt as _;

use snapbox::str;

use crate::environment::{Answer, TestEnvironment};

/// The lines, each with the rule that refuses it, if one does.
fn lines() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
    let text = include_str!("../testdata/popular-lines.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| match line.split_once(" ! ") {
        Some((line, rule)) => (line, Some(rule)),
        None => (line, None),
    })
}

/// The words behind `docker`, as the shell makes them in `test`'s working folder.
fn words(test: &TestEnvironment, line: &str) -> Vec<std::ffi::OsString> {
    let words = line.strip_prefix("docker ").unwrap();
    let output = std::process::Command::new("/bin/sh")
        .args(["-c", &format!("printf '%s\\0' {words}")])
        .current_dir(test.path("work"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}");
    let mut words: Vec<_> = output.stdout.split(|&byte| byte == 0).map(<[u8]>::to_vec).collect();
    words.pop();
    words.into_iter().map(std::ffi::OsString::from_vec).collect()
}

fn with_nothing_there() -> TestEnvironment {
    let test = TestEnvironment::with_gvisor();
    // Else the folders that they mount read-only would have to be there.
    test.runtimes(r#"{"runsc":{"path":"/usr/bin/runsc","runtimeArgs":["--directfs=false"]}}"#);
    let _: Answer = test.answer("container inspect").stdout("[]\n");
    test.answer("volume inspect").stderr("Error response from daemon: get x: no such volume\n").status(1);
    test
}

#[test]
fn what_the_pages_of_popular_images_show_starts_and_most_of_it_without_a_word() {
    let test = with_nothing_there();
    let (mut said, mut silent) = (String::new(), 0);
    for (line, refused) in lines() {
        let sandbox = ["sandbox".into()].into_iter().chain(words(&test, line));
        let transcript = test.docker_words(sandbox);
        match refused {
            Some(rule) => {
                assert!(transcript.code == Some(125), "{line}\n{}", transcript.text());
                assert!(transcript.stderr.contains(&format!("[{rule}]; nothing was started")), "{line}");
            }
            None => assert_eq!(transcript.code, Some(0), "{line}\n{}", transcript.text()),
        }
        // Each warning and each refusal is one line, with the rule's id near its end.
        let ids = transcript.stderr.lines().filter(|line| line.starts_with("docker sandbox: "));
        let ids: Vec<&str> =
            ids.map(|line| line.rsplit_once('[').unwrap().1.split(']').next().unwrap()).collect();
        if transcript.stderr.is_empty() {
            silent += 1;
        } else {
            let _ = writeln!(said, "{}: {line}", ids.join(", "));
        }
    }
    assert_eq!(silent + said.lines().count(), lines().count());
    assert!(silent >= 80, "only {silent} lines start without a word");
    snapbox::assert_data_eq!(
        said,
        str![[r#"
net-user-dns: docker run -it --rm --network some-network postgres psql -h some-postgres -U postgres
net-user-dns: docker run -it --network some-network --rm redis redis-cli -h some-redis
net-user-dns: docker run -it --network some-network --rm mysql mysql -hsome-mysql -uexample-user -p
net-user-dns: docker run --detach --network some-network --name some-mariadb --env MARIADB_USER=example-user --env MARIADB_PASSWORD=my_cool_secret --env MARIADB_DATABASE=exmple-database --env MARIADB_ROOT_PASSWORD=my-secret-pw mariadb:latest
net-user-dns: docker run -it --network some-network --rm mariadb:latest mariadb -h some-mariadb -u example-user
net-user-dns: docker run -it --network some-network --rm mongo mongosh --host some-mongo test
net-user-dns: docker run -d --network some-network --name some-mongo -e MONGO_INITDB_ROOT_USERNAME=mongoadmin -e MONGO_INITDB_ROOT_PASSWORD=secret mongo
net-user-dns: docker run -it --rm --network some-network mongo mongosh --host some-mongo -u mongoadmin -p secret --authenticationDatabase admin some-db
memory: docker run -e "NODE_ENV=production" -u "node" -m "300M" --memory-swap "1G" -w "/home/node/app" --name "my-nodejs-app" node app.js
net-user-dns: docker run -it --rm --network some-network -e RABBITMQ_ERLANG_COOKIE='secret cookie here' rabbitmq:3 bash
memory: docker run -d --hostname my-rabbit --name some-rabbit --memory 2048m rabbitmq:3
socket-mount: docker run -d -p 8080:8080 -p 80:80 -v $PWD/traefik.toml:/etc/traefik/traefik.toml -v /var/run/docker.sock:/var/run/docker.sock traefik
socket-mount: docker run -d -p 8080:8080 -p 80:80 -v $PWD/traefik.yml:/etc/traefik/traefik.yml -v /var/run/docker.sock:/var/run/docker.sock traefik:v3.0
net-user-dns: docker run --name some-wordpress --network some-network -d wordpress
net-container: docker run -it --rm --volumes-from some-wordpress --network container:some-wordpress -e WORDPRESS_DB_USER=... wordpress:cli user list
restart: docker run -d -p 5000:5000 --restart always --name registry registry:2
restart: docker run -d -p 5000:5000 --restart=always --name registry -v /mnt/registry:/var/lib/registry registry:2
restart: docker run -d --restart=always --name registry -v "$(pwd)"/certs:/certs -e REGISTRY_HTTP_ADDR=0.0.0.0:443 -e REGISTRY_HTTP_TLS_CERTIFICATE=/certs/domain.crt -e REGISTRY_HTTP_TLS_KEY=/certs/domain.key -p 443:443 registry:2

"#]]
    );
}

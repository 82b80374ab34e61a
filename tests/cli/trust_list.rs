//! The list of trusted files: whose it is, and what is wrong with it.

use std::os::unix::fs::PermissionsExt as _;

use snapbox::str;

use crate::trust::repository;

const LIST: &str = "home/.local/share/docker-sandbox/trust.json";

#[test]
fn the_list_is_for_its_owner_only() {
    let test = repository();
    test.docker("sandbox trust");
    let mode = |path: &str| std::fs::metadata(test.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(LIST), 0o600);
    assert_eq!(mode("home/.local/share/docker-sandbox"), 0o700);
    let names: Vec<_> = std::fs::read_dir(test.path("home/.local/share/docker-sandbox"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["trust.json"]);
}

#[test]
fn the_list_is_where_xdg_says() {
    let mut test = repository();
    let data = test.path("data");
    test.set("XDG_DATA_HOME", data).docker("sandbox trust");
    assert!(test.path("data/docker-sandbox/trust.json").exists() && !test.path(LIST).exists());
}

#[test]
fn a_list_that_others_may_write_is_not_believed() {
    let test = repository();
    test.docker("sandbox trust");
    std::fs::set_permissions(test.path(LIST), std::fs::Permissions::from_mode(0o666)).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.local/share/docker-sandbox/trust.json` can be written by others, so nothing in it is believed
hint: remove it and trust anew what you trust:
    rm -f [ROOT]/home/.local/share/docker-sandbox/trust.json

"#]]);
}

#[test]
fn a_list_that_is_no_list_is_refused() {
    let test = repository();
    test.docker("sandbox trust");
    let file = test.write(LIST, "nonsense");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    test.docker("sandbox run img").refuses(str![[r#"
exit 125
--- stderr
docker sandbox: `[ROOT]/home/.local/share/docker-sandbox/trust.json` is no list of trusted files: expected ident at line 1 column 2
hint: remove it and trust anew what you trust:
    rm -f [ROOT]/home/.local/share/docker-sandbox/trust.json

"#]]);
    test.docker("sandbox trust").fails(str![[r#"
exit 1
--- stderr
docker sandbox: `[ROOT]/home/.local/share/docker-sandbox/trust.json` is no list of trusted files: expected ident at line 1 column 2
hint: remove it and trust anew what you trust:
    rm -f [ROOT]/home/.local/share/docker-sandbox/trust.json

"#]]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_said() {
    let mut test = repository();
    test.write("home/.local", "a file where a folder should be");
    test.docker("sandbox trust").is(str![[r#"
exit 1
--- stderr
docker sandbox: cannot read `[ROOT]/home/.local/share/docker-sandbox/trust.json`: Not a directory (os error 20)

"#]]);
    std::fs::remove_file(test.path("home/.local")).unwrap();
    std::fs::create_dir(test.path("data")).unwrap();
    std::fs::set_permissions(test.path("data"), std::fs::Permissions::from_mode(0o555)).unwrap();
    let data = test.path("data");
    test.set("XDG_DATA_HOME", data).as_nobody();
    test.docker("sandbox trust").is(str![[r#"
exit 1
--- stderr
docker sandbox: the list of trusted files was not changed: cannot make the folder `[ROOT]/data/docker-sandbox`: Permission denied (os error 13)
hint: see who may write its folder:
    ls -ld [ROOT]/data/docker-sandbox

"#]]);
}

//! A file that a tool reads by way of a link.

use super::*;

#[test]
fn what_a_link_of_the_host_leads_to_is_held_back_as_the_link_is() {
    for view in VIEWS {
        let stage = Stage::new(view, |project| {
            for directory in
                ["conf", "scripts", "real", "sub/settings", "elsewhere/.vscode", ".claude/commands", "docs"]
            {
                fs::create_dir_all(project.join(directory)).unwrap();
            }
            for file in
                ["conf/tasks.json", "scripts/env", "real/mcp", "sub/settings/a.xml", "docs/agent.json"]
            {
                fs::write(project.join(file), "good\n").unwrap();
            }
            symlink("conf", project.join(".vscode")).unwrap();
            symlink("./scripts/../scripts/env", project.join(".envrc")).unwrap();
            symlink("not-there-yet", project.join("mise.toml")).unwrap();
            symlink("real", project.join("way")).unwrap();
            symlink("way/mcp", project.join(".mcp.json")).unwrap();
            symlink(project.join("sub/settings"), project.join("sub/.idea")).unwrap();
            symlink("../docs/agent.json", project.join(".claude/settings.json")).unwrap();
            symlink("loop", project.join("loop")).unwrap();
            symlink("loop", project.join(".husky")).unwrap();
            symlink("/etc", project.join(".devcontainer")).unwrap();
            symlink("docs", project.join("bin")).unwrap();
        });
        let before = stage.project();
        stage.run(|root| {
            for file in [
                "conf/tasks.json",
                "conf/new.json",
                "scripts/env",
                "not-there-yet",
                "real/mcp",
                "sub/settings/a.xml",
                "docs/agent.json",
                "conf/notes.txt",
                "docs/tool",
            ] {
                fs::write(root.join(file), "evil\n").unwrap();
            }
            fs::remove_file(root.join("way")).unwrap();
            symlink("docs", root.join("way")).unwrap();
        });
        let changes = stage.apply();
        let states = states(&changes);
        for (path, state) in [
            ("conf/tasks.json", "editor-startup"),
            ("conf/new.json", "editor-startup"),
            ("scripts/env", "shell-startup"),
            ("not-there-yet", "shell-startup"),
            ("real/mcp", "agent-startup"),
            ("way", "agent-startup"),
            ("sub/settings/a.xml", "editor-startup"),
            ("docs/agent.json", "agent-startup"),
            ("conf/notes.txt", "applied"),
            ("docs/tool", "applied"),
        ] {
            assert_eq!(states.get(path).map(String::as_str), Some(state), "{view:?}: {path}: {states:#?}");
        }
        let differing = differences(&before, &stage.project());
        let files: Vec<&Path> = differing
            .iter()
            .map(PathBuf::as_path)
            .filter(|path| path.extension().is_some() || path.ends_with("tool"))
            .collect();
        assert_eq!(files, [Path::new("conf/notes.txt"), Path::new("docs/tool")], "{view:?}");
    }
}

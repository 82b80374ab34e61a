//! Changes that are held back until somebody has looked at them, as a list: what runs a program on the host later, without
//! anybody having started it, and what cannot be applied as it is.

use std::path::Path;

/// Why a change is held back.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Stable: `--allow`, settings, policies and the JSON output name it.
    pub(crate) id: &'static str,
    /// What it holds back, in Markdown.
    pub(crate) when: &'static str,
    /// What would happen otherwise: a clause.
    pub(crate) why: &'static str,
    /// Paths, at any depth, in which `*` stands for any characters of a name; with everything below them. A rule without
    /// paths is decided in [`super::judge`].
    pub(crate) paths: &'static [&'static str],
}

/// git's own files, but for those that only hold history.
pub(crate) const GIT_CONFIG: &str = "git-config";
/// A directory that git would take for a repository, which was none before.
pub(crate) const GIT_DIRECTORY: &str = "git-directory";
/// Objects that were there before.
pub(crate) const GIT_OBJECT: &str = "git-object";
/// An index that does more than list files.
pub(crate) const GIT_INDEX: &str = "git-index";
/// A symbolic link to somewhere else.
pub(crate) const LINK_OUTSIDE: &str = "link-outside";
/// Programs that run as somebody else.
pub(crate) const SET_ID: &str = "set-id";
/// Devices, sockets and pipes.
pub(crate) const SPECIAL_FILE: &str = "special-file";

/// All of them, in the order of the documentation.
pub(crate) static RULES: [Rule; 11] = [
    Rule {
        id: GIT_CONFIG,
        when: "in a git directory: everything but new objects, `refs`, `packed-refs`, `logs`, `HEAD`, `index`, `ORIG_HEAD`, \
               `FETCH_HEAD`, `MERGE_*`, `COMMIT_EDITMSG`, and of `config` the keys `branch.*.remote`, `merge` and `rebase`; \
               in the working tree: the directory that `core.hooksPath` names, what links among hooks lead to, and files and \
               programs that git's configuration names",
        why: "git runs programs that its hooks and its configuration name",
        paths: &[],
    },
    Rule {
        id: GIT_DIRECTORY,
        when: "a git directory, or a file or directory called `.git`, that is new or changed",
        why: "git would take it for a repository, and run programs that its configuration names",
        paths: &[],
    },
    Rule {
        id: GIT_OBJECT,
        when: "in a git directory: `objects`, but for new objects and packs",
        why: "history would be lost, or taken from elsewhere",
        paths: &[],
    },
    Rule {
        id: GIT_INDEX,
        when: "an index with new submodules, with new marks that a file is assumed to be unchanged or is skipped, with paths \
               that lead out, or that git cannot read",
        why: "git would look into repositories that the command made, or not show what it changed",
        paths: &[],
    },
    Rule {
        id: "git-hook-manager",
        when: "`.husky`, `.pre-commit-config.yaml`, `.pre-commit-hooks.yaml`, `lefthook.yml`, `.lefthook*`, `.overcommit.yml`",
        why: "hooks that are installed run what it says at the next commit",
        paths: &[
            ".husky",
            ".huskyrc*",
            ".pre-commit-config.yaml",
            ".pre-commit-config.yml",
            ".pre-commit-hooks.yaml",
            "lefthook*.y*ml",
            "lefthook*.toml",
            "lefthook*.json",
            ".lefthook*",
            ".overcommit.yml",
            ".lintstagedrc*",
            ".simple-git-hooks*",
        ],
    },
    Rule {
        id: "shell-startup",
        when: "`.envrc`, `.direnv`, `.mise.toml`, `.autoenv*`",
        why: "a shell runs it when somebody enters the directory",
        paths: &[
            ".envrc",
            ".direnv",
            "mise.toml",
            "mise.*.toml",
            ".mise*",
            ".autoenv*",
            ".env.leave",
            ".in",
            ".out",
            ".rtx.toml",
        ],
    },
    Rule {
        id: "editor-startup",
        when: "`.vscode` with `tasks.json`, `settings.json`, `launch.json`, `mcp.json`, `*.code-workspace`, `.idea`, `.vs`, \
               `.fleet`, `.zed`, `.devcontainer`, `.nvim.lua`, `.nvimrc`, `.exrc`, `.vimrc`, `.dir-locals.el`, \
               `*.sublime-project` and their like",
        why: "an editor runs what it says when somebody opens the project",
        paths: &[
            ".vscode/tasks.json",
            ".vscode/settings.json",
            ".vscode/launch.json",
            ".vscode/mcp.json",
            ".vscode/extensions.json",
            "*.code-workspace",
            ".idea",
            "*.iml",
            ".vs",
            ".fleet",
            ".run",
            ".zed",
            ".theia",
            ".helix",
            ".devcontainer",
            ".devcontainer.json",
            ".nvim.lua",
            ".nvimrc",
            ".lvim*",
            ".lazy.lua",
            ".exrc",
            ".vimrc",
            "_vimrc",
            ".dir-locals*.el",
            "*.sublime-project",
        ],
    },
    Rule {
        id: "agent-startup",
        when: "`.claude`, `.mcp.json`, `.cursor`, `.codex`, `.gemini`, `.windsurf`, `.continue`, `.aider*`, `opencode.json`, \
               `.kiro`, `.roo`, `.amazonq` and their like",
        why: "an agent runs what it says, or asks less, when somebody starts it in the project",
        paths: &[
            ".claude",
            ".mcp.json",
            ".cursor",
            ".codex",
            ".gemini",
            ".windsurf",
            ".continue",
            ".aider*",
            "opencode.json*",
            ".opencode",
            ".kiro",
            ".roo",
            ".amazonq",
            ".goose*",
            ".crush.json",
            "crush.json",
            ".junie",
        ],
    },
    Rule {
        id: LINK_OUTSIDE,
        when: "a symbolic link whose target is outside of the project, or is reached through another link",
        why: "whoever writes to it later would write there",
        paths: &[],
    },
    Rule {
        id: SET_ID,
        when: "a file with a set-user-id or set-group-id bit",
        why: "whoever runs it would do so as its owner",
        paths: &[],
    },
    Rule {
        id: SPECIAL_FILE,
        when: "a device, a socket or a named pipe",
        why: "it is no file that could be applied",
        paths: &[],
    },
];

/// The rule of that id.
pub(crate) fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The rule whose paths `path` is one of, or is in. What is no directory counts also where a directory of these paths would be:
/// a link would lead to it.
pub(crate) fn of_path(path: &Path, is_directory: bool) -> Option<&'static Rule> {
    let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().to_ascii_lowercase()).collect();
    let matches = |pattern: &&str| {
        let parts: Vec<&str> = pattern.split('/').collect();
        (0..names.len()).any(|start| {
            let there = &names[start..];
            let common = there.len().min(parts.len());
            let whole = there.len() >= parts.len() || !is_directory;
            whole && parts.iter().zip(there).take(common).all(|(part, name)| is_like(part, name))
        })
    };
    RULES.iter().find(|rule| rule.paths.iter().any(matches))
}

/// Whether `name` is like `pattern`, in which `*` stands for any characters.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut rest = rest;
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(path: &str, is_directory: bool) -> Option<&'static str> {
        of_path(Path::new(path), is_directory).map(|rule| rule.id)
    }

    #[test]
    fn paths_that_tools_run_are_held_back_at_any_depth_and_in_any_case() {
        for (path, expected) in [
            ("a/b/.envrc", Some("shell-startup")),
            (".VSCode/Tasks.json", Some("editor-startup")),
            (".vscode/tasks.json/x", Some("editor-startup")),
            ("x.code-workspace", Some("editor-startup")),
            ("sub/.claude/hooks/x", Some("agent-startup")),
            (".husky/_/x", Some("git-hook-manager")),
            ("lefthook-local.yml", Some("git-hook-manager")),
            (".vscode/snippets.json", None),
            ("src/main.rs", None),
            ("envrc", None),
            ("a.envrc", None),
            ("Makefile", None),
        ] {
            assert_eq!(rule(path, false), expected, "{path}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_directory_counts_as_what_is_in_it() {
        assert_eq!(rule(".vscode", false), Some("editor-startup"));
        assert_eq!(rule(".vscode", true), None);
        assert_eq!(rule(".idea", true), Some("editor-startup"));
    }

    #[test]
    fn ids_are_unique_and_sentences_complete() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(!rule.when.is_empty() && !rule.why.is_empty());
            assert!(RULES[..at].iter().all(|other| other.id != rule.id), "{}", rule.id);
            assert!(find(rule.id).is_some());
        }
    }
}

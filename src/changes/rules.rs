//! Changes that are held back until somebody has looked at them, as a list: what runs a program on the host later, without
//! anybody having started it, and what cannot be applied as it is.

use std::path::Path;
use std::sync::LazyLock;

/// Why a change is held back.
#[derive(Debug)]
pub struct Rule {
    /// Stable: `--allow`, settings, policies and the JSON output name it.
    pub id: &'static str,
    /// What it holds back, in Markdown. For a rule with paths: what they have in common.
    pub when: &'static str,
    /// What would happen otherwise: a clause.
    pub why: &'static str,
    /// Paths, at any depth and in any case, in which `*` stands for any characters of a name; with everything below them. A rule
    /// without paths is decided in [`super::judge`].
    pub paths: &'static [&'static str],
}

impl Rule {
    /// All that it holds back, in Markdown: its paths are named once, where they are matched.
    #[must_use]
    pub fn applies_to(&self) -> String {
        let paths: Vec<String> = self.paths.iter().map(|path| format!("`{path}`")).collect();
        if paths.is_empty() { self.when.to_owned() } else { format!("{}: {}", self.when, paths.join(", ")) }
    }
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
pub static RULES: [Rule; 12] = [
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
        id: "vcs-directory",
        when: "directories of other version control systems",
        why: "they run programs that their configuration names, some at each prompt",
        paths: &[".hg", ".jj", ".sl", ".bzr", ".pijul"],
    },
    Rule {
        id: "git-hook-manager",
        when: "what managers of git hooks read",
        why: "hooks that are installed run what they say at the next commit",
        paths: &[
            ".husky",
            ".huskyrc*",
            "husky.config.*",
            ".pre-commit-config.y*ml",
            ".pre-commit-hooks.yaml",
            "prek.toml",
            "lefthook*.y*ml",
            "lefthook*.toml",
            "lefthook*.json*",
            ".lefthook*",
            ".config/lefthook*",
            ".overcommit.yml",
            ".git-hooks",
            ".githooks",
            ".lintstagedrc*",
            "lint-staged.config.*",
            ".simple-git-hooks*",
            "simple-git-hooks.*",
            ".rusty-hook.toml",
            "captainhook.json",
            "grumphp.y*ml*",
        ],
    },
    Rule {
        id: "shell-startup",
        when: "what a shell reads when it enters the directory, or at its prompt",
        why: "it runs what they say, or programs that they choose",
        paths: &[
            ".envrc*",
            ".direnv",
            // oh-my-zsh and autoenv run it as a script.
            ".env",
            ".env.leave",
            ".autoenv*",
            ".in",
            ".out",
            ".mise*",
            "mise.toml",
            "mise.*.toml",
            "mise/config*.toml",
            ".config/mise*",
            ".rtx*",
            // A version may be a directory with programs (asdf's `path:…`, rustup's `path`), which a prompt asks for their version.
            ".tool-versions",
            ".prototools",
            "rust-toolchain",
            "rust-toolchain.toml",
            ".rvmrc",
            ".shadowenv.d",
            "bin/activate-hermit",
            "bin/hermit.hcl",
            // An .envrc that is allowed (`use flake`, `use nix`) loads them anew when they change.
            "flake.nix",
            "flake.lock",
            "shell.nix",
            "default.nix",
            "devenv*.nix",
            "devenv*.yaml",
            "devenv.lock",
            "devbox.json",
            "devbox.lock",
            ".devbox",
            ".flox",
        ],
    },
    Rule {
        id: "editor-startup",
        when: "what an editor reads when the project is opened",
        why: "an editor runs what they say, or programs that they choose",
        paths: &[
            ".vscode/*.json",
            // Extensions that are part of the project.
            ".vscode/extensions",
            "*.code-workspace",
            ".idea",
            "*.iml",
            "*.ipr",
            "*.iws",
            ".run",
            "*.run.xml",
            ".fleet",
            ".vs",
            "*.suo",
            // Eclipse, and the Java extension of VS Code.
            ".project",
            ".classpath",
            ".factorypath",
            ".cproject",
            ".settings",
            ".externaltoolbuilders",
            ".zed",
            ".theia",
            ".helix",
            ".nova",
            ".devcontainer",
            ".devcontainer.json",
            ".nvim*",
            ".vim",
            ".vimrc*",
            ".local.vimrc",
            ".local-vimrc",
            "_vimrc",
            ".gvimrc",
            ".exrc",
            "_exrc",
            ".lvim*",
            ".lazy.lua",
            ".neoconf.json",
            "coc-settings.json",
            ".ycm_extra_conf.py",
            ".dir-locals*.el",
            "*.sublime-project",
            "*.sublime-workspace",
            ".lite_project*",
            ".kateproject*",
            ".tm_properties",
            // Python, run by rope, a library of many editors.
            ".ropeproject",
        ],
    },
    Rule {
        id: "agent-startup",
        when: "what a coding agent reads when it is started in the project",
        why: "an agent runs what they say, or asks less before it runs something",
        paths: &[
            ".claude",
            ".claude-plugin",
            ".mcp.json",
            "mcp.json",
            ".cursor",
            ".codex",
            ".gemini",
            ".qwen",
            ".windsurf",
            ".continue*",
            ".aider*",
            "opencode.json*",
            ".opencode",
            ".crush*",
            "crush.json",
            ".kiro",
            ".roo",
            ".cline*",
            ".kilo*",
            ".amazonq",
            ".goose*",
            ".junie",
            ".augment*",
            ".amp",
            ".factory",
            ".trae",
            ".vibe",
            ".pi",
            ".warp",
            ".openhands",
            ".agent",
            ".agents",
            ".github/hooks",
            ".github/copilot",
            ".github/mcp.json",
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
#[must_use]
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// A path of a rule, taken apart.
struct Pattern {
    parts: Vec<&'static str>,
    rule: &'static Rule,
}

/// The paths of all rules by their first byte: 50,000 files are held against them.
static PATTERNS: LazyLock<Vec<Vec<Pattern>>> = LazyLock::new(|| {
    let mut patterns: Vec<Vec<Pattern>> = std::iter::repeat_with(Vec::new).take(256).collect();
    for rule in &RULES {
        for path in rule.paths {
            patterns[first(path)].push(Pattern { parts: path.split('/').collect(), rule });
        }
    }
    patterns
});

fn first(text: &str) -> usize {
    usize::from(text.bytes().next().unwrap_or_default())
}

/// The rules whose paths `path` is one of, or is in. A link counts also where a directory of these paths would be: it would lead
/// to another one.
pub(crate) fn of_path(path: &Path, is_link: bool) -> Vec<&'static Rule> {
    let names: Vec<String> = path.iter().map(|name| name.to_string_lossy().to_ascii_lowercase()).collect();
    let mut found = Vec::new();
    for (start, name) in names.iter().enumerate() {
        let there = &names[start..];
        for pattern in [first(name), first("*")].into_iter().flat_map(|byte| &PATTERNS[byte]) {
            let whole = there.len() >= pattern.parts.len() || is_link;
            if whole && pattern.parts.iter().zip(there).all(|(part, name)| is_like(part, name)) {
                found.push(pattern.rule);
            }
        }
    }
    found
}

/// Whether `name` is like `pattern`, in which `*` stands for any characters.
fn is_like(pattern: &str, name: &str) -> bool {
    // The usual cases, and quick ones.
    match pattern.strip_prefix('*') {
        None if !pattern.contains('*') => return pattern == name,
        Some(end) if !end.contains('*') => return name.ends_with(end),
        _ => {}
    }
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

    fn rule(path: &str) -> Option<&'static str> {
        of_path(Path::new(path), false).first().map(|rule| rule.id)
    }

    /// A path that `pattern` is about.
    fn example(pattern: &str) -> String {
        pattern.replace('*', "x")
    }

    #[test]
    fn every_path_of_every_rule_is_held_back_at_any_depth_in_any_case_and_with_what_is_below() {
        for rule_of in &RULES {
            for pattern in rule_of.paths {
                let path = example(pattern);
                for path in [
                    path.clone(),
                    format!("a/b/{path}"),
                    path.to_ascii_uppercase(),
                    format!("{path}/x"),
                    pattern.replace('*', ""),
                ] {
                    assert_eq!(rule(&path), Some(rule_of.id), "{path}");
                }
            }
        }
    }

    #[test]
    fn what_is_only_similar_is_applied() {
        for path in [
            // vcs-directory
            "hg",
            ".hgignore",
            ".hgrc",
            ".jjx",
            "src/.slx",
            // git-hook-manager
            "husky",
            ".pre-commit",
            "pre-commit-config.yaml",
            "lefthook",
            "lint-staged.md",
            "githooks/x",
            ".config/x",
            // shell-startup
            "envrc",
            "a.envrc",
            ".env.example",
            ".env.local",
            "env",
            "x.in",
            "mise",
            "mise.md",
            "tool-versions",
            "rust-toolchain.md",
            "bin/hermit",
            "flake.nix.md",
            "nix/shells.nix",
            "devenv.md",
            "devbox",
            // editor-startup
            ".vscode/rust.code-snippets",
            ".vscode/x/tasks.json",
            "vscode/tasks.json",
            "idea",
            "x.iml.md",
            "vimrc",
            "run",
            "project",
            "sublime-project",
            "dir-locals.el",
            ".editorconfig",
            "devcontainer.json",
            // agent-startup
            "CLAUDE.md",
            "AGENTS.md",
            ".cursorrules",
            "claude",
            "opencode.md",
            "agents/x",
            ".github/workflows/x.yml",
            ".github/copilot-instructions.md",
            "hooks/x",
            "src/main.rs",
            "Makefile",
            "package.json",
            ".gitattributes",
            ".bazelrc",
            ".npmrc",
            ".yarnrc.yml",
        ] {
            assert_eq!(rule(path), None, "{path}");
        }
    }

    #[test]
    fn all_rules_about_a_path_count_as_one_of_them_may_be_allowed() {
        let ids: Vec<&str> =
            of_path(Path::new(".husky/.vscode/tasks.json"), false).iter().map(|rule| rule.id).collect();
        assert_eq!(ids, ["git-hook-manager", "editor-startup"]);
    }

    #[test]
    fn paths_are_written_as_they_are_matched() {
        for pattern in RULES.iter().flat_map(|rule| rule.paths) {
            assert_eq!(*pattern, pattern.to_ascii_lowercase());
            assert!(!pattern.contains(['|', '`']) && !pattern.contains("//"), "{pattern}");
            assert!(pattern.split('/').all(|part| !part.is_empty() && part != "*"), "{pattern}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_a_directory_counts_as_what_is_in_it() {
        for (path, expected) in [
            (".vscode", Some("editor-startup")),
            (".github", Some("agent-startup")),
            ("x/.config", Some("git-hook-manager")),
            ("src", None),
        ] {
            let of_link = of_path(Path::new(path), true).first().map(|rule| rule.id);
            assert_eq!((rule(path), of_link), (None, expected), "{path}");
        }
        assert_eq!(rule(".idea"), Some("editor-startup"));
    }

    #[test]
    fn ids_are_unique_and_sentences_complete() {
        for (at, rule) in RULES.iter().enumerate() {
            assert!(rule.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", rule.id);
            for text in [&rule.applies_to(), rule.when, rule.why] {
                assert!(!text.is_empty() && !text.contains(['|', '\n']) && !text.ends_with('.'), "{text}");
            }
            assert!(RULES[..at].iter().all(|other| other.id != rule.id), "{}", rule.id);
            assert!(find(rule.id).is_some());
        }
    }
}

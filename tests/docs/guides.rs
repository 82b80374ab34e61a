//! The project's Markdown files.

use std::path::{Path, PathBuf};

/// The project's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One Markdown file.
pub(crate) struct Guide {
    /// From the project's folder, `docs/configuration.md`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Guide {
    pub(crate) fn named(name: &str) -> Self {
        all().into_iter().find(|guide| guide.name == name).unwrap_or_else(|| panic!("there is no {name}"))
    }
}

/// All of them, in the order of their names.
pub(crate) fn all() -> Vec<Guide> {
    let mut paths = Vec::new();
    markdown_in(root(), &mut paths);
    for folder in ["docs", "docs/cli"] {
        markdown_in(&root().join(folder), &mut paths);
    }
    paths.sort();
    let read = |path: PathBuf| Guide {
        name: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(),
        text: std::fs::read_to_string(&path).unwrap(),
        path,
    };
    paths.into_iter().map(read).collect()
}

fn markdown_in(folder: &Path, into: &mut Vec<PathBuf>) {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    into.extend(paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
}

/// A fenced block of code.
pub(crate) struct Block<'a> {
    /// The line of its opening fence, from 1.
    pub(crate) line: usize,
    /// What stands behind the fence: `console`, `console,ignore,engine`.
    pub(crate) info: &'a str,
    pub(crate) lines: Vec<&'a str>,
}

/// The blocks of `text`, and its lines outside of them with their numbers from 1.
pub(crate) fn split(text: &str) -> (Vec<Block<'_>>, Vec<(usize, &str)>) {
    let (mut blocks, mut prose) = (Vec::new(), Vec::new());
    let mut open: Option<Block<'_>> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let fence = line.strip_prefix("```");
        match (open.as_mut(), fence) {
            (None, Some(info)) => open = Some(Block { line: number, info: info.trim(), lines: Vec::new() }),
            (None, None) => prose.push((number, line)),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.lines.push(line),
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    (blocks, prose)
}

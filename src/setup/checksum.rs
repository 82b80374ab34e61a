//! SHA-512, and the files that `sha512sum` writes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha512};

use crate::docker::daemon::hex;
use crate::error::Error;
use crate::ui::shown;

/// The sum that `text`, a `.sha512` file, gives for the file called `name`.
///
/// A line is `SUM  NAME` or `SUM *NAME`; a sum alone, with nothing else in the file, is taken too.
#[must_use]
pub fn expected(text: &str, name: &str) -> Option<String> {
    let sum = |word: &str| {
        (word.len() == 128 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then(|| word.to_ascii_lowercase())
    };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let [line] = lines[..]
        && let Some(sum) = sum(line)
    {
        return Some(sum);
    }
    lines.into_iter().find_map(|line| {
        let (first, file) = line.split_once([' ', '\t'])?;
        let file = file.trim_start();
        let file = file.strip_prefix('*').unwrap_or(file);
        if file.rsplit('/').next() == Some(name) { sum(first) } else { None }
    })
}

/// The sum of the file at `path`.
///
/// # Errors
/// It cannot be read.
pub fn of(path: &Path) -> anyhow::Result<String> {
    let cannot = || format!("cannot read {}", shown(path));
    of_file(&mut File::open(path).with_context(cannot)?).with_context(cannot)
}

/// The sum of an open file, from its beginning; it is at its beginning again then.
///
/// # Errors
/// It cannot be read.
pub fn of_file(file: &mut File) -> io::Result<String> {
    file.rewind()?;
    let mut sum = Sha512::new();
    let mut part = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut part)?;
        if length == 0 {
            file.rewind()?;
            return Ok(hex(&sum.finalize()));
        }
        sum.update(&part[..length]);
    }
}

/// Holds an open file against `text`, the content of the `.sha512` beside `name` at `origin`. What is used then must
/// be this open file, and nobody else may be able to write to it.
///
/// # Errors
/// There is no sum for it, or another.
pub fn verify(file: &mut File, text: &str, name: &str, origin: &str) -> anyhow::Result<()> {
    let expected = wanted(text, name, origin)?;
    let found = of_file(file).with_context(|| format!("cannot read {}", shown(origin)))?;
    if found == expected {
        return Ok(());
    }
    Err(Error::new(format!(
        "wrong checksum: {} has SHA-512 {}…, and its .sha512 says {}…",
        shown(origin),
        &found[..16],
        &expected[..16]
    ))
    .hint("get both again, or take gVisor's own:", "docker sandbox setup --from release")
    .into())
}

/// The sum in `text`.
///
/// # Errors
/// There is none.
pub fn wanted(text: &str, name: &str, origin: &str) -> anyhow::Result<String> {
    expected(text, name).ok_or_else(|| {
        Error::new(format!("the .sha512 beside {} has no SHA-512 sum of `{name}` in it", shown(origin)))
            .hint(
                "write it where the archive is known to be good:",
                format!("sha512sum {name} > {name}.sha512"),
            )
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_found_by_the_files_name_and_in_no_other_way() {
        let sum = "ab".repeat(64);
        let other = "cd".repeat(64);
        assert_eq!(
            expected(&format!("{other}  x\n{sum} *d/gvisor.tar.bz2\n"), "gvisor.tar.bz2"),
            Some(sum.clone())
        );
        assert_eq!(expected(&format!("{}\n", sum.to_uppercase()), "y"), Some(sum.clone()));
        assert_eq!(expected(&format!("{sum}  other\n"), "y"), None);
        assert_eq!(expected("<html>404</html>", "y"), None);
        assert_eq!(expected("", "y"), None);
        assert_eq!(expected(&format!("{}  y\n", &sum[..126]), "y"), None);
    }
}

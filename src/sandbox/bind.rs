//! Words for `docker run --mount`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt as _;

use crate::docker::csv::field;

/// `type=bind,src=…,dst=…`. A field with a comma or a quote in it stands in quotes, as encoding/csv reads it.
#[must_use]
pub fn word(source: &OsStr, target: &OsStr, read_only: bool) -> OsString {
    let mut word = b"type=bind,".to_vec();
    word.extend(field(b"src=", source));
    word.push(b',');
    word.extend(field(b"dst=", target));
    if read_only {
        word.extend(b",readonly");
    }
    OsString::from_vec(word)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;
    use crate::docker::csv;

    #[test]
    fn a_mount_is_read_back_whatever_the_folder_is_called() {
        for folder in ["/a b", "/a,b", "/a\"b", "/a=b"] {
            let word = word(OsStr::new(folder), OsStr::new("/t"), true);
            let fields = csv::fields(word.as_bytes()).unwrap();
            assert_eq!(fields[1], format!("src={folder}").into_bytes());
            assert_eq!(fields[2..], [b"dst=/t".to_vec(), b"readonly".to_vec()]);
        }
    }
}

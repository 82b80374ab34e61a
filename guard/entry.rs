//! The command's user in `/etc/passwd` and `/etc/group`, where the image has no entry: programs ask for the name and the
//! home directory of their user, and some do not start without.

use crate::sys::{self, Text};
use crate::text;

/// The most that is read of a file.
const LARGEST: usize = 1 << 20;

/// Puts `lines` into these files, unless they have one for the same id. In the sandbox only, over the image's files. What
/// fails is left out: a command whose user has no name may do.
pub fn add(passwd: Option<Text>, group: Option<Text>) {
    let directory = text(b"/dev/.docker-sandbox\0");
    if !sys::make_directory(directory) {
        return;
    }
    if sys::mount(text(b"tmpfs\0"), directory, text(b"mode=0755\0")) {
        if let Some(line) = passwd {
            append(text(b"/etc/passwd\0"), text(b"/dev/.docker-sandbox/passwd\0"), line);
        }
        if let Some(line) = group {
            append(text(b"/etc/group\0"), text(b"/dev/.docker-sandbox/group\0"), line);
        }
        // What is bound stays.
        sys::unmount(directory);
    }
    sys::remove_directory(directory);
}

/// Puts what `file` holds, and `line` behind it, in the place of `file`, by way of `new`.
fn append(file: Text, new: Text, line: Text) {
    let (Some(source), Some(content)) = (sys::open(file, false), sys::memory(LARGEST)) else { return };
    let mut length = 0;
    while let more @ 1.. = sys::read(source, &mut content[length..]) {
        length += more as usize;
    }
    sys::close(source);
    let content = &content[..length];
    let has_entry = content.split(|&byte| byte == b'\n').any(|other| id(other) == id(line.bytes()));
    if has_entry || length == LARGEST {
        return;
    }
    let Some(target) = sys::open(new, true) else { return };
    let end: &[u8] = if matches!(content.last(), None | Some(b'\n')) { b"" } else { b"\n" };
    for part in [content, end, line.bytes(), b"\n"] {
        sys::write(target, part);
    }
    sys::close(target);
    sys::bind(new, file);
}

/// The third field of a line, a user's or a group's number.
fn id(line: &[u8]) -> Option<&[u8]> {
    line.split(|&byte| byte == b':').nth(2)
}

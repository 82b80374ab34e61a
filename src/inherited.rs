//! What a process of ours that outlives a command, or may, was left by whoever started that: a lock, a pipe whose reader
//! waits for its end.

use std::ffi::OsString;
use std::path::Path;

/// Closes all descriptors but standard input, output and error, which are ours. For a process that has only just begun.
#[allow(unsafe_code, reason = "nobody in this process knows these descriptors: it has only just begun")]
pub(crate) fn close() {
    let folder = Path::new("/proc/self/fd");
    let names =
        |open: std::fs::ReadDir| -> Vec<OsString> { open.flatten().map(|entry| entry.file_name()).collect() };
    let numbers = std::fs::read_dir(folder).map(names).unwrap_or_default();
    for number in
        numbers.iter().filter_map(|name| name.to_str()?.parse().ok()).filter(|number: &i32| *number > 2)
    {
        // The one by which the folder was read is closed already.
        if folder.join(number.to_string()).is_symlink() {
            // SAFETY: nothing in this process owns it: see above.
            unsafe { rustix::io::close(number) };
        }
    }
}

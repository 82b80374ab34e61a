//! Tries everything that changes files, on each of its arguments and all that is below them, and says what the kernel
//! answered. What it is told proves nothing: the scenario compares the host before and after.
//!
//! A program of its own, linked statically, for an image that has no library: `program.rs` makes it.

#![allow(
    unsafe_op_in_unsafe_fn,
    reason = "every line is a call of libc; what it is given are constants and strings that end with a zero"
)]

use std::ffi::{CString, c_char, c_int, c_long, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

unsafe extern "C" {
    fn open(path: *const c_char, flags: c_int, mode: u32) -> c_int;
    fn openat(folder: c_int, path: *const c_char, flags: c_int, mode: u32) -> c_int;
    fn close(file: c_int) -> c_int;
    fn write(file: c_int, from: *const c_void, length: usize) -> isize;
    fn truncate(path: *const c_char, length: i64) -> c_int;
    fn ftruncate(file: c_int, length: i64) -> c_int;
    fn fallocate(file: c_int, mode: c_int, offset: i64, length: i64) -> c_int;
    fn rename(from: *const c_char, to: *const c_char) -> c_int;
    fn link(from: *const c_char, to: *const c_char) -> c_int;
    fn linkat(from_folder: c_int, from: *const c_char, folder: c_int, to: *const c_char, flags: c_int) -> c_int;
    fn symlink(content: *const c_char, path: *const c_char) -> c_int;
    fn unlink(path: *const c_char) -> c_int;
    fn rmdir(path: *const c_char) -> c_int;
    fn mkdir(path: *const c_char, mode: u32) -> c_int;
    fn mknod(path: *const c_char, mode: u32, device: u64) -> c_int;
    fn chmod(path: *const c_char, mode: u32) -> c_int;
    fn fchmod(file: c_int, mode: u32) -> c_int;
    fn lchown(path: *const c_char, user: u32, group: u32) -> c_int;
    fn fchown(file: c_int, user: u32, group: u32) -> c_int;
    fn lsetxattr(path: *const c_char, name: *const c_char, value: *const c_void, length: usize, flags: c_int) -> c_int;
    fn fsetxattr(file: c_int, name: *const c_char, value: *const c_void, length: usize, flags: c_int) -> c_int;
    fn lremovexattr(path: *const c_char, name: *const c_char) -> c_int;
    fn utimensat(folder: c_int, path: *const c_char, times: *const [i64; 4], flags: c_int) -> c_int;
    fn futimens(file: c_int, times: *const [i64; 4]) -> c_int;
    fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
    fn mprotect(at: *mut c_void, length: usize, protection: c_int) -> c_int;
    fn msync(at: *mut c_void, length: usize, flags: c_int) -> c_int;
    fn munmap(at: *mut c_void, length: usize) -> c_int;
    fn mount(
        source: *const c_char,
        target: *const c_char,
        kind: *const c_char,
        flags: u64,
        data: *const c_void,
    ) -> c_int;
    fn unshare(flags: c_int) -> c_int;
    fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn bind(socket: c_int, address: *const c_void, length: u32) -> c_int;
    fn ioctl(file: c_int, request: u64, argument: *const c_void) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
}

const WRITE_ONLY: c_int = 1;
const READ_WRITE: c_int = 2;
const CREATE: c_int = 0o100;
const TRUNCATE: c_int = 0o1000;
const APPEND: c_int = 0o2000;
static FLAG: c_int = 0x20;
const NO_FOLLOW: c_int = 0o400_000;
const PATH: c_int = 0o10_000_000;
const TEMPORARY: c_int = 0o20_200_000;
/// What would wait for a reader is a pipe that an earlier attack has made: nobody reads it.
const NOT_WAITING: c_int = 0o4000;
const HERE: c_int = -100;
const NOT_THROUGH_LINKS: c_int = 0x100;
const AT_THE_FILE: c_int = 0x1000;

/// The ways to open a file that empty it or let it be written to.
const WAYS: [(&str, c_int); 7] = [
    ("O_WRONLY|O_TRUNC", WRITE_ONLY | TRUNCATE),
    ("O_RDWR|O_TRUNC", READ_WRITE | TRUNCATE),
    ("O_RDONLY|O_TRUNC", TRUNCATE),
    ("O_WRONLY|O_CREAT|O_TRUNC", WRITE_ONLY | CREATE | TRUNCATE),
    ("O_RDONLY|O_CREAT|O_TRUNC|O_NOFOLLOW", CREATE | TRUNCATE | NO_FOLLOW),
    ("O_WRONLY|O_APPEND", WRITE_ONLY | APPEND),
    ("O_RDWR", READ_WRITE),
];

fn text(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap()
}

fn say(what: &str, path: &Path, answer: i64) {
    if answer < 0 {
        let problem = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        println!("{what} {}: error {problem}", path.display());
    } else {
        println!("{what} {}: DONE", path.display());
    }
}

/// Opens in all ways what `open` opens, and writes to what it gets.
fn open_in_all_ways(how: &str, path: &Path, open: impl Fn(c_int) -> c_int) {
    for (name, flags) in WAYS {
        let file = open(flags | NOT_WAITING);
        say(&format!("{how} {name}"), path, file.into());
        if file >= 0 {
            unsafe {
                write(file, c"written".as_ptr().cast(), 7);
                ftruncate(file, 3);
                close(file);
            }
        }
    }
}

fn through_descriptors(path: &Path) {
    let name = text(path);
    for (how, flags) in [("O_PATH", PATH), ("O_RDONLY", 0)] {
        let file = unsafe { open(name.as_ptr(), flags | NOT_WAITING, 0) };
        if file < 0 {
            continue;
        }
        for folder in ["/proc/self/fd", "/proc/thread-self/fd", "/dev/fd"] {
            let again = text(format!("{folder}/{file}"));
            open_in_all_ways(&format!("{how} through {folder}"), path, |flags| unsafe {
                openat(HERE, again.as_ptr(), flags, 0o600)
            });
            unsafe {
                say(&format!("{how} truncate {folder}"), path, truncate(again.as_ptr(), 1).into());
                say(&format!("{how} chmod {folder}"), path, chmod(again.as_ptr(), 0o777).into());
                let linked = path.with_file_name("linked-by-descriptor");
                let follow = linkat(HERE, again.as_ptr(), HERE, text(&linked).as_ptr(), 0x400);
                say(&format!("{how} linkat {folder}"), path, follow.into());
            }
        }
        unsafe {
            say(&format!("{how} ftruncate"), path, ftruncate(file, 0).into());
            say(&format!("{how} fallocate"), path, fallocate(file, 0, 0, 8192).into());
            say(&format!("{how} punch a hole"), path, fallocate(file, 3, 0, 4096).into());
            say(&format!("{how} write"), path, write(file, c"x".as_ptr().cast(), 1) as i64);
            say(&format!("{how} fchmod"), path, fchmod(file, 0o777).into());
            say(&format!("{how} fchown"), path, fchown(file, 7, 7).into());
            say(&format!("{how} futimens"), path, futimens(file, &[1, 1, 1, 1]).into());
            let value = c"x".as_ptr().cast();
            say(&format!("{how} fsetxattr"), path, fsetxattr(file, c"user.new".as_ptr(), value, 1, 0).into());
            // FS_IOC_SETFLAGS, with the flag of files that are only appended to.
            say(&format!("{how} FS_IOC_SETFLAGS"), path, ioctl(file, 0x4008_6602, (&raw const FLAG).cast()).into());
            let linked = text(path.with_file_name("linked-empty"));
            say(
                &format!("{how} linkat AT_EMPTY_PATH"),
                path,
                linkat(file, c"".as_ptr(), HERE, linked.as_ptr(), AT_THE_FILE).into(),
            );
            if flags == 0 {
                map(path, file);
            }
            close(file);
        }
    }
}

/// Shared and writable, at once or later.
unsafe fn map(path: &Path, file: c_int) {
    let failed = usize::MAX as *mut c_void;
    for (how, protection) in [("PROT_WRITE", 3), ("PROT_READ, then PROT_WRITE", 1)] {
        let at = mmap(std::ptr::null_mut(), 4096, protection, 1, file, 0);
        if at == failed {
            say(&format!("mmap {how}"), path, -1);
            continue;
        }
        let writable = protection == 3 || mprotect(at, 4096, 3) == 0;
        say(&format!("mmap {how}"), path, if writable { 0 } else { -1 });
        if writable {
            at.cast::<u8>().write_volatile(b'm');
            msync(at, 4096, 4);
        }
        munmap(at, 4096);
    }
}

/// By its name.
fn by_name(path: &Path) {
    let name = text(path);
    let there = name.as_ptr();
    open_in_all_ways("open", path, |flags| unsafe { open(there, flags, 0o600) });
    for root in ["/proc/self/root", "/proc/1/root"] {
        let again = text(format!("{root}{}", path.display()));
        open_in_all_ways(root, path, |flags| unsafe { open(again.as_ptr(), flags, 0o600) });
    }
    unsafe {
        say("truncate", path, truncate(there, 0).into());
        say("chmod", path, chmod(there, 0o777).into());
        say("lchown", path, lchown(there, 7, 7).into());
        say("utimensat", path, utimensat(HERE, there, &[1, 1, 1, 1], NOT_THROUGH_LINKS).into());
        let value = c"x".as_ptr().cast();
        say("lsetxattr", path, lsetxattr(there, c"user.new".as_ptr(), value, 1, 0).into());
        say("lsetxattr of one that is there", path, lsetxattr(there, c"user.kept".as_ptr(), value, 1, 0).into());
        say("lremovexattr", path, lremovexattr(there, c"user.kept".as_ptr()).into());
    }
}

/// What changes the folder that it is in.
fn in_its_folder(path: &Path) {
    let beside = |name: &str| text(path.with_file_name(name));
    let name = text(path);
    let there = name.as_ptr();
    unsafe {
        std::fs::write("/tmp/mine", "mine").ok();
        say("rename over it from another place", path, rename(c"/tmp/mine".as_ptr(), there).into());
        say("link from another place", path, link(c"/tmp/mine".as_ptr(), beside("from-tmp").as_ptr()).into());
        say("link", path, link(there, beside("linked").as_ptr()).into());
        say("symlink", path, symlink(c"x".as_ptr(), beside("symlinked").as_ptr()).into());
        say("mknod of a pipe", path, mknod(beside("pipe").as_ptr(), 0o010_600, 0).into());
        say("mknod of a file", path, mknod(beside("node").as_ptr(), 0o100_600, 0).into());
        say("mknod of a device", path, mknod(beside("null").as_ptr(), 0o020_666, 0x103).into());
        say("mkdir", path, mkdir(beside("made").as_ptr(), 0o700).into());
        let new = open(beside("new").as_ptr(), WRITE_ONLY | CREATE | TRUNCATE, 0o600);
        say("open a new one", path, new.into());
        if let Some(folder) = path.parent() {
            let temporary = open(text(folder).as_ptr(), TEMPORARY | READ_WRITE, 0o600);
            say("O_TMPFILE", folder, temporary.into());
            if temporary >= 0 {
                let named = text(format!("/proc/self/fd/{temporary}"));
                linkat(HERE, named.as_ptr(), HERE, beside("temporary").as_ptr(), 0x400);
                close(temporary);
            }
        }
        let address = [&1_u16.to_ne_bytes()[..], beside("socket").as_bytes(), b"\0"].concat();
        if address.len() <= 110 {
            let made = socket(1, 1, 0);
            say("bind", path, bind(made, address.as_ptr().cast(), address.len() as u32).into());
            close(made);
        }
        let exchange = |from: &CString| {
            syscall(RENAMEAT2, HERE as c_long, from.as_ptr(), HERE as c_long, there, 2 as c_long)
        };
        say("rename over what is beside it", path, rename(there, beside("renamed").as_ptr()).into());
        say("rename beside over it", path, rename(beside("renamed").as_ptr(), there).into());
        say("exchange", path, exchange(&beside("kept")));
        say("rename away", path, rename(there, c"/tmp/away".as_ptr()).into());
    }
}

#[cfg(target_arch = "x86_64")]
const RENAMEAT2: c_long = 316;
#[cfg(not(target_arch = "x86_64"))]
const RENAMEAT2: c_long = 276;

/// `path` and all below it, what is deepest first; links are not followed.
fn below(path: &Path, found: &mut Vec<PathBuf>) {
    if path.symlink_metadata().is_ok_and(|about| about.is_dir()) {
        let mut inside: Vec<_> = std::fs::read_dir(path).into_iter().flatten().flatten().collect();
        inside.sort_by_key(std::fs::DirEntry::file_name);
        inside.iter().for_each(|entry| below(&entry.path(), found));
    }
    found.push(path.to_owned());
}

fn attack(places: &[PathBuf]) {
    let mut all = Vec::new();
    places.iter().for_each(|place| below(place, &mut all));
    for path in &all {
        by_name(path);
        through_descriptors(path);
        in_its_folder(path);
    }
    // What would hide what the rest does comes last.
    for path in &all {
        let name = text(path);
        unsafe {
            say("unlink", path, unlink(name.as_ptr()).into());
            say("rmdir", path, rmdir(name.as_ptr()).into());
        }
    }
}

fn main() {
    let places: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    attack(&places);
    // Once more, with the mounts made writable: gVisor lets root in a user namespace of its own do that (20240729).
    unsafe {
        say("unshare", Path::new("/"), unshare(0x1002_0000).into());
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let targets = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(PathBuf::from);
        let all: Vec<PathBuf> = targets.chain(places.iter().cloned()).collect();
        for target in all.iter().filter(|target| *target != Path::new("/proc")) {
            for flags in [0x20, 0x1020] {
                let answer = mount(c"".as_ptr(), text(target).as_ptr(), c"".as_ptr(), flags, std::ptr::null());
                say(&format!("remount {flags:#x}"), target, answer.into());
            }
        }
    }
    attack(&places);
    println!("all tried");
}

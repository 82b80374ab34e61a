//! The kernel's calls, without a C library.

mod filter;

use core::arch::{asm, global_asm};

pub use filter::confine;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const GETPID: usize = 39;
    pub const CHDIR: usize = 80;
    pub const OPENAT: usize = 257;
    pub const PIVOT_ROOT: usize = 155;
    pub const TIMER_CREATE: usize = 222;
    pub const TIMER_SETTIME: usize = 223;
    pub const UNSHARE: usize = 272;
    pub const SETNS: usize = 308;
    pub const UMOUNT2: usize = 166;
    pub const UNLINKAT: usize = 263;
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const MMAP: usize = 9;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const SETPGID: usize = 109;
    pub const SETGROUPS: usize = 116;
    pub const SETRESUID: usize = 117;
    pub const SETRESGID: usize = 119;
    pub const CAPSET: usize = 126;
    pub const PRCTL: usize = 157;
    pub const MOUNT: usize = 165;
    pub const CLOCK_GETTIME: usize = 228;
    pub const EXIT_GROUP: usize = 231;
    pub const MKDIRAT: usize = 258;
    pub const PPOLL: usize = 271;
    pub const SIGNALFD4: usize = 289;
    pub const PIPE2: usize = 293;
    pub const FCNTL: usize = 72;
    pub const SETSID: usize = 112;
    pub const RT_SIGQUEUEINFO: usize = 129;
    pub const TKILL: usize = 200;
    pub const TGKILL: usize = 234;
    pub const RT_TGSIGQUEUEINFO: usize = 297;
    pub const PRLIMIT64: usize = 302;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const UNLINKAT: usize = 35;
    pub const UMOUNT2: usize = 39;
    pub const PIVOT_ROOT: usize = 41;
    pub const UNSHARE: usize = 97;
    pub const TIMER_CREATE: usize = 107;
    pub const TIMER_SETTIME: usize = 110;
    pub const SETNS: usize = 268;
    pub const CHDIR: usize = 49;
    pub const OPENAT: usize = 56;
    pub const GETPID: usize = 172;
    pub const MKDIRAT: usize = 34;
    pub const IOCTL: usize = 29;
    pub const MOUNT: usize = 40;
    pub const CLOSE: usize = 57;
    pub const PIPE2: usize = 59;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const SIGNALFD4: usize = 74;
    pub const CAPSET: usize = 91;
    pub const EXIT_GROUP: usize = 94;
    pub const CLOCK_GETTIME: usize = 113;
    pub const KILL: usize = 129;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const SETRESUID: usize = 147;
    pub const SETRESGID: usize = 149;
    pub const SETPGID: usize = 154;
    pub const SETGROUPS: usize = 159;
    pub const PRCTL: usize = 167;
    pub const CLONE: usize = 220;
    pub const EXECVE: usize = 221;
    pub const MMAP: usize = 222;
    pub const WAIT4: usize = 260;
    pub const FCNTL: usize = 25;
    pub const SETSID: usize = 157;
    pub const RT_SIGQUEUEINFO: usize = 138;
    pub const TKILL: usize = 130;
    pub const TGKILL: usize = 131;
    pub const RT_TGSIGQUEUEINFO: usize = 240;
    pub const PRLIMIT64: usize = 261;
}

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call begin", "ud2");

#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x29, 0", "mov x0, sp", "bl begin", "brk 1");

#[cfg(target_arch = "x86_64")]
fn call(number: usize, a: [usize; 6]) -> isize {
    let answer: isize;
    // SAFETY: each caller below hands over what its call asks for.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => answer, in("rdi") a[0], in("rsi") a[1], in("rdx") a[2],
            in("r10") a[3], in("r8") a[4], in("r9") a[5], out("rcx") _, out("r11") _, options(nostack));
    }
    answer
}

#[cfg(target_arch = "aarch64")]
fn call(number: usize, a: [usize; 6]) -> isize {
    let answer: isize;
    // SAFETY: each caller below hands over what its call asks for.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a[0] as isize => answer, in("x1") a[1], in("x2") a[2],
            in("x3") a[3], in("x4") a[4], in("x5") a[5], options(nostack));
    }
    answer
}

// What the compiler calls for copies and comparisons. Volatile, or it would make calls to themselves of them.

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    for at in 0..length {
        // SAFETY: as for C's memcpy.
        unsafe { to.add(at).write_volatile(from.add(at).read_volatile()) };
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, length: usize) -> *mut u8 {
    for at in 0..length {
        // SAFETY: as for C's memset.
        unsafe { to.add(at).write_volatile(byte as u8) };
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    for at in 0..length {
        // SAFETY: as for C's memcmp.
        let (a, b) = unsafe { (a.add(at).read_volatile(), b.add(at).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: as for C's bcmp.
    unsafe { memcmp(a, b, length) }
}

// core was built to unwind, and names this; nothing here does.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(125)
}

pub const EINTR: isize = 4;
pub const ENOENT: isize = 2;
pub const EACCES: isize = 13;
pub const ENOTDIR: isize = 20;
pub const EOPNOTSUPP: isize = 95;

pub const SIGTERM: i32 = 15;
pub const SIGCHLD: i32 = 17;
pub const SIGTTOU: i32 = 22;

const CLOEXEC: usize = 0o2_000_000;

/// A C string that lives as long as the process: an argument, or a part of a block that was read.
#[derive(Clone, Copy)]
pub struct Text(pub *const u8);

impl Text {
    pub fn bytes(self) -> &'static [u8] {
        let mut length = 0;
        // SAFETY: it ends with a zero.
        unsafe {
            while *self.0.add(length) != 0 {
                length += 1;
            }
            core::slice::from_raw_parts(self.0, length)
        }
    }

    /// What is behind `start`, if it starts with that.
    pub fn after(self, start: &[u8]) -> Option<Self> {
        // SAFETY: within its bytes, or at its end.
        self.bytes().starts_with(start).then(|| Self(unsafe { self.0.add(start.len()) }))
    }
}

/// `length` bytes of zeros, for as long as the process lives.
pub fn memory(length: usize) -> Option<&'static mut [u8]> {
    let at = call(number::MMAP, [0, length.max(1), 3, 0x22, usize::MAX, 0]);
    // SAFETY: the kernel just made it for us.
    (at > 0).then(|| unsafe { core::slice::from_raw_parts_mut(at as *mut u8, length) })
}

/// `count` null pointers, for as long as the process lives.
pub fn pointers(count: usize) -> Option<&'static mut [*const u8]> {
    let bytes = memory(count * size_of::<*const u8>())?;
    // SAFETY: a page is aligned for pointers, and zeros are null.
    Some(unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), count) })
}

/// `count` zeros, for as long as the process lives.
pub fn numbers(count: usize) -> Option<&'static mut [u32]> {
    let bytes = memory(count * size_of::<u32>())?;
    // SAFETY: a page is aligned for them.
    Some(unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), count) })
}

pub fn exit(code: i32) -> ! {
    loop {
        call(number::EXIT_GROUP, [code as usize, 0, 0, 0, 0, 0]);
    }
}

pub fn read(descriptor: i32, into: &mut [u8]) -> isize {
    loop {
        let got = call(number::READ, [descriptor as usize, into.as_mut_ptr() as usize, into.len(), 0, 0, 0]);
        if got != -EINTR {
            return got;
        }
    }
}

pub fn write(descriptor: i32, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match call(number::WRITE, [descriptor as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]) {
            put @ 1.. => bytes = bytes.get(put as usize..).unwrap_or_default(),
            error if error == -EINTR => {}
            _ => return,
        }
    }
}

pub fn close(descriptor: i32) {
    call(number::CLOSE, [descriptor as usize, 0, 0, 0, 0, 0]);
}

/// A pipe that a program which is executed does not inherit.
pub fn pipe() -> Option<[i32; 2]> {
    let mut ends = [0_i32; 2];
    (call(number::PIPE2, [ends.as_mut_ptr() as usize, CLOEXEC, 0, 0, 0, 0]) == 0).then_some(ends)
}

/// Milliseconds of a clock that only goes forward.
pub fn now() -> u64 {
    let mut time = [0_u64; 2];
    call(number::CLOCK_GETTIME, [1, time.as_mut_ptr() as usize, 0, 0, 0, 0]);
    time[0] * 1000 + time[1] / 1_000_000
}

#[repr(C)]
struct PollFd {
    descriptor: i32,
    wanted: i16,
    seen: i16,
}

/// Waits until one of the two can be read, `deadline` at the latest. Whether each can.
pub fn poll(first: i32, second: i32, deadline: Option<u64>) -> [bool; 2] {
    let mut both = [first, second].map(|descriptor| PollFd { descriptor, wanted: 1, seen: 0 });
    let left = deadline.map(|deadline| deadline.saturating_sub(now()));
    let time = left.map(|left| [left / 1000, left % 1000 * 1_000_000]);
    let time = time.as_ref().map_or(0, |time| time.as_ptr() as usize);
    call(number::PPOLL, [both.as_mut_ptr() as usize, 2, time, 0, 8, 0]);
    [both[0].seen != 0, both[1].seen != 0]
}

/// Blocks all signals, and gives what they can be read from, 128 bytes each.
pub fn take_signals() -> i32 {
    let all = u64::MAX;
    mask(all);
    call(number::SIGNALFD4, [usize::MAX, (&raw const all) as usize, 8, CLOEXEC, 0, 0]) as i32
}

/// Blocks these signals and no others.
pub fn mask(signals: u64) {
    call(number::RT_SIGPROCMASK, [2, (&raw const signals) as usize, 0, 8, 0, 0]);
}

pub fn fork() -> isize {
    call(number::CLONE, [SIGCHLD as usize, 0, 0, 0, 0, 0])
}

pub fn kill(process: i32, signal: i32) {
    call(number::KILL, [process as usize, signal as usize, 0, 0, 0, 0]);
}

/// A child that has ended, and how, as waitpid(2) has it.
pub fn reap() -> Option<(i32, i32)> {
    let mut status = 0_i32;
    let child = call(number::WAIT4, [usize::MAX, (&raw mut status) as usize, 1, 0, 0, 0]);
    (child > 0).then_some((child as i32, status))
}

/// Becomes `program`. Returns the error that prevented it.
pub fn execute(program: *const u8, arguments: *const *const u8, environment: *const *const u8) -> isize {
    -call(number::EXECVE, [program as usize, arguments as usize, environment as usize, 0, 0, 0])
}

pub fn lead_a_group() {
    call(number::SETPGID, [0, 0, 0, 0, 0, 0]);
}

/// A session and a process group of its own.
pub fn lead_a_session() {
    call(number::SETSID, [0; 6]);
}

/// Gives the terminal to this process's group.
pub fn take_the_terminal() {
    let group = call(number::GETPID, [0; 6]) as i32;
    call(number::IOCTL, [0, 0x5410, (&raw const group) as usize, 0, 0, 0]);
}

/// The settings of the terminal on standard input; `None` if it is none.
pub fn terminal() -> Option<[u32; 16]> {
    let mut settings = [0_u32; 16];
    (call(number::IOCTL, [0, 0x5401, settings.as_mut_ptr() as usize, 0, 0, 0]) == 0).then_some(settings)
}

pub fn set_terminal(settings: &[u32; 16]) {
    call(number::IOCTL, [0, 0x5402, settings.as_ptr() as usize, 0, 0, 0]);
}

/// AT_FDCWD: paths are absolute, or from the working folder.
const HERE: usize = (-100_isize) as usize;

pub fn make_directory(path: Text) -> bool {
    call(number::MKDIRAT, [HERE, path.0 as usize, 0o700, 0, 0, 0]) == 0
}

pub fn remove_directory(path: Text) {
    // AT_REMOVEDIR
    call(number::UNLINKAT, [HERE, path.0 as usize, 0x200, 0, 0, 0]);
}

/// Returns the error that prevented it, or 0.
pub fn change_directory(path: Text) -> isize {
    -call(number::CHDIR, [path.0 as usize, 0, 0, 0, 0, 0])
}

/// A file system of `kind` at `target`.
pub fn mount(kind: Text, target: Text, options: Text) -> bool {
    call(number::MOUNT, [kind.0 as usize, target.0 as usize, kind.0 as usize, 0, options.0 as usize, 0]) == 0
}

/// The file `source` at `target` as well.
pub fn bind(source: Text, target: Text) -> bool {
    // MS_BIND
    call(number::MOUNT, [source.0 as usize, target.0 as usize, 0, 0x1000, 0, 0]) == 0
}

/// A descriptor of the file at `path`, which everybody may read.
pub fn open(path: Text, creates: bool) -> Option<i32> {
    // O_CLOEXEC; O_NONBLOCK, as an image may have a pipe there; O_WRONLY, O_CREAT and O_EXCL
    let flags = CLOEXEC | 0o4000 | if creates { 0o301 } else { 0 };
    let opened = call(number::OPENAT, [HERE, path.0 as usize, flags, 0o644, 0, 0]);
    (opened >= 0).then_some(opened as i32)
}

/// Takes a file system away from where it is; who uses it keeps it.
pub fn unmount(path: Text) {
    // MNT_DETACH
    call(number::UMOUNT2, [path.0 as usize, 2, 0, 0, 0, 0]);
}

/// This user, this group and these other groups from here on, and no capability, whatever is executed.
pub fn become_user(user: u32, group: u32, groups: &[u32]) -> bool {
    for capability in 0..=63 {
        // PR_CAPBSET_DROP; those that the kernel does not know are an error.
        call(number::PRCTL, [24, capability, 0, 0, 0, 0]);
    }
    let (user, group) = (user as usize, group as usize);
    call(number::SETGROUPS, [groups.len(), groups.as_ptr() as usize, 0, 0, 0, 0]) == 0
        && call(number::SETRESGID, [group, group, group, 0, 0, 0]) == 0
        && call(number::SETRESUID, [user, user, user, 0, 0, 0]) == 0
        && keep_capabilities(0)
}

/// None but these capabilities, a bit each.
pub fn keep_capabilities(kept: u32) -> bool {
    // _LINUX_CAPABILITY_VERSION_3; effective, permitted and inheritable ones, twice 32 bits.
    let header = [0x2008_0522_u32, 0];
    let sets = [kept, kept, 0, 0, 0, 0_u32];
    call(number::CAPSET, [header.as_ptr() as usize, sets.as_ptr() as usize, 0, 0, 0, 0]) == 0
}

/// The kernel kills this process after so many milliseconds, even if somebody has stopped it by then.
pub fn die_after(milliseconds: u64) {
    // A struct sigevent: SIGKILL, by SIGEV_SIGNAL.
    let mut event = [0_u32; 16];
    event[2] = 9;
    let mut timer = 0_i32;
    let time = [0, 0, milliseconds / 1000, milliseconds % 1000 * 1_000_000];
    if call(number::TIMER_CREATE, [1, event.as_ptr() as usize, (&raw mut timer) as usize, 0, 0, 0]) == 0 {
        call(number::TIMER_SETTIME, [timer as usize, 0, time.as_ptr() as usize, 0, 0, 0]);
    }
}

/// Nobody may look into this process or change it.
pub fn hide() {
    // PR_SET_DUMPABLE
    call(number::PRCTL, [4, 0, 0, 0, 0, 0]);
}

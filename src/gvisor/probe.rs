//! The image that a proof starts: one program of a few hundred bytes, made here.
//!
//! Why not an image that is there, or this plugin's own binary? An image may not be there, may be
//! anybody's, and may have no shell. The plugin may be built for macOS or for another processor than
//! the daemon's, and only its release is static. This program has no such conditions: it is a whole
//! ELF file for each of the two processors that gVisor runs on, and needs nothing beside it.
//!
//! It opens [`FILE`], which is mounted read-only, in the two ways that empty a file. Then it prints the kernel's log, if it
//! may read it, then `uname` as the kernel returns it, then a newline; and waits until it is killed.

/// Where the program is in the image.
pub const PATH: &str = "/probe";
/// The folder in the image whose content a volume gets, to be mounted read-only.
pub const FOLDER: &str = "/kept";
/// The file in it.
pub const FILE: &str = "/kept/file";
/// What is in that.
const CONTENT: &str = "kept as it is\n";

/// Linux's `struct utsname`: six fields, of which the fourth is the version of the kernel's build.
const FIELD: usize = 65;
const FIELDS: usize = 6;

/// The processors that gVisor runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// `amd64`, as Docker calls it.
    X86_64,
    /// `arm64`, as Docker calls it.
    Aarch64,
}

impl Processor {
    /// Reads Docker's name for it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "amd64" | "x86_64" => Some(Self::X86_64),
            "arm64" | "aarch64" => Some(Self::Aarch64),
            _ => None,
        }
    }

    /// `e_machine` of its ELF files.
    fn machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Aarch64 => 183,
        }
    }

    fn code(self) -> &'static [u8] {
        match self {
            Self::X86_64 => X86_64,
            Self::Aarch64 => AARCH64,
        }
    }
}

#[rustfmt::skip]
const X86_64: &[u8] = &[
    0x48, 0x81, 0xec, 0x00, 0x40, 0x00, 0x00, // sub $0x4000, %rsp
    0xb8, 0x01, 0x01, 0x00, 0x00,             // mov $257, %eax          openat(
    0xbf, 0x9c, 0xff, 0xff, 0xff,             // mov $-100, %edi           AT_FDCWD,
    0x48, 0x8d, 0x35, 0x77, 0x00, 0x00, 0x00, // lea 0x77(%rip), %rsi      FILE, behind the code
    0xba, 0x01, 0x02, 0x00, 0x00,             // mov $0x201, %edx          O_WRONLY | O_TRUNC)
    0x0f, 0x05,                               // syscall
    0xb8, 0x01, 0x01, 0x00, 0x00,             // mov $257, %eax          openat(
    0xbf, 0x9c, 0xff, 0xff, 0xff,             // mov $-100, %edi           AT_FDCWD,
    0x48, 0x8d, 0x35, 0x5f, 0x00, 0x00, 0x00, // lea 0x5f(%rip), %rsi      FILE,
    0xba, 0x00, 0x02, 0x00, 0x00,             // mov $0x200, %edx          O_RDONLY | O_TRUNC)
    0x0f, 0x05,                               // syscall
    0xb8, 0x67, 0x00, 0x00, 0x00,             // mov $103, %eax          syslog(
    0xbf, 0x03, 0x00, 0x00, 0x00,             // mov $3, %edi              SYSLOG_ACTION_READ_ALL,
    0x48, 0x89, 0xe6,                         // mov %rsp, %rsi            stack,
    0xba, 0x00, 0x30, 0x00, 0x00,             // mov $0x3000, %edx         12288)
    0x0f, 0x05,                               // syscall
    0x85, 0xc0,                               // test %eax, %eax
    0x7e, 0x11,                               // jle uname
    0x89, 0xc2,                               // mov %eax, %edx
    0xb8, 0x01, 0x00, 0x00, 0x00,             // mov $1, %eax            write(
    0xbf, 0x01, 0x00, 0x00, 0x00,             // mov $1, %edi              1,
    0x48, 0x89, 0xe6,                         // mov %rsp, %rsi            stack, length)
    0x0f, 0x05,                               // syscall
    0xb8, 0x3f, 0x00, 0x00, 0x00,             // uname: mov $63, %eax    uname(
    0x48, 0x89, 0xe7,                         // mov %rsp, %rdi            stack)
    0x0f, 0x05,                               // syscall
    0xc6, 0x84, 0x24, 0x86, 0x01, 0x00, 0x00, 0x0a, // movb $10, 390(%rsp)
    0xb8, 0x01, 0x00, 0x00, 0x00,             // mov $1, %eax            write(
    0xbf, 0x01, 0x00, 0x00, 0x00,             // mov $1, %edi              1,
    0x48, 0x89, 0xe6,                         // mov %rsp, %rsi            stack,
    0xba, 0x87, 0x01, 0x00, 0x00,             // mov $391, %edx            391)
    0x0f, 0x05,                               // syscall
    0xb8, 0x22, 0x00, 0x00, 0x00,             // wait: mov $34, %eax     pause()
    0x0f, 0x05,                               // syscall
    0xeb, 0xf7,                               // jmp wait
];

#[rustfmt::skip]
const AARCH64: &[u8] = &[
    0xff, 0x13, 0x40, 0xd1, // sub sp, sp, #0x4000
    0x08, 0x07, 0x80, 0xd2, // mov x8, #56             openat(
    0x60, 0x0c, 0x80, 0x92, // mov x0, #-100             AT_FDCWD,
    0xa1, 0x04, 0x00, 0x10, // adr x1, .+148             FILE, behind the code
    0x22, 0x40, 0x80, 0xd2, // mov x2, #0x201            O_WRONLY | O_TRUNC)
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0x08, 0x07, 0x80, 0xd2, // mov x8, #56             openat(
    0x60, 0x0c, 0x80, 0x92, // mov x0, #-100             AT_FDCWD,
    0x01, 0x04, 0x00, 0x10, // adr x1, .+128             FILE,
    0x02, 0x40, 0x80, 0xd2, // mov x2, #0x200            O_RDONLY | O_TRUNC)
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0x88, 0x0e, 0x80, 0xd2, // mov x8, #116            syslog(
    0x60, 0x00, 0x80, 0xd2, // mov x0, #3                SYSLOG_ACTION_READ_ALL,
    0xe1, 0x03, 0x00, 0x91, // mov x1, sp                stack,
    0x02, 0x00, 0x86, 0xd2, // mov x2, #0x3000           12288)
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0x1f, 0x00, 0x00, 0xf1, // cmp x0, #0
    0xcd, 0x00, 0x00, 0x54, // b.le uname
    0xe2, 0x03, 0x00, 0xaa, // mov x2, x0
    0x08, 0x08, 0x80, 0xd2, // mov x8, #64             write(
    0x20, 0x00, 0x80, 0xd2, // mov x0, #1                1,
    0xe1, 0x03, 0x00, 0x91, // mov x1, sp                stack, length)
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0x08, 0x14, 0x80, 0xd2, // uname: mov x8, #160     uname(
    0xe0, 0x03, 0x00, 0x91, // mov x0, sp                stack)
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0x43, 0x01, 0x80, 0x52, // mov w3, #10
    0xe3, 0x1b, 0x06, 0x39, // strb w3, [sp, #390]
    0x08, 0x08, 0x80, 0xd2, // mov x8, #64             write(
    0x20, 0x00, 0x80, 0xd2, // mov x0, #1                1,
    0xe1, 0x03, 0x00, 0x91, // mov x1, sp                stack,
    0xe2, 0x30, 0x80, 0xd2, // mov x2, #391              391)
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0x28, 0x09, 0x80, 0xd2, // wait: mov x8, #73       ppoll(
    0x00, 0x00, 0x80, 0xd2, // mov x0, #0                NULL,
    0x01, 0x00, 0x80, 0xd2, // mov x1, #0                0,
    0x02, 0x00, 0x80, 0xd2, // mov x2, #0                NULL,
    0x03, 0x00, 0x80, 0xd2, // mov x3, #0                NULL)
    0x01, 0x00, 0x00, 0xd4, // svc #0
    0xfa, 0xff, 0xff, 0x17, // b wait
];

/// The program as an ELF file: a header, one segment that is the whole file, the code, and the name of [`FILE`].
#[must_use]
pub fn program(processor: Processor) -> Vec<u8> {
    const HEADERS: u16 = 64 + 56;
    const BASE: u64 = 0x40_0000;
    let code = [processor.code(), FILE.as_bytes(), b"\0"].concat();
    let size = u64::from(HEADERS) + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend(value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend(value.to_le_bytes());
    half(&mut file, 2); // ET_EXEC
    half(&mut file, processor.machine());
    word(&mut file, 1);
    long(&mut file, BASE + u64::from(HEADERS)); // e_entry
    long(&mut file, 64); // e_phoff
    long(&mut file, 0);
    word(&mut file, 0);
    for value in [64, 56, 1, 64, 0, 0] {
        half(&mut file, value);
    }
    word(&mut file, 1); // PT_LOAD
    word(&mut file, 5); // read, execute
    for value in [0, BASE, BASE, size, size, 0x1_0000] {
        long(&mut file, value);
    }
    file.extend(code);
    file
}

/// A block of a tar file.
const BLOCK: usize = 512;

/// The image's root as `docker import` takes it: a tar file with the program, and with [`FILE`].
#[must_use]
pub fn archive(processor: Processor) -> Vec<u8> {
    let mut archive = entry(PATH, "0000755", b'0', &program(processor));
    archive.extend(entry(FOLDER, "0000777", b'5', &[]));
    archive.extend(entry(FILE, "0000666", b'0', CONTENT.as_bytes()));
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

fn entry(path: &str, mode: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path.trim_start_matches('/'));
    put(100, mode);
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    // The sum is made with blanks in its own place.
    put(148, "        ");
    put(257, "ustar\x0000");
    header[156] = kind;
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut entry = header.to_vec();
    entry.extend(content);
    entry.resize(entry.len().next_multiple_of(BLOCK), 0);
    entry
}

/// Whether [`FILE`] is as it was, by what `docker cp` writes of it: a tar file. `None` if it is not in that.
#[must_use]
pub fn is_kept(copied: &str) -> Option<bool> {
    let name = FILE.rsplit('/').next().unwrap_or(FILE);
    let header = copied.get(..BLOCK).filter(|header| header.trim_end_matches('\0').len() > 156)?;
    let ends = header.as_bytes().get(name.len()) == Some(&0);
    (header.starts_with(name) && ends).then(|| copied[BLOCK..].starts_with(CONTENT))
}

/// What the program has seen of its kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// `4.19.0-gvisor`.
    pub release: String,
    /// `#1 SMP Sun Jan 10 15:06:54 PST 2016`.
    pub version: String,
    /// The kernel's log; empty where it may not be read.
    pub log: String,
}

impl Seen {
    /// Reads what the program has printed; `None` if that is not all of it yet.
    #[must_use]
    pub fn read(printed: &str) -> Option<Self> {
        let bytes = printed.as_bytes();
        let at = bytes.len().checked_sub(FIELD * FIELDS + 1).filter(|_| bytes.ends_with(b"\n"))?;
        let field = |number: usize| {
            let field = &bytes[at + FIELD * number..][..FIELD];
            let end = field.iter().position(|&byte| byte == 0).unwrap_or(FIELD);
            String::from_utf8_lossy(&field[..end]).into_owned()
        };
        if field(0) != "Linux" {
            return None;
        }
        let log = String::from_utf8_lossy(&bytes[..at]).into_owned();
        Some(Self { release: field(2), version: field(3), log })
    }

    /// Whether that kernel is gVisor: its log says so, or its build bears the date that gVisor has
    /// always given. Source: `pkg/sentry/kernel/syslog.go` and `pkg/sentry/syscalls/linux/linux64.go`.
    #[must_use]
    pub fn is_gvisor(&self) -> bool {
        self.log.contains("Starting gVisor") || self.version == "#1 SMP Sun Jan 10 15:06:54 PST 2016"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_program_prints_its_kernel_and_waits() {
        if std::env::consts::ARCH != "x86_64" {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("probe");
        std::fs::write(&path, program(Processor::X86_64)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut child =
            std::process::Command::new(&path).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut printed = Vec::new();
        let mut part = [0; 4096];
        let seen = loop {
            let length = child.stdout.as_mut().unwrap().read(&mut part).unwrap();
            printed.extend_from_slice(&part[..length]);
            assert_ne!(length, 0, "it ended");
            if let Some(seen) = Seen::read(&String::from_utf8_lossy(&printed)) {
                break seen;
            }
        };
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        assert_eq!(seen.release, release.trim());
        assert!(!seen.is_gvisor());
        assert_eq!(child.try_wait().unwrap(), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn gvisor_is_told_by_its_log_or_by_its_build() {
        let printed = |log: &str, version: &str| {
            let mut text = log.to_owned();
            for field in ["Linux", "x", "4.4.0", version, "x86_64", ""] {
                text.push_str(field);
                text.extend(std::iter::repeat_n('\0', FIELD - field.len()));
            }
            text + "\n"
        };
        let seen = |log, version| Seen::read(&printed(log, version)).unwrap().is_gvisor();
        assert!(seen("[    0.000000] Starting gVisor...\n", "#2"));
        assert!(seen("", "#1 SMP Sun Jan 10 15:06:54 PST 2016"));
        assert!(!seen("", "#1 SMP PREEMPT_DYNAMIC Debian 6.1"));
        assert_eq!(Seen::read("[    0.000000] Starting gVisor...\n"), None);
    }

    #[test]
    fn a_file_that_was_emptied_is_told_from_one_that_is_as_it_was() {
        let copied = |content: &str| {
            let mut copied = entry("file", "0000666", b'0', content.as_bytes());
            copied.resize(copied.len() + 2 * BLOCK, 0);
            is_kept(&String::from_utf8(copied).unwrap())
        };
        assert_eq!(copied(CONTENT), Some(true));
        assert_eq!(copied(""), Some(false));
        assert_eq!(copied("other"), Some(false));
        assert_eq!(is_kept(""), None);
        assert_eq!(is_kept(&"\0".repeat(2048)), None);
    }

    #[test]
    fn the_code_is_as_long_as_its_own_addresses_say() {
        // What they lead to stands behind it.
        assert_eq!((X86_64.len(), AARCH64.len()), (24 + 0x77, 12 + 148));
        assert_eq!((X86_64.len(), AARCH64.len()), (48 + 0x5f, 32 + 128));
    }

    #[test]
    fn the_archive_is_whole_blocks_and_names_the_program() {
        for processor in [Processor::X86_64, Processor::Aarch64] {
            let archive = archive(processor);
            assert_eq!(archive.len() % 512, 0);
            assert!(archive.starts_with(b"probe\0"));
        }
    }
}

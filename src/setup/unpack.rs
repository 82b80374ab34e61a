//! An archive unpacked in one pass into a directory of its own, with nothing in it that reaches out of there.
//!
//! A member is judged by its header before anything of it is written. Decompression is another program's, reading
//! from the same open file that was verified.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use tar::EntryType;

use super::steps;
use super::tool::{Job, Stream, Tools};
use crate::error::Error;
use crate::ui::shown;

const CHUNK: usize = 1 << 18;
/// A header and what a member is filled up with to whole blocks.
const OVERHEAD: u64 = 1024;
/// Names and times in pax's words; an archive of programs has next to nothing there.
const MAX_PAX: u64 = 1 << 16;
/// Keys of pax that change what a header says of its member.
const PAX_OVERRIDES: [&str; 4] = ["path", "linkpath", "size", "GNU.sparse"];

/// How much an archive may hold. gVisor's has some 400 MB in a few dozen files.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Files, directories and links.
    pub members: u64,
}

/// What setup unpacks at most.
pub const LIMITS: Limits = Limits { bytes: 2 << 30, members: 4096 };

/// An open archive, and what it is called in messages.
pub struct Archive<'a> {
    /// At its beginning. Nobody else can write to it.
    pub file: File,
    /// Its path or address.
    pub name: &'a Path,
}

/// Unpacks `archive`, of whatever compression there is a program for, into `folder`, which is empty. `progress` is
/// given the part of the archive that has been read, in percent, whenever that changes.
///
/// # Errors
/// It is damaged, too large, or has a member that does not belong into an archive of programs.
pub fn archive(
    tools: &Tools,
    archive: &Archive<'_>,
    folder: &Path,
    limits: Limits,
    progress: &mut dyn FnMut(u8),
) -> anyhow::Result<()> {
    let mut unpacking =
        Unpacking { archive, folder, left: limits, links: Vec::new(), progress, percent: 0, size: 0, tools };
    let outcome = unpacking.run();
    // Whatever it looked like: the decompressor was ended in the middle.
    steps::go_on(&tools.stop)?;
    outcome
}

struct Unpacking<'a> {
    tools: &'a Tools,
    archive: &'a Archive<'a>,
    folder: &'a Path,
    left: Limits,
    links: Vec<PathBuf>,
    progress: &'a mut dyn FnMut(u8),
    percent: u8,
    size: u64,
}

impl Unpacking<'_> {
    fn run(&mut self) -> anyhow::Result<()> {
        self.size = self.archive.file.metadata().map_err(|error| self.damaged(&error.to_string()))?.len();
        let all = self.left.bytes + self.left.members * OVERHEAD;
        let mut stream = decompressed(self.tools, &self.archive.file)?;
        let mut limited = (&mut stream).take(all);
        let members = self.members(&mut limited);
        // To the end, whose checksum only the decompressor knows.
        let drained = members.is_ok().then(|| io::copy(&mut limited, &mut io::sink()));
        let full = limited.limit() == 0;
        let said = stream.end();
        if full {
            return Err(self.too_large());
        }
        members.map_err(|error| match said.as_deref() {
            // Its own words say more than that the archive ends too early.
            Some(said) if error.is::<io::Error>() => self.damaged(said),
            _ if error.is::<io::Error>() => self.damaged(&error.to_string()),
            _ => error,
        })?;
        match (drained, said) {
            (_, Some(said)) => Err(self.damaged(&said)),
            (Some(Err(error)), None) => Err(self.damaged(&error.to_string())),
            _ => self.check_links(),
        }
    }

    /// An [`io::Error`] is the archive's; any other is what is to be said.
    fn members(&mut self, stream: &mut dyn Read) -> anyhow::Result<()> {
        let mut tar = tar::Archive::new(stream);
        // Raw: what a header of pax's or GNU's says of the next member is not taken over unseen.
        for member in tar.entries()?.raw(true) {
            steps::go_on(&self.tools.stop)?;
            self.member(&mut member?)?;
        }
        Ok(())
    }

    fn member(&mut self, member: &mut tar::Entry<'_, &mut dyn Read>) -> anyhow::Result<()> {
        let kind = member.header().entry_type();
        if matches!(kind, EntryType::XHeader | EntryType::XGlobalHeader) {
            return self.pax(member);
        }
        let name = member.path()?.into_owned();
        if matches!(kind, EntryType::GNULongName | EntryType::GNULongLink) {
            return Err(self.refused("a name in it has more than 100 bytes"));
        }
        let size = member.header().size()?;
        self.left.members = self.left.members.checked_sub(1).ok_or_else(|| self.too_large())?;
        self.left.bytes = self.left.bytes.checked_sub(size).ok_or_else(|| self.too_large())?;
        if points_out(&name) {
            return Err(self.refused(&format!("its member {} points out of it", shown(&name))));
        }
        let name: PathBuf = name.components().filter(|part| *part != Component::CurDir).collect();
        let to = self.folder.join(&name);
        if name.as_os_str().is_empty() {
            return if kind.is_dir() { Ok(()) } else { Err(self.refused("a member of it has no name")) };
        }
        let mode = member.header().mode()?;
        if mode & 0o6000 != 0 {
            return Err(self.refused(&format!("its member {} is set-user-ID or set-group-ID", shown(&name))));
        }
        self.make_parents(&name)?;
        match kind {
            EntryType::Regular => self.file(member, &to, mode),
            EntryType::Directory => self.directory(&to),
            EntryType::Symlink | EntryType::Link => {
                let target = member.link_name()?.unwrap_or_default().into_owned();
                if target.as_os_str().is_empty() || points_out(&target) {
                    let link = format!("{} -> {}", shown(&name), shown(&target));
                    return Err(self.refused(&format!("a link in it points out of it: {link}")));
                }
                self.link(kind, &target, &to)
            }
            _ => Err(self.refused(&format!(
                "it has something in it that is neither file, folder nor link: {}",
                shown(&name)
            ))),
        }
    }

    /// What pax says beside the headers may be ignored, unless it changes what they say.
    fn pax(&mut self, member: &mut tar::Entry<'_, &mut dyn Read>) -> anyhow::Result<()> {
        let mut text = Vec::new();
        if member.take(MAX_PAX + 1).read_to_end(&mut text)? as u64 > MAX_PAX {
            return Err(self.refused("it has an extended header of more than 64 KiB"));
        }
        for extension in tar::PaxExtensions::new(&text) {
            let extension = extension?;
            let key = String::from_utf8_lossy(extension.key_bytes());
            if PAX_OVERRIDES.iter().any(|override_| key.starts_with(override_)) {
                return Err(self.refused(&format!("an extended header in it sets {}", shown(&*key))));
            }
        }
        Ok(())
    }

    /// Makes the directories of `name` that the archive has no members for, through no link.
    fn make_parents(&self, name: &Path) -> anyhow::Result<()> {
        let mut at = self.folder.to_owned();
        for part in name.parent().into_iter().flat_map(Path::components) {
            at.push(part);
            self.directory(&at)?;
        }
        Ok(())
    }

    fn directory(&self, path: &Path) -> anyhow::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_dir() => return Ok(()),
            Ok(_) => return Err(self.refused(&format!("{} is in it twice", shown(path)))),
            Err(_) => {}
        }
        let cannot = || format!("cannot make the folder {}", shown(path));
        fs::create_dir(path).map_err(anyhow::Error::msg).with_context(cannot)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))
            .map_err(anyhow::Error::msg)
            .with_context(cannot)
    }

    fn file(&mut self, member: &mut impl Read, path: &Path, mode: u32) -> anyhow::Result<()> {
        // No link is followed, and nothing is replaced.
        let mut out = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(out) => out,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.refused(&format!("{} is in it twice", shown(path))));
            }
            Err(error) => return Err(cannot_write(path, &error)),
        };
        let mut chunk = vec![0; CHUNK];
        loop {
            steps::go_on(&self.tools.stop)?;
            let length = member.read(&mut chunk)?;
            if length == 0 {
                break;
            }
            out.write_all(&chunk[..length]).map_err(|error| cannot_write(path, &error))?;
            self.tell();
        }
        let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        out.set_permissions(fs::Permissions::from_mode(mode))
            .and_then(|()| out.sync_all())
            .map_err(|error| cannot_write(path, &error))
    }

    fn link(&mut self, kind: EntryType, target: &Path, path: &Path) -> anyhow::Result<()> {
        let outcome = if kind == EntryType::Symlink {
            self.links.push(path.to_owned());
            symlink(target, path)
        } else {
            let target = self.folder.join(target);
            let through_links =
                target.ancestors().take_while(|part| *part != self.folder).any(Path::is_symlink);
            if through_links || !target.is_file() {
                return Err(self.refused(&format!("a link in it leads to no file of it: {}", shown(path))));
            }
            fs::hard_link(target, path)
        };
        outcome.map_err(|error| cannot_write(path, &error))
    }

    /// Links that lead through other links are judged when all of them are there.
    fn check_links(&self) -> anyhow::Result<()> {
        check_links(self.folder, &self.links)
            .map_or(Ok(()), |link| Err(self.refused(&format!("its link {} points out of it", shown(link)))))
    }

    /// Both sides share the archive's position: how far the decompressor has read is how far we are.
    fn tell(&mut self) {
        let at = rustix::fs::tell(&self.archive.file).unwrap_or_default();
        let percent = (at.saturating_mul(100) / self.size.max(1)).min(100);
        let percent = u8::try_from(percent).unwrap_or(100);
        if percent != self.percent {
            self.percent = percent;
            (self.progress)(percent);
        }
    }

    fn too_large(&self) -> anyhow::Error {
        self.refused(&format!(
            "it holds more than {} MB or more than {} files",
            LIMITS.bytes >> 20,
            LIMITS.members
        ))
    }

    fn damaged(&self, said: &str) -> anyhow::Error {
        let message = format!("{} cannot be unpacked: {}", shown(self.archive.name), crate::ui::plain(said));
        Error::new(message).hint("it may be cut off; fetch it again and try:", "tar -tf ARCHIVE").into()
    }

    fn refused(&self, why: &str) -> anyhow::Error {
        Error::new(format!("{} is refused: {why}", shown(self.archive.name))).into()
    }
}

/// The first of `links` that does not lead to something within `root`.
pub(super) fn check_links<'a>(root: &Path, links: &'a [PathBuf]) -> Option<&'a PathBuf> {
    let root = root.canonicalize().ok();
    let within = |link: &PathBuf| {
        link.canonicalize().ok().zip(root.as_ref()).is_some_and(|(target, root)| target.starts_with(root))
    };
    links.iter().find(|link| !within(link))
}

/// Whether `path` may lead out of the directory that it is taken from.
pub(super) fn points_out(path: &Path) -> bool {
    path.components()
        .any(|part| matches!(part, Component::ParentDir | Component::RootDir | Component::Prefix(_)))
}

/// Not an [`io::Error`] any more: it is the disk's and not the archive's.
fn cannot_write(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write {}: {error}", shown(path))
}

/// `file`'s content, decompressed by the program for what its first bytes say it is.
fn decompressed(tools: &Tools, file: &File) -> anyhow::Result<Stream> {
    use std::os::unix::fs::FileExt as _;

    let mut magic = [0; 6];
    let _ = file.read_at(&mut magic, 0);
    let name = match &magic {
        [b'B', b'Z', b'h', ..] => "bzip2",
        [0x1f, 0x8b, ..] => "gzip",
        [0xfd, b'7', b'z', b'X', b'Z', 0] => "xz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        _ => return Ok(Stream::File(file.try_clone().context("cannot read the archive")?)),
    };
    let program = tools.find(name).with_context(|| {
        let package = if name == "xz" { "xz-utils" } else { name };
        Error::new(format!("the archive is compressed with {name}, which is not installed"))
            .hint("install it:", format!("sudo apt-get install -y {package}"))
    })?;
    tools.stream(&Job::new(program, ["-dc"]), file)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::docker::stop::Stop;

    fn tar(members: &[(&str, EntryType, &str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, kind, link, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            // Not by `set_path`, which refuses what is to be tried.
            let old = header.as_old_mut();
            old.name[..name.len()].copy_from_slice(name.as_bytes());
            old.linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    /// Unpacks `bytes`; what is there then, or why not. `more` zeros stand behind it.
    fn unpack(bytes: &[u8], limits: Limits, more: u64) -> (tempfile::TempDir, Result<Vec<u8>, String>) {
        let root = tempfile::tempdir().unwrap();
        let (at, folder) = (root.path().join("archive"), root.path().join("new"));
        fs::write(&at, bytes).unwrap();
        fs::create_dir(&folder).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&at).unwrap();
        file.set_len(bytes.len() as u64 + more).unwrap();
        let mut told = Vec::new();
        let tools = Tools::new(None, Stop::default());
        let outcome =
            archive(&tools, &Archive { file, name: &at }, &folder, limits, &mut |percent| told.push(percent));
        (root, outcome.map(|()| told).map_err(|error| format!("{error:#}")))
    }

    const FEW: Limits = Limits { bytes: 1 << 20, members: 8 };
    const FILE: EntryType = EntryType::Regular;

    fn refusal(members: &[(&str, EntryType, &str, &[u8])]) -> String {
        unpack(&tar(members), FEW, 0).1.unwrap_err()
    }

    #[test]
    fn files_directories_and_links_within_are_unpacked() {
        let bytes = tar(&[
            ("./", EntryType::Directory, "", b""),
            ("./runsc", FILE, "", b"it"),
            ("deep/in/it", FILE, "", b"too"),
            ("deep/link", EntryType::Symlink, "in", b""),
            ("again", EntryType::Link, "runsc", b""),
        ]);
        let (root, outcome) = unpack(&bytes, FEW, 0);
        outcome.unwrap();
        let read = |name: &str| fs::read_to_string(root.path().join("new").join(name)).unwrap();
        assert_eq!(
            (read("runsc"), read("deep/link/it"), read("again")),
            ("it".into(), "too".into(), "it".into())
        );
    }

    #[test]
    fn nothing_is_written_through_a_link() {
        let link = ("in", EntryType::Symlink, ".", &b""[..]);
        assert!(refusal(&[link, ("in/x", FILE, "", b"1")]).contains("is in it twice"));
        assert!(refusal(&[link, ("in", FILE, "", b"1")]).contains("is in it twice"));
        assert!(
            refusal(&[("x", FILE, "", b"1"), link, ("y", EntryType::Link, "in/x", b"")])
                .contains("no file of it")
        );
        for target in ["/etc/passwd", "../x", "a/../../x", ""] {
            for kind in [EntryType::Symlink, EntryType::Link] {
                let said = refusal(&[("l", kind, target, b"")]);
                assert!(said.contains("a link in it points out of it"), "{target}: {said}");
            }
        }
    }

    #[test]
    fn members_elsewhere_and_of_other_kinds_are_refused_unwritten() {
        for name in ["/x", "../x", "a/../../x"] {
            assert!(refusal(&[(name, FILE, "", b"1")]).contains("points out of it"), "{name}");
        }
        for kind in [EntryType::Char, EntryType::Block, EntryType::Fifo, EntryType::new(b'V')] {
            let (root, outcome) = unpack(&tar(&[("x", kind, "", b"")]), FEW, 0);
            assert!(outcome.unwrap_err().contains("neither file, folder nor link"), "{kind:?}");
            assert_eq!(fs::read_dir(root.path().join("new")).unwrap().count(), 0, "{kind:?}");
        }
    }

    #[test]
    fn what_is_too_large_ends_early() {
        let large = vec![0; 600 << 10];
        let two = tar(&[("a", FILE, "", &large), ("b", FILE, "", &large)]);
        assert!(unpack(&two, FEW, 0).1.unwrap_err().contains("it holds more than"));
        let names: Vec<String> = (0..9).map(|number| number.to_string()).collect();
        let many: Vec<_> = names.iter().map(|name| (name.as_str(), FILE, "", &b""[..])).collect();
        assert!(unpack(&tar(&many), FEW, 0).1.unwrap_err().contains("it holds more than"));
        // Behind the archive's end too: a decompressor would go on for ever.
        assert!(
            unpack(&tar(&[("a", FILE, "", b"1")]), FEW, 4 << 30)
                .1
                .unwrap_err()
                .contains("it holds more than")
        );
    }

    #[test]
    fn how_far_it_is_never_goes_back() {
        let told = unpack(&tar(&[("a", FILE, "", &vec![1; 900 << 10])]), FEW, 0).1.unwrap();
        assert!(told.len() > 2 && told.is_sorted(), "{told:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_unpacked_or_refused_within_the_directory(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            let (root, _) = unpack(&bytes, FEW, 0);
            prop_assert_eq!(fs::read_dir(root.path()).unwrap().count(), 2);
        }
    }
}

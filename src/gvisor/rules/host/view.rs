//! The daemon's machine as the daemon sees it, where that is this machine.

use std::path::{Path, PathBuf};

use super::mountinfo::Mountinfo;
use crate::docker::daemon::DaemonProcess;

/// Through whose eyes paths are looked at.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The daemon's root directory, where its mounts are others than ours and we may look.
    root: Option<PathBuf>,
    /// What is mounted: as the daemon sees it, and as we do.
    tables: Vec<Mountinfo>,
}

impl View {
    /// Of `daemon`, where it is known, else ours.
    #[must_use]
    pub fn of(daemon: Option<&DaemonProcess>) -> Self {
        let ours = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        let theirs = daemon.and_then(DaemonProcess::mountinfo).filter(|theirs| *theirs != ours);
        let ours = Mountinfo::parse(&ours).with_layers(Path::exists);
        let Some(theirs) = theirs else { return Self { root: None, tables: vec![ours] } };
        let view = Self { root: daemon.and_then(DaemonProcess::root), tables: Vec::new() };
        let theirs = Mountinfo::parse(&theirs).with_layers(|layer| view.seen(layer).exists());
        Self { tables: vec![theirs, ours], ..view }
    }

    /// Where we find what the daemon calls `path`.
    pub(super) fn seen(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    /// What `path` and what is in it are called besides, by what is mounted.
    pub(super) fn other_names(&self, path: &Path) -> impl Iterator<Item = PathBuf> {
        Mountinfo::other_names(&self.tables, path).into_iter()
    }

    /// Where the disk of that `number` is mounted, or one whose name `is_the_disk`.
    pub(super) fn mounted_from(&self, number: &str, is_the_disk: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        self.tables.iter().flat_map(|table| table.mounted_from(number, &is_the_disk)).collect()
    }
}

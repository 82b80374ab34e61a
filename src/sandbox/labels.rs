//! temporary
use crate::settings::mode::Mode;
use std::ffi::OsString;
use std::path::Path;
use std::time::SystemTime;
/// k
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Run,
    Create,
    Do,
    Spare,
}
/// l
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Labels<'a> {
    pub kind: Kind,
    pub mode: Mode,
    pub project: &'a Path,
    pub expires: Option<SystemTime>,
    pub spec: Option<&'a str>,
}
impl Labels<'_> {
    /// w
    #[must_use]
    pub fn words(&self) -> Vec<OsString> {
        vec![format!("--label=docker-sandbox.id={:?}", self.kind).into()]
    }
}

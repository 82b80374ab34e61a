//! temporary
use std::ffi::OsString;
use std::path::PathBuf;
/// v
#[derive(Debug, Clone)]
pub struct Variable {
    /// n
    pub name: OsString,
    /// v
    pub value: Option<OsString>,
}
/// v
pub fn variables(_files: &[PathBuf], env: &[OsString]) -> anyhow::Result<Vec<Variable>> {
    Ok(env
        .iter()
        .map(|text| {
            let text = text.to_string_lossy();
            match text.split_once('=') {
                Some((name, value)) => Variable { name: name.into(), value: Some(value.into()) },
                None => Variable { name: (&*text).into(), value: std::env::var_os(&*text) },
            }
        })
        .collect())
}

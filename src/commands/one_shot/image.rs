//! The image of a command: what the daemon has under its name, and what of that would appear on this machine.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::request::Folder;
use crate::docker::client::Docker;
use crate::error::{Error, Kind};
use crate::sandbox::report;
use crate::ui::{plain, shell_line, shown};

/// What the daemon says of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Image {
    /// Its id: of the image itself, or, with the containerd image store, of an index of images for several platforms.
    pub(super) id: String,
    repo_digests: Option<Vec<String>>,
    os: String,
    architecture: String,
    variant: Option<String>,
    config: Option<Config>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    volumes: Option<std::collections::BTreeMap<String, serde_json::Value>>,
}

/// What there is under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    Image(Image),
    /// None yet: Docker pulls it.
    Missing,
    /// The daemon does not say.
    Unknown,
}

impl Found {
    pub(super) fn image(&self) -> Option<&Image> {
        match self {
            Self::Image(image) => Some(image),
            Self::Missing | Self::Unknown => None,
        }
    }
}

/// Asks for the image `name`, of that platform.
pub(super) fn inspect(docker: &Docker, name: &str, platform: Option<&str>, limit: Duration) -> Found {
    let ask = |platform: Option<&str>| {
        let platform = platform.map(|platform| format!("--platform={platform}"));
        let words = ["image", "inspect", "--format={{json .}}"].map(str::to_owned).into_iter();
        let words = words.chain(platform).chain([name.to_owned()]);
        docker.command(words).answer_within(limit).ok().flatten()
    };
    let mut answer = ask(platform);
    // Before Docker 28.1 and API 1.49 one cannot ask so: there is one platform to each name then.
    if platform.is_some() && answer.as_ref().is_some_and(|answer| answer.stderr.contains("--platform")) {
        answer = ask(None);
    }
    match answer {
        Some(answer) if answer.status.success() => {
            serde_json::from_str(answer.stdout.trim()).map_or(Found::Unknown, Found::Image)
        }
        Some(answer) if answer.stderr.to_lowercase().contains("no such image") => Found::Missing,
        _ => Found::Unknown,
    }
}

/// Pulls the image `name`, and says on stderr how far that has come, unless `silent`.
///
/// # Errors
/// It is not there, or Docker may not have it.
pub(super) fn pull(docker: &Docker, name: &str, platform: Option<&str>, silent: bool) -> anyhow::Result<()> {
    let platform = platform.map(|platform| format!("--platform={platform}"));
    let words: Vec<String> =
        ["pull".to_owned()].into_iter().chain(platform).chain([name.to_owned()]).collect();
    let answer = docker.command(words.clone()).run_aside(silent)?;
    if answer.status.success() {
        return Ok(());
    }
    let said =
        answer.stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("Docker gave no reason");
    let said = said.trim().trim_start_matches("Error response from daemon: ");
    Err(Error::new(format!("image {} cannot be pulled: {}", shown(name), plain(said)))
        .kind(Kind::Image)
        .hint("pull it, or build it, under that name:", docker.shown(words))
        .hint("or use an image that is there:", docker.shown(["images"]))
        .into())
}

impl Image {
    /// For programs; `name` is how it was called.
    pub(super) fn report(found: Option<&Self>, name: &str, platform: Option<&str>) -> report::Image {
        let digest = found.and_then(|image| {
            image.repo_digests.iter().flatten().find_map(|named| Some(named.split_once('@')?.1.to_owned()))
        });
        report::Image {
            name: name.to_owned(),
            id: found.map(|image| image.id.clone()).filter(|id| !id.is_empty()),
            digest,
            platform: found.and_then(|image| image.platform(platform)),
        }
    }

    /// `os/architecture[/variant]`, as OCI has it. An older `docker` tells of another platform's than the one `asked`
    /// for, which Docker starts or refuses, if the daemon has several under one name.
    fn platform(&self, asked: Option<&str>) -> Option<String> {
        let known = [Some(&self.os), Some(&self.architecture), self.variant.as_ref()];
        let known: Vec<&str> =
            known.into_iter().flatten().map(String::as_str).filter(|part| !part.is_empty()).collect();
        let Some(asked) = asked.map(str::to_ascii_lowercase).filter(|asked| is_platform(asked)) else {
            return (known.len() > 1).then(|| known.join("/"));
        };
        let fits =
            known.len() > 1 && known.iter().zip(asked.split('/')).all(|(known, asked)| *known == asked);
        Some(if fits { known.join("/") } else { asked })
    }

    /// Nothing that its volumes need is made on this machine.
    ///
    /// # Errors
    /// One of them is below a mounted directory, where there is nothing to mount it on: the runtime would make that.
    pub(super) fn check_volumes(&self, name: &str, mounts: &[Folder]) -> Result<(), Error> {
        let volumes = self.config.iter().flat_map(|config| config.volumes.iter().flatten());
        for (volume, _) in volumes {
            let path = clean(volume);
            let below = |folder: &&Folder| path.starts_with(&folder.path) && path != folder.path;
            let Some(folder) = mounts.iter().filter(below).max_by_key(|folder| folder.path.as_os_str().len())
            else {
                continue;
            };
            if mounts.iter().any(|folder| folder.path == path) || path.exists() {
                continue;
            }
            return Err(Error::new(format!(
                "image `{}` has a volume at {}, which does not exist in the mounted directory {}: Docker would create it there",
                plain(name),
                shown(&path),
                shown(&folder.path)
            ))
            .hint("create it yourself:", format!("mkdir -p {}", shell_line([&path])))
            .hint("or use another image:", "docker sandbox do --image IMAGE …"));
        }
        Ok(())
    }
}

fn is_platform(text: &str) -> bool {
    let known = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    (2..=3).contains(&text.split('/').count()) && text.split('/').all(known)
}

/// The path that Docker mounts a volume at: filepath.Clean, below the root.
fn clean(volume: &str) -> PathBuf {
    let mut path = PathBuf::from("/");
    for part in Path::new(volume).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir => drop(path.pop()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(text: &str) -> Image {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_platform_is_in_the_words_of_oci() {
        let id = "\"Id\": \"sha256:1\", \"RepoDigests\": [\"a@sha256:2\"]";
        let arm = image(&format!(r#"{{{id}, "Os": "linux", "Architecture": "arm64", "Variant": "v8"}}"#));
        let amd = image(r#"{"Os": "linux", "Architecture": "amd64", "Variant": "", "RepoDigests": null}"#);
        assert_eq!(arm.platform(None).as_deref(), Some("linux/arm64/v8"));
        assert_eq!(amd.platform(None).as_deref(), Some("linux/amd64"));
        assert_eq!(arm.platform(Some("linux/ARM64")).as_deref(), Some("linux/arm64/v8"));
        assert_eq!(amd.platform(Some("linux/arm64")).as_deref(), Some("linux/arm64"), "what was asked for");
        assert_eq!(amd.platform(Some("linux")).as_deref(), Some("linux/amd64"));
        assert_eq!(Image::default().platform(None), None);
        assert_eq!(
            amd.platform(Some("a/b\n/c")).as_deref(),
            Some("linux/amd64"),
            "Docker takes no such thing"
        );
        let report = Image::report(Some(&arm), "a", None);
        assert_eq!((report.id.as_deref(), report.digest.as_deref()), (Some("sha256:1"), Some("sha256:2")));
        assert_eq!(Image::report(None, "a", Some("linux/arm64")).platform, None, "it is not there");
    }

    #[test]
    fn a_volume_that_would_appear_on_the_host_is_refused() {
        let top = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(top.path().join("a/there")).unwrap();
        std::os::unix::fs::symlink("nowhere", top.path().join("a/link")).unwrap();
        let mounts = [Folder { path: top.path().join("a"), writable: false }];
        for (volume, refused) in [
            ("a", false),
            ("a/", false),
            ("a/there", false),
            ("a/b", true),
            ("x/../a/./b/c", true),
            ("a/link", true),
            ("ab", false),
        ] {
            let volume = format!("{}/{volume}", top.path().display());
            let volumes = serde_json::json!({"Config": {"Volumes": {volume.as_str(): {}, "/var/lib/x": {}}}});
            let checked = image(&volumes.to_string()).check_volumes("i", &mounts);
            assert_eq!(checked.is_err(), refused, "{volume}");
        }
        let fewer = [r#"{"Config": {"Volumes": null}}"#, r#"{"Config": null}"#, "{}"];
        for text in fewer {
            image(text).check_volumes("i", &mounts).unwrap();
        }
    }
}

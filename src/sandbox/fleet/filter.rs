//! Which ones are wanted: `--filter KEY=VALUE`. Several of one key are alternatives; different keys must all hold.

use std::path::Path;
use std::time::SystemTime;

use crate::error::{self, Error};
use crate::sandbox::labels::{self, Found, Kind};
use crate::ui::shown;

/// The keys there are.
pub const KEYS: [&str; 6] = ["kind", "owner", "project", "name", "id", "expired"];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    Kind(Kind),
    /// `None` is everybody.
    Owner(Option<u32>),
    Project(Vec<String>),
    Name(String),
    Id(String),
    Expired(bool),
}

/// All that were given, and whose ones are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filters(Vec<Filter>);

impl Filters {
    /// Reads `given`. `folder` is what a project's relative path starts from. Who is not root means their own ones,
    /// unless `owner` is among them.
    ///
    /// # Errors
    /// A key that is none, or a value that means nothing.
    pub fn read<S: AsRef<str>>(given: &[S], folder: &Path) -> Result<Self, Error> {
        let mut filters =
            given.iter().map(|text| read(text.as_ref(), folder)).collect::<Result<Vec<_>, _>>()?;
        let caller = labels::caller();
        if caller != 0 && !filters.iter().any(|filter| matches!(filter, Filter::Owner(_))) {
            filters.push(Filter::Owner(Some(caller)));
        }
        Ok(Self(filters))
    }

    /// Those of the caller; for root, all.
    #[must_use]
    pub fn of_the_caller() -> Self {
        let caller = labels::caller();
        Self(Vec::from_iter((caller != 0).then_some(Filter::Owner(Some(caller)))))
    }

    /// Whether one is wanted.
    #[must_use]
    pub fn wants(&self, id: &str, name: &str, labels: &Found, now: SystemTime) -> bool {
        let holds = |filter: &Filter| match filter {
            Filter::Kind(kind) => labels.kind == Some(*kind),
            Filter::Owner(owner) => owner.is_none() || labels.owner == *owner,
            Filter::Project(paths) => labels.project.as_ref().is_some_and(|project| paths.contains(project)),
            Filter::Name(part) => name.contains(part.as_str()),
            Filter::Id(beginning) => id.starts_with(beginning.as_str()),
            Filter::Expired(wanted) => labels.has_expired(now) == *wanted,
        };
        let same =
            |one: &Filter, other: &Filter| std::mem::discriminant(one) == std::mem::discriminant(other);
        self.0.iter().all(|filter| self.0.iter().any(|other| same(filter, other) && holds(other)))
    }
}

fn read(text: &str, folder: &Path) -> Result<Filter, Error> {
    let wrong = |problem: String, example: &str| {
        Error::new(format!("`--filter`: {problem}")).code(error::USAGE).hint("for example:", example)
    };
    let Some((key, value)) = text.split_once('=') else {
        return Err(wrong(format!("{} is not KEY=VALUE", shown(text)), "--filter=kind=run"));
    };
    match key {
        "kind" => Kind::named(value).map(Filter::Kind).ok_or_else(|| {
            let kinds = Kind::ALL.map(Kind::name).join(", ");
            wrong(format!("{} is no kind: {kinds}", shown(value)), "--filter=kind=run")
        }),
        "owner" if value == "all" => Ok(Filter::Owner(None)),
        "owner" => value.parse().map(|owner| Filter::Owner(Some(owner))).map_err(|_| {
            wrong(format!("{} is no user id, and not `all`", shown(value)), "--filter=owner=\"$(id -u)\"")
        }),
        "project" => {
            let path = folder.join(value);
            let path = path.canonicalize().unwrap_or_else(|_| path.components().collect());
            // As it was written too: the project may be on another machine, or gone.
            Ok(Filter::Project(vec![value.to_owned(), labels::project(&path).to_string_lossy().into_owned()]))
        }
        "name" => Ok(Filter::Name(value.to_owned())),
        "id" => Ok(Filter::Id(value.to_owned())),
        "expired" => match value {
            "true" => Ok(Filter::Expired(true)),
            "false" => Ok(Filter::Expired(false)),
            _ => Err(wrong(format!("{} is neither true nor false", shown(value)), "--filter=expired=true")),
        },
        _ => Err(wrong(format!("{} is no key: {}", shown(key), KEYS.join(", ")), "--filter=kind=run")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn wants(given: &[&str], labels: &Found) -> bool {
        let everybody = [given, &["owner=all"][..]].concat();
        Filters::read(&everybody, Path::new("/p")).unwrap().wants("abc", "web-1", labels, SystemTime::now())
    }

    fn found() -> Found {
        let past = SystemTime::now() - Duration::from_secs(5);
        Found {
            kind: Some(Kind::Do),
            owner: Some(7),
            project: Some("/p".into()),
            expires: Some(past),
            ..Found::default()
        }
    }

    #[test]
    fn several_of_a_key_are_alternatives_and_different_keys_must_all_hold() {
        assert!(wants(&[], &found()));
        assert!(wants(&["kind=run", "kind=do", "name=web", "id=ab", "expired=true", "project=."], &found()));
        assert!(wants(&["project=/p"], &found()));
        for not in ["kind=run", "name=x", "id=b", "expired=false", "project=/q"] {
            assert!(!wants(&[not, "kind=do"], &found()) || not == "kind=run", "{not}");
            assert!(!wants(&[not], &found()), "{not}");
        }
    }

    #[test]
    fn an_owner_that_is_asked_for_stands_in_for_the_caller() {
        let wants = |given: &str, owner| {
            let filters = Filters::read(&[given], Path::new("/")).unwrap();
            filters.wants("", "", &Found { owner, ..Found::default() }, SystemTime::now())
        };
        assert!(wants("owner=7", Some(7)) && !wants("owner=7", Some(8)) && !wants("owner=7", None));
        assert!(wants("owner=all", None));
    }

    #[test]
    fn what_means_nothing_is_an_error() {
        for wrong in ["kind", "kind=x", "owner=root", "expired=yes", "label=a"] {
            assert!(Filters::read(&[wrong], Path::new("/")).is_err(), "{wrong}");
        }
    }
}

//! How long what we start may stay.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use super::decide::{Origin, Sourced};
use crate::error::Error;
use crate::ui::plain;

/// What nobody waits for stays so long, if nobody says otherwise.
const DEFAULT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A time to live; `None` has no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl(Option<Duration>);

impl Ttl {
    /// When something that starts now has to go.
    #[must_use]
    pub fn from_now(self) -> Option<SystemTime> {
        // What the clock cannot count to is as good as never.
        SystemTime::now().checked_add(self.0?)
    }
}

impl FromStr for Ttl {
    type Err = String;

    /// `30d`, `1h 30m`; `0` and `none` have no end. The error is a clause.
    fn from_str(text: &str) -> Result<Self, String> {
        if ["0", "none"].contains(&text) {
            return Ok(Self(None));
        }
        let duration = humantime::parse_duration(text).map_err(|_| {
            let text = plain(text);
            format!("`{text}` is no time to live: write `30d`, `12h` or `45m`, or `none` for ever")
        })?;
        Ok(Self(Some(duration).filter(|duration| !duration.is_zero())))
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // As people write it: humantime's months have 30.44 days.
            Some(ttl) if ttl.subsec_nanos() == 0 && ttl.as_secs() % 86_400 == 0 => {
                write!(f, "{}d", ttl.as_secs() / 86_400)
            }
            Some(ttl) => humantime::format_duration(ttl).fmt(f),
            None => f.write_str("none"),
        }
    }
}

/// The option's value, else the user's setting, else 30 days.
///
/// # Errors
/// The option's value means nothing.
pub fn decide(flag: Option<&OsStr>, user: Option<(Ttl, Origin)>) -> Result<Sourced<Ttl>, Error> {
    let Some(flag) = flag else {
        let (value, origin) = user.unwrap_or((Ttl(Some(DEFAULT)), Origin::Default));
        return Ok(Sourced { value, origin });
    };
    let origin = Origin::Flag("--ttl".into());
    let value = flag.to_string_lossy().parse().map_err(|problem: String| {
        Error::new(format!("{origin}: {problem}")).hint("for example:", "--ttl=12h")
    })?;
    Ok(Sourced { value, origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl(text: &str) -> Result<String, String> {
        text.parse::<Ttl>().map(|ttl| ttl.to_string())
    }

    #[test]
    fn a_ttl_is_a_duration_or_none() {
        let read = ["30d", "90s", "24h", "0", "0s", "none", "1h 30m"].map(|text| ttl(text).unwrap());
        assert_eq!(read, ["30d", "1m 30s", "1d", "none", "none", "none", "1h 30m"]);
        assert_eq!("none".parse::<Ttl>().unwrap().from_now(), None);
        for wrong in ["", "1", "-1h", "never", "1 fortnight"] {
            assert!(ttl(wrong).is_err(), "{wrong}");
        }
        let longest = format!("{}s", u64::MAX);
        assert_eq!(longest.parse::<Ttl>().unwrap().from_now(), None, "longer than the clock counts");
    }

    #[test]
    fn the_option_decides_before_the_user_and_the_user_before_the_default() {
        let user = || Some(("1h".parse().unwrap(), Origin::Default));
        let decided =
            |flag: Option<&str>, user| decide(flag.map(OsStr::new), user).unwrap().value.to_string();
        assert_eq!(decided(Some("none"), user()), "none");
        assert_eq!(decided(None, user()), "1h");
        assert_eq!(decided(None, None), "30d");
        assert!(decide(Some(OsStr::new("x")), user()).is_err());
    }
}

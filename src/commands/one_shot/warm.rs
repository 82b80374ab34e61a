//! Spares: sandboxes of a specification that wait for a command.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::attempt::{self, Done};
use super::prepare::{self, Pass, Prepared};
use super::request::Request;
use super::specification::GRACE;
use super::views::Views;
use super::{Manner, arguments};
use crate::context::Context;
use crate::docker::daemon::hex;
use crate::sandbox::claims::Claim;
use crate::sandbox::execution::{Execution, Inbox};
use crate::sandbox::guard::{self, Task};
use crate::sandbox::labels::Kind;
use crate::sandbox::minder;
use crate::sandbox::spares::{self, Pool};

/// How long Docker may take to make a spare.
const CREATION: Duration = Duration::from_secs(60);

/// Gives the command to a spare. `None` if there is none that takes it: nothing has been started then.
pub(super) fn attempt(
    context: &Context,
    request: &Request,
    manner: &Manner,
    prepared: &Prepared,
    claim: &Claim,
    inbox: &Inbox,
) -> anyhow::Result<Option<Done>> {
    let Some(hash) = specification_hash(prepared) else { return Ok(None) };
    let pool = pool(prepared);
    while let Some(spare) = pool.take(&hash) {
        // Its id: the minder renames it, so that everybody sees that it is at work.
        let container = spare.id.clone();
        let mut view = None;
        if let Some(views) = &prepared.views {
            // Without it, what the command writes would be nowhere.
            let Some(mut there) = views.open(&spare.name) else {
                let _ = minder::remove(&prepared.docker, &container);
                continue;
            };
            views.begin(&mut there)?;
            view = Some(there);
        }
        let word = guard::random_word()?;
        let task = Task {
            timeout: prepared.specification.guards_deadline(),
            grace: GRACE,
            workdir: prepared.specification.seen.workdir.clone(),
            environment: prepared.environment.clone(),
            report: Some(word.clone()),
            command: request.command.clone(),
        };
        let attach = ["attach", "--sig-proxy=false", container.as_str()];
        let execution = Execution {
            docker: &prepared.docker,
            command: prepared.docker.command(attach),
            container: &container,
            timeout: prepared.specification.limits.timeout,
            grace: GRACE,
            output: attempt::output(manner, prepared),
            input: manner.input.clone(),
            terminal: manner.terminal,
            report: Some(&word),
            block: Some(task.block()?),
            ends_with_report: true,
        };
        let (ended, gone) =
            attempt::minded(context, manner, prepared, claim, Some(&spare), execution, inbox)?;
        // Otherwise it died under our hands, or before, and nothing was done.
        if !ended.came_to_nothing() {
            let view = view.filter(|_| gone);
            return Ok(Some(Done { ended, container: attempt::name_at_work(&spare), started: true, view }));
        }
    }
    Ok(None)
}

fn pool(prepared: &Prepared) -> Pool {
    Pool::at(prepared.state.join(spares::FOLDER))
}

/// What two commands must have in common for one's spare to be the other's; `None` without an image. With the containerd
/// image store its id is an index's, which names the images of all platforms.
fn specification_hash(prepared: &Prepared) -> Option<String> {
    let image = &prepared.image.image()?.id;
    let mut hash = Sha256::new();
    let mut add = |part: &OsStr| {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    };
    add(env!("CARGO_PKG_VERSION").as_ref());
    add(guard::name().as_ref());
    add(image.as_ref());
    add(prepared.registration.as_ref());
    add(format!("{:?}", prepared.specification.limits).as_ref());
    add(prepared.views.as_ref().map(Views::words).unwrap_or_default().as_ref());
    let options = prepared.specification.options("");
    let words = options.iter().chain(&prepared.checked);
    words.for_each(|word| add(word));
    prepared.specification.guard_words().iter().for_each(|word| add(word));
    for folder in &prepared.specification.seen.mounts {
        add(identity(&folder.path).as_ref());
    }
    for line in mounted_below(prepared) {
        add(&line);
    }
    let mut name = hex(&hash.finalize());
    name.truncate(32);
    Some(name)
}

/// A folder that was removed and made again is another one: the spare has the first.
fn identity(path: &Path) -> String {
    path.metadata().map_or_else(|error| error.to_string(), |about| format!("{}:{}", about.dev(), about.ino()))
}

/// What is mounted below the folders: a container sees what there was at its start.
fn mounted_below(prepared: &Prepared) -> Vec<OsString> {
    let mounts = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
    let lines = mounts.split(|&byte| byte == b'\n').filter(|line| {
        let place = line.split(|&byte| byte == b' ').nth(4).map(|place| Path::new(OsStr::from_bytes(place)));
        place.is_some_and(|place| {
            prepared.specification.seen.mounts.iter().any(|folder| place.starts_with(&folder.path))
        })
    });
    lines.map(|line| OsStr::from_bytes(line).to_owned()).collect()
}

/// The life of a minder. Returns its exit code.
pub(crate) fn mind(context: &Context, task: &str, words: &[OsString]) -> u8 {
    let _ = rustix::process::setsid();
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"sandbox-minder");
    let Ok(task) = serde_json::from_str::<minder::Task>(task) else { return 1 };
    let Ok(docker) = context.docker() else { return 1 };
    let refill = || {
        if task.warm {
            refill(context, task.terminal, words);
        }
    };
    minder::mind(&docker, &task, refill);
    0
}

/// Makes as many spares as are wanted of what `words`, a `do`, asks for.
fn refill(context: &Context, terminal: bool, words: &[OsString]) {
    let Ok(request) = arguments::again(words) else { return };
    let silently = Pass { tells: false, names: false, silent: true };
    while let Ok(prepared) = prepare::prepare(context, &request, terminal, silently) {
        if prepared.runtime.is_none() || !matches!(make(context, &request, terminal, prepared), Ok(true)) {
            return;
        }
    }
}

/// Makes one, if there is room for it.
fn make(context: &Context, request: &Request, terminal: bool, prepared: Prepared) -> anyhow::Result<bool> {
    let Some(hash) = specification_hash(&prepared) else { return Ok(false) };
    let name = format!("docker-sandbox-spare-{}", &guard::random_word()?[..12]);
    let Some(room) = pool(&prepared).room(&hash, prepared.spares, &name)? else { return Ok(false) };
    let prepared = if prepared.needs_names() {
        prepare::prepare(context, request, terminal, Pass { tells: false, names: true, silent: true })?
    } else {
        prepared
    };
    let idle = prepared.warm_idle;
    let lifetime = idle + prepared.specification.guards_deadline() + GRACE;
    let mut words = prepared.words("create", &name, Kind::Spare, lifetime, Some(&hash));
    words.push(format!("idle={}", idle.as_millis()).into());
    let until = SystemTime::now() + idle;
    let view = prepared.views.as_ref().map(|views| views.make(&name, Some(until))).transpose()?;
    if let (Some(views), Some(view)) = (&prepared.views, &view) {
        views.put(view, &mut words)?;
    }
    let mut id = None;
    for words in [words, vec!["start".into(), name.clone().into()]] {
        let done = prepared.docker.command(words).answer_within(CREATION)?;
        let Some(done) = done.filter(|done| done.status.success()) else {
            if let Some(view) = view.filter(|_| minder::removed(&prepared.docker, &name)) {
                view.drop_all();
            }
            return Ok(false);
        };
        id.get_or_insert_with(|| done.stdout.trim().to_owned());
    }
    room.ready(&id.unwrap_or_default(), until)?;
    Ok(true)
}

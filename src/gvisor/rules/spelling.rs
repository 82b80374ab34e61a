//! Ways to write one mount on a command line of `docker run`, for properties. Used by `tests/requests`
//! as well, where Docker's own CLI reads them.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::strategy::Union;

/// One option that mounts, as words.
#[derive(Debug, Clone)]
pub(crate) struct Spelled {
    pub(crate) words: Vec<String>,
    /// Whether Docker mounts it read-only.
    pub(crate) read_only: bool,
}

/// Other names of the absolute `path` for somebody who is in `folder` and at home in `home`.
pub(crate) fn path(path: String, folder: &'static str, home: &'static str) -> impl Strategy<Value = String> {
    let detour = |path: &str, way: u8| match way {
        0 => path.replacen('/', "/./", 1),
        1 => format!("/{path}"),
        2 => path.replace('/', "//"),
        3 => format!("/usr/share/../..{path}"),
        4 => format!("/nothing/..{path}"),
        5 => format!("{path}/"),
        6 => format!("{path}/."),
        7 => format!("{path}/x/.."),
        8 => path.strip_prefix("/run").map_or(path.to_owned(), |rest| format!("/var/run{rest}")),
        _ => path.to_owned(),
    };
    let doors = ["/proc/self/root", "/proc/1/root", "/proc/thread-self/root", "/proc/7/task/8/root"];
    (vec(0..16_u8, 0..3), 0..12_usize, 0..5_u8).prop_map(move |(ways, door, start)| {
        let path = ways.iter().fold(path.clone(), |path, way| detour(&path, *way));
        let path = doors.get(door).map_or(path.clone(), |door| format!("{door}{path}"));
        let up = "../".repeat(folder.matches('/').count());
        match (start, path.strip_prefix(home)) {
            (0, _) => format!("./{up}{}", path.trim_start_matches('/')),
            (1, Some(rest)) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
            _ => path,
        }
    })
}

/// Ways to mount `path`, all of which Docker takes; where `loose`, those as well that it refuses later.
pub(crate) fn option(path: String, loose: bool) -> impl Strategy<Value = Spelled> {
    let absolute = path.starts_with('/').then(|| inline(&path).boxed());
    let bound = prop_oneof![3 => volume(path.clone()), 4 => mount(path, loose)].boxed();
    Union::new_weighted(absolute.map(|inline| (2, inline)).into_iter().chain([(7, bound)]).collect())
}

fn volume(path: String) -> impl Strategy<Value = Spelled> {
    let starts =
        ["-v", "-v=", "-v ", "--volume ", "--volume=", "-itv", "-itv ", "-Pitv=", "-dv", "--volume="];
    let modes = [
        "",
        ":rw",
        ":z",
        ":rw,Z",
        ":cached",
        ":consistent",
        ":rshared,rw",
        ":ro",
        ":ro,z",
        ":z,ro",
        ":ro,rslave",
    ];
    (select(starts.to_vec()), select(modes.to_vec())).prop_map(move |(start, mode)| Spelled {
        words: words(start, &format!("{path}:/x{mode}")),
        read_only: mode.contains("ro") && !mode.contains("rw"),
    })
}

/// `start` with `value` in the same word, or in the next one where it ends in a blank.
fn words(start: &str, value: &str) -> Vec<String> {
    match start.strip_suffix(' ') {
        Some(start) => vec![start.to_owned(), value.to_owned()],
        None => vec![format!("{start}{value}")],
    }
}

/// Fields whose order among themselves counts, and whether they make a mount read-only.
type Switch = (&'static [&'static str], bool);

const READ_ONLY: [Switch; 12] = [
    (&[], false),
    (&["readonly=false"], false),
    (&["ro=0"], false),
    (&["readonly", "readonly=false"], false),
    (&["READONLY=true", "ro=F"], false),
    (&["Ro=f"], false),
    (&[], false),
    (&["readonly"], true),
    (&["ro"], true),
    (&["RO=1"], true),
    (&["readonly=false", "Readonly=T"], true),
    (&["ro=false", "readonly"], true),
];

fn mount(path: String, loose: bool) -> impl Strategy<Value = Spelled> {
    let mut kinds: Vec<&[&str]> = vec![
        &["type=bind"],
        &["TYPE=bind"],
        &["Type=BIND"],
        &["type=volume", "type=bind"],
        &["type=tmpfs", "type=Bind"],
    ];
    kinds.extend([[].as_slice(), &["type=volume"]].iter().filter(|_| loose));
    let keys = ["source", "src", "SRC", "Source", "sOuRcE"];
    let others = ["", "bind-propagation=rprivate", "consistency=cached", "bind-propagation=rslave"];
    (select(kinds), select(keys.to_vec()), select(&READ_ONLY[..]), select(others.to_vec()), any::<bool>())
        .prop_flat_map(move |(kind, key, (switches, read_only), other, twice)| {
            let earlier = twice.then(|| "src=/srv/data".to_owned());
            let source = earlier.into_iter().chain([format!("{key}={path}")]).collect();
            let groups = vec![owned(kind), source, owned(switches), target(), owned(&[other])];
            (csv(groups), Just(read_only))
        })
        .prop_map(|(words, read_only)| Spelled { words, read_only })
}

/// A volume that is made on the way, out of `path`.
fn inline(path: &str) -> impl Strategy<Value = Spelled> + use<> {
    let device = prop_oneof![
        Just(path.to_owned()),
        Just(format!(".{path}")),
        Just(path.trim_start_matches('/').to_owned()).prop_map(|path| if path.is_empty() {
            ".".to_owned()
        } else {
            path
        }),
        Just(format!("/{path}"))
    ];
    let kinds: [&[&str]; 3] = [&[], &["type=volume"], &["type=bind", "Type=Volume"]];
    let names: [&[&str]; 3] = [&[], &["src=fresh"], &["Source=other", "source=fresh"]];
    (device, select(kinds.to_vec()), select(names.to_vec()), select(&READ_ONLY[..]), 0..4_u8)
        .prop_flat_map(|(device, kind, name, (switches, read_only), way)| {
            let option = |value: String| format!("volume-opt={value}");
            let options = match way {
                0 => vec!["type=none".to_owned(), "o=bind".to_owned(), format!("device={device}")],
                1 => vec!["device=/srv/data".into(), "o=rbind,rw".into(), format!("device={device}")],
                2 => vec!["type=nfs".into(), format!("device={device}"), "o=bind".into()],
                _ => vec![
                    "type=overlay".into(),
                    "device=overlay".into(),
                    format!("o=lowerdir=/srv/data:{device},upperdir=/tmp/u,workdir=/tmp/w"),
                ],
            };
            let options = options.into_iter().map(option).collect();
            (csv(vec![owned(kind), owned(name), options, owned(switches), target()]), Just(read_only))
        })
        .prop_map(|(words, read_only)| Spelled { words, read_only })
}

fn target() -> Vec<String> {
    vec!["dst=/x".to_owned()]
}

fn owned(fields: &[&str]) -> Vec<String> {
    fields.iter().filter(|field| !field.is_empty()).map(|&field| field.to_owned()).collect()
}

/// `--mount` with the fields of `groups` in any order that keeps those of a group in theirs, quoted
/// or not, with lines before and behind that Docker does not read.
fn csv(groups: Vec<Vec<String>>) -> impl Strategy<Value = Vec<String>> {
    let order: Vec<usize> =
        groups.iter().enumerate().flat_map(|(at, group)| std::iter::repeat_n(at, group.len())).collect();
    let before = ["", "", "", "\n", "\r\n\n"];
    let behind =
        ["", "", "", "", "\n", "\r", "\r\n,readonly", "\n,type=tmpfs,ro", "\n,src=/srv/data", "\n\""];
    let starts = ["--mount ", "--mount="];
    let quotes = vec(any::<bool>(), order.len());
    (
        Just(order).prop_shuffle(),
        quotes,
        select(before.to_vec()),
        select(behind.to_vec()),
        select(starts.to_vec()),
    )
        .prop_map(move |(order, quotes, before, behind, start)| {
            let mut groups: Vec<_> = groups.iter().map(|group| group.iter()).collect();
            let fields = order.iter().filter_map(|&at| groups[at].next()).zip(quotes);
            let fields: Vec<String> = fields
                .map(|(field, quoted)| {
                    if quoted || field.contains([',', '"', '\n']) {
                        format!("\"{}\"", field.replace('"', "\"\""))
                    } else {
                        field.clone()
                    }
                })
                .collect();
            words(start, &format!("{before}{}{behind}", fields.join(",")))
        })
}

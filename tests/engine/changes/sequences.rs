//! Generated sequences of operations: what is applied is what the command left, and the host outside stays as it was.

use std::fmt::Write as _;

use super::Project;
use super::project::{Snapshot, differences};
use crate::one_shot::ENGINES;

const SEQUENCES: u64 = 12;
const NAMES: [&str; 6] = ["a", "b", "c", "f", "g", "n"];

/// xorshift64*: the same sequences each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % limit
    }

    fn path(&mut self) -> String {
        let names: Vec<&str> = (0..=self.below(3)).map(|_| NAMES[self.below(NAMES.len())]).collect();
        names.join("/")
    }
}

/// A shell script of operations, of which many fail. In the end it prints what is there, in directories and files.
fn script(random: &mut Random) -> String {
    let mut script = "exec 2>/dev/null\n".to_owned();
    for at in 0..30 {
        let (one, other) = (random.path(), random.path());
        let mode = ["700", "755", "777", "744"][random.below(4)];
        let line = match random.below(9) {
            0 | 1 => format!("echo {at} >{one}"),
            2 => format!("mkdir -p {one}"),
            3 => format!("rm -rf {one}"),
            4 => format!("mv {one} {other}"),
            // What leads through other links is held back.
            5 => format!("[ -d {one} ] || ln -s t {one}"),
            6 => format!("ln {other} {one}"),
            7 => format!("[ -L {one} ] || chmod {mode} {one}"),
            _ => format!("rm -rf {one}; mkdir {one} && echo {at} >{one}/{}", NAMES[at % NAMES.len()]),
        };
        writeln!(script, "{line}").unwrap();
    }
    script.push_str("find . -mindepth 1 | sort | while read -r path; do stat -c '%n %f' \"$path\"; if [ -L \"$path\" ]; then readlink \"$path\"; elif [ -f \"$path\" ]; then cat \"$path\"; fi; done");
    script
}

fn prepare(project: &Project) {
    for path in ["f", "a/g", "a/b/c", "c/f", "c/g"] {
        project.write(path, &format!("{path}\n"));
    }
    std::os::unix::fs::symlink("f", project.path("n")).unwrap();
}

/// What the script prints of such a directory.
fn listing(snapshot: &Snapshot) -> String {
    let mut paths: Vec<_> =
        snapshot.iter().map(|(path, about)| (format!("./{}", path.display()), about)).collect();
    paths.sort_by(|one, other| one.0.as_bytes().cmp(other.0.as_bytes()));
    let mut text = String::new();
    for (path, (mode, _, _, content)) in paths {
        writeln!(text, "{path} {mode:x}").unwrap();
        text.push_str(&String::from_utf8_lossy(content));
        // readlink ends its line.
        if mode & 0o170_000 == 0o120_000 {
            text.push('\n');
        }
    }
    text
}

#[test]
fn what_is_applied_is_what_the_command_left() {
    for engine in ENGINES {
        let project = Project::on(engine);
        let outside = project.outside();
        for seed in 1..=SEQUENCES {
            let script = script(&mut Random(seed * 0x9e37_79b9));
            project.empty();
            prepare(&project);
            let words = ["--warm=1", "--", "sh", "-c", &script];
            let run = project.run(&words);
            let left = listing(&project.snapshot());
            assert_eq!(left, run.out(), "{seed}: {script}\n{:#?}", run.states(&project.root()));
            assert!(run.kinds().iter().all(|kind| kind == "applied"), "{seed}: {script}");
            assert!(differences(&project.outside(), &outside).is_empty(), "{seed}: {script}");
        }
        project.assert_nothing_left();
    }
}

//! Times pairs of commands in turn, A B A B …, and prints a table of medians and of the median of
//! the pairs' ratios. Called by `bench.sh`: `pairs PAIRS FILE`, the file's lines being
//! `NAME<TAB>COMMAND<TAB>NAME<TAB>COMMAND`, the words of a command separated by blanks; a fifth column is a command that
//! is run before each of the first, and not timed.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program of its own, without the crate")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of measurements are small"
)]

use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Pairs that are run before and not counted: files are read into memory, caches are filled.
const WARM_UP: usize = 2;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    // `cargo test --benches` calls us without a file: nothing to measure.
    let [_, pairs, file] = args.as_slice() else {
        return ExitCode::SUCCESS;
    };
    match measure(pairs, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("pairs: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn measure(pairs: &str, file: &str) -> Result<(), String> {
    let pairs: usize = pairs.parse().map_err(|_| format!("`{pairs}` is no number"))?;
    let rows = std::fs::read_to_string(file).map_err(|error| format!("cannot read `{file}`: {error}"))?;
    println!("| A | B | A, median | B, median | A/B, median of pairs | A/B, middle half |");
    println!("|---|---|---|---|---|---|");
    for row in rows.lines() {
        let columns: Vec<&str> = row.split('\t').collect();
        let (name_a, a, name_b, b, before) = match *columns.as_slice() {
            [name_a, a, name_b, b] => (name_a, a, name_b, b, None),
            [name_a, a, name_b, b, before] => (name_a, a, name_b, b, Some(before)),
            _ => return Err(format!("not four or five columns: `{row}`")),
        };
        let prepared =
            |line: &str| before.map_or(Ok(()), |before| time(before).map(drop)).and_then(|()| time(line));
        let (mut times_a, mut times_b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for count in 0..pairs + WARM_UP {
            // Which one comes first changes from pair to pair: neither always finds a warmer machine.
            let (one, other) = if count % 2 == 0 {
                let one = prepared(a)?;
                (one, time(b)?)
            } else {
                let other = time(b)?;
                (prepared(a)?, other)
            };
            if count >= WARM_UP {
                times_a.push(one.as_secs_f64());
                times_b.push(other.as_secs_f64());
                ratios.push(one.as_secs_f64() / other.as_secs_f64());
            }
        }
        println!(
            "| {name_a} | {name_b} | {:.1} ms | {:.1} ms | {:.3} | {:.3} to {:.3} |",
            quantile(&mut times_a, 0.5) * 1000.0,
            quantile(&mut times_b, 0.5) * 1000.0,
            quantile(&mut ratios, 0.5),
            quantile(&mut ratios, 0.25),
            quantile(&mut ratios, 0.75),
        );
    }
    Ok(())
}

/// From its start to its end. A command that fails has not been measured.
fn time(line: &str) -> Result<Duration, String> {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    let start = Instant::now();
    let status = command.status().map_err(|error| format!("cannot run `{line}`: {error}"))?;
    let taken = start.elapsed();
    if status.success() { Ok(taken) } else { Err(format!("`{line}` failed: {status}")) }
}

/// The value below which the share `at` of the values lies, between neighbours by their distance.
fn quantile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = at * (values.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    values[low] + (values[high] - values[low]) * place.fract()
}

//! Runs a script that nobody has reviewed, and says what became of it.
//!
//! ```sh
//! cargo run --example one_command -- busybox:latest 'echo 42; id -u'
//! ```
#![expect(clippy::print_stdout, reason = "an example shows something")]

use std::time::Duration;

use docker_sandbox::{Failed, Sandbox};

fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let image = arguments.next().unwrap_or_else(|| "busybox:latest".to_owned());
    let script = arguments.next().unwrap_or_else(|| "echo 42".to_owned());

    let done = Sandbox::new()
        .image(image)
        .timeout(Duration::from_secs(30))
        .memory(256 << 20)
        .stdin(script)
        .run(["sh"])?;

    print!("{}", String::from_utf8_lossy(&done.stdout));
    match (&done.exit_code, &done.signal) {
        (Some(code), _) => println!("it ended with exit code {code}"),
        (None, signal) => println!("it was ended by {signal:?}"),
    }
    println!("in gVisor: {}; it took {:?}", done.report.sandboxed, done.report.duration);
    Ok(())
}

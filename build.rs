//! Makes the guard, the first process of a sandbox that `docker sandbox do` starts, from `guard/`: a program without a
//! library, which the plugin carries. It runs in containers, so it is Linux's wherever the plugin runs; where this
//! build's target is another system, the plugin carries none, and `do` says so.

#![expect(clippy::expect_used, reason = "a build that cannot go on panics")]

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=guard");
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var_os(name).unwrap_or_default();
    let guard = Path::new(&variable("OUT_DIR")).join("guard");
    let known = ["x86_64", "aarch64"].iter().any(|arch| variable("CARGO_CFG_TARGET_ARCH") == *arch);
    if variable("CARGO_CFG_TARGET_OS") != "linux" || !known {
        std::fs::write(&guard, "").expect("the build's folder can be written to");
        return;
    }
    let mut command = Command::new(variable("RUSTC"));
    command
        .args(["--edition=2024", "--crate-name=guard", "--crate-type=bin", "guard/main.rs", "-o"])
        .arg(&guard);
    command.arg("--target").arg(variable("TARGET"));
    command.args(["-Cpanic=abort", "-Copt-level=s", "-Cstrip=symbols"]);
    // No library, no loader, nothing to be moved at its start: five pages.
    command.args(["-Crelocation-model=static", "-Ctarget-feature=+crt-static"]);
    command.arg("-Clink-args=-nostartfiles -nostdlib -static -Wl,--build-id=none,-z,norelro,--gc-sections");
    if let Some(linker) = std::env::var_os("RUSTC_LINKER") {
        let mut option = OsString::from("-Clinker=");
        option.push(linker);
        command.arg(option);
    }
    let made = command.status().expect("rustc can be started");
    assert!(made.success(), "the guard cannot be made");
}

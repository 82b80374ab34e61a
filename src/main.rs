//! The `docker-sandbox` binary: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    docker_sandbox::main()
}

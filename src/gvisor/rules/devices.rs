//! Rules over devices of the host.

use std::path::{Component, Path, PathBuf};

use super::options::{anything, given, last};
use super::{Hit, Start, runtime};

/// What gVisor has of its own, whatever the host has.
const INSIDE: [&str; 7] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/fuse"];

/// Devices whose driver gVisor hands calls to: Nvidia's, Google's TPUs and, on request, RDMA. It does so by itself
/// where it finds the first two among a container's devices.
///
/// Source: `nvproxy`, `tpuproxy` and `rdmaproxy` in `runsc/config/flags.go` of google/gvisor.
const PASSED_ON: [&str; 4] = ["/dev/nvidia", "/dev/accel", "/dev/vfio", "/dev/infiniband"];

/// The path on the host in the value of `--device`.
fn path(value: &str) -> PathBuf {
    let host = value.split(':').next().unwrap_or_default();
    let parts = Path::new(host).components().filter(|part| matches!(part, Component::Normal(_)));
    Path::new("/").join(parts.collect::<PathBuf>())
}

/// Whether a driver of the host gets calls through it: one of these devices, a directory that holds them, or one by
/// the name that its vendor gave it (`nvidia.com/gpu=all`).
fn is_passed_on(value: &str) -> bool {
    if !value.starts_with('/') {
        return value.split_once('=').is_some_and(|(kind, _)| kind.contains('/'));
    }
    let path = path(value);
    let name = path.to_string_lossy();
    PASSED_ON.iter().any(|device| name.starts_with(device) || Path::new(device).starts_with(&path))
}

/// `--device` and the like that are ignored.
pub(super) fn ignored(start: &Start<'_>) -> Vec<Hit> {
    let is_inside = |value: &str| INSIDE.iter().any(|inside| path(value) == Path::new(inside));
    given(start, &["device", "device-cgroup-rule"], |value| {
        anything(value) && !is_inside(value) && !is_passed_on(value)
    })
}

/// `--gpus`, and `--device` of what a driver of the host is behind.
pub(super) fn of_a_driver(start: &Start<'_>) -> Vec<Hit> {
    let mut hits = last(start, "gpus", anything);
    hits.extend(given(start, &["device"], is_passed_on));
    hits
}

/// The same, where gVisor does not hand their calls on.
pub(super) fn of_no_driver(start: &Start<'_>) -> Vec<Hit> {
    let is_on = ["nvproxy", "tpuproxy", "rdmaproxy"].iter().any(|name| runtime::has(start, name));
    if is_on { Vec::new() } else { of_a_driver(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_that_a_driver_is_behind_are_found_however_they_are_named() {
        for value in [
            "/dev/nvidia0",
            "/dev/nvidiactl:/dev/x:rwm",
            "/dev/./nvidia-uvm",
            "/dev//vfio/1",
            "/dev/accel0",
            "/dev",
            "/",
            "/dev/infiniband/uverbs0",
            "nvidia.com/gpu=all",
            "vendor.example/net=1",
        ] {
            assert!(is_passed_on(value), "{value}");
        }
        for value in ["/dev/kvm", "/dev/null", "/dev/sda", "/dev/net/tun", "c 1:11 rwm", ""] {
            assert!(!is_passed_on(value), "{value}");
        }
    }
}

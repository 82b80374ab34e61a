//! What a command may not ask the kernel for, as a seccomp filter.

use super::{call, number};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// The calls that make and change mounts and namespaces. The last ones are open_tree, move_mount, fsopen, fsconfig,
/// fsmount, fspick and mount_setattr.
const FORBIDDEN: [usize; 12] = [
    number::MOUNT,
    number::UMOUNT2,
    number::PIVOT_ROOT,
    number::UNSHARE,
    number::SETNS,
    428,
    429,
    430,
    431,
    432,
    433,
    442,
];
const CLONE3: usize = 435;
const PIDFD_OPEN: usize = 434;
/// CLONE_NEWNS and the other namespaces; CLONE_PARENT, which makes a child of the guard, whose end may be told to it by
/// SIGKILL.
const NOT_FOR_CLONE: u32 = 0x7e02_8000;

/// Where a call names a process, and where a signal.
struct Aim {
    call: usize,
    /// Which argument, and its value.
    at: (u32, u32),
    /// Which argument is a signal: it is forbidden only if nothing can hold it back. `None`: the call is.
    signal: Option<u32>,
}

/// What ends or stops process 1, the guard, which is a process of the command's user and which gVisor lets it kill, other
/// than Linux; other signals are passed on to the command. F_SETSIG chooses what a descriptor's owner gets, and the owner
/// may be any process; setpgid(2) into the guard's group, which can then be killed; prlimit(2) ends by RLIMIT_CPU.
const AIMS: [Aim; 9] = [
    Aim { call: number::KILL, at: (0, 1), signal: Some(1) },
    Aim { call: number::TKILL, at: (0, 1), signal: Some(1) },
    Aim { call: number::TGKILL, at: (0, 1), signal: Some(2) },
    Aim { call: number::RT_SIGQUEUEINFO, at: (0, 1), signal: Some(1) },
    Aim { call: number::RT_TGSIGQUEUEINFO, at: (0, 1), signal: Some(2) },
    Aim { call: number::FCNTL, at: (1, 10), signal: Some(2) },
    Aim { call: number::SETPGID, at: (1, 1), signal: None },
    Aim { call: number::PRLIMIT64, at: (0, 1), signal: None },
    Aim { call: PIDFD_OPEN, at: (0, 1), signal: None },
];
const SIGKILL: u32 = 9;
const SIGSTOP: u32 = 19;

#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    code: u16,
    then: u8,
    other: u8,
    value: u32,
}

const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
const ANY_BIT: u16 = 0x45;
const AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const NOT_PERMITTED: u32 = 0x0005_0001;
const NO_SUCH_CALL: u32 = 0x0005_0026;

const fn step(code: u16, value: u32) -> Instruction {
    Instruction { code, then: 0, other: 0, value }
}

/// Skips so many instructions if it is not so.
const fn unless(code: u16, value: u32, other: u8) -> Instruction {
    Instruction { code, then: 0, other, value }
}

/// Loads the low half of an argument. Of a struct seccomp_data: the architecture is at 4, the call's number at 0, the
/// arguments from 16 on, eight bytes each.
const fn argument(index: u32) -> Instruction {
    step(LOAD, 16 + 8 * index)
}

/// Instructions for each [`Aim`].
const EACH: usize = 8;
const AT_AIMS: usize = 8 + 2 * FORBIDDEN.len();
const AT_CLONE: usize = AT_AIMS + EACH * AIMS.len();

static FILTER: [Instruction; AT_CLONE + 5] = {
    let mut program = [step(RETURN, ALLOW); AT_CLONE + 5];
    program[0] = step(LOAD, 4);
    program[1] = Instruction { code: EQUAL, then: 1, other: 0, value: ARCHITECTURE };
    program[2] = step(RETURN, NO_SUCH_CALL);
    program[3] = step(LOAD, 0);
    // The calls of x32.
    program[4] = unless(AT_LEAST, 0x4000_0000, 1);
    program[5] = step(RETURN, NO_SUCH_CALL);
    program[6] = unless(EQUAL, CLONE3 as u32, 1);
    program[7] = step(RETURN, NO_SUCH_CALL);
    let mut at = 8;
    while at < AT_AIMS {
        program[at] = unless(EQUAL, FORBIDDEN[(at - 8) / 2] as u32, 1);
        program[at + 1] = step(RETURN, NOT_PERMITTED);
        at += 2;
    }
    while at < AT_CLONE {
        let aim = &AIMS[(at - AT_AIMS) / EACH];
        program[at] = unless(EQUAL, aim.call as u32, EACH as u8 - 1);
        program[at + 1] = argument(aim.at.0);
        // To the sixth, which allows it.
        program[at + 2] = unless(EQUAL, aim.at.1, 3);
        if let Some(signal) = aim.signal {
            program[at + 3] = argument(signal);
            program[at + 4] = Instruction { code: EQUAL, then: 2, other: 0, value: SIGKILL };
            program[at + 5] = Instruction { code: EQUAL, then: 1, other: 0, value: SIGSTOP };
        } else {
            program[at + 3] = step(RETURN, NOT_PERMITTED);
        }
        program[at + 7] = step(RETURN, NOT_PERMITTED);
        at += EACH;
    }
    program[AT_CLONE] = unless(EQUAL, number::CLONE as u32, 3);
    program[AT_CLONE + 1] = argument(0);
    program[AT_CLONE + 2] = unless(ANY_BIT, NOT_FOR_CLONE, 1);
    program[AT_CLONE + 3] = step(RETURN, NOT_PERMITTED);
    program
};

/// From here on no namespaces and no mounts, as where Docker filters calls itself: in gVisor nobody does, and whoever has
/// a user namespace of their own may ask for a read-only mount to be writable. And nothing that ends the guard.
pub fn confine() -> bool {
    let program = [FILTER.len(), FILTER.as_ptr() as usize];
    // PR_SET_NO_NEW_PRIVS, without which only root may do this; PR_SET_SECCOMP with a filter.
    call(number::PRCTL, [38, 1, 0, 0, 0, 0]);
    call(number::PRCTL, [22, 2, program.as_ptr() as usize, 0, 0, 0]) == 0
}

//! The first process of a container that `docker sandbox do` starts: it runs the command, ends it at its deadline,
//! whoever else is still alive, and ends with the command's exit code.
//!
//! A program without a library, for any image: build.rs makes it and the plugin carries it. Its words, up to `--`:
//!
//! ```text
//! timeout=MS     SIGTERM to the command after that, and the end of the container…
//! grace=MS       …so much later
//! idle=MS        no command yet: it comes on standard input, within this time
//! env=NAME=VALUE, unset=NAME
//! workdir=PATH   the working directory, entered when the command is about to begin: Docker would make a missing one, on
//!                the host where that is mounted
//! user=UID:GID   the command's, without capabilities; without it those of this process
//! groups=GID,…   the other groups of that user
//! passwd=LINE    for /etc/passwd, and
//! group=LINE     for /etc/group, where these have none for that user and group; needs CAP_SYS_ADMIN
//! stdin          more words come on standard input, although there is a command: what nobody else may read
//! report=WORD    that the command is about to begin, before its first byte, and how it ended, behind its last one
//! hex            the command's words are written in hexadecimal digits: Docker passes text on, and they are none
//! -- COMMAND [ARG…]
//! ```
//!
//! On standard input come, where there is no command or `stdin` asks for it, four bytes, a length, the lowest first, and as many bytes: words like these, each ended by
//! a zero. What follows them is the command's.

#![no_std]
#![no_main]
// Or the compiler makes calls to a C library of loops that look like one of its functions.
#![no_builtins]

mod entry;
mod sys;

use sys::Text;

/// How the container ends if the command did not end in time.
const TIMED_OUT: i32 = 124;
const REFUSED: i32 = 125;
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// How much later than this process would end the container the kernel ends this process, in milliseconds.
const LATER: u64 = 1000;

/// The largest block of words, as large as the kernel lets arguments be.
const LARGEST: usize = 6 << 20;

/// What to do.
struct Plan {
    timeout: u64,
    grace: u64,
    idle: u64,
    workdir: Option<Text>,
    user: Option<(u32, u32)>,
    groups: &'static [u32],
    entries: [Option<Text>; 2],
    more: bool,
    report: Option<Text>,
    hex: bool,
    /// `NAME=VALUE`s, ended by a null pointer.
    environment: &'static [*const u8],
    /// The command and its arguments, ended by a null pointer.
    command: Option<&'static [*const u8]>,
}

#[unsafe(no_mangle)]
extern "C" fn begin(stack: *const *const u8) -> ! {
    // SAFETY: the kernel puts there a count, so many arguments, a null pointer, and the environment, which ends with one.
    let (arguments, environment) = unsafe {
        let count = stack.cast::<usize>().read();
        let arguments = core::slice::from_raw_parts(stack.add(1), count + 1);
        let environment = stack.add(count + 2);
        let mut variables = 0;
        while !(*environment.add(variables)).is_null() {
            variables += 1;
        }
        (arguments, core::slice::from_raw_parts(environment, variables + 1))
    };
    let signals = sys::take_signals();
    let mut plan = Plan {
        timeout: 0,
        grace: 0,
        idle: 0,
        workdir: None,
        user: None,
        groups: &[],
        entries: [None; 2],
        more: false,
        report: None,
        hex: false,
        environment,
        command: None,
    };
    read_words(arguments.get(1..).unwrap_or_default(), &mut plan);
    if plan.command.is_none() || plan.more {
        wait_for_words(signals, &mut plan);
    }
    let Some(command) = plan.command.filter(|command| command.len() > 1) else {
        refuse(b"no command", None);
    };
    if let [passwd, group] = plan.entries
        && (passwd.is_some() || group.is_some())
    {
        entry::add(passwd, group);
    }
    enter(&plan);
    run(&plan, command, signals)
}

/// `words` end with a null pointer.
fn read_words(words: &'static [*const u8], plan: &mut Plan) {
    for (at, &word) in words.iter().enumerate() {
        if word.is_null() {
            return;
        }
        let word = Text(word);
        if word.bytes() == b"--" {
            plan.command = words.get(at + 1..).map(|words| if plan.hex { decoded(words) } else { words });
            return;
        } else if word.bytes() == b"hex" {
            plan.hex = true;
        } else if word.bytes() == b"stdin" {
            plan.more = true;
        } else if let Some(value) = word.after(b"timeout=") {
            plan.timeout = number(value.bytes());
        } else if let Some(value) = word.after(b"grace=") {
            plan.grace = number(value.bytes());
        } else if let Some(value) = word.after(b"idle=") {
            plan.idle = number(value.bytes());
        } else if let Some(value) = word.after(b"report=") {
            plan.report = Some(value);
        } else if let Some(value) = word.after(b"user=") {
            let mut parts = value.bytes().split(|&byte| byte == b':');
            let mut part = || number(parts.next().unwrap_or_default()) as u32;
            plan.user = Some((part(), part()));
        } else if let Some(value) = word.after(b"env=") {
            set(plan, value, true);
        } else if let Some(value) = word.after(b"unset=") {
            set(plan, value, false);
        } else if let Some(value) = word.after(b"groups=") {
            plan.groups = numbers(value.bytes());
        } else if let Some(value) = word.after(b"passwd=") {
            plan.entries[0] = Some(value);
        } else if let Some(value) = word.after(b"group=") {
            plan.entries[1] = Some(value);
        } else if let Some(value) = word.after(b"workdir=") {
            plan.workdir = Some(value);
        } else {
            refuse(b"what it is told is not understood: ", Some(word));
        }
    }
}

/// Enters the working directory, or refuses the start: nobody makes it.
fn enter(plan: &Plan) {
    let Some(workdir) = plan.workdir else { return };
    let why: &[u8] = match sys::change_directory(workdir) {
        0 => return,
        sys::EACCES => b": permission denied\n",
        sys::ENOTDIR => b": not a directory\n",
        _ => b": no such directory in the sandbox\n",
    };
    sys::write(2, b"docker sandbox: working directory ");
    shown(workdir);
    sys::write(2, why);
    sys::write(2, b"hint: choose another one:\n    docker sandbox do --workdir / \xe2\x80\xa6\n");
    sys::exit(REFUSED)
}

/// `words` end with a null pointer, and so does what they stand for.
fn decoded(words: &'static [*const u8]) -> &'static [*const u8] {
    let Some(all) = sys::pointers(words.len()) else { refuse(b"no memory", None) };
    let value = |digit: u8| if digit >= b'a' { digit - b'a' + 10 } else { digit.wrapping_sub(b'0') };
    for (place, &word) in all.iter_mut().zip(words.iter().take_while(|word| !word.is_null())) {
        let digits = Text(word).bytes();
        // With the zero behind it.
        let Some(bytes) = sys::memory(digits.len() / 2 + 1) else { refuse(b"no memory", None) };
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        *place = bytes.as_ptr();
    }
    all
}

fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |sum: u64, digit| sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0'))))
}

/// Of a list with commas.
fn numbers(list: &[u8]) -> &'static [u32] {
    let count = list.split(|&byte| byte == b',').count();
    let Some(all) = sys::numbers(count) else { refuse(b"no memory", None) };
    for (place, digits) in all.iter_mut().zip(list.split(|&byte| byte == b',')) {
        *place = number(digits) as u32;
    }
    all
}

/// Puts a variable in the place of the one of its name, or behind the others; or takes it away.
fn set(plan: &mut Plan, variable: Text, keep: bool) {
    let name = |text: Text| text.bytes().split(|&byte| byte == b'=').next().unwrap_or_default();
    let Some(changed) = sys::pointers(plan.environment.len() + 1) else { refuse(b"no memory", None) };
    let others =
        plan.environment.iter().filter(|&&other| !other.is_null() && name(Text(other)) != name(variable));
    let mut count = 0;
    for &other in others.chain(keep.then_some(&variable.0)) {
        changed[count] = other;
        count += 1;
    }
    plan.environment = &changed[..=count];
}

/// `bytes` end with a zero.
fn text(bytes: &'static [u8]) -> Text {
    Text(bytes.as_ptr())
}

/// Waits for a block of words on standard input. Whoever asks this process to end, or does not want it any more, ends it.
fn wait_for_words(signals: i32, plan: &mut Plan) {
    let deadline = (plan.idle > 0).then(|| sys::now() + plan.idle);
    // Else the terminal would answer, and take bytes for keys.
    let settings = sys::terminal();
    if let Some(mut raw) = settings {
        // What cfmakeraw(3) does, as far as it is about input; the letters' lines are in the fifth word.
        raw[0] = 0;
        raw[3] = 0;
        sys::set_terminal(&raw);
    }
    loop {
        let [input, signal] = sys::poll(0, signals, deadline);
        if input {
            break;
        }
        let mut about = [0; 128];
        if signal {
            sys::read(signals, &mut about);
        }
        let asked = u32::from_ne_bytes([about[0], about[1], about[2], about[3]]);
        if matches!(asked, 1 | 2 | 3 | 15) || deadline.is_some_and(|deadline| sys::now() >= deadline) {
            sys::exit(0);
        }
    }
    let mut length = [0; 4];
    fill(&mut length);
    let length = u32::from_le_bytes(length) as usize;
    let block = sys::memory(length + 1).filter(|_| length <= LARGEST);
    let Some(block) = block else { refuse(b"what comes on standard input is no command", None) };
    fill(&mut block[..length]);
    if let Some(settings) = settings {
        sys::set_terminal(&settings);
    }
    let block: &'static [u8] = block;
    let count = block[..length].iter().filter(|&&byte| byte == 0).count();
    let Some(words) = sys::pointers(count + 1) else { refuse(b"no memory", None) };
    let mut start = 0;
    for word in words.iter_mut().take(count) {
        *word = block[start..].as_ptr();
        start += Text(*word).bytes().len() + 1;
    }
    read_words(words, plan);
}

/// Reads as much as fits, or ends: who wanted this process has gone.
fn fill(into: &mut [u8]) {
    let mut got = 0;
    while got < into.len() {
        match sys::read(0, &mut into[got..]) {
            more @ 1.. => got += more as usize,
            _ => sys::exit(0),
        }
    }
}

fn run(plan: &Plan, command: &'static [*const u8], signals: i32) -> ! {
    let deadline = (plan.timeout > 0).then(|| sys::now() + plan.timeout);
    let Some([told, tell]) = sys::pipe() else { refuse(b"no pipe", None) };
    if plan.timeout > 0 {
        // A command of the same user can stop this process, and so its clock.
        sys::die_after(plan.timeout + plan.grace + LATER);
    }
    sys::hide();
    // From here on nobody else may be given the command.
    report(plan, b'b', 0);
    let child = sys::fork();
    if child == 0 {
        let failed = become_command(plan, command);
        sys::write(tell, &failed.to_ne_bytes());
        sys::exit(REFUSED);
    }
    sys::close(tell);
    if plan.user.is_some() {
        // CAP_KILL: signals to a process of another user.
        sys::keep_capabilities(1 << 5);
    }
    let mut failed = [0; 8];
    if child < 0 {
        refuse(b"no process can be made", None);
    }
    if sys::read(told, &mut failed) == 8 {
        not_started(plan, Text(command[0]), isize::from_ne_bytes(failed));
    }
    sys::close(told);
    watch(plan, child as i32, deadline, signals)
}

/// Passes signals on, and waits for the command's end or its deadline.
fn watch(plan: &Plan, child: i32, mut deadline: Option<u64>, signals: i32) -> ! {
    let mut asked_to_end = false;
    loop {
        let [signal, _] = sys::poll(signals, -1, deadline);
        let mut about = [0; 128];
        if signal && sys::read(signals, &mut about) == 128 {
            let signal = i32::from_ne_bytes([about[0], about[1], about[2], about[3]]);
            if signal != sys::SIGCHLD {
                sys::kill(child, signal);
            }
        }
        while let Some((ended, status)) = sys::reap() {
            if ended == child {
                finish(plan, status, asked_to_end);
            }
        }
        if deadline.is_some_and(|deadline| sys::now() >= deadline) {
            if asked_to_end {
                report(plan, b't', TIMED_OUT);
                sys::exit(TIMED_OUT);
            }
            asked_to_end = true;
            sys::kill(child, sys::SIGTERM);
            deadline = Some(sys::now() + plan.grace);
        }
    }
}

fn finish(plan: &Plan, status: i32, timed_out: bool) -> ! {
    let signal = status & 0x7f;
    let code = if signal == 0 { status >> 8 & 0xff } else { 128 + signal };
    if timed_out {
        report(plan, b't', TIMED_OUT);
        sys::exit(TIMED_OUT);
    }
    if signal == 0 {
        report(plan, b'e', code);
    } else {
        report(plan, b's', signal);
    }
    sys::exit(code)
}

/// Returns the error that prevented it.
fn become_command(plan: &Plan, command: &'static [*const u8]) -> isize {
    if sys::terminal().is_some() {
        // Ctrl-C is for the command: in a group of its own, it does not come a second time through us.
        sys::lead_a_group();
        sys::mask(1 << (sys::SIGTTOU - 1));
        sys::take_the_terminal();
    } else {
        // `kill 0`, for all of a script's processes, must not mean this program's.
        sys::lead_a_session();
    }
    if let Some((user, group)) = plan.user
        && !sys::become_user(user, group, plan.groups)
    {
        return 1;
    }
    if !sys::confine() {
        return sys::EOPNOTSUPP;
    }
    sys::mask(0);
    execute(command, plan.environment)
}

/// Looks along `PATH`, as execvp(3) does.
fn execute(command: &'static [*const u8], environment: &'static [*const u8]) -> isize {
    let name = Text(command[0]);
    let (arguments, variables) = (command.as_ptr(), environment.as_ptr());
    if name.bytes().contains(&b'/') {
        return sys::execute(name.0, arguments, variables);
    }
    let path = environment.iter().filter(|variable| !variable.is_null());
    let path = path.filter_map(|&variable| Text(variable).after(b"PATH=")).last();
    let path = path.map_or(&b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"[..], Text::bytes);
    let mut failed = sys::ENOENT;
    for folder in path.split(|&byte| byte == b':') {
        let folder = if folder.is_empty() { b"." } else { folder };
        let length = folder.len() + 1 + name.bytes().len();
        let Some(file) = sys::memory(length + 1) else { return failed };
        file[..folder.len()].copy_from_slice(folder);
        file[folder.len()] = b'/';
        file[folder.len() + 1..length].copy_from_slice(name.bytes());
        match sys::execute(file.as_ptr(), arguments, variables) {
            sys::ENOENT | sys::ENOTDIR => {}
            sys::EACCES => failed = sys::EACCES,
            other => return other,
        }
    }
    failed
}

fn not_started(plan: &Plan, command: Text, error: isize) -> ! {
    let (why, code): (&[u8], i32) = match error {
        sys::ENOENT | sys::ENOTDIR => (b": not found in the image\n", NOT_FOUND),
        sys::EACCES => (b": permission denied\n", NOT_EXECUTABLE),
        1 => (b": this user cannot be taken on\n", NOT_EXECUTABLE),
        7 => (b": too many arguments\n", NOT_EXECUTABLE),
        sys::EOPNOTSUPP => {
            (b": this kernel cannot forbid what makes read-only folders writable\n", NOT_EXECUTABLE)
        }
        8 => (b": no program of this machine, and no `#!` in its first line\n", NOT_EXECUTABLE),
        _ => (b": cannot be executed\n", NOT_EXECUTABLE),
    };
    sys::write(2, b"docker sandbox: ");
    shown(command);
    sys::write(2, why);
    report(plan, b'x', code);
    sys::exit(code)
}

/// A name from outside, harmless to a terminal: no control character, none that reorders a line or hides in it.
fn shown(text: Text) {
    sys::write(2, b"`");
    match core::str::from_utf8(text.bytes()) {
        Ok(name) => {
            for character in name.chars() {
                let hidden = character.is_control()
                    || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
                    || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
                let mut bytes = [0; 4];
                sys::write(2, if hidden { b"?" } else { character.encode_utf8(&mut bytes).as_bytes() });
            }
        }
        Err(_) => {
            for byte in text.bytes() {
                let safe = byte.is_ascii() && !byte.is_ascii_control();
                sys::write(2, if safe { core::slice::from_ref(byte) } else { b"?" });
            }
        }
    }
    sys::write(2, b"`");
}

fn refuse(why: &[u8], what: Option<Text>) -> ! {
    sys::write(2, b"docker sandbox: guard: ");
    sys::write(2, why);
    if let Some(what) = what {
        shown(what);
    }
    sys::write(2, b"\n");
    sys::exit(REFUSED)
}

/// `NUL WORD NUL kind code NUL`, of a length that only the word decides, behind the last byte on both outputs: they
/// go their ways separately, and may be one.
fn report(plan: &Plan, kind: u8, code: i32) {
    let Some(word) = plan.report else { return };
    let mut line = [0_u8; 64];
    let word = word.bytes().get(..32).unwrap_or(word.bytes());
    line[1..=word.len()].copy_from_slice(word);
    let end = word.len() + 2;
    line[end] = kind;
    for (at, place) in [100, 10, 1].into_iter().enumerate() {
        line[end + 1 + at] = b'0' + (code / place % 10) as u8;
    }
    for output in [1, 2] {
        sys::write(output, &line[..end + 5]);
    }
}

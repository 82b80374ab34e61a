//! The text of `/proc/PID/mountinfo`. Source: `proc_pid_mountinfo(5)`, and `mangle` in Linux's `fs/proc_namespace.c`.

/// `\040` and the like, which the kernel writes for blanks, tabs, newlines and backslashes.
#[must_use]
pub fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut ahead = field;
    while let Some((&byte, rest)) = ahead.split_first() {
        match rest.first_chunk::<3>() {
            Some(digits) if byte == b'\\' && digits.iter().all(|digit| (b'0'..=b'7').contains(digit)) => {
                let value = digits.iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
                bytes.push(u8::try_from(value).unwrap_or(b'?'));
                ahead = &rest[3..];
            }
            _ => {
                bytes.push(byte);
                ahead = rest;
            }
        }
    }
    bytes
}

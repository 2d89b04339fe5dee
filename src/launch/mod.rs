//! Becoming the command: the world is handed on as it was given, then execve.
//!
//! Nothing here reads a secret, allocates for one or logs.

pub(crate) mod notify;
mod privileges;
pub(crate) mod supervise;

use crate::failure::{self, Code, Failure, Stop, words};
use crate::inject::Launch;
use crate::plan::Privileges;
use crate::sys::Hardened;
use crate::sys::signals::Ends;
use nix::errno::Errno;
use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;

/// Replaces this process; returns only where the kernel refuses.
pub(crate) fn run(launch: &Launch<'_>, privileges: &Privileges, ends: Option<&Ends>, hardened: Hardened) -> Stop {
    let environment = launch.environment.table();
    hardened.restore();
    if let Err(why) = privileges::give_up(privileges, ends) {
        return Failure::new(Code::Launch, "", why).into();
    }
    #[cfg(debug_assertions)]
    crate::sys::pause_if_asked();
    match nix::unistd::execve(launch.path, &launch.arguments, &environment) {
        Ok(never) => match never {},
        Err(errno) => refused(launch.path, errno),
    }
}

fn refused(program: &CStr, errno: Errno) -> Stop {
    let path = String::from_utf8_lossy(program.to_bytes());
    let why = match errno {
        Errno::ENOENT => match interpreter(OsStr::from_bytes(program.to_bytes())) {
            Some(interpreter) => format!("its interpreter {interpreter} was not found"),
            None => "it, or the loader that it names, was not found".to_owned(),
        },
        Errno::ENOEXEC => {
            "Exec format error: it is neither a program for this machine nor a script with a #! line, and no shell \
             stands in for one"
                .to_owned()
        }
        Errno::EACCES => {
            "permission denied; it, or its interpreter, is not executable or lies on a noexec mount".to_owned()
        }
        Errno::E2BIG => "its arguments and environment are too big for the kernel; use files".to_owned(),
        errno => words(errno),
    };
    let code = if errno == Errno::E2BIG { Code::TooBig } else { Code::Launch };
    let failure = Failure::new(code, "", format!("the command {path} cannot be run: {why}"));
    Stop { failures: vec![failure], status: failure::NOT_RUNNABLE }
}

/// What a script's first line names.
fn interpreter(path: &OsStr) -> Option<String> {
    let mut start = Vec::new();
    File::open(path).ok()?.take(256).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let name = line.trim_ascii().split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

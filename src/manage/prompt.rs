//! Questions on the terminal, `/dev/tty`: standard input may be the value, and standard output must
//! have nothing else.
//!
//! While echo is off, the signals that would end or stop us are held back, so that none leaves the
//! terminal silent: it is restored first, and the signal then does what it does.

use super::Terminal;
use crate::secret::Secret;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::AsFd as _;
use zeroize::Zeroizing;

/// A terminal hands out lines of at most 4095 bytes and a newline, and drops what is beyond.
const LONGEST: usize = 4095;

pub(super) struct Tty;

impl Terminal for Tty {
    fn line(&mut self, prompt: &str) -> io::Result<String> {
        let mut tty = open()?;
        tty.write_all(prompt.as_bytes())?;
        let line = read_line(&mut tty)?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn secret(&mut self, prompt: &str) -> io::Result<Secret> {
        secret_on(&mut open()?, prompt)
    }
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/tty")
}

fn secret_on(tty: &mut File, prompt: &str) -> io::Result<Secret> {
    loop {
        let silence = Silence::begin(tty)?;
        let asked = tty.write_all(prompt.as_bytes()).and_then(|()| silence.wait_for_line(tty));
        if asked? {
            let line = read_line(tty)?;
            return Ok(Secret::from(line.to_vec()));
        }
        // Drops the silence, and the signal arrives. Where we live on, stopped and continued, we ask again.
    }
}

/// Without its newline.
fn read_line(tty: &mut File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(vec![0; LONGEST + 1]);
    let length = tty.read(&mut line)?;
    line.truncate(length);
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.is_empty() {
        return Err(io::Error::new(ErrorKind::UnexpectedEof, "nothing was typed"));
    }
    if line.len() >= LONGEST {
        return Err(io::Error::new(ErrorKind::InvalidInput, "a line that is typed has less than 4095 bytes"));
    }
    Ok(line)
}

/// No echo, and no signal but those that cannot be held back, until this is dropped.
struct Silence {
    tty: File,
    before: Termios,
    mask: SigSet,
    signals: SignalFd,
}

impl Silence {
    fn begin(tty: &File) -> io::Result<Self> {
        let tty = tty.try_clone()?;
        let before = tcgetattr(&tty)?;
        let mut held = SigSet::empty();
        for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGTSTP] {
            held.add(signal);
        }
        let signals = SignalFd::with_flags(&held, SfdFlags::SFD_CLOEXEC)?;
        let mask = SigSet::thread_get_mask()?;
        let silence = Self { tty, before, mask, signals };
        held.thread_block()?;
        let mut silent = silence.before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        // The end of the line is shown all the same.
        silent.local_flags.insert(LocalFlags::ECHONL | LocalFlags::ICANON);
        tcsetattr(&silence.tty, SetArg::TCSAFLUSH, &silent)?;
        Ok(silence)
    }

    /// False: a signal came first.
    fn wait_for_line(&self, tty: &File) -> io::Result<bool> {
        let mut sources =
            [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN), PollFd::new(tty.as_fd(), PollFlags::POLLIN)];
        loop {
            match poll(&mut sources, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(sources[0].any() != Some(true)),
            }
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // What was typed of a line that is not wanted must not go to the shell.
        let _ = tcsetattr(&self.tty, SetArg::TCSAFLUSH, &self.before);
        let _ = self.mask.thread_set_mask();
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the tests compare what was typed")]
mod tests {
    use super::*;
    use nix::pty::openpty;
    use std::thread;

    /// What `secret_on` gives and what stood on the terminal, where `typed` is typed at the prompt.
    fn type_at_prompt(typed: &[u8]) -> (io::Result<Vec<u8>>, String) {
        let pty = openpty(None, None).unwrap();
        let (mut master, mut slave) = (File::from(pty.master), File::from(pty.slave));
        let before = tcgetattr(&slave).unwrap();
        let typed = typed.to_vec();
        let person = thread::spawn(move || {
            let mut seen = Vec::new();
            let mut byte = [0];
            while !seen.ends_with(b"Value: ") {
                master.read_exact(&mut byte).unwrap();
                seen.push(byte[0]);
            }
            master.write_all(&typed).unwrap();
            // Ends with an error when the other side is closed.
            let _ = master.read_to_end(&mut seen);
            String::from_utf8(seen).unwrap()
        });
        let value = secret_on(&mut slave, "Value: ").map(|secret| secret.expose().to_vec());
        assert_eq!(tcgetattr(&slave).unwrap().local_flags, before.local_flags);
        drop(slave);
        (value, person.join().unwrap())
    }

    #[test]
    fn what_is_typed_is_not_shown_and_the_terminal_is_as_it_was() {
        let (value, seen) = type_at_prompt(b"hunter2\n");
        assert_eq!(value.unwrap(), b"hunter2");
        assert_eq!(seen, "Value: \r\n");
    }

    #[test]
    fn the_end_of_input_is_no_value() {
        let (value, _) = type_at_prompt(b"\x04");
        assert_eq!(value.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_line_that_the_terminal_would_cut_is_refused() {
        let (value, _) = type_at_prompt(&[&[b'x'; 4200][..], b"\n"].concat());
        assert_eq!(value.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

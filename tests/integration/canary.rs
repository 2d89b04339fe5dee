//! A secret that can be found wherever it got to and is written down nowhere: a generator makes its
//! bytes, one at a time, and searching compares with the generator.

use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is searched for, a byte at a time. At least [`PIECE`] bytes.
pub(crate) trait Needle {
    fn len(&self) -> usize;
    fn byte(&self, at: usize) -> u8;
}

/// Text of 48 characters that JSON, URLs, dotenv files and shells take as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canary {
    seed: u64,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Plain,
    /// The same bytes as base64 text; 48 need no padding.
    Base64,
}

impl Canary {
    /// Another one for each number and in each run of the tests, so that nothing of an earlier run is found.
    pub(crate) fn new(number: u64) -> Self {
        static RUN: OnceLock<u64> = OnceLock::new();
        let run = RUN.get_or_init(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            mix(u64::from(since.subsec_nanos()) << 32 ^ since.as_secs() ^ u64::from(std::process::id()) << 16)
        });
        Self { seed: mix(run.wrapping_add(number)), form: Form::Plain }
    }

    pub(crate) fn plain(self) -> Self {
        Self { form: Form::Plain, ..self }
    }

    pub(crate) fn base64(self) -> Self {
        Self { form: Form::Base64, ..self }
    }

    /// For whoever is to have it.
    pub(crate) fn text(self) -> String {
        (0..self.len()).map(|at| char::from(self.byte(at))).collect()
    }
}

impl Needle for Canary {
    fn len(&self) -> usize {
        match self.form {
            Form::Plain => 48,
            Form::Base64 => 64,
        }
    }

    fn byte(&self, at: usize) -> u8 {
        const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let letter = |index: u64, others: &[u8; 2]| {
            let index = usize::try_from(index).unwrap();
            LETTERS.get(index).copied().unwrap_or_else(|| others[index - LETTERS.len()])
        };
        let plain = |at: usize| letter(mix(self.seed.wrapping_add(at as u64)) & 63, b"-_");
        match self.form {
            Form::Plain => plain(at),
            Form::Base64 => {
                let group = (0..3).fold(0, |bits, part| bits << 8 | u64::from(plain(at / 4 * 3 + part)));
                letter(group >> (18 - 6 * (at % 4)) & 63, b"+/")
            }
        }
    }
}

impl Needle for String {
    fn len(&self) -> usize {
        str::len(self)
    }

    fn byte(&self, at: usize) -> u8 {
        self.as_bytes()[at]
    }
}

/// The finalizer of splitmix64: any two numbers give unrelated ones.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// What is enough to have found a needle: where memory was freed, the first bytes of a copy are
/// mostly overwritten.
const PIECE: usize = 16;

/// Looks for all needles in one pass. Of each it holds the first two bytes of a piece, not more.
struct Search<'n> {
    needles: &'n [&'n dyn Needle],
    beginnings: Vec<bool>,
}

impl<'n> Search<'n> {
    fn new(needles: &'n [&'n dyn Needle]) -> Self {
        let mut beginnings = vec![false; 1 << 16];
        for needle in needles {
            for at in pieces(*needle) {
                beginnings[usize::from(u16::from_be_bytes([needle.byte(at), needle.byte(at + 1)]))] = true;
            }
        }
        Self { needles, beginnings }
    }

    /// Calls `found` with the number of a needle, where a piece of it stands, and which one.
    fn each(&self, bytes: &[u8], mut found: impl FnMut(usize, usize, usize)) {
        for (at, pair) in bytes.windows(2).enumerate() {
            if self.beginnings[usize::from(u16::from_be_bytes([pair[0], pair[1]]))] {
                let Some(bytes) = bytes.get(at..at + PIECE) else { return };
                for (number, needle) in self.needles.iter().enumerate() {
                    let is_here = |piece: &usize| (0..PIECE).all(|at| bytes[at] == needle.byte(piece + at));
                    pieces(*needle).filter(is_here).for_each(|piece| found(number, at, piece));
                }
            }
        }
    }
}

fn pieces(needle: &dyn Needle) -> impl Iterator<Item = usize> {
    (0..=needle.len() - PIECE).step_by(PIECE)
}

/// Whether a piece of any of these stands in the bytes.
pub(crate) fn is_any_in(needles: &[&dyn Needle], bytes: &[u8]) -> bool {
    let mut found = false;
    Search::new(needles).each(bytes, |_, _, _| found = true);
    found
}

/// Where copies of each needle stand in all that a process can read of its own memory: addresses,
/// with the mapping they are in.
///
/// The process must let us: it is dumpable and of our user, and where Yama's ptrace_scope is 1 it
/// descends from us (proc_pid_mem(5), ptrace(2)).
pub(crate) fn in_memory(process: Pid, needles: &[&dyn Needle]) -> Vec<Vec<String>> {
    const CHUNK: usize = 1 << 20;
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let search = Search::new(needles);
    let (mut found, mut seen, mut chunk) = (vec![Vec::new(); needles.len()], 0, vec![0; CHUNK]);
    for mapping in fs::read_to_string(format!("/proc/{process}/maps")).unwrap().lines() {
        let (range, rest) = mapping.split_once(' ').unwrap();
        let [start, end] = <[&str; 2]>::try_from(range.split('-').collect::<Vec<_>>()).unwrap();
        let [mut from, end] = [start, end].map(|number| u64::from_str_radix(number, 16).unwrap());
        // The kernel's own: its clock and its code.
        if !rest.starts_with('r') || rest.contains("[vvar") || rest.ends_with("[vsyscall]") {
            continue;
        }
        while from < end {
            let bytes = &mut chunk[..CHUNK.min((end - from).try_into().unwrap())];
            memory.read_exact_at(bytes, from).unwrap_or_else(|error| panic!("{mapping}: {error}"));
            search.each(bytes, |number, at, piece| {
                found[number].push(format!("{:x} {rest}", from + at as u64 - piece as u64));
            });
            seen += bytes.len();
            // A piece that the end cuts is whole in the next chunk.
            from += (if from + bytes.len() as u64 == end { bytes.len() } else { bytes.len() - PIECE }) as u64;
        }
    }
    assert!(seen > 1 << 16, "hardly any memory was looked at: {seen} bytes");
    for copies in &mut found {
        copies.sort();
        copies.dedup();
    }
    found
}

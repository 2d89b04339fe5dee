//! Many who read and write one store at once, some of them killed: what was acknowledged stays, nobody sees half of a
//! write, and nobody waits for the dead.

use crate::harness::{Inject, World};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const WRITERS: usize = 8;
const READERS: usize = 8;
/// For each writer.
const ROUNDS: u64 = 16;
const LOG: &str = ".local/share/inject/secrets.age.audit";

/// Numbers that look random and follow from the first.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        // Knuth's multiplier; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    /// When to kill: every second time, at a moment from before a program has begun until after it is done.
    fn death(&mut self, longest: Duration) -> Option<Duration> {
        let moment = longest * u32::try_from(self.below(1000)).unwrap() / 1000;
        (self.below(2) == 0).then_some(moment)
    }
}

/// What it printed; None where it was killed.
#[track_caller]
fn run(inject: Inject, input: &str, death: Option<Duration>) -> Option<String> {
    let mut child = inject.start();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    if let Some(moment) = death {
        thread::sleep(moment);
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    if output.status.signal() == Some(9) {
        return None;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A writer's two secrets, whose values are always the same number.
struct Pair {
    names: [String; 2],
    tried: AtomicU64,
    acknowledged: AtomicU64,
}

impl Pair {
    fn new(writer: usize) -> Self {
        let names = [format!("A{writer}"), format!("B{writer}")];
        Self { names, tried: AtomicU64::new(0), acknowledged: AtomicU64::new(0) }
    }

    /// One write of both.
    fn put(&self, world: &World, number: u64, death: Option<Duration>) -> bool {
        let [one, other] = &self.names;
        let both = format!(r#"{{"{one}": "{number}", "{other}": "{number}"}}"#);
        self.tried.store(number, Ordering::SeqCst);
        let done = run(world.secret(&["import", "--replace", "--yes"]), &both, death).is_some();
        if done {
            self.acknowledged.store(number, Ordering::SeqCst);
        }
        done
    }
}

/// A launch that reads all pairs at once.
fn look(world: &World, pairs: &[Pair], death: Option<Duration>) -> bool {
    let names: Vec<&str> = pairs.iter().flat_map(|pair| &pair.names).map(String::as_str).collect();
    let variables = names.iter().flat_map(|name| ["-e".to_owned(), format!("{name}=$<secret:{name}>")]);
    let words: Vec<String> = variables.chain(["--", "printenv"].map(str::to_owned)).collect();
    let launch = world.inject(words.iter().map(String::as_str).chain(names));
    let before: Vec<u64> = pairs.iter().map(|pair| pair.acknowledged.load(Ordering::SeqCst)).collect();
    let Some(text) = run(launch, "", death) else { return false };
    let numbers: Vec<u64> = text.lines().map(|number| number.parse().unwrap()).collect();
    for ((pair, before), both) in pairs.iter().zip(before).zip(numbers.chunks(2)) {
        assert_eq!(both[0], both[1], "half of a write was seen");
        let tried = pair.tried.load(Ordering::SeqCst);
        assert!((before..=tried).contains(&both[0]), "{} is not of {before} to {tried}", both[0]);
    }
    true
}

#[test]
fn writers_and_readers_that_are_killed_at_random_lose_nothing_and_block_nobody() {
    // Another one each time; that of a run that failed can be given again.
    let seed = std::env::var("INJECT_TEST_SEED").map_or_else(
        |_| u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos()),
        |seed| seed.parse().unwrap(),
    );
    let world = World::with_store();
    let pairs: Vec<Pair> = (0..WRITERS).map(Pair::new).collect();
    for pair in &pairs {
        assert!(pair.put(&world, 1, None));
    }
    let begun = Instant::now();
    assert!(look(&world, &pairs, None) && pairs[0].put(&world, 2, None));
    // All of them share the processors.
    let longest = begun.elapsed() * 8;
    let writing = AtomicBool::new(true);
    let outcomes = thread::scope(|scope| {
        let (world, pairs, writing) = (&world, &pairs[..], &writing);
        let readers: Vec<ScopedJoinHandle<'_, usize>> = (0..READERS)
            .map(|reader| {
                let mut dice = Dice(seed.wrapping_add(1000 + reader as u64));
                scope.spawn(move || {
                    let mut read = 0;
                    while writing.load(Ordering::SeqCst) {
                        read += usize::from(look(world, pairs, dice.death(longest)));
                    }
                    read
                })
            })
            .collect();
        let writers: Vec<ScopedJoinHandle<'_, usize>> = pairs
            .iter()
            .enumerate()
            .map(|(writer, pair)| {
                let mut dice = Dice(seed.wrapping_add(writer as u64));
                scope.spawn(move || (0..ROUNDS).filter(|round| pair.put(world, round + 3, dice.death(longest))).count())
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(ScopedJoinHandle::join).collect();
        writing.store(false, Ordering::SeqCst);
        let read = readers.into_iter().map(ScopedJoinHandle::join);
        let read: Result<Vec<usize>, _> = read.collect();
        let written: Result<Vec<usize>, _> = written.into_iter().collect();
        written.and_then(|written| Ok((written.iter().sum::<usize>(), read?.iter().sum::<usize>())))
    });
    let Ok((written, read)) = outcomes else { panic!("INJECT_TEST_SEED={seed} fails, as said above") };
    let all = WRITERS * usize::try_from(ROUNDS).unwrap();
    assert!(
        (1..all).contains(&written) && read > 0,
        "INJECT_TEST_SEED={seed}: {written} of {all} written, {read} read"
    );
    assert!(look(&world, &pairs, None), "INJECT_TEST_SEED={seed}: the store is torn in the end");

    // Whole lines, and one for each write that was acknowledged.
    let log = std::fs::read_to_string(world.path(LOG)).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let lines = lines.filter(|line| line["verb"] == "import" && line["outcome"] == "allowed").count();
    let written = 2 * (written + WRITERS + 1);
    assert!(lines >= written, "INJECT_TEST_SEED={seed}: {lines} lines of {written} writes");
    world.add("last", "1");
}

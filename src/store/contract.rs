//! What every kind of store promises, tested over all of them.
//!
//! A kind brings a [`Fixture`] from its own file; the `stores!` table collects them, so a kind
//! without one does not compile under test.

use super::{Access, Context, FIXTURES, KINDS, Kind, Look, Pending, Request, Settings, Store, StoreError};
use crate::environ::Environ;
use crate::net;
use crate::reference::Address;
use crate::template::Value;
use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A kind as the contract needs it.
pub(crate) struct Fixture {
    /// Whether the kind's medium can hold these bytes at all.
    pub(crate) carries: fn(&[u8]) -> bool,
    /// Whether a secret that is not there is left unanswered; otherwise it is an error.
    pub(crate) tells_absence: bool,
    /// A double that holds these secrets and nothing else.
    pub(crate) seed: Seed,
}

/// Makes a double of these names and values.
pub(crate) type Seed = fn(&[(&str, &[u8])]) -> Double;

/// A store, and what it may stand on for as long as it lives.
pub(crate) struct Double {
    store: Box<dyn Store>,
    _home: Option<Home>,
    _server: Option<Box<dyn Any>>,
}

impl Double {
    pub(crate) fn open(kind: &Kind, settings: Settings, environ: &Environ, home: Option<Home>) -> Self {
        let context = Context::new(environ, Instant::now() + Duration::from_secs(60), 0);
        Self { store: (kind.open)(&settings, &context).unwrap(), _home: home, _server: None }
    }

    /// The server that the store asks, for as long as it lives.
    pub(crate) fn on(self, server: impl Any) -> Self {
        Self { _server: Some(Box::new(server)), ..self }
    }
}

/// An own directory, removed with what is in it.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("inject-test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// One that is there already.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Numbers that look random and are the same at each run (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

pub(crate) fn request(path: &str) -> Request {
    Request { address: Address { store: None, path: path.into(), version: None }.into(), random: None, answer: None }
}

/// What a store answered: None is "there is no such secret".
pub(crate) type Answer = Option<Result<Vec<u8>, StoreError>>;

/// Asks for all of them at once. The whole store must not fail.
pub(crate) fn answers(store: &dyn Store, paths: &[&str]) -> Vec<Answer> {
    let mut requests: Vec<Request> = paths.iter().map(|path| request(path)).collect();
    finish(store.resolve(&mut requests)).unwrap();
    requests.into_iter().map(|request| request.answer.map(|answer| answer.map(bytes))).collect()
}

#[allow(clippy::disallowed_methods, reason = "the contract is about the bytes")]
fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::Bytes(secret) => secret.expose().to_vec(),
        // Each secret of some kinds has members; of these doubles' they have one.
        Value::Fields(fields) => match fields.as_slice() {
            [(_, only)] => only.expose().to_vec(),
            _ => panic!("a secret of one value came back as several"),
        },
    }
}

fn finish(pending: Pending<'_>) -> Result<(), StoreError> {
    net::runtime().unwrap().block_on(pending)
}

/// The secrets that every double is asked for, as far as its medium can hold them.
fn secrets() -> Vec<(&'static str, Vec<u8>)> {
    let mut random = Random::new(1);
    vec![
        ("plain", b"correct horse".to_vec()),
        ("empty", Vec::new()),
        ("newline", b"\n".to_vec()),
        ("newlines", b"a\n\n".to_vec()),
        ("carriage", b"a\r\n".to_vec()),
        ("blanks", b" \t a \t ".to_vec()),
        ("reference", b"$<secret:plain> ${secret:plain} $$".to_vec()),
        ("no-text", (1..=255).rev().collect()),
        ("binary", (0..=255).collect()),
        ("mebibyte", (0..1 << 20).map(|_| random.below(255) as u8 + 1).collect()),
    ]
}

/// Every kind with its fixture, a double, and the secrets in that.
fn each(test: impl Fn(&Kind, &Fixture, &dyn Store, &[(&str, &[u8])])) {
    let secrets = secrets();
    for (kind, fixture) in KINDS.iter().zip(FIXTURES) {
        let fixture = fixture();
        let carried: Vec<(&str, &[u8])> = secrets
            .iter()
            .filter(|(_, value)| (fixture.carries)(value))
            .map(|(name, value)| (*name, value.as_slice()))
            .collect();
        let double = (fixture.seed)(&carried);
        test(kind, &fixture, &*double.store, &carried);
    }
}

fn assert_same(kind: &Kind, name: &str, answer: &Answer, expected: &[u8]) {
    let Some(Ok(value)) = answer else { panic!("{}:{name} is {answer:?}", kind.name) };
    // Not assert_eq: a mebibyte in a failure message helps nobody.
    assert!(value == expected, "{}:{name} came back as other bytes, {} of them", kind.name, value.len());
}

fn is_absent(fixture: &Fixture, answer: &Answer) -> bool {
    if fixture.tells_absence { answer.is_none() } else { matches!(answer, Some(Err(_))) }
}

#[test]
fn every_kind_has_a_name_that_no_reference_takes_otherwise() {
    for (at, kind) in KINDS.iter().enumerate() {
        assert!(KINDS[..at].iter().all(|other| other.name != kind.name), "{}", kind.name);
        assert!(!["secret", "pods", "stack"].contains(&kind.name));
        assert!(!kind.about.is_empty() && !kind.about.contains('\n'));
    }
}

#[test]
fn each_secret_comes_back_byte_for_byte() {
    each(|kind, _, store, secrets| {
        for (name, value) in secrets {
            assert_same(kind, name, &answers(store, &[name])[0], value);
        }
    });
}

#[test]
fn a_secret_that_is_not_there_has_no_value() {
    each(|kind, fixture, store, _| {
        let answer = answers(store, &["absent"]).pop().unwrap();
        assert!(is_absent(fixture, &answer), "{}: {answer:?}", kind.name);
    });
}

#[test]
fn no_request_is_no_failure() {
    each(|_, _, store, _| assert!(answers(store, &[]).is_empty()));
    each(|_, _, store, _| finish(store.look(&mut [])).unwrap());
}

#[test]
fn looking_finds_what_asking_would() {
    each(|kind, fixture, store, secrets| {
        let look = |path: &str| {
            let mut look = [Look { address: request(path).address, identity: String::new(), answer: None }];
            finish(store.look(&mut look)).unwrap();
            look.into_iter().next().unwrap().answer
        };
        for (name, _) in secrets {
            let answer = look(name);
            assert!(
                matches!(answer, Some(Ok(Access::Readable | Access::Unknown(_)))),
                "{}:{name}: {answer:?}",
                kind.name
            );
        }
        let absent = look("absent");
        let is_told =
            if fixture.tells_absence { absent.is_none() } else { !matches!(absent, Some(Ok(Access::Readable))) };
        assert!(is_told, "{}: {absent:?}", kind.name);
    });
}

#[test]
fn a_batch_in_any_order_is_answered_place_by_place() {
    each(|kind, fixture, store, secrets| {
        let mut random = Random::new(7);
        for _ in 0..4 {
            // Some twice, some missing, others absent.
            let asked: Vec<Option<&(&str, &[u8])>> = (0..20)
                .map(|_| (random.below(4) > 0).then(|| *random.pick(&secrets.iter().collect::<Vec<_>>())))
                .collect();
            let paths: Vec<&str> = asked.iter().map(|secret| secret.map_or("absent", |(name, _)| name)).collect();
            let answered = answers(store, &paths);
            assert_eq!(answered.len(), asked.len());
            for (answer, asked) in answered.iter().zip(asked) {
                match asked {
                    Some((name, value)) => assert_same(kind, name, answer, value),
                    None => assert!(is_absent(fixture, answer), "{}: {answer:?}", kind.name),
                }
            }
        }
    });
}

#[test]
fn an_error_shows_no_value() {
    each(|kind, _, store, secrets| {
        let paths: Vec<&str> = secrets.iter().map(|(name, _)| *name).chain(["absent"]).collect();
        for failure in answers(store, &paths).into_iter().flatten().filter_map(Result::err) {
            assert!(!failure.to_string().contains("correct horse"), "{}", kind.name);
        }
    });
}

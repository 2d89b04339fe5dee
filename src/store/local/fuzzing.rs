//! What holds for any document and any file: the part of `crate::fuzzing` that looks inside this kind.
#![allow(clippy::disallowed_methods, reason = "values are compared")]
#![allow(clippy::unwrap_used, reason = "to panic is this file's task")]

use super::file;
use super::format::{Details, Document, Entry, labels, pick};
use super::identity::{Identities, Origin};
use crate::secret::Secret;
use crate::store::manage::Content;
use std::path::Path;

/// What the corpus of `tests/fuzz` is encrypted to, and nothing else.
const IDENTITY: &str = "AGE-SECRET-KEY-10M8K86HYAGD3EFXNTDNQE4WPR2F4U836M3JW9KPXSX49FH7S2TPQW3Y00G";

/// A document that can be read is the same once it is written, and a launch finds all that is in it.
pub(crate) fn document(json: &str) {
    let document = match Document::parse(json) {
        Ok(document) => document,
        Err(fault) => return assert!(!file::fault(Path::new("store"), fault).to_string().is_empty()),
    };
    let written = document.to_json().unwrap();
    let again = Document::parse(std::str::from_utf8(&written).unwrap()).ok().unwrap();
    assert!(*again.to_json().unwrap() == *written);
    let labelled = |(key, label): (&str, &str)| (key.to_owned(), label.to_owned());
    let mut labels = labels(json).unwrap();
    labels.sort();
    assert!(labels.into_iter().eq(super::label::labels(&document).map(labelled)));
    let names = |entries: &super::format::Entries| entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let (secrets, random) = (names(&document.secrets), names(&document.random));
    let (secrets, random): (Vec<_>, Vec<_>) =
        (secrets.iter().map(String::as_str).collect(), random.iter().map(String::as_str).collect());
    let picked = pick(json, &secrets, &random, true).ok().unwrap();
    let all = document.secrets.iter().chain(document.random.iter());
    for (found, (_, entry)) in picked.0.iter().chain(&picked.1).zip(all) {
        match (&found.as_ref().unwrap().content, &entry.content) {
            (Some(found), Some(content)) => assert!(is_same(found, content)),
            (found, content) => assert!(found.is_none() && content.is_none()),
        }
    }
}

fn is_same(one: &Content, other: &Content) -> bool {
    match (one, other) {
        (Content::Bytes(one), Content::Bytes(other)) => one.expose() == other.expose(),
        (Content::Fields(one), Content::Fields(other)) => {
            let pairs = || one.iter().zip(other);
            one.len() == other.len()
                && pairs().all(|(one, other)| one.0 == other.0 && one.1.expose() == other.1.expose())
        }
        _ => false,
    }
}

/// A file is opened or refused with a reason.
pub(crate) fn file(sealed: &[u8]) {
    let identities =
        Identities { keys: vec![IDENTITY.parse().unwrap()], origin: Origin::Variable("INJECT_IDENTITY".to_owned()) };
    let sealed = file::Sealed { bytes: sealed, length: sealed.len() };
    match file::decrypt(Path::new("store"), sealed, &identities) {
        Ok(json) => document(&json),
        Err(error) => assert!(error.to_string().contains("store")),
    }
}

/// Names and values of any bytes, each as long as the byte before it says, come back as they were.
pub(crate) fn written(mut input: &[u8]) {
    let mut next = || {
        let (length, rest) = input.split_first()?;
        let (bytes, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        input = rest;
        Some(bytes)
    };
    let mut given: Vec<(String, &[u8])> = Vec::new();
    let mut document = Document::default();
    while let (Some(name), Some(value)) = (next(), next()) {
        let name = String::from_utf8_lossy(name).into_owned();
        let entry = |name: &str, content| Entry {
            content: Some(content),
            details: Details { description: name.to_owned(), ..Details::default() },
        };
        document.secrets.put(&name, entry(&name, Content::Bytes(Secret::from(value.to_vec()))));
        let fields =
            vec![(name.clone(), Secret::from(value.to_vec())), (format!("{name}2"), Secret::from(name.clone()))];
        document.random.put(&name, entry("", Content::Fields(fields)));
        given.retain(|(other, _)| *other != name);
        given.push((name, value));
    }
    let json = document.to_json().unwrap();
    assert_eq!(json.len(), json.capacity());
    let read = Document::parse(std::str::from_utf8(&json).unwrap()).ok().unwrap();
    assert_eq!(read.secrets.iter().count(), given.len());
    for (name, value) in given {
        let (secret, random) = (read.secrets.get(&name).unwrap(), read.random.get(&name).unwrap());
        assert_eq!(secret.details.description, name);
        let Some(Content::Bytes(secret)) = &secret.content else { panic!("it was bytes") };
        let Some(Content::Fields(fields)) = &random.content else { panic!("it was fields") };
        assert!(secret.expose() == value && fields[0].1.expose() == value && fields[1].1.expose() == name.as_bytes());
    }
}

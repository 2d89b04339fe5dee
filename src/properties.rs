//! Properties over random inputs, which are the same at each run, and over the corpus that fuzzing
//! keeps. A failure names its seed and its input.

use crate::filter::Filter;
use crate::fuzzing::{self, VALUES};
use crate::secret::Secret;
use crate::store::contract::Random;
use crate::template::{Part, Scan, Slot, Source, Template, Value};
use std::panic;

type Target = (&'static str, fn(&[u8]), &'static [&'static str]);

/// Each target of `tests/fuzz`, and the pieces that its random inputs are made of.
static TARGETS: &[Target] = &[
    (
        "configuration",
        fuzzing::configuration,
        &[
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "=",
            "\n",
            "'",
            ".",
            "#",
            "null",
            "true",
            "1e9",
            "\"secret_map\":{",
            "\"environment_variables\":{",
            "\"files\":{",
            "\"stores\":{",
            "\"A\":\"$<env:B>\"",
            "\"A\":",
            "\"\\u0041\"",
            "[secret_map]\n",
            "A.b = ",
            "\"value\"",
            "\"kind\":\"dir\"",
            "\"path\":\"x\"",
            "\"${pods:secrets:A}\"",
        ],
    ),
    (
        "dotenv",
        fuzzing::dotenv,
        &["A", "=", "\"", "'", "\\", "\n", "\r\n", " ", "\t", "#", "export ", "B=1\n", "\\n", "\0", "é"],
    ),
    (
        "reference",
        fuzzing::reference,
        &[
            "secret:",
            "pods:",
            "stack:",
            "secrets:",
            "default:",
            "random:",
            "networking:",
            "url",
            "pod_id",
            "store",
            ":",
            "#",
            "@",
            "|",
            "trim",
            "base64d",
            ":-",
            ":?",
            "%",
            "%41",
            "%FF",
            "8",
            "16",
            "+",
            "/",
            "-",
            "é",
            "",
        ],
    ),
    (
        "store_file",
        fuzzing::store_file,
        &[
            "{",
            "}",
            "\"format\":1",
            ",",
            "\"secrets\":{",
            "\"random\":{",
            "\"a\":{",
            "\"value\":\"x\"",
            "\"base64\":\"/w==\"",
            "\"fields\":{",
            "\"format\":2",
            "\"recipients\":[",
            "]",
            "\"\\u0061\":{",
            "\u{3}",
        ],
    ),
    (
        "store_replies",
        fuzzing::store_replies,
        &[
            "{",
            "}",
            "[",
            "]",
            ",",
            "\0",
            "404 ",
            "403 ",
            "400 ",
            "\"<hunter2>\"",
            "\"status\":\"success\"",
            "\"status\":\"error\"",
            "\"message\":\"<hunter2>\"",
            "\"result\":{",
            "\"secret_value\":\"x\"",
            "\"access_token\":{\"access_token\":\"a.b.c\"}",
            "\"readable\":false",
            "\"request-id\":1",
            "\"request-id\":2",
            "\"response\":{",
            "\"facades\":[{\"name\":\"Secrets\",\"versions\":[2]}]",
            "\"error-code\":\"not found\"",
            "\"data\":{\"key\":\"eA==\"}",
            "{\"clusters\":[{\"name\":\"default\",\"secrets_url\":\"http://127.0.0.1:1/s\"}],\"projects\":[",
            "{\"cluster_name\":\"default\",\"org_name\":\"o\",\"name\":\"p\"}",
            "\"value\":\"aHVudGVyMg==\"",
            "\"value\":[1,\"<hunter2>\"]",
            "\"value\":\"\"",
            "\"is_hidden_value\":true",
            "\"error\":\"<hunter2>\"",
            "\"error_code\":\"not_found_error\"",
            "\"results\":[",
            "{\"key\":\"plain\",\"scope\":\"PROJECT\",\"is_secret\":false,\"value\":\"x\"}",
            "{\"key\":\"plain\",\"scope\":\"CONTAINER\",\"is_secret\":true}",
        ],
    ),
    (
        "template",
        fuzzing::template,
        &[
            "$",
            "$$",
            "<",
            ">",
            "{",
            "}",
            "$<",
            "${",
            "s:",
            "a",
            "secret:",
            "pods:secrets:",
            "pods:default:",
            ":?",
            "pods:random:",
            "pods:networking:",
            "stack:secrets:",
            "pods:url",
            "12",
            ":",
            "|trim",
            ":-",
            "\n",
            "é",
            "%3E",
        ],
    ),
];

/// Runs it, and says with what it failed.
fn run(property: fn(&[u8]), input: &[u8], origin: &str) {
    if panic::catch_unwind(|| property(input)).is_err() {
        panic!("{origin}: {:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn what_holds_for_any_input_holds_for_random_ones() {
    for (name, property, pieces) in TARGETS {
        for seed in 0..2000 {
            let mut random = Random::new(seed);
            let input: String = (0..random.below(16)).map(|_| *random.pick(pieces)).collect();
            run(*property, input.as_bytes(), &format!("{name}, seed {seed}"));
        }
        for seed in 0..300 {
            let mut random = Random::new(seed);
            let input: Vec<u8> = (0..random.below(64)).map(|_| random.below(256) as u8).collect();
            run(*property, &input, &format!("{name}, bytes, seed {seed}"));
        }
    }
}

#[test]
fn what_holds_for_any_input_holds_for_the_kept_corpus() {
    for (name, property, _) in TARGETS {
        let corpus = format!("{}/tests/fuzz/corpus/{name}", env!("CARGO_MANIFEST_DIR"));
        let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 10, "{name}");
        for file in files {
            run(*property, &std::fs::read(&file).unwrap(), &file.display().to_string());
        }
    }
}

fn bytes(random: &mut Random, pieces: &[&[u8]]) -> Vec<u8> {
    (0..random.below(6)).flat_map(|_| *random.pick(pieces)).copied().collect()
}

/// As a configuration writes a text that is meant as it is: directly before `<`, dollars are doubled.
fn escaped(literal: &[u8], before_hole: bool) -> Vec<u8> {
    let (mut text, mut dollars) = (Vec::new(), 0);
    for &byte in literal {
        if byte == b'<' {
            text.resize(text.len() + dollars, b'$');
        }
        text.push(byte);
        dollars = if byte == b'$' { dollars + 1 } else { 0 };
    }
    text.resize(text.len() + if before_hole { dollars } else { 0 }, b'$');
    text
}

#[test]
fn a_template_becomes_its_literals_and_its_values_and_nothing_else() {
    let literals: [&[u8]; 11] =
        [b"$", b"$$", b"<", b">", b"{", b"}", b"${HOME}", b"x", b"\0", b"\xff\xfe", b"{secret.a}"];
    for seed in 0..5000 {
        let mut random = Random::new(seed);
        let values: Vec<Vec<u8>> = (0..4).map(|_| bytes(&mut random, &VALUES)).collect();
        let (mut text, mut expected) = (Vec::new(), Vec::new());
        for _ in 0..=random.below(8) {
            let literal = bytes(&mut random, &literals);
            let number = random.below(values.len());
            text.extend(escaped(&literal, true));
            text.extend(format!("$<s:{number}>").bytes());
            expected.extend([&*literal, &*values[number]].concat());
        }
        let last = bytes(&mut random, &literals);
        text.extend(escaped(&last, false));
        expected.extend(last);
        assert_eq!(rendered(&text, &values), expected, "seed {seed}: {}", String::from_utf8_lossy(&text));
    }
}

/// The template's text where `$<s:NUMBER>` is the value of that number.
#[allow(clippy::disallowed_methods, reason = "what is rendered is compared")]
fn rendered(text: &[u8], values: &[Vec<u8>]) -> Vec<u8> {
    let values: Vec<Value> = values.iter().map(|value| Value::Bytes(Secret::from(value.clone()))).collect();
    let slot = |part| match part {
        Part::Text(text) => Part::Text(text),
        Part::Hole(hole) => {
            let shown = crate::reference::Hole::to_string(&hole);
            let number = shown.trim_start_matches("$<s:").trim_end_matches('>').parse().unwrap();
            let source = Source::Request(number);
            Part::Hole(Slot { source, hole })
        }
    };
    let parts = Template::scan(text, Scan::Every).unwrap().parts.into_iter().map(slot).collect();
    let fill = |source| match source {
        Source::Request(number) => values.get(number),
        Source::Entry(_) => None,
    };
    Template { parts }.render(&fill).unwrap().expose().to_vec()
}

#[test]
fn filters_undo_one_another() {
    for seed in 0..2000 {
        let mut random = Random::new(seed);
        let value: Vec<u8> = (0..random.below(40)).map(|_| random.below(256) as u8).collect();
        let run = |filters: &[Filter], value: &[u8]| Filter::run_all(filters, value).unwrap();
        assert_eq!(run(&[Filter::Base64Encode, Filter::Base64Decode], &value), value, "seed {seed}");
        let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(run(&[Filter::HexDecode], digits.as_bytes()), value, "seed {seed}");
        // A default is percent-decoded.
        let encoded = String::from_utf8(run(&[Filter::UrlEncode], &value)).unwrap();
        let reference = crate::reference::parse_angle(&format!("s:a:-{encoded}")).unwrap();
        assert_eq!(*reference.absent(), crate::reference::Absent::Default(value.clone()), "seed {seed}");
        let quoted = run(&[Filter::ShellQuote], &value);
        let inside = quoted.strip_prefix(b"'").unwrap().strip_suffix(b"'").unwrap();
        let pieces: Vec<&[u8]> = value.split(|&byte| byte == b'\'').collect();
        assert_eq!(inside, pieces.join(&b"'\\''"[..]), "seed {seed}");
        let text = serde_json::json!({ "k": [String::from_utf8_lossy(&value)] });
        assert_eq!(run(&[Filter::Json], format!("{text:#}").as_bytes()), text.to_string().as_bytes(), "seed {seed}");
    }
}

#[cfg(feature = "local")]
mod store_files {
    use super::*;
    use crate::reference::Address;
    use crate::store::at_once;
    use crate::store::local::Fixture;
    use crate::store::manage::{Attributes, Content, Existing, Manage as _, ManageError, Metadata, Outcomes};
    use std::fs;

    #[allow(clippy::disallowed_methods, reason = "what comes back is compared")]
    fn value(fixture: &Fixture, name: &str) -> Result<Vec<u8>, String> {
        match at_once(fixture.secrets().value(&address(name), &Attributes::default())).unwrap() {
            Ok(Content::Bytes(secret)) => Ok(secret.expose().to_vec()),
            Ok(Content::Fields(_)) => panic!("it was one value"),
            Err(error) => Err(error.to_string()),
        }
    }

    fn address(name: &str) -> Address {
        Address { store: None, path: name.into(), version: None }
    }

    fn add(fixture: &Fixture, name: &str, value: &[u8], existing: Existing) -> Result<Metadata, ManageError> {
        let content = Content::Bytes(Secret::from(value.to_vec()));
        let (store, address, given) = (fixture.secrets(), address(name), Attributes::default());
        at_once(store.add(&address, content, existing, &given)).unwrap()
    }

    fn remove(fixture: &Fixture, name: &str) -> Result<Outcomes, ManageError> {
        at_once(fixture.secrets().remove(&[address(name)], &Attributes::default())).unwrap()
    }

    #[test]
    fn a_damaged_file_is_told_and_left_as_it_is_wherever_the_damage_is() {
        let fixture = Fixture::with(&[("a", b"hunter2"), ("b", &[0xff; 300])]);
        let path = fixture.directory.join("secrets.age");
        let good = fs::read(&path).unwrap();
        let mut random = Random::new(1);
        let cut = (0..40).map(|_| random.below(good.len())).chain(0..8).map(|length| good[..length].to_vec());
        let mut damaged: Vec<Vec<u8>> = cut.collect();
        for bit in 0..60 {
            let mut flipped = good.clone();
            let at = random.below(flipped.len());
            flipped[at] ^= 1 << (bit % 8);
            damaged.push(flipped);
        }
        damaged.push([good.as_slice(), &good].concat());
        damaged.push([good.as_slice(), b"\n"].concat());
        for bytes in damaged {
            fs::write(&path, &bytes).unwrap();
            let error = value(&fixture, "a").unwrap_err();
            assert!(error.contains("secrets.age") && !error.contains("hunter2"), "{error}");
            assert!(add(&fixture, "c", b"x", Existing::Refuse).is_err());
            assert!(fs::read(&path).unwrap() == bytes, "a damaged store was written to");
        }
        fs::write(&path, &good).unwrap();
        assert_eq!(value(&fixture, "a").unwrap(), b"hunter2");
    }

    #[test]
    fn a_store_in_the_place_of_another_is_not_taken_for_it() {
        let (one, other) = (Fixture::with(&[("a", b"1")]), Fixture::with(&[("a", b"2")]));
        let [one_path, other_path] = [&one, &other].map(|fixture| fixture.directory.join("secrets.age"));
        let swapped = fs::read(&other_path).unwrap();
        fs::rename(&one_path, other_path).unwrap();
        fs::write(&one_path, &swapped).unwrap();
        for fixture in [&one, &other] {
            let error = value(fixture, "a").unwrap_err();
            assert!(error.contains("is not encrypted to the identity"), "{error}");
            assert!(add(fixture, "a", b"3", Existing::Replace).is_err());
        }
        assert!(fs::read(&one_path).unwrap() == swapped);
    }

    #[test]
    fn any_bytes_are_kept_under_any_history_of_changes() {
        let fixture = Fixture::with(&[]);
        let mut random = Random::new(3);
        let mut expected: std::collections::BTreeMap<String, Vec<u8>> = Default::default();
        for _ in 0..40 {
            let name = format!("n{}", random.below(6));
            let bytes: Vec<u8> = (0..random.below(2000)).map(|_| random.below(256) as u8).collect();
            match random.below(4) {
                0 if expected.remove(&name).is_some() => remove(&fixture, &name).map(drop).unwrap(),
                0 => assert!(remove(&fixture, &name).is_err()),
                _ => {
                    add(&fixture, &name, &bytes, Existing::Replace).unwrap();
                    expected.insert(name, bytes);
                }
            }
        }
        for name in 0..6 {
            let name = format!("n{name}");
            assert_eq!(value(&fixture, &name).ok(), expected.get(&name).cloned());
        }
    }
}

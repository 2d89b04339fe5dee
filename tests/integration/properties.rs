//! For any bytes as value, the command receives exactly those bytes, as often as they are referred
//! to, and nothing in them means anything to anybody.

use crate::harness::World;
use serde_json::{Map, json};
use std::fmt::Write as _;
use std::fs;

/// Numbers that look random and are the same at each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// Some bytes at random, some that mean something where they are looked at.
fn value(random: &mut Random, nul: bool) -> Vec<u8> {
    let pieces: [&[u8]; 10] = [
        b"$<run:v0>",
        b"${pods:secrets:E0}",
        b"$$<",
        b"\n",
        b"\r\n",
        b"\xff\xfe",
        b"%41",
        b"${HOME} $(id) `id`",
        b"'\"\\",
        b"=",
    ];
    let mut bytes = Vec::new();
    for _ in 0..random.below(8) {
        if random.below(2) == 0 {
            bytes.extend_from_slice(pieces[random.below(pieces.len())]);
        } else {
            bytes.extend((0..random.below(200)).map(|_| random.below(256) as u8).filter(|&byte| nul || byte != 0));
        }
    }
    bytes
}

/// A template, and what it has to become: literals, and references to values and to entries that
/// hold one.
fn template(random: &mut Random, values: &[(String, Vec<u8>)]) -> (String, Vec<u8>) {
    // As written, and as meant.
    let literals =
        [("x", "x"), ("$$<run:v0>", "$<run:v0>"), ("${HOME}", "${HOME}"), ("é\n", "é\n"), (" ", " "), (">", ">")];
    let (mut text, mut expected) = (String::new(), Vec::new());
    for _ in 0..random.below(6) {
        if random.below(3) == 0 {
            let (written, meant) = random.pick(&literals);
            text += written;
            expected.extend_from_slice(meant.as_bytes());
            continue;
        }
        let (name, value) = random.pick(values);
        let _ = match random.below(4) {
            0 => write!(text, "$<pods:secrets:E{name}>"),
            1 => write!(text, "${{pods:secrets:E{name}}}"),
            2 => write!(text, "$<run:{name}|base64|base64d>"),
            _ => write!(text, "$<run:{name}>"),
        };
        expected.extend_from_slice(value);
    }
    (text, expected)
}

#[test]
fn the_command_receives_the_bytes_of_each_value_wherever_it_is_referred_to() {
    for seed in 1..=8 {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ seed);
        let world = World::new();
        let values = |random: &mut Random, prefix: &str, nul: bool| -> Vec<(String, Vec<u8>)> {
            (0..12).map(|number| (format!("{prefix}{number}"), value(random, nul))).collect()
        };
        let (texts, binaries) = (values(&mut random, "v", false), values(&mut random, "b", true));
        let mut map = Map::new();
        for (name, bytes) in texts.iter().chain(&binaries) {
            world.file(&format!("run/{name}"), bytes);
            map.insert(format!("E{name}"), json!(format!("$<run:{name}>")));
        }
        let (mut variables, mut files) = (Map::new(), Map::new());
        let (mut expected, mut contents, mut show) = (Vec::new(), Vec::new(), String::new());
        for number in 0..40 {
            let (text, value) = template(&mut random, &texts);
            variables.insert(format!("V{number}"), json!(text));
            expected.push([format!("V{number}=").as_bytes(), &value].concat());
        }
        for number in 0..20 {
            let (text, value) = template(&mut random, &binaries);
            if number % 3 == 0 {
                variables.insert(format!("D{number}"), json!({ "value": text, "as": "fd" }));
                let _ = write!(show, " \"$D{number}\"");
            } else {
                files.insert(format!("d/f{number}"), json!(text));
                let _ = write!(show, " \"$INJECT_FILES/d/f{number}\"");
            }
            contents.extend(value);
        }
        let config = json!({
            "stores": { "run": { "kind": "dir", "path": "run" } },
            "secret_map": map,
            "environment_variables": variables,
            "files": files,
        });
        world.file("c.json", config.to_string());
        let command = format!("cat /proc/$$/environ > environ; cat{show}");
        let done = world.inject(["-c", "c.json", "--", "sh", "-c", &command]).done().quiet();
        assert!(done.out == contents, "seed {seed}: files and descriptors");
        let environ = fs::read(world.path("environ")).unwrap();
        let mut received: Vec<_> = environ.strip_suffix(b"\0").unwrap().split(|&byte| byte == 0).collect();
        received.retain(|entry| entry.starts_with(b"V"));
        received.sort_unstable();
        expected.sort_unstable();
        assert!(received == expected, "seed {seed}: variables");
    }
}

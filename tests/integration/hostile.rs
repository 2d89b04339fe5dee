//! Input that means no good: huge, endless, deep, binary. One clear report or the right result, and
//! in no more than linear time: a launch has six seconds of processor time, which anything quadratic
//! over these inputs exceeds by far, and which other work of the machine does not count against.

use crate::harness::{Inject, Outcome, PROGRAM, World, os};
use serde_json::json;
use std::fmt::Write as _;

const MANY: usize = 100_000;
const SIZE: usize = 1 << 20;

/// The binary, which the kernel ends after six seconds of work, and gives 2 GiB of memory.
fn inject(world: &World, arguments: &[&str]) -> Inject {
    let limited = ["-c", "ulimit -t 6; ulimit -v 2097152; exec \"$@\"", "sh", PROGRAM];
    world.run("sh", limited.iter().chain(arguments))
}

/// A JSON object of so many members.
fn object(member: impl Fn(usize) -> (String, String)) -> String {
    let mut text = String::from("{");
    for number in 0..MANY {
        let (name, value) = member(number);
        let _ = writeln!(text, "{}{}: {}", if number == 0 { "" } else { "," }, json!(name), json!(value));
    }
    text + "}"
}

/// The reports stay short enough to be read by a program, if by nobody else.
#[track_caller]
fn short(done: Outcome) -> Outcome {
    assert!(done.err.len() < 100 << 20, "{} bytes of report", done.err.len());
    done
}

/// It ended by itself, and said why; the whole report is too long to show.
#[track_caller]
fn refused(done: Outcome, status: i32, pieces: &[&str]) {
    let done = short(done);
    let start: String = done.err.chars().take(500).collect();
    assert_eq!((done.status, done.signal), (Some(status), None), "{start}");
    for piece in pieces {
        assert!(done.err.contains(piece), "no {piece:?} in {start:?}");
    }
    assert!(!done.err.contains("internal error"));
}

#[test]
fn a_value_of_a_mebibyte_arrives_and_one_byte_more_is_told() {
    let world = World::new();
    let value: Vec<u8> = (0..1 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    world.file("run/fits", &value).file("run/over", [value.as_slice(), b"x"].concat());
    world.file("c.json", r#"{"stores": {"run": {"kind": "dir", "path": "run"}}}"#);
    let launch = |reference: &str| {
        let file = format!("value={reference}");
        world.inject(["-c", "c.json", "-f", &file, "--", "sh", "-c", "cat \"$INJECT_FILES/value\""]).done()
    };
    assert!(launch("$<run:fits>").quiet().out == value);
    launch("$<run:over>").fails(125, &["value", "$<run:over>", "more than 1048576 bytes"]);
    let done = world.inject(["-c", "c.json", "-e", "V=$<run:fits|base64>", "--", "true"]).done();
    done.fails(126, &["-e V", "1398107 bytes", "131072", "use a file"]);
}

#[test]
fn values_that_multiply_are_stopped_before_memory_is() {
    let world = World::new();
    let mut map = serde_json::Map::new();
    map.insert("E0".to_owned(), json!("x".repeat(1000)));
    for level in 1..40 {
        let below = level - 1;
        map.insert(format!("E{level}"), json!(format!("$<pods:secrets:E{below}>$<pods:secrets:E{below}>")));
    }
    let config = |name: &str| json!({ "secret_map": map, "environment_variables": { name: "$<pods:secrets:E39>" } });
    world.file("value.json", config("V").to_string()).file("path.json", config("PATH").to_string());
    refused(inject(&world, &["-c", "value.json", "--", "true"]).done(), 125, &["secret_map.E", "longer than 16 MiB"]);
    refused(inject(&world, &["-c", "path.json", "--", "true"]).done(), 125, &["PATH", "128 KiB"]);

    let large = "x".repeat(8 << 20);
    let wide = (0..100).map(|number| (format!("W{number}"), json!("$<pods:secrets:E>")));
    let wide: serde_json::Map<_, _> = wide.chain([("E".to_owned(), json!(large))]).collect();
    world.file("wide.json", json!({ "secret_map": wide }).to_string());
    refused(inject(&world, &["-c", "wide.json", "--", "true"]).done(), 125, &["together are longer than 256 MiB"]);
    let many = "$<pods:secrets:E|urlencode>".repeat(1000);
    let config = json!({ "secret_map": { "E": large }, "environment_variables": { "V": many } });
    world.file("many.json", config.to_string());
    refused(inject(&world, &["-c", "many.json", "--", "true"]).done(), 125, &["V", "longer than 16 MiB"]);
}

#[test]
fn a_hundred_thousand_entries_that_become_variables_are_too_many_and_one_of_them_is_not() {
    let world = World::new();
    let map = object(|number| (format!("NAME{number}"), format!("value {number}")));
    world.file("alone.json", format!("{{\"secret_map\": {map}}}"));
    world.file(
        "one.json",
        format!("{{\"secret_map\": {map}, \"environment_variables\": {{\"V\": \"$<pods:secrets:NAME77777>\"}}}}"),
    );
    let done = inject(&world, &["-c", "alone.json", "--", "true"]).done();
    refused(done, 126, &["arguments and environment have", "the kernel takes", "the largest is the variable"]);
    let done = inject(&world, &["-c", "one.json", "--", "sh", "-c", "printf %s \"$V\""]).done().quiet();
    assert_eq!(done.text(), "value 77777");
    for verb in ["check", "plan"] {
        let done = short(inject(&world, &[verb, "-c", "one.json"]).done());
        assert_eq!(done.status, Some(0));
    }
}

#[test]
fn a_chain_of_entries_as_long_as_the_map_is_followed_to_its_end() {
    let world = World::new();
    let next = |number: usize| match number + 1 {
        MANY => "end".to_owned(),
        next => format!("$<pods:secrets:N{next}>"),
    };
    let map = object(|number| (format!("N{number}"), next(number)));
    world.file(
        "c.json",
        format!("{{\"secret_map\": {map}, \"environment_variables\": {{\"V\": \"$<pods:secrets:N0>\"}}}}"),
    );
    let done = inject(&world, &["-c", "c.json", "--", "sh", "-c", "printf %s \"$V\""]).done().quiet();
    assert_eq!(done.text(), "end");
    world.file("all.json", format!("{{\"secret_map\": {map}}}"));
    for arguments in [["plan", "-c", "all.json"], ["plan", "-c", "c.json"], ["check", "-c", "all.json"]] {
        let done = inject(&world, &arguments).done();
        assert_eq!((done.status, done.signal), (Some(0), None));
        assert!(done.out.len() < 100 << 20);
    }
}

#[test]
fn circles_are_named_in_a_line_however_long_and_many_they_are() {
    let world = World::new();
    let config = |reference: &dyn Fn(usize) -> String| {
        let map = object(|number| (format!("N{number}"), reference(number)));
        world.file("c.json", format!("{{\"secret_map\": {map}}}"));
        inject(&world, &["check", "-c", "c.json"]).done()
    };
    let done = config(&|number| format!("$<pods:secrets:N{}>", (number + 1) % MANY));
    refused(done, 125, &["circle: N", "(99990 others) -> N"]);
    // Each entry closes a circle with the first.
    let done = config(&|number| match number + 1 {
        MANY => "$<pods:secrets:N0>".to_owned(),
        next => format!("$<pods:secrets:N{next}>$<pods:secrets:N0>"),
    });
    refused(done, 125, &["N0 -> N0", "100000 things"]);
    refused(config(&|number| format!("$<pods:secrets:N{number}>")), 125, &["N99999 -> N99999"]);
}

#[test]
fn a_hundred_thousand_mistakes_are_reported_each_with_its_place() {
    let world = World::new();
    let mistakes = |value: &dyn Fn(usize) -> String| {
        let map = object(|number| (format!("N{number}"), value(number)));
        world.file("c.json", format!("{{\"secret_map\": {map}}}"));
        inject(&world, &["check", "-c", "c.json"]).done()
    };
    refused(mistakes(&|_| "$<".to_owned()), 125, &["100000 things", "secret_map.N99999 (c.json:100000:2)"]);
    refused(mistakes(&|number| format!("$<pods:secrets:M{number}>")), 125, &["no entry `M99999`", "c.json:100000:2"]);
    refused(mistakes(&|number| format!("$<store{number}:x>")), 125, &["no store `store99999`"]);
    refused(mistakes(&|_| "${:?x}".to_owned()), 125, &["100000 things"]);
    refused(inject(&world, &["check", "--dialect", "tapis", "-c", "c.json"]).done(), 125, &["N99999"]);

    let one_line = object(|number| (format!("k{number}"), String::new())).replace('\n', "");
    world.file("c.json", &one_line);
    refused(inject(&world, &["check", "-c", "c.json"]).done(), 125, &["the key `k99999` is not known"]);
    world
        .file("c.json", format!("{{\"secret_map\": {}}}", "{\"a\": 1}".replace('}', &", \"a\": 1".repeat(MANY)) + "}"));
    refused(inject(&world, &["check", "-c", "c.json"]).done(), 125, &["stands twice"]);
}

#[test]
fn stores_and_networks_are_found_among_a_hundred_thousand() {
    let world = World::new();
    let stores = (0..MANY).map(|number| (format!("s{number}"), json!({ "kind": "env" })));
    let map = (0..MANY).map(|number| (format!("N{number}"), json!(format!("$<s{number}:WORD>"))));
    let config = json!({
        "stores": stores.collect::<serde_json::Map<_, _>>(),
        "secret_map": map.collect::<serde_json::Map<_, _>>(),
    });
    world.file("c.json", config.to_string());
    let done = inject(&world, &["-c", "c.json", "--", "true"]).env("WORD", "w").done();
    assert_eq!(done.quiet().out, b"");

    let nets = (0..MANY).map(|number| (format!("n{number}"), json!({ "url": "u", "port": number })));
    let map = (0..MANY).map(|number| (format!("N{number}"), json!(format!("${{pods:networking:n{number}:port}}"))));
    let config = json!({
        "networking": nets.collect::<serde_json::Map<_, _>>(),
        "secret_map": map.collect::<serde_json::Map<_, _>>(),
        "environment_variables": { "V": "${pods:secrets:N99999}" },
    });
    world.file("c.json", config.to_string());
    for dialect in ["strict", "tapis"] {
        let arguments = ["--dialect", dialect, "-c", "c.json", "--", "sh", "-c", "printf %s \"$V\""];
        assert_eq!(inject(&world, &arguments).done().quiet().text(), "99999");
    }
}

#[test]
fn hostile_texts_are_scanned_in_linear_time() {
    let world = World::new();
    let pieces = [
        "$<",
        "$$<",
        "${secret:",
        "${:?",
        "${pods:secrets::?",
        "${pods:secrets:A:?",
        "${pods:default:",
        "${pods:random:",
        "${pods:networking:default:",
        "${stack:secrets:",
        "$<s:$<",
        "${pods:url}",
        "${pods:networking:default:url}",
        "${pods:default:${:?",
        "$<pods:secrets:A>",
    ];
    for piece in pieces {
        let open = piece.repeat(SIZE / piece.len());
        let closed = format!("{open}}}>");
        let strict = json!({ "environment_variables": { "V": open, "W": closed } });
        // Tapis reads an entry by other rules than a variable.
        let tapis = json!({
            "secret_map": { "A": closed },
            "environment_variables": { "V": open },
            "networking": { "default": { "url": "a.pods.b" } },
        });
        for (dialect, config) in [("strict", strict), ("tapis", tapis)] {
            world.file("c.json", config.to_string());
            let done = short(inject(&world, &["check", "--dialect", dialect, "-c", "c.json"]).done());
            assert!(matches!(done.status, Some(0 | 125)), "{piece} {dialect}: {:?}", done.signal);
        }
    }
}

#[test]
fn hostile_env_files_are_read_in_linear_time() {
    let world = World::new();
    for (piece, end) in [
        ("A='\n", ""),
        ("A=\"\n", "'"),
        ("A=\"\\\"\n", ""),
        ("A='\nB=\"\n", ""),
        ("\"", ""),
        ("=", ""),
        ("A\n", ""),
        ("A=' x\n", ""),
        ("A= # \n", ""),
        ("A=\\", ""),
        (" ", "A=1"),
        ("\r", ""),
        ("export ", "A=1"),
        ("A=1\n", ""),
    ] {
        world.file("e.env", piece.repeat(SIZE / 2 / piece.len()) + end);
        let done = short(inject(&world, &["check", "--env-file", "e.env"]).done());
        assert!(matches!(done.status, Some(0 | 125)), "{piece:?}: {:?}", done.signal);
    }
}

#[test]
fn deep_documents_are_refused() {
    let world = World::new();
    for (name, open, close) in [
        ("c.json", "[", "]"),
        ("c.json", "{\"a\":", "}"),
        ("c.toml", "a = [", "]"),
        ("c.toml", "a.", ""),
        ("c.toml", "a={a=", "}"),
        ("c.toml", "[a.", "]"),
        ("c.toml", "[[a]]\n[[a.", "]]"),
        ("c.toml", "[[a]]\n", ""),
        ("c.toml", "[a.b]\n", ""),
    ] {
        for close in [close, ""] {
            let text = open.repeat(MANY) + &close.repeat(MANY);
            world.file(name, text);
            refused(inject(&world, &["check", "-c", name]).done(), 125, &[name]);
        }
    }
    let table = format!("[{}]\n", vec!["a"; MANY].join("."));
    world.file("c.toml", &table);
    refused(inject(&world, &["check", "-c", "c.toml"]).done(), 125, &["c.toml"]);
    world.file("c.toml", format!("{} = 1\n", vec!["a"; MANY].join(".")));
    refused(inject(&world, &["check", "-c", "c.toml"]).done(), 125, &["c.toml"]);
    let value = "[".repeat(MANY) + &"]".repeat(MANY);
    world.file("run/deep", value);
    let config =
        json!({ "stores": { "run": { "kind": "dir", "path": "run" } }, "secret_map": { "A": "$<run:deep#x>" } });
    world.file("c.json", config.to_string());
    refused(inject(&world, &["-c", "c.json", "--", "true"]).done(), 125, &["$<run:deep#x>", "not JSON"]);
}

#[test]
fn a_configuration_may_be_a_pipe_but_nothing_endless_and_no_directory() {
    let world = World::new();
    let by_pipe = "printf '{\"secret_map\": {\"V\": \"v\"}}' | \"$@\"";
    let arguments = ["-c", by_pipe, "sh", PROGRAM, "-c", "/dev/stdin", "--", "printenv", "V"];
    assert_eq!(world.run("sh", arguments).done().quiet().text(), "v\n");
    refused(inject(&world, &["-c", "/dev/zero", "--", "true"]).done(), 125, &["/dev/zero", "larger than 64 MiB"]);
    refused(inject(&world, &["--env-file", "/dev/zero", "--", "true"]).done(), 125, &["larger than 64 MiB"]);
    refused(inject(&world, &["-c", "/dev/null", "--", "true"]).done(), 125, &["/dev/null:1:1", "not valid JSON"]);
    refused(inject(&world, &["-c", ".", "--", "true"]).done(), 125, &["directory"]);
    refused(inject(&world, &["--env-file", ".", "--", "true"]).done(), 125, &["directory"]);
    nix::unistd::mkfifo(&world.path("inject.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused(inject(&world, &["--", "true"]).done(), 125, &["inject.json", "no regular file"]);
}

#[test]
fn a_configuration_of_64_mebibytes_is_read_and_one_byte_more_is_refused() {
    let world = World::new();
    let rest = r#"{"secret_map": {"V": "v"}, "description": ""}"#;
    let fill = "x".repeat((64 << 20) - rest.len());
    let config = rest.replace("\"\"}", &format!("\"{fill}\"}}"));
    world.file("c.json", &config);
    assert_eq!(inject(&world, &["-c", "c.json", "--", "printenv", "V"]).done().quiet().text(), "v\n");
    world.file("c.json", config + "\n");
    refused(inject(&world, &["-c", "c.json", "--", "true"]).done(), 125, &["c.json", "larger than 64 MiB"]);
}

#[test]
fn nul_bytes_have_no_place_in_names_and_paths() {
    for (config, pieces) in [
        (
            r#"{"environment_variables": {"A\u0000": "x"}}"#,
            &["environment_variables.A\\u{0}", "NUL byte in its name"][..],
        ),
        (r#"{"environment_variables": {"A": "x\u0000"}}"#, &["environment_variables.A", "NUL byte", "use a file"]),
        (r#"{"secret_map": {"A\u0000": "x"}}"#, &["NUL byte in its name"]),
        (r#"{"files": {"a\u0000b": "x"}}"#, &["NUL"]),
        (r#"{"files": {"a": {"content": "x", "env": "E\u0000"}}}"#, &["files.a", "NUL byte in its name"]),
        (r#"{"volume_mounts": {"/tmp/a\u0000": {"config_content": "x"}}}"#, &["NUL"]),
        (r#"{"command": ["tr\u0000ue"]}"#, &["command", "NUL byte"]),
        (r#"{"command": ["true", "a\u0000"]}"#, &["argument", "NUL byte"]),
        (r#"{"stores": {"s": {"kind": "dir", "path": "a\u0000"}}, "secret_map": {"A": "$<s:x>"}}"#, &["s (dir)"]),
        (r#"{"stores": {"s": {"kind": "dir", "path": "."}}, "secret_map": {"A": "$<s:%00>"}}"#, &["no NUL"]),
        (r#"{"secret_map": {"A": "$<env:A%00>"}}"#, &["secret_map.A", "NUL"]),
        (r#"{"stores": {"s": {"kind": "exec", "command": ["ca\u0000t"]}}, "secret_map": {"A": "$<s:x>"}}"#, &["NUL"]),
        (r#"{"stores": {"s": {"kind": "exec", "command": ["echo"]}}, "secret_map": {"A": "$<s:%00>"}}"#, &["NUL"]),
        (
            r#"{"stores": {"s": {"kind": "local", "path": "a\u0000"}}, "secret_map": {"A": "$<s:x>"}}"#,
            &["s (local)", "NUL"],
        ),
    ] {
        let world = World::new();
        world.file("c.json", config);
        let with_command = config.contains("\"command\": [\"tr");
        let rest: &[&str] = if with_command { &[] } else { &["--", "touch", "ran"] };
        let done = world.inject(["-c", "c.json"].iter().chain(rest)).done();
        assert!(!world.exists("ran"), "{config}");
        done.fails(125, pieces);
    }
}

#[test]
fn bytes_that_are_no_text_pass_where_they_are_data_and_are_told_where_they_are_names() {
    let world = World::new();
    let no_text: &[u8] = b"\xff\xc3(\xfe";
    let printed = world.inject([os(&[b"-q"]), os(&[b"--"]), os(&[b"printf"]), os(&[b"%s"]), os(&[no_text])]).done();
    assert_eq!(printed.quiet().out, no_text);
    let printed =
        world.inject([os(&[b"-e"]), os(&[b"V=", no_text]), os(&[b"--"]), os(&[b"printenv"]), os(&[b"V"])]).done();
    assert_eq!(printed.quiet().out, [no_text, b"\n"].concat());
    world.file("e.env", [b"V=", no_text, b"\nW='", no_text, b"'\n"].concat());
    let printed = world.inject(["--env-file", "e.env", "--", "printenv", "V", "W"]).done();
    assert_eq!(printed.quiet().out, [no_text, b"\n", no_text, b"\n"].concat());

    world.file("bad.env", [b"A=1\n", no_text, b"=1\n"].concat());
    world.inject(["--env-file", "bad.env", "--", "true"]).done().fails(125, &["bad.env:2:1", "not UTF-8"]);
    for option in [b"-e", b"-f"] {
        let typed = [os(&[option]), os(&[no_text, b"=x"]), os(&[b"--"]), os(&[b"true"])];
        world.inject(typed).done().fails(125, &["write -"]);
    }
    world
        .inject([os(&[b"-e"]), os(&[b"V=$<env:", no_text, b">"]), os(&[b"--"]), os(&[b"true"])])
        .done()
        .fails(125, &["-e V", "not valid UTF-8"]);
    world.inject([os(&[b"-c"]), os(&[no_text]), os(&[b"--"]), os(&[b"true"])]).done().fails(125, &["No such file"]);
    world.inject([os(&[b"--"]), os(&[no_text])]).done().fails(127, &["was not found"]);
    world.inject([os(&[no_text])]).done().fails(125, &[]);
    world.inject(["-q", "--", "env"]).env(os(&[b"INJECT_ENV"]), os(&[no_text])).done().fails(125, &["-e NAME"]);
}

#[test]
fn a_hundred_thousand_options_and_arguments_are_read() {
    let world = World::new();
    let many: Vec<&str> = std::iter::repeat_n("a", MANY / 2).collect();
    let done = inject(&world, &[&["-q", "--", "true"], &many[..]].concat()).done().quiet();
    assert_eq!(done.out, b"");
    let options: Vec<&str> = std::iter::repeat_n("-eA=1", MANY / 2).collect();
    let done = inject(&world, &[&options[..], &["--", "printenv", "A"]].concat()).done().quiet();
    assert_eq!(done.text(), "1\n");
}

/// A shell can leave out what the kernel does not ask for; C hands it on.
#[test]
fn an_environment_that_no_shell_would_make_is_handed_on() {
    let world = World::new();
    world.file(
        "raw.c",
        "#include <unistd.h>\nint main(int c, char **v) { char *e[] = {\"A=1\", \"A=2\", \"\", \"=\", \"=x=y\", \"NO_VALUE\", \
         \"B=$<env:A>\", \"PATH=/usr/bin:/bin\", 0}; (void)c; execve(v[1], v + 1, e); return 99; }\n",
    );
    world.run("cc", ["-o", "raw", "raw.c"]).done().quiet();
    let show = ["-e", "C=c", "--", "cat", "/proc/self/environ"];
    let done = world.run(world.path("raw"), [PROGRAM].iter().chain(&show)).done().quiet();
    let entries: Vec<_> = done.out.strip_suffix(b"\0").unwrap().split(|&byte| byte == 0).collect();
    let expected: [&[u8]; 9] = [b"A=1", b"A=2", b"", b"=", b"=x=y", b"NO_VALUE", b"PATH=/usr/bin:/bin", b"B=1", b"C=c"];
    assert_eq!(entries, expected);
}

//! What of the environment the command gets, and what is laid over what.

use crate::harness::{World, os};

#[test]
fn without_a_configuration_the_command_gets_its_environment_as_it_was() {
    let world = World::new();
    let done = world.inject(["--", "env", "-0"]).env("A", "1").env(os(&[b"B\xff"]), os(&[b"\xfe="])).done();
    let plain = world.run("env", ["-0"]).env("A", "1").env(os(&[b"B\xff"]), os(&[b"\xfe="])).done();
    assert_eq!(done.out, plain.out);
    assert!(done.err.contains("nothing to inject") && done.err.contains("/etc/inject/inject.json"), "{}", done.err);
    world.inject(["-q", "--", "true"]).done().quiet();
}

#[test]
fn later_layers_win_and_the_command_line_wins_over_all() {
    let world = World::new();
    world.file("a.json", r#"{"environment_variables": {"A": "a", "B": "a", "C": "a", "D": "a"}}"#);
    world.file("b.toml", "[environment_variables]\nB = 'b'\nC = 'b'\nD = 'b'\n");
    world.file("c.env", "C=c\nD=c\n");
    let done = world
        .inject(["-c", "a.json", "-c", "b.toml", "--env-file", "c.env", "-e", "D=d", "--", "env", "-0"])
        .env("A", "inherited")
        .done()
        .quiet();
    let values: Vec<_> = ["A", "B", "C", "D"].map(|name| done.variable(name)).into();
    assert_eq!(values, ["a", "b", "c", "d"]);
}

#[test]
fn pristine_keeps_only_what_is_named_and_drop_wins() {
    let world = World::new();
    let inject = |arguments: &[&str]| {
        let arguments = arguments.iter().chain(&["-e", "NEW=n", "--", "/usr/bin/env", "-0"]);
        let done = world.inject(arguments).env("APP_A", "1").env("APP_B", "2").env("OTHER", "3").done().quiet();
        done.variables().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(inject(&["--pristine"]), ["NEW"]);
    assert_eq!(inject(&["--pristine", "--keep", "APP_*"]), ["APP_A", "APP_B", "NEW"]);
    assert_eq!(inject(&["--pristine", "--keep", "APP_?", "--drop", "*_B"]), ["APP_A", "NEW"]);
    assert_eq!(inject(&["--drop", "APP_*", "--drop", "NEW"]), ["HOME", "NEW", "OTHER", "PATH"]);
}

#[test]
fn inherited_variables_are_templates_only_where_they_are_meant() {
    let world = World::new();
    let inject = |arguments: &[&str]| {
        world
            .inject(arguments.iter().chain(&["-q", "--", "env", "-0"]))
            .env("MEANT", "<$<env:WORD>>")
            .env("TAPIS", "${pods:default:v}")
            .env("PS1", "$<not:this> ${HOME} $<")
            .env("TYPO", "${secret:a b}")
            .env("WORD", "w")
            .done()
            .quiet()
    };
    let done = inject(&[]);
    assert_eq!(done.variable("MEANT"), "<w>");
    assert_eq!(done.variable("TAPIS"), "v");
    assert_eq!(done.variable("PS1"), "$<not:this> ${HOME} $<");
    assert_eq!(done.variable("TYPO"), "${secret:a b}");
    let done = inject(&["--no-scan"]);
    assert_eq!(done.variable("MEANT"), "<$<env:WORD>>");
    let done = inject(&["--drop", "MEANT"]);
    assert!(!done.variables().iter().any(|(name, _)| name == "MEANT"));
}

#[test]
fn a_conflict_with_an_inherited_name_does_what_was_asked() {
    let world = World::new();
    let inject = |word: &str, inherited: &str| {
        world.inject(["--on-conflict", word, "-e", "A=new", "--", "env", "-0"]).env("A", inherited).done()
    };
    assert_eq!(inject("inject", "old").quiet().variable("A"), "new");
    assert_eq!(inject("inherit", "old").quiet().variable("A"), "old");
    assert_eq!(inject("error", "new").quiet().variable("A"), "new");
    inject("error", "old").fails(125, &["-e A", "--on-conflict"]);
}

#[test]
fn a_name_alone_passes_the_inherited_one_on() {
    let world = World::new();
    world
        .file("inject.json", r#"{"environment_variables": {"A": "configured", "B": "configured"}}"#)
        .mode("inject.json", 0o600);
    let done =
        world.inject(["-e", "A", "-e", "B", "-e", "GONE", "--", "env", "-0"]).env("A", "inherited").done().quiet();
    assert_eq!(done.variable("A"), "inherited");
    assert!(!done.variables().iter().any(|(name, _)| name == "GONE"));
}

#[test]
fn names_and_sizes_that_the_kernel_refuses_are_named_before_exec() {
    let world = World::new();
    let inject = |config: &str| world.inject(["-c", "-", "--", "touch", "ran"]).input(config).done();
    inject(r#"{"environment_variables": {"A=B": "x", "": "y"}}"#)
        .fails(125, &["environment_variables.A=B", "`=`", "empty name"]);
    inject(r#"{"environment_variables": {"NUL": "a\u0000b"}}"#)
        .fails(125, &["environment_variables.NUL", "NUL", "file"]);
    let big = "x".repeat(128 << 10);
    inject(&format!(r#"{{"environment_variables": {{"BIG": "{big}"}}}}"#)).fails(126, &["BIG", "131072", "file"]);
    let many: Vec<_> = (0..60).map(|n| format!(r#""V{n}": "{}""#, "y".repeat(100 << 10))).collect();
    inject(&format!(r#"{{"environment_variables": {{{}}}}}"#, many.join(",")))
        .fails(126, &["quarter of the stack", "V"]);
    assert!(!world.exists("ran"));
}

#[test]
fn dotenv_files_are_taken_byte_for_byte() {
    let world = World::new();
    world.file("a.env", b"export A=\"x\\ny # \xff\" # c\r\nB=it's $HOME `id`\nC='l1\nl2'\nD=$$<env:HOME>\n");
    let done = world
        .inject(["--env-file", "a.env", "--", "sh", "-c", "printf '%s|' \"$A\" \"$B\" \"$C\" \"$D\""])
        .done()
        .quiet();
    assert_eq!(done.out, b"x\ny # \xff|it's $HOME `id`|l1\nl2|$<env:HOME>|");
    world.file("b.env", "A\nB='open\n");
    world
        .inject(["--env-file", "b.env", "--", "true"])
        .done()
        .fails(125, &["b.env:1:1", "NAME=VALUE", "b.env:2:3", "closing quote"]);
}

#[test]
fn options_are_variables_too() {
    let world = World::new();
    let done = world.inject(["--", "env", "-0"]).env("INJECT_ENV", "A=1\nB=$<env:A0>").env("A0", "x").done().quiet();
    assert_eq!((done.variable("A").as_str(), done.variable("B").as_str()), ("1", "x"));
    world.inject(["--", "true"]).env("INJECT_TIMEOUT", "soon").done().fails(125, &["soon", "10s"]);
    world.inject(["--", "true"]).env("INJECT_PRISTINE", "perhaps").done().fails(125, &["INJECT_PRISTINE", "perhaps"]);
}

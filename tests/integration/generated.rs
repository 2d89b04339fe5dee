//! `inject man` and `inject completions`: what is packaged, from the program itself.

use crate::harness::World;
use std::fs;
use std::path::Path;

#[track_caller]
fn prints(arguments: &[&str], file: &str) {
    // An option that is wrong there is none of their concern.
    let printed = World::new().inject(arguments).env("INJECT_TIMEOUT", "never").done().quiet();
    let packaged = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(file)).unwrap();
    assert!(!packaged.is_empty() && printed.text() == packaged, "{arguments:?} does not print {file}");
}

#[test]
fn the_manual_and_the_completions_are_those_of_the_packages() {
    prints(&["man"], "man/inject.1");
    prints(&["completions", "bash"], "completions/inject.bash");
    prints(&["completions", "fish"], "completions/inject.fish");
    prints(&["completions", "zsh"], "completions/_inject");
}

#[test]
fn a_shell_without_completions_is_told_which_have_some() {
    let world = World::new();
    world.inject(["completions", "tcsh"]).done().fails(125, &["tcsh", "bash, fish, zsh"]);
    world.inject(["completions"]).done().fails(125, &["SHELL"]);
}

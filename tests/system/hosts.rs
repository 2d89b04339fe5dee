//! The hosts that a reference is written in: shells, make, Compose, Kubernetes, systemd. Each real one
//! reads a file of `fixtures/hosts`, written as README.md says, and starts what it finds there.
//!
//! Of Kubernetes, the API's own client reads the pod; what the kubelet does to `$` needs a cluster. It
//! knows `$(NAME)` and `$$` only, so `$<` is text to it (pod documentation, `env.value` and `command`).

use crate::harness::{Inject, PROGRAM, World};
use crate::{need_root, tool};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What must arrive. Each mark of the grammar is in it, and a blank.
const REFERENCE: &str = "$<secret:doc#/a%3Ab|trim|urlencode:-no value>";

fn fixture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts").join(name)).unwrap()
}

/// A world with the host's file, whose `bin/inject` notes how the reference arrived before it goes on.
fn world(name: &str) -> World {
    let world = World::new();
    let config = json!({ "default_store": "box", "stores": { "box": { "kind": "dir", "path": "box" } } });
    world.file("inject.json", config.to_string()).mode("inject.json", 0o600);
    world.file("box/doc", json!({ "a:b": " it is/secret\n" }).to_string());
    let directory = world.path("");
    let note = format!("cd '{}'\nprintf '%s\\n' \"$V\" \"$2\" >arrived\nexec '{PROGRAM}' \"$@\"", directory.display());
    world.script("bin/inject", &format!("#!/bin/sh -e\n{note}\n"));
    world.script("app", "#!/bin/sh\nprintenv V W >got\n");
    world.file(name, fixture(name));
    world
}

fn run(world: &World, program: &str, arguments: &[&str]) -> Inject {
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", world.path("bin").display());
    world.run(program, arguments).env("PATH", path)
}

/// The variable V and the argument for W came as they were meant, and both were resolved.
#[track_caller]
fn arrived(world: &World) {
    let read = |name| fs::read_to_string(world.path(name)).unwrap_or_else(|_| panic!("{name} was not written"));
    assert_eq!(read("arrived"), format!("{REFERENCE}\nW={REFERENCE}\n"));
    assert_eq!(read("got"), "it%20is%2Fsecret\nit%20is%2Fsecret\n");
    fs::remove_file(world.path("arrived")).unwrap();
    fs::remove_file(world.path("got")).unwrap();
}

#[test]
fn a_shell_leaves_a_quoted_reference_alone() {
    let world = world("quoted.sh");
    for shell in ["sh", "bash"] {
        assert_eq!(run(&world, tool(shell, shell), &["quoted.sh"]).done().quiet().text(), "");
        arrived(&world);
    }
}

#[test]
fn make_hands_on_a_reference_with_its_dollar_doubled() {
    let world = world("makefile");
    assert_eq!(run(&world, tool("make", "make"), &["app"]).done().quiet().text(), "");
    arrived(&world);
}

#[test]
fn compose_hands_on_a_reference_with_its_dollar_doubled() {
    let world = world("compose.yaml");
    world.script("bin/podman", &fixture("podman"));
    let up = |file: &str| {
        let done = run(&world, tool("podman-compose", "podman-compose"), &["-f", file, "up", "--no-start"]).done();
        assert_eq!(done.status, Some(0), "{done:?}");
        arrived(&world);
    };
    up("compose.yaml");
    // Docker's own prints what it understood as a Compose file again.
    let config = |file: &str| run(&world, tool("docker-compose", "docker-compose"), &["-f", file, "config"]).done();
    world.file("understood.yaml", config("compose.yaml").quiet().out);
    up("understood.yaml");
    world.file("single.yaml", fixture("compose.yaml").replace("$$", "$"));
    let refused = config("single.yaml");
    assert!(refused.status != Some(0) && refused.err.contains("nvalid interpolation format"), "{refused:?}");
}

#[test]
fn kubernetes_reads_a_reference_as_it_stands() {
    let world = world("pod.yaml");
    let local = ["label", "--local", "-f", "pod.yaml", "-o", "json", "read=yes"];
    let done = run(&world, tool("kubectl", "kubernetes-client"), &local).done().quiet();
    let pod: Value = serde_json::from_slice(&done.out).unwrap();
    let container = &pod["spec"]["containers"][0];
    let command: Vec<_> = container["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let started = run(&world, command[0], &command[1..]).env("V", container["env"][0]["value"].as_str().unwrap());
    assert_eq!(started.done().quiet().text(), "");
    arrived(&world);
}

#[test]
fn systemd_hands_on_a_reference_with_its_percent_signs_doubled() {
    need_root();
    let world = world("app.service");
    tool("unshare", "util-linux");
    tool("/lib/systemd/systemd", "systemd");
    world.script("systemd", &fixture("systemd"));
    let inject = world.path("bin/inject").display().to_string();
    assert_eq!(run(&world, "./systemd", &[&inject]).done().quiet().text(), "");
    arrived(&world);
}

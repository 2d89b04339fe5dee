//! Containers as podman and runc make them, from the images of `packaging/container`: what starts there,
//! how it is stopped, where its files are, whom it trusts and what is left of its secrets.
//!
//! Podman has the machine for itself: mounts, processes and a network that nobody else sees and the kernel
//! takes away when the tests end, with whatever runs there.

use crate::canary::{Canary, Needle, is_any_in};
use crate::container::release_binary;
use crate::doubles::http::Wire;
use crate::doubles::tapis;
use crate::doubles::tls::Certificate;
use crate::harness::{IDENTITY, Inject, Outcome, STORE, World};
use crate::{Running, init, need_root, tool};
use nix::sched::{CloneFlags, setns};
use serde_json::json;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The first process there, which reaps orphans. When its standard input ends, as it does with the tests, it
/// removes what is the machine's: the cgroups of containers, and the images, which are no images of the real
/// world where their root directory is a tmpfs. The limits are such as need no capability, and nothing is
/// expected of systemd.
const KEEPER: &str = r#"
mkdir -p /var/lib/containers
for private in /run /dev/shm /var/lib/containers; do
    mount -t tmpfs tmpfs $private
done
cat >/run/containers.conf <<END
[containers]
netns = "none"
default_ulimits = ["nofile=1024:2048", "nproc=1000:1000"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
END
cat >/run/storage.conf <<END
[storage]
driver = "vfs"
graphroot = "$PWD/storage"
runroot = "/run/containers/storage"
END
busybox ifconfig lo up
echo ready
cat
podman rm --all --force --time=0 >/dev/null 2>&1
exec rm -rf "$PWD"
"#;

const SETTINGS: [(&str, &str); 2] =
    [("CONTAINERS_CONF", "/run/containers.conf"), ("CONTAINERS_STORAGE_CONF", "/run/storage.conf")];

/// What the application's image and its containers hold.
struct Secrets {
    /// Of the store in the image.
    password: Canary,
    key: Canary,
    /// Podman's.
    token: Canary,
    identity: String,
}

struct Host {
    /// Whose end is that of everything there.
    _keeper: Running,
    _world: World,
    /// Its first process, as seen from here.
    first: String,
}

fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| {
        need_root();
        for (name, package) in [("podman", "podman"), ("runc", "runc"), ("busybox", "busybox-static")] {
            tool(name, package);
        }
        let namespaces = ["--mount", "--pid", "--fork", "--net", "--mount-proc", "sh", "-e", "-c", KEEPER];
        let world = World::new();
        let keeper = world.run(tool("unshare", "util-linux"), namespaces);
        let mut keeper = Running(
            keeper
                .with(|command| {
                    command.envs(SETTINGS);
                })
                .start(),
        );
        let mut said = String::new();
        BufReader::new(keeper.0.stdout.as_mut().unwrap()).read_line(&mut said).unwrap();
        if said != "ready\n" {
            keeper.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("podman has no place to run: {said}");
        }
        Host { first: init::first(&keeper).to_string(), _keeper: keeper, _world: world }
    })
}

/// Runs a program where podman is. A container that hangs is ended; what is stopped in time ends before.
fn there<'a>(world: &'a World, program: &[&'a str]) -> Inject {
    let directory = world.path("").display().to_string();
    let enter = ["--target", &host().first, "--mount", "--pid", "--net", "env", "--chdir", &directory];
    let limit = ["timeout", "--kill-after=5", "240"];
    let run = world.run(tool("nsenter", "util-linux"), [&enter[..], &limit, program].concat());
    run.with(|command| {
        command.envs(SETTINGS);
    })
}

fn podman(world: &World, arguments: &[&str]) -> Inject {
    there(world, &[&["podman"], arguments].concat())
}

#[track_caller]
fn works(outcome: Outcome) -> Vec<u8> {
    assert_eq!(outcome.status, Some(0), "{}", outcome.err);
    outcome.out
}

/// Makes the images and what podman gives the containers, once.
fn images() -> &'static Secrets {
    static SECRETS: OnceLock<Secrets> = OnceLock::new();
    SECRETS.get_or_init(|| {
        let world = World::with_store();
        let build = |name: &str, file: &str, options: &[&str], directory: &str| {
            let file = Path::new(HERE).join("packaging/container").join(file);
            let image = ["build", "--layers=false", "--tag", name, "--file", file.to_str().unwrap()];
            works(podman(&world, &[&image, options, &[directory]].concat()).done());
        };

        fs::create_dir_all(world.path("image/run/inject")).unwrap();
        fs::copy(release_binary(), world.path("image/inject")).unwrap();
        build("localhost/inject", "Containerfile", &[], "image");

        world.file("base/Containerfile", "FROM scratch\nCOPY bin /bin\n").file("base/bin/busybox", "");
        fs::copy("/bin/busybox", world.path("base/bin/busybox")).unwrap();
        for name in ["cat", "sh", "sleep", "stat"] {
            symlink("busybox", world.path("base/bin").join(name)).unwrap();
        }
        build("localhost/base", world.path("base/Containerfile").to_str().unwrap(), &[], "base");

        let identity = fs::read_to_string(world.path(IDENTITY)).unwrap();
        let identity = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap().to_owned();
        let [password, key, token] = [1, 2, 3].map(Canary::new);
        world.add("password", password.text());
        world.add("tls_key", key.text());
        let stores = json!({
            "local": { "kind": "local", "path": "secrets.age" },
            "podman": { "kind": "dir", "path": "/run/secrets" },
        });
        let config = json!({
            "default_store": "local",
            "stores": stores,
            "environment_variables": { "PASSWORD": "$<secret:password>", "TOKEN": "$<podman:api_token:-none>" },
            "files": { "tls/key.pem": { "content": "$<secret:tls_key>", "env": "TLS_KEY_FILE" } },
        });
        world.file("app/inject.json", config.to_string());
        world.file("app/app", "#!/bin/sh\necho \"the app has $PASSWORD\"\n");
        fs::copy(world.path(STORE), world.path("app/secrets.age")).unwrap();
        build("localhost/app", "app.Containerfile", &["--build-arg", "BASE=localhost/base"], "app");

        fs::rename(world.path(IDENTITY), world.path("identity")).unwrap();
        works(there(&world, &["sh", "-c", &readme("sh\npodman")[0]]).done());
        works(podman(&world, &["secret", "create", "api_token", "-"]).input(token.text()).done());
        Secrets { password, key, token, identity }
    })
}

/// A container of the application's image.
fn start(world: &World, options: &[&str], command: &[&str]) -> Inject {
    images();
    podman(world, &[&["run", "--rm"], options, &["localhost/app"], command].concat())
}

/// One with its secrets in /run/secrets.
fn run(world: &World, options: &[&str], command: &[&str]) -> Inject {
    start(world, &[&["--secret=inject_identity", "--secret=api_token"], options].concat(), command)
}

/// One that is left running, once its command has said so.
fn running(world: &World, options: &[&str], script: &str) -> (Running, BufReader<std::process::ChildStdout>) {
    let mut running = Running(run(world, options, &["sh", "-c", script]).start());
    let mut out = BufReader::new(running.0.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    if line != "ready\n" {
        running.0.stderr.take().unwrap().read_to_string(&mut line).unwrap();
        panic!("the container did not start: {line}");
    }
    (running, out)
}

#[test]
fn the_image_of_inject_is_the_binary_an_empty_directory_and_a_user_who_is_not_root() {
    images();
    let world = World::new();
    let user = works(podman(&world, &["image", "inspect", "--format={{.User}}", "localhost/inject"]).done());
    assert_eq!(user, b"65532:65532\n");
    works(podman(&world, &["create", "--name=unstarted", "localhost/inject"]).done());
    world.file("image.tar", works(podman(&world, &["export", "unstarted"]).done()));
    let listed = world.run("tar", ["--list", "--verbose", "--numeric-owner", "--file=image.tar"]).done().quiet();
    let mut entries: Vec<_> = listed.text().lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    entries.sort_by_key(|entry| entry[5]);
    let shown: Vec<_> = entries.iter().map(|entry| (entry[0], entry[1], entry[5])).collect();
    let [binary, directory] = ["-rwxr-xr-x", "drwxr-xr-x"];
    assert_eq!(shown, [(binary, "0/0", "inject"), (directory, "0/0", "run/"), (directory, "0/0", "run/inject/")]);
    // Itself is all that it can start.
    let version = podman(&world, &["run", "--rm", "localhost/inject", "/inject", "--version"]).done();
    assert!(version.text().starts_with("inject "), "{version:?}");
}

/// The lines of its first block that begins so, without its kind.
fn readme(start: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(HERE).join("README.md")).unwrap();
    let block = text.split("```").find(|block| block.starts_with(start)).unwrap();
    block.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn the_readme_shows_the_containerfile_and_its_lines_start_the_application() {
    let file = fs::read_to_string(Path::new(HERE).join("packaging/container/app.Containerfile")).unwrap();
    let instructions = file.lines().filter(|line| !line.starts_with('#')).skip_while(|line| !line.starts_with("FROM"));
    assert_eq!(readme("dockerfile\n"), instructions.collect::<Vec<_>>());

    let secrets = images();
    let world = World::new();
    world.file("identity", &secrets.identity).mode("identity", 0o600);
    // The images are made with the first.
    for line in &readme("sh\npodman")[1..] {
        let script = format!("docker() {{ podman \"$@\"; }}; {line}");
        let done = there(&world, &["sh", "-c", &script]).done().quiet();
        assert_eq!(done.text(), format!("the app has {}\n", secrets.password.text()), "{line}");
    }
}

#[test]
fn the_entry_point_becomes_the_first_process_or_stays_it_under_supervision() {
    let world = World::new();
    let script = ["sh", "-c", "echo \"$PPID $(cat /proc/1/comm)\"; test $$ = 1; echo $?; exit 7"];
    for (mode, shown) in [("exec", "0 sh\n0\n"), ("supervise", "1 inject\n1\n")] {
        let done = run(&world, &["-e", &format!("INJECT_MODE={mode}")], &script).done();
        assert_eq!((done.status, done.text(), &*done.err), (Some(7), shown, ""), "{mode}");
    }
}

/// With 137 it was killed instead, after waiting in vain.
#[test]
fn stop_ends_the_command_by_sigterm() {
    let world = World::new();
    let handler = "trap 'exit 3' TERM; echo ready; sleep 1000 & wait";
    // The kernel spares a first process without a handler; one that has a supervisor is none.
    for (name, mode, script, status) in [
        ("stop-exec", "exec", handler, 3),
        ("stop-supervise", "supervise", handler, 3),
        ("stop-unhandled", "supervise", "echo ready; exec sleep 1000", 143),
    ] {
        let (mut running, _out) = running(&world, &["--name", name, "-e", &format!("INJECT_MODE={mode}")], script);
        works(podman(&world, &["stop", "--time=60", name]).done());
        assert_eq!(running.end("the container ends"), (Some(status), None), "{name}");
    }
}

#[test]
fn the_secrets_of_the_engine_open_the_store_and_are_read_as_files() {
    let secrets = images();
    let done = run(&World::new(), &[], &["sh", "-c", "echo $PASSWORD $TOKEN"]).done().quiet();
    assert_eq!(done.text(), format!("{} {}\n", secrets.password.text(), secrets.token.text()));
}

#[test]
fn files_are_in_memory_and_the_users_own_in_every_profile() {
    let secrets = images();
    let world = World::new();
    // In variables: podman 4 fails to mount secrets where the root directory is read-only.
    let identity = "--secret=inject_identity,type=env,target=INJECT_IDENTITY";
    let token = ["--secret=api_token,type=env,target=API_TOKEN", "-e", "INJECT_ENV=TOKEN=$<env:API_TOKEN>"];
    let script = r#"echo "$PASSWORD $TOKEN $(cat "$TLS_KEY_FILE")"
        stat -c '%a %u' "$TLS_KEY_FILE"; stat -f -c %T "$TLS_KEY_FILE"; echo "$INJECT_FILES""#;
    let look =
        |options: &[&str]| start(&world, &[&[identity], &token[..], options].concat(), &["sh", "-c", script]).done();

    let values = [secrets.password, secrets.token, secrets.key].map(Canary::text).join(" ");
    let seccomp = format!("--security-opt=seccomp={HERE}/fixtures/container/docker-like.json");
    let locked = |more: &[&'static str]| [&["--cap-drop=all", "--read-only", "--user=1000"], more].concat();
    let (mounted, shared) = ("/run/inject", "/dev/shm/inject-1-");
    for (options, user, place) in [
        (&[][..], 65532, shared),
        (&locked(&[]), 1000, shared),
        (&locked(&["--read-only-tmpfs=false"]), 1000, shared),
        (&locked(&["--read-only-tmpfs=false", "--ipc=none", "--tmpfs=/dev/shm"]), 1000, shared),
        (&["--cap-add=SYS_ADMIN"], 65532, mounted),
        (&["--cap-add=SYS_ADMIN", "--user=0", "--read-only"], 0, mounted),
        (&["--cap-add=SYS_ADMIN", "--user=0", &seccomp], 0, shared),
    ] {
        let done = look(options).quiet();
        let lines: Vec<_> = done.text().lines().collect();
        assert_eq!(lines[..3], [&values, &format!("400 {user}"), "tmpfs"], "{options:?}");
        assert!(lines[3].starts_with(place), "{options:?}: {}", lines[3]);
    }
    look(&locked(&["--read-only-tmpfs=false", "--ipc=none"])).fails(125, &["mount a tmpfs", "/dev/shm"]);
}

#[test]
fn what_is_started_in_a_container_later_finds_the_mounted_files_too() {
    let world = World::new();
    let options = ["--name=entered", "--cap-add=SYS_ADMIN"];
    let (_running, _out) = running(&world, &options, "echo ready; exec sleep 1000");
    let key = works(podman(&world, &["exec", "entered", "cat", "/run/inject/tls/key.pem"]).done());
    assert_eq!(key, images().key.text().as_bytes());
    works(podman(&world, &["kill", "entered"]).done());
}

/// Does this on the network of the containers that have one.
fn on_the_network<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(format!("/proc/{}/ns/net", host().first)).unwrap();
    let enter = move || setns(namespace, CloneFlags::CLONE_NEWNET).map(|()| work());
    thread::scope(|scope| scope.spawn(enter).join().unwrap().unwrap())
}

/// Says of one name that it is 127.0.0.1, and of every other that there is none (RFC 1035 section 4.1).
fn answer_for(name: &str, socket: &UdpSocket) {
    let labels: Vec<u8> = name.split('.').flat_map(|part| [&[part.len() as u8], part.as_bytes()].concat()).collect();
    let mut bytes = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut bytes) {
        let Some(end) = bytes[12..length].iter().position(|&byte| byte == 0).map(|at| 12 + at) else { continue };
        let is_known = bytes[12..end] == labels;
        let wants_ipv4 = bytes[end + 1..end + 3] == [0, 1];
        let answers = u8::from(is_known && wants_ipv4);
        let mut reply =
            [&bytes[..2], &[0x81, if is_known { 0x80 } else { 0x83 }, 0, 1, 0, answers, 0, 0, 0, 0]].concat();
        reply.extend(&bytes[12..end + 5]);
        if answers == 1 {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        let _ = socket.send_to(&reply, from);
    }
}

#[test]
fn in_an_empty_image_names_are_found_and_servers_trusted_as_anywhere() {
    // One that the double's certificate is for.
    const NAME: &str = "juju-apiserver";
    images();
    let mut state = tapis::State::new();
    state.put("amy", "n", "value");
    let (double, socket) = on_the_network(|| {
        (tapis::start(Wire::Tls(Certificate::Good), state), UdpSocket::bind("127.0.0.1:53").unwrap())
    });
    thread::spawn(move || answer_for(NAME, &socket));

    let world = World::new();
    fs::copy(double.ca_file(), world.path("ca.pem")).unwrap();
    let port = double.address().port();
    let config = |host: &str, ca: serde_json::Value| {
        let mut store = json!({ "kind": "tapis", "url": format!("https://{host}:{port}"), "token": { "env": "T" } });
        store.as_object_mut().unwrap().extend(ca.as_object().unwrap().clone());
        json!({ "stores": { "s": store } }).to_string()
    };
    let given = json!({ "ca_file": "ca.pem" });
    world.file("compiled.json", config(NAME, json!({}))).file("given.json", config(NAME, given.clone()));
    world.file("nowhere.json", config("nowhere.test", given));
    let files = format!("{}:/w:ro", world.path("").display());
    let token = format!("T={}", tapis::token("amy"));
    let ask = |options: &[&str], config: &str| {
        let config = format!("/w/{config}.json");
        let run = ["run", "--rm", "--network=host", "-v", &files, "-v", "/bin/busybox:/busybox:ro", "-e", &token];
        let inject = ["--entrypoint=/inject", "localhost/inject", "-c", &config, "--retries=0", "-e", "V=$<s:n>"];
        podman(&world, &[&run, options, &inject, &["--", "/busybox", "sh", "-c", "echo $V"]].concat()).done()
    };
    let in_hosts = format!("--add-host={NAME}:127.0.0.1");
    // A name server that cannot be the one that knows.
    let in_hosts = [in_hosts.as_str(), "--dns=127.0.0.2"];
    let in_dns = ["--dns=127.0.0.1", "--dns-search=."];
    assert_eq!(ask(&in_hosts, "given").quiet().text(), "value\n");
    assert_eq!(ask(&in_dns, "given").quiet().text(), "value\n");
    assert_eq!(ask(&[&in_dns[..], &["-e", "SSL_CERT_FILE=/w/ca.pem"]].concat(), "compiled").quiet().text(), "value\n");
    assert_eq!(double.count(), 3);
    ask(&in_hosts, "compiled").fails(125, &[NAME, "nobody that we trust has signed it", "ca_file"]);
    ask(&in_dns, "nowhere").fails(125, &["nowhere.test"]);
    assert_eq!(double.count(), 3);
}

#[test]
fn nothing_that_is_kept_of_a_container_or_its_image_has_a_secret_in_it() {
    let secrets = images();
    let world = World::new();
    let script = r#"echo ready; echo "has ${#PASSWORD} ${#TOKEN}"; cat "$TLS_KEY_FILE" >/dev/null; exec sleep 1000"#;
    let (mut running, mut out) = running(&world, &["--name=kept"], script);
    let mut said = String::new();
    out.read_line(&mut said).unwrap();
    assert_eq!(said, "has 48 48\n");

    let canaries = [secrets.password, secrets.key, secrets.token];
    let forms = [canaries.map(Canary::plain), canaries.map(Canary::base64)].concat();
    // What follows is in no other text; what begins it is in the binary.
    let identity = secrets.identity.strip_prefix("AGE-SECRET-KEY-1").unwrap().to_owned();
    let mut needles: Vec<&dyn Needle> = vec![&identity];
    needles.extend(forms.iter().map(|form| form as &dyn Needle));
    // That they can be found is seen where they are meant to be.
    assert!(is_any_in(&needles, &works(podman(&world, &["exec", "kept", "cat", "/proc/1/environ"]).done())));

    for (arguments, has) in [
        (&["inspect", "kept"][..], "inject_identity"),
        (&["image", "inspect", "localhost/app"], "INJECT_CONFIG"),
        (&["history", "--no-trunc", "localhost/app"], "ENTRYPOINT"),
        (&["save", "localhost/app"], "age-encryption.org/v1"),
        (&["export", "kept"], "age-encryption.org/v1"),
        (&["logs", "kept"], "has 48 48"),
    ] {
        let kept = works(podman(&world, arguments).done());
        assert!(kept.windows(has.len()).any(|window| window == has.as_bytes()), "{arguments:?} shows nothing");
        assert!(!is_any_in(&needles, &kept), "{arguments:?}");
    }
    let failed = run(&world, &["-e", "INJECT_ENV=X=$<secret:none>"], &["/app"]).done();
    assert!(!is_any_in(&needles, failed.err.as_bytes()), "{}", failed.err);
    failed.fails(125, &["$<secret:none>", "not found"]);
    works(podman(&world, &["kill", "kept"]).done());
    running.end("the container ends");
}

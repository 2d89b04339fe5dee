//! Applications with their secrets, each started as `fixtures/applications` has it: the value works
//! there and a wrong one does not; no process shows it among its arguments, no file on a disk has it,
//! and nobody says it. All sockets are Unix sockets in a directory of the test's.

use crate::harness::{Inject, World};
use crate::{Running, eventually, is_alive, need_root, tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, mkdtemp};
use ring::digest::{SHA256, digest};
use std::ffi::OsStr;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A world with the application's files and an empty store. Other users can get there, and its path
/// leaves room for a socket's name.
fn world(application: &str) -> World {
    let directory = mkdtemp("/tmp/inject-XXXXXX").unwrap().canonicalize().unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let world = World::at(directory);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/applications").join(application);
    for file in fs::read_dir(fixtures).unwrap().map(Result::unwrap) {
        let mode = if file.metadata().unwrap().permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
        let name = file.file_name().into_string().unwrap();
        world.file(&name, fs::read(file.path()).unwrap()).mode(&name, mode);
    }
    world.secret(&["init"]).done().quiet();
    world
}

/// What `inject` became or stays with, and all processes below it. None of them outlives its test.
struct Application<'w> {
    running: Running,
    world: &'w World,
    secret: &'w [u8],
}

impl<'w> Application<'w> {
    fn start(world: &'w World, secret: &'w [u8], inject: Inject) -> Self {
        Self { running: Running(inject.start()), world, secret }
    }

    fn pid(&self) -> Pid {
        self.running.pid()
    }

    fn processes(&self) -> Vec<Pid> {
        let mut found = vec![self.pid()];
        let mut looked = 0;
        while let Some(&process) = found.get(looked) {
            found.extend(children(process));
            looked += 1;
        }
        found
    }

    /// Whether the secret is in this file of /proc/PID of any of its processes.
    fn shows_in(&self, file: &str) -> bool {
        let read = |process: Pid| fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
        self.processes().into_iter().any(|process| has(&read(process), self.secret))
    }

    #[track_caller]
    fn keeps_its_secret(&self) {
        assert!(!self.shows_in("cmdline"), "an argument has the secret");
        assert_eq!(files_with(&self.world.path(""), self.secret), Vec::<PathBuf>::new(), "a file has the secret");
    }

    /// Its status, the signal that ended it and what it said, once none of its processes is left.
    #[track_caller]
    fn end_by(mut self, signal: Signal) -> (Option<i32>, Option<i32>, String) {
        let processes = self.processes();
        self.running.send(signal);
        eventually("all its processes end", || !processes.iter().any(|&process| is_alive(process)));
        let (status, killed_by) = self.running.end("it ends");
        let said = self.said();
        assert!(!has(&said, self.secret), "the secret was said");
        self.keeps_its_secret();
        (status, killed_by, String::from_utf8(said).unwrap())
    }

    /// Its output, to the end.
    fn said(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        self.running.0.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        self.running.0.stderr.take().unwrap().read_to_end(&mut said).unwrap();
        said
    }
}

impl Drop for Application<'_> {
    fn drop(&mut self) {
        if self.running.0.stdout.is_none() {
            return;
        }
        // A server ends its own processes, whoever they run as; what is left is told by where it is.
        let _ = kill(self.pid(), Signal::SIGTERM);
        let begun = Instant::now();
        while is_alive(self.pid()) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(1));
        }
        for process in working_in(&self.world.path("")) {
            let _ = kill(process, Signal::SIGKILL);
        }
        let said = self.said();
        let _ = std::io::stderr().write_all(&said);
    }
}

fn children(process: Pid) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    let children = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default());
    let numbers = |list: String| list.split_whitespace().map(|number| number.parse().unwrap()).collect::<Vec<_>>();
    children.flat_map(numbers).map(Pid::from_raw).collect()
}

fn working_in(directory: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let inside = processes.filter(|path| fs::read_link(path.join("cwd")).is_ok_and(|at| at.starts_with(directory)));
    inside.filter_map(|path| path.file_name()?.to_str()?.parse().ok()).map(Pid::from_raw).collect()
}

fn has(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

/// Those below the directory that have the secret.
fn files_with(directory: &Path, secret: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            found.extend(files_with(&path, secret));
        } else if kind.is_file() && fs::read(&path).is_ok_and(|bytes| has(&bytes, secret)) {
            found.push(path);
        }
    }
    found
}

/// Status and body of what the server at `app.sock` answers; None where it does not.
fn ask(world: &World, request: &str) -> Option<(u16, String)> {
    let mut socket = UnixStream::connect(world.path("app.sock")).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    socket.write_all(format!("{request}\r\n\r\n").as_bytes()).ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
fn postgresql_takes_the_password_that_psql_gives() {
    need_root();
    let world = world("postgresql");
    let password = "correct horse battery staple";
    world.add("db_password", password);
    let postgres = User::from_name("postgres").unwrap().expect("this needs PostgreSQL: `apt-get install postgresql`");
    let data = world.path("data");
    fs::create_dir(&data).unwrap();
    chown(&data, Some(postgres.uid.as_raw()), Some(postgres.gid.as_raw())).unwrap();
    let versions = fs::read_dir("/usr/lib/postgresql").expect("this needs PostgreSQL: `apt-get install postgresql`");
    let programs = versions.map(|version| version.unwrap().path().join("bin")).max().unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let started = world.inject(["--user", "postgres"]).env("PATH", &path).env("PGDATA", &data);
    let server = Application::start(&world, password.as_bytes(), started);
    eventually("the server is ready", || {
        let asked = world.run(programs.join("pg_isready"), [OsStr::new("-h"), data.as_os_str()]).done();
        asked.status == Some(0)
    });
    let psql = || {
        let client = ["-c", "client.json", "--", "psql", "-X", "-U", "postgres", "-Atc", "select 6 * 7", "-h"];
        world.inject(client.map(OsStr::new).into_iter().chain([data.as_os_str()])).env("PATH", &path).done()
    };
    assert_eq!(psql().quiet().text(), "42\n");
    world.secret(&["update", "db_password"]).input("wrong").done().quiet();
    psql().fails(2, &["password authentication failed"]);
    assert!(server.processes().len() > 3, "these are not all processes of a server");
    assert!(!server.shows_in("environ"));
    server.keeps_its_secret();
    let (status, signal, said) = server.end_by(Signal::SIGINT);
    assert_eq!((status, signal), (Some(0), None), "{said}");
}

#[test]
fn nginx_serves_tls_with_its_key_in_memory_and_again_after_a_reload() {
    need_root();
    let world = world("nginx");
    tool("/usr/sbin/nginx", "nginx");
    tool("openssl", "openssl");
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = certified.signing_key.serialize_pem();
    world.add("tls_key", &key);
    world.file("cert.pem", certified.cert.pem());
    let arguments = ["--", "/usr/sbin/nginx", "-e", "stderr", "-p", ".", "-c", "nginx.conf"];
    let line = key.lines().nth(1).unwrap();
    let server = Application::start(&world, line.as_bytes(), world.inject(arguments));
    // The worker that answers over TLS, its certificate verified.
    let worker = || {
        let client = ["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "localhost"];
        let to = ["-CAfile", "cert.pem", "-unix", "nginx.sock"];
        let asked = world.run("openssl", client.iter().chain(&to)).input("GET / HTTP/1.0\r\n\r\n").done();
        let (_, body) = asked.text().split_once("\r\n\r\n")?;
        Some(Pid::from_raw(body.trim().parse().unwrap()))
    };
    eventually("the server answers", || worker().is_some());
    eventually("it has two workers", || children(server.pid()).len() == 2);
    let first = children(server.pid());
    assert!(first.contains(&worker().unwrap()));

    let at = "run/inject/tls.key";
    let view = |process: Pid| fs::read_to_string(Path::new(&format!("/proc/{process}/root")).join(at));
    assert_eq!(view(server.pid()).unwrap(), key);
    assert!(!Path::new("/").join(at).exists(), "others see the key");
    assert!(!server.shows_in("environ"));
    server.keeps_its_secret();

    server.running.send(Signal::SIGHUP);
    eventually("the first workers are gone", || !first.iter().any(|&worker| is_alive(worker)));
    let second = children(server.pid());
    assert!(second.contains(&worker().unwrap()), "after a reload nobody answers");
    let (status, signal, said) = server.end_by(Signal::SIGTERM);
    assert_eq!((status, signal), (Some(0), None), "{said}");
}

#[test]
fn redis_reads_its_password_from_a_configuration_in_memory() {
    let world = world("redis");
    tool("redis-server", "redis-server");
    let password = "p w#d of a cache";
    world.add("redis_password", password);
    let launch = world.inject(["--", "sh", "-c", "exec redis-server \"$REDIS_CONF\""]);
    let server = Application::start(&world, password.as_bytes(), launch);
    let cli = || world.inject(["-c", "client.toml", "--", "redis-cli", "-s", "redis.sock", "PING"]).done();
    eventually("the server asks who is there", || {
        world.run("redis-cli", ["-s", "redis.sock", "PING"]).done().text().starts_with("NOAUTH")
    });
    assert_eq!(cli().quiet().text(), "PONG\n");
    world.secret(&["update", "redis_password"]).input("wrong").done().quiet();
    let refused = cli();
    assert!(refused.err.contains("WRONGPASS"), "{refused:?}");
    assert!(!server.shows_in("environ"));
    server.keeps_its_secret();
    let (status, signal, said) = server.end_by(Signal::SIGTERM);
    assert_eq!((status, signal), (Some(0), None), "{said}");
}

#[test]
fn node_has_in_variables_what_the_store_has() {
    let world = world("node");
    tool("node", "nodejs");
    let certificate = "-----BEGIN A TEXT-----\nof several lines, \u{fc}\t\"'$\\\n-----END A TEXT-----\n\n";
    let key: Vec<u8> = (0..=255).collect();
    world.add("certificate", certificate);
    world.add("key", &key);
    let server = Application::start(&world, certificate.as_bytes(), world.inject(["--", "node", "app.js"]));
    let mut answer = None;
    eventually("the server answers", || {
        answer = ask(&world, "GET / HTTP/1.0");
        answer.is_some()
    });
    let hex = |bytes: &[u8]| -> String { digest(&SHA256, bytes).as_ref().iter().map(|b| format!("{b:02x}")).collect() };
    assert_eq!(answer.unwrap(), (200, format!("{} {}\n", hex(certificate.as_bytes()), hex(&key))));
    assert!(server.shows_in("environ"), "a variable is where it is, and where this test would see it");
    server.keeps_its_secret();
    assert_eq!(server.end_by(Signal::SIGTERM), (None, Some(15), String::new()));
}

#[test]
fn a_python_server_under_supervision_reloads_and_ends_with_its_workers() {
    let world = world("python");
    tool("python3", "python3");
    let token = "a token for the server";
    world.add("api_token", token);
    let launch = world.inject(["--mode", "supervise", "--", "python3", "app.py"]);
    let server = Application::start(&world, token.as_bytes(), launch);
    let as_bearer =
        |method: &str, token: &str| ask(&world, &format!("{method} / HTTP/1.0\r\nAuthorization: Bearer {token}"));
    // Who did what was asked for, or which process it is.
    let number = |method: &str| match as_bearer(method, token) {
        Some((200, number)) => Some(Pid::from_raw(number.trim().parse().unwrap())),
        _ => None,
    };
    eventually("the server answers", || as_bearer("GET", "wrong").is_some());
    assert_eq!(as_bearer("GET", "wrong"), Some((401, String::new())));
    let [application] = children(server.pid())[..] else { panic!("no application, or more than one") };
    eventually("it has two workers", || children(application).len() == 2);
    let first = children(application);
    assert!(first.contains(&number("GET").unwrap()));

    server.running.send(Signal::SIGHUP);
    eventually("new workers answer", || number("GET").is_some_and(|worker| !first.contains(&worker)));
    assert!(!first.iter().any(|&worker| is_alive(worker)));

    let job = number("POST").unwrap();
    assert!(children(server.pid()).contains(&job), "the supervisor does not look after orphans");
    assert!(!server.shows_in("environ"));
    server.keeps_its_secret();
    kill(job, Signal::SIGTERM).unwrap();
    eventually("the job is reaped", || !Path::new(&format!("/proc/{job}")).exists());
    assert_eq!(server.end_by(Signal::SIGTERM), (Some(0), None, String::new()));
    assert!(!world.exists("app.sock"), "the server was not given the time to clean up");
}

#[test]
fn ssh_keygen_and_openssl_read_keys_from_sealed_descriptors() {
    let world = world("keys");
    let make_ssh = ["-q", "-t", "ed25519", "-N", "", "-C", "somebody", "-f", "key"];
    world.run(tool("ssh-keygen", "openssh-client"), make_ssh).done().quiet();
    let make_rsa = ["genrsa", "-out", "key.pem", "2048"];
    assert_eq!(world.run(tool("openssl", "openssl"), make_rsa).done().status, Some(0));
    let public = world.run("openssl", ["pkey", "-in", "key.pem", "-pubout"]).done().quiet();
    let expected = fs::read_to_string(world.path("key.pub")).unwrap() + public.text();
    let key = fs::read_to_string(world.path("key")).unwrap();
    for (name, file) in [("ssh_key", "key"), ("tls_key", "key.pem")] {
        world.secret(&["add", name, "--file", file]).done().quiet();
        fs::remove_file(world.path(file)).unwrap();
    }
    let script = "ssh-keygen -y -f \"$SSH_KEY\"; openssl pkey -in \"$TLS_KEY\" -pubout; \
                  echo \"$SSH_KEY $TLS_KEY\" >done.new; mv done.new done; exec sleep 1000";
    let line = key.lines().nth(1).unwrap();
    let keys = Application::start(&world, line.as_bytes(), world.inject(["--", "sh", "-c", script]));
    eventually("both are done", || world.exists("done"));
    let paths = fs::read_to_string(world.path("done")).unwrap();
    assert!(paths.split_whitespace().all(|path| path.starts_with("/proc/self/fd/")), "no paths of descriptors");
    assert!(!keys.shows_in("environ"));
    keys.keeps_its_secret();
    assert_eq!(keys.end_by(Signal::SIGTERM), (None, Some(15), expected));
}

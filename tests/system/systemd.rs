//! The example units of packaging/systemd under a real systemd: a copy of this machine's system, booted once in a
//! container (`fixtures/systemd/boot`). `fixtures/systemd/drive` does there what an operator does and leaves what
//! was to be seen; each test judges a part of that.

use crate::harness::{IDENTITY, PROGRAM, STORE, World, compiled};
use crate::{need_root, tool};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

const UNITS: &str = "installed/etc/systemd/system";
/// Those in which `/usr/bin/app` is the main process.
const EXAMPLES: [&str; 5] = ["app", "app-encrypted", "notify", "app@blue", "existing"];

/// What the machine left.
struct Booted {
    password: String,
    key: String,
    /// None of them may be read anywhere but where it belongs.
    secrets: Vec<String>,
    /// By name; of those in a directory with its name before.
    results: BTreeMap<String, Vec<u8>>,
    told: String,
}

fn booted() -> &'static Booted {
    static BOOTED: OnceLock<Booted> = OnceLock::new();
    need_root();
    tool("systemd-nspawn", "systemd-container");
    BOOTED.get_or_init(boot)
}

fn boot() -> Booted {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let (password, key) = (format!("canary-password-{now:x}"), format!("canary-key-{now:x}"));
    let world = World::with_store();
    world.add("password", &password);
    world.add("key", &key);
    let identity = fs::read_to_string(world.path(IDENTITY)).unwrap();
    let identity = identity.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap().to_owned();
    let secrets = vec![password.clone(), key.clone(), identity];

    let stores = json!({ "local": { "kind": "local", "path": "secrets.age" } });
    let variables = json!({ "PASSWORD": "$<secret:password>" });
    let config = json!({ "stores": stores, "environment_variables": variables, "files": { "key": "$<secret:key>" } })
        .to_string();
    let sleeper = json!({ "slow": { "kind": "exec", "command": ["/bin/sh", "-c", "sleep 6; echo value"] } });
    let slow = json!({ "stores": sleeper, "environment_variables": { "PASSWORD": "$<slow:x>" } });
    world.file("installed/etc/inject/inject.json", &config).file("installed/etc/inject/blue.json", &config);
    world.file("installed/etc/inject/slow.json", slow.to_string());
    world.file("installed/etc/inject/wrong.json", r#"{ "environment_variable": {} }"#);
    world.file("installed/canaries", secrets.join("\n") + "\n");
    fs::create_dir_all(world.path(UNITS)).unwrap();
    fs::create_dir_all(world.path("installed/usr/bin")).unwrap();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copy = |from: &Path, to: &str| {
        world.run("cp", [Path::new("-R"), from, &world.path(to)]).done().quiet();
    };
    copy(&tree.join("packaging/systemd/."), UNITS);
    for (example, name) in [
        ("notify.service", "notify-supervise.service"),
        ("web.service", "web-supervise.service"),
        ("web.socket", "web-supervise.socket"),
        ("app.service", "app-restricted.service"),
        ("app.service", "app-filtered.service"),
        ("app.service", "app-bounded.service"),
        ("app-encrypted.service", "kept.service"),
        ("app-encrypted.service", "locked.service"),
    ] {
        copy(&tree.join("packaging/systemd").join(example), &format!("{UNITS}/{name}"));
    }
    copy(&tree.join("fixtures/systemd/units/."), UNITS);
    copy(&tree.join("fixtures/systemd/drive"), "installed/usr/bin/drive");
    copy(compiled("service"), "installed/usr/bin/app");
    copy(&world.path(STORE), "installed/etc/inject/secrets.age");
    copy(&world.path(IDENTITY), "installed/etc/inject/identity");

    let directory = world.path("");
    let boot = tree.join("fixtures/systemd/boot");
    let name = format!("inject-test-{}", std::process::id());
    let privately = ["--mount", "--propagation", "private"].map(Path::new);
    let arguments = [boot.as_path(), Path::new(&name), &directory, Path::new(PROGRAM)];
    let done = world.run(tool("unshare", "util-linux"), privately.into_iter().chain(arguments)).done();
    let mut results = BTreeMap::new();
    read(&world.path("results"), "", &mut results);
    let told = format!("status {:?}\n{}\n{}", done.status, String::from_utf8_lossy(&done.out), done.err);
    Booted { password, key, secrets, results, told }
}

fn read(directory: &Path, prefix: &str, results: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read(&path, &format!("{name}/"), results);
        } else {
            results.insert(name, fs::read(&path).unwrap());
        }
    }
}

impl Booted {
    #[track_caller]
    fn bytes(&self, name: &str) -> &[u8] {
        let drive = || String::from_utf8_lossy(self.results.get("drive").map_or(b"", Vec::as_slice));
        self.results.get(name).unwrap_or_else(|| panic!("the machine left no {name}: {}\n{}", self.told, drive()))
    }

    #[track_caller]
    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name)).into_owned()
    }

    /// Of what `systemctl show` said then.
    #[track_caller]
    fn property(&self, name: &str, property: &str) -> String {
        let text = self.text(name);
        let found = text.lines().find_map(|line| line.strip_prefix(property)?.strip_prefix('='));
        found.unwrap_or_else(|| panic!("{name}: no {property} in {text}")).to_owned()
    }

    #[track_caller]
    fn is(&self, name: &str, properties: &[(&str, &str)]) {
        for (property, value) in properties {
            assert_eq!(self.property(name, property), *value, "{name}: {property} of {}", self.text(name));
        }
    }

    #[track_caller]
    fn has(&self, name: &str, pieces: &[&str]) {
        let text = self.text(name);
        for piece in pieces {
            assert!(text.contains(piece), "{name}: no {piece:?} in {text}");
        }
    }

    #[track_caller]
    fn has_no_secret(&self, name: &str) {
        let bytes = self.bytes(name);
        for secret in &self.secrets {
            let at = bytes.windows(secret.len()).position(|window| window == secret.as_bytes());
            let around = |at: usize| String::from_utf8_lossy(&bytes[at.saturating_sub(300)..at]).into_owned();
            assert!(at.is_none(), "{name} has a secret after {}", at.map_or_else(String::new, around));
        }
    }
}

const RUNS: [(&str, &str); 3] = [("ActiveState", "active"), ("SubState", "running"), ("Result", "success")];

#[test]
fn each_example_starts_its_service_and_the_main_process_is_the_application() {
    let booted = booted();
    assert_eq!((booted.text("start"), booted.text("verified")), (String::new(), String::new()));
    for unit in EXAMPLES {
        let started = format!("started/{unit}");
        booted.is(&started, &RUNS);
        booted.is(&started, &[("Program", "/usr/bin/app")]);
        booted.has(&format!("environ/{unit}"), &[&format!("PASSWORD={}\0", booted.password)]);
        assert_eq!(booted.text(&format!("key/{unit}")), booted.key, "{unit}");
    }
    booted.has("started/existing.log", &["--as-packaged"]);
}

#[test]
fn a_hardened_application_has_no_capability_and_gains_none() {
    let booted = booted();
    for unit in ["app", "app-encrypted"] {
        let status = booted.text(&format!("status/{unit}"));
        let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(of(set), "0000000000000000", "{unit} {set} in {status}");
        }
        assert_eq!(of("NoNewPrivs:"), "1", "{unit}");
        assert!(!of("Uid:").starts_with("0\t"), "{unit} is root");
    }
}

/// Root finds the files of a directory by looking for them, those in a namespace it does not.
#[test]
fn files_are_in_a_namespace_where_the_unit_leaves_that_and_in_its_runtime_directory_else() {
    let booted = booted();
    let finds = booted.text("root.finds");
    for unit in ["app-encrypted", "app-restricted", "app-filtered", "app-bounded"] {
        booted.is(&format!("started/{unit}"), &RUNS);
        assert_eq!(booted.text(&format!("key/{unit}")), booted.key, "{unit}");
        let directory = format!("/run/{unit}/inject-");
        assert!(finds.lines().any(|path| path.starts_with(&directory)), "{directory} {finds}");
    }
    assert!(!finds.contains("/run/app/") && !finds.contains("/run/inject"), "{finds}");
}

#[test]
fn a_service_that_notifies_is_ready_with_and_without_a_supervisor() {
    let booted = booted();
    for (unit, program) in [("notify", "/usr/bin/app"), ("notify-supervise", "/usr/bin/inject")] {
        let started = format!("started/{unit}");
        booted.is(&started, &RUNS);
        booted.is(&started, &[("Program", program)]);
        let status = booted.property(&started, "StatusText");
        assert!(status == "serving" || status.starts_with("beat "), "{unit}: {status:?}");
    }
}

#[test]
fn a_watchdog_sees_through_the_supervisor_whether_the_application_is_well() {
    let booted = booted();
    booted.is("beating", &RUNS);
    booted.has("beating", &["StatusText=beat "]);
    booted.is("starved", &[("ActiveState", "failed"), ("Result", "watchdog")]);
}

#[test]
fn a_store_slower_than_the_time_to_start_is_waited_for() {
    let booted = booted();
    booted.is("slow", &RUNS);
    booted.is("slow", &[("StatusText", "serving"), ("Program", "/usr/bin/app")]);
}

#[test]
fn an_application_that_is_given_its_socket_answers_with_and_without_a_supervisor() {
    let booted = booted();
    let main = booted.property("web", "MainPID");
    assert_eq!(booted.text("web.answer"), format!("{} {main}\n", booted.password));
    booted.has("web-supervise.answer", &[&format!("{} ", booted.password)]);
    booted.is("web-supervise", &RUNS);
    booted.is("web-supervise", &[("Program", "/usr/bin/inject")]);
}

#[test]
fn reload_and_kill_reach_the_application() {
    let booted = booted();
    let signalled = "app=2\napp-encrypted=2\nnotify=2\nweb-supervise=1\n";
    assert_eq!(booted.text("reload"), signalled);
    for unit in ["app", "app-encrypted", "notify"] {
        let reloaded = format!("reloaded.{unit}");
        booted.is(&reloaded, &RUNS);
        assert_eq!(booted.property(&reloaded, "MainPID"), booted.property(&format!("started/{unit}"), "MainPID"));
    }
}

#[test]
fn restart_starts_another() {
    let booted = booted();
    assert_eq!(booted.text("restart"), "");
    for unit in ["app", "notify"] {
        let restarted = format!("restarted.{unit}");
        booted.is(&restarted, &RUNS);
        booted.is(&restarted, &[("Program", "/usr/bin/app")]);
        assert_ne!(booted.property(&restarted, "MainPID"), booted.property(&format!("started/{unit}"), "MainPID"));
    }
}

#[test]
fn stop_is_no_failure() {
    let booted = booted();
    for unit in ["notify", "app@blue", "existing", "web", "web-supervise"] {
        booted.is(&format!("stopped/{unit}"), &[("ActiveState", "inactive"), ("Result", "success"), ("MainPID", "0")]);
    }
}

#[test]
fn nothing_is_left_of_a_service_that_was_killed() {
    let booted = booted();
    for unit in ["app", "app-encrypted", "kept"] {
        let killed = [("ActiveState", "failed"), ("Result", "signal"), ("ExecMainStatus", "9")];
        booted.is(&format!("killed.{unit}"), &killed);
    }
    // All three were there before.
    booted.has("root.finds", &["/run/private/kept/inject-", "/run/app-encrypted/inject-"]);
    assert_eq!(booted.text("left"), "");
    // The empty directory that namespaces mount over.
    assert_eq!(booted.text("left.names"), "/run/inject\n");
    let disk = booted.text("disk");
    let mut disk: Vec<_> = disk.lines().collect();
    disk.sort_unstable();
    assert_eq!(disk, ["./canaries", "./etc/inject/identity"]);
}

#[test]
fn another_service_sees_no_secret() {
    let booted = booted();
    assert_eq!(booted.text("spy.start"), "");
    assert_eq!(booted.text("spy"), "done\n");
    // Looking as root, the same script finds them.
    booted.has("root.finds", &["/run/credentials/app.service/inject_identity", "/environ", "/files/key"]);
}

#[test]
fn neither_the_journal_nor_the_manager_tells_a_secret() {
    let booted = booted();
    booted.has_no_secret("journal");
    booted.has_no_secret("shown");
    // They do tell of the services.
    let given = format!("MESSAGE=app: password {} key {}", booted.password.len(), booted.key.len());
    booted.has("journal", &[&given, "_SYSTEMD_UNIT=app.service"]);
    booted.has("shown", &["Id=app.service", "Id=app-encrypted.service"]);
}

#[test]
fn the_journal_names_the_application_where_the_unit_says_so() {
    let booted = booted();
    let journal = booted.text("journal");
    let said = "MESSAGE=app: password ";
    for unit in ["_SYSTEMD_UNIT=app.service", "_SYSTEMD_UNIT=existing.service"] {
        let of_unit = |entry: &&str| entry.contains(said) && entry.lines().any(|line| line == unit);
        let entry = journal.split("\n\n").find(of_unit).unwrap_or_else(|| panic!("no entry of {unit}"));
        assert!(entry.lines().any(|line| line == "SYSLOG_IDENTIFIER=app"), "{entry}");
    }
}

#[test]
fn what_is_wrong_is_in_the_journal_and_the_unit_failed_with_125() {
    let booted = booted();
    for (unit, pieces) in [
        ("app@wrong", ["inject: ", "/inject.json:1:3: the key `environment_variable` is not known"]),
        ("locked", ["inject: ", "/run/credentials/locked.service/inject_identity"]),
    ] {
        let failed = [("ActiveState", "failed"), ("Result", "exit-code"), ("ExecMainStatus", "125")];
        booted.is(unit, &failed);
        booted.has(&format!("{unit}.log"), &pieces);
        booted.has_no_secret(&format!("{unit}.log"));
    }
}

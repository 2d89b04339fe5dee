//! The world of a test: a directory of its own, a clean environment, the built binary.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_inject");
/// Where the local store and its identity are in a world.
pub(crate) const STORE: &str = ".local/share/inject/secrets.age";
pub(crate) const IDENTITY: &str = ".config/inject/identity";

/// A directory that is removed when the test ends.
pub(crate) struct World {
    directory: PathBuf,
}

impl World {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("world-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&directory).unwrap();
        Self::at(directory)
    }

    /// Takes this directory over.
    pub(crate) fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file, with the directories above it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        self
    }

    pub(crate) fn script(&self, name: &str, content: &str) -> &Self {
        self.file(name, content).mode(name, 0o755)
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) -> &Self {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// A world with an empty local store and its identity.
    pub(crate) fn with_store() -> Self {
        let world = Self::new();
        world.secret(&["init"]).done().quiet();
        world
    }

    /// `inject secret …`.
    pub(crate) fn secret(&self, arguments: &[&str]) -> Inject {
        self.inject(["secret"].iter().chain(arguments))
    }

    #[track_caller]
    pub(crate) fn add(&self, name: &str, value: impl AsRef<[u8]>) {
        assert_eq!(self.secret(&["add", name]).input(value).done().quiet().text(), "");
    }

    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        self.secret(&["get", name]).done().quiet().out
    }

    /// Of all secrets, sorted.
    #[track_caller]
    pub(crate) fn names(&self) -> Vec<String> {
        let listed = self.secret(&["list", "--json"]).done().quiet();
        let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed.out).unwrap();
        listed.iter().map(|secret| secret["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The binary, in this directory, with nothing in its environment but PATH and HOME.
    pub(crate) fn inject<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Inject {
        self.run(PROGRAM, arguments)
    }

    pub(crate) fn run<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Inject {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.directory).env_clear();
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.directory);
        Inject { command, input: Vec::new() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

pub(crate) struct Inject {
    command: Command,
    input: Vec<u8>,
}

impl Inject {
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn input(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.input = bytes.as_ref().to_vec();
        self
    }

    /// For what the builder has no word for.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Command)) -> Self {
        change(&mut self.command);
        self
    }

    pub(crate) fn start(mut self) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().unwrap()
    }

    pub(crate) fn done(self) -> Outcome {
        let input = self.input.clone();
        let mut child = self.start();
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            // A program that does not read its input is no failure of the test.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Outcome {
            status: output.status.code(),
            signal: output.status.signal(),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Outcome {
    /// The command ran, ended with 0 and nobody said anything.
    #[track_caller]
    pub(crate) fn quiet(self) -> Self {
        assert_eq!((self.status, self.err.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// Ended with this status, and the report has each of these pieces.
    #[track_caller]
    pub(crate) fn fails(self, status: i32, pieces: &[&str]) -> Self {
        assert_eq!(self.status, Some(status), "{self:?}");
        for piece in pieces {
            assert!(self.err.contains(piece), "no {piece:?} in {:?}", self.err);
        }
        assert_eq!(String::from_utf8_lossy(&self.out), "", "a launch that failed wrote to standard output");
        self
    }

    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    /// What `env -0` printed, sorted.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let split = |entry: &[u8]| {
            let text = String::from_utf8_lossy(entry).into_owned();
            let (name, value) = text.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        let mut variables: Vec<_> =
            self.out.split(|&byte| byte == 0).filter(|entry| !entry.is_empty()).map(split).collect();
        variables.sort();
        variables
    }

    #[track_caller]
    pub(crate) fn variable(&self, name: &str) -> String {
        let mut found = self.variables().into_iter().filter(|(known, _)| known == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("no {name} in {self:?}"));
        assert!(found.next().is_none(), "{name} stands twice");
        value
    }
}

/// A program that prints what a process inherits.
pub(crate) fn probe() -> &'static Path {
    compiled("probe")
}

/// A program of fixtures/bin, built once.
pub(crate) fn compiled(name: &'static str) -> &'static Path {
    static BUILT: Mutex<BTreeMap<&str, &Path>> = Mutex::new(BTreeMap::new());
    BUILT.lock().unwrap().entry(name).or_insert_with(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/bin/{name}.c"));
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let status = Command::new("cc").args(["-O1", "-o"]).args([&program, &source]).status().unwrap();
        assert!(status.success(), "{name}.c needs a C compiler");
        Box::leak(program.into_boxed_path())
    })
}

pub(crate) fn os(parts: &[&[u8]]) -> OsString {
    use std::os::unix::ffi::OsStringExt as _;
    OsString::from_vec(parts.concat())
}

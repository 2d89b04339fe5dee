//! Configuration to [`Spec`]: what was asked for, each item with its place in the text.
//!
//! Reads files, dotenv files and options, lays them over one another member by member, and says
//! what is wrong with their shape. It does not know stores, and no environment but where a
//! configuration is looked for.

pub(crate) mod document;
pub(crate) mod dotenv;
mod read;

pub(crate) use read::parse_mode;

use crate::environ::Environ;
use crate::failure::{Code, Failure, Layer, Place, cause};
use crate::reference::Hole;
use document::{Flaw, Format, Node};
use nix::fcntl::OFlag;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// All that was asked for, later layers laid over earlier ones.
#[derive(Default)]
pub(crate) struct Spec {
    pub(crate) default_store: Option<(String, Place)>,
    pub(crate) stores: Members<StoreSpec>,
    pub(crate) secret_map: Members<Item>,
    pub(crate) environment: Members<Item>,
    pub(crate) files: Members<FileItem>,
    pub(crate) mounts: Members<Mount>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) arguments: Option<Vec<String>>,
    /// `"export"`, where it was said.
    pub(crate) export: Option<bool>,
    /// Something besides a secret_map was given, so entries are not exported by themselves.
    pub(crate) has_targets: bool,
    pub(crate) pod: Pod,
    /// Where `--pod` found its definition.
    pub(crate) fetched: Option<Fetched>,
    /// Where a configuration was looked for, when none was found.
    pub(crate) looked_at: Vec<PathBuf>,
    /// What is wrong with what was read; planning goes on, so that all is reported at once.
    pub(crate) failures: Vec<Failure>,
}

/// Named members in the order they were first written.
pub(crate) struct Members<T> {
    list: Vec<(Rc<str>, T)>,
    index: HashMap<Rc<str>, usize>,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { list: Vec::new(), index: HashMap::new() }
    }
}

impl<T> Members<T> {
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        self.position(name).map(|at| &self.list[at].1)
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.shared().map(|(name, item)| (&**name, item))
    }

    /// For who keeps the names.
    pub(crate) fn shared(&self) -> impl Iterator<Item = (&Rc<str>, &T)> {
        self.list.iter().map(|(name, item)| (name, item))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(name, _)| &**name)
    }

    pub(crate) fn at(&self, position: usize) -> (&str, &T) {
        let (name, item) = &self.list[position];
        (name, item)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Makes room for so many more.
    fn reserve(&mut self, more: usize) {
        self.list.reserve(more);
        self.index.reserve(more);
    }

    /// Lays a member over an earlier one of its name, which `shadow` gets.
    fn lay(&mut self, name: Rc<str>, item: T, shadow: impl FnOnce(&mut T, T)) {
        match self.index.entry(name) {
            Entry::Occupied(entry) => {
                let member = &mut self.list[*entry.get()].1;
                let earlier = std::mem::replace(member, item);
                shadow(member, earlier);
            }
            Entry::Vacant(entry) => {
                self.list.push((Rc::clone(entry.key()), item));
                entry.insert(self.list.len() - 1);
            }
        }
    }
}

impl<T: Layered> Members<T> {
    /// Lays later members over these.
    fn lay_all(&mut self, later: Self) {
        for (name, item) in later.list {
            self.lay(name, item, T::shadow);
        }
    }
}

/// What a later layer may replace, remembering the place of what it replaces.
pub(crate) trait Layered {
    fn shadow(&mut self, earlier: Self);
}

/// What a variable or a file holds, as written.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    Template(Vec<u8>),
    Literal(Vec<u8>),
    /// Cloudify's object form.
    Reference(Box<Hole>),
    /// `-e NAME`: the inherited value.
    Inherited,
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) text: Text,
    /// `"as": "fd"`.
    pub(crate) descriptor: bool,
    pub(crate) place: Place,
    pub(crate) shadows: Vec<Place>,
}

#[derive(Clone, Debug)]
pub(crate) struct FileItem {
    pub(crate) item: Item,
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<String>,
    /// The variable that gets the file's path.
    pub(crate) env: Option<String>,
}

/// A Tapis volume mount, as far as `inject` has a use for it.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    pub(crate) kind: Option<String>,
    pub(crate) source_id: Option<String>,
    pub(crate) sub_path: Option<String>,
    pub(crate) read_only: Option<bool>,
    pub(crate) content: Option<String>,
    pub(crate) permissions: Option<String>,
    pub(crate) filename: Option<String>,
    pub(crate) update_mode: Option<String>,
    /// `null` takes an inherited mount away.
    pub(crate) removed: bool,
    pub(crate) place: Place,
    pub(crate) shadows: Vec<Place>,
}

#[derive(Clone, Debug)]
pub(crate) struct StoreSpec {
    /// As written, `kind` among them.
    pub(crate) settings: Vec<(document::Key, Node)>,
    /// Where relative paths start.
    pub(crate) base: PathBuf,
    pub(crate) place: Place,
    pub(crate) shadows: Vec<Place>,
}

impl StoreSpec {
    /// What `"kind"` says, where it is a string.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.settings.iter().find(|(key, _)| &*key.name == "kind").and_then(|(_, node)| match &node.data {
            document::Data::Text(kind) => Some(kind.as_str()),
            _ => None,
        })
    }
}

/// A network's scalar fields; one that is null has no value.
pub(crate) type Fields = Vec<(String, Option<String>)>;

/// Facts of a Tapis pod definition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pod {
    pub(crate) id: Option<String>,
    pub(crate) stack: Option<String>,
    pub(crate) networking: BTreeMap<String, Fields>,
}

/// A pod whose definition is the lowest configuration, and the store that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) pod: String,
    pub(crate) store: String,
}

/// What was typed about configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs {
    pub(crate) configs: Vec<OsString>,
    pub(crate) require_config: bool,
    pub(crate) pod: Option<String>,
    pub(crate) env_files: Vec<OsString>,
    pub(crate) env: Vec<OsString>,
    pub(crate) files: Vec<OsString>,
}

impl Spec {
    /// Reads everything, lowest layer first. A layer that cannot be read or parsed at all is an
    /// error; what is wrong inside one is collected in `failures`.
    pub(crate) fn load(inputs: &Inputs, environ: &Environ) -> Result<Self, Vec<Failure>> {
        let mut spec = Self::default();
        let mut broken = Vec::new();
        let configs = if inputs.configs.is_empty() {
            match find_config(environ) {
                Ok(Found::At(path)) => vec![path.into_os_string()],
                Ok(Found::Nowhere(places)) => {
                    spec.looked_at = places;
                    Vec::new()
                }
                Err(failure) => return Err(vec![failure]),
            }
        } else {
            inputs.configs.clone()
        };
        // A pod's definition is one.
        if configs.is_empty() && inputs.require_config && inputs.pod.is_none() {
            let places: Vec<_> = spec.looked_at.iter().map(|path| path.display().to_string()).collect();
            let message = format!("there is no configuration; looked at {}; name one with -c", places.join(", "));
            return Err(vec![Failure::new(Code::Config, "", message)]);
        }
        for config in &configs {
            if let Err(failure) = spec.lay_config(config) {
                broken.push(failure);
            }
        }
        for file in &inputs.env_files {
            if let Err(failure) = spec.lay_env_file(file) {
                broken.push(failure);
            }
        }
        spec.lay_options(inputs);
        if broken.is_empty() {
            return Ok(spec);
        }
        broken.extend(spec.failures);
        Err(broken)
    }

    /// Lays all of this over a pod's definition, which comes before every configuration.
    pub(crate) fn over_pod(self, fetched: Fetched, definition: &str) -> Result<Self, Vec<Failure>> {
        let mut below = Self::default();
        let layer = Rc::new(Layer::named(&format!("pod {}", fetched.pod)));
        let failure = |flaw: Flaw| vec![Failure::new(Code::Config, &layer.name, flaw.message)];
        let (root, flaws) = document::parse_json(definition).map_err(failure)?;
        if let Some(flaw) = flaws.into_iter().next() {
            return Err(failure(flaw));
        }
        below.read(root, &layer, Path::new("")).map_err(|failure| vec![failure])?;
        below.default_store = self.default_store.or(below.default_store);
        below.stores.lay_all(self.stores);
        below.secret_map.lay_all(self.secret_map);
        below.environment.lay_all(self.environment);
        below.files.lay_all(self.files);
        below.mounts.lay_all(self.mounts);
        below.command = self.command.or(below.command);
        below.arguments = self.arguments.or(below.arguments);
        below.export = self.export.or(below.export);
        below.has_targets |= self.has_targets;
        below.pod.id = self.pod.id.or(below.pod.id);
        below.pod.stack = self.pod.stack.or(below.pod.stack);
        below.pod.networking.extend(self.pod.networking);
        below.failures.extend(self.failures);
        below.fetched = Some(fetched);
        Ok(below)
    }

    fn lay_config(&mut self, config: &OsStr) -> Result<(), Failure> {
        let (name, base) = if config == "-" {
            ("standard input".to_owned(), PathBuf::new())
        } else {
            let path = Path::new(config);
            (path.display().to_string(), path.parent().unwrap_or(Path::new("")).to_owned())
        };
        let unreadable = |error: io::Error| {
            Failure::new(Code::Config, &name, format!("the configuration cannot be read: {}", cause(&error)))
        };
        let bytes = read_input(config).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            Failure::new(Code::Config, &name, format!("the configuration is not UTF-8 (byte {at})"))
        })?;
        let toml = Path::new(config).extension().is_some_and(|extension| extension == "toml")
            || (config == "-" && !text.trim_start().starts_with('{'));
        self.lay_text(name, text, if toml { Format::Toml } else { Format::Json }, &base)
    }

    /// Lays a configuration's text over what earlier ones said. `name` is what places call it.
    pub(crate) fn lay_text(&mut self, name: String, text: String, format: Format, base: &Path) -> Result<(), Failure> {
        let parsed = document::parse(&text, format);
        let layer = Rc::new(Layer::new(name, text.into_bytes()));
        let failure = |flaw: Flaw| Failure::new(Code::Config, Place::of(&layer, Some(flaw.at), ""), flaw.message);
        let (root, flaws) = parsed.map_err(failure)?;
        self.failures.extend(flaws.into_iter().map(failure));
        self.read(root, &layer, base)
    }

    fn lay_env_file(&mut self, file: &OsStr) -> Result<(), Failure> {
        let name = Path::new(file).display().to_string();
        let text = read_input(file).map_err(|error| {
            Failure::new(Code::Config, &name, format!("the env file cannot be read: {}", cause(&error)))
        })?;
        let layer = Rc::new(Layer::new(name, text));
        let (assignments, errors) = dotenv::parse(&layer.text);
        for error in errors {
            self.failures.push(Failure::new(Code::Config, Place::of(&layer, Some(error.at), ""), error.message));
        }
        self.has_targets = true;
        for dotenv::Assignment { name, value, at } in assignments {
            let name: Rc<str> = name.into();
            let place = Place::of(&layer, Some(at), Rc::clone(&name));
            self.lay_variable(name, Item::template(value, place));
        }
        Ok(())
    }

    fn lay_options(&mut self, inputs: &Inputs) {
        let (env, file) = (Rc::new(Layer::named("-e")), Rc::new(Layer::named("-f")));
        self.has_targets |= !inputs.env.is_empty() || !inputs.files.is_empty();
        for option in &inputs.env {
            let (name, value) = split_assignment(option);
            let Some(name) = name.filter(|name| !name.is_empty()) else {
                self.failures.push(Failure::new(
                    Code::Config,
                    "-e",
                    "write -e NAME=TEMPLATE, or -e NAME to pass the inherited one on",
                ));
                continue;
            };
            let place = Place::of(&env, None, name);
            let text = value.map_or(Text::Inherited, |value| Text::Template(value.to_vec()));
            self.lay_variable(name.into(), Item { text, descriptor: false, place, shadows: Vec::new() });
        }
        for option in &inputs.files {
            let (Some(path), Some(value)) = split_assignment(option) else {
                self.failures.push(Failure::new(Code::Config, "-f", "write -f PATH=TEMPLATE"));
                continue;
            };
            let item = Item::template(value.to_vec(), Place::of(&file, None, path));
            self.lay_file(path.into(), FileItem { item, mode: None, owner: None, env: None });
        }
    }

    fn lay_variable(&mut self, name: Rc<str>, item: Item) {
        self.environment.lay(name, item, Layered::shadow);
    }

    fn lay_file(&mut self, path: Rc<str>, file: FileItem) {
        self.files.lay(path, file, Layered::shadow);
    }
}

#[cfg(test)]
impl Spec {
    /// One configuration, without a file.
    pub(crate) fn of(root: Node) -> Result<Self, Vec<Failure>> {
        let mut spec = Self::default();
        spec.read(root, &Rc::new(Layer::named("test")), Path::new("")).map_err(|failure| vec![failure])?;
        let failures = std::mem::take(&mut spec.failures);
        if failures.is_empty() { Ok(spec) } else { Err(failures) }
    }
}

impl Item {
    fn template(text: Vec<u8>, place: Place) -> Self {
        Self { text: Text::Template(text), descriptor: false, place, shadows: Vec::new() }
    }
}

impl Layered for Item {
    fn shadow(&mut self, earlier: Self) {
        lengthen(&mut self.shadows, earlier.shadows, earlier.place);
    }
}

impl Layered for FileItem {
    fn shadow(&mut self, earlier: Self) {
        self.item.shadow(earlier.item);
    }
}

impl Layered for Mount {
    fn shadow(&mut self, earlier: Self) {
        lengthen(&mut self.shadows, earlier.shadows, earlier.place);
    }
}

impl Layered for StoreSpec {
    fn shadow(&mut self, earlier: Self) {
        lengthen(&mut self.shadows, earlier.shadows, earlier.place);
    }
}

/// Nearest last: what an earlier item was laid over, that item, what the later one was over already.
fn lengthen(shadows: &mut Vec<Place>, earlier: Vec<Place>, place: Place) {
    // In the buffer of the earlier ones, which is long where a name stands often.
    let own = std::mem::replace(shadows, earlier);
    shadows.push(place);
    shadows.extend(own);
}

/// `NAME=VALUE` at its first `=`; no name where it is not UTF-8.
fn split_assignment(option: &OsStr) -> (Option<&str>, Option<&[u8]>) {
    let bytes = option.as_bytes();
    let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    };
    (std::str::from_utf8(name).ok(), value)
}

/// More than any configuration; a device may go on for ever.
const LARGEST: u64 = 64 << 20;

/// A pipe is fine: a shell's `<(…)` is one.
fn read_input(name: &OsStr) -> io::Result<Vec<u8>> {
    let input: &mut dyn io::Read = if name == "-" { &mut io::stdin().lock() } else { &mut File::open(name)? };
    // Room for most; a page of it that is not needed is never touched.
    let mut bytes = Vec::with_capacity(16 << 10);
    input.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    Ok(bytes)
}

enum Found {
    At(PathBuf),
    Nowhere(Vec<PathBuf>),
}

/// The first configuration that exists where one is looked for by itself.
fn find_config(environ: &Environ) -> Result<Found, Failure> {
    let mut places = Vec::new();
    let directories = [Some(PathBuf::new()), environ.path("CREDENTIALS_DIRECTORY"), Some("/etc/inject".into())];
    for directory in directories.into_iter().flatten() {
        for name in ["inject.json", "inject.toml"] {
            let path = directory.join(name);
            // Without O_NONBLOCK a pipe of that name would hold the launch up.
            let open = OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&path);
            match open.and_then(|file| file.metadata()) {
                Ok(metadata) => {
                    return check_found(&path, &metadata).map(|()| Found::At(path));
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    places.push(path)
                }
                Err(error) => {
                    let message = format!(
                        "this configuration was found and cannot be read: {}; name another with -c",
                        cause(&error)
                    );
                    return Err(Failure::new(Code::Config, path.display(), message));
                }
            }
        }
    }
    Ok(Found::Nowhere(places))
}

/// A configuration that nobody named decides what runs with which secrets: nobody else may have
/// written it. Group write is fine where the group's number is the user's own (umask 002).
fn check_found(path: &Path, metadata: &fs::Metadata) -> Result<(), Failure> {
    let user = nix::unistd::geteuid().as_raw();
    let (owner, mode) = (metadata.uid(), metadata.mode());
    let shown = path.display();
    if !metadata.is_file() {
        let message = "this configuration was found, not named, and it is no regular file; name one with -c";
        return Err(Failure::new(Code::Config, shown, message));
    }
    let advice = if owner != user && owner != 0 {
        format!("it belongs to user {owner}, not to you or root; name it with -c {shown} if you trust it")
    } else if mode & 0o002 != 0 {
        format!("every user can change it; chmod o-w {shown}, or name it with -c {shown}")
    } else if mode & 0o020 != 0 && metadata.gid() != user {
        format!("its group can change it; chmod g-w {shown}, or name it with -c {shown}")
    } else {
        return Ok(());
    };
    Err(Failure::new(Code::Config, shown, format!("this configuration was found, not named, and {advice}")))
}

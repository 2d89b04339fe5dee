//! Identities: the private keys that open the store, and the places they may come from.
//!
//! The first place that is set or exists decides; a place that was named and fails is an error, so
//! that no other key takes its part unseen. Where keys stand in a file, the file has age's format.

use super::stanza::Holder;
use crate::environ::Environ;
use crate::store::{Credential, Settings, StoreError};
use age::x25519::{Identity, Recipient};
use nix::sys::statfs::{FsType, Statfs, TMPFS_MAGIC, fstatfs, statfs};
use nix::sys::statvfs::FsFlags;
use nix::unistd::{AccessFlags, eaccess};
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const RAMFS_MAGIC: u32 = 0x8584_58f6;
/// More than anybody's keys; an identity is read whole.
const LARGEST: usize = 64 << 10;

/// The keys of one place, at least one.
pub(super) struct Identities {
    pub(super) keys: Vec<Identity>,
    pub(super) origin: Origin,
}

/// Where keys came from, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Variable(String),
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(out, "the variable {name}"),
            Self::File(path) => write!(out, "{}", path.display()),
        }
    }
}

impl Identities {
    pub(super) fn recipients(&self) -> impl Iterator<Item = Recipient> {
        self.keys.iter().map(Identity::to_public)
    }

    pub(super) fn holders(&self) -> impl Iterator<Item = Holder> {
        self.keys.iter().map(Holder::of)
    }
}

/// The identity of the first place that has one.
pub(super) fn find(settings: &Settings, environ: &Environ) -> Result<Identities, StoreError> {
    let places = places(settings, environ)?;
    first(&places, environ)?.ok_or_else(|| {
        let looked: Vec<_> = places.iter().map(|place| place.origin().to_string()).collect();
        StoreError::Unauthenticated(format!(
            "there is no identity to open the store with, neither in INJECT_IDENTITY nor in {}; put the one that it was \
             made with there, or, for a new store, let `inject secret init` make one",
            looked.join(", ")
        ))
    })
}

/// Where a launch takes its identity from, found without reading it.
pub(crate) enum Source {
    /// No place has one: those that were looked at.
    Nowhere(Vec<Origin>),
    Variable(String),
    File {
        path: PathBuf,
        owner: u32,
        mode: u32,
        /// Others may read it, so that a launch refuses it.
        exposed: bool,
    },
}

/// The first place that has an identity, by the rules of [`find`].
pub(crate) fn source(settings: &Settings, environ: &Environ) -> Result<Source, StoreError> {
    let places = places(settings, environ)?;
    for place in &places {
        let path = match place {
            Place::Variable(name) if environ.get(name).is_none() => return Err(unset(name)),
            Place::Variable(name) => return Ok(Source::Variable(name.clone())),
            Place::Named(path) | Place::Likely(path) => path,
        };
        let found = path.metadata().and_then(|metadata| Ok((eaccess(path, AccessFlags::R_OK)?, metadata)));
        let metadata = match found {
            Ok(((), metadata)) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound && matches!(place, Place::Likely(_)) => continue,
            Err(error) => return Err(unavailable(path, "opened", &error)),
        };
        let exposed = is_exposed(path, &metadata, || statfs(path));
        let exposed = exposed.map_err(|error| unavailable(path, "read", &error.into()))?;
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
        return Ok(Source::File { path: path.clone(), owner, mode, exposed });
    }
    Ok(Source::Nowhere(places.iter().map(Place::origin).collect()))
}

/// The identity of the first place that has one; where none has, a new one in the file that was
/// named or in the user's own directory.
pub(super) fn find_or_make(settings: &Settings, environ: &Environ) -> Result<Identities, StoreError> {
    let places = places(settings, environ)?;
    match &places[..] {
        [Place::Named(path)] if !path.try_exists().unwrap_or(true) => make(path),
        _ => match (first(&places, environ)?, places.last()) {
            (Some(identities), _) => Ok(identities),
            (None, Some(Place::Likely(path))) if path.ends_with(USER) => make(path),
            (None, _) => Err(StoreError::Settings(
                "there is no place for an identity: HOME and XDG_CONFIG_HOME are not set; name a file with \
                 INJECT_IDENTITY_FILE"
                    .into(),
            )),
        },
    }
}

/// Below `$XDG_CONFIG_HOME`.
const USER: &str = "inject/identity";

enum Place {
    /// The text of the keys.
    Variable(String),
    /// A file that somebody named: it must be there.
    Named(PathBuf),
    /// A file that is there or not.
    Likely(PathBuf),
}

impl Place {
    fn origin(&self) -> Origin {
        match self {
            Self::Variable(name) => Origin::Variable(name.clone()),
            Self::Named(path) | Self::Likely(path) => Origin::File(path.clone()),
        }
    }
}

/// One place that was named, or all that need no name. An empty variable counts as unset.
fn places(settings: &Settings, environ: &Environ) -> Result<Vec<Place>, StoreError> {
    let credentials = environ.path("CREDENTIALS_DIRECTORY");
    match (settings.credential("identity"), &credentials) {
        (Some(Credential::Variable(name)), _) => return Ok(vec![Place::Variable(name.clone())]),
        (Some(Credential::File(path)), _) => return Ok(vec![Place::Named(path.clone())]),
        (Some(Credential::Named(name)), Some(directory)) => return Ok(vec![Place::Named(directory.join(name))]),
        (Some(Credential::Named(name)), None) => {
            return Err(StoreError::Settings(format!(
                "the identity is the credential `{name}`, and CREDENTIALS_DIRECTORY is not set; systemd sets it for a \
                 unit with LoadCredential={name}"
            )));
        }
        (None, _) => {}
    }
    if let Some(path) = environ.path("INJECT_IDENTITY_FILE") {
        return Ok(vec![Place::Named(path)]);
    }
    if environ.path("INJECT_IDENTITY").is_some() {
        return Ok(vec![Place::Variable("INJECT_IDENTITY".into())]);
    }
    let mut places = Vec::with_capacity(3);
    places.extend(credentials.map(|directory| Place::Likely(directory.join("inject_identity"))));
    places.push(Place::Likely("/run/secrets/inject_identity".into()));
    places.extend(
        super::base_directory(environ, "XDG_CONFIG_HOME", ".config").map(|base| Place::Likely(base.join(USER))),
    );
    Ok(places)
}

fn first(places: &[Place], environ: &Environ) -> Result<Option<Identities>, StoreError> {
    for place in places {
        let origin = place.origin();
        let keys = match place {
            Place::Variable(name) => {
                let text = environ.get(name).ok_or_else(|| unset(name))?;
                parse(text, &origin)?
            }
            Place::Named(path) | Place::Likely(path) => match File::open(path) {
                Ok(file) => parse(&read(file, path)?, &origin)?,
                Err(error) if error.kind() == ErrorKind::NotFound && matches!(place, Place::Likely(_)) => continue,
                Err(error) => return Err(unavailable(path, "opened", &error)),
            },
        };
        return Ok(Some(Identities { keys, origin }));
    }
    Ok(None)
}

fn unset(name: &str) -> StoreError {
    StoreError::Settings(format!("the identity is the variable {name}, and it is not set"))
}

fn unavailable(path: &Path, done: &str, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!("the identity file {} could not be {done}: {error}", path.display()))
}

/// A pipe is fine: a shell's `<(…)` is one.
fn read(file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let metadata = file.metadata().map_err(|error| unavailable(path, "read", &error))?;
    let exposed = is_exposed(path, &metadata, || fstatfs(&file));
    if exposed.map_err(|error| unavailable(path, "read", &error.into()))? {
        return Err(StoreError::Settings(format!(
            "the identity file {0} can be read by others (mode {1:04o}); run `chmod 600 {0}`",
            path.display(),
            metadata.mode() & 0o7777
        )));
    }
    // Sized once: a buffer that grows leaves copies. The end shows in what is left over.
    let expected = if metadata.is_file() { metadata.len().min(LARGEST as u64) as usize } else { LARGEST };
    let mut text = Zeroizing::new(Vec::with_capacity(expected + 64));
    file.take(LARGEST as u64 + 1).read_to_end(&mut text).map_err(|error| unavailable(path, "read", &error))?;
    if text.len() > LARGEST {
        return Err(StoreError::TooBig(format!(
            "{} is no identity file: it has more than {} KiB",
            path.display(),
            LARGEST >> 10
        )));
    }
    Ok(text)
}

/// Whether a file's mode lets others read it, at a place where that means something.
fn is_exposed(path: &Path, metadata: &Metadata, system: impl FnOnce() -> nix::Result<Statfs>) -> nix::Result<bool> {
    if !metadata.is_file() || metadata.mode() & 0o077 == 0 {
        return Ok(false);
    }
    system().map(|system| is_disk(system.filesystem_type(), system.flags()) && !is_mounted(path))
}

/// Docker, Kubernetes and systemd deliver secrets readable to all in memory or on a mount that nobody
/// can write; such a file's mode says nothing.
fn is_disk(kind: FsType, flags: FsFlags) -> bool {
    // The type's width differs between C libraries; the number has 32 bits.
    kind != TMPFS_MAGIC && kind.0 as u32 != RAMFS_MAGIC && !flags.contains(FsFlags::ST_RDONLY)
}

/// Whether the file is a mount by itself. Podman delivers secrets so, readable to all in the container,
/// from a directory on the host's disk that is root's alone.
fn is_mounted(path: &Path) -> bool {
    let (Ok(path), Ok(mounts)) = (path.canonicalize(), fs::read("/proc/self/mountinfo")) else { return false };
    mounts.split(|&byte| byte == b'\n').any(|line| {
        let point = line.split(|&byte| byte == b' ').nth(4);
        point.is_some_and(|point| unescaped(point) == path.as_os_str().as_bytes())
    })
}

/// proc_pid_mounts(5): what would end a field is written as three octal digits behind a backslash.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut parts = field.split(|&byte| byte == b'\\');
    let mut text = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(part.len().min(3));
        text.push(digits.iter().fold(0, |byte: u8, digit| byte << 3 | digit & 7));
        text.extend(rest);
    }
    text
}

/// age's format: one key per line, `#` begins a comment.
fn parse(text: &[u8], origin: &Origin) -> Result<Vec<Identity>, StoreError> {
    let mut keys = Vec::new();
    for (index, line) in text.split(|&byte| byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        match std::str::from_utf8(line).ok().and_then(|line| line.parse().ok()) {
            Some(key) => keys.push(key),
            None => {
                return Err(StoreError::Settings(format!(
                    "{origin}: line {} is no age identity (AGE-SECRET-KEY-1…)",
                    index + 1
                )));
            }
        }
    }
    if keys.is_empty() {
        return Err(StoreError::Settings(format!("{origin} holds no age identity (AGE-SECRET-KEY-1…)")));
    }
    Ok(keys)
}

/// A new key in a new file, as age-keygen writes it.
#[allow(clippy::disallowed_methods, reason = "the identity's text goes into its own file")]
fn make(path: &Path) -> Result<Identities, StoreError> {
    use secrecy::ExposeSecret as _;
    let failed = |error| unavailable(path, "made", &error);
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let key = Identity::generate();
    let public = format!("# created: {}\n# public key: {}\n", super::time::now(), key.to_public());
    let private = key.to_string();
    let written = [public.as_bytes(), private.expose_secret().as_bytes(), b"\n"];
    written.into_iter().try_for_each(|part| file.write_all(part)).and_then(|()| file.sync_all()).map_err(|error| {
        // Half a key would stand in the way of the next attempt.
        let _ = std::fs::remove_file(path);
        failed(error)
    })?;
    Ok(Identities { keys: vec![key], origin: Origin::File(path.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::super::Fixture;
    use super::*;
    use crate::store::Setting;
    use nix::sys::statfs::EXT4_SUPER_MAGIC;
    use secrecy::ExposeSecret as _;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    fn key() -> String {
        Identity::generate().to_string().expose_secret().to_owned()
    }

    /// Where the identity is found, each entry of the environment having @ for the fixture's directory.
    fn origin<const N: usize>(fixture: &Fixture, entries: [&str; N]) -> Result<Origin, StoreError> {
        let directory = fixture.directory.display().to_string();
        let entries = entries.map(|entry| entry.replace("@", &directory));
        find(&fixture.settings, &Environ::of(entries.each_ref().map(String::as_str))).map(|found| found.origin)
    }

    fn write(fixture: &Fixture, name: &str, text: &str) -> Origin {
        let path = fixture.directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        Origin::File(path)
    }

    #[test]
    fn the_first_place_that_is_set_decides() {
        let mut fixture = Fixture::empty();
        let (named, own) = (write(&fixture, "named", &key()), write(&fixture, "inject/identity", &key()));
        let (setting, delivered) = (write(&fixture, "setting", &key()), write(&fixture, "inject_identity", &key()));
        let (variable, home) = (&*format!("INJECT_IDENTITY={}", key()), "XDG_CONFIG_HOME=@");
        let (file, credentials) = ("INJECT_IDENTITY_FILE=@/named", "CREDENTIALS_DIRECTORY=@");
        assert_eq!(origin(&fixture, [home]), Ok(own.clone()));
        assert_eq!(origin(&fixture, [home, "CREDENTIALS_DIRECTORY=@/none", "INJECT_IDENTITY="]), Ok(own));
        assert_eq!(origin(&fixture, [home, credentials]), Ok(delivered));
        assert_eq!(origin(&fixture, [home, credentials, variable]), Ok(Origin::Variable("INJECT_IDENTITY".into())));
        assert_eq!(origin(&fixture, [home, credentials, variable, file]), Ok(named));
        let Origin::File(path) = &setting else { panic!() };
        fixture.settings.set("identity", Setting::Credential(Credential::File(path.clone())));
        assert_eq!(origin(&fixture, [home, credentials, variable, file]), Ok(setting));
    }

    #[test]
    fn a_place_that_was_named_and_fails_is_an_error() {
        let mut fixture = Fixture::empty();
        write(&fixture, "inject/identity", &key());
        let own = "XDG_CONFIG_HOME=@";
        assert!(matches!(origin(&fixture, [own, "INJECT_IDENTITY_FILE=@/none"]), Err(StoreError::Unavailable(_))));
        assert!(matches!(origin(&fixture, [own, "INJECT_IDENTITY=x"]), Err(StoreError::Settings(_))));
        fixture.settings.set("identity", Setting::Credential(Credential::Variable("KEY".into())));
        assert!(matches!(origin(&fixture, [own]), Err(StoreError::Settings(_))));
        fixture.settings = Settings::default();
        fixture.settings.set("identity", Setting::Credential(Credential::Named("key".into())));
        assert!(matches!(origin(&fixture, [own]), Err(StoreError::Settings(_))));
        assert!(origin(&fixture, [own, "CREDENTIALS_DIRECTORY=@"]).is_err());
    }

    #[test]
    fn without_an_identity_the_error_lists_where_one_may_be() {
        let fixture = Fixture::empty();
        let Err(StoreError::Unauthenticated(why)) = origin(&fixture, ["HOME=@"]) else { panic!() };
        for place in ["/run/secrets/inject_identity", "/.config/inject/identity", "put the one", "inject secret init"] {
            assert!(why.contains(place), "{why}");
        }
    }

    #[test]
    fn an_identity_file_has_comments_and_any_number_of_keys() {
        let (one, other) = (key(), key());
        let text = format!("# public key: age1…\r\n\n  {one}\r\n# old\n{other}");
        let keys = parse(text.as_bytes(), &Origin::Variable("K".into())).ok().unwrap();
        assert_eq!(keys.iter().map(|key| key.to_string().expose_secret().to_owned()).collect::<Vec<_>>(), [one, other]);
    }

    #[test]
    fn what_is_no_identity_is_named_by_its_line_and_not_shown() {
        for (text, word) in
            [("", "no age identity"), ("# x\n", "no age identity"), ("\nhunter2", "line 2"), ("\u{fc}", "line 1")]
        {
            let error = parse(text.as_bytes(), &Origin::Variable("K".into())).err().unwrap().to_string();
            assert!(error.contains(word) && error.contains("variable K") && !error.contains("hunter2"), "{error}");
        }
        let half = &key()[..60];
        assert!(!parse(half.as_bytes(), &Origin::Variable("K".into())).err().unwrap().to_string().contains(half));
    }

    #[test]
    fn a_mount_is_known_by_its_place_however_that_is_written() {
        assert_eq!(unescaped(br"/a\040b\134\011c\012"), b"/a b\\\tc\n");
        assert_eq!(unescaped(b"/run/secrets/inject_identity"), b"/run/secrets/inject_identity");
        assert!(is_mounted(Path::new("/proc/../proc")) && !is_mounted(Path::new("/proc/version")));
    }

    #[test]
    fn an_identity_that_others_can_read_is_refused_on_a_disk_and_only_there() {
        assert!(is_disk(EXT4_SUPER_MAGIC, FsFlags::empty()));
        assert!(is_disk(EXT4_SUPER_MAGIC, FsFlags::ST_NOSUID));
        assert!(!is_disk(EXT4_SUPER_MAGIC, FsFlags::ST_RDONLY));
        assert!(!is_disk(TMPFS_MAGIC, FsFlags::empty()));
        // The real thing: memory here, and whatever the tests' directory is.
        let fixture = Fixture::empty();
        write(&fixture, "key", &key());
        let path = fixture.directory.join("key");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let on_disk =
            fstatfs(File::open(&path).unwrap()).map(|system| is_disk(system.filesystem_type(), system.flags()));
        match origin(&fixture, ["INJECT_IDENTITY_FILE=@/key"]) {
            Err(StoreError::Settings(why)) => assert!(on_disk.unwrap() && why.contains("chmod 600"), "{why}"),
            other => assert!(other.is_ok() && !on_disk.unwrap()),
        }
    }

    #[test]
    fn init_makes_an_identity_once_and_takes_one_that_exists() {
        let fixture = Fixture::empty();
        let environ = Environ::of([&format!("XDG_CONFIG_HOME={}", fixture.directory.display())]);
        let made = find_or_make(&fixture.settings, &environ).ok().unwrap();
        let Origin::File(path) = &made.origin else { panic!() };
        assert_eq!(path, &fixture.directory.join("inject/identity"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode(path), mode(path.parent().unwrap())), (0o600, 0o700));
        let again = find_or_make(&fixture.settings, &environ).ok().unwrap();
        assert!(made.recipients().eq(again.recipients()));
        assert!(matches!(find_or_make(&fixture.settings, &Environ::default()), Err(StoreError::Settings(_))));
    }
}

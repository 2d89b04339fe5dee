//! The store file: an age file that is read whole without a lock, and replaced whole under one.
//!
//! A writer holds `secrets.age.lock`, reads the store again, writes `secrets.age.new` beside it and
//! renames that over the store, so that a reader sees the old document or the new one and a crash at
//! any moment leaves one of them. What is in the document is `format.rs`'s.

use super::format::{Document, Fault};
use super::identity::Identities;
use super::stanza::Holder;
use crate::secret::Secret;
use crate::store::StoreError;
use age::x25519::Recipient;
use age::{DecryptError, Decryptor, Encryptor};
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A store is decrypted in memory.
const LARGEST: u64 = 64 << 20;

/// What a store is written with.
pub(super) struct Writer<'a> {
    pub(super) path: &'a Path,
    pub(super) identities: &'a Identities,
    /// The setting; instead of the recipients that the document records.
    pub(super) recipients: Option<&'a [String]>,
    /// Of waiting for another writer.
    pub(super) deadline: Instant,
    /// Called once the new file is complete, before it takes the store's place: the last that may stop it.
    pub(super) commit: &'a dyn Fn() -> Result<(), StoreError>,
}

/// A store's file, still sealed, and how many bytes it has.
pub(super) struct Sealed<R> {
    pub(super) bytes: R,
    pub(super) length: usize,
}

/// Opened, and nothing of it read.
pub(super) fn open(path: &Path) -> Result<Sealed<BufReader<File>>, StoreError> {
    let unavailable = unreadable(path);
    // Without O_NONBLOCK a pipe of that name would hold the launch up.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(&unavailable)?;
    let metadata = file.metadata().map_err(unavailable)?;
    if !metadata.is_file() {
        return Err(StoreError::Unavailable(format!("{} is no regular file", path.display())));
    }
    if metadata.len() > LARGEST {
        return Err(StoreError::TooBig(format!("{} is larger than {} MiB", path.display(), LARGEST >> 20)));
    }
    // For the header; what follows it is read to where it is decrypted.
    Ok(Sealed { bytes: BufReader::with_capacity(1 << 10, file), length: metadata.len() as usize })
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> StoreError {
    |error| match error.kind() {
        ErrorKind::NotFound => {
            StoreError::Unavailable(format!("there is no store {}; `inject secret init` makes one", path.display()))
        }
        _ => StoreError::Unavailable(format!("{} could not be read: {error}", path.display())),
    }
}

/// The document's text, which the allocator wipes: a second time, byte by byte, would be felt by
/// every launch. A fault of the file names it and leaves it as it is.
pub(super) fn decrypt(
    path: &Path,
    mut sealed: Sealed<impl BufRead>,
    identities: &Identities,
) -> Result<String, StoreError> {
    let store = path.display();
    let malformed = |what: &str| StoreError::Malformed(format!("the store {store} {what}"));
    let start = sealed.bytes.fill_buf().map_err(unreadable(path))?;
    if start.is_empty() {
        return Err(malformed("is empty; restore it from a copy, or remove it and run `inject secret init`"));
    }
    if start.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
        return Err(malformed("is armored; `age -d` and `age -r` without -a make a binary file of it"));
    }
    let failed = |error| match error {
        DecryptError::NoMatchingKeys => StoreError::Unauthenticated(format!(
            "the store {store} is not encrypted to the identity from {}; use the identity it was made with, or have \
             its owner add yours as a recipient",
            identities.origin
        )),
        DecryptError::UnknownFormat => malformed("has an age format that this version of inject does not know"),
        DecryptError::Io(error) if error.raw_os_error().is_some() => unreadable(path)(error),
        _ => malformed("is damaged or no age file; restore it from a copy"),
    };
    let opened = Decryptor::new_buffered(sealed.bytes).map_err(failed)?;
    if opened.is_scrypt() {
        return Err(malformed("is encrypted with a passphrase; a store is encrypted to a key, with `age -r`"));
    }
    let holders: Vec<Holder> = identities.holders().collect();
    let ours = holders.iter().map(|holder| holder as &dyn age::Identity);
    let keys = ours.chain(identities.keys.iter().map(|key| key as _));
    let mut plain = opened.decrypt(keys).map_err(failed)?;
    // Never grows: the text is shorter than the file by age's header.
    let mut json = Vec::with_capacity(sealed.length);
    plain.read_to_end(&mut json).map_err(|error| failed(error.into()))?;
    String::from_utf8(json).map_err(|_| malformed("is damaged: what it holds is no text; restore it from a copy"))
}

/// What a fault inside the document is to whoever runs us.
pub(super) fn fault(path: &Path, fault: Fault) -> StoreError {
    let store = path.display();
    StoreError::Malformed(match fault {
        Fault::Newer(format) => format!(
            "the store {store} has format {format}, and this version of inject reads up to format {}; install one that \
             knows format {format}",
            super::format::FORMAT
        ),
        Fault::Damaged(what) => format!("the store {store} is damaged: {what}; restore it from a copy"),
    })
}

/// The public key that a text is.
pub(super) fn recipient(text: &str) -> Result<Recipient, StoreError> {
    text.parse().map_err(|_| {
        StoreError::Settings(if text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
            "a recipient is a public key (age1…), and this is a private one; the line above it in the identity file, \
             or `age-keygen -y`, has its public key"
                .into()
        } else {
            format!("`{text}` is no recipient that a store can be encrypted to; one is an age public key (age1…)")
        })
    })
}

pub(super) fn exists(path: &Path) -> StoreError {
    StoreError::Settings(format!("the store {} exists; it is left as it is", path.display()))
}

impl Writer<'_> {
    /// Changes the document as it is now, other writers kept out. Nothing is written where `change`
    /// fails.
    pub(super) fn update<T, E: From<StoreError>>(
        &self,
        change: impl FnOnce(&mut Document) -> Result<T, E>,
    ) -> Result<T, E> {
        // Through symbolic links, so that the file is replaced and not the link.
        let path = fs::canonicalize(self.path).or_else(|error| match error.kind() {
            // The same words as a reader's.
            ErrorKind::NotFound => open(self.path).map(|_| self.path.to_owned()),
            _ => Err(self.unwritable("found")(error)),
        })?;
        let _lock = self.lock(&path)?;
        let json = decrypt(self.path, open(&path)?, self.identities)?;
        let mut document = Document::parse(&json).map_err(|found| fault(self.path, found))?;
        let outcome = change(&mut document)?;
        self.write(&path, &mut document)?;
        Ok(outcome)
    }

    /// A store with nothing in it, where there is none.
    pub(super) fn create(&self) -> Result<(), StoreError> {
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(self.unwritable("made"))?;
        let _lock = self.lock(self.path)?;
        // A link to nothing exists too.
        match fs::symlink_metadata(self.path) {
            Ok(_) => Err(exists(self.path)),
            Err(error) if error.kind() == ErrorKind::NotFound => self.write(self.path, &mut Document::default()),
            Err(error) => Err(self.unwritable("made")(error)),
        }
    }

    fn unwritable(&self, done: &str) -> impl Fn(io::Error) -> StoreError {
        move |error| StoreError::Unavailable(format!("the store {} could not be {done}: {error}", self.path.display()))
    }

    /// Released when it is dropped, and by the kernel when we end.
    fn lock(&self, path: &Path) -> Result<File, StoreError> {
        let beside = beside(path, ".lock");
        let failed = |error| {
            StoreError::Unavailable(format!("the lock {} of the store could not be taken: {error}", beside.display()))
        };
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
            .open(&beside)
            .map_err(failed)?;
        if let Ok(store) = fs::metadata(path) {
            give(&lock, &store).map_err(failed)?;
        }
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= self.deadline => {
                    return Err(StoreError::TimedOut(format!(
                        "another process holds the lock {} of the store",
                        beside.display()
                    )));
                }
                // flock has no timeout, and a writer is done in milliseconds.
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn write(&self, path: &Path, document: &mut Document) -> Result<(), StoreError> {
        let sealed = self.seal(document)?;
        let new = beside(path, ".new");
        let written = write_beside(path, &new, &sealed).map_err(self.unwritable("written"));
        let committed = written.and_then(|()| (self.commit)());
        let replaced = committed.and_then(|()| replace(path, &new).map_err(self.unwritable("written")));
        if replaced.is_err() {
            let _ = fs::remove_file(&new);
        }
        replaced
    }

    /// Encrypts to the writer's own keys, so that nobody locks himself out, and to those of the
    /// setting or else of the document; which then records them all.
    pub(super) fn seal(&self, document: &mut Document) -> Result<Vec<u8>, StoreError> {
        let recipients = self.recipients(self.recipients.unwrap_or(&document.recipients))?;
        document.recipients = recipients.iter().map(Recipient::to_string).collect();
        let json = document.to_json().map_err(|error| self.unsealed(&error))?;
        self.encrypt_to(&recipients, &self.identities.holders().collect::<Vec<_>>(), &json)
    }

    /// A text of any kind, to those who may read the store or who are named.
    #[allow(clippy::disallowed_methods, reason = "the text is encrypted")]
    pub(super) fn encrypt(&self, text: &Secret) -> Result<Vec<u8>, StoreError> {
        self.encrypt_to(&self.recipients(self.recipients.unwrap_or_default())?, &[], text.expose())
    }

    fn recipients(&self, named: &[String]) -> Result<Vec<Recipient>, StoreError> {
        let mut recipients: Vec<Recipient> = self.identities.recipients().collect();
        for text in named {
            let recipient = recipient(text)?;
            if !recipients.contains(&recipient) {
                recipients.push(recipient);
            }
        }
        Ok(recipients)
    }

    fn unsealed(&self, what: &dyn std::fmt::Display) -> StoreError {
        StoreError::Unavailable(format!("the store {} could not be encrypted: {what}", self.path.display()))
    }

    fn encrypt_to(&self, recipients: &[Recipient], holders: &[Holder], json: &[u8]) -> Result<Vec<u8>, StoreError> {
        let failed = |what: &dyn std::fmt::Display| self.unsealed(what);
        let mut sealed = Vec::with_capacity(json.len() + json.len() / 1024 + 1024);
        let holders = holders.iter().map(|holder| holder as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(holders.chain(recipients.iter().map(|recipient| recipient as _)));
        let encryptor = encryptor.map_err(|error| failed(&error))?;
        let written = encryptor.wrap_output(&mut sealed).and_then(|mut out| {
            out.write_all(json)?;
            out.finish()
        });
        written.map_err(|error| failed(&error))?;
        // It could not be read again.
        if sealed.len() as u64 > LARGEST {
            return Err(StoreError::TooBig(format!(
                "the store {} would be larger than {} MiB",
                self.path.display(),
                LARGEST >> 20
            )));
        }
        Ok(sealed)
    }
}

/// The lock is held, so what is at `new` is left from a crash.
fn write_beside(path: &Path, new: &Path, sealed: &[u8]) -> io::Result<()> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    if let Ok(store) = fs::metadata(path) {
        give(&file, &store)?;
    }
    file.write_all(sealed)?;
    file.sync_all()
}

/// `path` has all that is in `new`, or stays as it was.
fn replace(path: &Path, new: &Path) -> io::Result<()> {
    fs::rename(new, path)?;
    // The rename itself is safe only with its directory.
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Root may write a user's store, and the user must be able to go on with it. Anybody else who would
/// take the file from its owner fails here.
pub(super) fn give(file: &File, store: &Metadata) -> io::Result<()> {
    if file.metadata()?.uid() == store.uid() {
        return Ok(());
    }
    fchown(file, Some(store.uid()), Some(store.gid()))
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.file_name().unwrap_or(OsStr::new("secrets.age")).to_owned();
    name.push(suffix);
    path.with_file_name(name)
}

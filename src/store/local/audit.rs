//! The audit log: who did what with which secret of a store, one JSON object a line; never a value.
//!
//! `secrets.age.audit` lies beside the store. It is opened anew each time and only ever appended to, so that logrotate
//! may move it away at any moment. When a line is written, and what becomes of a write whose line cannot be, is the
//! callers' to say: `manage.rs` for writes and `get`, `mod.rs` for launches.

use super::file::{beside, give};
use super::{login, time};
use crate::store::StoreError;
use nix::fcntl::OFlag;
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The outcome of what was not refused; all others are the codes of failures.
pub(super) const ALLOWED: &str = "allowed";

pub(super) struct Log {
    file: File,
    path: PathBuf,
    user: String,
    application: Option<String>,
}

impl Log {
    /// Of the store with this path; `application` is who the secrets are for.
    pub(super) fn open(store: &Path, application: Option<&str>) -> Result<Self, StoreError> {
        // As the lock, beside the file itself where the path is a link.
        let store = fs::canonicalize(store).unwrap_or_else(|_| store.to_owned());
        let path = beside(&store, ".audit");
        // Without O_NONBLOCK a pipe of that name would hold us up.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags.bits()).open(&path);
        let file = opened.map_err(|error| unwritable(&path, &error))?;
        if let Ok(store) = fs::metadata(&store) {
            // Made by root it would stop its owner; made by anybody else it may stay whose it is.
            let _ = give(&file, &store);
        }
        Ok(Self { file, path, user: login(), application: application.map(str::to_owned) })
    }

    /// A line for each key, in one write(2), so that those of others stay whole; without keys one for the store.
    pub(super) fn record(&self, verb: &str, keys: &[String], outcome: &str) -> Result<(), StoreError> {
        let (time, user, uid) = (time::now(), json!(self.user), nix::unistd::getuid());
        let application = self.application.as_ref().map(|name| format!(r#","application":{}"#, json!(name)));
        let application = application.unwrap_or_default();
        let write = |key: Option<&String>| {
            let secret = json!(key);
            let line = format!(
                r#"{{"time":"{time}","user":{user},"uid":{uid}{application},"verb":"{verb}","secret":{secret},"outcome":"{outcome}"}}"#
            );
            (&self.file).write_all((line + "\n").as_bytes()).map_err(|error| unwritable(&self.path, &error))
        };
        match keys {
            [] => write(None),
            keys => keys.iter().try_for_each(|key| write(Some(key))),
        }
    }

    /// For good, whatever becomes of the machine.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| unwritable(&self.path, &error))
    }
}

/// A secret, or one revision of it, as references write that.
pub(super) fn about(key: &impl ToString, version: Option<&str>) -> String {
    let key = key.to_string();
    version.map_or(key.clone(), |version| format!("{key}@{version}"))
}

fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable(format!(
        "the audit log {} could not be written: {error}; without a line in it no secret is changed or shown, and \
         launches go on",
        path.display()
    ))
}

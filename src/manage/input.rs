//! Where a new value comes from: standard input, a file, the terminal, never an argument.

use super::{Input, Io};
use crate::secret::Secret;
use crate::spec::dotenv;
use crate::store::manage::{Content, LARGEST_VALUE, ManageError};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

impl Input {
    /// Whether an option says where the value is.
    pub(super) fn is_named(&self) -> bool {
        self.file.is_some()
            || !self.fields.is_empty()
            || self.fields_file.is_some()
            || self.random.is_some()
            || self.argument
    }

    fn refuse_argument(&self) -> Result<(), ManageError> {
        if !self.argument {
            return Ok(());
        }
        Err(value_typed())
    }
}

/// `NAME=VALUE`, as other tools have it. No name has a `=`, and an error about one would show the value.
pub(super) fn refuse_assignment(name: &str) -> Result<(), ManageError> {
    if name.contains('=') { Err(value_typed()) } else { Ok(()) }
}

fn value_typed() -> ManageError {
    ManageError::Usage(
        "a value is never an argument, which every user of this machine could read; give it on standard input, with \
         --file FILE, or at the prompt"
            .into(),
    )
}

/// All of a secret's value.
pub(super) fn whole(input: Input, name: &str, io: &mut Io<'_>) -> Result<Content, ManageError> {
    input.refuse_argument()?;
    if !input.fields.is_empty() {
        return fields(input, io).map(Content::Fields);
    }
    if let Some(path) = &input.fields_file {
        return fields_file(&from_file(path, io)?, path).map(Content::Fields);
    }
    let value = match &input.file {
        Some(path) => from_file(path, io)?,
        None if input.random.is_some() => random(input.random.unwrap_or_default())?,
        None if io.input_is_terminal => ask(name, io)?,
        None => read(&mut io.input, "standard input")?,
    };
    Ok(Content::Bytes(value))
}

/// The fields named one by one.
pub(super) fn fields(input: Input, io: &mut Io<'_>) -> Result<Vec<(String, Secret)>, ManageError> {
    input.refuse_argument()?;
    let fields = input.fields.into_iter().map(Field::parse).collect::<Result<Vec<_>, _>>()?;
    let from_input = fields.iter().filter(|field| field.file.as_deref() == Some(Path::new("-"))).count();
    if from_input > 1 {
        return Err(ManageError::Usage("standard input can be read for one --field only".into()));
    }
    let mut values: Vec<(String, Secret)> = Vec::with_capacity(fields.len());
    for Field { key, file } in fields {
        if values.iter().any(|(other, _)| *other == key) {
            return Err(ManageError::Usage(format!("the field `{key}` is given twice")));
        }
        let value = match &file {
            Some(path) => from_file(path, io)?,
            None => ask(&key, io)?,
        };
        values.push((key, value));
    }
    Ok(values)
}

struct Field {
    key: String,
    /// None: to be typed.
    file: Option<PathBuf>,
}

impl Field {
    fn parse(typed: OsString) -> Result<Self, ManageError> {
        let bytes = typed.as_bytes();
        let (key, source) = match bytes.iter().position(|&byte| byte == b'=') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        let key = String::from_utf8_lossy(key).into_owned();
        check_field(&key)?;
        let file = match source.map(|source| source.strip_prefix(b"@")) {
            None => None,
            Some(Some(path)) => Some(OsStr::from_bytes(path).into()),
            Some(None) => {
                return Err(ManageError::Usage(format!(
                    "--field {key}=… holds a value, and a value is never an argument, which every user of this \
                     machine could read; write {key}=@FILE, {key}=@- for standard input, or {key} alone to be asked"
                )));
            }
        };
        Ok(Self { key, file })
    }
}

/// A file as it was typed, for messages.
pub(super) fn called(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

pub(super) fn check_field(key: &str) -> Result<(), ManageError> {
    if key.is_empty() || key.chars().any(|character| character.is_control() || character == '\u{fffd}') {
        return Err(ManageError::Usage(format!("{key:?} is no name of a field: it is empty, or no plain text")));
    }
    Ok(())
}

#[cfg(feature = "local")]
fn random(length: usize) -> Result<Secret, ManageError> {
    Ok(crate::store::local::password(length)?)
}

#[cfg(not(feature = "local"))]
fn random(_: usize) -> Result<Secret, ManageError> {
    Err(ManageError::Usage("this build makes no passwords: it is one without the local store".into()))
}

/// What an option's file says.
pub(super) fn text_of(path: &Path) -> Result<String, ManageError> {
    std::fs::read_to_string(path).map_err(ManageError::io(path.display().to_string()))
}

/// What an option's file keeps secret, without the line break that an editor or `echo` leaves at its end.
#[allow(clippy::disallowed_methods, reason = "its last line break is cut off")]
pub(super) fn line_of(path: &Path) -> Result<Secret, ManageError> {
    let what = path.display().to_string();
    let secret = read(&mut File::open(path).map_err(ManageError::io(&*what))?, &what)?;
    let line = secret.expose();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    Ok(Secret::from(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}

/// All of a document that may hold many values.
pub(super) fn document(path: &Path, io: &mut Io<'_>) -> Result<Secret, ManageError> {
    const LARGEST: u64 = 64 << 20;
    let read_all = |from: &mut dyn Read, what: &str| {
        let mut bytes = Zeroizing::new(Vec::new());
        from.take(LARGEST + 1).read_to_end(&mut bytes).map_err(ManageError::io(what))?;
        if bytes.len() as u64 > LARGEST {
            return Err(ManageError::TooBig(format!("{what}: it is larger than {} MiB", LARGEST >> 20)));
        }
        Ok(Secret::from(bytes))
    };
    if path == Path::new("-") {
        return read_all(&mut io.input, "standard input");
    }
    let what = called(path);
    read_all(&mut File::open(path).map_err(ManageError::io(&*what))?, &what)
}

fn from_file(path: &Path, io: &mut Io<'_>) -> Result<Secret, ManageError> {
    if path == Path::new("-") {
        return read(&mut io.input, "standard input");
    }
    let what = path.display().to_string();
    let mut file = File::open(path).map_err(ManageError::io(&*what))?;
    read(&mut file, &what)
}

fn read(from: &mut dyn Read, what: &str) -> Result<Secret, ManageError> {
    // Sized once: a buffer that grows leaves copies.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST_VALUE + 64));
    from.take(LARGEST_VALUE as u64 + 1).read_to_end(&mut bytes).map_err(ManageError::io(what))?;
    if bytes.len() > LARGEST_VALUE {
        return Err(ManageError::TooBig(format!("{what}: a value has at most {} MiB", LARGEST_VALUE >> 20)));
    }
    Ok(Secret::from(bytes.to_vec()))
}

/// Twice, as nobody sees what is typed.
#[allow(clippy::disallowed_methods, reason = "what was typed twice is compared")]
fn ask(name: &str, io: &mut Io<'_>) -> Result<Secret, ManageError> {
    let failed = || ManageError::io("the terminal, where the value is typed unless --file names one");
    let value = io.terminal.secret(&format!("Value of {name}: ")).map_err(failed())?;
    let again = io.terminal.secret("Again: ").map_err(failed())?;
    if value.expose() != again.expose() {
        return Err(ManageError::Usage("the two values differ; nothing was changed".into()));
    }
    Ok(value)
}

/// A JSON object of strings, which begins with `{`, or else a dotenv file. Errors name a place and
/// never a value.
#[allow(clippy::disallowed_methods, reason = "the file's text is parsed into the values of its fields")]
fn fields_file(text: &Secret, path: &Path) -> Result<Vec<(String, Secret)>, ManageError> {
    let text = text.expose();
    let fields = match text.trim_ascii_start().first() {
        Some(b'{') => json_fields(text, path),
        _ => dotenv_fields(text, path),
    }?;
    if fields.is_empty() {
        return Err(ManageError::Usage(format!("{}: it has no fields", called(path))));
    }
    fields.iter().try_for_each(|(key, _)| check_field(key))?;
    Ok(fields)
}

pub(super) fn dotenv_fields(text: &[u8], path: &Path) -> Result<Vec<(String, Secret)>, ManageError> {
    let (assignments, errors) = dotenv::parse(text);
    let mut fields: Vec<(String, Secret)> = Vec::with_capacity(assignments.len());
    let mut repeated = None;
    for dotenv::Assignment { name, value, .. } in assignments {
        if fields.iter().any(|(other, _)| *other == name) {
            repeated = Some(name.clone());
        }
        fields.push((name, Secret::from(value)));
    }
    match (errors.first(), repeated) {
        (Some(error), _) => {
            let line = 1 + text[..error.at].iter().filter(|&&byte| byte == b'\n').count();
            let message = format!("{}: line {line}: {}", called(path), error.message);
            Err(ManageError::Usage(format!("{message}; a JSON object of strings is fine too")))
        }
        (None, Some(key)) => Err(repeated_field(&key, path)),
        (None, None) => Ok(fields),
    }
}

fn repeated_field(key: &str, path: &Path) -> ManageError {
    ManageError::Usage(format!("{}: it has the field {key:?} twice", called(path)))
}

fn json_fields(text: &[u8], path: &Path) -> Result<Vec<(String, Secret)>, ManageError> {
    let mut strings = Strings { fields: Vec::new(), repeated: None };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = reader.deserialize_map(&mut strings).and_then(|()| reader.end());
    match (read, strings.repeated) {
        (Ok(()), _) => Ok(strings.fields),
        (Err(_), Some(key)) => Err(repeated_field(&key, path)),
        (Err(error), None) => Err(ManageError::Usage(format!(
            "{}: it is no JSON object of strings, at line {}, column {}",
            called(path),
            error.line(),
            error.column()
        ))),
    }
}

struct Strings {
    fields: Vec<(String, Secret)>,
    repeated: Option<String>,
}

impl<'de> Visitor<'de> for &mut Strings {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if self.fields.iter().any(|(other, _)| *other == key) {
                self.repeated = Some(key);
                return Err(A::Error::custom("repeated"));
            }
            let value = map.next_value_seed(Text)?;
            self.fields.push((key, value));
        }
        Ok(())
    }
}

struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Secret;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Secret, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Text {
    type Value = Secret;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
        Ok(Secret::from(text.as_bytes().to_vec()))
    }
}

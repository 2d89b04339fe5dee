//! What every kind of store over a network has: the settings that say how to reach it, its login,
//! and asking for many secrets at once.

use super::{Access, Context, Credential, Form, Look, Request, Settings, StoreError};
use crate::environ::Environ;
use crate::failure::cause;
use crate::net::{Base, Deadline, Identity, Origin, PROXY_SETTING, Proxy, Reach, Roots, each};
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::future::Future;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Instant;
use zeroize::Zeroizing;

/// Beside those of the kind.
pub(super) const SETTINGS: &[(&str, Form)] = &[
    ("ca_file", Form::Path),
    ("client_cert", Form::Path),
    ("client_key", Form::CredentialPath),
    ("insecure", Form::Flag),
    ("proxy", Form::CredentialText),
    ("roots", Form::Text),
    ("timeout", Form::Duration),
];

/// The most bytes of a credential; a certificate's key or a token has a tenth of it.
const LARGEST: usize = 64 << 10;

/// How to reach the server at `url`, as the settings and the environment say.
pub(super) fn reach(url: &str, settings: &Settings, context: &Context<'_>) -> Result<Reach, StoreError> {
    let base = Base::parse(url).map_err(|wrong| StoreError::Settings(format!("`url`: {wrong}")))?;
    let of_store = settings.duration("timeout").map(|timeout| Instant::now() + timeout);
    let deadline = match of_store {
        Some(at) if at < context.deadline => Deadline { at, set_by: "`timeout` of the store" },
        _ => Deadline { at: context.deadline, set_by: "--timeout" },
    };
    Ok(Reach {
        insecure: settings.flag("insecure"),
        roots: roots(settings, context.environ)?,
        identity: identity(settings, context.environ)?,
        proxy: proxy(settings, context.environ, &base.origin)?,
        deadline,
        retries: context.retries,
        base,
    })
}

/// `ca_file` alone, else what the environment names, else `roots`.
fn roots(settings: &Settings, environ: &Environ) -> Result<Roots, StoreError> {
    let otherwise = match settings.text("roots") {
        None | Some("webpki") => Roots::Compiled,
        Some("system") => Roots::System,
        Some(_) => return Err(StoreError::Settings("`roots` is \"webpki\" (compiled in) or \"system\"".to_owned())),
    };
    match settings.path("ca_file") {
        Some(path) => {
            let origin = format!("`ca_file`: {}", path.display());
            Ok(Roots::Given { pem: read("ca_file", path)?, origin })
        }
        None => Ok(Roots::from_environ(environ, otherwise)),
    }
}

fn identity(settings: &Settings, environ: &Environ) -> Result<Option<Identity>, StoreError> {
    match (settings.path("client_cert"), credential(settings, "client_key", environ)?) {
        (None, None) => Ok(None),
        (Some(path), Some(key)) => Ok(Some(Identity { certificate: read("client_cert", path)?, key })),
        _ => Err(StoreError::Settings("`client_cert` and `client_key` need each other".to_owned())),
    }
}

/// The setting, in which an empty text means none, else what the environment names.
#[allow(clippy::disallowed_methods, reason = "the proxy's address, which may hold the login to it")]
fn proxy(settings: &Settings, environ: &Environ, origin: &Origin) -> Result<Option<Proxy>, StoreError> {
    let wrong = |wrong: &str| StoreError::Settings(format!("{PROXY_SETTING}: {wrong}"));
    if matches!(origin, Origin::Unix(_)) || settings.text("proxy") == Some("") {
        return Ok(None);
    }
    if let Some(url) = settings.text("proxy") {
        let proxy = Proxy::parse(url, PROXY_SETTING).map_err(wrong)?;
        if proxy.has_login() {
            return Err(wrong("it holds a login; put the address into a variable and write {\"env\": NAME}"));
        }
        return Ok(Some(proxy));
    }
    match credential(settings, "proxy", environ)? {
        Some(url) => {
            let url = std::str::from_utf8(url.expose()).map_err(|_| wrong("it is not UTF-8"))?;
            Proxy::parse(url, PROXY_SETTING).map(Some).map_err(wrong)
        }
        None => Proxy::from_environ(environ, origin),
    }
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, StoreError> {
    fs::read(path).map_err(|error| unreadable(setting, path, &error))
}

fn unreadable(setting: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::Settings(format!("`{setting}`: {}: {}", path.display(), cause(error)))
}

/// The credential that a setting names; None where there is no such setting.
pub(super) fn credential(settings: &Settings, name: &str, environ: &Environ) -> Result<Option<Secret>, StoreError> {
    settings.credential(name).map(|credential| read_credential(name, credential, environ)).transpose()
}

/// Without the line break that an editor or `echo` leaves at its end.
pub(super) fn read_credential(name: &str, credential: &Credential, environ: &Environ) -> Result<Secret, StoreError> {
    let bytes = match credential {
        Credential::Variable(variable) => {
            let value = environ.get(variable).ok_or_else(|| {
                StoreError::Settings(format!("`{name}` is the variable {variable}, and it is not set"))
            })?;
            Zeroizing::new(value.to_vec())
        }
        Credential::File(path) => read_secret(name, path)?,
        Credential::Named(file) => {
            let directory = environ.path("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                StoreError::Settings(format!(
                    "`{name}` is the credential `{file}`, and CREDENTIALS_DIRECTORY is not set; systemd sets it for a \
                     unit with LoadCredential={file}"
                ))
            })?;
            read_secret(name, &directory.join(file))?
        }
    };
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.is_empty() {
        let place = match credential {
            Credential::Variable(variable) => format!("the variable {variable}"),
            Credential::File(path) => path.display().to_string(),
            Credential::Named(file) => format!("the credential `{file}`"),
        };
        return Err(StoreError::Settings(format!("`{name}`: {place} is empty")));
    }
    Ok(Secret::from(line.to_vec()))
}

fn read_secret(name: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    // Room for all of it: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST + 1));
    let file = File::open(path).map_err(|error| unreadable(name, path, &error))?;
    let read = file.take(LARGEST as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(name, path, &error))?;
    if bytes.len() > LARGEST {
        let text = format!("`{name}`: {} has more than {LARGEST} bytes, which is no credential", path.display());
        return Err(StoreError::Settings(text));
    }
    Ok(bytes)
}

/// Fetches each distinct secret once, many at the same time, and hands it to every request for it.
/// None: it does not exist. Where all fail in the same way, it is the store that failed; where there is only one,
/// if that is no failure of a secret's.
pub(super) async fn fetch_each<K: Ord + Clone, F>(
    requests: &mut [Request],
    key: impl Fn(&Address) -> K,
    fetch: impl Fn(K) -> F,
) -> Result<(), StoreError>
where
    F: Future<Output = Result<Option<Value>, StoreError>>,
{
    let keys: Vec<K> = requests.iter().map(|request| key(&request.address)).collect();
    let answers = ask_each(&keys, fetch).await?;
    for (request, key) in requests.iter_mut().zip(keys) {
        request.answer = match answers.get(&key) {
            None | Some(Ok(None)) => None,
            Some(Ok(Some(value))) => Some(Ok(value.share())),
            Some(Err(error)) => Some(Err(error.clone())),
        };
    }
    Ok(())
}

/// The same for what is only looked at.
pub(super) async fn look_each<K: Ord + Clone, F>(
    looks: &mut [Look],
    key: impl Fn(&Address) -> K,
    look: impl Fn(K) -> F,
) -> Result<(), StoreError>
where
    F: Future<Output = Result<Option<Access>, StoreError>>,
{
    let keys: Vec<K> = looks.iter().map(|look| key(&look.address)).collect();
    let answers = ask_each(&keys, look).await?;
    for (look, key) in looks.iter_mut().zip(keys) {
        look.answer = answers.get(&key).and_then(|answer| answer.clone().transpose());
    }
    Ok(())
}

/// The answer for each distinct key, many asked for at the same time.
pub(super) async fn ask_each<K: Ord + Clone, T, F>(
    keys: &[K],
    ask: impl Fn(K) -> F,
) -> Result<BTreeMap<K, Result<Option<T>, StoreError>>, StoreError>
where
    F: Future<Output = Result<Option<T>, StoreError>>,
{
    let answers: RefCell<BTreeMap<K, _>> = RefCell::new(keys.iter().map(|key| (key.clone(), Ok(None))).collect());
    let distinct: Vec<K> = answers.borrow().keys().cloned().collect();
    let (ask, filled) = (&ask, &answers);
    each(distinct, |key| async move {
        let answer = ask(key.clone()).await;
        filled.borrow_mut().insert(key, answer);
    })
    .await;
    let answers = answers.into_inner();
    let first = answers.values().next().and_then(|answer| answer.as_ref().err());
    if let Some(first) = first
        && (answers.len() > 1 || is_of_store(first))
        && answers.values().all(|answer| answer.as_ref().err() == Some(first))
    {
        return Err(first.clone());
    }
    Ok(answers)
}

/// Whether it would have been the same for any other secret.
fn is_of_store(error: &StoreError) -> bool {
    matches!(error, StoreError::Unauthenticated(_) | StoreError::Unavailable(_) | StoreError::TimedOut(_))
}

#[cfg(test)]
mod tests {
    use super::super::Setting;
    use super::super::contract::{Answer, Home, request};
    use super::*;
    use crate::net::runtime;
    use std::cell::Cell;
    use std::time::Duration;

    fn settings<const N: usize>(values: [(&'static str, Setting); N]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in values {
            settings.set(name, value);
        }
        settings
    }

    fn text(text: &str) -> Setting {
        Setting::Text(text.into())
    }

    fn reached<const N: usize>(settings: &Settings, variables: [&str; N]) -> Result<Reach, StoreError> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let environ = Environ::of(variables);
        reach("https://vault.example.org", settings, &Context::new(&environ, deadline, 3))
    }

    #[track_caller]
    fn refused<T>(result: Result<T, StoreError>, pieces: &[&str]) {
        let Err(StoreError::Settings(text)) = result.map(|_| ()) else { panic!("not refused") };
        for piece in pieces {
            assert!(text.contains(piece), "no {piece:?} in {text:?}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_nearest_word_on_roots_decides() {
        let home = Home::new();
        let file = home.path().join("ca.pem");
        fs::write(&file, "PEM").unwrap();
        let roots = |settings: &Settings, variables| reached(settings, [variables]).map(|reach| reach.roots);
        let given = settings([("ca_file", Setting::Path(file.clone())), ("roots", text("system"))]);
        let named = Roots::Named { file: Some("/x".into()), directories: vec![] };
        let origin = format!("`ca_file`: {}", file.display());
        assert_eq!(roots(&given, "SSL_CERT_FILE=/x").ok(), Some(Roots::Given { pem: b"PEM".to_vec(), origin }));
        assert_eq!(roots(&settings([("roots", text("system"))]), "SSL_CERT_FILE=/x").ok(), Some(named));
        assert_eq!(roots(&settings([("roots", text("system"))]), "SSL_CERT_FILE=").ok(), Some(Roots::System));
        assert_eq!(roots(&settings([]), "A=").ok(), Some(Roots::Compiled));
        refused(roots(&settings([("roots", text("hunter2"))]), "A="), &["`roots`", "system"]);
        refused(
            roots(&settings([("ca_file", Setting::Path("/nowhere".into()))]), "A="),
            &["`ca_file`: /nowhere: No such"],
        );
    }

    #[test]
    fn the_nearest_word_on_proxies_decides() {
        let has_proxy = |settings: &Settings| {
            reached(settings, ["HTTPS_PROXY=p", "P=http://u:hunter2@q"])
                .map(|reach| reach.proxy.map(|proxy| proxy.has_login()))
        };
        let named = |name: &str| settings([("proxy", Setting::Credential(Credential::Variable(name.into())))]);
        assert_eq!(has_proxy(&settings([])), Ok(Some(false)));
        assert_eq!(has_proxy(&settings([("proxy", text(""))])), Ok(None));
        assert_eq!(has_proxy(&named("P")), Ok(Some(true)));
        refused(has_proxy(&settings([("proxy", text("http://u:hunter2@q"))])), &["`proxy`", "login"]);
        refused(has_proxy(&named("UNSET")), &["`proxy`", "UNSET"]);
    }

    #[test]
    fn the_earlier_deadline_holds_and_says_whose_it_is() {
        let by = |seconds| {
            let timeout = Setting::Duration(Duration::from_secs(seconds));
            reached(&settings([("timeout", timeout)]), []).map(|reach| reach.deadline.set_by)
        };
        assert_eq!(by(1), Ok("`timeout` of the store"));
        assert_eq!(by(60), Ok("--timeout"));
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        refused(reached(&settings([("client_cert", Setting::Path("/x".into()))]), []), &["client_key"]);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test compares the bytes")]
    fn a_credential_comes_from_each_place_without_its_line_break() {
        let home = Home::new();
        let path = |name: &str| home.path().join(name);
        for (name, content) in [("unix", "a b\n"), ("dos", "a b\r\n"), ("bare", "a b"), ("empty", "\n")] {
            fs::write(path(name), content).unwrap();
        }
        fs::write(path("big"), vec![b'x'; LARGEST + 1]).unwrap();
        let directory = format!("CREDENTIALS_DIRECTORY={}", home.path().display());
        let environ = Environ::of(["TOKEN=a b", "EMPTY=", &directory]);
        let of = |credential| {
            let settings = settings([("token", Setting::Credential(credential))]);
            credential_bytes(&settings, &environ)
        };
        fn credential_bytes(settings: &Settings, environ: &Environ) -> Result<Vec<u8>, StoreError> {
            credential(settings, "token", environ).map(|secret| secret.unwrap().expose().to_vec())
        }
        assert_eq!(of(Credential::Variable("TOKEN".into())), Ok(b"a b".to_vec()));
        assert_eq!(of(Credential::Named("unix".into())), Ok(b"a b".to_vec()));
        for name in ["unix", "dos", "bare"] {
            assert_eq!(of(Credential::File(path(name))), Ok(b"a b".to_vec()), "{name}");
        }
        refused(of(Credential::Variable("UNSET".into())), &["`token`", "UNSET"]);
        refused(of(Credential::Variable("EMPTY".into())), &["`token`: the variable EMPTY is empty"]);
        refused(of(Credential::File(path("empty"))), &["`token`: /", "/empty is empty"]);
        refused(of(Credential::Named("empty".into())), &["`token`: the credential `empty` is empty"]);
        refused(of(Credential::File(path("big"))), &["`token`", "bytes"]);
        refused(of(Credential::File(path("gone"))), &["`token`", "No such file"]);
        let settings = settings([("token", Setting::Credential(Credential::Named("x".into())))]);
        refused(credential_bytes(&settings, &Environ::default()), &["`token`", "LoadCredential=x"]);
        assert!(credential(&Settings::default(), "token", &environ).is_ok_and(|none| none.is_none()));
    }

    /// What became of requests for these paths, each with how often it was fetched.
    #[allow(clippy::disallowed_methods, reason = "a test compares the bytes")]
    fn fetched(paths: &[&str]) -> (Result<(), StoreError>, Vec<Answer>, usize) {
        let calls = Cell::new(0);
        let mut requests: Vec<Request> = paths.iter().map(|path| request(path)).collect();
        let fetch = |path: String| {
            calls.set(calls.get() + 1);
            async move {
                match path.split_at(1) {
                    ("-", _) => Ok(None),
                    ("!", _) => Err(StoreError::Denied("no".into())),
                    ("?", rest) => Err(StoreError::Denied(rest.into())),
                    ("#", _) => Err(StoreError::Unavailable("down".into())),
                    _ => Ok(Some(Value::Bytes(Secret::from(path)))),
                }
            }
        };
        let done = fetch_each(&mut requests, |address| address.path.to_string(), fetch);
        let outcome = runtime().unwrap().block_on(done);
        let bytes = |value| match value {
            Value::Bytes(secret) => secret.expose().to_vec(),
            Value::Fields(_) => panic!("one value came back as several"),
        };
        let answers = requests.into_iter().map(|request| request.answer.map(|answer| answer.map(bytes)));
        (outcome, answers.collect(), calls.get())
    }

    #[test]
    fn each_distinct_secret_is_fetched_once_and_answers_every_request_for_it() {
        let (outcome, answers, calls) = fetched(&["b", "a", "-", "b", "!", "a", "b"]);
        let value = |text: &str| Some(Ok(text.as_bytes().to_vec()));
        let denied = Some(Err(StoreError::Denied("no".into())));
        assert_eq!(outcome, Ok(()));
        assert_eq!(answers, [value("b"), value("a"), None, value("b"), denied, value("a"), value("b")]);
        assert_eq!(calls, 4);
    }

    #[test]
    fn a_failure_that_all_share_is_the_stores() {
        assert_eq!(fetched(&["!a", "!b"]).0, Err(StoreError::Denied("no".into())));
        assert_eq!(fetched(&["!a", "b"]).0, Ok(()));
        assert_eq!(fetched(&["?a", "?b"]).0, Ok(()));
        assert_eq!(fetched(&["!a"]).0, Ok(()));
        assert_eq!(fetched(&["#a"]).0, Err(StoreError::Unavailable("down".into())));
        assert_eq!(fetched(&["#a", "b"]).0, Ok(()));
        assert_eq!(fetched(&[]).0, Ok(()));
    }
}

//! Cloudify Manager: the secrets of a tenant, by REST v3.1 or the v3 of older managers.
//!
//! One GET a secret, since no other reply holds the plain value. That is a string, or any JSON where
//! the secret has a schema or a provider. Where the settings are silent, the variables and the active
//! profile of `cfy`, Cloudify's command line, speak.

mod manage;
mod parcel;
mod seal;

use super::object::Object;
use super::remote::{credential, fetch_each, look_each, reach};
use super::{Access, Caps, Context, Form, Kind, Look, Pending, Request, Setting, Settings, Store, StoreError};
use crate::environ::Environ;
use crate::failure::cause;
use crate::net::header::{AUTHORIZATION, HeaderName, HeaderValue};
use crate::net::{self, Base, Client, Method, Reply, StatusCode, encode, secret_header};
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use serde_json::value::RawValue;
use std::cell::RefCell;
use std::fs;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::rc::Rc;
use zeroize::Zeroizing;

pub(crate) static KIND: Kind = Kind {
    name: "cloudify",
    about: "the secrets of a Cloudify Manager",
    caps: Caps { versions: false, network: true, random: false },
    settings: &[
        ("url", Form::Address),
        ("user", Form::Text),
        ("password", Form::Credential),
        ("token", Form::Credential),
        ("tenant", Form::Text),
        ("api", Form::Text),
    ],
    credential_variables: &[PASSWORD, TOKEN],
    without_settings: |environ| variable(environ, HOST).is_some() || active_profile(environ).is_some(),
    ambient: Some("set CLOUDIFY_HOST, or choose a manager with `cfy profiles use`"),
    check,
    open: |settings, context| Ok(Box::new(manager(settings, context)?)),
    manage: Some(manage::MANAGING),
};

/// Ours: `cfy` has no variable for the host.
const HOST: &str = "CLOUDIFY_HOST";
const USERNAME: &str = "CLOUDIFY_USERNAME";
const PASSWORD: &str = "CLOUDIFY_PASSWORD";
const TOKEN: &str = "CLOUDIFY_TOKEN";
const TENANT: &str = "CLOUDIFY_TENANT";
/// The file of the authority that signed the manager's certificate.
const CERTIFICATE: &str = "LOCAL_REST_CERT_FILE";

const AUTHENTICATION_TOKEN: HeaderName = HeaderName::from_static("authentication-token");

/// The most characters of a key.
const LONGEST_KEY: usize = 256;

/// The rules of the manager itself, which it applies to reading too.
fn check(address: &Address, settings: &Settings) -> Result<(), String> {
    api(settings)?;
    let has = |name| settings.credential(name).is_some();
    let (token, user, password) = (has("token"), settings.text("user").is_some(), has("password"));
    if (token || user || password) && !is_login(token, user, password) {
        return Err(format!("a `cloudify` store {LOGIN}"));
    }
    check_key(&address.path)
}

fn check_key(key: &str) -> Result<(), String> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match key.len() <= LONGEST_KEY && key.starts_with(|first: char| first.is_ascii_alphabetic()) {
        true if key.bytes().all(is_known) => Ok(()),
        _ => Err(format!(
            "a key of Cloudify has 1 to {LONGEST_KEY} letters, digits, `-`, `.`, `_` and `~`, a letter first"
        )),
    }
}

fn api(settings: &Settings) -> Result<&'static str, String> {
    match settings.text("api") {
        None | Some("v3.1") => Ok("v3.1"),
        Some("v3") => Ok("v3"),
        Some(_) => Err("`api` is \"v3.1\", or \"v3\" for an older manager".to_owned()),
    }
}

/// What a login consists of: said after whose it is.
const LOGIN: &str = "logs in by `token` alone, or by `user` and `password`";

fn is_login(token: bool, user: bool, password: bool) -> bool {
    token != user && user == password
}

fn manager(settings: &Settings, context: &Context<'_>) -> Result<Manager, StoreError> {
    let environ = context.environ;
    let api = api(settings).map_err(StoreError::Settings)?;
    let mut settings = settings.clone();
    // The login of a profile is for the profile's manager alone.
    let (place, url, profile) = match (settings.text("url"), variable(environ, HOST)) {
        (Some(url), _) => ("`url`".to_owned(), url.to_owned(), None),
        (None, Some(host)) => (HOST.to_owned(), address(&String::from_utf8_lossy(&host)), None),
        (None, None) => {
            let profile = active_profile(environ).map(Profile::read).transpose()?.ok_or_else(|| {
                let text = "a `cloudify` store needs `url`, the manager's address such as https://manager.example.org";
                StoreError::Settings(format!("{text}; or {HOST}, or an active profile of cfy"))
            })?;
            (profile.file.display().to_string(), profile.url()?, Some(profile))
        }
    };
    Base::parse(&url).map_err(|wrong| StoreError::Settings(format!("{place}: {wrong}")))?;
    let ambient = Ambient { environ, profile };
    if settings.path("ca_file").is_none()
        && let Some(path) = ambient.say(CERTIFICATE, "rest_certificate")?
    {
        settings.set("ca_file", Setting::Path(String::from_utf8_lossy(&path).into_owned().into()));
    }
    let tenant = match settings.text("tenant") {
        Some(tenant) => Some(Zeroizing::new(tenant.as_bytes().to_vec())),
        None => ambient.say(TENANT, "manager_tenant")?,
    };
    let tenant = tenant.as_deref().map_or(&b"default_tenant"[..], Vec::as_slice);
    Ok(Manager {
        login: login(&settings, &ambient)?,
        tenant: tenant_header(tenant)?,
        client: Client::new(reach(&url, &settings, context)?)?,
        api,
    })
}

fn tenant_header(tenant: &[u8]) -> Result<HeaderValue, StoreError> {
    HeaderValue::from_bytes(tenant)
        .map_err(|_| StoreError::Settings("the tenant's name holds a control character".to_owned()))
}

/// The header that lets us in.
fn login(settings: &Settings, ambient: &Ambient<'_>) -> Result<(HeaderName, HeaderValue), StoreError> {
    let mut token = credential(settings, "token", ambient.environ)?;
    let mut password = credential(settings, "password", ambient.environ)?;
    let mut user = settings.text("user").map(|user| Zeroizing::new(user.as_bytes().to_vec()));
    let mut whose = "the store";
    if token.is_none() && user.is_none() && password.is_none() {
        token = ambient.say(TOKEN, "manager_token")?.map(Secret::from);
        user = ambient.say(USERNAME, "manager_username")?;
        password = ambient.say(PASSWORD, "manager_password")?.map(Secret::from);
        whose = match ambient.profile {
            Some(_) => "by the active profile of cfy and CLOUDIFY_TOKEN, CLOUDIFY_USERNAME, CLOUDIFY_PASSWORD, one",
            None => "by CLOUDIFY_TOKEN, CLOUDIFY_USERNAME, CLOUDIFY_PASSWORD, one",
        };
    }
    match (token, user, password) {
        (Some(token), None, None) => Ok((AUTHENTICATION_TOKEN, secret_header("", &token)?)),
        (None, Some(user), Some(password)) => Ok((AUTHORIZATION, secret_header("Basic ", &basic(&user, &password)?)?)),
        _ => Err(StoreError::Settings(format!("{whose} {LOGIN}"))),
    }
}

/// RFC 7617: `user:password` in base64.
#[allow(clippy::disallowed_methods, reason = "a credential on its way to the server it is for")]
fn basic(user: &[u8], password: &Secret) -> Result<Secret, StoreError> {
    if user.contains(&b':') {
        return Err(StoreError::Settings("no user's name has a `:`, for it would end there".to_owned()));
    }
    let pair = Zeroizing::new([user, b":", password.expose()].concat());
    Ok(Secret::from(STANDARD.encode(&*pair)))
}

/// An empty one counts as unset, as for `cfy`.
fn variable(environ: &Environ, name: &str) -> Option<Zeroizing<Vec<u8>>> {
    environ.get(name).filter(|value| !value.is_empty()).map(|value| Zeroizing::new(value.to_vec()))
}

/// A host, or an address as in `url`.
fn address(host: &str) -> String {
    if host.contains("://") { host.to_owned() } else { format!("https://{}", in_url(host)) }
}

/// A host as an address has it: an IPv6 one in brackets (RFC 3986 section 3.2.2).
fn in_url(host: &str) -> String {
    if host.parse::<Ipv6Addr>().is_ok() { format!("[{host}]") } else { host.to_owned() }
}

/// What holds where the settings are silent.
struct Ambient<'a> {
    environ: &'a Environ,
    profile: Option<Profile>,
}

impl Ambient<'_> {
    /// The word of the variable or of the profile; of both is an error, as it is to `cfy`.
    fn say(&self, name: &str, member: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let in_profile = self.profile.as_ref().and_then(|profile| Some((profile, profile.text(member)?)));
        match (variable(self.environ, name), in_profile) {
            (Some(_), Some((profile, _))) => {
                let file = profile.file.display();
                Err(StoreError::Settings(format!("{name} is set, and `{member}` in {file} too; cfy takes only one")))
            }
            (Some(value), None) => Ok(Some(value)),
            (None, in_profile) => Ok(in_profile.map(|(_, text)| Zeroizing::new(text.as_bytes().to_vec()))),
        }
    }
}

/// The file of the profile that `cfy profiles use` chose. The one named `local` has no manager.
fn active_profile(environ: &Environ) -> Option<PathBuf> {
    let home = environ.path("CFY_WORKDIR").or_else(|| environ.path("HOME"))?.join(".cloudify");
    let active = fs::read_to_string(home.join("active.profile")).ok()?;
    let name = Some(active.trim()).filter(|name| !["", "local"].contains(name))?;
    Some(home.join("profiles").join(name).join("context.json"))
}

struct Profile {
    file: PathBuf,
    context: Json,
}

impl Profile {
    fn read(file: PathBuf) -> Result<Self, StoreError> {
        let wrong = |why: &str| StoreError::Settings(format!("the active profile of cfy: {}: {why}", file.display()));
        let text = fs::read(&file).map_err(|error| wrong(&cause(&error)))?;
        match serde_json::from_slice(&Zeroizing::new(text)) {
            Ok(context @ Json::Object(_)) => Ok(Self { context, file }),
            _ => Err(wrong("it is no JSON object")),
        }
    }

    fn text(&self, member: &str) -> Option<&str> {
        self.context[member].as_str().filter(|text| !text.is_empty())
    }

    fn url(&self) -> Result<String, StoreError> {
        let host = self.text("manager_ip").ok_or_else(|| {
            StoreError::Settings(format!("{}: it has no `manager_ip`; is a manager in use?", self.file.display()))
        })?;
        // What `cfy` assumes too; off this machine it is refused.
        let scheme = self.text("rest_protocol").unwrap_or("http");
        let host = in_url(host);
        Ok(match &self.context["rest_port"] {
            Json::Number(port) => format!("{scheme}://{host}:{port}"),
            Json::String(port) if !port.is_empty() => format!("{scheme}://{host}:{port}"),
            _ => format!("{scheme}://{host}"),
        })
    }
}

struct Manager {
    client: Client,
    login: (HeaderName, HeaderValue),
    tenant: HeaderValue,
    api: &'static str,
}

impl Store for Manager {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        Box::pin(fetch_each(requests, |address| Rc::clone(&address.path), |key| self.fetch(key)))
    }

    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        Box::pin(async move {
            let identity = RefCell::default();
            look_each(looks, |address| Rc::clone(&address.path), |key| self.look_at(key, &identity)).await?;
            looks.iter_mut().for_each(|look| look.identity.clone_from(&identity.borrow()));
            Ok(())
        })
    }
}

impl Manager {
    async fn fetch(&self, key: Rc<str>) -> Result<Option<Value>, StoreError> {
        let reply = self.get(&key, "", &self.tenant).await?;
        self.value(&key, &reply)
    }

    /// The value in the answer to a GET.
    fn value(&self, key: &str, reply: &Reply) -> Result<Option<Value>, StoreError> {
        if reply.status != StatusCode::OK {
            return self.refused(key, reply).map_or(Ok(None), Err);
        }
        match read(&reply.body) {
            Ok(Some(secret)) => Ok(Some(Value::Bytes(secret))),
            Ok(None) => Err(StoreError::NotReadable(format!(
                "{} gives the value of `{key}` to its creator and to administrators only; log in as one of them, or \
                 have it made visible",
                self.client.origin()
            ))),
            Err(NoSecret) => Err(self.no_secret()),
        }
    }

    /// The metadata of a secret; who we are to the manager goes into `identity`.
    async fn look_at(&self, key: Rc<str>, identity: &RefCell<String>) -> Result<Option<Access>, StoreError> {
        let reply = self.get(&key, "?_skip_value=true", &self.tenant).await?;
        let header = |name| reply.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
        let user = header("x-cloudify-audit-username");
        let tenant = self.tenant.to_str().unwrap_or("unknown");
        *identity.borrow_mut() = format!("user {user}, tenant {tenant}");
        if reply.status != StatusCode::OK {
            return self.refused(&key, &reply).map_or(Ok(None), Err);
        }
        let secret = Object::parse(&reply.body).filter(|secret| secret.get::<String>("key").as_deref() == Some(&*key));
        let secret = secret.ok_or_else(|| self.no_secret())?;
        let creator = secret.get::<String>("created_by").unwrap_or_default();
        Ok(Some(if secret.get("is_hidden_value") == Some(true) && creator != user {
            Access::Exists(format!("only `{creator}`, who made it, and administrators are given its value"))
        } else if secret.get::<String>("provider_name").is_some() {
            Access::Exists("its provider is asked only where the value is".to_owned())
        } else {
            Access::Readable
        }))
    }

    async fn get(&self, key: &str, query: &str, tenant: &HeaderValue) -> Result<Reply, StoreError> {
        let request = self.request(Method::GET, &format!("secrets/{}{query}", encode(key)), tenant);
        self.client.send(&request.repeatable()).await
    }

    /// `path` is what follows the API's version.
    fn request(&self, method: Method, path: &str, tenant: &HeaderValue) -> net::Request {
        let (name, value) = self.login.clone();
        net::Request::new(method, format!("/api/{}/{path}", self.api))
            .header(name, value)
            .header(HeaderName::from_static("tenant"), tenant.clone())
    }

    fn no_secret(&self) -> StoreError {
        StoreError::Malformed(format!(
            "{} answered with something that is no secret; does `url` lead to a manager?",
            self.client.origin()
        ))
    }

    /// None: there is no such secret, or none that this user may know of.
    fn refused(&self, key: &str, reply: &Reply) -> Option<StoreError> {
        let origin = self.client.origin();
        let body: Json = serde_json::from_slice(&reply.body).unwrap_or_default();
        let code = body["error_code"].as_str().unwrap_or_default();
        Some(match (reply.status, code) {
            (StatusCode::NOT_FOUND, "not_found_error") => return None,
            (StatusCode::NOT_FOUND, _) => StoreError::Malformed(format!(
                "{origin} answered 404 Not Found, and not about a secret; `url` is a manager's address, with nothing \
                 of /api/{} in it, and a manager that knows only v3 needs \"api\": \"v3\"",
                self.api
            )),
            (StatusCode::UNAUTHORIZED, _) if body["message"].as_str().is_some_and(|text| text.contains("expired")) => {
                StoreError::Unauthenticated(format!("{origin}: the token has expired; make one with cfy tokens create"))
            }
            (StatusCode::FORBIDDEN, _) => StoreError::Denied(format!(
                "{origin} answered 403 Forbidden; is `tenant` right, and does this user have a role in it?"
            )),
            (StatusCode::BAD_REQUEST, "failed_dependency") => StoreError::Unavailable(format!(
                "{origin}: the provider that has the value of `{key}` did not give it to the manager; is it up, and \
                 does it know the secret?"
            )),
            _ => self.client.refusal(reply),
        })
    }
}

/// The body is no secret's.
#[derive(Debug, PartialEq, Eq)]
struct NoSecret;

/// The value in a secret's full form. None: it is kept from this user.
///
/// That it is, is told by an empty string. No value that a manager keeps can be empty, only one that
/// it has from a provider.
fn read(body: &[u8]) -> Result<Option<Secret>, NoSecret> {
    let secret = Object::parse(body).ok_or(NoSecret)?;
    let member = |name| secret.get::<&RawValue>(name).map(RawValue::get);
    let value = member("value").ok_or(NoSecret)?;
    if !value.starts_with('"') {
        return Ok(Some(compact(value)));
    }
    let text: String = serde_json::from_str(value).map_err(|_| NoSecret)?;
    let is_hidden = member("is_hidden_value").is_some_and(|hidden| hidden != "false");
    let has_provider = member("provider_name").is_some_and(|provider| provider != "null");
    let is_kept = text.is_empty() && (is_hidden || !has_provider);
    Ok((!is_kept).then(|| Secret::from(text)))
}

/// JSON without the blanks between its parts; numbers and the order of members stay as they were.
fn compact(json: &str) -> Secret {
    let mut text = Zeroizing::new(Vec::with_capacity(json.len()));
    let (mut in_string, mut is_escaped) = (false, false);
    for &byte in json.as_bytes() {
        if in_string {
            in_string = byte != b'"' || is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
        } else if byte.is_ascii_whitespace() {
            continue;
        } else {
            in_string = byte == b'"';
        }
        text.push(byte);
    }
    Secret::from(text)
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::contract::{Double, Fixture};
    use super::{Credential, Environ};
    use crate::doubles::cloudify::{State, password, start};
    use crate::doubles::http::Wire;

    Fixture {
        // An empty value is how a manager says that it keeps one back.
        carries: |value| !value.is_empty() && std::str::from_utf8(value).is_ok(),
        tells_absence: true,
        seed: |secrets| {
            let mut state = State::new();
            for (key, value) in secrets {
                state.put(key, std::str::from_utf8(value).unwrap());
            }
            let server = start(Wire::Plain, state);
            let mut settings = Settings::default();
            settings.set("url", Setting::Text(server.url().to_owned()));
            settings.set("user", Setting::Text("bob".to_owned()));
            settings.set("password", Setting::Credential(Credential::Variable("PASSWORD".to_owned())));
            let environ = Environ::of([&*format!("PASSWORD={}", password("bob"))]);
            Double::open(&KIND, settings, &environ, None).on(server)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Credential;
    use super::super::contract::{Home, request};
    use super::*;
    use std::time::{Duration, Instant};

    fn settings<const N: usize>(values: [(&'static str, &str); N]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in values {
            settings.set(
                name,
                match name {
                    "token" | "password" => Setting::Credential(Credential::Variable(value.into())),
                    _ => Setting::Text(value.into()),
                },
            );
        }
        settings
    }

    fn opened(settings: &Settings, environ: &Environ) -> Result<Box<dyn Store>, StoreError> {
        let deadline = Instant::now() + Duration::from_secs(60);
        (KIND.open)(settings, &Context::new(environ, deadline, 0))
    }

    #[track_caller]
    fn refused(settings: &Settings, environ: &Environ, pieces: &[&str]) {
        let Err(StoreError::Settings(text)) = opened(settings, environ).map(|_| ()) else { panic!("not refused") };
        for piece in pieces {
            assert!(text.contains(piece), "no {piece:?} in {text:?}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[allow(clippy::disallowed_methods, reason = "a test compares the bytes")]
    fn value(body: &str) -> Result<Option<String>, NoSecret> {
        let text = |secret: Secret| String::from_utf8(secret.expose().to_vec()).unwrap();
        read(body.as_bytes()).map(|secret| secret.map(text))
    }

    #[test]
    fn a_key_that_the_manager_would_refuse_never_gets_there() {
        let says = |key: &str| check(&request(key).address, &Settings::default());
        for good in ["a", "A.b-c_d~1", &"k".repeat(256)] {
            assert_eq!(says(good), Ok(()), "{good}");
        }
        for bad in ["", "1a", "-a", "a/b", "a?b", "a#b", "a b", "ä", "a:b", "//a/b", &"k".repeat(257)] {
            assert!(says(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn settings_that_cannot_be_meant_are_told_before_anything_is_asked() {
        let says = |settings: &Settings| check(&request("a").address, settings);
        for good in [settings([("token", "T")]), settings([("user", "u"), ("password", "P"), ("api", "v3")])] {
            assert_eq!(says(&good), Ok(()));
        }
        for (bad, piece) in [
            (settings([("user", "u")]), "`password`"),
            (settings([("password", "P")]), "`user`"),
            (settings([("token", "T"), ("user", "u"), ("password", "P")]), "alone"),
            (settings([("api", "v2.1")]), "`api`"),
        ] {
            assert!(says(&bad).unwrap_err().contains(piece));
        }
    }

    #[test]
    fn a_value_is_a_text_or_the_json_of_what_is_none() {
        for (json, text) in [
            (r#""a b""#, "a b"),
            (r#""\u0041\n\"""#, "A\n\""),
            (r#""{\"a\": 1}""#, r#"{"a": 1}"#),
            ("5", "5"),
            ("1.10", "1.10"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (" true ", "true"),
            ("null", "null"),
            (r#"{"z": [1, 2 , "a b\" ,"], "a" : "\\" , "b":{ }}"#, r#"{"z":[1,2,"a b\" ,"],"a":"\\","b":{}}"#),
        ] {
            assert_eq!(value(&format!(r#"{{"key": "k", "value": {json}}}"#)), Ok(Some(text.into())), "{json}");
        }
    }

    #[test]
    fn an_empty_value_is_one_only_where_a_provider_gave_it() {
        let of = |rest: &str| value(&format!(r#"{{"value": ""{rest}}}"#));
        for kept in ["", r#", "is_hidden_value": true"#, r#", "provider_name": null, "is_hidden_value": false"#] {
            assert_eq!(of(kept), Ok(None), "{kept}");
        }
        assert_eq!(of(r#", "provider_name": "vault", "is_hidden_value": true"#), Ok(None));
        assert_eq!(of(r#", "provider_name": "vault", "is_hidden_value": false"#), Ok(Some(String::new())));
        assert_eq!(value(r#"{"value": "own", "is_hidden_value": true}"#), Ok(Some("own".into())));
    }

    #[test]
    fn what_is_no_secret_gives_no_value() {
        for body in [
            "",
            "null",
            "[]",
            "\"value\"",
            "{}",
            "<html>",
            r#"{"value": "a""#,
            r#"{"value": "a"} b"#,
            r#"{"value": "a", "value": "b"}"#,
            r#"{"value": "", "is_hidden_value": true, "is_hidden_value": false}"#,
            r#"{"value": "\ud800"}"#,
        ] {
            assert_eq!(value(body), Err(NoSecret), "{body}");
        }
    }

    #[test]
    fn a_login_is_one_of_the_two_and_whole() {
        let url = ("url", "https://m.example");
        let environ = Environ::of(["P=hunter2", "T=hunter2"]);
        assert!(opened(&settings([url, ("token", "T")]), &environ).is_ok());
        assert!(opened(&settings([url, ("user", "u"), ("password", "P")]), &environ).is_ok());
        refused(&settings([url, ("user", "u:v"), ("password", "P")]), &environ, &["`:`"]);
        refused(&settings([url]), &environ, &["CLOUDIFY_TOKEN", "`token` alone"]);
        let both = ["CLOUDIFY_TOKEN=hunter2", "CLOUDIFY_USERNAME=u", "CLOUDIFY_PASSWORD=hunter2"];
        refused(&settings([url]), &Environ::of(both), &["CLOUDIFY_TOKEN", "`token` alone"]);
        assert!(opened(&settings([url]), &Environ::of([both[0], "CLOUDIFY_PASSWORD="])).is_ok());
        assert!(opened(&settings([url]), &Environ::of([both[1], both[2]])).is_ok());
    }

    #[test]
    fn a_host_is_a_name_or_an_address_of_either_ip_version() {
        for (host, url) in [
            ("m.example", "https://m.example"),
            ("m.example:8443", "https://m.example:8443"),
            ("10.0.0.1", "https://10.0.0.1"),
            ("fd00::1", "https://[fd00::1]"),
            ("[fd00::1]:8443", "https://[fd00::1]:8443"),
            ("http://localhost", "http://localhost"),
        ] {
            assert_eq!(address(host), url);
            assert!(Base::parse(&address(host)).is_ok(), "{host}");
        }
    }

    #[test]
    fn without_settings_a_host_or_an_active_profile_is_needed() {
        let home = Home::new();
        let directory = format!("CFY_WORKDIR={}", home.path().display());
        let usable = |variables: [&str; 2]| (KIND.without_settings)(&Environ::of(variables));
        assert!(usable(["CLOUDIFY_HOST=m.example", "A="]) && !usable(["CLOUDIFY_HOST=", &directory]));
        refused(&Settings::default(), &Environ::of([&*directory]), &["`url`", "CLOUDIFY_HOST", "cfy"]);

        let put = |name: &str, text: &str| {
            let file = home.path().join(".cloudify").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        put("active.profile", "local\n");
        assert!(!usable([&directory, "A="]));
        put("active.profile", "10.0.0.1\n");
        assert!(usable([&directory, "A="]));
        let says = |pieces: &[&str]| refused(&Settings::default(), &Environ::of([&*directory]), pieces);
        says(&["context.json", "No such file"]);
        let context = "profiles/10.0.0.1/context.json";
        put(context, "[]");
        says(&["context.json", "JSON"]);
        put(context, "{}");
        says(&["context.json", "manager_ip"]);
        put(
            context,
            r#"{"manager_ip": "10.0.0.1", "rest_port": 80, "rest_protocol": "http",
            "manager_username": "u", "manager_password": "hunter2"}"#,
        );
        says(&["http://10.0.0.1: plain HTTP"]);
        put(
            context,
            r#"{"manager_ip": "fe80::1", "rest_port": "443", "rest_protocol": "https",
            "manager_username": "u", "manager_password": "hunter2", "manager_token": null}"#,
        );
        assert!(opened(&Settings::default(), &Environ::of([&*directory])).is_ok());
        let twice = Environ::of([&*directory, "CLOUDIFY_USERNAME=v"]);
        refused(&Settings::default(), &twice, &["CLOUDIFY_USERNAME", "`manager_username`", "only one"]);
        // Another manager is not shown this one's login.
        refused(&Settings::default(), &Environ::of([&*directory, "CLOUDIFY_HOST=m.example"]), &["CLOUDIFY_TOKEN"]);
    }
}

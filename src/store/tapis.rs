//! Tapis: the secrets of the Pods service, read one by one with a user's token.
//!
//! The service has no 401: whatever it dislikes is 400, so the token's own claims tell one that has
//! expired from a user who may not. It has no way to share a secret, and a secret of somebody else is
//! never asked for, whoever is written in the reference. No text of a reply gets into a message.
//! `pod.rs` has what is about pods, `manage.rs` what `inject secret` does.

mod manage;
mod pod;

pub(crate) use pod::definition;

use super::jwt::{claims, now};
use super::object::Object;
use super::remote::{credential, fetch_each, look_each, reach, read_credential};
use super::{Access, Caps, Context, Credential, Form, Kind, Look, POD, Pending, Request, Settings, Store, StoreError};
use crate::environ::Environ;
use crate::net::header::{HeaderName, HeaderValue};
use crate::net::{self, Base, Client, Method, Mutex, Reply, StatusCode, encode, secret_header};
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::Value;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

pub(crate) static KIND: Kind = Kind {
    name: "tapis",
    about: "secrets of the Tapis Pods service",
    caps: Caps { versions: false, network: true, random: false },
    settings: &[
        ("url", Form::Address),
        ("token", Form::Credential),
        ("user", Form::Text),
        ("password", Form::Credential),
        ("tenant", Form::Text),
        ("pods_admin", Form::Flag),
    ],
    credential_variables: &[TOKENS[0], TOKENS[1], TOKENS[2], PASSWORD],
    without_settings: |environ| {
        let has = |name: &str| variable(environ, name).is_some();
        has(URL) && (TOKENS.into_iter().any(has) || (has(USER) && has(PASSWORD)))
    },
    ambient: Some("set TAPIS_BASE_URL, and TAPIS_TOKEN or TAPIS_USERNAME and TAPIS_PASSWORD"),
    check,
    open: |settings, context| Ok(Box::new(Tapis::open(settings, context)?)),
    manage: Some(manage::MANAGING),
};

/// Variables that users of Tapis's own clients have, the first that is set winning.
const TOKENS: [&str; 3] = ["TAPIS_TOKEN", "TAPIS_JWT", "TAPIS_JWT_TOKEN"];
const URL: &str = "TAPIS_BASE_URL";
const USER: &str = "TAPIS_USERNAME";
const PASSWORD: &str = "TAPIS_PASSWORD";

const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-tapis-token");
/// A token for a password is renewed when it has no more than this to live, as Tapis's clients do.
const LAST_MOMENTS: Duration = Duration::from_secs(5);
/// Of a secret's name, in characters.
const LONGEST_NAME: usize = 110;

/// An empty one is as good as none.
fn variable(environ: &Environ, name: &str) -> Option<&'static [u8]> {
    environ.get(name).filter(|value| !value.is_empty())
}

fn check(address: &Address, settings: &Settings) -> Result<(), String> {
    let has_login = settings.text("user").is_some() || settings.credential("password").is_some();
    if has_login && settings.credential("token").is_some() {
        return Err("a `tapis` store has either `token`, or `user` and `password`".into());
    }
    let (owner, name) = parts(&address.path);
    let is_user = |letter: char| letter.is_alphanumeric() || "_@.-".contains(letter);
    if owner.is_some_and(|owner| owner.is_empty() || !owner.chars().all(is_user)) {
        return Err("a Tapis secret is written NAME or OWNER:NAME, and that OWNER is no name of a user".into());
    }
    // As the service judges: letters and digits of any script.
    let is_known = |letter: char| letter.is_alphanumeric() || "_-".contains(letter);
    if !name.chars().all(is_known) || !name.contains(char::is_alphanumeric) {
        return Err("the name of a Tapis secret is letters, digits, `_` and `-`, with a letter or digit".into());
    }
    if name.chars().count() > LONGEST_NAME {
        return Err(format!("the name of a Tapis secret has at most {LONGEST_NAME} characters"));
    }
    Ok(())
}

/// `OWNER:NAME` or `NAME`.
fn parts(path: &str) -> (Option<&str>, &str) {
    path.split_once(':').map_or((None, path), |(owner, name)| (Some(owner), name))
}

struct Tapis {
    client: Client,
    login: Login,
    /// That the token has to be of.
    tenant: Option<String>,
    /// Whether pods are asked for with the powers of the role pods_admin.
    pods_admin: bool,
    /// The pod that is launched with those powers, and so may have what only pods are given.
    pod: Option<pod::Pod>,
}

enum Login {
    Token(Rc<Token>),
    /// With the token that was got last.
    Password {
        user: String,
        password: Secret,
        token: Mutex<Option<Rc<Token>>>,
    },
}

/// What is asked for once: a secret's name, and its owner where that is not the token's user.
type Wanted = (Option<String>, String);

impl Store for Tapis {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        Box::pin(async move {
            if requests.is_empty() {
                return Ok(());
            }
            let user = self.user().await?;
            let user = user.as_deref();
            fetch_each(requests, |address| wanted(address, user), |wanted| self.fetch(wanted, user)).await
        })
    }

    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        Box::pin(async move {
            if looks.is_empty() {
                return Ok(());
            }
            let user = self.user().await?;
            let user = user.as_deref();
            let identity = self.identity().await?;
            looks.iter_mut().for_each(|look| look.identity.clone_from(&identity));
            look_each(looks, |address| wanted(address, user), |wanted| self.look_at(wanted, user)).await
        })
    }
}

/// What an address means to a token of this user.
fn wanted(address: &Address, user: Option<&str>) -> Wanted {
    let (owner, name) = parts(&address.path);
    (owner.filter(|owner| user != Some(*owner)).map(str::to_owned), name.to_owned())
}

/// The name of a secret that may be the user's own; nothing else is asked for.
fn own((owner, name): Wanted, user: Option<&str>) -> Result<String, StoreError> {
    let Some(owner) = owner else { return Ok(name) };
    let us = user.map_or("of nobody it names".into(), |user| format!("`{user}`'s"));
    let text = format!("`{name}` is written as `{owner}`'s and the token is {us}; each reads their own");
    Err(StoreError::Denied(text))
}

impl Tapis {
    fn open(settings: &Settings, context: &Context<'_>) -> Result<Self, StoreError> {
        let mut reach = reach(&base_url(settings, context.environ)?, settings, context)?;
        // Some of Tapis's clients want it with the version, some without.
        if let Some(before) = reach.base.path.strip_suffix("/v3") {
            reach.base.path = before.trim_end_matches('/').to_owned();
        }
        let pods_admin = settings.flag("pods_admin");
        Ok(Self {
            client: Client::new(reach)?,
            login: login(settings, context.environ)?,
            tenant: settings.text("tenant").map(str::to_owned),
            pods_admin,
            pod: settings.text(POD).filter(|_| pods_admin).map(pod::Pod::new),
        })
    }

    /// Who the token makes us, if it says so; a token of another tenant than the store's is refused.
    async fn user(&self) -> Result<Option<String>, StoreError> {
        let token = self.token().await?;
        let claims = token.claims.as_ref();
        if let (Some(wanted), Some(claims)) = (&self.tenant, claims)
            && claims.tenant.as_ref() != Some(wanted)
        {
            let whose = claims.tenant.as_deref().map_or("of no tenant".into(), |tenant| format!("of `{tenant}`"));
            let text = format!("the token is {whose}, and `tenant` of the store is `{wanted}`; which one is right?");
            return Err(StoreError::Unauthenticated(text));
        }
        Ok(claims.and_then(|claims| claims.user.clone()))
    }

    /// Who the token makes us, in words.
    async fn identity(&self) -> Result<String, StoreError> {
        let token = self.token().await?;
        let claims = token.claims.as_ref();
        let claim = |text: fn(&Claims) -> &Option<String>| {
            claims.and_then(|claims| text(claims).as_deref()).unwrap_or("unknown").to_owned()
        };
        Ok(format!("user {}, tenant {}", claim(|claims| &claims.user), claim(|claims| &claims.tenant)))
    }

    async fn token(&self) -> Result<Rc<Token>, StoreError> {
        match &self.login {
            Login::Token(token) => Ok(Rc::clone(token)),
            // Held while one is got: requests at the same time share it.
            Login::Password { user, password, token } => {
                let mut token = token.lock().await;
                if let Some(token) = token.as_ref().filter(|token| !token.is_ending()) {
                    return Ok(Rc::clone(token));
                }
                let new = Rc::new(self.log_in(user, password).await?);
                Ok(Rc::clone(token.insert(new)))
            }
        }
    }

    async fn log_in(&self, user: &str, password: &Secret) -> Result<Token, StoreError> {
        let origin = self.client.origin();
        let request = net::Request::new(Method::POST, "/v3/oauth2/tokens").json(grant(user, password)?).repeatable();
        let reply = self.client.send(&request).await?;
        let envelope = Envelope::read(&reply);
        match (reply.status, &envelope) {
            (status, Some(Envelope { result: Some(result), is_success: true, .. })) if status.is_success() => {
                let token: Option<Object<'_>> = result.get("access_token");
                let text = token.as_ref().and_then(|token| token.get("access_token"));
                let text: String = text.ok_or_else(|| self.senseless(&reply))?;
                let lifetime = token.and_then(|token| token.get("expires_in"));
                Token::new(&Secret::from(text), lifetime.map(Duration::from_secs))
            }
            (StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, Some(_)) => {
                let text = format!("{origin} gives `{user}` no token for this password; are both right?");
                Err(StoreError::Unauthenticated(text))
            }
            (status, _) if status.is_success() => Err(self.senseless(&reply)),
            _ => Err(self.client.refusal(&reply)),
        }
    }

    /// Asks with a good token, and once more where that came to its end on the way.
    async fn ask<T>(&self, ask: impl AsyncFn(&Token) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let token = self.token().await?;
        match ask(&token).await {
            Err(StoreError::Unauthenticated(_))
                if token.is_ending() && matches!(self.login, Login::Password { .. }) =>
            {
                ask(&*self.token().await?).await
            }
            answer => answer,
        }
    }

    async fn fetch(&self, wanted: Wanted, user: Option<&str>) -> Result<Option<Value>, StoreError> {
        let name = own(wanted, user)?;
        self.ask(async |token| self.value(&name, user, token).await).await
    }

    async fn value(&self, name: &str, user: Option<&str>, token: &Token) -> Result<Option<Value>, StoreError> {
        let reply = self.get(&format!("{}/value", path(name)), token).await?;
        match (reply.status, Envelope::read(&reply)) {
            (StatusCode::OK, Some(Envelope { result: Some(result), is_success: true, .. })) => {
                let value: String = result.get("secret_value").ok_or_else(|| self.senseless(&reply))?;
                Ok(Some(Value::Bytes(Secret::from(value))))
            }
            // A secret that only pods are given, or one that this user may not read: its metadata tells.
            (StatusCode::FORBIDDEN, Some(_)) if self.has_off(name, "readable", token).await => match &self.pod {
                Some(pod) => self.reveal(pod, name, user, token).await.map(Value::Bytes).map(Some),
                None => Err(hidden(name)),
            },
            _ => self.refused(&reply, token, self.denied(name, token)),
        }
    }

    /// Whether there is such a secret, and whether its value would be given, by its metadata.
    async fn look_at(&self, wanted: Wanted, user: Option<&str>) -> Result<Option<Access>, StoreError> {
        let name = &own(wanted, user)?;
        self.ask(async |token| {
            let reply = self.get(&path(name), token).await?;
            let Some(Envelope { result: Some(metadata), is_success: true, .. }) =
                Envelope::read(&reply).filter(|_| reply.status == StatusCode::OK)
            else {
                return self.refused(&reply, token, self.denied(name, token));
            };
            match (metadata.get("readable").ok_or_else(|| self.senseless(&reply))?, &self.pod) {
                (false, None) => return Err(hidden(name)),
                (false, Some(pod)) => self.entry(pod, name, user, token).await.map(drop)?,
                (true, _) => {}
            }
            let creator: Option<String> = metadata.get("added_by");
            Ok(Some(match creator {
                Some(creator) if user.is_some_and(|user| user != creator) => {
                    Access::Exists(format!("`{creator}` made it, and only its value tells whether that was shared"))
                }
                _ => Access::Readable,
            }))
        })
        .await
    }

    /// What an answer that is not the one wanted means. None: there is no such thing.
    fn refused<T>(&self, reply: &Reply, token: &Token, denied: StoreError) -> Result<Option<T>, StoreError> {
        match (reply.status, Envelope::read(reply)) {
            (StatusCode::OK, _) => Err(self.senseless(reply)),
            // Without the envelope it is not the service that knows no such thing.
            (StatusCode::NOT_FOUND, Some(_)) => Ok(None),
            (StatusCode::FORBIDDEN, Some(_)) => Err(denied),
            (StatusCode::BAD_REQUEST, Some(envelope)) => Err(self.why_refused(token, &envelope).unwrap_or(denied)),
            _ => Err(self.client.refusal(reply)),
        }
    }

    /// A path of the Pods service.
    async fn get(&self, path: &str, token: &Token) -> Result<Reply, StoreError> {
        self.client.send(&request(path, token)).await
    }

    /// Whether this switch of a secret is known to be false.
    async fn has_off(&self, name: &str, switch: &str, token: &Token) -> bool {
        let reply = self.get(&path(name), token).await;
        let envelope = reply.as_ref().ok().and_then(Envelope::read);
        envelope.and_then(|envelope| envelope.result?.get(switch)) == Some(false)
    }

    /// Why a token was not taken; None where it was, and its user may not.
    fn why_refused(&self, token: &Token, envelope: &Envelope<'_>) -> Option<StoreError> {
        let origin = self.client.origin();
        let Some(claims) = &token.claims else {
            let text = format!("{origin} refused the token, which is no JSON Web Token; is all of it there?");
            return Some(StoreError::Unauthenticated(text));
        };
        if let Some(since) = claims.expired_since() {
            let text = format!("{origin} refused the token, which expired {} ago; get a new one", rough(since));
            return Some(StoreError::Unauthenticated(text));
        }
        // Where the claims look well, or the clocks differ, the message has the only other hint.
        envelope.message.to_lowercase().contains("token").then(|| {
            let tenant = claims.tenant.as_deref().unwrap_or("none");
            StoreError::Unauthenticated(format!(
                "{origin} refused the token; is it for this server (its tenant is `{tenant}`), and is the time of this \
                 machine right?"
            ))
        })
    }

    fn denied(&self, name: &str, token: &Token) -> StoreError {
        let (origin, user) = (self.client.origin(), token.user());
        StoreError::Denied(format!(
            "{origin} does not give `{name}` to `{user}`; only who made a secret may read it: is the name right?"
        ))
    }

    /// A good status with something else than what was asked for.
    fn senseless(&self, reply: &Reply) -> StoreError {
        let origin = self.client.origin();
        match Envelope::read(reply) {
            Some(Envelope { is_success: false, .. }) => StoreError::Unavailable(format!(
                "{origin} answered {} and in it that there was an error; see what the service logs",
                reply.status.as_u16()
            )),
            _ => StoreError::Malformed(format!(
                "{origin} answered {}, but not as the Tapis services do; does `url` lead to Tapis?",
                reply.status.as_u16()
            )),
        }
    }
}

/// Of a secret, within the Pods service.
fn path(name: &str) -> String {
    format!("secrets/{}", encode(name))
}

fn request(path: &str, token: &Token) -> net::Request {
    with(net::Request::get(format!("/v3/pods/{path}")), token)
}

fn with(request: net::Request, token: &Token) -> net::Request {
    request.header(TOKEN_HEADER, token.header.clone())
}

fn hidden(name: &str) -> StoreError {
    StoreError::NotReadable(format!(
        "`{name}` has `readable` false, so Tapis gives its value to pods alone, not even to its owner; create it anew as \
         readable"
    ))
}

fn base_url(settings: &Settings, environ: &Environ) -> Result<String, StoreError> {
    if let Some(url) = settings.text("url") {
        return Ok(url.to_owned());
    }
    let Some(url) = variable(environ, URL) else {
        let text = format!("a `tapis` store needs `url`, such as https://tacc.tapis.io, or the variable {URL}");
        return Err(StoreError::Settings(text));
    };
    let url = String::from_utf8_lossy(url);
    Base::parse(&url).map_err(|wrong| StoreError::Settings(format!("{URL}: {wrong}")))?;
    Ok(url.into_owned())
}

/// What the settings say; where they say nothing of a login, what the environment has.
fn login(settings: &Settings, environ: &Environ) -> Result<Login, StoreError> {
    if let Some(token) = credential(settings, "token", environ)? {
        return Ok(Login::Token(Token::new(&token, None)?.into()));
    }
    let ambient = |setting, name: &str| read_credential(setting, &Credential::Variable(name.into()), environ);
    let user = settings.text("user").map(str::to_owned);
    let password = credential(settings, "password", environ)?;
    if user.is_none()
        && password.is_none()
        && let Some(name) = TOKENS.iter().find(|name| variable(environ, name).is_some())
    {
        return Ok(Login::Token(Token::new(&ambient("token", name)?, None)?.into()));
    }
    let user = user.or_else(|| Some(String::from_utf8_lossy(variable(environ, USER)?).into_owned()));
    let password = match password {
        None if variable(environ, PASSWORD).is_some() => Some(ambient("password", PASSWORD)?),
        password => password,
    };
    match (user, password) {
        (Some(user), Some(password)) => Ok(Login::Password { user, password, token: Mutex::new(None) }),
        (Some(_), None) => Err(StoreError::Settings(format!("`user` needs `password`, or the variable {PASSWORD}"))),
        (None, Some(_)) => Err(StoreError::Settings(format!("`password` needs `user`, or the variable {USER}"))),
        (None, None) => Err(StoreError::Settings(format!(
            "a `tapis` store needs `token`, or `user` and `password`, or one of the variables {}",
            TOKENS.join(", ")
        ))),
    }
}

/// The body that asks for a token.
#[allow(clippy::disallowed_methods, reason = "the password on its way to the service that it is for")]
fn grant(user: &str, password: &Secret) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let wrong = |_| StoreError::Settings("`password` is not UTF-8, and Tapis takes no other".into());
    let password = std::str::from_utf8(password.expose()).map_err(wrong)?;
    let texts = [("grant_type", "password"), ("password", password), ("username", user)];
    body(&texts.map(|(name, text)| (name, Member::Text(text))).into())
}

/// The members of a request's body, by name.
type Members<'a> = BTreeMap<&'static str, Member<'a>>;

enum Member<'a> {
    Text(&'a str),
    Flag(bool),
}

impl Serialize for Member<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => json.serialize_str(text),
            Self::Flag(flag) => json.serialize_bool(*flag),
        }
    }
}

/// In a buffer that need not grow.
fn body(members: &Members<'_>) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    // JSON makes six bytes of one at most.
    let room = |(name, member): (&&str, &Member<'_>)| match member {
        Member::Text(text) => 6 * text.len() + name.len() + 6,
        Member::Flag(_) => name.len() + 9,
    };
    let mut body = Zeroizing::new(Vec::with_capacity(2 + members.iter().map(room).sum::<usize>()));
    match serde_json::to_writer(&mut *body, members) {
        Ok(()) => Ok(body),
        Err(_) => Err(StoreError::Settings("what Tapis is to be told cannot be written as JSON".into())),
    }
}

struct Token {
    header: HeaderValue,
    /// None: it is no JSON Web Token.
    claims: Option<Claims>,
    /// As far as it is known.
    ends: Option<Instant>,
}

/// What a token says of itself.
struct Claims {
    /// Unix seconds.
    expires: Option<f64>,
    user: Option<String>,
    tenant: Option<String>,
}

impl Token {
    /// `lifetime`: as the service told with it, else its own claim.
    fn new(text: &Secret, lifetime: Option<Duration>) -> Result<Self, StoreError> {
        let claims = Claims::of(text);
        let left = lifetime.or_else(|| claims.as_ref()?.left());
        Ok(Self {
            header: secret_header("", text)?,
            claims,
            ends: left.and_then(|left| Instant::now().checked_add(left)),
        })
    }

    /// For messages.
    fn user(&self) -> &str {
        self.claims.as_ref().and_then(|claims| claims.user.as_deref()).unwrap_or("this user")
    }

    fn is_ending(&self) -> bool {
        self.ends.is_some_and(|ends| ends.saturating_duration_since(Instant::now()) < LAST_MOMENTS)
    }
}

impl Claims {
    fn of(token: &Secret) -> Option<Self> {
        claims(token, |claims| Self {
            expires: claims.get("exp"),
            user: claims.get("tapis/username"),
            tenant: claims.get("tapis/tenant_id"),
        })
    }

    fn left(&self) -> Option<Duration> {
        Some(Duration::try_from_secs_f64(self.expires? - now()).unwrap_or_default())
    }

    /// None: it has not, or does not tell.
    fn expired_since(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(now() - self.expires?).ok()
    }
}

/// In the unit that people would use: `90 s`, `26 h`.
fn rough(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// What every reply of the service itself is wrapped in, whatever its status.
struct Envelope<'r> {
    /// A reply of status 200 may say here that it is none.
    is_success: bool,
    /// Never shown; a list stands as one text.
    message: String,
    result: Option<Object<'r>>,
}

impl<'r> Envelope<'r> {
    fn read(reply: &'r Reply) -> Option<Self> {
        let envelope = Object::parse(&reply.body)?;
        let status: String = envelope.get("status")?;
        let message = envelope.get("message").or_else(|| Some(envelope.get::<Vec<String>>("message")?.join("; ")));
        Some(Self {
            is_success: status == "success",
            message: message.unwrap_or_default(),
            result: envelope.get("result"),
        })
    }
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::Setting;
    use super::contract::{Double, Fixture};
    use crate::doubles::http::Wire;
    use crate::doubles::tapis;

    Fixture {
        carries: |value| std::str::from_utf8(value).is_ok(),
        tells_absence: true,
        seed: |secrets| {
            let mut state = tapis::State::new();
            for (name, value) in secrets {
                state.put("alice", name, std::str::from_utf8(value).unwrap());
            }
            let server = tapis::start(Wire::Plain, state);
            let mut settings = Settings::default();
            settings.set("url", Setting::Text(server.url().to_owned()));
            let token = format!("TAPIS_TOKEN={}", tapis::token("alice"));
            Double::open(&KIND, settings, &Environ::of([&token]), None).on(server)
        },
    }
}

//! Juju's RPC: one JSON object a message, told apart by a number; a login, and what can be asked then.
//!
//! A failure has a code, which alone decides what it means: its message is for people, and may be
//! about anything.

use super::login::{Login, no_password};
use crate::net::{Fault, WebSocket};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::object::Object;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use zeroize::Zeroizing;

/// What we claim to be: the first whose calls these are. Of users it is not checked.
const CLIENT_VERSION: &str = "3.6.0";

/// Requests that wait for their replies at the same time. They are small: none waits to be sent while
/// replies wait to be read.
const AT_ONCE: usize = 100;

/// A connection that is logged in.
pub(super) struct Session {
    socket: WebSocket,
    user: String,
    /// The number of the last request.
    last: u64,
    /// What can be asked, each in the versions that the server has.
    facades: Vec<(String, Vec<u64>)>,
    /// None: it was not said.
    gives_values: Option<bool>,
}

/// What a server says about one request.
pub(super) struct Reply<'j> {
    pub(super) number: u64,
    pub(super) result: Result<Object<'j>, Refusal<'j>>,
}

/// Why a whole request, or one item of it, failed.
pub(super) struct Refusal<'j> {
    pub(super) code: String,
    info: Option<Object<'j>>,
}

impl<'j> Reply<'j> {
    /// None: it is no reply.
    pub(super) fn parse(message: &'j [u8]) -> Option<Self> {
        let envelope = Object::parse(message)?;
        let number = envelope.get("request-id")?;
        let result = match envelope.get::<String>("error") {
            Some(error) if !error.is_empty() => {
                Err(Refusal { code: envelope.get("error-code").unwrap_or_default(), info: envelope.get("error-info") })
            }
            _ => Ok(envelope.get("response")?),
        };
        Some(Self { number, result })
    }
}

impl<'j> Refusal<'j> {
    /// The `error` of an item; None where there is none.
    pub(super) fn of_item(item: &Object<'j>) -> Option<Self> {
        let error = item.get::<Object<'j>>("error")?;
        Some(Self { code: error.get("code").unwrap_or_default(), info: None })
    }

    /// The code alone, which outlives the reply.
    pub(super) fn bare(self) -> Refusal<'static> {
        Refusal { code: self.code, info: None }
    }

    /// Since 4.0 a code says what it is that was not found. A secret whose model or backend is missing
    /// may well be there.
    pub(super) fn is_absence(&self) -> bool {
        let is_of_other = ["model not found", "secret backend not found"].contains(&&*self.code);
        self.code == "not found" || self.code.ends_with(" not found") && !is_of_other
    }

    /// What a code says that the caller has no better word for.
    pub(super) fn fault(&self, origin: &dyn fmt::Display) -> Fault {
        match &*self.code {
            "model not found" => Fault::from(StoreError::Settings(format!(
                "{origin} has no such model; `juju models` lists those it has; is `model` right?"
            ))),
            "try again" => Fault::passing(format!("{origin} is busy; try again")),
            _ => Fault::from(StoreError::Unavailable(format!(
                "{origin} could not do it{self}; see what the controller logs"
            ))),
        }
    }
}

/// ` (CODE)`, where that is no more than a few words.
impl fmt::Display for Refusal<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word = |byte: u8| byte.is_ascii_alphabetic() || b" -".contains(&byte);
        match (1..=40).contains(&self.code.len()) && self.code.bytes().all(is_word) {
            true => write!(out, " ({})", self.code),
            false => Ok(()),
        }
    }
}

pub(super) fn malformed(origin: &dyn fmt::Display) -> StoreError {
    StoreError::Malformed(format!("{origin} does not answer as a Juju controller does; is `endpoints` right?"))
}

impl Session {
    pub(super) async fn log_in(socket: WebSocket, login: &Login) -> Result<Self, Fault> {
        let mut session = Self { socket, user: login.user.clone(), last: 0, facades: Vec::new(), gives_values: None };
        let params = credentials(&login.user, &login.password)?;
        let message = session.call("Admin", 3, "Login", &params).await?;
        let reply = session.reply(&message)?;
        let result = match reply.result {
            Ok(result) => result,
            Err(refusal) => return Err(session.not_let_in(&refusal, login).await),
        };
        let origin = session.socket.origin();
        let wants = |name| result.get::<Object<'_>>(name).is_some();
        if wants("discharge-required") || wants("bakery-discharge-required") {
            return Err(no_password(&format!("{origin} takes no password from `{}`", login.user)).into());
        }
        let facades = result.get::<Vec<Object<'_>>>("facades").ok_or_else(|| malformed(origin))?;
        let facade = |facade: &Object<'_>| Some((facade.get("name")?, facade.get("versions")?));
        session.facades = facades.iter().filter_map(facade).collect();
        let user = result.get::<Object<'_>>("user-info");
        let access = |to| user.as_ref()?.get::<String>(to);
        session.gives_values = match (access("controller-access").as_deref(), access("model-access").as_deref()) {
            (Some("superuser"), _) | (_, Some("admin")) => Some(true),
            (_, Some("read" | "write")) => Some(false),
            _ => None,
        };
        Ok(session)
    }

    async fn not_let_in(&mut self, refusal: &Refusal<'_>, login: &Login) -> Fault {
        match &*refusal.code {
            // A controller may say so of a model that it does not want to speak of.
            "unauthorized access" => StoreError::Unauthenticated(format!(
                "{} does not accept the password of `{}`, or the user has no access to the model",
                self.socket.origin(),
                login.user
            ))
            .into(),
            "redirection required" => match self.redirection(refusal).await {
                Ok(error) => error.into(),
                Err(fault) => fault,
            },
            _ => refusal.fault(self.socket.origin()),
        }
    }

    /// Where the model is now. A login is for the controller that it was made for, so we do not follow.
    async fn redirection(&mut self, refusal: &Refusal<'_>) -> Result<StoreError, Fault> {
        let addresses = match &refusal.info {
            Some(info) => addresses(info),
            None => {
                let message = self.call("Admin", 3, "RedirectInfo", "{}").await?;
                self.reply(&message)?.result.map(|info| addresses(&info)).unwrap_or_default()
            }
        };
        let origin = self.socket.origin();
        let whither = match addresses.as_slice() {
            [] => "the controller that has it".to_owned(),
            addresses => addresses.join(", "),
        };
        Ok(StoreError::Settings(format!(
            "{origin}: the model is at another controller; log in to that and name it in `endpoints`: {whither}"
        )))
    }

    /// The highest version of a facade that both sides know; `ours` are in ascending order.
    pub(super) fn version(&self, facade: &str, ours: &[u64]) -> Option<u64> {
        let (_, theirs) = self.facades.iter().find(|(name, _)| name == facade)?;
        ours.iter().rev().copied().find(|version| theirs.contains(version))
    }

    /// Whether this user may read the values of secrets, which takes the model's administrator, as far
    /// as the login says so.
    pub(super) fn gives_values(&self) -> Option<bool> {
        self.gives_values
    }

    /// The number that the reply will have.
    async fn send(&mut self, facade: &str, version: u64, request: &str, params: &str) -> Result<u64, Fault> {
        self.last += 1;
        let number = self.last;
        // Nothing of ours in it needs quoting but the parameters, which are JSON. Sized, so that no copy is left.
        let mut text = String::with_capacity(100 + facade.len() + request.len() + params.len());
        text.push_str(&format!(
            r#"{{"request-id":{number},"type":"{facade}","version":{version},"request":"{request}","#
        ));
        text.push_str(r#""params":"#);
        text.push_str(params);
        text.push('}');
        self.socket.send(text).await?;
        Ok(number)
    }

    /// The next message, whatever it is about.
    async fn receive(&mut self) -> Result<impl std::ops::Deref<Target = [u8]> + use<>, Fault> {
        self.socket.receive().await
    }

    /// One request and its reply, where none other is under way.
    pub(super) async fn call(
        &mut self,
        facade: &str,
        version: u64,
        request: &str,
        params: &str,
    ) -> Result<impl std::ops::Deref<Target = [u8]> + use<>, Fault> {
        self.send(facade, version, request, params).await?;
        self.receive().await
    }

    /// Requests of one name, many under way at the same time. Each reply is handed over once, with the place of its
    /// request; a fault ends it all.
    pub(super) async fn call_each(
        &mut self,
        facade: &str,
        version: u64,
        request: &str,
        params: impl IntoIterator<Item = String>,
        mut answer: impl FnMut(&Self, usize, Result<Object<'_>, Refusal<'_>>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut rest = params.into_iter().enumerate();
        let mut under_way: BTreeMap<u64, usize> = BTreeMap::new();
        loop {
            while under_way.len() < AT_ONCE
                && let Some((at, params)) = rest.next()
            {
                let number = self.send(facade, version, request, &params).await?;
                under_way.insert(number, at);
            }
            if under_way.is_empty() {
                return Ok(());
            }
            let message = self.receive().await?;
            let reply = Reply::parse(&message).ok_or_else(|| malformed(self.origin()))?;
            let at = under_way.remove(&reply.number).ok_or_else(|| malformed(self.origin()))?;
            answer(self, at, reply.result)?;
        }
    }

    /// The reply to the last request.
    pub(super) fn reply<'j>(&self, message: &'j [u8]) -> Result<Reply<'j>, StoreError> {
        let reply = Reply::parse(message).filter(|reply| reply.number == self.last);
        reply.ok_or_else(|| malformed(self.origin()))
    }

    /// As who we are let in.
    pub(super) fn user(&self) -> &str {
        &self.user
    }

    /// For messages.
    pub(super) fn origin(&self) -> &dyn fmt::Display {
        self.socket.origin()
    }

    pub(super) async fn close(self) {
        self.socket.close().await;
    }
}

/// The parameters of a login.
#[allow(clippy::disallowed_methods, reason = "a credential on its way to the server it is for")]
fn credentials(user: &str, password: &Secret) -> Result<Zeroizing<String>, StoreError> {
    let password = std::str::from_utf8(password.expose())
        .map_err(|_| StoreError::Settings("`password` is not UTF-8".to_owned()))?;
    let begin = json!({ "client-version": CLIENT_VERSION, "auth-tag": format!("user-{user}") }).to_string();
    let begin = begin.strip_suffix('}').unwrap_or(&begin);
    // At most six bytes for one; what has room is not copied.
    let mut params = Zeroizing::new(Vec::with_capacity(begin.len() + 6 * password.len() + 24));
    params.extend_from_slice(begin.as_bytes());
    params.extend_from_slice(br#","credentials":"#);
    let written = serde_json::to_writer(&mut *params, password);
    params.push(b'}');
    let text = written.ok().and_then(|()| String::from_utf8(std::mem::take(&mut *params)).ok());
    text.map(Zeroizing::new).ok_or_else(|| StoreError::Settings("`password` cannot be written as JSON".to_owned()))
}

/// A server's words: none that is more than an address, and not all of very many.
fn addresses(info: &Object<'_>) -> Vec<String> {
    let servers = info.get::<Vec<Vec<Object<'_>>>>("servers").unwrap_or_default();
    let address = |server: &Object<'_>| {
        let (host, port) = (server.get::<String>("value")?, server.get::<u16>("port")?);
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".:-".contains(&byte);
        (1..=253).contains(&host.len()).then_some(())?;
        let shown = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        host.bytes().all(is_host).then_some(shown)
    };
    servers.iter().flatten().filter_map(address).take(5).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_a_result_or_a_refusal_and_has_a_number() {
        let reply = Reply::parse(br#"{"request-id": 7, "response": {"results": []}}"#).unwrap();
        assert_eq!((reply.number, reply.result.is_ok()), (7, true));
        let refused = br#"{"request-id":1,"error":"no","error-code":"not found","response":{}}"#;
        assert_eq!(Reply::parse(refused).unwrap().result.err().unwrap().code, "not found");
        let without_code = br#"{"request-id":1,"error":"no","response":{}}"#;
        assert_eq!(Reply::parse(without_code).unwrap().result.err().unwrap().code, "");
        let null = br#"{"request-id":1,"error":null,"response":{}}"#;
        assert!(Reply::parse(null).unwrap().result.is_ok());
        for none in [
            "",
            "[]",
            "{}",
            r#"{"response":{}}"#,
            r#"{"request-id":1}"#,
            r#"{"request-id":"1","response":{}}"#,
            r#"{"request-id":1,"response":[]}"#,
            r#"{"request-id":1,"request-id":1,"response":{}}"#,
        ] {
            assert!(Reply::parse(none.as_bytes()).is_none(), "{none}");
        }
    }

    #[test]
    fn codes_of_either_age_say_that_there_is_no_such_secret() {
        let is_absence = |code: &str| Refusal { code: code.to_owned(), info: None }.is_absence();
        for code in ["not found", "secret not found", "secret revision not found"] {
            assert!(is_absence(code), "{code}");
        }
        for code in ["", "model not found", "secret backend not found", "unauthorized access", "found"] {
            assert!(!is_absence(code), "{code}");
        }
    }

    #[test]
    fn of_a_code_only_words_are_shown() {
        let shown = |code: &str| Refusal { code: code.to_owned(), info: None }.to_string();
        assert_eq!(shown("upgrade in progress"), " (upgrade in progress)");
        for hidden in ["", "<h1>", "hunter2", "a\nb", &"x".repeat(41)] {
            assert_eq!(shown(hidden), "", "{hidden}");
        }
    }

    #[test]
    fn credentials_are_json_whatever_is_in_them() {
        let password = "a\"\\\u{1}ü";
        let text = credentials("bob@local", &Secret::from(password.to_owned())).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((json["auth-tag"].as_str(), json["credentials"].as_str()), (Some("user-bob@local"), Some(password)));
        assert!(credentials("u", &Secret::from(vec![0xff])).is_err());
    }

    #[test]
    fn of_a_redirection_only_addresses_are_shown() {
        let info = br#"{"servers": [[{"value": "10.0.0.1", "port": 17070, "scope": "public"}, {"value": "fd00::1", "port": 1}],
            [{"value": "<h1>", "port": 1}, {"value": "h", "port": 70000}, {"value": 1, "port": 1}]], "ca-cert": "x"}"#;
        assert_eq!(addresses(&Object::parse(info).unwrap()), ["10.0.0.1:17070", "[fd00::1]:1"]);
        assert!(addresses(&Object::parse(b"{}").unwrap()).is_empty());
    }
}

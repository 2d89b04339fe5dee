//! Juju: the user secrets of a model, asked of its controller over a websocket.
//!
//! A secret is found by its name or its id, has several keys, and keeps its old revisions. One
//! connection and one login serve all requests, which go out together: each asks for one secret,
//! since what else a reply held would be values that nobody asked for.

mod login;
mod manage;
mod rpc;
mod time;
mod yaml;

use super::manage::{Attribute, Managing, Verb};
use super::object::Object;
use super::remote::{fetch_each, look_each, reach};
use super::{Access, Caps, Context, Form, Kind, Look, Pending, Request, Settings, Store, StoreError};
use crate::net::{self, Base, Client, Deadline, Fault, Roots, WebSocket, race, retried};
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::Value;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use login::{Login, Model, is_uuid};
use rpc::{Refusal, Session, malformed};
use serde_json::json;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use zeroize::Zeroizing;

pub(crate) static KIND: Kind = Kind {
    name: "juju",
    about: "the user secrets of a Juju model",
    caps: Caps { versions: true, network: true, random: false },
    settings: &[("endpoints", Form::List), ("model", Form::Text), ("user", Form::Text), ("password", Form::Credential)],
    credential_variables: &[],
    without_settings: login::has_client,
    ambient: Some("log in with `juju login`"),
    check: |address, settings| {
        login::check(settings)?;
        Wanted::parse(address).map(drop)
    },
    open,
    manage: Some(Managing {
        open: manage::open,
        verbs: &[
            (Verb::Add, &[Attribute::Description]),
            (Verb::Get, &[Attribute::Revision]),
            (Verb::List, &[]),
            (Verb::Show, &[Attribute::Revision]),
            (Verb::Update, &[Attribute::Description, Attribute::NewName, Attribute::AutoPrune]),
            (Verb::Remove, &[Attribute::Revision]),
            (Verb::Grant, &[]),
            (Verb::Revoke, &[]),
            (Verb::History, &[]),
        ],
        lacks: &[
            (Verb::Init, "`juju bootstrap` and `juju add-model` make what it is kept in"),
            (Verb::Alias, "a secret of Juju has one name"),
            (Verb::Override, "a model is the only scope that Juju's secrets have"),
            (Verb::Import, "Juju has no such thing; `add NAME --fields FILE` takes all keys of one secret"),
            (Verb::Export, "Juju has no such thing; `get NAME#KEY` reads one value"),
        ],
        formats: &[],
    }),
};

/// What a controller's certificate is for, whatever host has it.
const SERVER_NAME: &str = "juju-apiserver";
const PORT: u16 = 17070;

fn open(settings: &Settings, context: &Context<'_>) -> Result<Box<dyn Store>, StoreError> {
    let juju = Juju::open(settings, context).map_err(in_our_words)?;
    Ok(Box::new(juju))
}

/// The layer below calls the address of a server what it is called with every other kind.
fn in_our_words(error: StoreError) -> StoreError {
    error.map(|text| text.replace("`url`", "`endpoints`"))
}

/// The address of `HOST:PORT`, or of a host at the usual port.
fn url(endpoint: &str) -> Result<String, StoreError> {
    let has_port = endpoint.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let url = if has_port { format!("https://{endpoint}") } else { format!("https://{endpoint}:{PORT}") };
    match Base::parse(&url) {
        Ok(base) if base.path.is_empty() && !endpoint.contains('/') => Ok(url),
        _ => Err(StoreError::Settings(
            "`endpoints` is a list of HOST:PORT, such as \"10.0.0.1:17070\"; an IPv6 address stands in brackets"
                .to_owned(),
        )),
    }
}

/// A secret and one of its revisions: the latest where none is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wanted {
    name: Name,
    revision: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    /// And the UUID of the model that it is of, where that was said.
    Id { id: String, model: Option<String> },
    /// Unique among the secrets that a model owns.
    Label(String),
}

impl Wanted {
    /// The secret, whatever its revision.
    fn latest(name: &Name) -> Self {
        Self { name: name.clone(), revision: None }
    }

    /// Juju fails a whole request for a revision where one of the secrets that have the name lacks it, be it a charm's.
    fn may_be_hidden(&self) -> bool {
        self.revision.is_some() && matches!(self.name, Name::Label(_))
    }

    fn parse(address: &Address) -> Result<Self, String> {
        let revision = address.version.as_deref().map(|version| {
            let is_number = version.bytes().all(|byte| byte.is_ascii_digit());
            let revision = version.parse().ok().filter(|revision| is_number && *revision > 0);
            revision.ok_or_else(|| "a revision of Juju is a number from 1".to_owned())
        });
        Ok(Self { name: Name::parse(&address.path)?, revision: revision.transpose()? })
    }
}

impl Name {
    /// As `juju show-secret` has it: what is a URI is one, everything else is a name. The scheme may be
    /// there or, as behind `secret:` of ours, not.
    fn parse(path: &str) -> Result<Self, String> {
        let uri = path.strip_prefix("secret:").unwrap_or(path);
        let uri = uri.strip_prefix("//").unwrap_or(uri);
        let (model, id) = match uri.split_once('/') {
            Some((model, id)) => (Some(model), id),
            None => (None, uri),
        };
        if is_id(id) && model.is_none_or(is_uuid) {
            return Ok(Self::Id { id: id.to_owned(), model: model.map(str::to_ascii_lowercase) });
        }
        let is_unlike = |letter: char| letter.is_control() || ":/?#".contains(letter);
        match path.is_empty() || path.contains(is_unlike) {
            true => Err("a secret of Juju is its name, its id of 20 characters, or `//MODEL-UUID/ID`".to_owned()),
            false => Ok(Self::Label(path.to_owned())),
        }
    }

    fn check_model(&self, model: &str) -> Result<(), StoreError> {
        match self {
            Self::Id { model: Some(other), .. } if other != model => {
                Err(StoreError::Settings(format!("{self} is of the model {other}, and this store of {model}")))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id { id, .. } => write!(out, "secret:{id}"),
            Self::Label(name) => write!(out, "`{name}`"),
        }
    }
}

/// An xid: 12 bytes in base32hex without padding, so that of the last character one bit counts.
fn is_id(text: &str) -> bool {
    let has_letters = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
    text.len() == 20 && has_letters && text.ends_with(['0', 'g'])
}

/// The id in a URI as a controller writes it.
fn id_in(uri: &str) -> Option<&str> {
    uri.rsplit([':', '/']).next().filter(|id| is_id(id))
}

/// One way to the controller.
struct Door {
    client: Client,
    server_name: Option<String>,
}

struct Juju {
    login: Login,
    doors: Vec<Door>,
    deadline: Deadline,
    retries: u32,
}

/// What is asked about a secret: its value, or whether we may have it.
trait Asked: Sized {
    /// Whether the value is to come along.
    const WITH_VALUE: bool;

    fn read(secret: &Object<'_>, wanted: &Wanted, session: &Session) -> Result<Self, Fault>;
}

/// What is known by now, however often the connection broke.
struct Known<T> {
    /// Who we are, and where, once we were let in.
    identity: RefCell<String>,
    /// None: there is no such secret, or no such revision of it.
    answers: RefCell<BTreeMap<Wanted, Result<Option<T>, StoreError>>>,
}

impl<T> Known<T> {
    fn nothing() -> Self {
        Self { identity: RefCell::default(), answers: RefCell::default() }
    }

    /// What may go better in a moment is no answer: it is asked again, with all that has none yet.
    fn put(&self, wanted: &Wanted, answer: Result<Option<T>, Fault>) -> Result<(), Fault> {
        let answer = match answer {
            Err(fault) if fault.is_transient() => return Err(fault),
            answer => answer.map_err(|fault| fault.error),
        };
        self.answers.borrow_mut().insert(wanted.clone(), answer);
        Ok(())
    }

    /// The answer to what was asked; each is handed out once.
    async fn take(&self, wanted: Result<Wanted, String>) -> Result<Option<T>, StoreError> {
        self.answers.borrow_mut().remove(&wanted.map_err(StoreError::Settings)?).unwrap_or(Ok(None))
    }
}

impl Store for Juju {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        Box::pin(async {
            let known = Known::<Value>::nothing();
            self.ask_all(requests.iter().map(|request| &*request.address), &known).await?;
            fetch_each(requests, Wanted::parse, |wanted| known.take(wanted)).await
        })
    }

    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        Box::pin(async {
            let known = Known::<Access>::nothing();
            let asked = self.ask_all(looks.iter().map(|look| &*look.address), &known).await;
            looks.iter_mut().for_each(|look| look.identity.clone_from(&known.identity.borrow()));
            asked?;
            look_each(looks, Wanted::parse, |wanted| known.take(wanted)).await
        })
    }
}

impl Juju {
    fn open(settings: &Settings, context: &Context<'_>) -> Result<Self, StoreError> {
        let mut login = Login::find(settings, context.environ)?;
        let authority = login.authority.take().filter(|_| settings.path("ca_file").is_none());
        let is_private = authority.is_some() || settings.path("ca_file").is_some();
        let mut doors = Vec::new();
        let mut deadline = None;
        let mut add = |roots: Option<Roots>, server_name: Option<&str>| {
            for endpoint in &login.endpoints {
                let mut reach = reach(&url(endpoint)?, settings, context)?;
                reach.roots = roots.clone().unwrap_or(reach.roots);
                // All of them have the same.
                deadline = Some(*deadline.get_or_insert(reach.deadline));
                doors.push(Door { client: Client::new(reach)?, server_name: server_name.map(str::to_owned) });
            }
            Ok(())
        };
        if is_private {
            let given = |(pem, path): (Vec<u8>, PathBuf)| Roots::Given { pem, origin: path.display().to_string() };
            add(authority.map(given), Some(SERVER_NAME))?;
        }
        // A controller with a public name has a public certificate, too or instead.
        if !is_private || login.public_name.is_some() && settings.path("ca_file").is_none() {
            add(None, login.public_name.as_deref())?;
        }
        let deadline = deadline.ok_or_else(|| StoreError::Settings("`endpoints` is empty".to_owned()))?;
        Ok(Self { login, doors, deadline, retries: context.retries })
    }

    async fn ask_all<T: Asked>(
        &self,
        addresses: impl Iterator<Item = &Address>,
        known: &Known<T>,
    ) -> Result<(), StoreError> {
        let wanted: Result<Vec<Wanted>, String> = addresses.map(Wanted::parse).collect();
        let mut wanted = wanted.map_err(StoreError::Settings)?;
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
        let asked = retried(&self.deadline, self.retries, async || self.ask(&wanted, known).await);
        asked.await.map_err(in_our_words)
    }

    /// Answers what has no answer yet, on one connection.
    async fn ask<T: Asked>(&self, wanted: &[Wanted], known: &Known<T>) -> Result<(), Fault> {
        let (session, model) = self.enter(net::LARGEST).await?;
        *known.identity.borrow_mut() = format!("user {}, model {model} at {}", self.login.user, session.origin());
        // A launch asks nevertheless, and believes the answer.
        if !T::WITH_VALUE && session.gives_values() == Some(false) {
            return Err(denied(session.origin()).into());
        }
        let version = secrets_version(&session)?;
        let mut questions = Vec::new();
        for wanted in wanted {
            if known.answers.borrow().contains_key(wanted) {
                continue;
            }
            match wanted.name.check_model(&model) {
                Ok(()) => questions.push((wanted, wanted.clone())),
                Err(error) => known.put(wanted, Err(error.into()))?,
            }
        }
        let mut visit = Visit { session, model, version };
        let hidden = visit.ask_for(&questions, known).await?;
        if !hidden.is_empty() {
            let own = visit.own_ids(&hidden, known).await?;
            visit.ask_for(&own, known).await?;
        }
        visit.session.close().await;
        Ok(())
    }

    /// A connection to the model, whose replies have at most this many bytes, and the model's UUID.
    async fn enter(&self, largest: usize) -> Result<(Session, String), Fault> {
        let model = match &self.login.model {
            Model::Id(id) => id.clone(),
            Model::Name { owner, name } => self.find_model(owner, name).await?,
        };
        let session = self.log_in(&format!("/model/{model}/api"), largest).await?;
        Ok((session, model))
    }

    async fn log_in(&self, path: &str, largest: usize) -> Result<Session, Fault> {
        Session::log_in(self.connect(path, largest).await?, &self.login).await
    }

    /// By the door that opens first: the controllers of a cluster have one each.
    async fn connect(&self, path: &str, largest: usize) -> Result<WebSocket, Fault> {
        let knocks = self.doors.iter().map(|door| door.client.websocket(door.server_name.as_deref(), path, largest));
        race(knocks).await.map_err(|fault| {
            let mut fault = fault.unwrap_or_else(|| StoreError::Settings("`endpoints` is empty".to_owned()).into());
            if self.doors.len() > 1 {
                fault.error = fault.error.map(|text| format!("{text} (the first of {} failures)", self.doors.len()));
            }
            fault
        })
    }

    /// Asks the controller for the UUID of a model that the client has not met.
    async fn find_model(&self, owner: &str, name: &str) -> Result<String, Fault> {
        let mut session = self.log_in("/api", net::LARGEST).await?;
        let origin = session.origin();
        let version = session.version("ModelManager", &[5, 6, 7, 8, 9, 10, 11]);
        let version = version.ok_or_else(|| malformed(origin))?;
        let params = json!({ "tag": format!("user-{}", self.login.user) }).to_string();
        let message = session.call("ModelManager", version, "ListModels", &params).await?;
        let reply = session.reply(&message)?;
        let result = reply.result.map_err(|refusal| refusal.fault(session.origin()))?;
        let models = result.get::<Vec<Object<'_>>>("user-models").ok_or_else(|| malformed(session.origin()))?;
        let found = models.iter().find_map(|entry| {
            let model = entry.get::<Object<'_>>("model")?;
            let has_owner = [format!("user-{owner}"), format!("user-{owner}@local")].contains(&model.get("owner-tag")?);
            let is_it = has_owner && model.get::<String>("name")? == name;
            model.get::<String>("uuid").filter(|id| is_it && is_uuid(id))
        });
        let found = found.ok_or_else(|| {
            StoreError::Settings(format!(
                "{} knows no model `{owner}/{name}` of `{}`; `juju models` lists those it does; is `model` right?",
                session.origin(),
                self.login.user
            ))
        })?;
        session.close().await;
        Ok(found)
    }
}

/// A connection to the model.
struct Visit {
    session: Session,
    /// Its UUID.
    model: String,
    /// Of the calls on secrets.
    version: u64,
}

/// A secret that is wanted, and as what it is asked for.
type Question<'w> = (&'w Wanted, Wanted);

impl Visit {
    /// Answers all but those where a charm's secret may have hidden the model's own.
    async fn ask_for<'w, T: Asked>(
        &mut self,
        questions: &[Question<'w>],
        known: &Known<T>,
    ) -> Result<Vec<&'w Wanted>, Fault> {
        let mut hidden = Vec::new();
        let params = questions.iter().map(|(_, asked)| filter(asked, T::WITH_VALUE));
        let model = &self.model;
        let answer = |session: &Session, at: usize, result: Result<Object<'_>, Refusal<'_>>| {
            let (wanted, asked) = &questions[at];
            if asked.may_be_hidden() && result.as_ref().is_err_and(Refusal::is_absence) {
                hidden.push(*wanted);
                return Ok(());
            }
            let found = find(asked, model, result, session.origin());
            let read = |secret: Object<'_>| T::read(&secret, wanted, session);
            known.put(wanted, found.and_then(|secret| secret.map(read).transpose()))
        };
        self.session.call_each("Secrets", self.version, "ListSecrets", params, answer).await?;
        Ok(hidden)
    }

    /// Asks for the model's own secrets of these names by their ids; answers where there are none.
    async fn own_ids<'w, T: Asked>(
        &mut self,
        wanted: &[&'w Wanted],
        known: &Known<T>,
    ) -> Result<Vec<Question<'w>>, Fault> {
        let mut own = Vec::new();
        let whole: Vec<Wanted> = wanted.iter().map(|wanted| Wanted::latest(&wanted.name)).collect();
        let params = whole.iter().map(|whole| filter(whole, false));
        let model = &self.model;
        let answer = |session: &Session, at: usize, result: Result<Object<'_>, Refusal<'_>>| {
            let id = |secret: Object<'_>| {
                let id = secret.get::<String>("uri").as_deref().and_then(id_in).map(str::to_owned);
                id.ok_or_else(|| malformed(session.origin()))
            };
            let found = find(&whole[at], model, result, session.origin());
            match found.and_then(|secret| Ok(secret.map(id).transpose()?)) {
                Ok(Some(id)) => {
                    let revision = wanted[at].revision;
                    own.push((wanted[at], Wanted { name: Name::Id { id, model: None }, revision }));
                    Ok(())
                }
                Ok(None) => known.put(wanted[at], Ok(None)),
                Err(fault) => known.put(wanted[at], Err(fault)),
            }
        };
        self.session.call_each("Secrets", self.version, "ListSecrets", params, answer).await?;
        Ok(own)
    }
}

/// Of the calls on secrets: with the first one they can only be listed.
fn secrets_version(session: &Session) -> Result<u64, StoreError> {
    session.version("Secrets", &[1, 2]).ok_or_else(|| {
        let text = format!("{} is too old to give secrets out; Juju does since 3.3", session.origin());
        StoreError::NotReadable(text)
    })
}

/// The parameters that ask for one secret.
fn filter(wanted: &Wanted, with_value: bool) -> String {
    let mut filter = match &wanted.name {
        Name::Id { id, .. } => json!({ "uri": format!("secret:{id}") }),
        Name::Label(label) => json!({ "label": label }),
    };
    if let Some(revision) = wanted.revision {
        filter["revision"] = json!(revision);
    }
    json!({ "filter": filter, "show-secrets": with_value }).to_string()
}

/// The secret of the model that a reply is about.
fn find<'j>(
    wanted: &Wanted,
    model: &str,
    result: Result<Object<'j>, Refusal<'j>>,
    origin: &dyn fmt::Display,
) -> Result<Option<Object<'j>>, Fault> {
    let result = match result {
        Ok(result) => result,
        Err(refusal) if refusal.is_absence() => return Ok(None),
        Err(refusal) => return Err(refused(&refusal, origin)),
    };
    let found = result.get::<Vec<Object<'_>>>("results").ok_or_else(|| malformed(origin))?;
    // A charm's secret may have the same label, and an old controller looks at no label at all.
    let owner = format!("model-{model}");
    let is_wanted = |secret: &Object<'_>| {
        let has = |member, expected: &str| secret.get::<String>(member).is_some_and(|text| text == expected);
        has("owner-tag", &owner)
            && match &wanted.name {
                Name::Label(label) => has("label", label),
                Name::Id { id, .. } => secret.get::<String>("uri").is_some_and(|uri| id_in(&uri) == Some(id)),
            }
    };
    let mut found = found.into_iter().filter(is_wanted);
    match (found.next(), found.next()) {
        (secret, None) => Ok(secret),
        (_, Some(_)) => {
            let text = format!("{origin} has several secrets {}; name one by its id", wanted.name);
            Err(StoreError::Malformed(text).into())
        }
    }
}

impl Asked for Value {
    const WITH_VALUE: bool = true;

    fn read(secret: &Object<'_>, wanted: &Wanted, session: &Session) -> Result<Self, Fault> {
        fields(secret, wanted, session.origin()).map(Self::Fields)
    }
}

/// The values of a secret that was asked for with them.
fn fields(secret: &Object<'_>, wanted: &Wanted, origin: &dyn fmt::Display) -> Result<Vec<(String, Secret)>, Fault> {
    let value = secret.get::<Object<'_>>("value").ok_or_else(|| malformed(origin))?;
    if let Some(refusal) = Refusal::of_item(&value) {
        return Err(if refusal.is_absence() { removed(wanted, origin).into() } else { refused(&refusal, origin) });
    }
    let data = value.get::<Object<'_>>("data").ok_or_else(|| malformed(origin))?;
    let fields = data.names().map(|key| {
        let text = Zeroizing::new(data.get::<String>(key)?);
        Some((key.to_owned(), decoded(&text)?))
    });
    // Who adds a secret may say that a value is base64 already, and nobody looks.
    fields.collect::<Option<Vec<_>>>().ok_or_else(|| {
        let text = format!("{origin}: a value of {} is no base64; `juju update-secret` replaces it", wanted.name);
        StoreError::Malformed(text).into()
    })
}

impl Asked for Access {
    const WITH_VALUE: bool = false;

    fn read(secret: &Object<'_>, wanted: &Wanted, session: &Session) -> Result<Self, Fault> {
        let latest = secret.get::<u64>("latest-revision").ok_or_else(|| malformed(session.origin()))?;
        let revisions = secret.get::<Vec<Object<'_>>>("revisions").unwrap_or_default();
        let is_left = revisions.iter().any(|revision| revision.get("revision") == Some(latest));
        if wanted.revision.is_none() && !is_left {
            return Err(removed(wanted, session.origin()).into());
        }
        Ok(match session.gives_values() {
            Some(_) => Self::Readable,
            None => Self::Exists("the controller does not say whether this user may read values".to_owned()),
        })
    }
}

/// Standard base64, in which Juju's own clients pass over line breaks. None: it is something else.
fn decoded(text: &str) -> Option<Secret> {
    let mut joined = Zeroizing::new(Vec::with_capacity(text.len()));
    joined.extend(text.bytes().filter(|byte| !b"\r\n".contains(byte)));
    let mut bytes = Zeroizing::new(Vec::with_capacity(joined.len() / 4 * 3));
    BASE64_STANDARD.decode_vec(&*joined, &mut bytes).ok()?;
    Some(Secret::from(bytes))
}

/// It is there, and this revision of it is not.
fn removed(wanted: &Wanted, origin: &dyn fmt::Display) -> StoreError {
    let text = format!("{origin}: this revision of {} was removed; name another with @REVISION", wanted.name);
    StoreError::NotReadable(text)
}

fn refused(refusal: &Refusal<'_>, origin: &dyn fmt::Display) -> Fault {
    match &*refusal.code {
        "unauthorized access" => denied(origin).into(),
        _ => refusal.fault(origin),
    }
}

fn denied(origin: &dyn fmt::Display) -> StoreError {
    StoreError::Denied(format!(
        "{origin}: this user may not read the values of secrets; that takes `juju grant USER admin MODEL`"
    ))
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::contract::{Double, Fixture, Home};
    use super::{Credential, Setting};
    use crate::doubles::juju::{MODEL, PASSWORD, State, endpoint, start};
    use crate::environ::Environ;

    Fixture {
        // The limits are of Juju's clients; a controller keeps what it is given.
        carries: |_| true,
        tells_absence: true,
        seed: |secrets| {
            let mut state = State::new();
            for (name, value) in secrets {
                state.put(name, &[("key", value)]);
            }
            let juju = start(state);
            let mut settings = Settings::default();
            settings.set("endpoints", Setting::List(vec![endpoint(&juju)]));
            settings.set("model", Setting::Text(MODEL.into()));
            settings.set("user", Setting::Text("admin".into()));
            settings.set("password", Setting::Credential(Credential::Variable("PASSWORD".into())));
            settings.set("ca_file", Setting::Path(juju.ca_file()));
            let environ = Environ::of([&*format!("PASSWORD={PASSWORD}")]);
            Double::open(&KIND, settings, &environ, None::<Home>).on(juju)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "cu9nqkbmp25c7a8sqo2g";
    const MODEL: &str = "0c1f5d3e-7a52-4b7f-8d53-2f9d8f3f2a11";

    fn wanted(path: &str, version: Option<&str>) -> Result<Wanted, String> {
        Wanted::parse(&Address { store: None, path: path.into(), version: version.map(Into::into) })
    }

    #[test]
    fn what_is_a_uri_is_no_name() {
        let id = |model: Option<&str>| Ok(Name::Id { id: ID.into(), model: model.map(str::to_owned) });
        for path in [ID.to_owned(), format!("secret:{ID}")] {
            assert_eq!(Name::parse(&path), id(None), "{path}");
        }
        for before in ["", "//", "secret:", "secret://"] {
            assert_eq!(Name::parse(&format!("{before}{MODEL}/{ID}")), id(Some(MODEL)), "{before}");
        }
        assert_eq!(Name::parse(&format!("//{}/{ID}", MODEL.to_uppercase())), id(Some(MODEL)));
        // One letter more or less, one that base32hex has not, one bit too many.
        for name in ["db", "my-apitoken", "a b", &ID[1..], "xu9nqkbmp25c7a8sqo2g", "cu9nqkbmp25c7a8sqo2h"] {
            assert_eq!(Name::parse(name), Ok(Name::Label(name.into())));
        }
        for neither in
            ["", "a/b", "a:b", "secret:db", "//x", "db?revision=1", "db#x", "a\nb", "demo/cu9nqkbmp25c7a8sqo2g"]
        {
            assert!(Name::parse(neither).is_err(), "{neither}");
        }
    }

    #[test]
    fn a_revision_is_a_number_from_one() {
        assert_eq!(wanted("db", None).unwrap().revision, None);
        assert_eq!(wanted("db", Some("12")).unwrap().revision, Some(12));
        for wrong in ["0", "-1", "+1", "1.0", "latest", "", "99999999999"] {
            assert!(wanted("db", Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn one_secret_is_asked_for_and_nothing_is_null() {
        let asked = |path, version| filter(&wanted(path, version).unwrap(), true);
        assert_eq!(asked("db\"", None), r#"{"filter":{"label":"db\""},"show-secrets":true}"#);
        let uri = format!(r#"{{"filter":{{"revision":3,"uri":"secret:{ID}"}},"show-secrets":true}}"#);
        assert_eq!(asked(&format!("//{MODEL}/{ID}"), Some("3")), uri);
        let looked_at = filter(&wanted("db", None).unwrap(), false);
        assert_eq!(looked_at, r#"{"filter":{"label":"db"},"show-secrets":false}"#);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "what was decoded is compared")]
    fn base64_is_read_as_the_clients_of_juju_read_it() {
        let bytes = |text| decoded(text).map(|secret| secret.expose().to_vec());
        assert_eq!(bytes("aHVu\ndGVy\r\nMg==\n").as_deref(), Some(b"hunter2".as_slice()));
        assert_eq!(bytes("").as_deref(), Some(b"".as_slice()));
        for wrong in ["aHVudGVyMg", "aHVu dGVyMg==", "aHVudGVyMg==A", "_-==", "hunter2!"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_is_a_host_and_a_port_or_the_usual_one() {
        for (endpoint, address) in [
            ("10.0.0.1:1", "https://10.0.0.1:1"),
            ("h", "https://h:17070"),
            ("[fd00::1]:1", "https://[fd00::1]:1"),
            ("[fd00::1]", "https://[fd00::1]:17070"),
        ] {
            assert_eq!(url(endpoint).as_deref(), Ok(address));
        }
        for wrong in ["", "fd00::1", "h:", "h:x", "h:99999", "https://h", "h/", "h:1/x", "u:p@h:1", "unix:/x"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}

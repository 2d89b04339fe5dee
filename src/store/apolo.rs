//! Apolo: the secrets of a project, kept by the secrets service of a cluster.
//!
//! The API tells a login where each cluster keeps its secrets; a value is one GET there. A secret has a
//! cluster, an organisation, a project and a key. What a reference leaves out is what the settings say,
//! else the login, else the only one that there is for it. `manage.rs` has what `inject secret` does.

mod manage;

use super::jwt::{claims, now};
use super::object::Object;
use super::remote::{credential, fetch_each, look_each, reach};
use super::{Access, Caps, Context, Form, Kind, Look, Pending, Request, Settings, Store, StoreError};
use crate::environ::Environ;
use crate::net::header::{AUTHORIZATION, HeaderValue};
use crate::net::{self, Base, Client, Deadline, OnceCell, Origin, Reply, StatusCode, encode, secret_header};
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::Value;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;
use zeroize::Zeroizing;

pub(crate) static KIND: Kind = Kind {
    name: "apolo",
    about: "the secrets of an Apolo project",
    caps: Caps { versions: false, network: true, random: false },
    settings: &[
        ("url", Form::Address),
        ("token", Form::Credential),
        ("cluster", Form::Text),
        ("org", Form::Text),
        ("project", Form::Text),
    ],
    credential_variables: &PASSED_CONFIG,
    without_settings: |environ| passed_config(environ).is_some(),
    ambient: Some("set APOLO_PASSED_CONFIG"),
    check: |address, _| Name::parse(&address.path).map(drop),
    open: |settings, context| Ok(Box::new(Apolo::open(settings, context)?)),
    manage: Some(manage::MANAGING),
};

/// A login as a job or a service account is given it; the platform still sets the older name.
const PASSED_CONFIG: [&str; 2] = ["APOLO_PASSED_CONFIG", "NEURO_PASSED_CONFIG"];
/// The API that Apolo's own client logs in to by default.
const API: &str = "https://api.apolo.us/api/v1";
/// The claim of a token that names its user; newer ones have `identity`.
const USER_CLAIM: &str = "https://platform.neuromation.io/user";
/// The most characters of a key, and of each name around it.
const LONGEST: usize = 253;

/// The first of those variables that is set, and its name.
fn passed_config(environ: &Environ) -> Option<(&'static str, &'static [u8])> {
    let set = |name: &'static str| environ.get(name).filter(|text| !text.is_empty()).map(|text| (name, text));
    PASSED_CONFIG.into_iter().find_map(set)
}

/// Who we are, and what a reference need not say.
struct Login {
    token: Secret,
    url: Option<String>,
    cluster: Option<String>,
    org: Option<String>,
    project: Option<String>,
}

impl Login {
    #[allow(clippy::disallowed_methods, reason = "a service account's token says more than the token itself")]
    fn find(settings: &Settings, environ: &Environ) -> Result<Self, StoreError> {
        let mut login = match credential(settings, "token", environ)? {
            Some(token) => Self::from_passed_config(token.expose()).unwrap_or(Self {
                token,
                url: None,
                cluster: None,
                org: None,
                project: None,
            }),
            None => {
                let (name, text) = passed_config(environ).ok_or_else(|| {
                    StoreError::Settings(
                        "an `apolo` store needs `token`, which `apolo config show-token` prints, or APOLO_PASSED_CONFIG"
                            .to_owned(),
                    )
                })?;
                Self::from_passed_config(text).ok_or_else(|| {
                    let expected = "base64 of a JSON object with token, cluster and url";
                    StoreError::Settings(format!("the variable {name} holds no login of Apolo, which is {expected}"))
                })?
            }
        };
        let of_settings = |name| settings.text(name).map(str::to_owned);
        if let (Some(url), Some(own)) = (settings.text("url"), &login.url)
            && url.trim_end_matches('/') != own.trim_end_matches('/')
        {
            let text = "`url` is not the address that this login is for, which it names itself; leave `url` away";
            return Err(StoreError::Settings(text.to_owned()));
        }
        login.url = of_settings("url").or(login.url);
        login.cluster = of_settings("cluster").or(login.cluster);
        login.org = of_settings("org").or(login.org);
        login.project = of_settings("project").or(login.project);
        Ok(login)
    }

    /// `{"token", "cluster", "url"}` and perhaps `"org_name"`, `"project_name"`, in base64.
    fn from_passed_config(text: &[u8]) -> Option<Self> {
        let json = Zeroizing::new(BASE64_STANDARD.decode(text.trim_ascii()).ok()?);
        let config = Object::parse(&json)?;
        let text = |name| config.get::<String>(name).filter(|text| !text.is_empty());
        Some(Self {
            url: Some(text("url")?),
            cluster: Some(text("cluster")?),
            org: text("org_name"),
            project: text("project_name"),
            token: Secret::from(text("token")?),
        })
    }
}

/// The server tells an expired token and an unknown one in the same words.
fn has_expired(token: &Secret) -> bool {
    claims(token, |claims| claims.get::<f64>("exp")).flatten().is_some_and(|expires| expires <= now())
}

/// A secret as a reference names it, then with what the login and the settings add.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    cluster: Option<String>,
    org: Option<String>,
    project: Option<String>,
    key: String,
}

impl Name {
    /// `KEY`, `/PROJECT/KEY` or `//CLUSTER/ORG/PROJECT/KEY`, as Apolo reads what follows `secret:`.
    fn parse(path: &str) -> Result<Self, String> {
        let parts: Vec<&str> = path.split('/').collect();
        let (cluster, org, project, key) = match *parts.as_slice() {
            [key] => (None, None, None, key),
            ["", project, key] | ["", "", "", project, key] => (None, None, Some(project), key),
            ["", "", cluster, org, project, key] => (Some(cluster), Some(org), Some(project), key),
            ["", "", _, _, _] => {
                return Err("`//CLUSTER/PROJECT/KEY` is from before organisations and could mean two secrets; write \
                            `//CLUSTER/ORG/PROJECT/KEY`"
                    .to_owned());
            }
            _ => {
                return Err("a secret of Apolo is `KEY`, `/PROJECT/KEY` or `//CLUSTER/ORG/PROJECT/KEY`".to_owned());
            }
        };
        if !is_key(key) {
            return Err(format!(
                "a key of Apolo has 1 to {LONGEST} letters, digits, `_`, `-` and `.`, and no `..` at its beginning"
            ));
        }
        check_names([cluster, org, project])?;
        Ok(Self {
            // It is the host of a URI.
            cluster: cluster.map(str::to_ascii_lowercase),
            org: org.map(str::to_owned),
            project: project.map(str::to_owned),
            key: key.to_owned(),
        })
    }

    fn within(self, here: &Here) -> Self {
        Self {
            cluster: self.cluster.or_else(|| here.cluster.clone().ok()),
            org: self.org.or_else(|| here.org.clone().ok()),
            project: self.project.or_else(|| here.project.clone().ok()),
            key: self.key,
        }
    }
}

/// Of a cluster, an organisation and a project.
fn check_names(names: [Option<&str>; 3]) -> Result<(), String> {
    let is_name = |name: &&str| {
        !name.is_empty() && name.len() <= LONGEST && !name.starts_with('~') && !name.contains(char::is_control)
    };
    if names.iter().flatten().all(is_name) {
        return Ok(());
    }
    Err(format!("a cluster, an organisation and a project have names of 1 to {LONGEST} characters"))
}

/// As Apolo's own address of it.
impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [cluster, org, project] =
            [&self.cluster, &self.org, &self.project].map(|part| part.as_deref().unwrap_or_default());
        write!(out, "secret://{cluster}/{org}/{project}/{}", self.key)
    }
}

/// The service's own rule: nothing that it allows means another path in a URL.
fn is_key(key: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let has_form = (1..=LONGEST).contains(&key.len()) && key.bytes().all(is_known);
    has_form && key != "." && !key.starts_with("..") && !key.eq_ignore_ascii_case("---neuro---")
}

/// What stands for a part that a reference leaves out, or why nothing does.
struct Here {
    cluster: Result<String, String>,
    org: Result<String, String>,
    project: Result<String, String>,
}

impl Here {
    fn find(login: &Login, directory: &Directory) -> Self {
        let given = |name: &Option<String>| name.clone();
        let fits = |wanted: Option<&String>, name: &String| wanted.is_none_or(|wanted| wanted == name);
        let cluster =
            given(&login.cluster).map_or_else(|| only("cluster", directory.clusters.keys().map(String::as_str)), Ok);
        let here = directory.projects.iter().filter(|project| fits(cluster.as_ref().ok(), &project.cluster));
        let orgs = here.clone().filter(|project| fits(login.project.as_ref(), &project.name));
        let org = match (&login.org, &login.project) {
            (Some(org), _) => Ok(org.clone()),
            (None, Some(project)) if here.clone().next().is_some() && orgs.clone().next().is_none() => {
                let known = shown(here.clone().map(|project| project.name.as_str()).collect());
                Err(format!("this login has no project `{project}` there; is `project` right? Known are: {known}"))
            }
            (None, _) => only("org", orgs.map(|project| project.org.as_str())),
        };
        let projects = here.filter(|project| fits(org.as_ref().ok(), &project.org));
        let project =
            given(&login.project).map_or_else(|| only("project", projects.map(|project| project.name.as_str())), Ok);
        Self { cluster, org, project }
    }
}

/// The only one of several names that are perhaps the same; `setting` says which otherwise.
fn only<'a>(setting: &str, names: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let names: BTreeSet<&str> = names.collect();
    let mut known = names.iter().copied();
    match (known.next(), known.next()) {
        (Some(only), None) => Ok(only.to_owned()),
        (None, _) => Err(format!("this login has no {setting} there; name one with `{setting}`")),
        _ => Err(format!("which {setting}? Name one with `{setting}`: {}", shown(names))),
    }
}

/// A server's words: none that is more than a name, and not all of very many.
fn shown(names: BTreeSet<&str>) -> String {
    names.into_iter().filter(|name| is_key(name)).take(10).collect::<Vec<_>>().join(", ")
}

/// What the API tells a login (`GET /config`).
struct Directory {
    /// The address of each one's secrets service.
    clusters: BTreeMap<String, String>,
    projects: Vec<Project>,
}

struct Project {
    cluster: String,
    org: String,
    name: String,
}

impl Directory {
    /// None: it is not what the API answers.
    fn parse(config: &Object<'_>) -> Option<Self> {
        let text = |object: &Object<'_>, name| object.get::<String>(name);
        let clusters = config.get::<Vec<Object<'_>>>("clusters")?;
        let clusters = clusters.iter().map(|cluster| Some((text(cluster, "name")?, text(cluster, "secrets_url")?)));
        // Apolo's own client passes over projects without an organisation, which are from before there were any.
        let projects = config.get::<Vec<Object<'_>>>("projects").unwrap_or_default();
        let projects = projects.iter().filter_map(|project| {
            Some(Project {
                cluster: text(project, "cluster_name")?,
                org: text(project, "org_name")?,
                name: text(project, "name")?,
            })
        });
        Some(Self { clusters: clusters.collect::<Option<_>>()?, projects: projects.collect() })
    }
}

struct Apolo {
    authorization: HeaderValue,
    has_expired: bool,
    /// Whose token it is, where it says so.
    user: Option<String>,
    login: Login,
    /// At the root of its server.
    api: Rc<Client>,
    api_path: String,
    /// To reach the servers that the API names.
    settings: Settings,
    environ: Environ,
    deadline: Deadline,
    retries: u32,
    directory: OnceCell<Directory>,
}

/// A cluster's secrets, at a path of a server.
struct Service {
    client: Rc<Client>,
    path: String,
}

impl Store for Apolo {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        Box::pin(self.answer(requests))
    }

    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        Box::pin(self.list_for(looks))
    }
}

/// What the API tells about what is wanted.
struct Known {
    here: Here,
    services: BTreeMap<String, Result<Service, StoreError>>,
}

impl Known {
    fn name(&self, address: &Address) -> Result<Name, String> {
        Name::parse(&address.path).map(|name| name.within(&self.here))
    }

    /// Where a secret is: the service, and the query for its project there. None: nowhere.
    fn place(&self, name: &Name) -> Result<Option<(&Service, String)>, StoreError> {
        let cluster = name.cluster.as_ref().map_or_else(|| self.here.cluster.as_ref(), Ok);
        let org = name.org.as_ref().map_or_else(|| self.here.org.as_ref(), Ok);
        let project = name.project.as_ref().map_or_else(|| self.here.project.as_ref(), Ok);
        let unclear = |why: &String| StoreError::Settings(why.clone());
        // The cluster first: of one that is not known nothing else is, either.
        let service = match self.services.get(cluster.map_err(unclear)?) {
            Some(service) => service.as_ref().map_err(Clone::clone)?,
            None => return Ok(None),
        };
        let (org, project) = (org.map_err(unclear)?, project.map_err(unclear)?);
        Ok(Some((service, format!("?project_name={}&org_name={}", encode(project), encode(org)))))
    }
}

impl Apolo {
    fn open(settings: &Settings, context: &Context<'_>) -> Result<Self, StoreError> {
        let login = Login::find(settings, context.environ)?;
        let mut reach = reach(login.url.as_deref().unwrap_or(API), settings, context)?;
        // The secrets may be at another path of the same server.
        let api_path = std::mem::take(&mut reach.base.path);
        Ok(Self {
            authorization: secret_header("Bearer ", &login.token)?,
            has_expired: has_expired(&login.token),
            user: claims(&login.token, |claims| claims.get("identity").or_else(|| claims.get(USER_CLAIM))).flatten(),
            deadline: reach.deadline,
            api: Rc::new(Client::new(reach)?),
            api_path,
            login,
            settings: settings.clone(),
            environ: context.environ.clone(),
            retries: context.retries,
            directory: OnceCell::new(),
        })
    }

    async fn answer(&self, requests: &mut [Request]) -> Result<(), StoreError> {
        if requests.is_empty() {
            return Ok(());
        }
        let known = &self.known(&self.login, requests.iter().map(|request| &*request.address)).await?;
        fetch_each(
            requests,
            |address| known.name(address),
            |name| async move {
                let name = name.map_err(StoreError::Settings)?;
                let Some((service, query)) = known.place(&name)? else { return Ok(None) };
                self.get(&service.client, format!("{}/{}{query}", service.path, encode(&name.key)), &name).await
            },
        )
        .await
    }

    /// One list for each project, which has what this login may read and no values.
    async fn list_for(&self, looks: &mut [Look]) -> Result<(), StoreError> {
        if looks.is_empty() {
            return Ok(());
        }
        let known = &self.known(&self.login, looks.iter().map(|look| &*look.address)).await?;
        let project = |name: &Name| Name { key: String::new(), ..name.clone() };
        let mut lists: BTreeMap<Name, OnceCell<BTreeSet<String>>> = BTreeMap::new();
        for look in &mut *looks {
            let Ok(name) = known.name(&look.address) else { continue };
            let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".to_owned());
            look.identity = format!(
                "user {}, project {} of {} in {}",
                self.user.as_deref().unwrap_or("unknown"),
                part(&name.project),
                part(&name.org),
                part(&name.cluster)
            );
            lists.entry(project(&name)).or_default();
        }
        let lists = &lists;
        look_each(
            looks,
            |address| known.name(address),
            |name| async move {
                let name = name.map_err(StoreError::Settings)?;
                let Some((service, query)) = known.place(&name)? else { return Ok(None) };
                let Some(list) = lists.get(&project(&name)) else { return Ok(None) };
                let keys = list.get_or_try_init(|| self.keys(service, query)).await?;
                Ok(match keys.contains(&name.key) {
                    true => Some(Access::Readable),
                    false if keys.is_empty() => Some(Access::Unknown(
                        "Apolo lists no secret of this project to this login: there is none, or it may read none"
                            .to_owned(),
                    )),
                    false => None,
                })
            },
        )
        .await
    }

    async fn known(&self, login: &Login, addresses: impl Iterator<Item = &Address>) -> Result<Known, StoreError> {
        let directory = self.directory.get_or_try_init(|| self.discover()).await?;
        let mut known = Known { here: Here::find(login, directory), services: BTreeMap::new() };
        let wanted: BTreeSet<String> = addresses.filter_map(|address| known.name(address).ok()?.cluster).collect();
        let service = |cluster: String| (cluster.clone(), self.service(&cluster, directory));
        known.services = wanted.into_iter().map(service).collect();
        Ok(known)
    }

    /// Of the secrets of a project; it is empty, too, where this login may read none.
    async fn keys(&self, service: &Service, query: String) -> Result<BTreeSet<String>, StoreError> {
        self.list(service, &query, |entry| entry.get("key")).await
    }

    /// What is wanted of each secret of a project.
    async fn list<T, L: FromIterator<T>>(
        &self,
        service: &Service,
        query: &str,
        wanted: impl Fn(&Object<'_>) -> Option<T>,
    ) -> Result<L, StoreError> {
        let reply = service.client.send(&self.request(format!("{}{query}", service.path))).await?;
        let origin = service.client.origin();
        match reply.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(self.not_let_in(origin)),
            _ => return Err(service.client.refusal(&reply)),
        }
        let entries: Option<Vec<Object<'_>>> = serde_json::from_slice(&reply.body).ok();
        entries.and_then(|entries| entries.iter().map(wanted).collect()).ok_or_else(|| {
            StoreError::Malformed(format!("{origin} does not answer as Apolo's secrets do, with a list"))
        })
    }

    fn request(&self, path: String) -> net::Request {
        self.with_login(net::Request::get(path))
    }

    fn with_login(&self, request: net::Request) -> net::Request {
        request.header(AUTHORIZATION, self.authorization.clone())
    }

    async fn discover(&self) -> Result<Directory, StoreError> {
        let origin = self.api.origin();
        let reply = self.api.send(&self.request(format!("{}/config", self.api_path))).await?;
        match reply.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(self.not_let_in(origin)),
            StatusCode::NOT_FOUND => {
                let text = format!("{origin}{} is no API of Apolo; `url` mostly ends in /api/v1", self.api_path);
                return Err(StoreError::Malformed(text));
            }
            _ => return Err(self.api.refusal(&reply)),
        }
        let config = Object::parse(&reply.body);
        // Whom it does not know it answers too, with little.
        if config.as_ref().and_then(|config| config.get("authorized")) == Some(false) {
            return Err(self.not_let_in(origin));
        }
        config.as_ref().and_then(Directory::parse).ok_or_else(|| {
            StoreError::Malformed(format!("{origin} does not answer as Apolo's API does; is `url` right?"))
        })
    }

    /// The API's server stands for every service that is on it too.
    fn service(&self, cluster: &str, directory: &Directory) -> Result<Service, StoreError> {
        let Some(url) = directory.clusters.get(cluster) else {
            return Err(StoreError::Denied(format!(
                "{} names no cluster `{cluster}` to this login; `apolo config get-clusters` lists those it does",
                self.api.origin()
            )));
        };
        let base = Base::parse(url).ok().filter(|base| matches!(base.origin, Origin::Tcp { .. }));
        let Some(Base { origin, path }) = base else {
            let api = self.api.origin();
            return Err(StoreError::Malformed(format!("{api} names no address for the secrets of `{cluster}`")));
        };
        if origin == *self.api.origin() {
            return Ok(Service { client: Rc::clone(&self.api), path });
        }
        let context = Context::new(&self.environ, self.deadline.at, self.retries);
        let mut reach = reach(url, &self.settings, &context)?;
        (reach.deadline, reach.base.path) = (self.deadline, String::new());
        Ok(Service { client: Rc::new(Client::new(reach)?), path })
    }

    async fn get(&self, client: &Client, path: String, name: &Name) -> Result<Option<Value>, StoreError> {
        let reply = client.send(&self.request(path)).await?;
        let origin = client.origin();
        match reply.status {
            StatusCode::OK => value(&reply.body).map(Some).ok_or_else(|| {
                StoreError::Malformed(format!("{origin} does not answer as Apolo's secrets do, with a value in base64"))
            }),
            // Without that text it is the address that does not exist.
            StatusCode::NOT_FOUND if has_error(&reply) => Ok(None),
            StatusCode::UNAUTHORIZED => Err(self.not_let_in(origin)),
            StatusCode::FORBIDDEN => Err(StoreError::Denied(format!(
                "{origin} answered 403 Forbidden: this login may not read {name}, or there is no such project"
            ))),
            StatusCode::METHOD_NOT_ALLOWED => Err(StoreError::NotReadable(format!(
                "{origin} answered 405 Method Not Allowed: this installation of Apolo is from before values could be \
                 read back, and gives none out"
            ))),
            _ => Err(client.refusal(&reply)),
        }
    }

    fn not_let_in(&self, origin: &Origin) -> StoreError {
        let why = if self.has_expired { "has expired" } else { "is not one that it knows" };
        StoreError::Unauthenticated(format!("{origin}: the token {why}; `apolo config show-token` prints a good one"))
    }
}

/// Whether it is the service itself that refused something.
fn has_error(reply: &Reply) -> bool {
    Object::parse(&reply.body).is_some_and(|error| error.get::<String>("error").is_some())
}

/// The value in the reply to a GET; None where there is none.
fn value(body: &[u8]) -> Option<Value> {
    let text = Zeroizing::new(Object::parse(body)?.get::<String>("value")?);
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3));
    BASE64_STANDARD.decode_vec(&*text, &mut bytes).ok()?;
    Some(Value::Bytes(Secret::from(bytes)))
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::contract::{Double, Fixture};
    use crate::doubles::apolo::{State, passed_config, start};
    use crate::doubles::http::Wire;

    Fixture {
        // Nothing empty, and less than a mebibyte with what base64 adds.
        carries: |value| (1..=786_000).contains(&value.len()),
        tells_absence: true,
        seed: |secrets| {
            let mut state = State::new();
            for (name, value) in secrets {
                state.put(name, value);
            }
            let apolo = start(Wire::Plain, state);
            let environ = Environ::of([&*format!("APOLO_PASSED_CONFIG={}", passed_config(&apolo, "alice"))]);
            Double::open(&KIND, Settings::default(), &environ, None).on(apolo)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Credential, Setting};
    use super::*;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    fn name(parts: [&str; 3], key: &str) -> Name {
        let [cluster, org, project] = parts.map(|part| (!part.is_empty()).then(|| part.to_owned()));
        Name { cluster, org, project, key: key.into() }
    }

    #[test]
    fn a_reference_names_as_much_as_it_likes() {
        for (path, parts, key) in [
            ("key", ["", "", ""], "key"),
            ("/p/key", ["", "", "p"], "key"),
            ("///p/key", ["", "", "p"], "key"),
            ("//C/O/P/K", ["c", "O", "P"], "K"),
        ] {
            assert_eq!(Name::parse(path), Ok(name(parts, key)), "{path}");
        }
        assert!(Name::parse("//c/p/key").unwrap_err().contains("before organisations"));
        let long = "x".repeat(254);
        for bad in ["", "/", "//", "/key", "p/key", "//key", "//c/o/p/", "//c//p/key", "/~p/key", "//a/b/c/d/e", &long]
        {
            assert!(Name::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_key_that_the_service_refuses_never_gets_into_an_address() {
        for good in ["a", "A-b_c.9", ".-", "-", "a..b", ".a"] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", ".", "..", "...", "..a", "a b", "a%2Fb", "ü", "a?b", "---neuro---", "---NEURO---"] {
            assert!(!is_key(bad), "{bad}");
        }
        assert!(is_key(&"x".repeat(LONGEST)) && !is_key(&"x".repeat(LONGEST + 1)));
    }

    fn login(settings: &[(&'static str, &str)], variables: &[String]) -> Result<Login, StoreError> {
        let mut all = Settings::default();
        for (name, value) in settings {
            let setting = match *name {
                "token" => Setting::Credential(Credential::Variable((*value).into())),
                _ => Setting::Text((*value).into()),
            };
            all.set(name, setting);
        }
        let leak = |entry: &String| &*Box::leak(std::ffi::CString::new(entry.as_str()).unwrap().into_boxed_c_str());
        Login::find(&all, &Environ::new(variables.iter().map(leak).collect()))
    }

    fn passed(json: &str) -> String {
        BASE64_STANDARD.encode(json)
    }

    const WHOLE: &str = r#"{"token": "t", "cluster": "c", "url": "https://h/api/v1", "org_name": "o"}"#;

    #[track_caller]
    fn is(login: Result<Login, StoreError>, token: &[u8], parts: [Option<&str>; 4]) {
        let login = login.map_err(|error| error.to_string()).unwrap();
        #[allow(clippy::disallowed_methods, reason = "a test compares the bytes")]
        let bytes = login.token.expose().to_vec();
        assert_eq!(bytes, token);
        let found = [&login.url, &login.cluster, &login.org, &login.project].map(Option::as_deref);
        assert_eq!(found, parts);
    }

    #[test]
    fn a_login_comes_from_the_settings_else_from_a_passed_configuration() {
        let of = |name: &str, json: &str| format!("{name}={}", passed(json));
        let from_passed = [Some("https://h/api/v1"), Some("c"), Some("o"), None];
        is(login(&[], &[of("APOLO_PASSED_CONFIG", WHOLE), "NEURO_PASSED_CONFIG=x".into()]), b"t", from_passed);
        is(login(&[], &["APOLO_PASSED_CONFIG=".into(), of("NEURO_PASSED_CONFIG", WHOLE)]), b"t", from_passed);
        is(login(&[("token", "T")], &[of("T", WHOLE)]), b"t", from_passed);
        is(login(&[("token", "T")], &["T=a.b.c".into()]), b"a.b.c", [None; 4]);
        let settings = [("url", "https://h/api/v1/"), ("project", "p"), ("org", "other")];
        let mixed = [Some("https://h/api/v1/"), Some("c"), Some("other"), Some("p")];
        is(login(&settings, &[of("APOLO_PASSED_CONFIG", WHOLE)]), b"t", mixed);
    }

    #[test]
    fn a_login_that_says_too_little_is_refused_with_its_variable() {
        for json in ["", "[]", r#"{"token": "t", "cluster": "c"}"#, r#"{"token": "", "cluster": "c", "url": "u"}"#] {
            let error = login(&[], &[format!("NEURO_PASSED_CONFIG={}x", passed(json))]).err().unwrap();
            assert!(error.to_string().contains("NEURO_PASSED_CONFIG"), "{error}");
            let error = login(&[], &[format!("APOLO_PASSED_CONFIG={}", passed(json))]).err().unwrap();
            assert!(error.to_string().contains("APOLO_PASSED_CONFIG"), "{error}");
        }
        assert!(login(&[], &[]).err().unwrap().to_string().contains("show-token"));
    }

    #[test]
    fn a_login_is_never_shown_to_another_server_than_its_own() {
        let passed = format!("APOLO_PASSED_CONFIG={}", passed(WHOLE));
        let error = login(&[("url", "https://other/api/v1")], &[passed]).err().unwrap();
        assert!(error.to_string().contains("`url`"), "{error}");
    }

    #[test]
    fn a_token_tells_when_it_has_expired() {
        let token = |claims: &str| Secret::from(format!("h.{}.s", BASE64_URL_SAFE_NO_PAD.encode(claims)));
        assert!(has_expired(&token(r#"{"exp": 1}"#)) && has_expired(&token(r#"{"exp": 1.5}"#)));
        for current in [r#"{"exp": 99999999999}"#, "{}", "x", r#"{"exp": "1"}"#] {
            assert!(!has_expired(&token(current)), "{current}");
        }
        assert!(!has_expired(&Secret::from("opaque".to_owned())));
    }

    #[test]
    fn what_is_left_out_is_what_there_is_only_one_of() {
        let project = |cluster: &str, org: &str, name: &str| Project {
            cluster: cluster.into(),
            org: org.into(),
            name: name.into(),
        };
        let clusters = ["a", "b"].map(|name| (name.to_owned(), "https://h".to_owned())).into();
        let projects = vec![project("a", "o", "p"), project("b", "o", "q"), project("b", "o", "r\n")];
        let directory = Directory { clusters, projects };
        let bare = |cluster: Option<&str>| Login {
            token: Secret::from("t".to_owned()),
            url: None,
            cluster: cluster.map(str::to_owned),
            org: None,
            project: None,
        };
        let here = Here::find(&bare(Some("a")), &directory);
        assert_eq!((here.cluster, here.org, here.project), (Ok("a".into()), Ok("o".into()), Ok("p".into())));
        let here = Here::find(&bare(Some("b")), &directory);
        assert_eq!((here.org, here.project), (Ok("o".into()), Err("which project? Name one with `project`: q".into())));
        let here = Here::find(&bare(None), &directory);
        assert_eq!(here.cluster, Err("which cluster? Name one with `cluster`: a, b".into()));
        assert!(Here::find(&bare(Some("z")), &directory).org.unwrap_err().contains("no org"));
        let mistyped = Login { project: Some("pp".into()), ..bare(Some("a")) };
        let told = Here::find(&mistyped, &directory).org.unwrap_err();
        assert!(told.contains("no project `pp`") && told.ends_with("Known are: p"), "{told}");
    }

    #[test]
    fn a_value_is_base64_and_nothing_else_is() {
        for body in ["{}", "[]", "<html>", r#"{"value": "YQ"}"#, r#"{"value": "_-=="}"#, r#"{"value": null}"#] {
            assert!(value(body.as_bytes()).is_none(), "{body}");
        }
        assert!(value(br#"{"value": "YQ==", "value": "Yg=="}"#).is_none());
        assert!(value(br#"{"key": "k", "value": "YQ=="}"#).is_some());
    }
}

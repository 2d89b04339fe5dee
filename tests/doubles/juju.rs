//! Juju: a controller with one model, as far as its user secrets go: logins, the `Secrets` facade in
//! its second version, and the little else that its official clients want of a connection.
//!
//! Users: `admin` may all, `writer` may change secrets and not read their values, `reader` may list
//! them; each has [`PASSWORD`].

use super::tls::Certificate;
use super::websocket::{Server, Speaker};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const MODEL: &str = "0c1f5d3e-7a52-4b7f-8d53-2f9d8f3f2a11";
pub(crate) const MODEL_NAME: &str = "demo";
pub(crate) const OTHER_MODEL: &str = "11111111-2222-4333-8444-555555555555";
pub(crate) const PASSWORD: &str = "hunter2 \"quoted\"";
const CONTROLLER: &str = "5f2a3c0d-9b1e-4c55-8a7e-6f1d2c3b4a5e";
const TIME: &str = "2026-11-22T04:17:03Z";

pub(crate) type Juju = Server<State>;

pub(crate) fn start(state: State) -> Juju {
    start_with(Certificate::Controller, state)
}

pub(crate) fn start_with(certificate: Certificate, state: State) -> Juju {
    Server::start(certificate, state)
}

/// As in `endpoints`.
pub(crate) fn endpoint(juju: &Juju) -> String {
    juju.address().to_string()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Access {
    Read,
    Write,
    Admin,
}

/// Who says that the model is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// The controller that it was at.
    WithAddresses,
    /// JAAS, which tells where when it is asked.
    Bare,
}

pub(crate) struct State {
    secrets: Vec<Secret>,
    made: u32,
    users: BTreeMap<String, Access>,
    applications: BTreeSet<String>,
    pub(crate) server_version: String,
    /// Of the facade `Secrets`; none: a controller from before there was any.
    pub(crate) versions: Vec<u64>,
    /// Nobody is let in without one.
    pub(crate) wants_macaroon: bool,
    pub(crate) redirect: Option<Redirect>,
    /// Codes as since 4.0.
    pub(crate) has_fine_codes: bool,
    /// A login tells what its user may do.
    pub(crate) tells_access: bool,
    /// Of everything that is made or changed.
    pub(crate) time: String,
}

#[derive(Clone, Debug)]
struct Secret {
    id: String,
    owner: String,
    label: Option<String>,
    description: String,
    latest: u64,
    checksum: String,
    revisions: BTreeMap<u64, Map<String, Json>>,
    auto_prune: bool,
    grants: BTreeSet<String>,
}

impl State {
    pub(crate) fn new() -> Self {
        let users = [("admin", Access::Admin), ("writer", Access::Write), ("reader", Access::Read)];
        Self {
            secrets: Vec::new(),
            made: 0,
            users: users.map(|(name, access)| (name.to_owned(), access)).into(),
            applications: ["ubuntu", "mysql"].map(String::from).into(),
            server_version: "3.6.8".to_owned(),
            versions: vec![1, 2],
            wants_macaroon: false,
            redirect: None,
            has_fine_codes: false,
            tells_access: true,
            time: TIME.to_owned(),
        }
    }

    /// A secret of the model, or one more revision of it. Its id.
    pub(crate) fn put(&mut self, name: &str, content: &[(&str, &[u8])]) -> String {
        self.put_of(&format!("model-{MODEL}"), name, content)
    }

    /// A charm's has the same form and another owner.
    pub(crate) fn put_of(&mut self, owner: &str, name: &str, content: &[(&str, &[u8])]) -> String {
        use base64::Engine as _;
        use base64::prelude::BASE64_STANDARD;
        let encoded = content.iter().map(|(key, value)| ((*key).to_owned(), json!(BASE64_STANDARD.encode(value))));
        self.put_encoded(owner, name, encoded.collect())
    }

    /// As who adds one may say that it is base64 already.
    pub(crate) fn put_encoded(&mut self, owner: &str, name: &str, data: Map<String, Json>) -> String {
        let known =
            self.secrets.iter_mut().find(|secret| secret.owner == owner && secret.label.as_deref() == Some(name));
        match known {
            Some(secret) => {
                secret.revise(data);
                secret.id.clone()
            }
            None => self.make(owner, Some(name.to_owned()), String::new(), data),
        }
    }

    /// Takes revisions of a secret of the model away; with none named the whole of it.
    pub(crate) fn remove(&mut self, name: &str, revisions: &[u64]) {
        let owner = format!("model-{MODEL}");
        let is_it = |secret: &Secret| secret.owner == owner && secret.label.as_deref() == Some(name);
        for secret in self.secrets.iter_mut().filter(|secret| is_it(secret)) {
            secret.revisions.retain(|revision, _| !revisions.contains(revision));
        }
        self.secrets.retain(|secret| !is_it(secret) || !revisions.is_empty());
    }

    /// All its secrets are gone; an id is never used again.
    pub(crate) fn remove_all(&mut self) {
        self.secrets.clear();
    }

    fn make(&mut self, owner: &str, label: Option<String>, description: String, data: Map<String, Json>) -> String {
        self.made += 1;
        let mut secret = Secret {
            id: xid(self.made),
            owner: owner.to_owned(),
            label,
            description,
            latest: 0,
            checksum: String::new(),
            revisions: BTreeMap::new(),
            auto_prune: false,
            grants: BTreeSet::new(),
        };
        secret.revise(data);
        let id = secret.id.clone();
        self.secrets.push(secret);
        id
    }
}

/// 12 bytes, of which the last three count, in base32hex.
fn xid(number: u32) -> String {
    const LETTERS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let begin = [0x6b, 0x02, 0x6c, 0xbf, 0x10, 0x9c, 0x7f, 0x01, 0x02];
    let bytes = [begin.as_slice(), &number.to_be_bytes()[1..]].concat();
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte >> (7 - at % 8) & 1 == 1);
    let letter = |at: usize| (0..5).fold(0, |value, next| value << 1 | usize::from(bit(at * 5 + next)));
    (0..20).map(|at| char::from(LETTERS[letter(at)])).collect()
}

impl Secret {
    fn revise(&mut self, data: Map<String, Json>) {
        // Keys of a serde_json map are sorted.
        let hash = digest(&SHA256, Json::Object(data.clone()).to_string().as_bytes());
        let checksum: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        if checksum == self.checksum {
            return;
        }
        self.checksum = checksum;
        self.latest += 1;
        self.revisions.insert(self.latest, data);
    }

    /// With every update; nobody here observes any revision.
    fn prune(&mut self) {
        let latest = self.latest;
        self.revisions.retain(|revision, _| !self.auto_prune || *revision == latest);
    }

    fn is_own(&self) -> bool {
        self.owner.starts_with("model-")
    }

    fn uri(&self) -> String {
        match self.is_own() {
            true => format!("secret:{}", self.id),
            false => format!("secret://{MODEL}/{}", self.id),
        }
    }

    fn shown(&self, revision: Option<u64>, with_value: bool, has_fine_codes: bool, time: &str) -> Json {
        let is_shown = |number: &u64| revision.is_none_or(|wanted| wanted == *number);
        let revisions: Vec<Json> = self
            .revisions
            .keys()
            .filter(|number| is_shown(number))
            .map(|number| {
                json!({
                    "revision": number, "backend-name": "internal", "create-time": time, "update-time": time,
                })
            })
            .collect();
        let mut shown = json!({
            "uri": self.uri(), "version": 1, "owner-tag": self.owner, "latest-revision": self.latest,
            "latest-revision-checksum": self.checksum, "create-time": time, "update-time": time,
            "revisions": revisions,
        });
        if let Some(label) = self.label.as_ref().filter(|label| !label.is_empty()) {
            shown["label"] = json!(label);
        }
        if !self.description.is_empty() {
            shown["description"] = json!(self.description);
        }
        // What only charms have.
        if !self.is_own() {
            shown["rotate-policy"] = json!("daily");
            shown["next-rotate-time"] = json!(time);
            shown["latest-expire-time"] = json!(time);
        }
        if !self.grants.is_empty() {
            let grant = |application: &String| {
                json!({
                    "target-tag": format!("application-{application}"), "scope-tag": format!("model-{MODEL}"),
                    "role": "view",
                })
            };
            shown["access"] = self.grants.iter().map(grant).collect();
        }
        if with_value {
            let number = revision.unwrap_or(self.latest);
            shown["value"] = match self.revisions.get(&number) {
                Some(data) => json!({ "data": data }),
                None => {
                    let code = if has_fine_codes { "secret revision not found" } else { "not found" };
                    json!({ "error": item(&format!("secret revision {number} not found"), code) })
                }
            };
        }
        shown
    }
}

/// What is known of one connection.
pub(crate) struct Connection {
    is_model: bool,
    /// Unknown to the controller, though its UUID is well-formed.
    is_strange: bool,
    user: Option<(String, Access)>,
    has_redirect: bool,
    /// How often the watcher was asked, and the request that waits.
    watched: usize,
    waiting: Option<Json>,
}

/// Why a whole request fails.
struct Refusal {
    message: String,
    code: &'static str,
    info: Option<Json>,
}

fn refusal(message: impl Into<String>, code: &'static str) -> Refusal {
    Refusal { message: message.into(), code, info: None }
}

fn denied() -> Refusal {
    refusal("permission denied", "unauthorized access")
}

fn item(message: &str, code: &str) -> Json {
    json!({ "message": message, "code": code })
}

impl Speaker for State {
    type Connection = Connection;

    fn open(&mut self, path: &str) -> Result<Connection, (u16, String)> {
        let (is_model, is_strange) = match path.split('/').collect::<Vec<_>>().as_slice() {
            ["", "api"] => (false, false),
            ["", "model", model, "api"] if is_uuid(model) => (true, *model != MODEL),
            ["", "model", model, "api"] => return Err((400, format!("invalid model UUID \"{model}\"\n"))),
            _ => return Err((404, "404 page not found\n".to_owned())),
        };
        Ok(Connection { is_model, is_strange, user: None, has_redirect: false, watched: 0, waiting: None })
    }

    fn hear(&mut self, connection: &mut Connection, message: &[u8]) -> (String, Vec<Vec<u8>>) {
        let request: Json = serde_json::from_slice(message).unwrap_or_default();
        let text = |name: &str| request[name].as_str().unwrap_or_default().to_owned();
        let (facade, method) = (text("type"), text("request"));
        let params = request["params"].as_object().cloned().unwrap_or_default();
        let number = request["request-id"].clone();
        let mut said = Vec::new();
        let answered = match (facade.as_str(), method.as_str()) {
            ("AllWatcher", "Next") if connection.watched > 0 && connection.user.is_some() => {
                connection.waiting = Some(number);
                return (format!("{facade}.{method}"), said);
            }
            ("AllWatcher", "Stop") => {
                if let Some(waiting) = connection.waiting.take() {
                    said.push(envelope(&waiting, Err(refusal("watcher was stopped", "stopped"))));
                }
                Ok(json!({}))
            }
            _ => self.answer(connection, (&facade, &method, request["version"].as_u64().unwrap_or(0)), &params),
        };
        said.push(envelope(&number, answered));
        (format!("{facade}.{method}"), said)
    }
}

fn is_uuid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn envelope(number: &Json, answered: Result<Json, Refusal>) -> Vec<u8> {
    let reply = match answered {
        Ok(response) => json!({ "request-id": number, "response": response }),
        Err(refusal) => {
            let mut reply = json!({ "request-id": number, "error": refusal.message, "response": {} });
            if !refusal.code.is_empty() {
                reply["error-code"] = json!(refusal.code);
            }
            if let Some(info) = refusal.info {
                reply["error-info"] = info;
            }
            reply
        }
    };
    // As Go's encoder writes it.
    let text = reply.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
    format!("{text}\n").into_bytes()
}

impl State {
    fn facades(&self, is_model: bool) -> Vec<(&'static str, Vec<u64>)> {
        let mut facades = match is_model {
            true => vec![("AllWatcher", vec![3]), ("Client", vec![8]), ("ModelConfig", vec![3]), ("Pinger", vec![1])],
            false => vec![("Controller", vec![12]), ("ModelManager", vec![10]), ("Pinger", vec![1])],
        };
        if is_model && !self.versions.is_empty() {
            facades.push(("Secrets", self.versions.clone()));
        }
        facades
    }

    fn answer(
        &mut self,
        connection: &mut Connection,
        (facade, method, version): (&str, &str, u64),
        params: &Map<String, Json>,
    ) -> Result<Json, Refusal> {
        let missing = |what: String| Err(refusal(what, "not implemented"));
        match (facade, method) {
            ("Admin", "Login") if version == 3 => return self.log_in(connection, params),
            ("Admin", "RedirectInfo") if connection.has_redirect => return Ok(elsewhere()),
            _ => {}
        }
        let Some((user, access)) = connection.user.clone() else {
            return missing(format!("unknown facade type \"{facade}\""));
        };
        let known = self.facades(connection.is_model).into_iter().find(|(name, _)| *name == facade);
        match known {
            None => return missing(format!("unknown facade type \"{facade}\"")),
            Some((_, versions)) if !versions.contains(&version) => {
                return missing(format!("unknown version {version} for facade type \"{facade}\""));
            }
            Some(_) => {}
        }
        match (facade, method) {
            ("ModelConfig", "ModelGet") => Ok(json!({ "config": {} })),
            ("Client", "WatchAll") => Ok(json!({ "watcher-id": "1" })),
            ("AllWatcher", "Next") => {
                connection.watched += 1;
                Ok(json!({ "deltas": [] }))
            }
            ("Pinger", "Ping") => Ok(json!({})),
            ("ModelManager", "ModelInfo") => {
                Ok(json!({ "results": [{ "result": { "name": MODEL_NAME, "uuid": MODEL } }] }))
            }
            ("Controller", "AllModels") if access == Access::Admin => Ok(models()),
            ("Controller", "AllModels") => Err(denied()),
            ("ModelManager", "ListModels") => match params.get("tag").and_then(Json::as_str) {
                Some(tag) if tag == format!("user-{user}") || access == Access::Admin => Ok(models()),
                _ => Err(denied()),
            },
            ("Secrets", "ListSecrets") => self.list(access, params),
            ("Secrets", _) if version < 2 => {
                missing(format!("unknown method \"{method}\" at version {version} for facade type \"{facade}\""))
            }
            ("Secrets", "CreateSecrets") => self.each(access, params, Self::create),
            ("Secrets", "UpdateSecrets") => self.each(access, params, Self::update),
            ("Secrets", "RemoveSecrets") if access < Access::Write => {
                let items = params.get("args").and_then(Json::as_array).map_or(0, Vec::len);
                let denied = json!({ "error": item("permission denied", "unauthorized access") });
                Ok(json!({ "results": vec![denied; items] }))
            }
            ("Secrets", "RemoveSecrets") => self.each(access, params, Self::take_away),
            ("Secrets", "GrantSecret") => self.grant(access, params, true),
            ("Secrets", "RevokeSecret") => self.grant(access, params, false),
            _ => missing(format!("unknown method \"{method}\" at version {version} for facade type \"{facade}\"")),
        }
    }

    fn log_in(&mut self, connection: &mut Connection, params: &Map<String, Json>) -> Result<Json, Refusal> {
        let text = |name: &str| params.get(name).and_then(Json::as_str);
        let has_macaroon = params.get("macaroons").and_then(Json::as_array).is_some_and(|all| !all.is_empty());
        if let Some(redirect) = self.redirect {
            connection.has_redirect = true;
            let info = (redirect == Redirect::WithAddresses).then(elsewhere);
            return Err(Refusal { info, ..refusal("redirection required", "redirection required") });
        }
        if self.wants_macaroon && !has_macaroon {
            return Ok(json!({
                "discharge-required": {
                    "identifier": "login-1", "location": format!("juju model {MODEL}"),
                    "signature": "13b1d714a4fd4c6adfea40a7b52ade3215af9b0b0c34b45d1e9b66f8755257d1",
                    "caveats": [{ "cid": "declared username bob@external" }],
                },
                "discharge-required-error": "macaroon discharge required: authentication required",
            }));
        }
        let tag = text("auth-tag").unwrap_or_default();
        let name = tag.strip_prefix("user-").unwrap_or_default();
        let name = name.strip_suffix("@local").unwrap_or(name);
        let access = match self.users.get(name).copied() {
            _ if self.wants_macaroon && has_macaroon => Access::Admin,
            Some(access) if text("credentials") == Some(PASSWORD) => access,
            _ => return Err(refusal("invalid entity name or password", "unauthorized access")),
        };
        if connection.is_strange {
            return Err(refusal(format!("unknown model: \"{OTHER_MODEL}\""), "model not found"));
        }
        let (name, identity) = if has_macaroon { ("bob@external", "user-bob@external") } else { (name, tag) };
        connection.user = Some((name.to_owned(), access));
        let facade = |(name, versions): (&str, Vec<u64>)| json!({ "name": name, "versions": versions });
        let facades: Vec<Json> = self.facades(connection.is_model).into_iter().map(facade).collect();
        let word = |access| match access {
            Access::Read => "read",
            Access::Write => "write",
            Access::Admin => "admin",
        };
        let mut result = json!({
            "servers": [[{ "value": "127.0.0.1", "type": "ipv4", "scope": "local-machine", "port": 17070 }]],
            "controller-tag": format!("controller-{CONTROLLER}"),
            "user-info": {
                "display-name": name, "identity": identity,
                "controller-access": if access == Access::Admin { "superuser" } else { "login" },
                "model-access": if connection.is_model { word(access) } else { "" },
            },
            "facades": facades,
            "server-version": self.server_version,
        });
        if !self.tells_access {
            result.as_object_mut().unwrap().remove("user-info");
        }
        if connection.is_model {
            result["model-tag"] = json!(format!("model-{MODEL}"));
        }
        Ok(result)
    }

    fn absent(&self, what: &str) -> Refusal {
        let code = if self.has_fine_codes { "secret not found" } else { "not found" };
        refusal(format!("secret \"{what}\" not found"), code)
    }

    fn list(&self, access: Access, params: &Map<String, Json>) -> Result<Json, Refusal> {
        let with_values = params.get("show-secrets").and_then(Json::as_bool) == Some(true);
        if with_values && access < Access::Admin {
            return Err(denied());
        }
        let filter = params.get("filter").and_then(Json::as_object).cloned().unwrap_or_default();
        let text = |name: &str| filter.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let id = text("uri").map(id_of).transpose()?;
        let owner = text("owner-tag");
        if self.has_fine_codes && owner.is_some_and(|owner| owner.starts_with("model-")) {
            return Err(refusal("owner tag of that kind not valid", "not valid"));
        }
        // Whoever has the first version only knows no names, and looks at no label.
        let label = text("label").filter(|_| self.versions.contains(&2));
        let revision = filter.get("revision").and_then(Json::as_u64);
        let is_meant = |secret: &&Secret| {
            id.as_ref().is_none_or(|id| *id == secret.id)
                && label.is_none_or(|label| secret.label.as_deref() == Some(label))
                && owner.is_none_or(|owner| secret.owner == owner)
        };
        let mut results = Vec::new();
        for secret in self.secrets.iter().filter(is_meant) {
            if let Some(revision) = revision
                && !secret.revisions.contains_key(&revision)
            {
                let code = if self.has_fine_codes { "secret revision not found" } else { "not found" };
                // So misspelt by the server.
                return Err(refusal(format!("revison {revision} for secret \"{}\" not found", secret.uri()), code));
            }
            results.push(secret.shown(revision, with_values, self.has_fine_codes, &self.time));
        }
        Ok(json!({ "results": results }))
    }

    fn each(
        &mut self,
        access: Access,
        params: &Map<String, Json>,
        change: fn(&mut Self, &Map<String, Json>) -> Result<Json, Refusal>,
    ) -> Result<Json, Refusal> {
        if access < Access::Write {
            return Err(denied());
        }
        let args = params.get("args").and_then(Json::as_array).cloned().unwrap_or_default();
        let results = args.iter().map(|argument| {
            let argument = argument.as_object().cloned().unwrap_or_default();
            change(self, &argument).unwrap_or_else(|refusal| json!({ "error": item(&refusal.message, refusal.code) }))
        });
        Ok(json!({ "results": results.collect::<Vec<_>>() }))
    }

    fn is_taken(&self, label: &str, but: Option<&str>) -> bool {
        let mut of_model = self.secrets.iter().filter(|secret| secret.owner == format!("model-{MODEL}"));
        of_model.any(|secret| secret.label.as_deref() == Some(label) && Some(secret.id.as_str()) != but)
    }

    fn create(&mut self, argument: &Map<String, Json>) -> Result<Json, Refusal> {
        let made = self.try_create(argument);
        Ok(match made {
            Ok(id) => json!({ "result": format!("secret:{id}") }),
            // In place of the usual, beside an empty result.
            Err(refusal) => json!({ "result": "", "error": item(&refusal.message, refusal.code) }),
        })
    }

    fn try_create(&mut self, argument: &Map<String, Json>) -> Result<String, Refusal> {
        let text = |name: &str| argument.get(name).and_then(Json::as_str);
        match text("owner-tag") {
            None | Some("" | MODEL) => {}
            Some(owner) => return Err(refusal(format!("owner tag \"{owner}\" not valid"), "not valid")),
        }
        if text("uri").is_some_and(|uri| !uri.is_empty()) {
            return Err(refusal("secret uri cannot be set on user secret create not valid", "not valid"));
        }
        let data = data(argument);
        if data.is_empty() {
            return Err(refusal("empty secret value not valid", "not valid"));
        }
        let label = text("label").map(str::to_owned);
        if let Some(label) = &label
            && self.is_taken(label, None)
        {
            return Err(refusal(format!("secret with name \"{label}\" already exists"), "already exists"));
        }
        let description = text("description").unwrap_or_default().to_owned();
        Ok(self.make(&format!("model-{MODEL}"), label, description, data))
    }

    fn update(&mut self, argument: &Map<String, Json>) -> Result<Json, Refusal> {
        let text = |name: &str| argument.get(name).and_then(Json::as_str);
        match (text("uri"), text("existing-label")) {
            (Some(_), Some(_)) => return Err(refusal("must specify either URI or label but not both", "")),
            (None, None) => return Err(refusal("must specify either URI or label", "")),
            _ => {}
        }
        let data = data(argument);
        let (label, description) = (text("label"), text("description"));
        let auto_prune = argument.get("auto-prune").and_then(Json::as_bool);
        if data.is_empty() && label.is_none() && description.is_none() && auto_prune.is_none() {
            return Err(refusal("at least one attribute to update must be specified", ""));
        }
        let at = self.position(text("uri"), text("existing-label"))?;
        if let Some(label) = label
            && self.is_taken(label, Some(&self.secrets[at].id))
        {
            return Err(refusal(format!("secret with name \"{label}\" already exists"), "already exists"));
        }
        let secret = &mut self.secrets[at];
        secret.auto_prune = auto_prune.unwrap_or(secret.auto_prune);
        if let Some(label) = label {
            secret.label = Some(label.to_owned());
        }
        if let Some(description) = description {
            secret.description = description.to_owned();
        }
        if !data.is_empty() {
            secret.revise(data);
        }
        secret.prune();
        Ok(json!({}))
    }

    fn take_away(&mut self, argument: &Map<String, Json>) -> Result<Json, Refusal> {
        let text = |name: &str| argument.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let at = self.position(text("uri"), text("label"))?;
        let revisions: Vec<u64> = argument
            .get("revisions")
            .and_then(Json::as_array)
            .map(|revisions| revisions.iter().filter_map(Json::as_u64).collect())
            .unwrap_or_default();
        let secret = &mut self.secrets[at];
        if !revisions.is_empty() {
            let before = secret.revisions.len();
            secret.revisions.retain(|revision, _| !revisions.contains(revision));
            if secret.revisions.len() == before {
                let listed: Vec<String> = revisions.iter().map(u64::to_string).collect();
                let listed = listed.join(" ");
                let message = format!("cannot delete any of revisions [{listed}] - revisions not found");
                return Err(refusal(message, "not found"));
            }
        }
        if revisions.is_empty() || secret.revisions.is_empty() {
            self.secrets.remove(at);
        }
        Ok(json!({}))
    }

    fn grant(&mut self, access: Access, params: &Map<String, Json>, give: bool) -> Result<Json, Refusal> {
        if access < Access::Write {
            return Err(denied());
        }
        let text = |name: &str| params.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
        let at = match (text("uri"), text("label")) {
            (None, None) => return Err(refusal("must specify either URI or name", "")),
            (Some(uri), _) => self.position(Some(uri), None)?,
            (None, label) => self.position(None, label)?,
        };
        let names = params.get("applications").and_then(Json::as_array).cloned().unwrap_or_default();
        let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
        let mut results = Vec::new();
        for name in names {
            if !self.applications.contains(name) {
                let uri = self.secrets[at].uri();
                let why = format!("invalid subject reference: remote application \"{name}\" not found");
                let message = format!("cannot change access to \"{uri}\" for \"{name}\": {why}");
                results.push(json!({ "error": item(&message, "not found") }));
                continue;
            }
            let grants = &mut self.secrets[at].grants;
            if give {
                grants.insert(name.to_owned())
            } else {
                grants.remove(name)
            };
            results.push(json!({}));
        }
        Ok(json!({ "results": results }))
    }

    /// Of a secret that the model owns.
    fn position(&self, uri: Option<&str>, label: Option<&str>) -> Result<usize, Refusal> {
        let owner = format!("model-{MODEL}");
        let mut all = self.secrets.iter();
        match (uri, label) {
            (Some(uri), _) => {
                let id = id_of(uri)?;
                let at = all.position(|secret| secret.id == id);
                match at {
                    Some(at) if self.secrets[at].owner != owner => Err(denied()),
                    at => at.ok_or_else(|| self.absent(&format!("secret:{id}"))),
                }
            }
            (None, Some(label)) => all
                .position(|secret| secret.owner == owner && secret.label.as_deref() == Some(label))
                .ok_or_else(|| self.absent(label)),
            (None, None) => Err(refusal("must specify either URI or label", "")),
        }
    }
}

/// What is behind a query or a fragment is not looked at.
fn id_of(uri: &str) -> Result<String, Refusal> {
    let invalid = || refusal(format!("secret URI \"{uri}\" not valid"), "not valid");
    let bare = uri.split(['?', '#']).next().unwrap_or_default();
    let bare = match bare.split_once(':') {
        Some(("secret", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some((scheme, _)) => return Err(refusal(format!("secret URI scheme \"{scheme}\" not valid"), "not valid")),
        None => bare,
    };
    let (model, id) = bare.split_once('/').map_or((None, bare), |(model, id)| (Some(model), id));
    let is_id = id.len() == 20 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
    match is_id && id.ends_with(['0', 'g']) && model.is_none_or(is_uuid) {
        true => Ok(id.to_owned()),
        false => Err(invalid()),
    }
}

fn data(argument: &Map<String, Json>) -> Map<String, Json> {
    argument.get("content").and_then(|content| content["data"].as_object()).cloned().unwrap_or_default()
}

fn models() -> Json {
    json!({ "user-models": [{
        "model": { "name": MODEL_NAME, "uuid": MODEL, "type": "iaas", "owner-tag": "user-admin" },
        "last-connection": null,
    }] })
}

fn elsewhere() -> Json {
    let server = json!({ "value": "192.0.2.7", "type": "ipv4", "scope": "public", "port": 17070 });
    json!({ "servers": [[server]], "ca-cert": "not looked at" })
}

//! Apolo: discovery and token refresh as its API answers them, and the secrets service of each
//! cluster behind the address that discovery names.
//!
//! The recorded exchanges in `fixtures/doubles/apolo.json` hold it to what the service's own handlers
//! did; error texts are ours. `alice` may read and write in [`PROJECT`], `bob` is known and may
//! nothing, nobody else is known.

use super::http::{Double, Reply, Request, Wire, now, parameters};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

pub(crate) const CLUSTER: &str = "default";
pub(crate) const ORG: &str = "my-org";
pub(crate) const PROJECT: &str = "my-project";
/// There, and `alice` may nothing in it.
pub(crate) const OTHER_PROJECT: &str = "other";
const LARGEST_BODY: usize = 1 << 20;

pub(crate) type Apolo = Double<State>;

pub(crate) fn start(wire: Wire, state: State) -> Apolo {
    Double::start(wire, state, answer)
}

/// Cluster, organisation, project, key.
type Place = (String, String, String, String);

pub(crate) struct State {
    /// As they were made.
    secrets: Vec<(Place, Vec<u8>)>,
    clusters: Vec<String>,
    users: BTreeSet<String>,
    /// User, organisation, project.
    permissions: BTreeSet<(String, String, String)>,
    /// An installation from before values could be read.
    pub(crate) without_get: bool,
}

/// A token that is good for an hour.
pub(crate) fn token(user: &str) -> String {
    token_of(user, now() + 3600)
}

/// `expires` in Unix seconds.
pub(crate) fn token_of(user: &str, expires: i64) -> String {
    let claims = json!({ "identity": user, "exp": expires });
    let header = json!({ "alg": "HS256", "typ": "JWT" });
    let [header, claims, signature] =
        [header.to_string(), claims.to_string(), "not checked".into()].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{claims}.{signature}")
}

/// What the official client's refresh is done with.
pub(crate) fn refresh_token(user: &str) -> String {
    format!("refresh-{user}")
}

/// The API's address, as a login has it.
pub(crate) fn api(apolo: &Apolo) -> String {
    format!("{}/api/v1", apolo.url())
}

/// What `APOLO_PASSED_CONFIG` holds in a job.
pub(crate) fn passed_config(apolo: &Apolo, user: &str) -> String {
    let config = json!({
        "token": token(user), "cluster": CLUSTER, "url": api(apolo), "org_name": ORG, "project_name": PROJECT,
    });
    BASE64_STANDARD.encode(config.to_string())
}

impl State {
    pub(crate) fn new() -> Self {
        let mut state = Self {
            secrets: Vec::new(),
            clusters: vec![CLUSTER.into()],
            users: ["alice", "bob"].map(String::from).into(),
            permissions: BTreeSet::new(),
            without_get: false,
        };
        state.permit("alice", ORG, PROJECT);
        state
    }

    /// In the current cluster, organisation and project.
    pub(crate) fn put(&mut self, key: &str, value: &[u8]) {
        self.put_at(CLUSTER, ORG, PROJECT, key, value);
    }

    pub(crate) fn put_at(&mut self, cluster: &str, org: &str, project: &str, key: &str, value: &[u8]) {
        if !self.clusters.iter().any(|known| known == cluster) {
            self.clusters.push(cluster.into());
        }
        let place = place(cluster, org, project, key);
        match self.secrets.iter_mut().find(|(known, _)| *known == place) {
            Some((_, known)) => *known = value.to_vec(),
            None => self.secrets.push((place, value.to_vec())),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) {
        let place = place(CLUSTER, ORG, PROJECT, key);
        self.secrets.retain(|(known, _)| *known != place);
    }

    /// To read and write; makes the user known.
    pub(crate) fn permit(&mut self, user: &str, org: &str, project: &str) {
        self.users.insert(user.into());
        self.permissions.insert((user.into(), org.into(), project.into()));
    }

    fn may(&self, user: &str, org: &str, project: &str) -> bool {
        self.permissions.contains(&(user.into(), org.into(), project.into()))
    }
}

fn place(cluster: &str, org: &str, project: &str, key: &str) -> Place {
    (cluster.into(), org.into(), project.into(), key.into())
}

fn answer(state: &mut State, request: &Request) -> Reply {
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["api", "v1", "config"]) => config(state, request),
        ("POST", ["oauth", "token"]) => refresh(state, request),
        ("GET", ["api", "v1", "ping"]) => Reply::text(200, "Pong"),
        ("GET", ["api", "v1", "secured-ping"]) => {
            caller(state, request).map_or_else(|reply| reply, |_| Reply::text(200, "Secured Pong"))
        }
        (_, ["api", "v1", "secrets", rest @ ..]) => secrets(state, CLUSTER, rest, request),
        (_, ["clusters", cluster, "api", "v1", "secrets", rest @ ..]) => secrets(state, cluster, rest, request),
        _ => Reply::text(404, "404: Not Found"),
    }
}

fn config(state: &State, request: &Request) -> Reply {
    let at = |path: &str| format!("{}{path}", request.origin);
    let is_known = caller(state, request).is_ok();
    let mut config = json!({
        "authorized": is_known, "auth_url": at("/authorize"), "token_url": at("/oauth/token"),
        "logout_url": at("/v2/logout"), "client_id": "test-client", "audience": "https://platform.test",
        "callback_urls": [request.origin], "headless_callback_url": at("/callback"),
        "admin_url": at("/apis/admin/v1"),
    });
    if is_known {
        let clusters: Vec<Json> = state.clusters.iter().map(|name| cluster(name, &at)).collect();
        let project =
            |name: &str, role: &str| json!({ "name": name, "cluster_name": CLUSTER, "org_name": ORG, "role": role });
        config["orgs"] = json!([{ "name": ORG, "role": "user" }]);
        config["clusters"] = json!(clusters);
        config["projects"] = json!([project(PROJECT, "writer"), project(OTHER_PROJECT, "reader")]);
    }
    Reply::json(200, &config)
}

fn cluster(name: &str, at: &impl Fn(&str) -> String) -> Json {
    let secrets = match name {
        CLUSTER => at("/api/v1/secrets"),
        name => at(&format!("/clusters/{name}/api/v1/secrets")),
    };
    json!({
        "name": name, "registry_url": at("/registry"), "storage_url": at("/storage"), "users_url": at("/users"),
        "monitoring_url": at("/monitoring"), "secrets_url": secrets, "disks_url": at("/disks"),
        "buckets_url": at("/buckets"), "resource_pool_types": [],
        "resource_presets": [{ "name": "cpu-small", "credits_per_hour": "1", "cpu": 1, "memory": 1_073_741_824 }],
        "orgs": [ORG], "timezone": "UTC",
    })
}

fn refresh(state: &State, request: &Request) -> Reply {
    let form = parameters(&String::from_utf8_lossy(&request.body));
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let user = state.users.iter().find(|user| field("refresh_token") == refresh_token(user));
    match user {
        Some(user) if field("grant_type") == "refresh_token" && field("client_id") == "test-client" => {
            let body = json!({
                "access_token": token(user), "expires_in": 3600, "refresh_token": refresh_token(user),
                "token_type": "Bearer",
            });
            Reply::json(200, &body)
        }
        _ => Reply::json(403, &json!({ "error": "invalid_grant" })),
    }
}

type Answered = Result<Reply, Reply>;

fn secrets(state: &mut State, cluster: &str, rest: &[&str], request: &Request) -> Reply {
    let done = match (request.method.as_str(), rest) {
        ("GET", []) => list(state, cluster, request),
        ("POST", []) => add(state, cluster, request),
        ("GET", [key]) if !key.is_empty() && !state.without_get => get(state, cluster, key, request),
        ("DELETE", [key]) if !key.is_empty() => remove(state, cluster, key, request),
        (_, []) => Err(Reply::text(405, "405: Method Not Allowed").with("allow", "GET,HEAD,POST")),
        (_, [key]) if !key.is_empty() => {
            Err(Reply::text(405, "405: Method Not Allowed").with("allow", "DELETE,GET,HEAD"))
        }
        _ => Err(Reply::text(404, "404: Not Found")),
    };
    done.unwrap_or_else(|reply| reply).with("x-service-version", "platform-secrets/0.0.0")
}

fn list(state: &State, cluster: &str, request: &Request) -> Answered {
    let (org, project) = namespace(request)?;
    let user = caller(state, request)?;
    let may = state.may(&user, &org, &project);
    let here = |(at, in_org, in_project, _): &&Place| (at.as_str(), in_org, in_project) == (cluster, &org, &project);
    let places = state.secrets.iter().map(|(place, _)| place);
    let listed = places.filter(|_| may).filter(here).map(|(.., key)| entry(&org, &project, key));
    Ok(reply(200, &listed.collect()))
}

fn get(state: &State, cluster: &str, key: &str, request: &Request) -> Answered {
    let user = caller(state, request)?;
    let (org, project) = namespace(request)?;
    check_key(key)?;
    if !state.may(&user, &org, &project) {
        return Err(missing(&format!("secret://{cluster}/{org}/{project}/{key}"), "read"));
    }
    let place = place(cluster, &org, &project, key);
    let (_, value) = state.secrets.iter().find(|(known, _)| *known == place).ok_or_else(|| absent(key))?;
    let mut body = entry(&org, &project, key);
    body["value"] = json!(BASE64_STANDARD.encode(value));
    Ok(reply(200, &body))
}

fn remove(state: &mut State, cluster: &str, key: &str, request: &Request) -> Answered {
    let (org, project) = namespace(request)?;
    let user = caller(state, request)?;
    check_key(key)?;
    if !state.may(&user, &org, &project) {
        return Err(missing(&format!("secret://{cluster}/{org}/{project}"), "write"));
    }
    let place = place(cluster, &org, &project, key);
    let at = state.secrets.iter().position(|(known, _)| *known == place).ok_or_else(|| absent(key))?;
    state.secrets.remove(at);
    Ok(Reply::empty(204))
}

fn add(state: &mut State, cluster: &str, request: &Request) -> Answered {
    if request.body.len() > LARGEST_BODY {
        return Err(Reply::text(413, "the body has more than 1048576 bytes"));
    }
    let Some(Json::Object(body)) = request.json() else { return Err(error("the body is not an object of JSON")) };
    let fields = fields(&body, &["key", "value", "org_name", "project_name"])?;
    let [key, value, org, project] = fields.as_slice() else { return Err(error("unreachable")) };
    check_key(key)?;
    let data = value.bytes().filter(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte)).count();
    let padding = value.bytes().filter(|byte| *byte == b'=').count();
    // The validator drops what is not of the alphabet; it is Kubernetes that refuses that, at the end.
    if data % 4 == 1 || (data % 4 > 1 && data % 4 + padding < 4) {
        return Err(error("value: not base64"));
    }
    let user = caller(state, request)?;
    if !state.may(&user, org, project) {
        return Err(missing(&format!("secret://{cluster}/{org}/{project}"), "write"));
    }
    let bytes = BASE64_STANDARD.decode(value).map_err(|_| error("the key or its value is not valid"))?;
    state.put_at(cluster, org, project, key, &bytes);
    Ok(reply(201, &entry(org, project, key)))
}

/// The two parameters, and no other. Of several the first counts.
fn namespace(request: &Request) -> Result<(String, String), Reply> {
    let mut given = Map::new();
    for (name, value) in &request.query {
        given.entry(name.clone()).or_insert_with(|| json!(value));
    }
    let fields = fields(&given, &["org_name", "project_name"])?;
    let [org, project] = fields.as_slice() else { return Err(error("unreachable")) };
    Ok((org.clone(), project.clone()))
}

/// These members, all of them text that is not empty, and no others.
fn fields(given: &Map<String, Json>, names: &[&str]) -> Result<Vec<String>, Reply> {
    if let Some(name) = given.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(error(&format!("{name} is not an allowed key")));
    }
    let field = |name: &&str| match given.get(*name) {
        None => Err(error(&format!("{name} is required"))),
        Some(Json::String(text)) if text.is_empty() => Err(error(&format!("{name} is blank"))),
        Some(Json::String(text)) => Ok(text.clone()),
        Some(_) => Err(error(&format!("{name} is not a string"))),
    };
    names.iter().map(field).collect()
}

fn check_key(key: &str) -> Result<(), Reply> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let is_plain = !key.is_empty() && key.len() <= 253 && key.bytes().all(known);
    match is_plain && key != "." && !key.starts_with("..") && !key.eq_ignore_ascii_case("---neuro---") {
        true => Ok(()),
        false => Err(error("not a key")),
    }
}

fn caller(state: &State, request: &Request) -> Result<String, Reply> {
    let unauthorized = || Reply::text(401, "401: Unauthorized");
    let header = request.header("authorization").ok_or_else(unauthorized)?;
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(error("another authorization scheme than bearer"));
    }
    let claims = token.split('.').nth(1).and_then(|claims| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Json = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).ok_or_else(unauthorized)?;
    let user = claims["identity"].as_str().filter(|user| state.users.contains(*user));
    let is_current = claims["exp"].as_i64().is_some_and(|expires| expires > now());
    user.filter(|_| is_current).map(str::to_owned).ok_or_else(unauthorized)
}

fn entry(org: &str, project: &str, key: &str) -> Json {
    json!({ "key": key, "owner": project, "org_name": org, "project_name": project })
}

fn missing(uri: &str, action: &str) -> Reply {
    reply(403, &json!({ "missing": [{ "uri": uri, "action": action }] }))
}

fn absent(key: &str) -> Reply {
    reply(404, &json!({ "error": format!("there is no secret '{key}'") }))
}

fn error(text: &str) -> Reply {
    reply(400, &json!({ "error": text }))
}

fn reply(status: u16, body: &Json) -> Reply {
    Reply::new(status, "application/json; charset=utf-8", body.to_string())
}

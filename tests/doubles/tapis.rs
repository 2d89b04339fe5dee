//! Tapis: the secrets and pods calls of the Pods service behind its gateway, and the token call.
//!
//! The recorded sequences in `fixtures/conformance/tapis.json` hold it to what the service does; the
//! texts of [`MESSAGES`] are its own, for the record has codes in their place. It keeps one tenant,
//! [`TENANT`], and the users of the record, of whom `root` has the role pods_admin.

use super::http::{Double, Reply, Request, Wire, now, parameters, rfc3339};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

pub(crate) const TENANT: &str = "dev";
const OTHER_TENANT: &str = "other";
const ADMIN: &str = "root";
const SIGNATURE: &str = "not checked by RS256";
/// What stands for the value of a secret that may not be read, in a pod's resolved view.
pub(crate) const SENTINEL: &str = "<<write-only>>";

/// The record's codes, and what is answered in their place; `{}` is a detail.
pub(crate) const MESSAGES: &[(&str, &str)] = &[
    ("NO_TOKEN", "Unable to look up the tenant of an empty token."),
    ("TOKEN_UNPARSABLE", "Tapis token could not be decoded."),
    ("TOKEN_INVALID", "Tapis token validation failed: the signature has expired or is wrong."),
    ("TOKEN_TENANT_UNKNOWN", "The tenant of the token is not known."),
    ("TENANT_MISMATCH", "The tenant of the token is not the tenant of the request."),
    ("OBO_WITH_USER_TOKEN", "X-Tapis-User and X-Tapis-Tenant are for service tokens."),
    ("NOT_ADMIN", "X-Pods-Admin needs the role pods_admin."),
    ("NO_ROUTE", "No such path and method."),
    ("DENIED_AT_GATE", "Permission denied: not enough of it on this object."),
    ("DENIED_IN_HANDLER", "The user has not the permission level that this needs."),
    ("NOT_FOUND_AT_GATE", "Object not found while permissions were looked up."),
    ("NOT_FOUND_IN_HANDLER", "The secret does not exist."),
    ("NOT_READABLE", "The secret is not readable."),
    ("NOT_WRITABLE", "The secret is not writable."),
    ("EXISTS", "A secret of this id exists already."),
    ("STORE_ERROR", "The security kernel did not do it."),
    ("LISTED", "Secrets listed."),
    ("CREATED", "Secret created."),
    ("METADATA", "Secret retrieved."),
    ("VALUE", "Secret value retrieved."),
    ("UPDATED", "Secret updated."),
    ("DELETED", "Secret deleted."),
    ("POD", "Pod retrieved."),
    ("TOKEN", "Token created."),
    ("BAD_LOGIN", "Invalid username and password."),
    ("BAD_GRANT", "Invalid grant_type."),
    // In the list that a body or a model is refused with.
    ("FIELD_MISSING", "Field required"),
    ("FIELD_UNKNOWN", "Extra inputs are not permitted"),
    ("FIELD_TYPE", "Input should be of another type"),
    ("BAD_JSON", "JSON decode error"),
    ("NAME_CHARSET", "Value error, letters, digits, underscores and dashes only"),
    ("NAME_TOO_LONG", "Value error, an id has at most 110 characters"),
    ("BAD_SCOPE", "Value error, scope is user or pod"),
    ("POD_ID_REQUIRED", "Value error, scope pod needs a pod_id"),
    ("POD_ID_FORBIDDEN", "Value error, scope user has no pod_id"),
    ("DESCRIPTION_NOT_ASCII", "Value error, a description is ASCII"),
    ("DESCRIPTION_TOO_LONG", "Value error, a description has at most 500 characters"),
];

pub(crate) type Tapis = Double<State>;

pub(crate) fn start(wire: Wire, state: State) -> Tapis {
    Double::start(wire, state, answer)
}

#[derive(Default)]
pub(crate) struct State {
    secrets: Vec<Secret>,
    pods: BTreeMap<String, Pod>,
    passwords: BTreeMap<String, String>,
    made: u32,
    /// The vault behind the service fails.
    pub(crate) store_down: bool,
    /// Times with the offset that the official client's models want and the service does not send.
    pub(crate) with_offset: bool,
    /// Of tokens for a password, in seconds; 0 stands for the usual four hours.
    pub(crate) lifetime: i64,
}

struct Secret {
    id: String,
    value: String,
    scope: String,
    pod_id: Option<String>,
    description: String,
    readable: bool,
    writable: bool,
    owner: String,
    created: String,
    /// `user:LEVEL`, `*` for anyone.
    permissions: Vec<String>,
}

struct Pod {
    /// As GET shows it with `include_configs`.
    definition: Json,
    template: Json,
    permissions: Vec<String>,
}

/// A token as the service issues it, good for an hour.
pub(crate) fn token(user: &str) -> String {
    token_of(user, TENANT, now() + 3600)
}

/// Any token; `tenant` another than [`TENANT`] or `expires` in the past, Unix seconds, are refused.
pub(crate) fn token_of(user: &str, tenant: &str, expires: i64) -> String {
    let claims = json!({
        "jti": format!("{user}-{expires}"), "iss": format!("https://{tenant}.tapis.test/v3/tokens"),
        "sub": format!("{user}@{tenant}"), "exp": expires, "tapis/tenant_id": tenant, "tapis/token_type": "access",
        "tapis/username": user, "tapis/account_type": "user", "tapis/delegation": false,
    });
    let header = json!({ "alg": "RS256", "typ": "JWT" });
    let [header, claims, signature] =
        [header.to_string(), claims.to_string(), SIGNATURE.to_owned()].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{claims}.{signature}")
}

impl State {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A secret of scope user, readable and writable; replaces one.
    pub(crate) fn put(&mut self, owner: &str, id: &str, value: &str) {
        self.remove(id);
        self.made += 1;
        self.secrets.push(Secret {
            id: id.into(),
            value: value.into(),
            scope: "user".into(),
            pod_id: None,
            description: String::new(),
            readable: true,
            writable: true,
            owner: owner.into(),
            created: created(self.made),
            permissions: vec![format!("{owner}:ADMIN")],
        });
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.secrets.retain(|secret| secret.id != id);
    }

    #[track_caller]
    pub(crate) fn set_readable(&mut self, id: &str, readable: bool) {
        self.find(id).unwrap().readable = readable;
    }

    /// As the service's own table has it: `bob:READ`, `*:USER`.
    #[track_caller]
    pub(crate) fn grant(&mut self, id: &str, permission: &str) {
        self.find(id).unwrap().permissions.push(permission.into());
    }

    pub(crate) fn set_password(&mut self, user: &str, password: &str) {
        self.passwords.insert(user.into(), password.into());
    }

    /// A pod's definition, with what its template adds to the derived views (null: no template).
    pub(crate) fn put_pod(&mut self, owner: &str, id: &str, definition: Json, template: Json) {
        let permissions = vec![format!("{owner}:ADMIN")];
        self.pods.insert(id.into(), Pod { definition, template, permissions });
    }

    fn find(&mut self, id: &str) -> Option<&mut Secret> {
        self.secrets.iter_mut().find(|secret| secret.id == id)
    }

    fn metadata(&self, secret: &Secret) -> Json {
        let offset = if self.with_offset { "Z" } else { "" };
        json!({
            "secret_id": secret.id, "scope": secret.scope, "pod_id": secret.pod_id,
            "description": secret.description, "readable": secret.readable, "writable": secret.writable,
            "sk_secret_name": match &secret.pod_id {
                Some(pod) => format!("pods_{TENANT}_pod+{pod}+{}", secret.id),
                None => format!("pods_{TENANT}_user+{}+{}", secret.owner, secret.id),
            },
            "creation_ts": format!("{}{offset}", secret.created), "added_by": secret.owner,
        })
    }
}

/// Its time has no offset, and no fraction where that would be zero.
fn created(number: u32) -> String {
    match number % 4 {
        0 => format!("2026-11-22T03:55:{:02}", number % 60),
        _ => format!("2026-11-22T03:55:{:02}.236550", number % 60),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    None,
    Read,
    User,
    Admin,
    ApprovedAdmin,
}

fn level(permissions: &[String], user: &str) -> Level {
    let of = |name: &str| {
        permissions.iter().filter_map(|permission| permission.split_once(':')).find(|(who, _)| *who == name)
    };
    // Anyone's replaces one's own, downward too.
    match of("*").or_else(|| of(user)).map(|(_, level)| level) {
        Some("READ") => Level::Read,
        Some("USER") => Level::User,
        Some("ADMIN") => Level::Admin,
        Some("APPROVEDADMIN") => Level::ApprovedAdmin,
        _ => Level::None,
    }
}

/// Who asks.
struct Caller {
    user: String,
    has_role: bool,
    is_admin: bool,
}

enum Route {
    List,
    Create,
    Metadata(String),
    Value(String),
    Update(String),
    Delete(String),
    /// In the gate's table, and nowhere else.
    Permissions(String),
    Pod(String),
    Derived(String),
}

fn answer(state: &mut State, request: &Request) -> Reply {
    let Some(path) = request.path.strip_prefix("/v3").filter(|path| path.starts_with('/')) else {
        return Reply::html(404, "<html><head><title>404 Not Found</title></head></html>");
    };
    if path.contains("//") {
        let mut single = request.path.clone();
        while single.contains("//") {
            single = single.replace("//", "/");
        }
        return Reply::empty(307).with("location", &single);
    }
    if path == "/oauth2/tokens" && request.method == "POST" {
        return log_in(state, request).unwrap_or_else(|reply| reply);
    }
    pods(state, request).unwrap_or_else(|reply| reply)
}

type Answered = Result<Reply, Reply>;

fn pods(state: &mut State, request: &Request) -> Answered {
    let caller = authenticate(request)?;
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().skip(1).map(String::as_str).collect();
    let route = match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["pods", "secrets"]) => Route::List,
        ("POST", ["pods", "secrets"]) => Route::Create,
        (_, ["pods", "secrets", ""] | ["pods", "" | "secrets"]) => return Err(error(400, "NO_ROUTE")),
        ("GET", ["pods", "secrets", id]) => Route::Metadata((*id).into()),
        ("PUT", ["pods", "secrets", id]) => Route::Update((*id).into()),
        ("DELETE", ["pods", "secrets", id]) => Route::Delete((*id).into()),
        ("GET", ["pods", "secrets", id, "value"]) => Route::Value((*id).into()),
        ("GET" | "POST" | "DELETE", ["pods", "secrets", id, "permissions"]) => Route::Permissions((*id).into()),
        ("GET", ["pods", id]) => Route::Pod((*id).into()),
        ("GET", ["pods", id, "derived"]) => Route::Derived((*id).into()),
        _ => return Err(error(400, "NO_ROUTE")),
    };
    gate(state, &caller, &route)?;
    match route {
        Route::List => {
            let may = |secret: &&Secret| caller.is_admin || level(&secret.permissions, &caller.user) >= Level::Read;
            let listed = state.secrets.iter().filter(may).map(|secret| state.metadata(secret)).collect();
            Ok(success("LISTED", Json::Array(listed)))
        }
        Route::Create => create(state, &caller, request),
        Route::Metadata(id) => {
            let secret = handled(state, &caller, &id, Level::Read)?;
            Ok(success("METADATA", state.metadata(secret)))
        }
        Route::Value(id) => {
            let secret = handled(state, &caller, &id, Level::User)?;
            match secret {
                Secret { readable: false, .. } => Err(error(403, "NOT_READABLE")),
                _ if state.store_down => Err(error(500, "STORE_ERROR")),
                Secret { value, .. } => Ok(success("VALUE", json!({ "secret_value": value }))),
            }
        }
        Route::Update(id) => update(state, &caller, &id, request),
        Route::Delete(id) => {
            handled(state, &caller, &id, Level::Admin)?;
            if state.store_down {
                return Err(error(500, "STORE_ERROR"));
            }
            state.remove(&id);
            Ok(success("DELETED", json!(id)))
        }
        Route::Permissions(_) => Err(Reply::json(404, &json!({ "detail": "Not Found" }))),
        Route::Pod(id) => {
            let asks = |name| flag(request, name);
            let pod = &state.pods[&id];
            let mut shown = pod.definition.clone();
            if asks("derived") || asks("derived_lite") {
                merge(&mut shown, &pod.template);
            }
            if !asks("include_configs") {
                hide_configs(&mut shown);
            }
            Ok(success("POD", shown))
        }
        Route::Derived(id) => derived(state, &caller, &id, request),
    }
}

fn authenticate(request: &Request) -> Result<Caller, Reply> {
    let token = request.header("x-tapis-token").filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| error(400, "NO_TOKEN"))?;
    let claims = claims(token).ok_or_else(|| error(400, "TOKEN_UNPARSABLE"))?;
    let tenant = claims["tapis/tenant_id"].as_str().unwrap_or("");
    if ![TENANT, OTHER_TENANT].contains(&tenant) {
        return Err(error(400, "TOKEN_TENANT_UNKNOWN"));
    }
    let signature = token.rsplit('.').next() == Some(&*BASE64_URL_SAFE_NO_PAD.encode(SIGNATURE));
    if !signature || claims["exp"].as_i64().is_none_or(|expires| expires <= now()) {
        return Err(error(400, "TOKEN_INVALID"));
    }
    if ["x-tapis-tenant", "x-tapis-user"].iter().any(|name| request.header(name).is_some()) {
        return Err(error(400, "OBO_WITH_USER_TOKEN"));
    }
    if tenant != TENANT {
        return Err(error(400, "TENANT_MISMATCH"));
    }
    let user = claims["tapis/username"].as_str().unwrap_or("").to_owned();
    let has_role = user == ADMIN;
    let is_admin = request.header("x-pods-admin").is_some_and(|word| word.trim().eq_ignore_ascii_case("true"));
    if is_admin && !has_role {
        return Err(error(400, "NOT_ADMIN"));
    }
    Ok(Caller { user, has_role, is_admin })
}

fn claims(token: &str) -> Option<Json> {
    let [_, claims, _] = token.split('.').collect::<Vec<_>>().try_into().ok()?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

/// What stands before the handlers. Who has the role passes it, and meets the handlers' own check.
fn gate(state: &mut State, caller: &Caller, route: &Route) -> Result<(), Reply> {
    let (id, needed) = match route {
        Route::List | Route::Create => return Ok(()),
        Route::Metadata(id) | Route::Permissions(id) => (id, Level::Read),
        Route::Value(id) | Route::Update(id) => (id, Level::User),
        Route::Delete(id) => (id, Level::Admin),
        Route::Pod(id) | Route::Derived(id) => {
            let pod = state.pods.get(id).ok_or_else(|| error(404, "NOT_FOUND_AT_GATE"))?;
            return match level(&pod.permissions, &caller.user) >= Level::Read || caller.has_role {
                true => Ok(()),
                false => Err(error(400, "DENIED_AT_GATE")),
            };
        }
    };
    if caller.has_role {
        return Ok(());
    }
    let secret = state.find(id).ok_or_else(|| error(404, "NOT_FOUND_AT_GATE"))?;
    match level(&secret.permissions, &caller.user) >= needed {
        true => Ok(()),
        false => Err(error(400, "DENIED_AT_GATE")),
    }
}

fn handled<'a>(state: &'a State, caller: &Caller, id: &str, needed: Level) -> Result<&'a Secret, Reply> {
    let secret = state.secrets.iter().find(|secret| secret.id == id);
    let secret = secret.ok_or_else(|| error(404, "NOT_FOUND_IN_HANDLER"))?;
    match caller.is_admin || level(&secret.permissions, &caller.user) >= needed {
        true => Ok(secret),
        false => Err(error(403, "DENIED_IN_HANDLER")),
    }
}

/// A field of a body: its name, whether it must be there, what it must be.
type Field = (&'static str, bool, fn(&Json) -> bool);

const NEW: &[Field] = &[
    ("secret_id", true, Json::is_string),
    ("secret_value", true, Json::is_string),
    ("scope", false, Json::is_string),
    ("pod_id", false, is_string_or_null),
    ("description", false, Json::is_string),
    ("readable", false, |value| lax_bool(value).is_some()),
    ("writable", false, |value| lax_bool(value).is_some()),
];

const CHANGED: &[Field] = &[("description", false, is_string_or_null), ("secret_value", false, is_string_or_null)];

fn is_string_or_null(value: &Json) -> bool {
    value.is_string() || value.is_null()
}

/// As pydantic takes them.
fn lax_bool(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Json::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Json::String(word) => match word.to_ascii_lowercase().as_str() {
            "1" | "on" | "t" | "true" | "y" | "yes" => Some(true),
            "0" | "off" | "f" | "false" | "n" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A body of these fields; all that is wrong with it is told together.
fn body(request: &Request, fields: &[Field]) -> Result<Map<String, Json>, Reply> {
    let is_json = request.header("content-type").is_none_or(|kind| {
        let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
        kind == "application/json" || kind.ends_with("+json")
    });
    let refused = |wrong: &[(String, &str)]| {
        let list: Vec<String> = wrong.iter().map(|(field, code)| format!("{field}: {}", text(code))).collect();
        envelope(400, json!(list), Json::Null, json!({}))
    };
    let parsed = match serde_json::from_slice(&request.body) {
        _ if request.body.is_empty() => Json::Null,
        _ if !is_json => json!(""),
        Ok(parsed) => parsed,
        Err(error) => return Err(refused(&[(format!("body, {}", offset(&request.body, &error)), "BAD_JSON")])),
    };
    let object = match parsed {
        Json::Object(object) => object,
        Json::Null => return Err(refused(&[("body".into(), "FIELD_MISSING")])),
        _ => return Err(refused(&[("body".into(), "FIELD_TYPE")])),
    };
    let mut wrong = Vec::new();
    for (name, required, is_right) in fields {
        match object.get(*name) {
            None if *required => wrong.push((format!("body, {name}"), "FIELD_MISSING")),
            Some(value) if !is_right(value) => wrong.push((format!("body, {name}"), "FIELD_TYPE")),
            _ => {}
        }
    }
    for name in object.keys().filter(|name| fields.iter().all(|(known, ..)| known != name)) {
        wrong.push((format!("body, {name}"), "FIELD_UNKNOWN"));
    }
    if wrong.is_empty() { Ok(object) } else { Err(refused(&wrong)) }
}

/// Where a body stopped being JSON.
fn offset(body: &[u8], error: &serde_json::Error) -> usize {
    let lines = body.split_inclusive(|&byte| byte == b'\n').take(error.line().saturating_sub(1));
    let before: usize = lines.map(<[u8]>::len).sum();
    if error.is_eof() { body.len() } else { before + error.column().saturating_sub(1) }
}

/// The model's own rules, of which the first that is broken is told.
fn model(broken: &[(&str, &str, bool)]) -> Result<(), Reply> {
    broken.iter().find(|(.., is_broken)| *is_broken).map_or(Ok(()), |(field, code, _)| {
        Err(envelope(400, json!([format!("{field}: {}", text(code))]), Json::Null, json!({})))
    })
}

fn create(state: &mut State, caller: &Caller, request: &Request) -> Answered {
    let body = body(request, NEW)?;
    let field = |name: &str| body.get(name).and_then(Json::as_str);
    let (id, value) = (field("secret_id").unwrap_or(""), field("secret_value").unwrap_or(""));
    let scope = field("scope").unwrap_or("user");
    let pod_id = field("pod_id").filter(|pod_id| !pod_id.is_empty());
    let description = field("description").unwrap_or("");
    let plain: String = id.chars().filter(|letter| !['_', '-'].contains(letter)).collect();
    model(&[
        ("secret_id", "NAME_CHARSET", plain.is_empty() || !plain.chars().all(char::is_alphanumeric)),
        ("secret_id", "NAME_TOO_LONG", id.chars().count() > 110),
        ("scope", "BAD_SCOPE", !["user", "pod"].contains(&scope)),
        ("pod_id", "POD_ID_REQUIRED", scope == "pod" && pod_id.is_none()),
        ("pod_id", "POD_ID_FORBIDDEN", scope == "user" && pod_id.is_some()),
    ])?;
    model(&description_rules(description))?;
    if state.find(id).is_some() {
        return Err(error(409, "EXISTS"));
    }
    if state.store_down {
        return Err(error(500, "STORE_ERROR"));
    }
    state.put(&caller.user, id, value);
    let flag = |name| body.get(name).and_then(lax_bool).unwrap_or(true);
    if let Some(secret) = state.find(id) {
        secret.scope = scope.into();
        secret.pod_id = pod_id.map(str::to_owned);
        secret.description = description.into();
        (secret.readable, secret.writable) = (flag("readable"), flag("writable"));
    }
    Ok(success("CREATED", state.metadata(handled(state, caller, id, Level::None)?)))
}

fn description_rules(description: &str) -> [(&'static str, &'static str, bool); 2] {
    [
        ("description", "DESCRIPTION_NOT_ASCII", !description.is_ascii()),
        ("description", "DESCRIPTION_TOO_LONG", description.len() > 500),
    ]
}

fn update(state: &mut State, caller: &Caller, id: &str, request: &Request) -> Answered {
    let body = body(request, CHANGED)?;
    let secret = handled(state, caller, id, Level::User)?;
    let (value, description) = (body.get("secret_value"), body.get("description"));
    let value = value.and_then(Json::as_str).map(str::to_owned);
    if value.is_some() && !secret.writable {
        return Err(error(403, "NOT_WRITABLE"));
    }
    if value.is_some() && state.store_down {
        return Err(error(500, "STORE_ERROR"));
    }
    // The value first: a description that is refused does not bring the old one back.
    if let (Some(value), Some(secret)) = (value, state.find(id)) {
        secret.value = value;
    }
    if let Some(description) = description.and_then(Json::as_str) {
        model(&description_rules(description))?;
        if let Some(secret) = state.find(id) {
            secret.description = description.into();
        }
    }
    Ok(success("UPDATED", state.metadata(handled(state, caller, id, Level::None)?)))
}

fn flag(request: &Request, name: &str) -> bool {
    request.parameter(name).is_some_and(|word| lax_bool(&json!(word)) == Some(true))
}

/// A template's members below a pod's own, and its overrides over both.
fn merge(pod: &mut Json, template: &Json) {
    for part in ["secret_map", "environment_variables", "volume_mounts"] {
        let mut merged = template[part].as_object().cloned().unwrap_or_default();
        merged.extend(pod[part].as_object().cloned().unwrap_or_default());
        // A mount of null takes the template's away.
        merged.retain(|_, value| !value.is_null());
        pod[part] = merged.into();
    }
    let overrides = pod["template_overrides"].take();
    for (key, value) in overrides["secret_map"].as_object().into_iter().flatten() {
        pod["secret_map"][key] = value.clone();
    }
    for (path, fields) in overrides["volume_mounts"].as_object().into_iter().flatten() {
        if let Some(mount) = pod["volume_mounts"].get_mut(path) {
            fields.as_object().into_iter().flatten().for_each(|(name, value)| mount[name] = value.clone());
        }
    }
    pod["template_overrides"] = overrides;
}

fn hide_configs(pod: &mut Json) {
    for mount in pod["volume_mounts"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        if let Some(content) = mount.get("config_content").and_then(Json::as_str) {
            let count = content.chars().count();
            mount["config_content"] = json!(format!("<{count} bytes - ask with include_configs=true>"));
        }
    }
}

fn derived(state: &State, caller: &Caller, id: &str, request: &Request) -> Answered {
    let (resolve, reveal) = (flag(request, "resolve_secrets"), flag(request, "reveal_write_only"));
    if (resolve || reveal) && !caller.is_admin {
        return Err(error(403, "DENIED_IN_HANDLER"));
    }
    let pod = &state.pods[id];
    let mut shown = pod.definition.clone();
    merge(&mut shown, &pod.template);
    let mut metadata = json!({});
    if resolve || reveal {
        let mut errors = Vec::new();
        let entries = shown["secret_map"].as_object().cloned().unwrap_or_default();
        let values: Map<String, Json> = entries
            .into_iter()
            .filter_map(|(key, value)| match resolved(state, caller, value.as_str()?, reveal) {
                Ok(value) => Some((key, json!(value))),
                Err(why) => {
                    errors.push(format!("{key}: {why}"));
                    None
                }
            })
            .collect();
        // Where nothing could be resolved, all of it stays as it was.
        if !values.is_empty() {
            inject(&mut shown, &values);
            shown["secret_map"] = values.into();
        }
        if resolve {
            metadata["secrets_resolved"] = json!(true);
            metadata["secret_resolution_errors"] = json!(errors);
        }
    }
    if !flag(request, "include_configs") {
        hide_configs(&mut shown);
    }
    Ok(envelope(200, json!(text("POD")), shown, metadata))
}

/// The values into variables and configs.
fn inject(pod: &mut Json, values: &Map<String, Json>) {
    let fill = |text: &mut Json| {
        for (key, value) in values {
            let filled = text
                .as_str()
                .map(|text| text.replace(&format!("${{pods:secrets:{key}}}"), value.as_str().unwrap_or_default()));
            *text = filled.map_or_else(|| text.take(), Json::String);
        }
    };
    pod["environment_variables"].as_object_mut().into_iter().flat_map(Map::values_mut).for_each(fill);
    let mounts = pod["volume_mounts"].as_object_mut().into_iter().flat_map(Map::values_mut);
    mounts.filter_map(|mount| mount.get_mut("config_content")).for_each(fill);
}

/// One entry of a secret_map. The caller must own what it names.
fn resolved(state: &State, caller: &Caller, value: &str, reveal: bool) -> Result<String, &'static str> {
    let Some(body) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
        return Ok(value.into());
    };
    if let Some(name) = body.strip_prefix("secret:") {
        let (owner, name) = name.split_once(':').unwrap_or((&caller.user, name));
        let secret = state.secrets.iter().find(|secret| secret.id == name).ok_or("no such secret")?;
        return match secret {
            _ if owner != caller.user || secret.owner != owner => Err("the secret is another user's"),
            Secret { readable: false, .. } if !reveal => Ok(SENTINEL.into()),
            Secret { value, .. } => Ok(value.clone()),
        };
    }
    if let Some(default) = body.strip_prefix("pods:default:") {
        return Ok(default.split(':').next().unwrap_or("").into());
    }
    if body.starts_with(":?") { Err("required") } else { Ok(value.into()) }
}

fn log_in(state: &State, request: &Request) -> Answered {
    let is_form = request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form"));
    let fields: Json = if is_form {
        let pairs = parameters(&String::from_utf8_lossy(&request.body));
        pairs.into_iter().map(|(name, value)| (name, json!(value))).collect::<Map<_, _>>().into()
    } else {
        request.json().unwrap_or_default()
    };
    let refresh = |user: &str| BASE64_STANDARD.encode(format!("refresh {user}"));
    let user = match fields["grant_type"].as_str() {
        Some("password") => {
            let user = fields["username"].as_str().unwrap_or("");
            let known = state.passwords.get(user).is_some_and(|password| fields["password"] == json!(password));
            known.then(|| user.to_owned()).ok_or_else(|| error(400, "BAD_LOGIN"))?
        }
        Some("refresh_token") => {
            let mut users = state.passwords.keys();
            let user = users.find(|user| fields["refresh_token"] == json!(refresh(user)));
            user.cloned().ok_or_else(|| error(400, "BAD_LOGIN"))?
        }
        _ => return Err(error(400, "BAD_GRANT")),
    };
    let lifetime = if state.lifetime == 0 { 14_400 } else { state.lifetime };
    let expires = now() + lifetime;
    let shape = |name: &str, token: String| json!({ name: token, "expires_at": rfc3339(expires), "expires_in": lifetime, "jti": format!("{user}-{expires}") });
    let mut result = json!({ "access_token": shape("access_token", token_of(&user, TENANT, expires)) });
    // Only a registered client, which shows itself by Basic, is given one.
    if request.header("authorization").is_some_and(|value| value.starts_with("Basic ")) {
        result["refresh_token"] = shape("refresh_token", refresh(&user));
    }
    Ok(envelope(201, json!(text("TOKEN")), result, json!({})))
}

fn success(code: &str, result: Json) -> Reply {
    envelope(200, json!(text(code)), result, json!({}))
}

fn error(status: u16, code: &str) -> Reply {
    envelope(status, json!(text(code)), Json::Null, json!({}))
}

fn envelope(status: u16, message: Json, result: Json, metadata: Json) -> Reply {
    let word = if status < 300 { "success" } else { "error" };
    let body = json!({
        "message": message, "metadata": metadata, "result": result, "status": word, "version": "26Q1.1",
    });
    Reply::json(status, &body)
}

fn text(code: &str) -> &'static str {
    MESSAGES.iter().find(|(known, _)| *known == code).unwrap().1
}

//! Cloudify Manager: secrets under `/api/v3.1` and `/api/v3`, and tokens, for the users and the two
//! tenants of the record.
//!
//! The recorded exchanges in `fixtures/doubles/cloudify.json` hold it to what a manager of the 7.1 line
//! did; texts are ours. [`State::is_old`] turns it into one of 2017, with `/api/v3` only.

use super::http::{Double, Reply, Request, Wire, now};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use base64::prelude::BASE64_URL_SAFE;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use ring::{hmac, pbkdf2};
use serde_json::{Map, Value as Json, json};

pub(crate) const TENANT: &str = "default_tenant";
pub(crate) const OTHER_TENANT: &str = "other";

/// Name, role, the tenant where that holds. The password is the name and `pw`.
const USERS: [(&str, Role, &str); 5] = [
    ("admin", Role::Admin, TENANT),
    ("alice", Role::User, TENANT),
    ("bob", Role::User, TENANT),
    ("viewer", Role::Viewer, TENANT),
    ("outsider", Role::User, OTHER_TENANT),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Viewer,
    User,
    /// In every tenant.
    Admin,
}

pub(crate) type Cloudify = Double<State>;

pub(crate) fn start(wire: Wire, state: State) -> Cloudify {
    Double::start(wire, state, answer)
}

pub(crate) fn password(user: &str) -> String {
    format!("{user}pw")
}

#[derive(Default)]
pub(crate) struct State {
    secrets: Vec<Secret>,
    tokens: Vec<Token>,
    ticks: u32,
    /// A manager of 2017: the seed's face, under v3.
    pub(crate) is_old: bool,
    /// The secrets providers that there are: none on the community edition.
    pub(crate) providers: Vec<String>,
    /// Providers of secrets that do not answer.
    pub(crate) providers_down: bool,
}

#[derive(Clone)]
struct Secret {
    key: String,
    tenant: String,
    creator: String,
    /// As kept: JSON text where there is a schema.
    stored: String,
    schema: Json,
    provider: Option<String>,
    provider_options: Json,
    is_hidden: bool,
    visibility: String,
    created: String,
    updated: String,
}

struct Token {
    id: String,
    secret: String,
    user: String,
    /// Unix seconds.
    expires: Option<i64>,
    description: Json,
}

impl State {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// In [`TENANT`], alice's, for all of the tenant; what is no text has a schema. Replaces one.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Json>) {
        let value = value.into();
        self.remove(key);
        let (schema, stored) = match &value {
            Json::String(text) => (Json::Null, text.clone()),
            other => (json!({ "type": kind(other) }), dumped(other)),
        };
        let (created, updated) = (self.tick(), self.tick());
        self.secrets.push(Secret {
            key: key.into(),
            tenant: TENANT.into(),
            creator: "alice".into(),
            stored,
            schema,
            provider: None,
            provider_options: Json::Null,
            is_hidden: false,
            visibility: "tenant".into(),
            created,
            updated,
        });
    }

    /// Its value is shown to its creator and administrators only.
    #[track_caller]
    pub(crate) fn hide(&mut self, key: &str) {
        self.find(key).is_hidden = true;
    }

    /// `private`, `tenant` or `global`.
    #[track_caller]
    pub(crate) fn set_visibility(&mut self, key: &str, visibility: &str) {
        self.find(key).visibility = visibility.into();
    }

    /// Its value comes from elsewhere, through the manager: see [`State::providers_down`].
    #[track_caller]
    pub(crate) fn set_provider(&mut self, key: &str, provider: &str) {
        self.find(key).provider = Some(provider.into());
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.secrets.retain(|secret| (secret.key.as_str(), secret.tenant.as_str()) != (key, TENANT));
    }

    /// A token of this user, which ends at these Unix seconds.
    pub(crate) fn token(&mut self, user: &str, expires: Option<i64>) -> String {
        let number = self.tokens.len() + 1;
        let (id, secret) = (format!("id{number}"), format!("secret{number}"));
        let token = format!("ctok-{id}-{secret}");
        self.tokens.push(Token { id, secret, user: user.into(), expires, description: json!("test") });
        token
    }

    #[track_caller]
    fn find(&mut self, key: &str) -> &mut Secret {
        self.secrets.iter_mut().find(|secret| secret.key == key).unwrap()
    }

    /// A time later than all before.
    fn tick(&mut self) -> String {
        self.ticks += 1;
        let (minutes, seconds) = (self.ticks / 60_000 % 60, self.ticks / 1000 % 60);
        format!("2026-11-22T04:{minutes:02}:{seconds:02}.{:03}Z", self.ticks % 1000)
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// JSON as Python writes it, with blanks.
fn dumped(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(dumped).collect::<Vec<_>>().join(", ")),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| format!("{}: {}", json!(name), dumped(value));
            format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

struct Caller {
    user: String,
    role: Role,
    tenant: String,
}

impl Caller {
    fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    fn sees(&self, secret: &Secret) -> bool {
        let is_ours = secret.visibility != "private" || secret.creator == self.user || self.is_admin();
        secret.visibility == "global" || (secret.tenant == self.tenant && is_ours)
    }

    fn sees_value(&self, secret: &Secret) -> bool {
        !secret.is_hidden || secret.creator == self.user || self.is_admin()
    }
}

type Answered = Result<Reply, Reply>;

fn answer(state: &mut State, request: &Request) -> Reply {
    let mut method = "";
    let done = routed(state, request, &mut method);
    let reply = done.unwrap_or_else(|reply| reply);
    reply.with("x-cloudify-audit-auth-method", method)
}

fn routed(state: &mut State, request: &Request, method: &mut &str) -> Answered {
    *method = "None";
    let (user, role, home) = authenticate(state, request, method)?;
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    // An encoded slash is one, so nothing that has one is in a route.
    let is_split = request.path.matches('/').count() != parts.join("/").matches('/').count() + 1;
    let face = parts.get(1).copied().unwrap_or("");
    let is_spoken = if state.is_old { face == "v3" } else { ["v3", "v3.1"].contains(&face) };
    if parts.first() != Some(&"api") || !is_spoken || is_split {
        return Err(html(404));
    }
    let verb = request.method.as_str();
    let route = &parts[2..];
    let action = match (verb, route) {
        ("GET", ["secrets"]) | ("POST", ["searches", "secrets"]) => "secret_list",
        ("GET", ["secrets", "share", "export"]) => "secret_export",
        ("POST", ["secrets", "share", "import"]) => "secret_import",
        ("GET" | "HEAD", ["secrets", key]) if !key.is_empty() => "secret_get",
        ("PUT", ["secrets", key]) if !key.is_empty() => "secret_create",
        ("PATCH", ["secrets", key] | ["secrets", key, "set-visibility"]) if !key.is_empty() => "secret_update",
        ("DELETE", ["secrets", key]) if !key.is_empty() => "secret_delete",
        ("GET" | "POST", ["tokens"]) => "",
        ("GET", ["tokens", _]) => return Err(error(404, "not_found_error")),
        (_, ["secrets-providers", ..]) => return Err(error(404, "missing_premium_package_error")),
        (_, ["secrets", key]) if !key.is_empty() => return Err(html(405)),
        _ => return Err(html(404)),
    };
    let caller = enter(request, user, role, home, action)?;
    let done = match (verb, route) {
        ("GET", ["secrets"]) => list(state, &caller, request),
        (_, ["searches", ..]) => search(state, &caller, request),
        (_, ["secrets", "share", "export"]) => export(state, &caller, request),
        (_, ["secrets", "share", "import"]) => import(state, &caller, request),
        ("GET" | "HEAD", [_, key]) => get(state, &caller, key, request),
        ("PUT", [_, key]) => create(state, &caller, key, request),
        ("PATCH", [_, key]) => update(state, &caller, key, request),
        ("PATCH", [_, key, _]) => widen(state, &caller, key, request),
        ("DELETE", [_, key]) => delete(state, &caller, key),
        _ => tokens(state, &caller, request),
    };
    let audited = |reply: Reply| {
        reply.with("x-cloudify-audit-username", &caller.user).with("x-cloudify-audit-tenant", &caller.tenant)
    };
    done.map(audited).map_err(audited)
}

fn authenticate(state: &State, request: &Request, method: &mut &str) -> Result<(String, Role, &'static str), Reply> {
    let refused = || error(401, "unauthorized_error");
    if request.header("execution-token").is_some() {
        return Err(refused());
    }
    let known = |name: &str| USERS.iter().find(|(user, ..)| *user == name);
    let basic = request.header("authorization").and_then(|header| header.strip_prefix("Basic "));
    let pair = basic.and_then(|text| String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok());
    if let Some((name, given)) = pair.as_deref().and_then(|pair| pair.split_once(':')) {
        // An unknown name counts as none; a wrong password ends it, even beside a good token.
        if let Some((name, role, home)) = known(name) {
            *method = "http_basic";
            return if given == password(name) { Ok(((*name).into(), *role, home)) } else { Err(refused()) };
        }
    }
    let token = request.header("authentication-token").ok_or_else(refused)?;
    let (id, secret) = token.strip_prefix("ctok-").and_then(|rest| rest.split_once('-')).ok_or_else(refused)?;
    let token = state.tokens.iter().find(|token| (token.id.as_str(), token.secret.as_str()) == (id, secret));
    let token = token.ok_or_else(refused)?;
    if token.expires.is_some_and(|expires| expires <= now()) {
        // The one thing that is told by the message alone.
        let message = "User unauthorized: Token is expired";
        let body = json!({ "error_code": "unauthorized_error", "message": message, "server_traceback": null });
        return Err(Reply::json(401, &body));
    }
    *method = "token";
    let (name, role, home) = known(&token.user).ok_or_else(refused)?;
    Ok(((*name).into(), *role, home))
}

/// Whether this user may do it in the tenant of the header.
fn enter(request: &Request, user: String, role: Role, home: &str, action: &str) -> Result<Caller, Reply> {
    let refused = || error(403, "forbidden_error");
    if action.is_empty() {
        return Ok(Caller { user, role, tenant: home.into() });
    }
    let tenant = request.header("tenant").ok_or_else(refused)?;
    let is_member = role == Role::Admin || tenant == home;
    let is_reading = ["secret_get", "secret_list"].contains(&action);
    match [TENANT, OTHER_TENANT].contains(&tenant) && is_member && (is_reading || role != Role::Viewer) {
        true => Ok(Caller { user, role, tenant: tenant.into() }),
        false => Err(refused()),
    }
}

fn check_key(key: &str) -> Result<(), Reply> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match key.len() <= 256 && key.starts_with(|first: char| first.is_ascii_alphabetic()) && key.bytes().all(known) {
        true => Ok(()),
        false => Err(error(400, "bad_parameters_error")),
    }
}

/// The place of a secret that this user sees.
fn seen(state: &State, caller: &Caller, key: &str) -> Result<usize, Reply> {
    check_key(key)?;
    let found = state.secrets.iter().position(|secret| secret.key == key && caller.sees(secret));
    found.ok_or_else(|| error(404, "not_found_error"))
}

/// The place of one that this user may change.
fn own(state: &State, caller: &Caller, key: &str) -> Result<usize, Reply> {
    let at = seen(state, caller, key)?;
    let secret = &state.secrets[at];
    if !caller.sees_value(secret) {
        return Err(error(403, "forbidden_error"));
    }
    if secret.tenant != caller.tenant {
        return Err(error(400, "illegal_action_error"));
    }
    Ok(at)
}

fn body(request: &Request) -> Result<Map<String, Json>, Reply> {
    if request.header("content-type") != Some("application/json") {
        return Err(error(415, "unsupported_content_type_error"));
    }
    match request.json() {
        Some(Json::Object(body)) => Ok(body),
        Some(Json::Array(_)) => Ok(Map::new()),
        _ => Err(html(400)),
    }
}

/// True, false, or their words in any letter case.
fn flag(body: &Map<String, Json>, name: &str, default: bool) -> Result<bool, Reply> {
    match body.get(name) {
        None => Ok(default),
        Some(Json::Bool(flag)) => Ok(*flag),
        Some(Json::String(word)) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(Json::String(word)) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(_) => Err(error(400, "bad_parameters_error")),
    }
}

fn asks(request: &Request, name: &str) -> bool {
    request.parameter(name).is_some_and(|word| word.eq_ignore_ascii_case("true"))
}

/// What a schema says, as far as its type goes.
fn check_schema(schema: &Json, value: &Json) -> Result<(), Reply> {
    let Some(wanted) = schema["type"].as_str() else { return Ok(()) };
    if !["null", "boolean", "number", "integer", "string", "array", "object"].contains(&wanted) {
        return Err(error(400, "bad_parameters_error"));
    }
    let is_so = wanted == kind(value) || (wanted == "number" && kind(value) == "integer");
    // It quotes the value, which nobody should show.
    let message = format!("Error validating secret value: {} is not of type '{wanted}'", dumped(value));
    if is_so { Ok(()) } else { Err(error_saying(409, "conflict_error", &message)) }
}

fn get(state: &State, caller: &Caller, key: &str, request: &Request) -> Answered {
    let secret = &state.secrets[seen(state, caller, key)?];
    let value = if asks(request, "_skip_value") || !caller.sees_value(secret) {
        json!("")
    } else if secret.provider.is_some() && state.providers_down {
        return Err(error(400, "failed_dependency"));
    } else if secret.schema.is_null() {
        json!(secret.stored)
    } else {
        serde_json::from_str(&secret.stored).map_err(|_| internal())?
    };
    let mut shown = full(state, secret, value);
    if caller.user == secret.creator && !secret.provider_options.is_null() {
        shown["provider_options"] = json!(dumped(&secret.provider_options));
    }
    Ok(Reply::json(200, &include(shown, request)?))
}

/// The fields asked for.
fn include(mut item: Json, request: &Request) -> Result<Json, Reply> {
    let Some(wanted) = request.parameter("_include") else { return Ok(item) };
    let wanted: Vec<&str> = wanted.split(',').collect();
    if wanted.iter().any(|field| item.get(field).is_none()) {
        return Err(error(400, "no_such_include_field_error"));
    }
    if let Some(fields) = item.as_object_mut() {
        fields.retain(|field, _| wanted.contains(&field.as_str()));
    }
    Ok(item)
}

fn create(state: &mut State, caller: &Caller, key: &str, request: &Request) -> Answered {
    let body = body(request)?;
    let value = body.get("value").ok_or_else(|| error(400, "bad_parameters_error"))?;
    let update = flag(&body, "update_if_exists", false)?;
    let is_hidden = flag(&body, "is_hidden_value", false)?;
    let visibility = match body.get("visibility") {
        None => "tenant",
        Some(Json::String(word)) if ["private", "tenant", "global"].contains(&word.as_str()) => word,
        Some(_) => return Err(error(400, "bad_parameters_error")),
    };
    check_key(key)?;
    if visibility == "global" && !caller.is_admin() {
        return Err(error(403, "forbidden_error"));
    }
    let provider = provider(state, &body)?;
    if (value.is_null() || value == "") && provider.is_none() {
        return Err(error(400, "bad_parameters_error"));
    }
    let schema = body.get("schema").cloned().unwrap_or_default();
    check_schema(&schema, value)?;
    let stored = match value {
        Json::String(text) if schema.is_null() => text.clone(),
        value if !schema.is_null() => dumped(value),
        _ => return Err(internal()),
    };
    let is_taken = |secret: &Secret| {
        secret.key == key && (secret.tenant == caller.tenant || secret.visibility == "global" || visibility == "global")
    };
    if let Some(at) = state.secrets.iter().position(is_taken) {
        if !update {
            return Err(error_saying(409, "conflict_error", &format!("<Secret id=`{key}`> already exists")));
        }
        let at = own(state, caller, key).unwrap_or(at);
        // Value and provider options are replaced; whatever else was sent along is not.
        let updated = state.tick();
        let secret = &mut state.secrets[at];
        (secret.stored, secret.updated) = (stored, updated);
        if let Some(options) = body.get("provider_options") {
            secret.provider_options = options.clone();
        }
        return Ok(changed(state, at));
    }
    let created = state.tick();
    state.secrets.push(Secret {
        key: key.into(),
        tenant: caller.tenant.clone(),
        creator: caller.user.clone(),
        stored,
        schema,
        provider,
        provider_options: body.get("provider_options").cloned().unwrap_or_default(),
        is_hidden,
        visibility: visibility.into(),
        updated: created.clone(),
        created,
    });
    Ok(changed(state, state.secrets.len() - 1))
}

/// The one that is named, which has to be there.
fn provider(state: &State, body: &Map<String, Json>) -> Result<Option<String>, Reply> {
    match body.get("provider_name").and_then(Json::as_str) {
        Some(name) if !state.providers.iter().any(|known| known == name) => Err(error(404, "not_found_error")),
        name => Ok(name.map(str::to_owned)),
    }
}

fn update(state: &mut State, caller: &Caller, key: &str, request: &Request) -> Answered {
    let body = body(request)?;
    let at = own(state, caller, key)?;
    let provider = provider(state, &body)?;
    let known = ["value", "visibility", "is_hidden_value", "provider_name", "provider_options", "creator"];
    if !known.iter().any(|name| body.contains_key(*name)) {
        return Err(error(400, "illegal_action_error"));
    }
    if body.contains_key("creator") && !caller.is_admin() {
        return Err(error(403, "forbidden_error"));
    }
    let value = match body.get("value") {
        None | Some(Json::Null) => None,
        Some(Json::String(text)) => Some(text.clone()).filter(|text| !text.is_empty()),
        Some(_) => return Err(internal()),
    };
    if let Some(visibility) = body.get("visibility").and_then(Json::as_str) {
        set_visibility(state, caller, at, visibility, "illegal_action_error")?;
    }
    let is_hidden = flag(&body, "is_hidden_value", state.secrets[at].is_hidden)?;
    let updated = state.tick();
    let secret = &mut state.secrets[at];
    (secret.is_hidden, secret.updated) = (is_hidden, updated);
    if let Some(value) = value {
        secret.stored = value;
    }
    if let Some(provider) = provider {
        secret.provider = Some(provider);
    }
    if let Some(options) = body.get("provider_options") {
        secret.provider_options = options.clone();
    }
    if let Some(creator) = body.get("creator").and_then(Json::as_str) {
        secret.creator = creator.into();
    }
    Ok(changed(state, at))
}

fn widen(state: &mut State, caller: &Caller, key: &str, request: &Request) -> Answered {
    let body = body(request)?;
    let at = own(state, caller, key)?;
    let visibility = body.get("visibility").and_then(Json::as_str).unwrap_or("");
    if !["tenant", "global"].contains(&visibility) {
        return Err(error(400, "bad_parameters_error"));
    }
    set_visibility(state, caller, at, visibility, "illegal_action_error")?;
    state.secrets[at].updated = state.tick();
    Ok(changed(state, at))
}

/// Only ever wider.
fn set_visibility(state: &mut State, caller: &Caller, at: usize, word: &str, narrower: &str) -> Result<(), Reply> {
    let width = |word: &str| ["private", "tenant", "global"].iter().position(|known| *known == word);
    let Some(wanted) = width(word) else { return Err(error(400, "bad_parameters_error")) };
    if word == "global" && !caller.is_admin() {
        return Err(error(403, "forbidden_error"));
    }
    if Some(wanted) <= width(&state.secrets[at].visibility) {
        return Err(error(400, narrower));
    }
    state.secrets[at].visibility = word.into();
    Ok(())
}

fn delete(state: &mut State, caller: &Caller, key: &str) -> Answered {
    let at = own(state, caller, key)?;
    let secret = state.secrets.remove(at);
    Ok(if state.is_old { Reply::json(200, &of_2017(&secret, true)) } else { Reply::empty(204) })
}

/// What a change is answered with: the stored form of the value, never the plain one.
fn changed(state: &State, at: usize) -> Reply {
    let secret = &state.secrets[at];
    let mut shown = full(state, secret, json!(ciphertext(&secret.stored)));
    if !secret.provider_options.is_null() {
        shown["provider_options"] = json!(ciphertext(&dumped(&secret.provider_options)));
    }
    Reply::json(200, &shown)
}

/// Looks like what Fernet makes.
fn ciphertext(text: &str) -> String {
    let turned: Vec<u8> = text.bytes().map(|byte| byte ^ 0x5a).collect();
    format!("gAAAAA{}", BASE64_STANDARD.encode(turned))
}

/// What signs, and what encrypts.
fn keys(passphrase: &str) -> (hmac::Key, [u8; 32]) {
    let mut keys = [0; 64];
    let rounds = std::num::NonZeroU32::new(100_000).unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, b"salt_", passphrase.as_bytes(), &mut keys);
    (hmac::Key::new(hmac::HMAC_SHA256, &keys[..32]), keys[32..].try_into().unwrap())
}

/// Fernet's layout with keys twice as long.
fn sealed((signing, encryption): &(hmac::Key, [u8; 32]), text: &str) -> String {
    let iv = [7; 16];
    let encrypted = cbc::Encryptor::<aes::Aes256>::new(encryption.into(), (&iv).into());
    let mut blocks = vec![0; text.len() + 16];
    blocks[..text.len()].copy_from_slice(text.as_bytes());
    let encrypted = encrypted.encrypt_padded_mut::<Pkcs7>(&mut blocks, text.len()).unwrap();
    let mut token = [&[0x80][..], &now().to_be_bytes(), &iv, encrypted].concat();
    let signature = hmac::sign(signing, &token);
    token.extend_from_slice(signature.as_ref());
    BASE64_URL_SAFE.encode(token)
}

fn opened(passphrase: &str, token: &str) -> Option<String> {
    let (signing, encryption) = keys(passphrase);
    let token = BASE64_URL_SAFE.decode(token).ok()?;
    let (signed, signature) = token.split_at_checked(token.len().checked_sub(32)?)?;
    hmac::verify(&signing, signed, signature).ok()?;
    let (iv, encrypted) = signed.get(9..)?.split_at_checked(16)?;
    let cipher = cbc::Decryptor::<aes::Aes256>::new(&encryption.into(), iv.into());
    let mut blocks = encrypted.to_vec();
    String::from_utf8(cipher.decrypt_padded_mut::<Pkcs7>(&mut blocks).ok()?.to_vec()).ok()
}

fn full(state: &State, secret: &Secret, value: Json) -> Json {
    if state.is_old {
        return of_2017(secret, true);
    }
    let mut shown = listed(state, secret);
    shown["value"] = value;
    shown["schema"] = secret.schema.clone();
    shown["provider_options"] = Json::Null;
    shown["private_resource"] = json!(secret.visibility == "private");
    shown
}

fn listed(state: &State, secret: &Secret) -> Json {
    if state.is_old {
        return of_2017(secret, false);
    }
    json!({
        "key": secret.key, "created_at": secret.created, "updated_at": secret.updated,
        "resource_availability": secret.visibility, "visibility": secret.visibility,
        "tenant_name": secret.tenant, "created_by": secret.creator, "is_hidden_value": secret.is_hidden,
        "provider_name": secret.provider,
    })
}

fn of_2017(secret: &Secret, with_value: bool) -> Json {
    let mut shown = json!({
        "key": secret.key, "created_at": secret.created, "updated_at": secret.updated, "permission": "creator",
        "tenant_name": secret.tenant, "created_by": secret.creator,
    });
    if with_value {
        shown["value"] = json!(secret.stored);
    }
    shown
}

fn list(state: &State, caller: &Caller, request: &Request) -> Answered {
    let everywhere = asks(request, "_all_tenants") && caller.is_admin();
    let mut found: Vec<&Secret> = state.secrets.iter().filter(|secret| everywhere || caller.sees(secret)).collect();
    if let Some(part) = request.parameter("_search") {
        found.retain(|secret| secret.key.contains(part));
    }
    match request.parameter("_sort") {
        None => {}
        Some("key") => found.sort_by(|one, other| one.key.cmp(&other.key)),
        Some("-key") => found.sort_by(|one, other| other.key.cmp(&one.key)),
        Some(_) => return Err(error(400, "bad_parameters_error")),
    }
    let mut items: Vec<Json> = found.into_iter().map(|secret| listed(state, secret)).collect();
    for (name, wanted) in request.query.iter().filter(|(name, _)| !name.starts_with('_')) {
        items.retain(|item| item[name].as_str() == Some(wanted));
    }
    let number = |name: &str, default: usize| match request.parameter(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| error(400, "bad_parameters_error")),
    };
    let (size, offset, total) = (number("_size", 1000)?, number("_offset", 0)?, items.len());
    let most = if asks(request, "_get_all_results") { total } else { size };
    let page = items.into_iter().skip(offset).take(most).map(|item| include(item, request));
    let items = page.collect::<Result<Vec<_>, _>>()?;
    let pagination = json!({ "total": total, "size": size, "offset": offset });
    Ok(Reply::json(200, &json!({ "items": items, "metadata": { "pagination": pagination, "filtered": null } })))
}

fn search(state: &State, caller: &Caller, request: &Request) -> Answered {
    let body = body(request)?;
    let texts = |list: &Json| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let wanted = match (body.get("constraints"), body.get("filter_rules").and_then(Json::as_array)) {
        (Some(Json::Object(constraints)), _) => constraints.get("valid_values").map(texts),
        (Some(_), _) => return Err(error(400, "bad_parameters_error")),
        (None, Some(rules)) => rules.iter().find(|rule| rule["key"] == "key").map(|rule| texts(&rule["values"])),
        (None, None) => None,
    };
    let all: Vec<&Secret> = state.secrets.iter().filter(|secret| caller.sees(secret)).collect();
    let found = all.iter().filter(|secret| wanted.as_ref().is_none_or(|keys| keys.contains(&secret.key)));
    let items: Vec<Json> = found.map(|secret| full(state, secret, json!(ciphertext(&secret.stored)))).collect();
    let pagination = json!({ "total": items.len(), "size": 1000, "offset": 0 });
    let metadata = json!({ "pagination": pagination, "filtered": all.len() - items.len() });
    Ok(Reply::json(200, &json!({ "items": items, "metadata": metadata })))
}

/// Plain values, of whatever this user may see; the rest is left out without a word.
fn export(state: &State, caller: &Caller, request: &Request) -> Answered {
    let readable =
        |secret: &&Secret| secret.tenant == caller.tenant && caller.sees(secret) && caller.sees_value(secret);
    let mut items = Vec::new();
    let keys = request.parameter("_passphrase").map(keys);
    for secret in state.secrets.iter().filter(readable) {
        if request.parameter("key").is_some_and(|key| key != secret.key) {
            continue;
        }
        let value = keys.as_ref().map_or_else(|| secret.stored.clone(), |keys| sealed(keys, &secret.stored));
        let mut item = json!({
            "key": secret.key, "value": value,
            "visibility": secret.visibility, "tenant_name": secret.tenant, "is_hidden_value": secret.is_hidden,
            "encrypted": keys.is_some(), "provider": secret.provider, "provider_options": null,
        });
        if asks(request, "_include_metadata") {
            item["creator"] = json!(secret.creator);
            item["created_at"] = json!(secret.created);
            item["updated_at"] = json!(secret.updated);
        }
        items.push(include(item, request)?);
    }
    Ok(Reply::json(200, &json!(items)))
}

fn import(state: &mut State, caller: &Caller, request: &Request) -> Answered {
    let body = body(request)?;
    let known = |tenant: &str| [TENANT, OTHER_TENANT].contains(&tenant);
    let map = body.get("tenant_map").and_then(Json::as_object);
    if map.is_some_and(|map| map.values().any(|tenant| !tenant.as_str().is_some_and(known))) {
        return Err(error(400, "bad_parameters_error"));
    }
    let overrides = flag(&body, "override_collisions", false)?;
    let (mut colliding, mut errors) = (Map::new(), Map::new());
    for (at, item) in body.get("secrets_list").and_then(Json::as_array).into_iter().flatten().enumerate() {
        match import_one(item, body.get("passphrase").and_then(Json::as_str))? {
            Err(wrong) => {
                errors.insert(at.to_string(), wrong);
            }
            Ok(mut secret) => {
                if let Some(tenant) = map.and_then(|map| map.get(&secret.tenant)).and_then(Json::as_str) {
                    secret.tenant = tenant.into();
                }
                let created = state.tick();
                let same = |known: &Secret| (&known.key, &known.tenant) == (&secret.key, &secret.tenant);
                let found = state.secrets.iter().position(same);
                if let Some(at) = found {
                    let keys = colliding.entry(secret.tenant.clone()).or_insert_with(|| json!([]));
                    keys.as_array_mut().into_iter().for_each(|keys| keys.push(json!(secret.key)));
                    if overrides {
                        state.secrets[at].stored = secret.stored;
                    }
                    continue;
                }
                let creator = caller.user.clone();
                state.secrets.push(Secret { creator, updated: created.clone(), created, ..secret });
            }
        }
    }
    Ok(Reply::json(200, &json!({ "colliding_secrets": colliding, "secrets_errors": errors })))
}

/// Outside: the call fails. Inside: what is wrong with this item.
fn import_one(item: &Json, passphrase: Option<&str>) -> Result<Result<Secret, Json>, Reply> {
    let mut wrong = Map::new();
    let text = |name: &str| item[name].as_str().filter(|text| !text.is_empty());
    let required = ["key", "value", "visibility", "is_hidden_value", "tenant_name", "encrypted"];
    let missing: Vec<&str> = required.into_iter().filter(|name| item[*name].is_null() || item[*name] == "").collect();
    if !missing.is_empty() {
        wrong.insert("missing secret fields".into(), json!(missing));
    }
    if text("visibility").is_some_and(|word| !["private", "tenant", "global"].contains(&word)) {
        wrong.insert("visibility".into(), json!("not one"));
    }
    if text("tenant_name").is_some_and(|tenant| ![TENANT, OTHER_TENANT].contains(&tenant)) {
        wrong.insert("tenant_name".into(), json!("not found"));
    }
    if !item["encrypted"].is_null() && !item["encrypted"].is_boolean() {
        wrong.insert("encrypted".into(), json!("not a boolean"));
    }
    if wrong.is_empty() && item["encrypted"] == true && passphrase.is_none() {
        wrong.insert("No passphrase".into(), json!("encrypted, and no passphrase given"));
    }
    if !wrong.is_empty() {
        return Ok(Err(wrong.into()));
    }
    let mut stored = text("value").unwrap_or("").to_owned();
    if let Some(passphrase) = passphrase.filter(|_| item["encrypted"] == true) {
        stored = opened(passphrase, &stored).ok_or_else(internal)?;
    }
    let owned = |name| text(name).unwrap_or("").to_owned();
    Ok(Ok(Secret {
        key: owned("key"),
        tenant: owned("tenant_name"),
        creator: String::new(),
        stored,
        schema: Json::Null,
        provider: None,
        provider_options: Json::Null,
        is_hidden: item["is_hidden_value"] == true,
        visibility: owned("visibility"),
        created: String::new(),
        updated: String::new(),
    }))
}

fn tokens(state: &mut State, caller: &Caller, request: &Request) -> Answered {
    let shown = |token: &Token, secret: &str| {
        json!({
            "id": token.id, "username": token.user, "value": format!("ctok-{}-{secret}", token.id),
            "role": "default", "expiration_date": token.expires.map(super::http::rfc3339), "last_used": null,
            "description": token.description,
        })
    };
    if request.method == "GET" {
        let own = state.tokens.iter().filter(|token| token.user == caller.user);
        let items: Vec<Json> = own.map(|token| shown(token, "********")).collect();
        let pagination = json!({ "total": items.len(), "size": 1000, "offset": 0 });
        let metadata = json!({ "pagination": pagination, "filtered": null });
        return Ok(Reply::json(200, &json!({ "items": items, "metadata": metadata })));
    }
    let body = body(request)?;
    // `+1h` is the one form of a date that is spoken here.
    let expires = body.get("expiration_date").filter(|date| date.is_string()).map(|_| now() + 3600);
    state.token(&caller.user, expires);
    let token = state.tokens.last_mut().ok_or_else(internal)?;
    token.description = body.get("description").cloned().unwrap_or_default();
    Ok(Reply::json(200, &shown(token, &token.secret)))
}

fn error(status: u16, code: &str) -> Reply {
    error_saying(status, code, &format!("refused: {}", code.replace('_', " ")))
}

fn error_saying(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &json!({ "error_code": code, "message": message, "server_traceback": null }))
}

/// A whole traceback is in it, which nobody should show.
fn internal() -> Reply {
    let body = json!({
        "error_code": "internal_server_error", "message": "Internal error occurred",
        "server_traceback": "Traceback (most recent call last):\n  File \"/opt/manager/env/app.py\", line 1\n",
    });
    Reply::json(500, &body)
}

fn html(status: u16) -> Reply {
    Reply::html(status, &format!("<!doctype html>\n<html lang=en>\n<title>{status}</title>\n<h1>{status}</h1>\n"))
}

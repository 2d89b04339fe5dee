//! Qovery: secrets and variables of one project with an environment and the services in it.
//!
//! The service is closed and was never asked: shapes are those of its published API document, made
//! so that each of its clients takes them. No reply has a secret's value, which nobody can read back.

use super::http::{Double, Reply, Request, Wire};
use serde_json::{Map, Value as Json, json};

/// An API token, shown as `Token …`.
pub(crate) const TOKEN: &str = "qov_a_token_that_is_good";
/// A user's own, shown as `Bearer …`.
pub(crate) const JWT: &str = "Z29vZA.and.jwt";

pub(crate) const ORGANIZATION: &str = "10000000-0000-4000-8000-000000000000";
pub(crate) const PROJECT: &str = "20000000-0000-4000-8000-000000000000";
pub(crate) const ENVIRONMENT: &str = "30000000-0000-4000-8000-000000000000";
pub(crate) const APPLICATION: &str = "40000000-0000-4000-8000-000000000000";
pub(crate) const CONTAINER: &str = "50000000-0000-4000-8000-000000000000";
pub(crate) const JOB: &str = "60000000-0000-4000-8000-000000000000";
pub(crate) const HELM: &str = "70000000-0000-4000-8000-000000000000";
/// Where external secrets are kept.
pub(crate) const ACCESS: &str = "80000000-0000-4000-8000-000000000000";

/// Scope, its word in a path, the object, what it is in.
const OBJECTS: [(&str, &str, &str, &str); 6] = [
    ("PROJECT", "project", PROJECT, ""),
    ("ENVIRONMENT", "environment", ENVIRONMENT, PROJECT),
    ("APPLICATION", "application", APPLICATION, ENVIRONMENT),
    ("CONTAINER", "container", CONTAINER, ENVIRONMENT),
    ("JOB", "job", JOB, ENVIRONMENT),
    ("HELM", "helm", HELM, ENVIRONMENT),
];

pub(crate) type Qovery = Double<State>;

pub(crate) fn start(wire: Wire, state: State) -> Qovery {
    Double::start(wire, state, answer)
}

#[derive(Default)]
pub(crate) struct State {
    variables: Vec<Variable>,
    made: u32,
}

#[derive(Clone)]
struct Variable {
    id: String,
    key: String,
    value: String,
    is_secret: bool,
    scope: String,
    /// The object that it belongs to.
    parent: String,
    kind: &'static str,
    mount_path: Json,
    description: String,
    interpolates: bool,
    access: Json,
    overridden: Option<String>,
    aliased: Option<String>,
    updates: u32,
}

impl State {
    /// With one built-in secret in the environment.
    pub(crate) fn new() -> Self {
        let mut state = Self::default();
        let id = state.put(ENVIRONMENT, "QOVERY_POSTGRESQL_Z1_PASSWORD", "built in", true);
        let variable = state.by_id(&id).unwrap();
        (variable.scope, variable.kind) = ("BUILT_IN".into(), "BUILT_IN");
        state
    }

    /// A secret, or a plain variable, of this object. Returns its id.
    #[track_caller]
    pub(crate) fn put(&mut self, parent: &str, key: &str, value: &str, is_secret: bool) -> String {
        let (scope, ..) = OBJECTS.iter().find(|(.., id, _)| *id == parent).unwrap();
        self.add(Variable { key: key.into(), value: value.into(), is_secret, ..blank(scope, parent) })
    }

    /// One whose value is the reference into another manager.
    #[track_caller]
    pub(crate) fn put_external(&mut self, parent: &str, key: &str, reference: &str) -> String {
        let id = self.put(parent, key, reference, false);
        let variable = self.by_id(&id).unwrap();
        (variable.kind, variable.access) = ("EXTERNAL_SECRET", json!(ACCESS));
        id
    }

    /// Nobody else can read it back.
    pub(crate) fn value(&self, parent: &str, key: &str) -> Option<&str> {
        let mut own = self.variables.iter().filter(|variable| (&*variable.parent, &*variable.key) == (parent, key));
        own.next().map(|variable| variable.value.as_str())
    }

    /// With what overrides it or stands for it.
    pub(crate) fn remove(&mut self, id: &str) {
        let refers = |variable: &Variable| [&variable.overridden, &variable.aliased].contains(&&Some(id.to_owned()));
        self.variables.retain(|variable| variable.id != id && !refers(variable));
    }

    fn add(&mut self, variable: Variable) -> String {
        self.made += 1;
        let id = format!("90000000-0000-4000-8000-{:012x}", self.made);
        self.variables.push(Variable { id: id.clone(), ..variable });
        id
    }

    fn by_id(&mut self, id: &str) -> Option<&mut Variable> {
        self.variables.iter_mut().find(|variable| variable.id == id)
    }

    /// All that is visible there, wider scopes and what is overridden included.
    fn visible(&self, object: &str) -> Vec<&Variable> {
        let mut chain = vec![object];
        while let Some((.., parent)) = OBJECTS.iter().find(|(.., id, _)| chain.last() == Some(id)) {
            chain.push(parent);
        }
        self.variables.iter().filter(|variable| chain.contains(&variable.parent.as_str())).collect()
    }

    fn reference(&self, id: &str, is_variable: bool) -> Json {
        let Some(target) = self.variables.iter().find(|variable| variable.id == id) else { return Json::Null };
        let mut reference = json!({
            "id": target.id, "key": target.key, "mount_path": target.mount_path.as_str().unwrap_or(""),
            "scope": target.scope, "variable_type": target.kind,
        });
        if is_variable {
            reference["value"] = if target.is_secret { json!("") } else { json!(target.value) };
        }
        reference
    }

    /// As `/secret` and `/environmentVariable` have it, or the unified calls.
    fn shown(&self, variable: &Variable, face: Face) -> Json {
        let time = |number: u32| format!("2026-11-22T04:{:02}:{:02}.851582Z", 19 + number / 60 % 40, number % 60);
        let made = u32::from_str_radix(&variable.id[24..], 16).unwrap_or(0);
        let mut shown = json!({
            "id": variable.id, "created_at": time(made), "updated_at": time(made + variable.updates),
            "key": variable.key, "scope": variable.scope, "variable_type": variable.kind, "owned_by": "QOVERY",
            "description": variable.description, "enable_interpolation_in_file": variable.interpolates,
        });
        if face != Face::Secret {
            shown["value"] = if variable.is_secret { Json::Null } else { json!(variable.value) };
            shown["mount_path"] = variable.mount_path.clone();
        }
        if face == Face::Unified {
            shown["is_secret"] = json!(variable.is_secret);
            if !variable.access.is_null() {
                shown["secret_manager_access_id"] = variable.access.clone();
            }
        }
        // Absent where there is none: null is more than some clients take.
        let word = match face {
            Face::Secret => "secret",
            Face::Plain => "environment_variable",
            Face::Unified => "variable",
        };
        for (how, target) in [("overridden", &variable.overridden), ("aliased", &variable.aliased)] {
            if let Some(id) = target {
                shown[format!("{how}_{word}")] = self.reference(id, face != Face::Secret);
            }
        }
        shown
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Face {
    Secret,
    Plain,
    Unified,
}

type Answered = Result<Reply, Reply>;

fn answer(state: &mut State, request: &Request) -> Reply {
    routed(state, request).unwrap_or_else(|reply| reply)
}

fn routed(state: &mut State, request: &Request) -> Answered {
    let is_known = request
        .header("authorization")
        .is_some_and(|shown| shown == format!("Token {TOKEN}") || shown == format!("Bearer {JWT}"));
    if !is_known {
        return Err(refused(401, "Unauthorized"));
    }
    let segments = request.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["variable", rest @ ..] => unified(state, rest, request),
        [word, id, "secret", rest @ ..] => of_object(state, (word, id), Face::Secret, rest, request),
        [word, id, "environmentVariable", rest @ ..] => of_object(state, (word, id), Face::Plain, rest, request),
        path if request.method == "GET" => names(path),
        _ => Err(refused(404, "no such route")),
    }
}

/// The objects, for whoever has names and needs ids.
fn names(path: &[&str]) -> Answered {
    let (kind, parent) = match path {
        ["organization"] => ("organization", ""),
        ["organization", ORGANIZATION, "project"] => ("project", ""),
        [_, id, kind] => (*kind, *id),
        _ => return Err(refused(404, "no such route")),
    };
    let entry = |id: &str, name: &str| json!({ "id": id, "name": name, "created_at": "2026-11-22T04:00:00.000000Z" });
    let found = match kind {
        "organization" => vec![entry(ORGANIZATION, "organization")],
        kind => OBJECTS
            .iter()
            .filter(|(_, word, _, within)| *word == kind && *within == parent)
            .map(|(_, word, id, _)| entry(id, word))
            .collect(),
    };
    Ok(Reply::json(200, &json!({ "results": found })))
}

fn of_object(
    state: &mut State,
    (word, object): (&str, &str),
    face: Face,
    rest: &[&str],
    request: &Request,
) -> Answered {
    let known = |(_, known, id, _): &&(&str, &str, &str, &str)| *known == word && *id == object;
    let Some((scope, ..)) = OBJECTS.iter().filter(|(scope, ..)| *scope != "HELM").find(known) else {
        // What is not there and what is not one's own look the same.
        return Err(refused(403, "access forbidden, or no such object"));
    };
    let is_secret = face == Face::Secret;
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            // Pointers into other managers are no part of these older lists.
            let listed = state.visible(object).into_iter();
            let listed = listed.filter(|variable| variable.is_secret == is_secret && variable.access.is_null());
            let results: Vec<Json> = listed.map(|variable| state.shown(variable, face)).collect();
            Ok(Reply::json(200, &json!({ "results": results })))
        }
        ("POST", []) => create(state, (scope, object), is_secret, &body(request)?, face),
        ("PUT", [id]) => edit(state, id, &body(request)?, face),
        ("DELETE", [id]) => delete(state, id),
        ("POST", [id, "override"]) => override_one(state, id, (scope, object), &body(request)?, face),
        ("POST", [id, "alias"]) => alias_one(state, id, (scope, object), &body(request)?, face),
        _ => Err(refused(404, "no such route")),
    }
}

fn unified(state: &mut State, rest: &[&str], request: &Request) -> Answered {
    let place = |body: &Map<String, Json>, prefix: &str| -> Result<(String, String), Reply> {
        let scope = field(body, &format!("{prefix}_scope"))?;
        let parent = field(body, &format!("{prefix}_parent_id"))?;
        let is_known = OBJECTS.iter().any(|(known, _, id, _)| *known == scope && *id == parent);
        if is_known { Ok((scope, parent)) } else { Err(refused(403, "access forbidden, or no such object")) }
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let (Some(parent), Some(scope)) = (request.parameter("parent_id"), request.parameter("scope")) else {
                return Err(refused(400, "parent_id and scope are required"));
            };
            if !OBJECTS.iter().any(|(known, _, id, _)| (*known, *id) == (scope, parent)) {
                return Err(refused(403, "access forbidden, or no such object"));
            }
            let wanted = match request.parameter("is_secret") {
                None => None,
                Some(word) if word.eq_ignore_ascii_case("true") => Some(true),
                Some(word) if word.eq_ignore_ascii_case("false") => Some(false),
                Some(_) => return Err(refused(400, "is_secret is true or false")),
            };
            let listed = state.visible(parent).into_iter();
            let listed = listed.filter(|variable| wanted.is_none_or(|wanted| variable.is_secret == wanted));
            let results: Vec<Json> = listed.map(|variable| state.shown(variable, Face::Unified)).collect();
            Ok(Reply::json(200, &json!({ "results": results })))
        }
        ("POST", []) => {
            let body = body(request)?;
            let Some(is_secret) = body.get("is_secret").and_then(Json::as_bool) else {
                return Err(refused(400, "is_secret is required"));
            };
            field(&body, "value")?;
            let (scope, parent) = place(&body, "variable")?;
            create(state, (&scope, &parent), is_secret, &body, Face::Unified)
        }
        ("POST", ["import"]) => import(state, request),
        ("PUT", [id]) => edit(state, id, &body(request)?, Face::Unified),
        ("DELETE", [id]) => delete(state, id),
        ("POST", [id, "override"]) => {
            let body = body(request)?;
            let (scope, parent) = place(&body, "override")?;
            override_one(state, id, (&scope, &parent), &body, Face::Unified)
        }
        ("POST", [id, "alias"]) => {
            let body = body(request)?;
            let (scope, parent) = place(&body, "alias")?;
            alias_one(state, id, (&scope, &parent), &body, Face::Unified)
        }
        _ => Err(refused(404, "no such route")),
    }
}

fn create(
    state: &mut State,
    (scope, parent): (&str, &str),
    is_secret: bool,
    body: &Map<String, Json>,
    face: Face,
) -> Answered {
    let key = field(body, "key")?;
    let is_name = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || key.starts_with("QOVERY_") {
        return Err(refused(400, "not a key"));
    }
    if state.variables.iter().any(|variable| (variable.key.as_str(), variable.parent.as_str()) == (&*key, parent)) {
        return Err(refused(400, "the key is taken"));
    }
    let access = body.get("secret_manager_access_id").cloned().unwrap_or_default();
    let mount_path = body.get("mount_path").cloned().unwrap_or_default();
    let kind = match (access.is_null(), mount_path.is_null()) {
        (true, true) => "VALUE",
        (true, false) => "FILE",
        (false, true) => "EXTERNAL_SECRET",
        (false, false) => "FILE_EXTERNAL_SECRET",
    };
    made(state, body, face, Variable { key, is_secret, kind, mount_path, access, ..blank(scope, parent) })
}

/// Many into one service: what cannot be made is left out of the answer.
fn import(state: &mut State, request: &Request) -> Answered {
    let place = (request.parameter("service_type").unwrap_or(""), request.parameter("service_id").unwrap_or(""));
    let known = |(scope, _, id, _): &&(&str, &str, &str, &str)| (*scope, *id) == place;
    if !OBJECTS[2..].iter().any(|object| known(&object)) {
        return Err(refused(403, "access forbidden, or no such object"));
    }
    let body = body(request)?;
    let Some(overwrites) = body.get("overwrite").and_then(Json::as_bool) else {
        return Err(refused(400, "overwrite is required"));
    };
    let (scope, parent) = place;
    let variables = body.get("vars").and_then(Json::as_array).ok_or_else(|| refused(400, "vars is required"))?;
    let mut imported = Vec::new();
    for variable in variables {
        let (Some(key), Some(value), Some(is_secret)) =
            (variable["name"].as_str(), variable["value"].as_str(), variable["is_secret"].as_bool())
        else {
            return Err(refused(400, "name, value and is_secret are required"));
        };
        let mut known = state.variables.iter_mut();
        if let Some(known) = known.find(|known| (known.key.as_str(), known.parent.as_str()) == (key, parent)) {
            if !overwrites {
                continue;
            }
            known.value = value.into();
            known.updates += 1;
        } else {
            state.add(Variable { key: key.into(), value: value.into(), is_secret, ..blank(scope, parent) });
        }
        let mut shown = json!({ "name": key, "scope": scope, "is_secret": is_secret });
        if !is_secret {
            shown["value"] = json!(value);
        }
        imported.push(shown);
    }
    let answer = json!({ "total_variables_to_import": variables.len(), "successful_imported_variables": imported });
    Ok(Reply::json(201, &answer))
}

fn override_one(
    state: &mut State,
    id: &str,
    (scope, parent): (&str, &str),
    body: &Map<String, Json>,
    face: Face,
) -> Answered {
    let target = wider(state, id, parent)?;
    let (key, is_secret) = (target.key.clone(), target.is_secret);
    let mount_path = target.mount_path.clone();
    let overridden = Some(target.id);
    let variable = Variable { key, is_secret, kind: "OVERRIDE", mount_path, overridden, ..blank(scope, parent) };
    made(state, body, face, variable)
}

fn alias_one(
    state: &mut State,
    id: &str,
    (scope, parent): (&str, &str),
    body: &Map<String, Json>,
    face: Face,
) -> Answered {
    let target = wider(state, id, parent)?;
    if target.aliased.is_some() {
        return Err(refused(400, "an alias has no alias"));
    }
    let variable = Variable {
        key: field(body, "key")?,
        value: target.value,
        is_secret: target.is_secret,
        kind: "ALIAS",
        aliased: Some(target.id),
        ..blank(scope, parent)
    };
    made(state, body, face, variable)
}

/// One that is seen from there and belongs to a wider scope.
fn wider(state: &State, id: &str, parent: &str) -> Result<Variable, Reply> {
    let mut visible = state.visible(parent).into_iter();
    let target = visible.find(|variable| variable.id == id).ok_or_else(|| refused(404, "not found"))?;
    if target.parent == parent && target.scope != "BUILT_IN" {
        return Err(refused(400, "it belongs to this scope"));
    }
    Ok(target.clone())
}

fn blank(scope: &str, parent: &str) -> Variable {
    Variable {
        id: String::new(),
        key: String::new(),
        value: String::new(),
        is_secret: false,
        scope: scope.into(),
        parent: parent.into(),
        kind: "VALUE",
        mount_path: Json::Null,
        description: String::new(),
        interpolates: false,
        access: Json::Null,
        overridden: None,
        aliased: None,
        updates: 0,
    }
}

fn made(state: &mut State, body: &Map<String, Json>, face: Face, mut variable: Variable) -> Answered {
    describe(&mut variable, body);
    if let Some(value) = body.get("value").and_then(Json::as_str) {
        variable.value = value.into();
    }
    let id = state.add(variable);
    let made = state.by_id(&id).cloned().ok_or_else(|| refused(500, "not made"))?;
    Ok(Reply::json(201, &state.shown(&made, face)))
}

fn describe(variable: &mut Variable, body: &Map<String, Json>) {
    if let Some(description) = body.get("description").and_then(Json::as_str) {
        variable.description = description.into();
    }
    if let Some(interpolates) = body.get("enable_interpolation_in_file").and_then(Json::as_bool) {
        variable.interpolates = interpolates;
    }
}

fn edit(state: &mut State, id: &str, body: &Map<String, Json>, face: Face) -> Answered {
    let key = field(body, "key")?;
    let value = body.get("value").and_then(Json::as_str);
    let variable = state.by_id(id).ok_or_else(|| refused(404, "not found"))?;
    let keeps_key = variable.overridden.is_some() && key != variable.key;
    let keeps_value = variable.aliased.is_some() && value.is_some_and(|value| value != variable.value);
    if variable.scope == "BUILT_IN" || keeps_key || keeps_value {
        return Err(refused(400, "this cannot be edited"));
    }
    variable.key = key;
    variable.updates += 1;
    if let Some(value) = value {
        variable.value = value.into();
    }
    describe(variable, body);
    let edited = variable.clone();
    Ok(Reply::json(200, &state.shown(&edited, face)))
}

fn delete(state: &mut State, id: &str) -> Answered {
    let variable = state.by_id(id).ok_or_else(|| refused(404, "not found"))?;
    if variable.scope == "BUILT_IN" {
        return Err(refused(400, "built in"));
    }
    state.remove(id);
    Ok(Reply::empty(204))
}

fn body(request: &Request) -> Result<Map<String, Json>, Reply> {
    match request.json() {
        Some(Json::Object(body)) => Ok(body),
        _ => Err(refused(400, "a body is required")),
    }
}

fn field(body: &Map<String, Json>, name: &str) -> Result<String, Reply> {
    let text = body.get(name).and_then(Json::as_str);
    text.map(str::to_owned).ok_or_else(|| refused(400, &format!("{name} is required")))
}

fn refused(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({ "status": status, "error": "refused", "message": message }))
}

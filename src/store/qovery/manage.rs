//! What `inject secret` does with the secrets and plain variables of Qovery.
//!
//! By the calls that know every scope, and both kinds of variable. A list has all that is visible from a place: what
//! belongs to a wider one is shown there, and changed only where it belongs. No value of a secret ever comes back.

use super::{Api, Place, SCOPES, authorization, client, no_place, no_token, width};
use crate::net::{Method, Reply, StatusCode, encode, unsure_after};
use crate::reference::Address;
use crate::store::StoreError;
use crate::store::body::Body;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Each, Existing, Format, Item, Manage, ManageError, Managing, Metadata,
    NewContent, Outcomes, Parcel, Verb, done,
};
use crate::store::object::Object;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

pub(super) const MANAGING: Managing = {
    use Attribute::*;
    Managing {
        open: |settings, context| {
            Ok(Box::new(Account {
                place: Place::of_settings(settings)
                    .map_err(StoreError::Settings)?
                    .or_else(|| Place::of_workload(context.environ)),
                api: Api {
                    authorization: authorization(settings, context.environ)?.ok_or_else(no_token)?,
                    client: client(settings, context)?,
                },
            }))
        },
        verbs: &[
            (Verb::Add, &[Scope, Id, Plain, Description, MountPath, Interpolation]),
            (Verb::Get, &[Scope, Id]),
            (Verb::List, &[Scope, Id, Plain]),
            (Verb::Show, &[Scope, Id]),
            (Verb::Update, &[Scope, Id, Description, NewName, Interpolation]),
            (Verb::Remove, &[Scope, Id]),
            (Verb::Alias, &[Scope, Id, Description]),
            (Verb::Override, &[Scope, Id, Description, Interpolation]),
            (Verb::Import, &[Scope, Id, Plain]),
        ],
        lacks: &[
            (Verb::Grant, "whoever sees a scope sees what is in it"),
            (Verb::Revoke, "whoever sees a scope sees what is in it"),
            (Verb::History, "Qovery keeps the present value alone"),
            (Verb::Export, "Qovery never gives the value of a secret back; `get` reads plain variables"),
        ],
        formats: &[Format::Dotenv, Format::Json],
    }
};

/// What the API tells of each. Its value is none of them, and the links to others stand apart.
const ATTRIBUTES: [&str; 14] = [
    "id",
    "key",
    "scope",
    "variable_type",
    "is_secret",
    "mount_path",
    "enable_interpolation_in_file",
    "owned_by",
    "service_id",
    "service_name",
    "service_type",
    "secret_manager_access_id",
    "created_at",
    "updated_at",
];

/// What a link tells of the one that is overridden or aliased. It has a value too.
const LINK: [&str; 5] = ["id", "key", "mount_path", "scope", "variable_type"];

/// The scopes that are services: one call imports many variables there.
const SERVICES: [&str; 5] = ["APPLICATION", "CONTAINER", "JOB", "HELM", "TERRAFORM"];

/// The most characters of a description.
const LONGEST_DESCRIPTION: usize = 255;

struct Account {
    api: Api,
    /// That of the settings or the workload.
    place: Option<Place>,
}

impl Manage for Account {
    fn check(&self, verb: Verb, address: &Address, given: &Attributes) -> Result<(), ManageError> {
        let key = key(address)?;
        self.place(given)?;
        check_given(verb, given)?;
        if verb == Verb::Add { check_new_key(key) } else { Ok(()) }
    }

    fn fits(&self, address: &Address, content: &Content, _: &Attributes) -> Result<(), ManageError> {
        text(key(address)?, content).map(drop)
    }

    /// In the place itself: what is wider can be given another value there.
    fn exists<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, bool> {
        Box::pin(async move {
            let (key, place) = (key(address)?, self.place(given)?);
            Ok(is_of(key, &place, &self.all(&place).await?))
        })
    }

    /// With one list for each place.
    fn meets<'a>(&'a self, items: &'a [&'a Item]) -> Doing<'a, Vec<Each<bool>>> {
        Box::pin(async move {
            let mut lists: Vec<(Place, Vec<Variable>)> = Vec::new();
            let mut met = Vec::with_capacity(items.len());
            for item in items {
                let (key, place) = (key(&item.address)?, self.place(&item.given)?);
                let known = lists.iter().position(|(known, _)| *known == place);
                let at = match known {
                    Some(at) => at,
                    None => {
                        let all = self.all(&place).await?;
                        lists.push((place, all));
                        lists.len() - 1
                    }
                };
                let (place, all) = &lists[at];
                met.push(Ok(is_of(key, place, all)));
            }
            Ok(met)
        })
    }

    fn add<'a>(
        &'a self,
        address: &'a Address,
        content: Content,
        existing: Existing,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, place) = (key(address)?, self.place(given)?);
            self.check(Verb::Add, address, given)?;
            let text = text(key, &content)?;
            let is_secret = given.flag(Attribute::Plain) != Some(true);
            let mount_path = given.text(Attribute::MountPath);
            if existing == Existing::Replace || place.scope == "PROJECT" {
                let all = self.all(&place).await?;
                let own = all.iter().find(|variable| variable.key == key && variable.scope == place.scope);
                match own.filter(|_| existing == Existing::Replace) {
                    Some(own) if own.is_secret != is_secret => {
                        let is = if own.is_secret { "a secret" } else { "a plain variable" };
                        return Err(ManageError::Usage(format!(
                            "`{key}` is {is} and stays one; remove it and add it anew"
                        )));
                    }
                    Some(own) if mount_path.is_some() && mount_path != own.mount_path.as_deref() => {
                        return Err(ManageError::Usage(format!(
                            "`{key}` is {}, and that never changes; remove it and add it anew",
                            own.mount_path.as_ref().map_or("no file".to_owned(), |path| format!("the file {path}"))
                        )));
                    }
                    Some(own) => return self.edit(own, &place, Some(text), given).await,
                    // Qovery documents that it would take such a value as the name of what is to be aliased.
                    None if place.scope == "PROJECT" && all.iter().any(|variable| variable.key == text) => {
                        return Err(ManageError::Usage(format!(
                            "the value of `{key}` is the key of another variable, and in a project Qovery may make an \
                             alias of that; use `alias`, or another value"
                        )));
                    }
                    None => {}
                }
            }
            let mut body = Body::new()
                .text("key", key)
                .text("value", text)
                .json("is_secret", is_secret.to_string())
                .text("variable_scope", &place.scope)
                .text("variable_parent_id", &place.id);
            if let Some(path) = mount_path {
                body = body.text("mount_path", path);
            }
            self.make("/variable".to_owned(), described(body, given), key, &place).await
        })
    }

    fn value<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Content> {
        Box::pin(async move {
            let place = self.place(given)?;
            let reply = self.api.list(&place).await?;
            self.content(address, &place, &self.api.variables(&reply)?)
        })
    }

    /// One list has them all, and a token may ask a thousand times an hour.
    fn values<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Vec<Each<Content>>> {
        Box::pin(async move {
            let place = self.place(given)?;
            let reply = self.api.list(&place).await?;
            let variables = self.api.variables(&reply)?;
            Ok(addresses.iter().map(|address| self.content(address, &place, &variables)).collect())
        })
    }

    fn list<'a>(&'a self, given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        Box::pin(async move {
            let mut all = self.all(&self.place(given)?).await?;
            if let Some(plain) = given.flag(Attribute::Plain) {
                all.retain(|variable| variable.is_secret != plain);
            }
            // The widest first.
            all.sort_by(|one, other| {
                (width(&other.scope), &one.scope, &one.key).cmp(&(width(&one.scope), &other.scope, &other.key))
            });
            Ok(all.into_iter().map(|variable| variable.metadata).collect())
        })
    }

    /// Of one key the narrowest, which a workload gets.
    fn show<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, place) = (key(address)?, self.place(given)?);
            let all = self.all(&place).await?;
            let found = narrowest(key, all).ok_or_else(|| self.not_found(key, &place))?;
            Ok(found.metadata)
        })
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        content: Option<NewContent>,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, place) = (key(address)?, self.place(given)?);
            let content = content.map(Content::from);
            let text = content.as_ref().map(|content| text(key, content)).transpose()?;
            let own = self.own(key, &place).await?;
            self.edit(&own, &place, text, given).await
        })
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(async move {
            let place = self.place(given)?;
            let mut outcomes = Outcomes::new();
            for address in addresses {
                let removed = async {
                    let key = key(address)?;
                    // Anew for each: an override or alias may have gone with the one before.
                    let own = self.own(key, &place).await?;
                    let request = self.api.request(Method::DELETE, format!("/variable/{}", encode(&own.id)));
                    let reply = self.api.client.send(&request).await?;
                    match reply.status {
                        StatusCode::NO_CONTENT | StatusCode::OK => Ok(()),
                        _ => Err(self.refused_change(key, &place, &reply)),
                    }
                };
                outcomes.push((address.path.to_string(), removed.await));
            }
            Ok(outcomes)
        })
    }

    fn alias<'a>(&'a self, address: &'a Address, name: &'a str, given: &'a Attributes) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, place) = (key(address)?, self.place(given)?);
            check_new_key(name)?;
            let target = self.wider(key, &place).await?;
            if let Some(origin) = &target.aliased {
                return Err(ManageError::Usage(format!(
                    "`{key}` is an alias of `{origin}`, and an alias has none; name that"
                )));
            }
            let body =
                Body::new().text("key", name).text("alias_scope", &place.scope).text("alias_parent_id", &place.id);
            self.make(format!("/variable/{}/alias", encode(&target.id)), described(body, given), name, &place).await
        })
    }

    fn overlay<'a>(&'a self, address: &'a Address, content: Content, given: &'a Attributes) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, place) = (key(address)?, self.place(given)?);
            let text = text(key, &content)?;
            let target = self.wider(key, &place).await?;
            let body = Body::new()
                .text("value", text)
                .text("override_scope", &place.scope)
                .text("override_parent_id", &place.id);
            self.make(format!("/variable/{}/override", encode(&target.id)), described(body, given), key, &place).await
        })
    }

    fn import<'a>(&'a self, parcel: Parcel, existing: Existing, given: &'a Attributes) -> Doing<'a, Outcomes> {
        match parcel {
            Parcel::Items(items) => Box::pin(self.import_items(items, existing, given)),
            Parcel::Document(..) => done(Err(ManageError::NoVerb(Verb::Import))),
        }
    }
}

/// A variable as a list has it.
struct Variable {
    id: String,
    key: String,
    scope: String,
    is_secret: bool,
    /// The key of the one that it stands for.
    aliased: Option<String>,
    is_override: bool,
    mount_path: Option<String>,
    description: Option<String>,
    interpolates: Option<bool>,
    /// Where its value is only a reference.
    access: Option<String>,
    metadata: Metadata,
}

impl Variable {
    /// None: it is none.
    fn of(variable: &Object<'_>) -> Option<Self> {
        let text = |name| variable.get::<String>(name);
        // What does not say that it is plain is treated with care.
        let is_secret = variable.get("is_secret") != Some(false);
        let link = |how: &str| variable.get::<Object<'_>>(&format!("{how}_variable"));
        let (overridden, aliased) = (link("overridden"), link("aliased"));
        let mut attributes: Vec<_> =
            ATTRIBUTES.iter().filter_map(|name| Some((*name, variable.get::<Json>(name)?))).collect();
        // The calls for secrets name the links so.
        let [of_override, of_alias] = match is_secret {
            true => ["overridden_secret", "aliased_secret"],
            false => ["overridden_variable", "aliased_variable"],
        };
        for (name, link) in [(of_override, &overridden), (of_alias, &aliased)] {
            let shown = |link: &Object<'_>| -> Json {
                let members = LINK.iter().filter_map(|name| Some(((*name).to_owned(), link.get::<Json>(name)?)));
                Json::Object(members.collect())
            };
            attributes.extend(link.as_ref().map(|link| (name, shown(link))));
        }
        let (key, scope) = (text("key")?, text("scope")?);
        let metadata = Metadata {
            name: key.clone(),
            place: Some(scope.to_ascii_lowercase()),
            description: text("description"),
            created: text("created_at"),
            updated: text("updated_at"),
            attributes,
            ..Metadata::default()
        };
        Some(Self {
            id: text("id")?,
            key,
            scope,
            is_secret,
            aliased: aliased.map(|link| link.get("key").unwrap_or_default()),
            is_override: overridden.is_some(),
            mount_path: text("mount_path").filter(|path| !path.is_empty()),
            description: text("description"),
            interpolates: variable.get("enable_interpolation_in_file"),
            access: text("secret_manager_access_id"),
            metadata,
        })
    }
}

/// Whether one of this key belongs to the place itself.
fn is_of(key: &str, place: &Place, all: &[Variable]) -> bool {
    all.iter().any(|variable| variable.key == key && variable.scope == place.scope)
}

fn narrowest(key: &str, all: Vec<Variable>) -> Option<Variable> {
    all.into_iter().filter(|variable| variable.key == key).min_by_key(|variable| width(&variable.scope))
}

impl Account {
    /// What `--scope` and `--id` name, else that of the store.
    fn place(&self, given: &Attributes) -> Result<Place, ManageError> {
        let (scope, id) = (given.text(Attribute::Scope), given.text(Attribute::Id));
        // As it is said of the two sides of a copy too, whose options have other names.
        let wrong = |_| ManageError::Usage(format!("the scope is {SCOPES}, and the id its UUID; each needs the other"));
        match Place::of(scope, id).map_err(wrong)? {
            Some(place) => Ok(place),
            None => Ok(self.place.clone().ok_or_else(no_place)?),
        }
    }

    /// The value among what is seen from the place.
    fn content(&self, address: &Address, place: &Place, variables: &[Object<'_>]) -> Result<Content, ManageError> {
        let key = key(address)?;
        let value = self.api.find(key, variables)?;
        value.map(Content::from).ok_or_else(|| self.not_found(key, place))
    }

    async fn all(&self, place: &Place) -> Result<Vec<Variable>, ManageError> {
        let reply = self.api.list(place).await?;
        let variables: Option<Vec<_>> = self.api.variables(&reply)?.iter().map(Variable::of).collect();
        Ok(variables.ok_or_else(|| self.api.unexpected())?)
    }

    /// The one that belongs to the place itself.
    async fn own(&self, key: &str, place: &Place) -> Result<Variable, ManageError> {
        let found = narrowest(key, self.all(place).await?).ok_or_else(|| self.not_found(key, place))?;
        match &*found.scope {
            scope if scope == place.scope => Ok(found),
            "BUILT_IN" => Err(ManageError::Usage(format!(
                "`{key}` is built in, and Qovery's own to change; `alias` gives its value another key"
            ))),
            scope => {
                let (scope, here) = (scope.to_ascii_lowercase(), place.scope.to_ascii_lowercase());
                Err(ManageError::Usage(format!(
                    "`{key}` belongs to the {scope}, for all that is in it: --scope {scope} --id ID changes it there; \
                     `override` gives it another value in this {here} alone"
                )))
            }
        }
    }

    /// The one that is seen from the place and does not belong to it.
    async fn wider(&self, key: &str, place: &Place) -> Result<Variable, ManageError> {
        let found = narrowest(key, self.all(place).await?).ok_or_else(|| self.not_found(key, place))?;
        if found.scope == place.scope {
            let here = place.scope.to_ascii_lowercase();
            return Err(ManageError::Usage(format!(
                "`{key}` belongs to this {here} itself; aliases and overrides are made in a narrower scope, which \
                 --scope and --id name, and `update` changes it here"
            )));
        }
        Ok(found)
    }

    fn called(&self, place: &Place) -> String {
        format!("the {} {} at {}", place.scope.to_ascii_lowercase(), place.id, self.api.client.origin())
    }

    fn not_found(&self, key: &str, place: &Place) -> ManageError {
        ManageError::NotFound { name: key.to_owned(), revision: None, store: self.called(place) }
    }

    /// Changes one. What is not said is said again: nobody promises that a PUT leaves it.
    async fn edit(
        &self,
        own: &Variable,
        place: &Place,
        text: Option<&str>,
        given: &Attributes,
    ) -> Result<Metadata, ManageError> {
        let key = &own.key;
        if let (Some(origin), Some(_)) = (&own.aliased, text) {
            return Err(ManageError::Usage(format!(
                "`{key}` is an alias and has the value of `{origin}`; update that"
            )));
        }
        let new_name = given.text(Attribute::NewName);
        if own.is_override && new_name.is_some() {
            return Err(ManageError::Usage(format!("`{key}` overrides another, and has its key for good")));
        }
        new_name.map_or(Ok(()), check_new_key)?;
        let mut body = Body::new().text("key", new_name.unwrap_or(key));
        if let Some(text) = text {
            body = body.text("value", text);
        }
        if let Some(description) = given.text(Attribute::Description).or(own.description.as_deref()) {
            body = body.text("description", description);
        }
        if let Some(interpolates) = given.flag(Attribute::Interpolation).or(own.interpolates) {
            body = body.json("enable_interpolation_in_file", interpolates.to_string());
        }
        if let Some(access) = &own.access {
            body = body.text("secret_manager_access_id", access);
        }
        let request = self.api.request(Method::PUT, format!("/variable/{}", encode(&own.id)));
        let reply = self.api.client.send(&request.json(body.finish()).repeatable()).await?;
        match reply.status {
            StatusCode::OK => self.changed(&reply),
            _ => Err(self.refused_change(key, place, &reply)),
        }
    }

    async fn make(&self, path: String, body: Body, key: &str, place: &Place) -> Result<Metadata, ManageError> {
        let request = self.api.request(Method::POST, path).json(body.finish());
        let reply = self.api.client.send(&request).await?;
        match reply.status {
            StatusCode::CREATED | StatusCode::OK => self.changed(&reply),
            _ => Err(self.refused_change(key, place, &reply)),
        }
    }

    fn changed(&self, reply: &Reply) -> Result<Metadata, ManageError> {
        let variable = Object::parse(&reply.body).and_then(|variable| Variable::of(&variable));
        Ok(variable.ok_or_else(|| self.api.unexpected())?.metadata)
    }

    fn refused_change(&self, key: &str, place: &Place, reply: &Reply) -> ManageError {
        let origin = self.api.client.origin();
        let scope = place.scope.to_ascii_lowercase();
        match reply.status {
            // What is not there is answered like what is not one's own, mostly.
            StatusCode::FORBIDDEN => StoreError::Denied(format!(
                "{origin} answered 403 Forbidden to a change of `{key}`; may this token change the {scope} of that \
                 `id`, and is there one?"
            ))
            .into(),
            StatusCode::NOT_FOUND => self.not_found(key, place),
            StatusCode::BAD_REQUEST | StatusCode::CONFLICT => ManageError::Usage(format!(
                "{origin} answered {} to a change of `{key}`; is the key taken in this {scope}, and is there one of \
                 that `id`?",
                reply.status.as_u16()
            )),
            StatusCode::PAYLOAD_TOO_LARGE => {
                StoreError::TooBig(format!("{origin} takes no value as long as that of `{key}`")).into()
            }
            _ => unsure_after(reply, self.api.client.refusal(reply)).into(),
        }
    }

    /// Nothing is added before all of it was checked. Into a service by one call where that can carry all.
    async fn import_items(
        &self,
        items: Vec<Item>,
        existing: Existing,
        given: &Attributes,
    ) -> Result<Outcomes, ManageError> {
        let place = self.place(given)?;
        let mut is_one_call = SERVICES.contains(&&*place.scope);
        for item in &items {
            let name = key(&item.address)?;
            let checked = self.check(Verb::Add, &item.address, &item.given).and_then(|()| text(name, &item.content));
            checked.map_err(|error| ManageError::Usage(format!("`{name}`: {error}")))?;
            is_one_call &= self.place(&item.given)? == place;
            let carried = [Attribute::Scope, Attribute::Id, Attribute::Plain];
            is_one_call &= item.given.all().all(|(said, _)| carried.contains(&said));
        }
        if is_one_call && !items.is_empty() {
            return self.import_at_once(&items, existing, &place).await;
        }
        let mut outcomes = Outcomes::new();
        for Item { address, content, given } in items {
            let added = async {
                if existing == Existing::Refuse && self.exists(&address, &given).await? {
                    let store = self.called(&self.place(&given)?);
                    return Err(ManageError::Exists { name: address.path.to_string(), store });
                }
                self.add(&address, content, existing, &given).await
            };
            let added = added.await;
            outcomes.push((address.path.to_string(), added.map(drop)));
        }
        Ok(outcomes)
    }

    async fn import_at_once(&self, items: &[Item], existing: Existing, place: &Place) -> Result<Outcomes, ManageError> {
        let size: usize = items.iter().map(|item| 6 * item.content.size() + 600).sum();
        let mut variables = Zeroizing::new(Vec::with_capacity(size));
        for item in items {
            let key = key(&item.address)?;
            let is_secret = item.given.flag(Attribute::Plain) != Some(true);
            let variable = Body::new()
                .text("name", key)
                .text("value", text(key, &item.content)?)
                .text("scope", &place.scope)
                .json("is_secret", is_secret.to_string());
            let before = if variables.is_empty() { b'[' } else { b',' };
            variables.push(before);
            variables.extend_from_slice(&variable.finish());
        }
        variables.push(b']');
        let overwrites = existing == Existing::Replace;
        let body = Body::new().json("overwrite", overwrites.to_string()).json("vars", &*variables);
        let path = format!("/variable/import?service_id={}&service_type={}", encode(&place.id), encode(&place.scope));
        let request = self.api.request(Method::POST, path).json(body.finish());
        let reply = self.api.client.send(&request).await?;
        if ![StatusCode::CREATED, StatusCode::OK].contains(&reply.status) {
            return Err(unsure_after(&reply, self.api.refused(place, &reply)).into());
        }
        let answer = Object::parse(&reply.body).and_then(|answer| answer.get("successful_imported_variables"));
        let imported: Vec<Object<'_>> = answer.ok_or_else(|| self.api.unexpected())?;
        let imported: Vec<String> = imported.iter().filter_map(|variable| variable.get("name")).collect();
        let outcome = |item: &Item| {
            let name = item.address.path.to_string();
            let outcome = match imported.contains(&name) {
                true => Ok(()),
                false => Err(ManageError::Usage(format!(
                    "{} did not import it; where the key is taken, --replace puts the new value in its place",
                    self.called(place)
                ))),
            };
            (name, outcome)
        };
        Ok(items.iter().map(outcome).collect())
    }
}

fn key(address: &Address) -> Result<&str, ManageError> {
    match &address.version {
        None => Ok(&address.path),
        Some(_) => Err(ManageError::Usage(format!("`{}`: Qovery keeps no versions", address.path))),
    }
}

/// As Qovery documents it.
fn check_new_key(key: &str) -> Result<(), ManageError> {
    let is_name = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || key.starts_with("QOVERY_") {
        let text = "a key of Qovery has letters, digits and `_`, a letter first, and does not begin with `QOVERY_`";
        return Err(ManageError::Usage(format!("{key:?}: {text}")));
    }
    Ok(())
}

fn check_given(verb: Verb, given: &Attributes) -> Result<(), ManageError> {
    MANAGING.check_given(verb, given)?;
    if given.text(Attribute::Description).is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(ManageError::Usage(format!("a description has at most {LONGEST_DESCRIPTION} characters")));
    }
    let path = given.text(Attribute::MountPath);
    if path.is_some_and(|path| !path.starts_with('/') || path.contains('\0')) {
        return Err(ManageError::Usage("--mount-path is an absolute path".to_owned()));
    }
    if verb == Verb::Add && path.is_none() && given.flag(Attribute::Interpolation).is_some() {
        return Err(ManageError::Usage("--interpolation is about a file, so it needs --mount-path".to_owned()));
    }
    Ok(())
}

/// Qovery's values are text.
#[allow(clippy::disallowed_methods, reason = "a value on its way to Qovery")]
fn text<'c>(key: &str, content: &'c Content) -> Result<&'c str, ManageError> {
    let Content::Bytes(value) = content else {
        return Err(ManageError::Usage(format!("`{key}`: a variable of Qovery has no fields")));
    };
    std::str::from_utf8(value.expose()).map_err(|_| {
        ManageError::Usage(format!("`{key}`: Qovery keeps text, and this is none (UTF-8); keep its base64"))
    })
}

/// With what is said of it.
fn described(mut body: Body, given: &Attributes) -> Body {
    if let Some(description) = given.text(Attribute::Description) {
        body = body.text("description", description);
    }
    if let Some(interpolates) = given.flag(Attribute::Interpolation) {
        body = body.json("enable_interpolation_in_file", json!(interpolates).to_string());
    }
    body
}

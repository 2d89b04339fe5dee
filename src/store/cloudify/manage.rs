//! What `inject secret` does with the secrets of a Cloudify Manager.
//!
//! Only a GET answers with the plain value: what is answered to a change is read for its metadata alone. A manager
//! ignores without a word what it does not change (an empty value, the schema and the flags of a secret that is
//! replaced), and keeps a value past its schema where it is changed the wrong way; none of this gets there.

use super::{Manager, tenant_header};
use crate::net::header::HeaderValue;
use crate::net::{Method, Reply, StatusCode, encode, unsure_after};
use crate::reference::Address;
use crate::store::StoreError;
use crate::store::body::Body;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Existing, Format, Manage, ManageError, Managing, Metadata, NewContent,
    Outcomes, Parcel, Verb, done,
};
use crate::store::object::Object;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

pub(super) const MANAGING: Managing = {
    use Attribute::*;
    Managing {
        open: |settings, context| Ok(Box::new(super::manager(settings, context)?)),
        verbs: &[
            (Verb::Add, &[Tenant, Visibility, Hidden, Schema, Provider, ProviderOptions]),
            (Verb::Get, &[Tenant]),
            (Verb::List, &[Tenant]),
            (Verb::Show, &[Tenant]),
            (Verb::Update, &[Tenant, Visibility, Hidden, Provider, ProviderOptions]),
            (Verb::Remove, &[Tenant]),
            (Verb::Grant, &[Tenant, Visibility]),
            (Verb::Import, &[Tenant, Visibility, Hidden, Schema, Passphrase]),
            (Verb::Export, &[Tenant, Passphrase]),
        ],
        lacks: &[
            (Verb::Alias, "a secret of a manager has one key"),
            (Verb::Override, "a secret of a manager has one value"),
            (Verb::Revoke, WIDENS),
            (Verb::History, "a manager keeps the present value alone"),
        ],
        formats: &[Format::Cloudify, Format::Json, Format::Dotenv],
    }
};

const WIDENS: &str = "who sees a secret only ever becomes more, from private over tenant to global; to take that back, \
                      remove it and add it anew";

/// From few to many.
const VISIBILITIES: [&str; 3] = ["private", "tenant", "global"];

/// What the API tells of a secret beside its value. Older managers lack some and have `permission`.
const ATTRIBUTES: [&str; 13] = [
    "key",
    "tenant_name",
    "visibility",
    "resource_availability",
    "private_resource",
    "permission",
    "is_hidden_value",
    "schema",
    "provider_name",
    "provider_options",
    "created_by",
    "created_at",
    "updated_at",
];

/// Of secrets in one answer of a list.
const PAGE: usize = 1000;

impl Manage for Manager {
    fn check(&self, verb: Verb, address: &Address, given: &Attributes) -> Result<(), ManageError> {
        key(address)?;
        self.tenant(given)?;
        check_given(verb, given)
    }

    fn fits(&self, address: &Address, content: &Content, given: &Attributes) -> Result<(), ManageError> {
        let key = key(address)?;
        let text = text(key, content)?;
        typed(key, text, given.text(Attribute::Schema))?;
        if text.is_empty() && given.text(Attribute::Provider).is_none() { Err(empty(key)) } else { Ok(()) }
    }

    fn add<'a>(
        &'a self,
        address: &'a Address,
        content: Content,
        existing: Existing,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, tenant) = (key(address)?, self.tenant(given)?);
            check_given(Verb::Add, given)?;
            let text = text(key, &content)?;
            if existing == Existing::Replace
                && let Some(now) = self.now(key, &tenant).await?
            {
                return self.change(key, &tenant, &now, Some(text), given).await;
            }
            if text.is_empty() && given.text(Attribute::Provider).is_none() {
                return Err(empty(key));
            }
            let schema = given.text(Attribute::Schema);
            let mut members = said(given);
            members.extend(schema.map(|schema| ("schema", schema.to_owned())));
            let value = typed(key, text, schema)?;
            let request = self.request(Method::PUT, &path(key), &tenant).json(body(Some(value), &members));
            let reply = self.client.send(&request).await?;
            let store = self.called(&tenant);
            match reply.status {
                StatusCode::OK => self.changed(&reply),
                // The answer quotes the value that does not keep to the schema.
                StatusCode::CONFLICT if says(&reply, "validating") => {
                    Err(ManageError::Usage(format!("{store}: the value of `{key}` does not keep to its schema")))
                }
                StatusCode::CONFLICT => Err(ManageError::Usage(format!(
                    "{store} already has a secret `{key}`, be it somebody's private one or a global one of another \
                     tenant, and gives no key twice; choose another"
                ))),
                StatusCode::NOT_FOUND if given.text(Attribute::Provider).is_some() => Err(self.no_provider(given)),
                _ => Err(self.refused_change(key, &tenant, &reply)),
            }
        })
    }

    fn value<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Content> {
        Box::pin(async move {
            let (key, tenant) = (key(address)?, self.tenant(given)?);
            let reply = self.get(key, "", &tenant).await?;
            match self.value(key, &reply)? {
                Some(value) => Ok(value.into()),
                None => Err(self.not_found(key, &tenant)),
            }
        })
    }

    fn list<'a>(&'a self, given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        Box::pin(async move {
            let mut secrets = self.all(&self.tenant(given)?).await?;
            secrets.sort_by(|one, other| (&one.place, &one.name).cmp(&(&other.place, &other.name)));
            Ok(secrets)
        })
    }

    fn show<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, tenant) = (key(address)?, self.tenant(given)?);
            let now = self.now(key, &tenant).await?;
            now.map(|now| now.metadata).ok_or_else(|| self.not_found(key, &tenant))
        })
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        content: Option<NewContent>,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (key, tenant) = (key(address)?, self.tenant(given)?);
            let content = content.map(Content::from);
            let text = content.as_ref().map(|content| text(key, content)).transpose()?;
            let now = self.now(key, &tenant).await?.ok_or_else(|| self.not_found(key, &tenant))?;
            self.change(key, &tenant, &now, text, given).await
        })
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(async move {
            let tenant = self.tenant(given)?;
            let mut outcomes = Outcomes::new();
            for address in addresses {
                let removed = async {
                    let key = key(address)?;
                    let reply = self.client.send(&self.request(Method::DELETE, &path(key), &tenant)).await?;
                    match reply.status {
                        // Older managers send the secret once more.
                        StatusCode::NO_CONTENT | StatusCode::OK => Ok(()),
                        _ => Err(self.refused_change(key, &tenant, &reply)),
                    }
                };
                outcomes.push((address.path.to_string(), removed.await));
            }
            Ok(outcomes)
        })
    }

    /// To the tenant's users, or to those of all tenants.
    fn grant<'a>(&'a self, address: &'a Address, to: &'a [String], given: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(async move {
            let (key, tenant) = (key(address)?, self.tenant(given)?);
            if !to.is_empty() {
                return Err(ManageError::Usage(format!(
                    "a manager grants to no applications; --visibility tenant or global says who is to see `{key}`"
                )));
            }
            let members = [("visibility", json!(given.text(Attribute::Visibility)).to_string())];
            let request = self.request(Method::PATCH, &format!("{}/set-visibility", path(key)), &tenant);
            let reply = self.client.send(&request.json(body(None, &members))).await?;
            match reply.status {
                StatusCode::OK => Ok(vec![(key.to_owned(), Ok(()))]),
                _ => Err(self.refused_change(key, &tenant, &reply)),
            }
        })
    }

    fn import<'a>(&'a self, parcel: Parcel, existing: Existing, given: &'a Attributes) -> Doing<'a, Outcomes> {
        match parcel {
            Parcel::Items(items) => Box::pin(self.import_items(items, existing)),
            Parcel::Document(Format::Cloudify, text) => {
                Box::pin(async move { self.import_document(&text, existing, given).await })
            }
            Parcel::Document(..) => done(Err(ManageError::NoVerb(Verb::Import))),
        }
    }

    fn export<'a>(&'a self, addresses: &'a [Address], format: Format, given: &'a Attributes) -> Doing<'a, Parcel> {
        Box::pin(async move {
            let tenant = self.tenant(given)?;
            let named: Vec<&str> = addresses.iter().map(key).collect::<Result<_, _>>()?;
            match (format, given.secret(Attribute::Passphrase)) {
                (Format::Cloudify, passphrase) => self.export_document(&named, &tenant, passphrase).await,
                (_, None) => self.export_items(&named, &tenant).await,
                (_, Some(_)) => Err(ManageError::Usage("--passphrase-file is for --format cloudify".to_owned())),
            }
        })
    }
}

/// A secret as it is, without its value.
pub(super) struct Now {
    pub(super) metadata: Metadata,
    pub(super) schema: Option<Box<RawValue>>,
    pub(super) visibility: String,
    pub(super) is_hidden: bool,
}

impl Now {
    pub(super) fn of(secret: &Object<'_>) -> Self {
        Self {
            metadata: metadata(secret),
            schema: secret.get::<Box<RawValue>>("schema").filter(|schema| schema.get() != "null"),
            visibility: secret.get("visibility").unwrap_or_default(),
            is_hidden: secret.get("is_hidden_value").unwrap_or_default(),
        }
    }
}

/// Never `value`.
fn metadata(secret: &Object<'_>) -> Metadata {
    let text = |name| secret.get::<String>(name);
    Metadata {
        name: text("key").unwrap_or_default(),
        place: text("tenant_name"),
        created: text("created_at"),
        updated: text("updated_at"),
        creator: text("created_by"),
        attributes: ATTRIBUTES.iter().filter_map(|name| Some((*name, secret.get::<Json>(name)?))).collect(),
        ..Metadata::default()
    }
}

impl Manager {
    /// The one that `--tenant` names, else that of the settings.
    pub(super) fn tenant(&self, given: &Attributes) -> Result<HeaderValue, StoreError> {
        match given.text(Attribute::Tenant) {
            Some(tenant) => tenant_header(tenant.as_bytes()),
            None => Ok(self.tenant.clone()),
        }
    }

    pub(super) fn called(&self, tenant: &HeaderValue) -> String {
        format!("the tenant {} of {}", String::from_utf8_lossy(tenant.as_bytes()), self.client.origin())
    }

    pub(super) fn not_found(&self, key: &str, tenant: &HeaderValue) -> ManageError {
        ManageError::NotFound { name: key.to_owned(), revision: None, store: self.called(tenant) }
    }

    /// None: there is no such secret, or none that this user may know of.
    pub(super) async fn now(&self, key: &str, tenant: &HeaderValue) -> Result<Option<Now>, ManageError> {
        let reply = self.get(key, "?_skip_value=true", tenant).await?;
        if reply.status != StatusCode::OK {
            return self.refused(key, &reply).map_or(Ok(None), |error| Err(error.into()));
        }
        let secret = Object::parse(&reply.body).filter(|secret| secret.get::<String>("key").as_deref() == Some(key));
        Ok(Some(Now::of(&secret.ok_or_else(|| self.no_secret())?)))
    }

    /// What is visible in the tenant, global ones of others included.
    pub(super) async fn all(&self, tenant: &HeaderValue) -> Result<Vec<Metadata>, ManageError> {
        let mut secrets = Vec::new();
        loop {
            let page = format!("secrets?_sort=key&_size={PAGE}&_offset={}", secrets.len());
            let reply = self.client.send(&self.request(Method::GET, &page, tenant).repeatable()).await?;
            if reply.status != StatusCode::OK {
                return Err(self.refused("", &reply).unwrap_or_else(|| self.no_secret()).into());
            }
            let list = Object::parse(&reply.body);
            let items = list.as_ref().and_then(|list| list.get::<Vec<Object<'_>>>("items"));
            let items = items.ok_or_else(|| self.no_secret())?;
            let total = list
                .as_ref()
                .and_then(|list| list.get::<Object<'_>>("metadata")?.get::<Object<'_>>("pagination")?.get("total"));
            let is_last = items.is_empty();
            secrets.extend(items.iter().map(metadata));
            if is_last || total.is_none_or(|total: usize| secrets.len() >= total) {
                return Ok(secrets);
            }
        }
    }

    /// Changes a secret that is there, in one request: what is said, and the value where there is a new one.
    async fn change(
        &self,
        key: &str,
        tenant: &HeaderValue,
        now: &Now,
        text: Option<&str>,
        given: &Attributes,
    ) -> Result<Metadata, ManageError> {
        let width = |word: &str| VISIBILITIES.iter().position(|known| *known == word);
        let visibility = given.text(Attribute::Visibility);
        if visibility.and_then(width) < width(&now.visibility) && visibility.is_some() {
            return Err(ManageError::Usage(format!("`{key}` is {} already, and {WIDENS}", now.visibility)));
        }
        if let Some(schema) = given.text(Attribute::Schema)
            && serde_json::from_str::<Json>(schema).ok() != now.schema.as_ref().and_then(|now| parsed(now.get()))
        {
            return Err(ManageError::Usage(format!(
                "`{key}` has another schema, or none, and keeps it as long as it lives; remove it and add it anew"
            )));
        }
        let is_same = |name: &str| match name {
            "visibility" => visibility == Some(&*now.visibility),
            "is_hidden_value" => given.flag(Attribute::Hidden) == Some(now.is_hidden),
            _ => false,
        };
        let members: Vec<_> = said(given).into_iter().filter(|(name, _)| !is_same(name)).collect();
        let request = match (text, &now.schema) {
            (None, _) if members.is_empty() => return Ok(now.metadata.clone()),
            (Some(""), _) => return Err(empty(key)),
            // A PATCH would keep the value without asking the schema, and no GET could read it.
            (Some(text), Some(schema)) => {
                if !members.is_empty() {
                    return Err(ManageError::Usage(format!(
                        "`{key}` has a schema, so its value and what is said of it change one at a time"
                    )));
                }
                // Where it is gone meanwhile this makes it anew: seen by no more users than before.
                let visibility = if now.visibility == "private" { "private" } else { "tenant" };
                let members = [
                    ("update_if_exists", "true".to_owned()),
                    ("schema", schema.get().to_owned()),
                    ("visibility", json!(visibility).to_string()),
                    ("is_hidden_value", now.is_hidden.to_string()),
                ];
                let value = typed(key, text, Some(schema.get()))?;
                self.request(Method::PUT, &path(key), tenant).json(body(Some(value), &members)).repeatable()
            }
            (text, _) => {
                let body = body(text.map(Typed::Text), &members);
                let request = self.request(Method::PATCH, &path(key), tenant).json(body);
                // It is refused to widen what is as wide already.
                if members.iter().any(|(name, _)| *name == "visibility") { request } else { request.repeatable() }
            }
        };
        let reply = self.client.send(&request).await?;
        match reply.status {
            StatusCode::OK => self.changed(&reply),
            StatusCode::CONFLICT => Err(ManageError::Usage(format!(
                "{}: the value of `{key}` does not keep to its schema",
                self.called(tenant)
            ))),
            StatusCode::NOT_FOUND if given.text(Attribute::Provider).is_some() => Err(self.no_provider(given)),
            _ => Err(self.refused_change(key, tenant, &reply)),
        }
    }

    /// The secret as a change left it. Value and provider's options are ciphertext in this answer.
    fn changed(&self, reply: &Reply) -> Result<Metadata, ManageError> {
        let secret = Object::parse(&reply.body).filter(|secret| secret.get::<String>("key").is_some());
        let mut metadata = metadata(&secret.ok_or_else(|| self.no_secret())?);
        metadata.attributes.retain(|(name, _)| *name != "provider_options");
        Ok(metadata)
    }

    fn no_provider(&self, given: &Attributes) -> ManageError {
        let provider = given.text(Attribute::Provider).unwrap_or_default();
        ManageError::Usage(format!("{} has no secrets provider {provider:?}", self.client.origin()))
    }

    /// Why a change was not made. No word of the answer, which quotes values.
    fn refused_change(&self, key: &str, tenant: &HeaderValue, reply: &Reply) -> ManageError {
        let origin = self.client.origin();
        let code = Object::parse(&reply.body).and_then(|body| body.get::<String>("error_code")).unwrap_or_default();
        match (reply.status, &*code) {
            (StatusCode::FORBIDDEN, _) => StoreError::Denied(format!(
                "{origin} answered 403 Forbidden to a change of `{key}` in {}; is that tenant right? A viewer changes \
                 nothing, the value of a hidden secret is its creator's and the administrators', and only \
                 administrators make one global",
                String::from_utf8_lossy(tenant.as_bytes())
            ))
            .into(),
            (StatusCode::BAD_REQUEST, "illegal_action_error") => ManageError::Usage(format!(
                "{origin} refuses this for `{key}`: {WIDENS}; and a global one is changed in its own tenant alone, \
                 which `inject secret show {key}` names and --tenant chooses"
            )),
            (StatusCode::BAD_REQUEST, "bad_parameters_error") => ManageError::Usage(format!(
                "{origin} does not take what is said of `{key}`; is the schema a JSON schema, and are the provider's \
                 options those that it knows?"
            )),
            (StatusCode::PAYLOAD_TOO_LARGE, _) => {
                StoreError::TooBig(format!("{origin}, or a proxy before it, takes no value as long as that of `{key}`"))
                    .into()
            }
            _ => match self.refused(key, reply) {
                Some(error) => unsure_after(reply, error).into(),
                None => self.not_found(key, tenant),
            },
        }
    }
}

pub(super) fn key(address: &Address) -> Result<&str, ManageError> {
    match &address.version {
        None => Ok(&address.path),
        Some(_) => Err(ManageError::Usage(format!("`{}`: a manager keeps no versions", address.path))),
    }
}

fn path(key: &str) -> String {
    format!("secrets/{}", encode(key))
}

pub(super) fn empty(key: &str) -> ManageError {
    ManageError::Usage(format!("`{key}`: a manager keeps no empty value"))
}

pub(super) fn check_given(verb: Verb, given: &Attributes) -> Result<(), ManageError> {
    MANAGING.check_given(verb, given)?;
    match (given.text(Attribute::Visibility), verb) {
        (Some("tenant" | "global"), _) => {}
        (_, Verb::Grant) => {
            let text =
                "--visibility tenant or global says whom the secret is granted to: to all of its tenant, or of all";
            return Err(ManageError::Usage(text.to_owned()));
        }
        (Some("private") | None, _) => {}
        (Some(_), _) => return Err(ManageError::Usage("--visibility is private, tenant or global".to_owned())),
    }
    for (attribute, option) in [(Attribute::Schema, "--schema"), (Attribute::ProviderOptions, "--provider-options")] {
        if given.text(attribute).is_some_and(|text| !parsed(text).is_some_and(|json| json.is_object())) {
            return Err(ManageError::Usage(format!("{option}: the file holds no JSON object")));
        }
    }
    if given.text(Attribute::Schema).is_some() && given.text(Attribute::Provider).is_some() {
        return Err(ManageError::Usage("--schema and --provider are not for one secret".to_owned()));
    }
    Ok(())
}

fn parsed(json: &str) -> Option<Json> {
    serde_json::from_str(json).ok()
}

/// A manager's values are text.
#[allow(clippy::disallowed_methods, reason = "a value on its way to the manager")]
pub(super) fn text<'c>(key: &str, content: &'c Content) -> Result<&'c str, ManageError> {
    let Content::Bytes(value) = content else {
        return Err(ManageError::Usage(format!(
            "`{key}`: a secret of a manager has no fields; a JSON object as its value has parts that `#/part` reads"
        )));
    };
    std::str::from_utf8(value.expose()).map_err(|_| {
        ManageError::Usage(format!(
            "`{key}`: a manager keeps text, and this is none (UTF-8); keep its base64, which `|base64d` decodes"
        ))
    })
}

/// A value as it is sent.
pub(super) enum Typed<'v> {
    Text(&'v str),
    Json(&'v RawValue),
}

/// With a schema any JSON, as it is written; a text alone where the schema knows no other type, as it is read.
pub(super) fn typed<'v>(key: &str, text: &'v str, schema: Option<&str>) -> Result<Typed<'v>, ManageError> {
    match schema.and_then(parsed) {
        None => Ok(Typed::Text(text)),
        Some(schema) if schema["type"] == "string" => Ok(Typed::Text(text)),
        Some(_) => serde_json::from_str(text)
            .map(Typed::Json)
            .map_err(|_| ManageError::Usage(format!("`{key}` has a schema, so its value is JSON, and this is none"))),
    }
}

/// What the options say that the API takes under the same names, as JSON.
fn said(given: &Attributes) -> Vec<(&'static str, String)> {
    let text = |attribute| given.text(attribute).map(|text| json!(text).to_string());
    [
        ("visibility", text(Attribute::Visibility)),
        ("is_hidden_value", given.flag(Attribute::Hidden).map(|hidden| hidden.to_string())),
        ("provider_name", text(Attribute::Provider)),
        ("provider_options", given.text(Attribute::ProviderOptions).map(str::to_owned)),
    ]
    .into_iter()
    .filter_map(|(name, json)| Some((name, json?)))
    .collect()
}

/// An object of `value` and these members, which are JSON.
fn body(value: Option<Typed<'_>>, members: &[(&'static str, String)]) -> Zeroizing<Vec<u8>> {
    let body = match value {
        None => Body::new(),
        Some(Typed::Text(text)) => Body::new().text("value", text),
        Some(Typed::Json(json)) => Body::new().json("value", json.get()),
    };
    members.iter().fold(body, |body, (name, json)| body.json(name, json)).finish()
}

/// Whether the answer's message has this word; it is not shown.
fn says(reply: &Reply, word: &str) -> bool {
    let message = Object::parse(&reply.body).and_then(|body| body.get::<String>("message"));
    message.is_some_and(|message| message.contains(word))
}

//! Many secrets of a Cloudify Manager at once: its own export and import, and items of the formats that all kinds
//! share.
//!
//! An export of the manager's leaves out without a word what this user may not read, and an import takes keys that
//! no manager reads again; here the first is an error, and so is the second.

use super::manage::{Now, check_given, empty, key, text, typed};
use super::seal::Keys;
use super::{Manager, check_key};
use crate::net::header::HeaderValue;
use crate::net::{Method, StatusCode, encode, unsure_after};
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::body::Body;
use crate::store::manage::attributes::Said;
use crate::store::manage::{
    Attribute, Attributes, Existing, Format, Item, ManageError, Metadata, Outcomes, Parcel, Verb, add_each,
};
use crate::store::object::Object;
use crate::store::remote::ask_each;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

impl Manager {
    /// Nothing is added before all of it was checked.
    pub(super) async fn import_items(&self, items: Vec<Item>, existing: Existing) -> Result<Outcomes, ManageError> {
        for item in &items {
            let name = key(&item.address)?;
            self.tenant(&item.given)?;
            let content = text(name, &item.content)?;
            let schema = item.given.text(Attribute::Schema);
            let checked = check_given(Verb::Add, &item.given).and_then(|()| typed(name, content, schema).map(drop));
            checked.map_err(|error| ManageError::Usage(format!("`{name}`: {error}")))?;
            if content.is_empty() && item.given.text(Attribute::Provider).is_none() {
                return Err(empty(name));
            }
        }
        Ok(add_each(self, items, existing).await)
    }

    /// The document goes as it is, the passphrase beside it: the manager opens what is encrypted.
    #[allow(clippy::disallowed_methods, reason = "values and passphrase on their way to the manager")]
    pub(super) async fn import_document(
        &self,
        text: &Secret,
        existing: Existing,
        given: &Attributes,
    ) -> Result<Outcomes, ManageError> {
        for attribute in [Attribute::Visibility, Attribute::Hidden, Attribute::Schema] {
            if let Some(row) = attribute.row().filter(|_| given.all().any(|(said, _)| said == attribute)) {
                return Err(ManageError::Usage(format!(
                    "--{} is said in the file itself, for each secret",
                    row.option
                )));
            }
        }
        let tenant = self.tenant(given)?;
        let passphrase = given.secret(Attribute::Passphrase);
        let entries = Entry::all(text.expose(), passphrase.is_some())?;
        let replaces = existing == Existing::Replace;
        let mut body =
            Body::new().json("secrets_list", text.expose()).json("override_collisions", replaces.to_string());
        if let Some(passphrase) = passphrase {
            let passphrase = std::str::from_utf8(passphrase.expose())
                .map_err(|_| ManageError::Usage("the passphrase is not UTF-8".to_owned()))?;
            body = body.text("passphrase", passphrase);
        }
        let target = given.text(Attribute::Tenant);
        if let Some(target) = target {
            let map: serde_json::Map<_, _> =
                entries.iter().map(|entry| (entry.tenant.clone(), json!(target))).collect();
            body = body.json("tenant_map", Json::from(map).to_string());
        }
        let request = self.request(Method::POST, "secrets/share/import", &tenant).json(body.finish());
        let reply = self.client.send(&request).await?;
        let origin = self.client.origin();
        match reply.status {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => {
                let text = format!(
                    "{origin} answered 403 Forbidden; a viewer imports nothing, and users to their own tenants"
                );
                return Err(StoreError::Denied(text).into());
            }
            StatusCode::BAD_REQUEST => {
                return Err(ManageError::Usage(format!(
                    "{origin} does not take the file; is there a tenant of that name?"
                )));
            }
            StatusCode::INTERNAL_SERVER_ERROR if passphrase.is_some() => {
                return Err(ManageError::Usage(format!(
                    "{origin} could not open the file, as it is where the passphrase is wrong; what it had added before \
                     that `inject secret list` shows"
                )));
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(
                    StoreError::TooBig(format!("{origin}, or a proxy before it, takes no file of that size")).into()
                );
            }
            _ => {
                let error = self.refused("", &reply).unwrap_or_else(|| self.no_secret());
                return Err(unsure_after(&reply, error).into());
            }
        }
        let answer = Object::parse(&reply.body).ok_or_else(|| self.no_secret())?;
        let colliding =
            answer.get::<BTreeMap<String, Vec<String>>>("colliding_secrets").ok_or_else(|| self.no_secret())?;
        let errors = answer.get::<BTreeMap<String, Object<'_>>>("secrets_errors").ok_or_else(|| self.no_secret())?;
        let outcome = |(at, entry): (usize, Entry)| {
            let tenant = target.unwrap_or(&entry.tenant);
            let outcome = if let Some(wrong) = errors.get(&at.to_string()) {
                let names: Vec<_> = wrong.names().map(|name| format!("`{}`", name.escape_debug())).collect();
                Err(ManageError::Usage(format!("{origin} did not take it, because of {}", names.join(", "))))
            } else if !replaces && colliding.get(tenant).is_some_and(|keys| keys.contains(&entry.key)) {
                let store = format!("the tenant {tenant} of {origin}");
                Err(ManageError::Exists { name: entry.key.clone(), store })
            } else {
                Ok(())
            };
            (entry.key, outcome)
        };
        Ok(entries.into_iter().enumerate().map(outcome).collect())
    }

    /// The manager's own list. It leaves out without a word what this user may not read.
    #[allow(clippy::disallowed_methods, reason = "the values are what was asked for")]
    pub(super) async fn export_document(
        &self,
        named: &[&str],
        tenant: &HeaderValue,
        passphrase: Option<&Secret>,
    ) -> Result<Parcel, ManageError> {
        let queries = match named {
            [] => vec![String::new()],
            named => named.iter().map(|key| format!("?key={}", encode(key))).collect(),
        };
        let mut replies = Vec::new();
        for query in queries {
            let request = self.request(Method::GET, &format!("secrets/share/export{query}"), tenant).repeatable();
            let reply = self.client.send(&request).await?;
            if reply.status != StatusCode::OK {
                return Err(self.refused("", &reply).unwrap_or_else(|| self.no_secret()).into());
            }
            replies.push(reply);
        }
        let mut items: Vec<(String, &RawValue)> = Vec::new();
        for reply in &replies {
            let list: Vec<&RawValue> = serde_json::from_slice(&reply.body).map_err(|_| self.no_secret())?;
            for raw in list {
                let key = Object::parse(raw.get().as_bytes()).and_then(|item| item.get::<String>("key"));
                items.push((key.ok_or_else(|| self.no_secret())?, raw));
            }
        }
        let wanted = match named {
            [] => self.own(tenant).await?,
            named => named.iter().map(|key| (*key).to_owned()).collect(),
        };
        let mut missing = Vec::new();
        for key in wanted.into_iter().filter(|key| items.iter().all(|(exported, _)| exported != key)) {
            let error = match self.now(&key, tenant).await? {
                Some(now) => StoreError::NotReadable(format!(
                    "its value is for `{}`, who made it, and for administrators; export as one of them, or name the \
                     secrets to export",
                    now.metadata.creator.unwrap_or_default()
                ))
                .into(),
                None => self.not_found(&key, tenant),
            };
            missing.push((key, error));
        }
        if !missing.is_empty() {
            return Err(ManageError::Several(missing));
        }
        let keys = passphrase.map(Keys::of);
        let size: usize = items.iter().map(|(_, raw)| 2 * raw.get().len() + 256).sum();
        let mut text = Zeroizing::new(Vec::with_capacity(size + 8));
        text.push(b'[');
        for (at, (_, raw)) in items.iter().enumerate() {
            text.extend_from_slice(if at == 0 { b"\n  " } else { b",\n  " });
            match &keys {
                None => text.extend_from_slice(raw.get().as_bytes()),
                Some(keys) => text.extend_from_slice(&self.sealed(keys, raw)?),
            }
        }
        text.extend_from_slice(b"\n]\n");
        Ok(Parcel::Document(Format::Cloudify, Secret::from(text)))
    }

    /// The item with its value encrypted.
    fn sealed(&self, keys: &Keys, raw: &RawValue) -> Result<Zeroizing<Vec<u8>>, ManageError> {
        let item = Object::parse(raw.get().as_bytes()).ok_or_else(|| self.no_secret())?;
        let value = Zeroizing::new(item.get::<String>("value").ok_or_else(|| self.no_secret())?);
        let body = Body::new().json("encrypted", "true").text("value", &keys.seal(value.as_bytes())?);
        let others = item.members().filter(|(name, _)| !["value", "encrypted"].contains(name));
        Ok(others.fold(body, |body, (name, raw)| body.json(name, raw.get())).finish())
    }

    /// The keys of the tenant's own secrets.
    async fn own(&self, tenant: &HeaderValue) -> Result<Vec<String>, ManageError> {
        // A manager takes a tenant's name in any letter case.
        let is_own = |secret: &Metadata| {
            secret.place.as_ref().is_none_or(|place| place.as_bytes().eq_ignore_ascii_case(tenant.as_bytes()))
        };
        Ok(self.all(tenant).await?.into_iter().filter(is_own).map(|secret| secret.name).collect())
    }

    pub(super) async fn export_items(&self, named: &[&str], tenant: &HeaderValue) -> Result<Parcel, ManageError> {
        let keys = match named {
            [] => self.own(tenant).await?,
            named => named.iter().map(|key| (*key).to_owned()).collect(),
        };
        let answers = ask_each(&keys, |key| async move {
            let reply = self.get(&key, "", tenant).await?;
            let Some(value) = self.value(&key, &reply)? else { return Ok(None) };
            let now = Object::parse(&reply.body).map(|secret| Now::of(&secret)).ok_or_else(|| self.no_secret())?;
            Ok(Some((value.into(), now)))
        });
        let (mut items, mut failed) = (Vec::new(), Vec::new());
        for (key, answer) in answers.await? {
            match answer {
                Ok(Some((content, now))) => {
                    let address = Address { store: None, path: key.into(), version: None };
                    items.push(Item { address, content, given: now.given() });
                }
                Ok(None) => failed.push((key.clone(), self.not_found(&key, tenant))),
                Err(error) => failed.push((key, error.into())),
            }
        }
        if failed.is_empty() { Ok(Parcel::Items(items)) } else { Err(ManageError::Several(failed)) }
    }
}

impl Now {
    /// What `add` takes to make it so again.
    fn given(self) -> Attributes {
        let mut given = Attributes::default();
        if !self.visibility.is_empty() {
            given.say(Attribute::Visibility, Said::Text(self.visibility));
        }
        if self.is_hidden {
            given.say(Attribute::Hidden, Said::Flag(true));
        }
        if let Some(schema) = self.schema {
            given.say(Attribute::Schema, Said::Text(schema.get().to_owned()));
        }
        given
    }
}

/// One secret of a manager's own list.
struct Entry {
    key: String,
    tenant: String,
}

impl Entry {
    /// Checks what the manager does not: it takes any key, and could then read it no more.
    fn all(text: &[u8], has_passphrase: bool) -> Result<Vec<Self>, ManageError> {
        let wrong = |at: usize, why: &str| ManageError::Usage(format!("the secret {} of the file: {why}", at + 1));
        let list: Vec<Object<'_>> = serde_json::from_slice(text).map_err(|_| {
            let text = "the file is no list of secrets as a manager exports it; --format json or dotenv reads others";
            ManageError::Usage(text.to_owned())
        })?;
        let mut entries: Vec<Self> = Vec::with_capacity(list.len());
        for (at, item) in list.iter().enumerate() {
            let key = item.get::<String>("key").ok_or_else(|| wrong(at, "it has no `key`"))?;
            check_key(&key).map_err(|why| wrong(at, &why))?;
            let tenant = item.get::<String>("tenant_name").ok_or_else(|| wrong(at, "it has no `tenant_name`"))?;
            if item.get("encrypted") == Some(true) && !has_passphrase {
                return Err(wrong(at, "it is encrypted, and there is no --passphrase-file"));
            }
            if entries.iter().any(|entry| (&entry.key, &entry.tenant) == (&key, &tenant)) {
                return Err(wrong(at, &format!("`{key}` stands there twice")));
            }
            entries.push(Self { key, tenant });
        }
        Ok(entries)
    }
}

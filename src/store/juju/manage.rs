//! What `inject secret` does with the secrets of a model.
//!
//! What only looks is asked again when a connection breaks, as a launch asks. A write is sent once, on a connection
//! that has just answered: where its answer is lost, nobody knows whether it was done, and the error says so. The
//! rules for keys and sizes are those of Juju's own clients, as a controller takes anything.

use super::rpc::{Refusal, Session, malformed};
use super::time::utc;
use super::{Juju, Name, Visit, Wanted, fields, filter, find, id_in, in_our_words, removed, secrets_version};
use crate::net::{self, Fault, retried, unsure};
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Each, Existing, Item, Manage, ManageError, Metadata, NewContent, Outcomes,
    Verb,
};
use crate::store::object::Object;
use crate::store::{Context, Settings, StoreError};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value as Json, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The most bytes of a secret's values together, as base64.
const LARGEST: usize = 1_000_000;

/// The most bytes of a list of all secrets, which Juju gives in one piece: as its own Python client has it. Ten
/// thousand secrets with five revisions each are some 10 MB.
const LARGEST_LIST: usize = 64 << 20;

/// What the API tells of a secret, and of each revision of it.
const ATTRIBUTES: [&str; 13] = [
    "uri",
    "version",
    "owner-tag",
    "label",
    "rotate-policy",
    "next-rotate-time",
    "latest-expire-time",
    "latest-revision",
    "latest-revision-checksum",
    "create-time",
    "update-time",
    "revisions",
    "access",
];
const OF_SECRET: [&str; 3] = ["uri", "owner-tag", "label"];
const OF_REVISION: [&str; 6] = ["revision", "create-time", "update-time", "expire-time", "backend-name", "value-ref"];

type Fields = Vec<(String, Secret)>;

pub(super) fn open<'a>(settings: &'a Settings, context: &'a Context<'a>) -> Result<Box<dyn Manage + 'a>, StoreError> {
    let juju = Juju::open(settings, context).map_err(in_our_words)?;
    Ok(Box::new(juju))
}

impl Manage for Juju {
    fn check(&self, verb: Verb, address: &Address, given: &Attributes) -> Result<(), ManageError> {
        if verb == Verb::Add {
            new_name(&address.path)?;
        }
        given.text(Attribute::NewName).map_or(Ok(()), |name| new_name(name).map(drop))
    }

    fn fits(&self, _: &Address, content: &Content, _: &Attributes) -> Result<(), ManageError> {
        check_fields(&keyed(content.share())?)
    }

    /// A charm's secret of the same name is none of the model's.
    fn exists<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, bool> {
        Box::pin(async {
            let name = wanted(address)?.name;
            let found = self.look(async |visit| visit.find(&name).await).await?;
            Ok(found.is_ok_and(|secret| secret.is_own))
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
            let name = new_name(&address.path)?;
            let fields = keyed(content)?;
            check_fields(&fields)?;
            let description = given.text(Attribute::Description);
            let (mut visit, is_there) = self
                .visit(async |visit| match existing {
                    Existing::Refuse => Ok(false),
                    Existing::Replace => Ok(visit.find(&name).await?.is_ok_and(|secret| secret.is_own)),
                })
                .await?;
            let (request, said) = match is_there {
                // The description is replaced too, which an empty one does; grants and revisions stay.
                true => {
                    let mut said = named(&name, "existing-label");
                    said["description"] = json!(description.unwrap_or_default());
                    ("UpdateSecrets", said)
                }
                false => {
                    let mut said = named(&name, "label");
                    if let Some(description) = description {
                        said["description"] = json!(description);
                    }
                    ("CreateSecrets", said)
                }
            };
            visit.write_one(request, &arguments(&said, &fields), &address.path).await?;
            visit.written(&name).await
        })
    }

    fn value<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, Content> {
        Box::pin(async {
            let wanted = wanted(address)?;
            self.look(async |visit| visit.content(&wanted).await).await?.map(Content::Fields)
        })
    }

    /// As one connection serves them all, a controller has one login to check.
    fn values<'a>(&'a self, addresses: &'a [Address], _: &'a Attributes) -> Doing<'a, Vec<Each<Content>>> {
        Box::pin(async {
            let wanted = addresses.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
            let contents = self.look(async |visit| visit.contents(&wanted).await).await?;
            Ok(contents.into_iter().map(|content| content.map(Content::Fields)).collect())
        })
    }

    fn meets<'a>(&'a self, items: &'a [&'a Item]) -> Doing<'a, Vec<Each<bool>>> {
        Box::pin(async {
            let names = items.iter().map(|item| wanted(&item.address).map(|wanted| wanted.name));
            let names = names.collect::<Result<Vec<_>, _>>()?;
            let found = self.look(async |visit| visit.find_each(&names).await).await?;
            Ok(found.into_iter().map(|found| Ok(found.is_ok_and(|secret| secret.is_own))).collect())
        })
    }

    fn shows<'a>(&'a self, addresses: &'a [Address], _: &'a Attributes) -> Doing<'a, Vec<Each<Metadata>>> {
        Box::pin(async {
            let wanted = addresses.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
            let names: Vec<Name> = wanted.iter().map(|wanted| wanted.name.clone()).collect();
            let (visit, found) = self.visit(async |visit| visit.find_each(&names).await).await?;
            let shown = wanted.iter().zip(found).map(|(wanted, found)| visit.described(wanted, found?)).collect();
            visit.session.close().await;
            Ok(shown)
        })
    }

    fn list<'a>(&'a self, _: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        Box::pin(async {
            let params = json!({ "filter": {}, "show-secrets": false }).to_string();
            let (visit, mut secrets) = self.visit_for(LARGEST_LIST, async |visit| visit.list(&params).await).await?;
            visit.session.close().await;
            secrets.sort_by(|one, other| one.order().cmp(&other.order()));
            Ok(secrets.into_iter().map(|secret| secret.metadata).collect())
        })
    }

    fn show<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, Metadata> {
        Box::pin(async {
            let wanted = wanted(address)?;
            let (visit, found) = self.visit(async |visit| visit.find(&wanted.name).await).await?;
            let shown = visit.described(&wanted, found?);
            visit.session.close().await;
            shown
        })
    }

    /// Juju puts what is sent in place of all that was there, so that keys which are to stay are read and sent again.
    /// Whoever changes the secret in between is overwritten; the revision that he made is still there.
    fn update<'a>(
        &'a self,
        address: &'a Address,
        content: Option<NewContent>,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let wanted = wanted(address)?;
            let (mut fields, keeps_others) = match content {
                None => (Fields::new(), false),
                Some(NewContent::Whole(content)) => (keyed(content)?, false),
                Some(NewContent::Fields(fields)) => (fields, true),
            };
            check_fields(&fields)?;
            let (mut visit, others) = self
                .visit(async |visit| match keeps_others {
                    true => visit.content(&wanted).await,
                    false => Ok(Ok(Fields::new())),
                })
                .await
                .map_err(|error| if keeps_others { all_keys_instead(error) } else { error })?;
            let is_new = |(key, _): &(String, Secret)| fields.iter().all(|(changed, _)| changed != key);
            let others: Fields = others?.into_iter().filter(is_new).collect();
            fields.extend(others);
            check_size(&fields)?;
            let mut said = named(&wanted.name, "existing-label");
            let new_name = given.text(Attribute::NewName).map(new_name).transpose()?;
            if let Some(label) = given.text(Attribute::NewName) {
                said["label"] = json!(label);
            }
            if let Some(description) = given.text(Attribute::Description) {
                said["description"] = json!(description);
            }
            if let Some(auto_prune) = given.flag(Attribute::AutoPrune) {
                said["auto-prune"] = json!(auto_prune);
            }
            visit.write_one("UpdateSecrets", &arguments(&said, &fields), &address.path).await.map_err(
                |error| match (error, given.text(Attribute::NewName)) {
                    (ManageError::Exists { store, .. }, Some(name)) => {
                        ManageError::Usage(format!("{store} already has a secret `{name}`; choose another name"))
                    }
                    (error, _) => error,
                },
            )?;
            visit.written(new_name.as_ref().unwrap_or(&wanted.name)).await
        })
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], _: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(async {
            let all = addresses.iter().map(wanted).collect::<Result<Vec<_>, _>>()?;
            let argument = |wanted: &Wanted| {
                let mut argument = named(&wanted.name, "label");
                if let Some(revision) = wanted.revision {
                    argument["revisions"] = json!([revision]);
                }
                argument
            };
            let params = json!({ "args": all.iter().map(argument).collect::<Vec<_>>() }).to_string();
            let mut visit = self.visit_of(all.iter().map(|wanted| &wanted.name)).await?;
            let answers = visit.write("RemoveSecrets", &params, all.len()).await?;
            let names: Vec<String> = all.iter().map(shown).collect();
            let answers = answers.map_err(|refusal| visit.refused(&refusal, &names.join(", ")))?;
            let outcome = |(name, answer): (String, Option<Refusal<'_>>)| {
                let refused = answer.map(|refusal| visit.refused(&refusal, &name));
                (name, refused.map_or(Ok(()), Err))
            };
            let outcomes = names.into_iter().zip(answers).map(outcome).collect();
            visit.session.close().await;
            Ok(outcomes)
        })
    }

    fn grant<'a>(&'a self, address: &'a Address, to: &'a [String], _: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(self.share("GrantSecret", address, to))
    }

    fn revoke<'a>(&'a self, address: &'a Address, from: &'a [String], _: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(self.share("RevokeSecret", address, from))
    }

    fn history<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        Box::pin(async {
            let name = wanted(address)?.name;
            self.look(async |visit| visit.find(&name).await).await?.map(|secret| secret.revisions)
        })
    }
}

impl Juju {
    /// A connection, and what a verb has to know first.
    async fn visit<T>(&self, look: impl AsyncFn(&mut Visit) -> Result<T, Fault>) -> Result<(Visit, T), ManageError> {
        self.visit_for(net::LARGEST, look).await
    }

    /// The same for replies of up to this many bytes.
    async fn visit_for<T>(
        &self,
        largest: usize,
        look: impl AsyncFn(&mut Visit) -> Result<T, Fault>,
    ) -> Result<(Visit, T), ManageError> {
        let looked = retried(&self.deadline, self.retries, async || {
            let (session, model) = self.enter(largest).await?;
            let version = secrets_version(&session)?;
            let mut visit = Visit { session, model, version };
            let found = look(&mut visit).await?;
            Ok((visit, found))
        });
        looked.await.map_err(|error| in_our_words(error).into())
    }

    /// A connection for secrets of the model that it leads to.
    async fn visit_of(&self, names: impl Iterator<Item = &Name> + Clone) -> Result<Visit, ManageError> {
        let (visit, ()) = self.visit(async |_| Ok(())).await?;
        for name in names {
            name.check_model(&visit.model)?;
        }
        Ok(visit)
    }

    async fn look<T>(&self, look: impl AsyncFn(&mut Visit) -> Result<T, Fault>) -> Result<T, ManageError> {
        let (visit, found) = self.visit(look).await?;
        visit.session.close().await;
        Ok(found)
    }

    /// With applications, or no more with them.
    async fn share(&self, request: &str, address: &Address, with: &[String]) -> Result<Outcomes, ManageError> {
        let wanted = wanted(address)?;
        check_applications(with)?;
        let mut params = named(&wanted.name, "label");
        params["applications"] = json!(with);
        let mut visit = self.visit_of(std::iter::once(&wanted.name)).await?;
        let answers = visit.write(request, &params.to_string(), with.len()).await?;
        let answers = answers.map_err(|refusal| visit.refused(&refusal, &shown(&wanted)))?;
        let outcome = |(application, answer): (&String, Option<Refusal<'_>>)| {
            let refused = answer.map(|refusal| match refusal.is_absence() {
                true => ManageError::Usage(format!(
                    "the model {} at {} has no application `{application}`; `juju status` lists those it has",
                    visit.model,
                    visit.session.origin()
                )),
                false => visit.refused(&refusal, &shown(&wanted)),
            });
            (application.clone(), refused.map_or(Ok(()), Err))
        };
        let outcomes = with.iter().zip(answers).map(outcome).collect();
        visit.session.close().await;
        Ok(outcomes)
    }
}

/// What a look for one secret came to; an absent one is no reason to ask again.
type Found<T> = Result<T, ManageError>;

impl Visit {
    /// What the controller shows of the secrets that a filter leaves.
    async fn list(&mut self, params: &str) -> Result<Vec<Listed>, Fault> {
        let message = self.session.call("Secrets", self.version, "ListSecrets", params).await?;
        let result = self.session.reply(&message)?.result;
        Listed::all(result, &self.model, &self.session)
    }

    /// The secret that a name means: the model's own, or else a charm's.
    async fn find(&mut self, name: &Name) -> Result<Found<Listed>, Fault> {
        let found = self.find_each(std::slice::from_ref(name)).await?.pop();
        Ok(found.unwrap_or_else(|| Err(self.not_found(&Wanted::latest(name)))))
    }

    /// The same for each of these names, in their order.
    async fn find_each(&mut self, names: &[Name]) -> Result<Vec<Found<Listed>>, Fault> {
        names.iter().try_for_each(|name| name.check_model(&self.model))?;
        let params = names.iter().map(|name| filter(&Wanted::latest(name), false));
        let (mut listed, model) = (BTreeMap::new(), &self.model);
        let answer = |session: &Session, at: usize, result: Result<Object<'_>, Refusal<'_>>| {
            listed.insert(at, Listed::all(result, model, session)?);
            Ok(())
        };
        self.session.call_each("Secrets", self.version, "ListSecrets", params, answer).await?;
        Ok(names.iter().zip(listed.into_values()).map(|(name, found)| self.meant(name, found)).collect())
    }

    /// Of those that a name left, the one that it means.
    fn meant(&self, name: &Name, mut found: Vec<Listed>) -> Found<Listed> {
        // An old controller looks at no label.
        found.retain(|secret| match name {
            Name::Id { id, .. } => secret.id == *id,
            Name::Label(label) => secret.label.as_ref() == Some(label),
        });
        found.sort_by_key(|secret| !secret.is_own);
        let is_one = found.len() < 2 || found[0].is_own && !found[1].is_own;
        if !is_one {
            let text = format!(
                "{}: several secrets have the name {name}; name one by its id, which `inject secret list --json` \
                 shows as `uri`",
                self.session.origin()
            );
            return Err(StoreError::Settings(text).into());
        }
        found.into_iter().next().ok_or_else(|| self.not_found(&Wanted::latest(name)))
    }

    /// What is known of a secret at the revision that is wanted.
    fn described(&self, wanted: &Wanted, secret: Listed) -> Found<Metadata> {
        let metadata = match wanted.revision {
            None => Some(secret.metadata),
            Some(number) => secret.revisions.into_iter().find(|one| one.revision == Some(number.into())),
        };
        metadata.ok_or_else(|| self.not_found(wanted))
    }

    /// The values of a secret that the model owns.
    async fn content(&mut self, wanted: &Wanted) -> Result<Found<Fields>, Fault> {
        let content = self.contents(std::slice::from_ref(wanted)).await?.pop();
        Ok(content.unwrap_or_else(|| Err(self.not_found(wanted))))
    }

    /// The same for each of these, in their order. They are found first: the values of a charm's that has the same label
    /// never leave the controller, nor does its lack of a revision count.
    async fn contents(&mut self, wanted: &[Wanted]) -> Result<Vec<Found<Fields>>, Fault> {
        let names: Vec<Name> = wanted.iter().map(|wanted| wanted.name.clone()).collect();
        let found = self.find_each(&names).await?;
        let own = |(wanted, found): (&Wanted, Found<Listed>)| self.own(wanted, found?);
        let by_id: Vec<Found<Wanted>> = wanted.iter().zip(found).map(own).collect();
        let asked = wanted.iter().zip(&by_id).filter_map(|(wanted, by_id)| Some((wanted, by_id.as_ref().ok()?)));
        let asked: Vec<(&Wanted, &Wanted)> = asked.collect();
        let params = asked.iter().map(|(_, by_id)| filter(by_id, true));
        let (mut read, model) = (BTreeMap::new(), &self.model);
        let answer = |session: &Session, at: usize, result: Result<Object<'_>, Refusal<'_>>| {
            let (wanted, by_id) = asked[at];
            let secret = find(by_id, model, result, session.origin())?;
            let fields = match secret.map(|secret| fields(&secret, wanted, session.origin())).transpose() {
                Err(fault) if fault.is_transient() => return Err(fault),
                fields => fields.map_err(|fault| fault.error),
            };
            read.insert(at, fields);
            Ok(())
        };
        self.session.call_each("Secrets", self.version, "ListSecrets", params, answer).await?;
        let mut read = read.into_values();
        let content = |(wanted, by_id): (&Wanted, Found<Wanted>)| {
            by_id?;
            read.next().transpose()?.flatten().ok_or_else(|| self.not_found(wanted))
        };
        Ok(wanted.iter().zip(by_id).map(content).collect())
    }

    /// What is to be asked for its values, by its id; only where it has some for us.
    fn own(&self, wanted: &Wanted, secret: Listed) -> Found<Wanted> {
        let origin = self.session.origin();
        if !secret.is_own {
            let text = format!(
                "{origin}: {} is of {}, and only a charm reads its values",
                wanted.name,
                secret.metadata.place.as_deref().unwrap_or("a charm")
            );
            return Err(StoreError::NotReadable(text).into());
        }
        let number = wanted.revision.map(u64::from).or(secret.metadata.revision);
        if secret.revisions.iter().any(|left| left.revision == number) {
            return Ok(Wanted { name: Name::Id { id: secret.id, model: None }, revision: wanted.revision });
        }
        match wanted.revision {
            Some(_) => Err(self.not_found(wanted)),
            None => Err(removed(wanted, origin).into()),
        }
    }

    /// Asks for a change. What the controller says of each item, or why it refuses them all.
    async fn write(&mut self, request: &str, params: &str, items: usize) -> Result<Answers, ManageError> {
        if self.version < 2 {
            return Err(ManageError::Usage(format!(
                "{} is too old to have its secrets changed; Juju does since 3.3",
                self.session.origin()
            )));
        }
        let message = self.session.call("Secrets", self.version, request, params).await;
        let message = message.map_err(|fault| unsure(in_our_words(fault.error)))?;
        let result = match self.session.reply(&message).map_err(unsure)?.result {
            Ok(result) => result,
            Err(refusal) => return Ok(Err(refusal.bare())),
        };
        let results = result.get::<Vec<Object<'_>>>("results").filter(|results| results.len() == items);
        let results = results.ok_or_else(|| unsure(malformed(self.session.origin())))?;
        Ok(Ok(results.iter().map(|item| Refusal::of_item(item).map(Refusal::bare)).collect()))
    }

    async fn write_one(&mut self, request: &str, params: &str, name: &str) -> Result<(), ManageError> {
        let answers = self.write(request, params, 1).await?;
        let refusal = match answers {
            Ok(mut items) => items.pop().flatten(),
            Err(refusal) => Some(refusal),
        };
        refusal.map_or(Ok(()), |refusal| Err(self.refused(&refusal, name)))
    }

    /// What is known of a secret that was just written.
    async fn written(mut self, name: &Name) -> Result<Metadata, ManageError> {
        let found = self.find(name).await.map_err(|fault| {
            let done = |why: &str| format!("{name} was written, and what is known of it now could not be asked: {why}");
            in_our_words(fault.error).map(done)
        })?;
        self.session.close().await;
        found.map(|secret| secret.metadata)
    }

    /// Why a secret of this name is not written.
    fn refused(&self, refusal: &Refusal<'_>, name: &str) -> ManageError {
        let origin = self.session.origin();
        match &*refusal.code {
            "unauthorized access" => StoreError::Denied(format!(
                "{origin}: `{}` may not change `{name}`; that takes `juju grant USER write MODEL` (admin before 3.6), \
                 and a charm's secret is its charm's alone to change",
                self.session.user()
            ))
            .into(),
            "already exists" => ManageError::Exists { name: name.to_owned(), store: self.store() },
            _ if refusal.is_absence() => {
                ManageError::NotFound { name: name.to_owned(), revision: None, store: self.store() }
            }
            _ => in_our_words(refusal.fault(origin).error).into(),
        }
    }

    fn not_found(&self, wanted: &Wanted) -> ManageError {
        let revision = wanted.revision.map(u64::from);
        ManageError::NotFound { name: shown(&Wanted::latest(&wanted.name)), revision, store: self.store() }
    }

    /// For messages.
    fn store(&self) -> String {
        format!("the model {} at {}", self.model, self.session.origin())
    }
}

/// What became of each item of a write; Err: of none anything.
type Answers = Result<Vec<Option<Refusal<'static>>>, Refusal<'static>>;

/// Whoever may write secrets and not read them can do without the others' values.
fn all_keys_instead(error: ManageError) -> ManageError {
    match error {
        ManageError::Store(error @ StoreError::Denied(_)) => {
            let text = |why: &str| format!("{why}; `update --fields FILE` sets all keys without reading any");
            error.map(text).into()
        }
        error => error,
    }
}

fn wanted(address: &Address) -> Result<Wanted, ManageError> {
    Wanted::parse(address).map_err(ManageError::Usage)
}

/// As it is typed.
fn shown(wanted: &Wanted) -> String {
    let name = match &wanted.name {
        Name::Id { id, .. } => format!("secret:{id}"),
        Name::Label(label) => label.clone(),
    };
    wanted.revision.map_or(name.clone(), |revision| format!("{name}@{revision}"))
}

/// A name that a secret may get.
fn new_name(text: &str) -> Result<Name, ManageError> {
    match Name::parse(text) {
        Ok(name @ Name::Label(_)) => Ok(name),
        Ok(Name::Id { .. }) => Err(ManageError::Usage(format!(
            "`{text}` reads as an id, which Juju gives itself; under such a name nobody would find the secret"
        ))),
        Err(_) => Err(ManageError::Usage(format!(
            "{text:?} is no name of a Juju secret, which has at least one character and none of `:`, `/`, `?`, `#`"
        ))),
    }
}

/// A secret by its id, or by its name in the member that has it.
fn named(name: &Name, member: &str) -> Json {
    match name {
        Name::Id { id, .. } => json!({ "uri": format!("secret:{id}") }),
        Name::Label(label) => json!({ member: label }),
    }
}

fn keyed(content: Content) -> Result<Fields, ManageError> {
    match content {
        Content::Fields(fields) => Ok(fields),
        Content::Bytes(_) => Err(ManageError::Usage(
            "a secret of Juju is made of keys, each with a value: give them with --field KEY=@FILE, KEY=@- or KEY, or \
             all with --fields FILE"
                .to_owned(),
        )),
    }
}

fn check_fields(fields: &[(String, Secret)]) -> Result<(), ManageError> {
    for (key, value) in fields {
        if !is_key(key) {
            return Err(ManageError::Usage(format!(
                "{key:?} is no key of Juju: a key begins with a letter and has at least three lower-case letters and \
                 digits, single hyphens between them"
            )));
        }
        if value.len() == 0 {
            return Err(ManageError::Usage(format!("the value of `{key}` is empty, which Juju does not take")));
        }
    }
    check_size(fields)
}

/// `^([a-z](?:-?[a-z0-9]){2,})$`.
fn is_key(key: &str) -> bool {
    let is_letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.split('-').all(|part| !part.is_empty() && part.bytes().all(is_letter))
        && key.bytes().filter(|byte| *byte != b'-').count() >= 3
}

fn encoded(value: &Secret) -> usize {
    value.len().div_ceil(3) * 4
}

fn check_size(fields: &[(String, Secret)]) -> Result<(), ManageError> {
    let size: usize = fields.iter().map(|(_, value)| encoded(value)).sum();
    if size <= LARGEST {
        return Ok(());
    }
    Err(ManageError::TooBig(format!(
        "the values of a Juju secret have at most {LARGEST} bytes together, as base64, which is about 750000 of their \
         own; these have {size}"
    )))
}

fn check_applications(names: &[String]) -> Result<(), ManageError> {
    let is_application =
        |name: &&String| !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    match names.iter().find(|name| !is_application(name)) {
        _ if names.is_empty() => Err(ManageError::Usage("name the applications, behind the secret's name".to_owned())),
        Some(name) => Err(ManageError::Usage(format!(
            "{name:?} is no application of Juju; units and users are granted nothing, only whole applications are"
        ))),
        None => Ok(()),
    }
}

/// The parameters of a write to one secret: what is said of it, and its values where there are any.
#[allow(clippy::disallowed_methods, reason = "values on their way to the controller they are for")]
fn arguments(said: &Json, fields: &[(String, Secret)]) -> Zeroizing<String> {
    let said = said.to_string();
    if fields.is_empty() {
        return Zeroizing::new(format!(r#"{{"args":[{said}]}}"#));
    }
    // Sized, so that no copy is left; a character of a key takes at most six, and eight stand around the two.
    let size: usize = fields.iter().map(|(key, value)| 6 * key.len() + encoded(value) + 8).sum();
    let mut text = Zeroizing::new(String::with_capacity(said.len() + size + 40));
    text.push_str(r#"{"args":[{"content":{"data":{"#);
    for (at, (key, value)) in fields.iter().enumerate() {
        text.push_str(if at == 0 { "" } else { "," });
        text.push_str(&json!(key).to_string());
        text.push_str(":\"");
        BASE64_STANDARD.encode_string(value.expose(), &mut text);
        text.push('"');
    }
    text.push_str("}},");
    text.push_str(said.strip_prefix('{').unwrap_or(&said));
    text.push_str("]}");
    text
}

/// A secret as `ListSecrets` shows it, without its values.
struct Listed {
    id: String,
    label: Option<String>,
    /// The model owns it, and no charm.
    is_own: bool,
    metadata: Metadata,
    /// The newest first.
    revisions: Vec<Metadata>,
}

impl Listed {
    /// What a controller shows in a list.
    fn all(result: Result<Object<'_>, Refusal<'_>>, model: &str, session: &Session) -> Result<Vec<Self>, Fault> {
        let origin = session.origin();
        let result = match result {
            Ok(result) => result,
            Err(refusal) if refusal.is_absence() => return Ok(Vec::new()),
            Err(refusal) if refusal.code == "unauthorized access" => {
                let text = format!(
                    "{origin}: `{}` may not see the secrets of the model; that takes `juju grant USER read MODEL`",
                    session.user()
                );
                return Err(StoreError::Denied(text).into());
            }
            Err(refusal) => return Err(refusal.fault(origin)),
        };
        let owner = format!("model-{model}");
        let secrets = result.get::<Vec<Object<'_>>>("results");
        let listed = secrets.and_then(|secrets| secrets.iter().map(|secret| Self::read(secret, &owner)).collect());
        Ok(listed.ok_or_else(|| malformed(origin))?)
    }

    /// None: it is something else. `owner` is the model.
    fn read(secret: &Object<'_>, owner: &str) -> Option<Self> {
        let uri = secret.get::<String>("uri")?;
        let id = id_in(&uri)?.to_owned();
        let owned_by = secret.get::<String>("owner-tag")?;
        let is_own = owned_by == owner;
        let label = secret.get::<String>("label").filter(|label| !label.is_empty());
        let time = |object: &Object<'_>, name| object.get::<String>(name).and_then(|text| utc(&text));
        let mut known = attributes(secret, &ATTRIBUTES);
        let access = secret.get::<Vec<Object<'_>>>("access").unwrap_or_default();
        let application =
            |grant: &Object<'_>| grant.get::<String>("target-tag")?.strip_prefix("application-").map(str::to_owned);
        let applications: Vec<String> = access.iter().filter_map(application).collect();
        if !applications.is_empty() {
            // As `grant` names them.
            known.push(("applications", json!(applications)));
        }
        let metadata = Metadata {
            // Who has no name is called by its id.
            name: label.clone().unwrap_or(uri),
            place: (!is_own).then_some(owned_by),
            description: secret.get::<String>("description").filter(|text| !text.is_empty()),
            created: time(secret, "create-time"),
            updated: time(secret, "update-time"),
            revision: Some(secret.get::<u64>("latest-revision")?),
            attributes: known,
            ..Metadata::default()
        };
        let revision = |revision: &Object<'_>| {
            Some(Metadata {
                created: time(revision, "create-time"),
                updated: time(revision, "update-time"),
                revision: Some(revision.get::<u64>("revision")?),
                attributes: [attributes(secret, &OF_SECRET), attributes(revision, &OF_REVISION)].concat(),
                ..metadata.clone()
            })
        };
        let revisions = secret.get::<Vec<Object<'_>>>("revisions").unwrap_or_default();
        let mut revisions = revisions.iter().map(revision).collect::<Option<Vec<_>>>()?;
        revisions.sort_by_key(|metadata| Reverse(metadata.revision));
        Some(Self { id, label, is_own, metadata, revisions })
    }

    /// The model's own first, then by owner.
    fn order(&self) -> (Option<&str>, &str, &str) {
        (self.metadata.place.as_deref(), &self.metadata.name, &self.id)
    }
}

/// These members, null where there is none.
fn attributes(object: &Object<'_>, names: &[&'static str]) -> Vec<(&'static str, Json)> {
    names.iter().map(|name| (*name, in_utc(name, object.get(name).unwrap_or_default()))).collect()
}

/// With every time in it as ours are.
fn in_utc(name: &str, value: Json) -> Json {
    match value {
        Json::String(text) if name.ends_with("-time") => json!(utc(&text)),
        Json::Array(items) => items.into_iter().map(|item| in_utc(name, item)).collect(),
        Json::Object(members) => {
            let member = |(name, value): (String, Json)| {
                let value = in_utc(&name, value);
                (name, value)
            };
            Json::Object(members.into_iter().map(member).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_the_clients_of_juju_take_for_one() {
        for key in ["abc", "a1b", "token", "my-api-token", "a-b-c", "x509"] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "ab", "a-b", "Abc", "1abc", "a_b_c", "-abc", "abc-", "ab--c", "a.bc", "äbc", "abc\n"] {
            assert!(!is_key(key), "{key}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_sent_and_values_are_base64() {
        let fields =
            [("a\"b".to_owned(), Secret::from(vec![0, 255])), ("token".to_owned(), Secret::from("v".to_owned()))];
        let said = json!({ "label": "n\"" });
        let text = arguments(&said, &fields);
        let parsed: Json = serde_json::from_str(&text).unwrap();
        let data = json!({ "a\"b": "AP8=", "token": "dg==" });
        assert_eq!(parsed, json!({ "args": [{ "content": { "data": data }, "label": "n\"" }] }));
        assert_eq!(*arguments(&said, &[]), r#"{"args":[{"label":"n\""}]}"#);
    }

    #[test]
    fn values_are_measured_as_they_are_sent() {
        let of = |size: usize| [("key".to_owned(), Secret::from(vec![b'x'; size]))];
        assert!(check_size(&of(750_000)).is_ok());
        assert!(matches!(check_size(&of(750_001)), Err(ManageError::TooBig(_))));
    }
}

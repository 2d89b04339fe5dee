//! What `inject secret` does in Apolo: list, add, read and remove the secrets of a project.
//!
//! The service knows of a secret where it is and nothing else, and adding one that exists replaces it without a
//! question, so whether it does is asked here. What is wrong with a value or a name is said before it is sent.

use super::{Apolo, Known, Login, Name, check_names, has_error};
use crate::net::{self, Method, Reply, StatusCode, encode, unsure};
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Existing, Manage, ManageError, Managing, Metadata, Outcomes, Verb,
};
use crate::store::object::Object;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Where a secret is, as far as its name does not say it.
const PLACE: &[Attribute] = &[Attribute::Cluster, Attribute::Org, Attribute::Project];

pub(super) const MANAGING: Managing = Managing {
    open: |settings, context| Ok(Box::new(Apolo::open(settings, context)?)),
    verbs: &[(Verb::Add, PLACE), (Verb::Get, PLACE), (Verb::List, PLACE), (Verb::Show, PLACE), (Verb::Remove, PLACE)],
    lacks: &[
        (Verb::Update, "Apolo replaces a secret as a whole, which `add --replace` does"),
        (Verb::Grant, "the secrets API of Apolo shares none"),
        (Verb::Revoke, "the secrets API of Apolo shares none"),
        (Verb::History, "Apolo keeps the latest value alone"),
    ],
    formats: &[],
};

/// The most bytes of a request's body.
const LARGEST_BODY: usize = 1 << 20;

impl Manage for Apolo {
    fn check(&self, _: Verb, address: &Address, given: &Attributes) -> Result<(), ManageError> {
        agrees(address, given)
    }

    fn fits(&self, address: &Address, content: &Content, _: &Attributes) -> Result<(), ManageError> {
        let name = Name::parse(&address.path).map_err(ManageError::Usage)?;
        body(&name, whole(address, content)?).map(drop)
    }

    fn add<'a>(
        &'a self,
        address: &'a Address,
        content: Content,
        _: Existing,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let value = whole(address, &content)?;
            let (known, name) = self.meant(address, given).await?;
            let Some((service, _)) = known.place(&name)? else { return Err(self.absent(&name)) };
            let client = &service.client;
            // The same again is as good as once: it replaces.
            let request = net::Request::new(Method::POST, service.path.clone()).json(body(&name, value)?);
            let reply = client.send(&self.with_login(request.repeatable())).await?;
            match reply.status {
                StatusCode::CREATED => {
                    let entry = Object::parse(&reply.body).and_then(|entry| metadata(&entry, name.cluster.as_deref()));
                    entry.ok_or_else(|| {
                        let text = format!("{} does not answer as Apolo's secrets do, with an entry", client.origin());
                        StoreError::Malformed(text).into()
                    })
                }
                StatusCode::PAYLOAD_TOO_LARGE => Err(too_big(&name)),
                _ => Err(self.refused(client, &reply, "write", &name).into()),
            }
        })
    }

    fn value<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Content> {
        Box::pin(async move {
            let (known, name) = self.meant(address, given).await?;
            let Some((service, query)) = known.place(&name)? else { return Err(self.absent(&name)) };
            let path = format!("{}/{}{query}", service.path, encode(&name.key));
            let value = self.get(&service.client, path, &name).await?;
            value.map(Content::from).ok_or_else(|| self.absent(&name))
        })
    }

    fn list<'a>(&'a self, given: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        Box::pin(async move {
            // Any key, as the place is that of all.
            let address = Address { store: None, path: "-".into(), version: None };
            let (known, name) = self.meant(&address, given).await?;
            let mut listed = self.secrets(&known, &name).await?;
            listed.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(listed)
        })
    }

    fn show<'a>(&'a self, address: &'a Address, given: &'a Attributes) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let (known, name) = self.meant(address, given).await?;
            let listed = self.secrets(&known, &name).await?;
            listed.into_iter().find(|secret| secret.name == name.key).ok_or_else(|| self.absent(&name))
        })
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], given: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(async move {
            let known = self.known(&self.login_for(given)?, addresses.iter()).await?;
            let mut outcomes = Outcomes::with_capacity(addresses.len());
            for address in addresses {
                outcomes.push((address.path.to_string(), self.delete(&known, address).await));
            }
            Ok(outcomes)
        })
    }
}

impl Apolo {
    /// The secret that is meant, and what the API tells about where it is.
    async fn meant(&self, address: &Address, given: &Attributes) -> Result<(Known, Name), ManageError> {
        agrees(address, given)?;
        let known = self.known(&self.login_for(given)?, std::iter::once(address)).await?;
        let name = known.name(address).map_err(ManageError::Usage)?;
        Ok((known, name))
    }

    /// With what was said of the place before what the login says.
    fn login_for(&self, given: &Attributes) -> Result<Login, ManageError> {
        let [cluster, org, project] = said(given)?;
        let or = |said: Option<&str>, own: &Option<String>| said.map(str::to_owned).or_else(|| own.clone());
        Ok(Login {
            token: self.login.token.share(),
            url: self.login.url.clone(),
            cluster: or(cluster, &self.login.cluster),
            org: or(org, &self.login.org),
            project: or(project, &self.login.project),
        })
    }

    /// All secrets that are where this one is; none, too, where this login may read none.
    async fn secrets(&self, known: &Known, name: &Name) -> Result<Vec<Metadata>, StoreError> {
        let Some((service, query)) = known.place(name)? else { return Ok(Vec::new()) };
        self.list(service, &query, |entry| metadata(entry, name.cluster.as_deref())).await
    }

    async fn delete(&self, known: &Known, address: &Address) -> Result<(), ManageError> {
        let name = known.name(address).map_err(ManageError::Usage)?;
        let Some((service, query)) = known.place(&name)? else { return Err(self.absent(&name)) };
        let path = format!("{}/{}{query}", service.path, encode(&name.key));
        // Not repeatable: what had been done the first time would be told as not found.
        let reply = service.client.send(&self.with_login(net::Request::new(Method::DELETE, path))).await?;
        match reply.status {
            StatusCode::NO_CONTENT => Ok(()),
            StatusCode::NOT_FOUND if has_error(&reply) => Err(self.absent(&name)),
            status if status.is_server_error() => Err(unsure(service.client.refusal(&reply)).into()),
            _ => Err(self.refused(&service.client, &reply, "remove", &name).into()),
        }
    }

    fn absent(&self, name: &Name) -> ManageError {
        let part = |part: &Option<String>| part.clone().unwrap_or_else(|| "?".to_owned());
        let [cluster, org, project] = [&name.cluster, &name.org, &name.project].map(part);
        // Whoever may read none is told the same.
        let store = format!("the project `{project}` of `{org}` in `{cluster}`, as this login sees it,");
        ManageError::NotFound { name: name.key.clone(), revision: None, store }
    }

    /// What an answer to a write means that is not the one wanted.
    fn refused(&self, client: &net::Client, reply: &Reply, doing: &str, name: &Name) -> StoreError {
        let origin = client.origin();
        match reply.status {
            StatusCode::UNAUTHORIZED => self.not_let_in(origin),
            StatusCode::FORBIDDEN => StoreError::Denied(format!(
                "{origin} answered 403 Forbidden: this login may not {doing} {name}, or there is no such project"
            )),
            StatusCode::BAD_REQUEST if has_error(reply) => StoreError::Malformed(format!(
                "{origin} does not take {name}: its rules for keys and values are other ones than those known here"
            )),
            _ => client.refusal(reply),
        }
    }
}

/// Where a name says its place itself, the options must not say another.
fn agrees(address: &Address, given: &Attributes) -> Result<(), ManageError> {
    let name = Name::parse(&address.path).map_err(ManageError::Usage)?;
    let [cluster, org, project] = said(given)?;
    for (option, said, named) in
        [("cluster", cluster, name.cluster), ("org", org, name.org), ("project", project, name.project)]
    {
        if let (Some(said), Some(named)) = (said, named)
            && said != named
        {
            return Err(ManageError::Usage(format!(
                "the name says the {option} `{named}` and --{option} says `{said}`; which one is right?"
            )));
        }
    }
    Ok(())
}

/// The cluster, organisation and project that were said.
fn said(given: &Attributes) -> Result<[Option<&str>; 3], ManageError> {
    let said = [Attribute::Cluster, Attribute::Org, Attribute::Project].map(|attribute| given.text(attribute));
    check_names(said).map_err(ManageError::Usage)?;
    Ok(said)
}

/// None: it is no entry of the service's.
fn metadata(entry: &Object<'_>, cluster: Option<&str>) -> Option<Metadata> {
    let text = |name| entry.get::<String>(name);
    let (key, org, project) = (text("key")?, text("org_name")?, text("project_name")?);
    let cluster = cluster?;
    Some(Metadata {
        place: Some(format!("{cluster}/{org}/{project}")),
        attributes: vec![
            ("key", json!(key)),
            ("owner", json!(text("owner"))),
            ("cluster_name", json!(cluster)),
            ("org_name", json!(org)),
            ("project_name", json!(project)),
            ("uri", json!(format!("secret://{cluster}/{org}/{project}/{key}"))),
        ],
        name: key,
        ..Metadata::default()
    })
}

fn whole<'c>(address: &Address, content: &'c Content) -> Result<&'c Secret, ManageError> {
    match content {
        Content::Bytes(value) => Ok(value),
        Content::Fields(_) => Err(ManageError::Usage(format!(
            "`{}`: a secret of Apolo has one value and no fields; a JSON object may be that value",
            address.path
        ))),
    }
}

/// What adds a secret, in buffers that need not grow.
#[allow(clippy::disallowed_methods, reason = "the value on its way to the service that keeps it")]
fn body(name: &Name, value: &Secret) -> Result<Zeroizing<Vec<u8>>, ManageError> {
    let bytes = value.expose();
    if bytes.is_empty() {
        return Err(ManageError::Usage(format!("the value of `{}` is empty, and Apolo keeps no empty one", name.key)));
    }
    let room = bytes.len().div_ceil(3) * 4;
    let mut text = Zeroizing::new(String::with_capacity(room));
    BASE64_STANDARD.encode_string(bytes, &mut text);
    let [org, project] = [&name.org, &name.project].map(|part| part.as_deref().unwrap_or_default());
    // JSON makes six bytes of one at most, of base64 one.
    let mut body = Zeroizing::new(Vec::with_capacity(64 + room + 6 * (name.key.len() + org.len() + project.len())));
    let members = BTreeMap::from([("key", &*name.key), ("value", &text), ("org_name", org), ("project_name", project)]);
    serde_json::to_writer(&mut *body, &members)
        .map_err(|_| ManageError::Usage("the names cannot be written as JSON".to_owned()))?;
    if body.len() > LARGEST_BODY { Err(too_big(name)) } else { Ok(body) }
}

fn too_big(name: &Name) -> ManageError {
    ManageError::TooBig(format!("the value of `{}` is too big: Apolo takes less than 786,000 bytes", name.key))
}

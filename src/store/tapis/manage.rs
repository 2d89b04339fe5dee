//! What `inject secret` does in Tapis: the six calls of the service about a user's own secrets.
//!
//! Where a secret belongs and whether it is readable and writable is said once, when it is made. The service looks at a
//! description after it has changed the value beside it, so both are checked here first. A name is taken for all users
//! of a site at once.

use super::{Envelope, Member, Members, Object, Tapis, Token, body, own, parts, path, wanted, with};
use crate::net::{self, Method, Reply, StatusCode, unsure};
use crate::reference::Address;
use crate::secret::Secret;
use crate::store::StoreError;
use crate::store::manage::{
    Attribute, Attributes, Content, Doing, Existing, Manage, ManageError, Managing, Metadata, NewContent, Outcomes,
    Verb,
};
use serde_json::{Value as Json, json};

pub(super) const MANAGING: Managing = Managing {
    open: |settings, context| Ok(Box::new(Tapis::open(settings, context)?)),
    verbs: &[
        (
            Verb::Add,
            &[Attribute::Scope, Attribute::Pod, Attribute::Description, Attribute::Readable, Attribute::Writable],
        ),
        (Verb::Get, &[]),
        (Verb::List, &[]),
        (Verb::Show, &[]),
        (Verb::Update, &[Attribute::Description]),
        (Verb::Remove, &[]),
    ],
    lacks: &[
        (Verb::Grant, "its API shares no secret, so only who made one has it"),
        (Verb::Revoke, "its API shares no secret, so only who made one has it"),
        (Verb::History, "Tapis keeps the latest value alone"),
    ],
    formats: &[],
};

/// Of a description, in characters.
const LONGEST_DESCRIPTION: usize = 500;

impl Manage for Tapis {
    fn check(&self, _: Verb, _: &Address, given: &Attributes) -> Result<(), ManageError> {
        if let Some(description) = given.text(Attribute::Description) {
            if !description.is_ascii() {
                return Err(ManageError::Usage("a description in Tapis has ASCII characters only".into()));
            }
            if description.len() > LONGEST_DESCRIPTION {
                let text = format!("a description in Tapis has at most {LONGEST_DESCRIPTION} characters");
                return Err(ManageError::Usage(text));
            }
        }
        scope(given).map(drop)
    }

    fn fits(&self, address: &Address, content: &Content, _: &Attributes) -> Result<(), ManageError> {
        let (_, name) = parts(&address.path);
        text(name, &whole(name, content.share())?).map(drop)
    }

    fn exists<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, bool> {
        Box::pin(async move {
            let name = self.name(address).await?;
            let taken = |_: &Token| {
                StoreError::Denied(format!(
                    "`{name}` is the name of somebody else's secret, and {} has each name once for all its users; take \
                     one with a prefix of your own",
                    self.client.origin()
                ))
            };
            Ok(self.found(&name, taken).await?.is_some())
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
            let name = self.name(address).await?;
            let value = whole(&name, content)?;
            let value = text(&name, &value)?;
            if existing == Existing::Replace {
                let found = self.found(&name, |token| self.forbidden("see", &name, token)).await?;
                agrees(&name, &found.ok_or_else(|| self.absent(&name))?, given)?;
                let description = given.text(Attribute::Description).unwrap_or_default();
                return self.change(&name, Some(value), Some(description)).await;
            }
            let mut members =
                Members::from([("secret_id", Member::Text(&name)), ("secret_value", Member::Text(value))]);
            let (scope, pod) = scope(given)?;
            let texts = [("scope", scope), ("pod_id", pod), ("description", given.text(Attribute::Description))];
            members.extend(texts.into_iter().filter_map(|(name, text)| Some((name, Member::Text(text?)))));
            let flags = [("readable", Attribute::Readable), ("writable", Attribute::Writable)];
            members.extend(flags.into_iter().filter_map(|(name, flag)| Some((name, Member::Flag(given.flag(flag)?)))));
            let created = self.create(&name, &members).await?;
            created.ok_or_else(|| ManageError::Exists { name: name.clone(), store: self.client.origin().to_string() })
        })
    }

    fn value<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, Content> {
        Box::pin(async move {
            let user = self.user().await?;
            let value = self.fetch(wanted(address, user.as_deref()), user.as_deref()).await?;
            value.map(Content::from).ok_or_else(|| self.absent(parts(&address.path).1))
        })
    }

    fn list<'a>(&'a self, _: &'a Attributes) -> Doing<'a, Vec<Metadata>> {
        Box::pin(async move {
            self.user().await?;
            let listed = self.ask(async |token| {
                let reply = self.get("secrets", token).await?;
                let listed: Option<Vec<Object<'_>>> = result(&reply);
                if let Some(listed) = listed.and_then(|listed| listed.iter().map(metadata).collect::<Option<Vec<_>>>())
                {
                    return Ok(listed);
                }
                let text = format!("{} does not let `{}` list secrets", self.client.origin(), token.user());
                self.refused(&reply, token, StoreError::Denied(text))?.ok_or_else(|| self.client.refusal(&reply))
            });
            let mut listed = listed.await?;
            listed.sort_by(|one, other| (&one.place, &one.name).cmp(&(&other.place, &other.name)));
            Ok(listed)
        })
    }

    fn show<'a>(&'a self, address: &'a Address, _: &'a Attributes) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let name = self.name(address).await?;
            let found = self.found(&name, |token| self.forbidden("see", &name, token)).await?;
            found.ok_or_else(|| self.absent(&name))
        })
    }

    fn update<'a>(
        &'a self,
        address: &'a Address,
        content: Option<NewContent>,
        given: &'a Attributes,
    ) -> Doing<'a, Metadata> {
        Box::pin(async move {
            let name = self.name(address).await?;
            let value = content.map(|content| whole(&name, content.into())).transpose()?;
            let value = value.as_ref().map(|value| text(&name, value)).transpose()?;
            self.change(&name, value, given.text(Attribute::Description)).await
        })
    }

    fn remove<'a>(&'a self, addresses: &'a [Address], _: &'a Attributes) -> Doing<'a, Outcomes> {
        Box::pin(async move {
            let mut outcomes = Outcomes::with_capacity(addresses.len());
            for address in addresses {
                let removed = match self.name(address).await {
                    Ok(name) => self.delete(&name).await,
                    Err(error) => Err(error.into()),
                };
                outcomes.push((address.path.to_string(), removed));
            }
            Ok(outcomes)
        })
    }
}

impl Tapis {
    /// The name of a secret that may be the user's own, whose token is for the right tenant.
    async fn name(&self, address: &Address) -> Result<String, StoreError> {
        let user = self.user().await?;
        own(wanted(address, user.as_deref()), user.as_deref())
    }

    /// What is known of a secret. None: there is none.
    async fn found(&self, name: &str, denied: impl Fn(&Token) -> StoreError) -> Result<Option<Metadata>, StoreError> {
        self.ask(async |token| {
            let reply = self.get(&path(name), token).await?;
            match described(&reply) {
                Some(metadata) => Ok(Some(metadata)),
                None => self.refused(&reply, token, denied(token)),
            }
        })
        .await
    }

    /// None: there is one of that name already.
    async fn create(&self, name: &str, members: &Members<'_>) -> Result<Option<Metadata>, StoreError> {
        self.ask(async |token| {
            // Not repeatable: the second time it would meet what the first one made.
            let request = net::Request::new(Method::POST, "/v3/pods/secrets").json(body(members)?);
            let reply = self.client.send(&with(request, token)).await?;
            match (reply.status, described(&reply)) {
                (StatusCode::OK, Some(metadata)) => Ok(Some(metadata)),
                (StatusCode::CONFLICT, _) if Envelope::read(&reply).is_some() => Ok(None),
                (status, _) if status.is_server_error() => Err(unsure(self.client.refusal(&reply))),
                _ => {
                    let denied = || self.forbidden("make", name, token);
                    let none = self.refused(&reply, token, self.breaks_rules(&reply).unwrap_or_else(denied))?;
                    none.map_or_else(|| Err(self.client.refusal(&reply)), Ok)
                }
            }
        })
        .await
    }

    /// What is None stays as it is.
    async fn change(
        &self,
        name: &str,
        value: Option<&str>,
        description: Option<&str>,
    ) -> Result<Metadata, ManageError> {
        let texts = [("secret_value", value), ("description", description)];
        let members: Members<'_> =
            texts.into_iter().filter_map(|(name, text)| Some((name, Member::Text(text?)))).collect();
        let changed = self.ask(async |token| {
            // The same change twice is as good as once.
            let request = net::Request::new(Method::PUT, format!("/v3/pods/{}", path(name))).json(body(&members)?);
            let reply = self.client.send(&with(request.repeatable(), token)).await?;
            if let Some(metadata) = described(&reply) {
                return Ok(Some(metadata));
            }
            if reply.status == StatusCode::FORBIDDEN && value.is_some() && self.has_off(name, "writable", token).await {
                return Err(StoreError::Denied(format!(
                    "`{name}` has `writable` false, so Tapis changes its value for nobody, and nothing was changed; \
                     remove it and add it anew, or change its description alone"
                )));
            }
            let denied = || self.forbidden("change", name, token);
            let broken = self.breaks_rules(&reply);
            let half = |error: StoreError| match members.len() {
                2 => {
                    error.map(|why| format!("{why}; its value was perhaps changed before its description was refused"))
                }
                _ => error,
            };
            self.refused(&reply, token, broken.map(half).unwrap_or_else(denied))
        });
        changed.await?.ok_or_else(|| self.absent(name))
    }

    async fn delete(&self, name: &str) -> Result<(), ManageError> {
        let deleted = self.ask(async |token| {
            // Not repeatable: what had been done the first time would be told as not found.
            let request = net::Request::new(Method::DELETE, format!("/v3/pods/{}", path(name)));
            let reply = self.client.send(&with(request, token)).await?;
            match reply.status {
                StatusCode::OK if result::<String>(&reply).is_some() => Ok(Some(())),
                status if status.is_server_error() => Err(unsure(self.client.refusal(&reply))),
                _ => self.refused(&reply, token, self.forbidden("remove", name, token)),
            }
        });
        deleted.await?.ok_or_else(|| self.absent(name))
    }

    fn absent(&self, name: &str) -> ManageError {
        ManageError::NotFound { name: name.to_owned(), revision: None, store: self.client.origin().to_string() }
    }

    fn forbidden(&self, doing: &str, name: &str, token: &Token) -> StoreError {
        StoreError::Denied(format!(
            "{} does not let `{}` {doing} `{name}`; only who made a secret may: is the name right?",
            self.client.origin(),
            token.user()
        ))
    }

    /// A list of messages is what the service has for a body that its rules do not allow.
    fn breaks_rules(&self, reply: &Reply) -> Option<StoreError> {
        let members = Object::parse(&reply.body)?;
        members.get::<Vec<String>>("message")?;
        Some(StoreError::Malformed(format!(
            "{} does not take what was said of the secret: its rules are other ones than those known here",
            self.client.origin()
        )))
    }
}

/// What a good answer holds; None where it is none, or holds something else.
fn result<'r, T: serde::Deserialize<'r>>(reply: &'r Reply) -> Option<T> {
    let is_good = reply.status == StatusCode::OK && Envelope::read(reply)?.is_success;
    if is_good { Object::parse(&reply.body)?.get("result") } else { None }
}

fn described(reply: &Reply) -> Option<Metadata> {
    metadata(&result(reply)?)
}

/// None: it is not what the service says of a secret.
fn metadata(object: &Object<'_>) -> Option<Metadata> {
    const NAMES: [&str; 9] = [
        "secret_id",
        "scope",
        "pod_id",
        "description",
        "readable",
        "writable",
        "sk_secret_name",
        "creation_ts",
        "added_by",
    ];
    let text = |name| object.get::<String>(name);
    let created = text("creation_ts").map(|time| utc(&time).unwrap_or(time));
    let attribute = |name| match name {
        "creation_ts" => (name, json!(created)),
        _ => (name, object.get::<Json>(name).unwrap_or_default()),
    };
    Some(Metadata {
        name: text("secret_id")?,
        place: match (text("scope"), text("pod_id")) {
            (Some(scope), Some(pod)) => Some(format!("{scope}/{pod}")),
            (scope, _) => scope,
        },
        description: text("description"),
        attributes: NAMES.map(attribute).into(),
        creator: text("added_by"),
        created,
        ..Metadata::default()
    })
}

/// The service's times are UTC and do not say so, which RFC 3339 wants. None: it is no such time.
fn utc(time: &str) -> Option<String> {
    let bare = time.strip_suffix('Z').or_else(|| time.strip_suffix("+00:00")).unwrap_or(time);
    let (second, fraction) = bare.split_once('.').unwrap_or((bare, "0"));
    let is_like = |(byte, like): (u8, u8)| if like == b'0' { byte.is_ascii_digit() } else { byte == like };
    let like = b"0000-00-00T00:00:00";
    let is_time = second.len() == like.len() && second.bytes().zip(*like).all(is_like);
    let has_fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    (is_time && has_fraction).then(|| format!("{bare}Z"))
}

/// The scope that was said and its pod; of a pod where one is named.
fn scope(given: &Attributes) -> Result<(Option<&str>, Option<&str>), ManageError> {
    let wrong = |text: &str| Err(ManageError::Usage(text.to_owned()));
    match (given.text(Attribute::Scope), given.text(Attribute::Pod)) {
        (_, Some("")) => wrong("--pod is the id of a pod, and not empty"),
        (None | Some("pod"), Some(pod)) => Ok((Some("pod"), Some(pod))),
        (Some("pod"), None) => wrong("a secret of the scope `pod` needs --pod, the id of the pod"),
        (Some("user"), Some(_)) => wrong("a secret of the scope `user` is for no --pod; of the scope `pod` it is"),
        (scope @ (None | Some("user")), None) => Ok((scope, None)),
        (Some(_), _) => wrong("--scope is `user` or `pod` in Tapis"),
    }
}

/// Whether a secret is already what is said of it, where that cannot be changed any more.
fn agrees(name: &str, found: &Metadata, given: &Attributes) -> Result<(), ManageError> {
    let is = |name: &str| found.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    let (scope, pod) = scope(given)?;
    let flag = |attribute| given.flag(attribute).map(Json::from);
    let said = [
        ("scope", scope.map(Json::from)),
        ("pod_id", pod.map(Json::from)),
        ("readable", flag(Attribute::Readable)),
        ("writable", flag(Attribute::Writable)),
    ];
    match said.iter().find(|(name, said)| said.is_some() && is(name) != said.as_ref()) {
        None => Ok(()),
        Some((attribute, _)) => Err(ManageError::Usage(format!(
            "`{name}` has another `{attribute}`, which Tapis fixes when a secret is made; `inject secret rm` and then \
             `add` make it anew"
        ))),
    }
}

fn whole(name: &str, content: Content) -> Result<Secret, ManageError> {
    match content {
        Content::Bytes(value) => Ok(value),
        Content::Fields(_) => Err(ManageError::Usage(format!(
            "`{name}`: a secret of Tapis has one value and no fields; a JSON object may be that value"
        ))),
    }
}

#[allow(clippy::disallowed_methods, reason = "the value on its way to the service that keeps it")]
fn text<'s>(name: &str, value: &'s Secret) -> Result<&'s str, ManageError> {
    std::str::from_utf8(value.expose()).map_err(|_| {
        ManageError::Usage(format!(
            "the value of `{name}` is no text in UTF-8, and Tapis takes no other; add it in base64, and refer to it as \
             $<secret:{name}|base64d>"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_the_service_is_shown_as_utc_and_nothing_else_is_taken_for_one() {
        for time in ["2026-11-22T03:55:50.236550", "2026-11-22T03:55:50"] {
            for offset in ["", "Z", "+00:00"] {
                assert_eq!(utc(&format!("{time}{offset}")), Some(format!("{time}Z")));
            }
        }
        for other in ["", "Z", "2026-11-22", "2026-11-22T03:55:50+01:00", "2026-11-22T03:55:50.", "2026-11-22 03:55:50"]
        {
            assert_eq!(utc(other), None, "{other}");
        }
    }
}

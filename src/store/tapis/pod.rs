//! Pods: the definition of one as a configuration, and the values that Tapis gives to pods alone.
//!
//! Who has the role pods_admin may see a pod with its secrets resolved, hidden ones too. The definition is never asked
//! for in that view: its values would stand where references are looked for, and be read where nothing is launched. Only
//! when a hidden secret is wanted, that view is asked for the entry that is this secret and nothing else.

use super::{Envelope, Object, Tapis, Token, parts, request};
use crate::net::header::{HeaderName, HeaderValue};
use crate::net::{OnceCell, Reply, StatusCode, encode};
use crate::reference::SENTINEL;
use crate::secret::Secret;
use crate::store::{Context, Settings, StoreError};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

const ADMIN_HEADER: HeaderName = HeaderName::from_static("x-pods-admin");

/// What of a definition has a meaning here. A newer service may send more, and more in a mount.
const KEYS: [&str; 7] =
    ["pod_id", "stack_id", "command", "arguments", "environment_variables", "secret_map", "networking"];
const MOUNT_KEYS: [&str; 8] = [
    "type",
    "source_id",
    "sub_path",
    "read_only",
    "config_content",
    "config_permissions",
    "config_filename",
    "config_update_mode",
];

/// The definition of a pod with its template merged in, as the JSON text of a configuration. None: there is no such pod.
pub(crate) async fn definition(
    settings: &Settings,
    context: &Context<'_>,
    id: &str,
) -> Result<Option<String>, StoreError> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if id.is_empty() || !id.bytes().all(is_known) {
        return Err(StoreError::Settings("the id of a pod is letters, digits, `-` and `_`".to_owned()));
    }
    let tapis = Tapis::open(settings, context)?;
    tapis.user().await?;
    tapis
        .ask(async |token| {
            let Some(reply) = tapis.derived(id, "?include_configs=true", token).await? else { return Ok(None) };
            let pod = result(&reply).filter(|pod| pod.get::<String>("pod_id").as_deref() == Some(id));
            let definition = pod.and_then(|pod| configuration(&pod));
            definition.map(Some).ok_or_else(|| tapis.senseless(&reply))
        })
        .await
}

/// None: it is no definition of a pod.
fn configuration(pod: &Object<'_>) -> Option<String> {
    let mut members: BTreeMap<&str, &RawValue> = pod.members().filter(|(name, _)| KEYS.contains(name)).collect();
    let mut mounts: BTreeMap<&str, Option<BTreeMap<String, &RawValue>>> = BTreeMap::new();
    let given = pod.members().find(|(name, _)| *name == "volume_mounts");
    let given: Option<Object<'_>> = given.map_or(Ok(None), |(_, value)| serde_json::from_str(value.get())).ok()?;
    for (path, mount) in given.iter().flat_map(Object::members) {
        let mount: Option<Object<'_>> = serde_json::from_str(mount.get()).ok()?;
        mounts.insert(
            path,
            mount.map(|mount| {
                let known = mount.members().filter(|(name, _)| MOUNT_KEYS.contains(name));
                known.map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        );
    }
    let mounts = serde_json::value::to_raw_value(&mounts).ok()?;
    if given.is_some() {
        members.insert("volume_mounts", &mounts);
    }
    serde_json::to_string(&members).ok()
}

/// A pod that is launched, and what is known of its secrets.
pub(super) struct Pod {
    id: String,
    /// By the names of the secrets.
    entries: OnceCell<BTreeMap<String, Entry>>,
    /// What the service resolves the entries to, by their keys.
    values: OnceCell<BTreeMap<String, Secret>>,
}

/// An entry of the secret_map that is a secret and nothing else.
pub(super) struct Entry {
    key: String,
    text: String,
}

impl Pod {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), entries: OnceCell::new(), values: OnceCell::new() }
    }
}

impl Tapis {
    /// The value of a hidden secret, as the pod itself is given it.
    #[allow(clippy::disallowed_methods, reason = "what the service shows in a value's place is no value")]
    pub(super) async fn reveal(
        &self,
        pod: &Pod,
        name: &str,
        user: Option<&str>,
        token: &Token,
    ) -> Result<Secret, StoreError> {
        let entry = self.entry(pod, name, user, token).await?;
        let values = pod.values.get_or_try_init(|| self.values(pod, token)).await?;
        let not_readable = |why: &str| {
            let id = &pod.id;
            StoreError::NotReadable(format!("`{name}` has `readable` false, and in the pod `{id}` {why}"))
        };
        match values.get(&entry.key) {
            Some(value) if value.expose() == SENTINEL.as_bytes() => {
                Err(not_readable("the service hides it from pods_admin too"))
            }
            // It stays as it is where nothing could be resolved.
            Some(value) if value.expose() != entry.text.as_bytes() => Ok(value.share()),
            _ => Err(not_readable("the service does not resolve it for this user; each has their own secrets only")),
        }
    }

    /// The entry that gives the pod this secret.
    pub(super) async fn entry<'p>(
        &self,
        pod: &'p Pod,
        name: &str,
        user: Option<&str>,
        token: &Token,
    ) -> Result<&'p Entry, StoreError> {
        let entries = pod.entries.get_or_try_init(|| self.entries(pod, user, token)).await?;
        entries.get(name).ok_or_else(|| {
            let id = &pod.id;
            StoreError::NotReadable(format!(
                "`{name}` has `readable` false, so Tapis gives its value to pods alone, and the secret_map of the pod \
                 `{id}` has no entry that is this secret and nothing else"
            ))
        })
    }

    async fn entries(
        &self,
        pod: &Pod,
        user: Option<&str>,
        token: &Token,
    ) -> Result<BTreeMap<String, Entry>, StoreError> {
        let (reply, mut entries) = (self.pod(pod, "", token).await?, BTreeMap::new());
        for (key, text) in self.secret_map(&reply)? {
            let body = text.strip_suffix('\n').unwrap_or(&text).strip_prefix("${secret:");
            let body = body.and_then(|rest| rest.strip_suffix('}'));
            let (owner, name) = body.map_or((None, ""), parts);
            if owner.is_none() || owner == user {
                entries.insert(name.to_owned(), Entry { key, text });
            }
        }
        Ok(entries)
    }

    async fn values(&self, pod: &Pod, token: &Token) -> Result<BTreeMap<String, Secret>, StoreError> {
        let reply = self.pod(pod, "?resolve_secrets=true&reveal_write_only=true", token).await?;
        Ok(self.secret_map(&reply)?.map(|(key, value)| (key, Secret::from(value))).collect())
    }

    fn secret_map(&self, reply: &Reply) -> Result<impl Iterator<Item = (String, String)>, StoreError> {
        let map = result(reply).and_then(|pod| pod.get::<Option<Object<'_>>>("secret_map"));
        let map = map.ok_or_else(|| self.senseless(reply))?;
        let texts = map.iter().flat_map(Object::members).filter_map(|(key, value)| {
            let text: String = serde_json::from_str(value.get()).ok()?;
            Some((key.to_owned(), text))
        });
        Ok(texts.collect::<Vec<_>>().into_iter())
    }

    async fn pod(&self, pod: &Pod, query: &str, token: &Token) -> Result<Reply, StoreError> {
        let gone = || StoreError::Unavailable(format!("the pod `{}` is not there any more", pod.id));
        self.derived(&pod.id, query, token).await?.ok_or_else(gone)
    }

    /// A pod with its template merged in. None: there is no such pod.
    async fn derived(&self, id: &str, query: &str, token: &Token) -> Result<Option<Reply>, StoreError> {
        let mut request = request(&format!("{}/derived{query}", encode(id)), token);
        if self.pods_admin {
            request = request.header(ADMIN_HEADER, HeaderValue::from_static("true"));
        }
        let reply = self.client.send(&request).await?;
        match Envelope::read(&reply) {
            Some(Envelope { is_success: true, .. }) if reply.status == StatusCode::OK => Ok(Some(reply)),
            _ => self.refused(&reply, token, self.denied_pod(id, token)),
        }
    }

    fn denied_pod(&self, id: &str, token: &Token) -> StoreError {
        let user = token.user();
        let advice = match self.pods_admin {
            true => format!("`pods_admin` of the store is true, and needs the role of that name: has `{user}` it?"),
            false => "its owner may see it, and whom the owner gave READ".to_owned(),
        };
        StoreError::Denied(format!("{} does not show the pod `{id}` to `{user}`; {advice}", self.client.origin()))
    }
}

fn result(reply: &Reply) -> Option<Object<'_>> {
    Envelope::read(reply)?.result
}

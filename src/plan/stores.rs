//! Which store a reference means, and whether a store's settings say enough.

use super::{Options, StorePlan};
use crate::environ::Environ;
use crate::failure::{Code, Failure, HINTS, Place, Spot, hint};
use crate::net::Base;
use crate::reference::Address;
use crate::spec::document::{Data, Key, Node};
use crate::spec::{Spec, StoreSpec};
use crate::store::{self, Credential, Form, KINDS, Kind, Setting, Settings};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Default)]
pub(super) struct Stores {
    /// The configured ones whose settings are in order.
    configured: BTreeMap<String, (&'static Kind, Settings)>,
    used: Vec<StorePlan>,
    /// Where each name stands in `used`.
    numbers: BTreeMap<String, usize>,
    default: Option<Result<usize, Unusable>>,
}

/// Why a store cannot be asked. None: its settings are not in order, which was reported where they stand.
type Unusable = Option<(Code, String)>;

impl Stores {
    /// Checks every configured store, used or not.
    pub(super) fn check_all(&mut self, spec: &Spec, failures: &mut Vec<Failure>) {
        for (name, store) in spec.stores.iter() {
            if let Some(checked) = check(name, store, failures) {
                self.configured.insert(name.to_owned(), checked);
            }
        }
    }

    /// Whether a foreign text that begins `$<NAME:` means a store.
    pub(super) fn is_known(&self, name: &str, spec: &Spec, environ: &Environ) -> bool {
        spec.stores.get(name).is_some() || store::kind(name).is_some_and(|kind| (kind.without_settings)(environ))
    }

    /// The number of the store that an address means, once the address is in order.
    pub(super) fn of(
        &mut self,
        address: &Address,
        spec: &Spec,
        options: &Options,
        environ: &Environ,
    ) -> Result<usize, Unusable> {
        let number = match &address.store {
            Some(name) => self.named(name, spec, environ)?,
            None => self.default_store(spec, options, environ)?,
        };
        let store = &self.used[number];
        if address.version.is_some() && !store.kind.caps.versions {
            return Err(Some((Code::Reference, format!("a store of kind {} has no versions", store.kind.name))));
        }
        (store.kind.check)(address, &store.settings).map_err(|message| Some((Code::Reference, message)))?;
        Ok(number)
    }

    /// The store that keeps random passwords: the default one, else the embedded one.
    pub(super) fn for_random(&mut self, spec: &Spec, options: &Options, environ: &Environ) -> Result<usize, Unusable> {
        if let Ok(number) = self.default_store(spec, options, environ)
            && self.used[number].kind.caps.random
        {
            return Ok(number);
        }
        let configured = self.configured.iter().find(|(_, (kind, _))| kind.caps.random).map(|(name, _)| name.clone());
        let name = configured.or_else(|| KINDS.iter().find(|kind| kind.caps.random).map(|kind| kind.name.to_owned()));
        match name {
            Some(name) => self.named(&name, spec, environ),
            None => Err(Some((Code::Reference, "no store here can keep a random password".to_owned()))),
        }
    }

    fn named(&mut self, name: &str, spec: &Spec, environ: &Environ) -> Result<usize, Unusable> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(*number);
        }
        let (kind, settings) = match self.configured.get(name) {
            Some((kind, settings)) => (*kind, settings.clone()),
            None if spec.stores.get(name).is_some() => return Err(None),
            None => match store::kind(name) {
                Some(kind) if (kind.without_settings)(environ) => (kind, Settings::default()),
                Some(kind) => {
                    let ambient = kind.ambient.map(|ambient| format!(", or {ambient}")).unwrap_or_default();
                    let message =
                        format!("the kind `{name}` needs settings; add a store of that name to \"stores\"{ambient}");
                    return Err(Some((Code::Config, message)));
                }
                None => {
                    let known = KINDS.iter().map(|kind| kind.name).chain(spec.stores.names().take(HINTS));
                    return Err(Some((Code::Config, format!("there is no store `{name}`{}", hint(name, known)))));
                }
            },
        };
        let mut settings = settings;
        if let Some(fetched) = spec.fetched.as_ref().filter(|fetched| fetched.store == name) {
            settings.set(store::POD, Setting::Text(fetched.pod.clone()));
        }
        let number = self.used.len();
        self.used.push(StorePlan { name: name.to_owned(), kind, settings });
        self.numbers.insert(name.to_owned(), number);
        Ok(number)
    }

    fn default_store(&mut self, spec: &Spec, options: &Options, environ: &Environ) -> Result<usize, Unusable> {
        if let Some(known) = &self.default {
            return known.clone();
        }
        let found = default_name(spec, options.store.as_deref(), environ)
            .map_err(|message| Some((Code::Config, message)))
            .and_then(|name| self.named(&name, spec, environ));
        self.default = Some(found.clone());
        found
    }

    /// The variables that hold a login of a store that is used or configured, and our own always.
    pub(super) fn credential_variables(&self) -> Vec<String> {
        let used = self.used.iter().map(|store| (store.kind, &store.settings));
        let configured = self.configured.values().map(|(kind, settings)| (*kind, settings));
        let mut names: Vec<String> = Vec::new();
        for (kind, settings) in used.chain(configured) {
            names.extend(settings.credential_variables().map(str::to_owned));
            names.extend(kind.credential_variables.iter().map(|&name| name.to_owned()));
        }
        let ours = KINDS.iter().flat_map(|kind| kind.credential_variables).filter(|name| name.starts_with("INJECT_"));
        names.extend(ours.map(|&name| name.to_owned()));
        names
    }

    pub(super) fn used(self) -> Vec<StorePlan> {
        self.used
    }
}

/// The store that `inject secret` is about: the default one.
pub(crate) fn to_manage(
    spec: &Spec,
    typed: Option<&str>,
    environ: &Environ,
) -> Result<(String, &'static Kind, Settings), Vec<Failure>> {
    match default_name(spec, typed, environ) {
        Ok(name) => open_alone(name, spec, environ),
        Err(message) => {
            let failure = Failure::new(Code::Config, "", message);
            Err(spec.failures.iter().cloned().chain([failure]).collect())
        }
    }
}

/// The store whose pods `--pod` names: the default one where it has pods, else the only one that has.
pub(crate) fn of_pods(spec: &Spec, typed: Option<&str>, environ: &Environ) -> Result<(String, Settings), Vec<Failure>> {
    let has_pods = |name: &str| spec.stores.get(name).map_or(Some(name), StoreSpec::kind) == Some(store::PODS);
    let default = default_name(spec, typed, environ).ok().filter(|name| has_pods(name));
    let mut configured = spec.stores.names().filter(|name| has_pods(name));
    let name = match (default, configured.next(), configured.next()) {
        (Some(name), ..) => name,
        (None, Some(only), None) => only.to_owned(),
        (None, None, _) => store::PODS.to_owned(),
        (None, Some(_), Some(_)) => {
            let names: Vec<_> = spec.stores.names().filter(|name| has_pods(name)).collect();
            let message = format!("several stores have pods: {}; name one with -s", names.join(", "));
            return Err(vec![Failure::new(Code::Config, "--pod", message)]);
        }
    };
    let opened = open_alone(name, spec, environ).map(|(name, _, settings)| (name, settings));
    opened.map_err(|mut failures| {
        let nowhere = failures.iter_mut().filter(|failure| failure.place.is_empty());
        nowhere.for_each(|failure| "--pod".clone_into(&mut failure.place));
        failures
    })
}

/// The kind and settings of one store, whatever may be wrong with the others.
fn open_alone(name: String, spec: &Spec, environ: &Environ) -> Result<(String, &'static Kind, Settings), Vec<Failure>> {
    let mut failures = spec.failures.clone();
    let mut stores = Stores::default();
    if let Some(store) = spec.stores.get(&name) {
        let checked = check(&name, store, &mut failures);
        stores.configured.extend(checked.map(|checked| (name.clone(), checked)));
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let failure = |(code, message)| Failure::new(code, "", message);
    let found = stores.named(&name, spec, environ).map_err(|why| why.map(failure).into_iter().collect());
    found.map(|number| stores.used.swap_remove(number)).map(|store| (store.name, store.kind, store.settings))
}

/// The default store's name: what was said, else the only one possible.
pub(crate) fn default_name(spec: &Spec, typed: Option<&str>, environ: &Environ) -> Result<String, String> {
    let variable = || environ.get("INJECT_STORE").map(|name| String::from_utf8_lossy(name).into_owned());
    let said = typed.map(str::to_owned).or_else(|| spec.default_store.as_ref().map(|(name, _)| name.clone()));
    if let Some(name) = said.or_else(variable) {
        return Ok(name);
    }
    let mut possible: Vec<&str> = spec.stores.names().collect();
    if possible.is_empty() {
        let ambient = KINDS.iter().filter(|kind| kind.caps.network && (kind.without_settings)(environ));
        possible = ambient.map(|kind| kind.name).collect();
    }
    match possible.as_slice() {
        [] => Ok("local".to_owned()),
        [only] => Ok((*only).to_owned()),
        several => Err(format!(
            "several stores could be the default: {}; name one with \"default_store\" or -s",
            several.join(", ")
        )),
    }
}

/// A configured store's kind and settings; what is wrong with them is reported.
pub(crate) fn check(name: &str, store: &StoreSpec, failures: &mut Vec<Failure>) -> Option<(&'static Kind, Settings)> {
    let before = failures.len();
    let place = |at: usize, key: &str| {
        let Spot { layer, section, .. } = &*store.place;
        Place::in_section(layer, Some(at), section, format!("{name}{key}"))
    };
    let kind = match store.settings.iter().find(|(key, _)| &*key.name == "kind") {
        Some((_, Node { data: Data::Text(kind), at })) => store::kind(kind).or_else(|| {
            let message = format!("there is no kind `{kind}`{}", hint(kind, KINDS.iter().map(|kind| kind.name)));
            failures.push(Failure::new(Code::Config, place(*at, ".kind"), message));
            None
        }),
        Some((_, node)) => {
            failures.push(Failure::new(Code::Config, place(node.at, ".kind"), "\"kind\" is a string"));
            None
        }
        None => {
            let kinds: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
            let message = format!("a store needs a \"kind\": {}", kinds.join(", "));
            failures.push(Failure::new(Code::Config, &store.place, message));
            None
        }
    }?;
    let mut settings = Settings::default();
    for (key, node) in store.settings.iter().filter(|(key, _)| &*key.name != "kind") {
        let Some((known, form)) = kind.settings().find(|(known, _)| *known == &*key.name) else {
            let hint = hint(&key.name, kind.settings().map(|(known, _)| known));
            let message = format!("a store of kind {} has no setting `{}`{hint}", kind.name, key.name);
            failures.push(Failure::new(Code::Config, place(key.at, ""), message));
            continue;
        };
        match setting(form, node, &store.base) {
            Ok(setting) => settings.set(known, setting),
            Err(expected) => {
                failures.push(Failure::new(Code::Config, place(node.at, &format!(".{known}")), expected));
            }
        }
    }
    (failures.len() == before).then_some((kind, settings))
}

fn setting(form: Form, node: &Node, base: &Path) -> Result<Setting, &'static str> {
    match (form, &node.data) {
        (Form::Text, Data::Text(text)) => Ok(Setting::Text(text.clone())),
        (Form::Address, Data::Text(url)) => Base::parse(url).map(|_| Setting::Text(url.clone())),
        (Form::Path, Data::Text(path)) if !path.is_empty() => Ok(Setting::Path(base.join(path))),
        (Form::List, Data::List(items)) => {
            let text = |item: &Node| match &item.data {
                Data::Text(text) => Some(text.clone()),
                _ => None,
            };
            let texts = items.iter().map(text).collect::<Option<Vec<_>>>();
            texts.map(Setting::List).ok_or("this is a list of strings")
        }
        (Form::Flag, Data::Flag(flag)) => Ok(Setting::Flag(*flag)),
        (Form::Duration, Data::Text(text)) => {
            super::duration(text).map(Setting::Duration).ok_or("this is a duration such as 500ms, 10s or 2m")
        }
        (Form::CredentialPath, Data::Text(path)) if !path.is_empty() && !is_key(path) => {
            Ok(Setting::Credential(Credential::File(base.join(path))))
        }
        (Form::CredentialText, Data::Text(text)) => Ok(Setting::Text(text.clone())),
        (Form::Credential | Form::CredentialPath | Form::CredentialText, Data::Table(members)) => {
            credential(members, base).map(Setting::Credential)
        }
        (Form::Text, _) => Err("this is a string"),
        (Form::Address, _) => Err("this is an address such as https://host/path, as a string"),
        (Form::Path, _) => Err("this is a path, as a string"),
        (Form::List, _) => Err("this is a list of strings"),
        (Form::Flag, _) => Err("this is true or false"),
        (Form::Duration, _) => Err("this is a duration as a string, such as 500ms, 10s or 2m"),
        (Form::Credential, _) => {
            Err("this is {\"env\": NAME}, {\"file\": PATH} or {\"credential\": NAME}; never the credential itself")
        }
        (Form::CredentialPath, _) => {
            Err("this is a path, or {\"env\": NAME}, {\"file\": PATH} or {\"credential\": NAME}; never the key itself")
        }
        (Form::CredentialText, _) => {
            Err("this is a string, or {\"env\": NAME}, {\"file\": PATH} or {\"credential\": NAME}")
        }
    }
}

/// Whether what stands in a path's place is a private key: age's, or in PEM.
fn is_key(text: &str) -> bool {
    text.starts_with("AGE-SECRET-KEY-") || text.contains("-----BEGIN")
}

fn credential(members: &[(Key, Node)], base: &Path) -> Result<Credential, &'static str> {
    if let [(key, Node { data: Data::Text(text), .. })] = members {
        match &*key.name {
            "env" => return Ok(Credential::Variable(text.clone())),
            "file" => return Ok(Credential::File(base.join(text))),
            "credential" => return Ok(Credential::Named(text.clone())),
            _ => {}
        }
    }
    Err("a credential is {\"env\": NAME}, {\"file\": PATH} or {\"credential\": NAME}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn node(data: Data) -> Node {
        Node { at: 0, data }
    }

    fn text(text: &str) -> Data {
        Data::Text(text.into())
    }

    fn member(name: &str, data: Data) -> Data {
        Data::Table(vec![(Key { name: name.into(), at: 0 }, node(data))])
    }

    #[track_caller]
    fn reads(form: Form, data: Data, setting: Setting) {
        assert_eq!(super::setting(form, &node(data), Path::new("/base")), Ok(setting));
    }

    #[track_caller]
    fn refuses(form: Form, data: Data) -> &'static str {
        super::setting(form, &node(data), Path::new("/base")).unwrap_err()
    }

    #[test]
    fn flags_and_durations_are_no_mere_texts() {
        reads(Form::Flag, Data::Flag(true), Setting::Flag(true));
        refuses(Form::Flag, text("true"));
        reads(Form::Duration, text("2m"), Setting::Duration(Duration::from_secs(120)));
        for bad in [text("2"), text(""), Data::Number("2".into())] {
            assert!(refuses(Form::Duration, bad).contains("10s"));
        }
    }

    #[test]
    fn an_address_that_is_none_is_told_where_it_stands_and_not_shown() {
        for good in ["https://host/v3", "unix:/run/socket"] {
            reads(Form::Address, text(good), Setting::Text(good.into()));
        }
        for bad in [text("htps://host"), text("host"), text(""), text("https://user:hunter2@host"), Data::Flag(true)] {
            assert!(!refuses(Form::Address, bad).contains("hunter2"));
        }
    }

    #[test]
    fn a_credential_is_named_and_never_written_out() {
        for form in [Form::Credential, Form::CredentialPath, Form::CredentialText] {
            let of = Setting::Credential;
            reads(form, member("env", text("TOKEN")), of(Credential::Variable("TOKEN".into())));
            reads(form, member("file", text("token")), of(Credential::File("/base/token".into())));
            reads(form, member("credential", text("token")), of(Credential::Named("token".into())));
            for bad in [member("value", text("x")), member("env", Data::Null), Data::Table(vec![]), Data::Flag(true)] {
                refuses(form, bad);
            }
        }
        assert!(refuses(Form::Credential, text("token")).contains("never the credential itself"));
        for key in ["AGE-SECRET-KEY-1", "-----BEGIN PRIVATE KEY-----"] {
            assert!(refuses(Form::CredentialPath, text(key)).contains("never the key itself"));
        }
        reads(Form::CredentialPath, text("key"), Setting::Credential(Credential::File("/base/key".into())));
        reads(Form::CredentialText, text("http://proxy"), Setting::Text("http://proxy".into()));
    }
}

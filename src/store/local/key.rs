//! Who a secret of the store is: a namespace, a scope and a name.
//!
//! A namespace is none, a tenant, or a cluster, perhaps an organisation, and a project. A scope is a path of up to
//! three ids, each narrower than the one before: project, environment, and a container or application. All three
//! together are one text, the entry's key in the document, which for a plain secret is its name alone:
//! `[//NAMESPACE:][/ID…/]NAME`. Everything else that can be said of a secret is an attribute.

use super::check_name;
use crate::store::Settings;
use crate::store::manage::{Attribute, Attributes};
use std::fmt;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    /// Without the slashes around it; empty: none.
    pub(super) namespace: String,
    /// `/shop/prod`; empty: the widest.
    pub(super) scope: String,
    pub(super) name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, scope, name } = self;
        match (namespace.is_empty(), scope.is_empty()) {
            (true, true) => out.write_str(name),
            (true, false) => write!(out, "{scope}/{name}"),
            (false, _) => write!(out, "//{namespace}:{scope}/{name}"),
        }
    }
}

/// What Qovery calls the scopes, by how many ids they have.
const RANKS: [&str; 4] = ["user", "PROJECT", "ENVIRONMENT", "CONTAINER"];
/// The widest scope of Qovery's: what is in it nobody changes.
pub(super) const BUILT_IN: &str = "BUILT_IN";

impl Key {
    /// As [`fmt::Display`] wrote it.
    pub(super) fn parse(text: &str) -> Self {
        let (namespace, rest) = match text.strip_prefix("//").and_then(|rest| rest.split_once(':')) {
            Some((namespace, rest)) => (namespace, rest),
            None => ("", text),
        };
        let (scope, name) = rest.rsplit_once('/').unwrap_or(("", rest));
        Self { namespace: namespace.into(), scope: scope.into(), name: name.into() }
    }

    /// What `NAME` or `//NAMESPACE/NAME` means at home.
    pub(super) fn of(path: &str, home: &Home) -> Result<Self, String> {
        let (namespace, name) = match path.strip_prefix("//") {
            Some(rest) => {
                let (namespace, name) = rest.rsplit_once('/').unwrap_or(("", rest));
                check_namespace(namespace)?;
                (namespace.to_owned(), name)
            }
            None => (home.namespace.clone(), path),
        };
        check_name(name).map_err(|error| error.to_string())?;
        Ok(Self { namespace, scope: home.scope.clone(), name: name.to_owned() })
    }

    /// The name in this scope and in every wider one, the narrowest first.
    pub(super) fn visible(&self) -> impl Iterator<Item = Self> {
        let ends = (0..=self.scope.len()).rev();
        let ends = ends.filter(|&at| at == self.scope.len() || self.scope.as_bytes()[at] == b'/');
        ends.map(|at| Self { scope: self.scope[..at].to_owned(), ..self.clone() })
    }

    /// How it is known to Qovery.
    pub(super) fn rank(&self) -> &'static str {
        RANKS[self.scope.matches('/').count().min(RANKS.len() - 1)]
    }

    /// Namespace and scope, for people; None where there is neither.
    pub(super) fn place(&self) -> Option<String> {
        match (self.namespace.is_empty(), self.scope.is_empty()) {
            (true, true) => None,
            (true, false) => Some(self.scope.clone()),
            (false, true) => Some(format!("//{}", self.namespace)),
            (false, false) => Some(format!("//{} {}", self.namespace, self.scope)),
        }
    }
}

/// Where a name is looked for that says no more.
#[derive(Clone, Default)]
pub(super) struct Home {
    pub(super) namespace: String,
    pub(super) scope: String,
}

impl Home {
    /// What was said, else what the settings say.
    pub(super) fn new(settings: &Settings, given: &Attributes, scope: Option<&str>) -> Result<Self, String> {
        let said = |attribute, setting| given.text(attribute).or_else(|| settings.text(setting));
        let tenant = given.text(Attribute::Tenant);
        let apolo = [Attribute::Cluster, Attribute::Org, Attribute::Project].map(|attribute| given.text(attribute));
        let (tenant, cluster, org, project) = match (tenant, apolo) {
            // What is said of one of them is not mixed with settings of the other.
            (Some(tenant), [None, None, None]) => (Some(tenant), None, None, None),
            (Some(_), _) => return Err("a namespace is a tenant, or a cluster and a project, not both".into()),
            (None, [None, None, None]) => {
                (settings.text("tenant"), settings.text("cluster"), settings.text("org"), settings.text("project"))
            }
            (None, _) => (
                None,
                said(Attribute::Cluster, "cluster"),
                said(Attribute::Org, "org"),
                said(Attribute::Project, "project"),
            ),
        };
        let namespace = match (tenant, cluster, org, project) {
            (None, None, None, None) => String::new(),
            (Some(tenant), None, None, None) => tenant.to_owned(),
            (None, Some(cluster), None, Some(project)) => format!("{cluster}/{project}"),
            (None, Some(cluster), Some(org), Some(project)) => format!("{cluster}/{org}/{project}"),
            _ => return Err("a namespace is a tenant, or a cluster, perhaps an organisation, and a project".into()),
        };
        if !namespace.is_empty() {
            check_namespace(&namespace)?;
        }
        Ok(Self { namespace, scope: scope.map(self::scope).transpose()?.unwrap_or_default() })
    }
}

fn check_namespace(namespace: &str) -> Result<(), String> {
    let parts = namespace.split('/');
    if parts.clone().count() <= 3 && parts.clone().all(is_id) {
        return Ok(());
    }
    Err("an address is secret://TENANT/NAME, secret://CLUSTER/PROJECT/NAME or secret://CLUSTER/ORG/PROJECT/NAME".into())
}

/// The path of a scope: `/`, `/PROJECT`, `/PROJECT/ENVIRONMENT`, `/PROJECT/ENVIRONMENT/CONTAINER`, or a word for the
/// widest one.
fn scope(text: &str) -> Result<String, String> {
    if ["user", "pod", BUILT_IN, "/"].contains(&text) {
        return Ok(String::new());
    }
    match text.strip_prefix('/') {
        Some(ids) if ids.split('/').count() < RANKS.len() && ids.split('/').all(is_id) => Ok(text.to_owned()),
        _ => Err(format!(
            "{text:?} is no scope: one is `user`, `pod` with --pod, {BUILT_IN}, or the path of a narrower one, \
             /PROJECT, /PROJECT/ENVIRONMENT or /PROJECT/ENVIRONMENT/CONTAINER"
        )),
    }
}

fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=253).contains(&text.len()) && text.bytes().all(allowed) && text.bytes().any(|byte| byte != b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_text_and_back() {
        for text in ["a", "/shop/a", "/shop/prod/api/a", "//t:/a", "//c/o/p:/shop/a"] {
            assert_eq!(Key::parse(text).to_string(), text);
        }
        let scopes: Vec<String> = Key::parse("//t:/shop/prod/a").visible().map(|key| key.to_string()).collect();
        assert_eq!(scopes, ["//t:/shop/prod/a", "//t:/shop/a", "//t:/a"]);
        assert_eq!(Key::parse("a").visible().count(), 1);
    }

    #[test]
    fn scopes_and_namespaces_have_rules() {
        for good in ["user", "pod", "BUILT_IN", "/", "/a", "/a/b", "/a/b/0-c_d.e"] {
            scope(good).unwrap();
        }
        for bad in ["", "site", "a", "//", "/a/", "/a//b", "/a/b/c/d", "/a:b", "/..", "built_in"] {
            scope(bad).unwrap_err();
        }
        let of = |path: &str| Key::of(path, &Home::default()).map(|key| key.to_string());
        assert_eq!(of("//c/o/p/a"), Ok("//c/o/p:/a".to_owned()));
        for bad in ["//a", "///a", "//a/b/c/d/e", "//a/", "//a:b/c", "a/b", "/a"] {
            of(bad).unwrap_err();
        }
    }

    #[test]
    fn what_is_said_of_a_namespace_wins_over_the_settings() {
        let mut settings = Settings::default();
        settings.set("tenant", crate::store::Setting::Text("t".into()));
        let home = |given: &[(Attribute, &str)]| {
            let mut attributes = Attributes::default();
            for (attribute, text) in given {
                attributes.say(*attribute, crate::store::manage::attributes::Said::Text((*text).to_owned()));
            }
            Home::new(&settings, &attributes, None).map(|home| home.namespace)
        };
        use Attribute::{Cluster, Org, Project, Tenant};
        assert_eq!(home(&[]), Ok("t".to_owned()));
        assert_eq!(home(&[(Tenant, "u")]), Ok("u".to_owned()));
        assert_eq!(home(&[(Cluster, "c"), (Project, "p")]), Ok("c/p".to_owned()));
        assert_eq!(home(&[(Cluster, "c"), (Org, "o"), (Project, "p")]), Ok("c/o/p".to_owned()));
        home(&[(Cluster, "c")]).unwrap_err();
        home(&[(Cluster, "c"), (Tenant, "u")]).unwrap_err();
        home(&[(Tenant, "a b")]).unwrap_err();
    }
}

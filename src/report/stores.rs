//! `inject stores`: the kinds known, the stores configured, what each can do.

use super::{Table, json};
use crate::environ::Environ;
use crate::failure::{Failure, Stop};
use crate::plan::{check_store, default_store};
use crate::spec::Spec;
use crate::store::{KINDS, Kind};
use serde_json::json as value;

/// The text, and what is wrong with the configured stores.
pub(crate) fn report(spec: &Spec, typed: Option<&str>, environ: &Environ, as_json: bool) -> (String, Option<Stop>) {
    let mut failures: Vec<Failure> = spec.failures.clone();
    for (name, store) in spec.stores.iter() {
        let _ = check_store(name, store, &mut failures);
    }
    let default = default_store(spec, typed, environ);
    let configured: Vec<(&str, String, String)> = spec
        .stores
        .iter()
        .map(|(name, store)| (name, store.kind().unwrap_or("?").to_owned(), store.place.position()))
        .collect();
    let text = if as_json {
        let stores: Vec<_> = configured
            .iter()
            .map(|(name, kind, place)| value!({ "name": name, "kind": kind, "place": place }))
            .collect();
        let kinds: Vec<_> = KINDS.iter().map(|kind| kind_json(kind, environ)).collect();
        let failures: Vec<_> = failures.iter().map(crate::diag::json).collect();
        json(&value!({ "default": default.as_ref().ok(), "stores": stores, "kinds": kinds, "failures": failures }))
    } else {
        let mut text = String::new();
        match &default {
            Ok(name) => text.push_str(&format!("default store: {name}\n")),
            Err(message) => text.push_str(&format!("default store: {message}\n")),
        }
        if !configured.is_empty() {
            text.push('\n');
            let mut table = Table::new(&["STORE", "KIND", "FROM"]);
            for (name, kind, place) in configured {
                table.row([name.to_owned(), kind, place]);
            }
            table.print(&mut text);
        }
        text.push('\n');
        let mut table = Table::new(&["KIND", "WITHOUT SETTINGS", "VERSIONS", "NETWORK", "MANAGED", "SETTINGS", ""]);
        let word = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        for kind in KINDS {
            let settings: Vec<_> = kind.settings().map(|(name, _)| name).collect();
            table.row([
                kind.name.to_owned(),
                word((kind.without_settings)(environ)),
                word(kind.caps.versions),
                word(kind.caps.network),
                word(kind.manage.is_some()),
                if settings.is_empty() { "-".to_owned() } else { settings.join(", ") },
                kind.about.to_owned(),
            ]);
        }
        table.print(&mut text);
        text
    };
    (text, (!failures.is_empty()).then(|| failures.into()))
}

fn kind_json(kind: &Kind, environ: &Environ) -> serde_json::Value {
    value!({
        "name": kind.name,
        "about": kind.about,
        "usable_without_settings": (kind.without_settings)(environ),
        "versions": kind.caps.versions,
        "network": kind.caps.network,
        "managed": kind.manage.is_some(),
        "settings": kind.settings().map(|(name, _)| name).collect::<Vec<_>>(),
    })
}

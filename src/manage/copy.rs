//! `inject secret copy`: secrets of one store into another, of whatever kinds the two are.
//!
//! What is known of each and its value are read first, and it is fitted to the target: what that does not know of it is
//! left behind and told, and one that it cannot hold at all stays where it is. Only then is anything written; a dry
//! run ends before, with the same report. Values are in memory alone.

use super::look::{printable, table};
use super::{Io, Session};
use crate::failure::{Code, Failure};
use crate::reference::Address;
use crate::store::manage::attributes::Said;
use crate::store::manage::{
    Attribute, Attributes, Content, Existing, Item, Manage, ManageError, Managing, Metadata, Parcel, Verb, add_each,
};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What was typed behind `copy`.
pub(crate) struct Transfer {
    pub(crate) from: End,
    pub(crate) to: End,
    /// As for the other verbs; all without one.
    pub(crate) names: Vec<String>,
    pub(crate) dry_run: bool,
    pub(crate) replace: bool,
    pub(crate) yes: bool,
    pub(crate) json: bool,
}

/// One of the two stores, and where in it.
pub(crate) struct End {
    pub(crate) store: String,
    pub(crate) scope: Option<String>,
    /// Of what the scope is, where that has one.
    pub(crate) id: Option<String>,
}

impl End {
    fn place(&self) -> [(Attribute, Option<&String>); 2] {
        [(Attribute::Scope, self.scope.as_ref()), (Attribute::Id, self.id.as_ref())]
    }

    fn has_place(&self) -> bool {
        self.place().iter().any(|(_, said)| said.is_some())
    }
}

/// Questions to a network that one deadline is for.
const AT_ONCE: usize = 50;

/// One of the two stores.
pub(crate) struct Side<'a> {
    pub(crate) name: String,
    pub(crate) session: Session<'a>,
}

impl Side<'_> {
    fn failure(&self, error: &ManageError) -> Failure {
        Failure::new(error.code(), format!("store {}", self.name), error)
    }

    fn item_failure(&self, item: &str, error: &ManageError) -> Failure {
        Failure::new(error.code(), format!("store {}: {item}", self.name), error)
    }

    fn ask<T>(&self, question: impl AsyncFnOnce(&dyn Manage) -> Result<T, ManageError>) -> Result<T, Vec<Failure>> {
        self.session.ask(question).map_err(|error| vec![self.failure(&error)])
    }

    /// What it knows of options with a verb that it has to have, and the place that was said of it.
    fn knows(&self, verb: Verb, end: &End) -> Result<(&Managing, Attributes), Vec<Failure>> {
        let known = || {
            let mut given = self.session.attributes(verb, Vec::new())?;
            let managing = self.session.managing()?;
            for (attribute, said) in end.place() {
                let Some(said) = said else { continue };
                if !managing.known(verb).contains(&attribute) {
                    let lacks = if attribute == Attribute::Id { "ids of scopes" } else { "scopes" };
                    let kind = self.session.kind.name;
                    return Err(ManageError::Usage(format!("a store of kind {kind} has no {lacks}")));
                }
                given.say(attribute, Said::Text(said.clone()));
            }
            Ok((managing, given))
        };
        known().map_err(|error| vec![self.failure(&error)])
    }

    /// As many as one question is asked for.
    fn at_once(&self) -> usize {
        if self.session.kind.caps.network { AT_ONCE } else { usize::MAX }
    }
}

/// What becomes of one secret.
struct Row {
    name: String,
    /// What the target does not get of it, and why.
    without: Vec<(&'static str, String)>,
    existing: Existing,
    step: Step,
}

enum Step {
    /// It is there, and its value is still to be read.
    Found(Address, Box<Metadata>),
    /// As the target takes it.
    Fits(Item),
    /// A dry run goes no further.
    Would,
    Done,
    Failed(Failure),
}

impl Row {
    fn failed(name: String, failure: Failure) -> Self {
        Self { name, without: Vec::new(), existing: Existing::Refuse, step: Step::Failed(failure) }
    }

    fn result(&self) -> &'static str {
        match (&self.step, self.existing) {
            (Step::Failed(_), _) => "not copied",
            (Step::Done, Existing::Refuse) => "copied",
            (Step::Done, Existing::Replace) => "replaced",
            (_, Existing::Refuse) => "would be copied",
            (_, Existing::Replace) => "would be replaced",
        }
    }

    fn json(&self) -> Json {
        let without = self.without.iter().map(|(what, why)| json!({ "what": what, "why": why }));
        let mut json = json!({
            "item": self.name,
            "result": self.result(),
            "done": matches!(self.step, Step::Done),
            "without": without.collect::<Vec<_>>(),
        });
        if let Step::Failed(failure) = &self.step {
            json["code"] = json!(failure.code.as_str());
            json["message"] = json!(failure.message);
        }
        json
    }
}

pub(super) fn copy(transfer: &Transfer, from: &Side<'_>, to: &Side<'_>, io: &mut Io<'_>) -> Result<(), Vec<Failure>> {
    if from.name == to.name && transfer.from.place() == transfer.to.place() {
        let text = format!("--from and --to both name the store {}; a copy needs two", from.name);
        return Err(vec![Failure::new(Code::Config, "", text)]);
    }
    let (_, source) = from.knows(Verb::Get, &transfer.from)?;
    let (managing, target) = to.knows(Verb::Add, &transfer.to)?;
    if transfer.to.has_place() {
        // So that one which is none is told once, and not for each secret.
        to.ask(async |store| store.list(&target).await.map(drop))?;
    }
    let mut rows = find(transfer, from, &source)?;
    fit(&mut rows, from, &source, to, managing, &target)?;
    meet(&mut rows, to, transfer.replace)?;
    let here = |error: ManageError| vec![Failure::new(error.code(), "", error)];
    if transfer.dry_run {
        rows.iter_mut().filter(|row| matches!(row.step, Step::Fits(_))).for_each(|row| row.step = Step::Would);
    } else {
        let is_replaced = |row: &&Row| row.existing == Existing::Replace && matches!(row.step, Step::Fits(_));
        let replaced: Vec<String> = rows.iter().filter(is_replaced).map(|row| format!("`{}`", row.name)).collect();
        if !replaced.is_empty() {
            let question = format!("Replace {} in the store {}?", replaced.join(", "), to.name);
            io.confirm(&question, transfer.yes).map_err(here)?;
        }
        write(&mut rows, to, &target);
    }
    show(&rows, transfer.json, io).map_err(here)?;
    let failed = |row: Row| if let Step::Failed(failure) = row.step { Some(failure) } else { None };
    let failed: Vec<Failure> = rows.into_iter().filter_map(failed).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed) }
}

/// The secrets that were named, else all; each name once.
fn find(transfer: &Transfer, from: &Side<'_>, given: &Attributes) -> Result<Vec<Row>, Vec<Failure>> {
    let named = transfer.names.iter().map(|name| from.session.latest(name));
    let named = named.collect::<Result<Vec<Address>, _>>().map_err(|error| vec![from.failure(&error)])?;
    let mut found: Vec<(Address, Result<Metadata, ManageError>)> = Vec::new();
    if named.is_empty() {
        let mut by_name: BTreeMap<String, Vec<Metadata>> = BTreeMap::new();
        for metadata in from.ask(async |store| store.list(given).await)? {
            by_name.entry(metadata.name.clone()).or_default().push(metadata);
        }
        let mut several = Vec::new();
        for (name, mut metadata) in by_name {
            let address = Address { store: None, path: name.as_str().into(), version: None };
            match (metadata.pop(), metadata.is_empty()) {
                (Some(only), true) => found.push((address, Ok(only))),
                // The one that counts here, which the store alone knows.
                _ => several.push(address),
            }
        }
        look(several, from, given, &mut found)?;
    } else {
        let once: BTreeSet<Address> = named.into_iter().collect();
        look(once.into_iter().collect(), from, given, &mut found)?;
    }
    let mut names = BTreeSet::new();
    let row = |(address, found): (Address, Result<Metadata, ManageError>)| match found {
        Ok(metadata) if !names.insert(metadata.name.clone()) => {
            let error = ManageError::Usage("another one that is to be copied has the same name; copy one only".into());
            Row::failed(metadata.name, from.item_failure(&address.path, &error))
        }
        Ok(metadata) => Row {
            name: metadata.name.clone(),
            without: Vec::new(),
            existing: Existing::Refuse,
            step: Step::Found(address, Box::new(metadata)),
        },
        Err(error) => Row::failed(address.path.to_string(), from.item_failure(&address.path, &error)),
    };
    let mut rows: Vec<Row> = found.into_iter().map(row).collect();
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(rows)
}

fn look(
    addresses: Vec<Address>,
    from: &Side<'_>,
    given: &Attributes,
    found: &mut Vec<(Address, Result<Metadata, ManageError>)>,
) -> Result<(), Vec<Failure>> {
    for addresses in addresses.chunks(from.at_once()) {
        let shown = from.ask(async |store| store.shows(addresses, given).await)?;
        found.extend(addresses.iter().cloned().zip(shown));
    }
    Ok(())
}

/// Reads the values, and makes of each secret what the target can hold.
fn fit(
    rows: &mut [Row],
    from: &Side<'_>,
    source: &Attributes,
    to: &Side<'_>,
    managing: &Managing,
    target: &Attributes,
) -> Result<(), Vec<Failure>> {
    let mut found: Vec<&mut Row> = rows.iter_mut().filter(|row| matches!(row.step, Step::Found(..))).collect();
    for rows in found.chunks_mut(from.at_once()) {
        let addresses: Vec<Address> = rows
            .iter()
            .filter_map(|row| if let Step::Found(address, _) = &row.step { Some(address.clone()) } else { None })
            .collect();
        let values = from.ask(async |store| store.values(&addresses, source).await)?;
        to.ask(async |store| {
            for (row, value) in rows.iter_mut().zip(values) {
                let Step::Found(_, metadata) = std::mem::replace(&mut row.step, Step::Would) else { continue };
                row.step = match value {
                    Ok(content) => match fitted(store, to, managing, target, &metadata, content) {
                        Ok((item, without)) => {
                            row.without = without;
                            Step::Fits(item)
                        }
                        Err(error) => Step::Failed(to.item_failure(&row.name, &error)),
                    },
                    Err(error) => Step::Failed(from.item_failure(&row.name, &elsewhere(error, &metadata))),
                };
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// A list may show what a launch that is told no more does not find.
fn elsewhere(error: ManageError, metadata: &Metadata) -> ManageError {
    match (&error, &metadata.place) {
        (ManageError::NotFound { .. }, Some(place)) => ManageError::Usage(format!(
            "it is of {place}, where a launch without a scope does not look; --from-scope, or another store for that \
             place, copies it"
        )),
        _ => error,
    }
}

type Fitted = (Item, Vec<(&'static str, String)>);

/// A secret as the target's `add` takes it, and what is not in that.
fn fitted(
    store: &dyn Manage,
    to: &Side<'_>,
    managing: &Managing,
    target: &Attributes,
    metadata: &Metadata,
    content: Content,
) -> Result<Fitted, ManageError> {
    let kind = to.session.kind;
    let address = Address { store: None, path: metadata.name.as_str().into(), version: None };
    (kind.check)(&address, to.session.settings).map_err(ManageError::Usage)?;
    let mut given = Attributes::default().or(target);
    store.check(Verb::Add, &address, &given)?;
    let has_scope = target.text(Attribute::Scope).is_some();
    let mut without = left_behind(metadata, has_scope);
    let known = managing.known(Verb::Add);
    for (what, part) in parts(metadata) {
        if part.all().any(|(attribute, _)| !known.contains(&attribute)) {
            without.push((what, format!("a store of kind {} has none", kind.name)));
        } else if has_scope && part.text(Attribute::Scope).is_some() {
            without.push((what, "--to-scope says another".to_owned()));
        } else {
            let more = part.or(&given);
            match store.check(Verb::Add, &address, &more) {
                Ok(()) => given = more,
                Err(error) => without.push((what, error.to_string())),
            }
        }
    }
    store.fits(&address, &content, &given)?;
    Ok((Item { address, content, given }, without))
}

/// What is said of a secret, by the names that systems have for it, each part as it goes or stays. What every secret is
/// by default is none.
fn parts(metadata: &Metadata) -> Vec<(&'static str, Attributes)> {
    let text = |name| text(metadata, name);
    let flag = |name| attribute(metadata, name).and_then(Json::as_bool);
    let description = metadata.description.clone().filter(|description| !description.is_empty());
    let schema = attribute(metadata, "schema").filter(|schema| !schema.is_null());
    let schema = schema.map(|schema| schema.as_str().map_or_else(|| schema.to_string(), str::to_owned));
    let texts = [
        ("description", Attribute::Description, description),
        // In Juju it is the name.
        ("label", Attribute::Label, text("label").filter(|label| *label != metadata.name)),
        ("visibility", Attribute::Visibility, text("visibility").filter(|word| word != "tenant")),
        ("schema", Attribute::Schema, schema.filter(|schema| !schema.is_empty() && schema != "{}")),
        ("mount path", Attribute::MountPath, text("mount_path")),
    ];
    let flags = [
        ("readable=false", Attribute::Readable, flag("readable"), false),
        ("writable=false", Attribute::Writable, flag("writable"), false),
        ("hidden", Attribute::Hidden, flag("is_hidden_value"), true),
        ("plain", Attribute::Plain, flag("is_plain").or_else(|| flag("is_secret").map(|is_secret| !is_secret)), true),
        ("interpolation", Attribute::Interpolation, flag("enable_interpolation_in_file"), true),
    ];
    let of = |what, attribute, said| {
        let mut part = Attributes::default();
        part.say(attribute, said);
        (what, part)
    };
    let texts = texts.into_iter().filter_map(|(what, attribute, said)| Some(of(what, attribute, Said::Text(said?))));
    let flags = flags.into_iter().filter(|(.., said, unusual)| said.as_ref() == Some(unusual));
    let mut parts: Vec<_> =
        texts.chain(flags.map(|(what, attribute, _, flag)| of(what, attribute, Said::Flag(flag)))).collect();
    if let (Some("pod"), Some(pod)) = (text("scope").as_deref(), text("pod_id")) {
        let (what, mut part) = of("scope pod", Attribute::Scope, Said::Text("pod".to_owned()));
        part.say(Attribute::Pod, Said::Text(pod));
        parts.push((what, part));
    }
    parts
}

/// What no copy takes along.
fn left_behind(metadata: &Metadata, has_scope: bool) -> Vec<(&'static str, String)> {
    let has = |name| attribute(metadata, name).is_some_and(|value| !value.is_null());
    let has_any = |name| attribute(metadata, name).and_then(Json::as_array).is_some_and(|list| !list.is_empty());
    let scope = text(metadata, "scope").filter(|scope| !has_scope && !["user", "pod"].contains(&scope.as_str()));
    let scope = scope.map(|scope| ("scope", format!("it was of {}", metadata.place.clone().unwrap_or(scope))));
    let revisions = metadata.revision.is_some_and(|revision| revision > 1);
    let is_alias = has("aliased_secret") || has("aliased_variable");
    let overrides = has("overridden_secret") || has("overridden_variable");
    let rest = [
        ("revisions", revisions, "the latest alone is copied"),
        ("alias", is_alias, "it becomes a secret of its own"),
        ("override", overrides, "it becomes a secret of its own"),
        ("auto-prune", has("auto_prune"), "`inject secret update --auto-prune` says it anew"),
        ("grants", has_any("applications"), "`inject secret grant` makes them anew"),
        ("provider", has("provider_name"), "the value is copied, and no provider has it any more"),
    ];
    let rest = rest.into_iter().filter(|(_, is_there, _)| *is_there).map(|(what, _, why)| (what, why.to_owned()));
    scope.into_iter().chain(rest).collect()
}

fn attribute<'m>(metadata: &'m Metadata, name: &str) -> Option<&'m Json> {
    metadata.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn text(metadata: &Metadata, name: &str) -> Option<String> {
    attribute(metadata, name).and_then(Json::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What the target has already is replaced or stays.
fn meet(rows: &mut [Row], to: &Side<'_>, replace: bool) -> Result<(), Vec<Failure>> {
    let mut fitting: Vec<&mut Row> = rows.iter_mut().filter(|row| matches!(row.step, Step::Fits(_))).collect();
    for rows in fitting.chunks_mut(to.at_once()) {
        let items: Vec<&Item> =
            rows.iter().filter_map(|row| if let Step::Fits(item) = &row.step { Some(item) } else { None }).collect();
        let met = to.ask(async |store| store.meets(&items).await)?;
        for (row, met) in rows.iter_mut().zip(met) {
            let error = match (met, replace) {
                (Ok(false), _) => continue,
                (Ok(true), true) => {
                    row.existing = Existing::Replace;
                    continue;
                }
                (Ok(true), false) => {
                    ManageError::Exists { name: row.name.clone(), store: format!("the store {}", to.name) }
                }
                (Err(error), _) => error,
            };
            row.step = Step::Failed(to.item_failure(&row.name, &error));
        }
    }
    Ok(())
}

fn write(rows: &mut [Row], to: &Side<'_>, given: &Attributes) {
    for existing in [Existing::Refuse, Existing::Replace] {
        let is_meant = |row: &&mut Row| row.existing == existing && matches!(row.step, Step::Fits(_));
        let mut meant: Vec<&mut Row> = rows.iter_mut().filter(is_meant).collect();
        for rows in meant.chunks_mut(to.at_once()) {
            let take = |row: &mut &mut Row| match std::mem::replace(&mut row.step, Step::Done) {
                Step::Fits(item) => Some(item),
                _ => None,
            };
            let items: Vec<Item> = rows.iter_mut().filter_map(take).collect();
            let network = to.session.kind.caps.network;
            let written = to.session.ask(async |store| {
                if !network {
                    // All or nothing, in one write.
                    return store.import(Parcel::Items(items), existing, given).await;
                }
                Ok(add_each(store, items, existing).await)
            });
            match written {
                Ok(outcomes) => {
                    let failed: BTreeMap<String, ManageError> =
                        outcomes.into_iter().filter_map(|(name, outcome)| Some((name, outcome.err()?))).collect();
                    for row in rows {
                        if let Some(error) = failed.get(&row.name) {
                            row.step = Step::Failed(to.item_failure(&row.name, error));
                        }
                    }
                }
                Err(error) => {
                    rows.iter_mut().for_each(|row| row.step = Step::Failed(to.item_failure(&row.name, &error)));
                }
            }
        }
    }
}

fn show(rows: &[Row], as_json: bool, io: &mut Io<'_>) -> Result<(), ManageError> {
    if as_json {
        return io.write_json(&rows.iter().map(Row::json).collect());
    }
    if rows.is_empty() {
        return Ok(());
    }
    let left = |row: &Row| {
        let each: Vec<String> = row.without.iter().map(|(what, why)| format!("{what} ({why})")).collect();
        printable(each.join(", "))
    };
    let heads = ["NAME", "RESULT", "LEFT BEHIND"].map(str::to_owned);
    let rows = rows.iter().map(|row| [printable(row.name.clone()), row.result().to_owned(), left(row)]);
    let rows: Vec<[String; 3]> = std::iter::once(heads).chain(rows).collect();
    io.write(table(&rows).as_bytes())
}

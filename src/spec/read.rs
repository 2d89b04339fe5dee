//! One configuration document, laid over what earlier ones said. The keys and their forms are here
//! and nowhere else.

use super::document::{Data, Key, Node};
use super::{FileItem, Item, Layered, Mount, Spec, StoreSpec, Text};
use crate::failure::{Code, Failure, HINTS, Layer, Place, hint};
use crate::reference::{Address, Body, Hole, SENTINEL, Tail};
use std::path::Path;
use std::rc::Rc;

/// Keys with a meaning here.
const KEYS: [&str; 13] = [
    "default_store",
    "stores",
    "secret_map",
    "environment_variables",
    "files",
    "volume_mounts",
    "networking",
    "pod_id",
    "stack_id",
    "command",
    "arguments",
    "export",
    "$schema",
];

/// Other fields of a Tapis pod definition, as the service stores and shows them.
const TAPIS_KEYS: [&str; 34] = [
    "action_logs",
    "action_logs_ts",
    "added_by",
    "compute_queue",
    "creation_ts",
    "data_attached",
    "data_requests",
    "description",
    "image",
    "instance_port",
    "k8_name",
    "logs",
    "logs_ts",
    "permissions",
    "persistent_volume",
    "pod_template",
    "resources",
    "roles_inherited",
    "roles_required",
    "routing_port",
    "server_protocol",
    "site_id",
    "start_instance_ts",
    "status",
    "status_container",
    "status_requested",
    "template",
    "template_overrides",
    "tenant_id",
    "time_to_stop_default",
    "time_to_stop_instance",
    "time_to_stop_ts",
    "update_ts",
    "url",
];

const MOUNT_KEYS: [&str; 9] = [
    "type",
    "source_id",
    "sub_path",
    "read_only",
    "config_content",
    "config_permissions",
    "config_filename",
    "config_update_mode",
    "mounted_by",
];

impl Spec {
    pub(super) fn read(&mut self, root: Node, layer: &Rc<Layer>, base: &Path) -> Result<(), Failure> {
        let form = root.data.form();
        let Data::Table(mut members) = root.data else {
            let message = format!("the configuration is {form}; an object is expected");
            return Err(Failure::new(Code::Config, Place::of(layer, Some(root.at), ""), message));
        };
        if let Some(pod) = unwrap_envelope(&mut members, layer)? {
            members = pod;
        }
        Reader { spec: self, layer, base }.configuration(members);
        Ok(())
    }
}

/// The service's reply has the pod in `result`.
fn unwrap_envelope(members: &mut Vec<(Key, Node)>, layer: &Rc<Layer>) -> Result<Option<Vec<(Key, Node)>>, Failure> {
    let has = |name: &str| members.iter().any(|(key, _)| &*key.name == name);
    if !(has("result") && has("status") && (has("message") || has("metadata") || has("version"))) {
        return Ok(None);
    }
    let is_error = |(key, node): &(Key, Node)| {
        &*key.name == "status" && matches!(&node.data, Data::Text(text) if text != "success")
    };
    let Some(at) = members.iter().position(|(key, _)| &*key.name == "result") else { return Ok(None) };
    let failed = members.iter().any(is_error);
    let (key, node) = members.swap_remove(at);
    match node.data {
        Data::Table(pod) if !failed => Ok(Some(pod)),
        _ => {
            let message = "this is a reply of the Tapis service that holds no pod; its status or message says why";
            Err(Failure::new(Code::Config, Place::of(layer, Some(key.at), ""), message))
        }
    }
}

struct Reader<'a> {
    spec: &'a mut Spec,
    layer: &'a Rc<Layer>,
    base: &'a Path,
}

impl Reader<'_> {
    fn configuration(&mut self, members: Vec<(Key, Node)>) {
        for (key, node) in members {
            // The service writes null where nothing was set.
            let absent = matches!(node.data, Data::Null);
            let place = self.place(key.at, "", Rc::clone(&key.name));
            match &*key.name {
                name if absent && (KEYS.contains(&name) || TAPIS_KEYS.contains(&name)) => {}
                "default_store" => {
                    self.spec.default_store = self.text(&place, node).map(|text| (text, place));
                }
                "stores" => self.each(&place, node, Self::store),
                "secret_map" => {
                    self.spec.secret_map.reserve(node.data.len());
                    self.each(&place, node, Self::entry);
                }
                "environment_variables" => {
                    self.spec.has_targets = true;
                    self.each(&place, node, Self::variable);
                }
                "files" => {
                    self.spec.has_targets = true;
                    self.each(&place, node, Self::file);
                }
                "volume_mounts" => {
                    self.spec.has_targets = true;
                    self.each(&place, node, Self::mount);
                }
                "networking" => self.networking(&place, node),
                "pod_id" => self.spec.pod.id = self.text(&place, node),
                "stack_id" => self.spec.pod.stack = self.text(&place, node),
                "command" => self.spec.command = self.texts(&place, node),
                "arguments" => self.spec.arguments = self.texts(&place, node),
                "export" => match node.data {
                    Data::Flag(export) => self.spec.export = Some(export),
                    _ => self.mistyped(&place, &node, "true or false"),
                },
                "$schema" => {}
                name if TAPIS_KEYS.contains(&name) => {}
                _ => self.unknown(&key, &self.place(key.at, "", ""), KEYS.iter().chain(&TAPIS_KEYS)),
            }
        }
    }

    fn entry(&mut self, name: Key, node: Node) {
        let place = self.place(name.at, "secret_map", Rc::clone(&name.name));
        if let Some(item) = self.value(place, node, false) {
            self.spec.secret_map.lay(name.name, item, Layered::shadow);
        }
    }

    fn variable(&mut self, name: Key, node: Node) {
        let place = self.place(name.at, "environment_variables", Rc::clone(&name.name));
        if let Some(item) = self.value(place, node, true) {
            self.spec.lay_variable(name.name, item);
        }
    }

    /// A template, or an object that says how it is meant.
    fn value(&mut self, place: Place, node: Node, may_be_descriptor: bool) -> Option<Item> {
        let members = match node.data {
            Data::Text(text) => {
                self.refuse_sentinel(&place, &text);
                return Some(Item::template(text.into_bytes(), place));
            }
            Data::Table(members) => members,
            _ => {
                self.mistyped(&place, &node, "a string (write it in quotes) or an object");
                return None;
            }
        };
        let (mut text, mut descriptor) = (None, false);
        for (key, node) in members {
            match &*key.name {
                "as" if may_be_descriptor => descriptor |= self.is_descriptor(&place, node, "env"),
                "as" => self.complain(
                    &place.at(key.at),
                    "\"as\" says how the command gets a value: write it in `environment_variables` or `files`",
                ),
                _ => self.text_member(&place, &key, node, &mut text, &["value", "literal", "get_secret", "as"]),
            }
        }
        if text.is_none() {
            self.complain(&place, "an object here has one of \"value\", \"literal\" and \"get_secret\"");
        }
        Some(Item { text: text?, descriptor, place, shadows: Vec::new() })
    }

    /// One of the members that give a text.
    fn text_member(&mut self, place: &Place, key: &Key, node: Node, text: &mut Option<Text>, known: &[&str]) {
        let given = match &*key.name {
            "value" | "content" if known.contains(&&*key.name) => match node.data {
                Data::Table(_) if &*key.name == "content" => {
                    self.value(place.at(node.at), node, false).map(|inner| inner.text)
                }
                _ => self.text(place, node).map(|text| Text::Template(text.into_bytes())),
            },
            "literal" => self.text(place, node).map(|text| Text::Literal(text.into_bytes())),
            "get_secret" => self.get_secret(place, node),
            _ => {
                self.unknown(key, place, known);
                return;
            }
        };
        if text.is_some() {
            self.complain(
                &place.at(key.at),
                "an object here has only one of \"value\", \"content\", \"literal\" and \"get_secret\"",
            );
        }
        *text = given.or(text.take());
    }

    /// Cloudify's intrinsic function: a key, or a key and the steps into its value.
    fn get_secret(&mut self, place: &Place, node: Node) -> Option<Text> {
        let (at, expected) = (node.at, "a key, or a list of a key and the steps into its value");
        let mut steps = match node.data {
            Data::Text(key) => vec![key],
            Data::List(steps) => {
                let step = |step: Node| match step.data {
                    Data::Text(text) | Data::Number(text) => Some(text),
                    _ => None,
                };
                match steps.into_iter().map(step).collect::<Option<Vec<_>>>() {
                    Some(steps) if !steps.is_empty() => steps,
                    _ => {
                        self.complain(&place.at(at), &format!("\"get_secret\" takes {expected}"));
                        return None;
                    }
                }
            }
            _ => {
                self.mistyped(place, &node, expected);
                return None;
            }
        };
        let path = steps.remove(0);
        // A JSON pointer, RFC 6901.
        let pointer = |step: &String| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
        let field = (!steps.is_empty()).then(|| steps.iter().map(pointer).collect());
        let body = Body::Secret(Address { store: None, path: path.into(), version: None }.into());
        Some(Text::Reference(Box::new(Hole::with(body, Tail { field, ..Tail::default() }))))
    }

    fn is_descriptor(&mut self, place: &Place, node: Node, other: &str) -> bool {
        match &node.data {
            Data::Text(text) if text == "fd" => true,
            Data::Text(text) if text == other => false,
            _ => {
                self.complain(&place.at(node.at), &format!("\"as\" is \"{other}\" or \"fd\""));
                false
            }
        }
    }

    fn file(&mut self, path: Key, node: Node) {
        let place = self.place(path.at, "files", Rc::clone(&path.name));
        let members = match node.data {
            Data::Text(text) => {
                let item = Item::template(text.into_bytes(), place);
                return self.spec.lay_file(path.name, FileItem { item, mode: None, owner: None, env: None });
            }
            Data::Table(members) => members,
            _ => return self.mistyped(&place, &node, "a string or an object with \"content\""),
        };
        let (mut text, mut mode, mut owner, mut env, mut descriptor) = (None, None, None, None, false);
        for (key, node) in members {
            match &*key.name {
                "mode" => {
                    let at = node.at;
                    mode = self.text(&place, node).and_then(|text| parse_mode(&text));
                    if mode.is_none() {
                        self.complain(
                            &place.at(at),
                            "\"mode\" is three or four octal digits in quotes, such as \"0400\"",
                        );
                    }
                }
                "owner" => owner = self.text(&place, node),
                "env" => env = self.text(&place, node),
                "as" => descriptor |= self.is_descriptor(&place, node, "file"),
                _ => self.text_member(
                    &place,
                    &key,
                    node,
                    &mut text,
                    &["content", "literal", "get_secret", "mode", "owner", "env", "as"],
                ),
            }
        }
        let Some(text) = text else {
            return self.complain(&place, "a file has \"content\", \"literal\" or \"get_secret\"");
        };
        if descriptor && env.is_none() {
            self.complain(&place, "a file that is \"as\": \"fd\" needs \"env\": NAME, the variable that gets its path");
        }
        let item = Item { text, descriptor, place, shadows: Vec::new() };
        self.spec.lay_file(path.name, FileItem { item, mode, owner, env });
    }

    fn mount(&mut self, path: Key, node: Node) {
        let place = self.place(path.at, "volume_mounts", Rc::clone(&path.name));
        let mut mount = Mount {
            kind: None,
            source_id: None,
            sub_path: None,
            read_only: None,
            content: None,
            permissions: None,
            filename: None,
            update_mode: None,
            removed: matches!(node.data, Data::Null),
            place: place.clone(),
            shadows: Vec::new(),
        };
        match node.data {
            Data::Null => {}
            Data::Table(members) => {
                for (key, node) in members {
                    if matches!(node.data, Data::Null) && MOUNT_KEYS.contains(&&*key.name) {
                        continue;
                    }
                    match &*key.name {
                        "type" => mount.kind = self.text(&place, node),
                        "source_id" => mount.source_id = self.text(&place, node),
                        "sub_path" => mount.sub_path = self.text(&place, node),
                        "config_content" => mount.content = self.text(&place, node),
                        "config_permissions" => mount.permissions = self.text(&place, node),
                        "config_filename" => mount.filename = self.text(&place, node),
                        "config_update_mode" => mount.update_mode = self.text(&place, node),
                        "read_only" => match node.data {
                            Data::Flag(flag) => mount.read_only = Some(flag),
                            _ => self.mistyped(&place, &node, "true or false"),
                        },
                        "mounted_by" => {}
                        _ => self.unknown(&key, &place, &MOUNT_KEYS),
                    }
                }
            }
            _ => return self.mistyped(&place, &node, "an object, or null"),
        }
        if let Some(content) = &mount.content {
            self.refuse_sentinel(&place, content);
        }
        self.spec.mounts.lay(path.name, mount, Layered::shadow);
    }

    /// A pod's resolved view is no definition: where it hides a value, this would be injected.
    fn refuse_sentinel(&mut self, place: &Place, text: &str) {
        // Every text comes by here, and hardly one has two of the character that it begins with.
        let may_have = text.bytes().filter(|&byte| byte == b'<').count() > 1;
        if may_have && text.contains(SENTINEL) {
            let message = format!(
                "`{SENTINEL}` stands where Tapis hides a value, which is no value; use the pod's definition with its \
                 secrets not resolved"
            );
            self.complain(place, &message);
        }
    }

    fn store(&mut self, name: Key, node: Node) {
        let place = self.place(name.at, "stores", Rc::clone(&name.name));
        if matches!(&*name.name, "secret" | "pods" | "stack") || !crate::reference::is_name(&name.name) {
            self.complain(
                &place,
                "this cannot be the name of a store; letters, digits, `_` and `-` can, but not secret, pods and stack",
            );
        }
        let Data::Table(settings) = node.data else {
            return self.mistyped(&place, &node, "an object with \"kind\"");
        };
        let store = StoreSpec { settings, base: self.base.to_owned(), place, shadows: Vec::new() };
        self.spec.stores.lay(name.name, store, Layered::shadow);
    }

    /// Only scalars have a meaning; the service writes more.
    fn networking(&mut self, place: &Place, node: Node) {
        let Data::Table(nets) = node.data else { return self.mistyped(place, &node, "an object") };
        for (net, node) in nets {
            let Data::Table(fields) = node.data else { continue };
            let scalar = |(key, node): (Key, Node)| match node.data {
                Data::Text(text) | Data::Number(text) => Some((key.name.to_string(), Some(text))),
                Data::Null => Some((key.name.to_string(), None)),
                _ => None,
            };
            let fields = fields.into_iter().filter_map(scalar).collect();
            self.spec.pod.networking.insert(net.name.to_string(), fields);
        }
    }

    fn each(&mut self, place: &Place, node: Node, read: fn(&mut Self, Key, Node)) {
        match node.data {
            Data::Table(members) => {
                for (key, node) in members {
                    read(self, key, node);
                }
            }
            _ => self.mistyped(place, &node, "an object"),
        }
    }

    fn text(&mut self, place: &Place, node: Node) -> Option<String> {
        match node.data {
            Data::Text(text) => Some(text),
            _ => {
                self.mistyped(place, &node, "a string (write it in quotes)");
                None
            }
        }
    }

    fn texts(&mut self, place: &Place, node: Node) -> Option<Vec<String>> {
        match node.data {
            Data::List(items) => Some(items.into_iter().filter_map(|node| self.text(place, node)).collect()),
            Data::Text(text) => Some(vec![text]),
            _ => {
                self.mistyped(place, &node, "a list of strings");
                None
            }
        }
    }

    fn place(&self, at: usize, section: &'static str, item: impl Into<Rc<str>>) -> Place {
        Place::in_section(self.layer, Some(at), section, item)
    }

    fn mistyped(&mut self, place: &Place, node: &Node, expected: &str) {
        self.complain(&place.at(node.at), &format!("this is {}; expected {expected}", node.data.form()));
    }

    fn unknown<'a>(&mut self, key: &Key, place: &Place, known: impl IntoIterator<Item = &'a &'a str>) {
        let hint = match self.spec.failures.len() {
            ..HINTS => hint(&key.name, known.into_iter().copied()),
            _ => String::new(),
        };
        self.complain(&place.at(key.at), &format!("the key `{}` is not known{hint}", key.name));
    }

    fn complain(&mut self, place: &Place, message: &str) {
        self.spec.failures.push(Failure::new(Code::Config, place, message));
    }
}

/// Three or four octal digits without set-id bits.
pub(crate) fn parse_mode(text: &str) -> Option<u32> {
    let digits = (3..=4).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    u32::from_str_radix(text, 8).ok().filter(|&mode| digits && mode <= 0o777)
}

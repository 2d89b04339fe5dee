//! What holds for any input, as functions that panic where it does not.
//!
//! cargo-fuzz looks for inputs that break them (`tests/fuzz`); the tests run them over its corpus and
//! over random inputs (`properties.rs`). Compiled for those two and for nothing else.
#![allow(clippy::disallowed_methods, reason = "what is rendered is compared")]
#![allow(clippy::unwrap_used, reason = "to panic is this file's task")]

use crate::environ::Environ;
use crate::net::canned::{self, Canned};
use crate::plan::{self, Dialect, OnConflict, Options};
use crate::reference::{self, Absent, Address, Body, Hole, PodField, Tail};
use crate::report;
use crate::secret::Secret;
use crate::spec::document::{self, Data, Format, Node};
use crate::spec::{Spec, dotenv};
use crate::tapis::grammar::{self, Form, Placeholder};
use crate::template::{Part, Parts, Scan, Slot, Source, Template, Value};
use std::path::Path;
use std::time::Duration;

/// A configuration, as JSON and as TOML, is read, planned in both dialects and reported on.
pub fn configuration(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for format in [Format::Json, Format::Toml] {
        match document::parse(text, format) {
            Ok((root, flaws)) => {
                nodes_stand_where_they_say(text, &root, format);
                assert!(flaws.iter().all(|flaw| text[flaw.at..].starts_with('"')));
                if format == Format::Json {
                    is_what_others_read(text, &root);
                }
            }
            Err(flaw) => assert!(flaw.at <= text.len()),
        }
        for dialect in [Dialect::Strict, Dialect::Tapis] {
            let mut spec = Spec::default();
            if spec.lay_text("input".to_owned(), text.to_owned(), format, Path::new("")).is_err() {
                continue;
            }
            let warnings = report::check::warnings(&spec, dialect);
            let environ = Environ::new(vec![c"PATH=/usr/bin:/bin", c"SET=$<pods:secrets:A>", c"NO_VALUE"]);
            let planned = plan::build(&spec, &options(dialect), &environ);
            let failures = planned.as_ref().err().map_or(&[][..], |stop| &stop.failures);
            let report = report::check::report_json(failures, &warnings, None);
            serde_json::from_str::<serde_json::Value>(&report).unwrap();
            if let Ok(plan) = planned {
                report::check::more_warnings(&plan);
                report::plan::report_text(&plan, None);
                report::plan::report_json(&plan, None);
            }
        }
    }
}

fn options(dialect: Dialect) -> Options {
    Options {
        store: None,
        pristine: false,
        keep: Vec::new(),
        drop: Vec::new(),
        on_conflict: OnConflict::Inject,
        scan: true,
        allow_args: true,
        dialect,
        timeout: Duration::from_secs(1),
        retries: 0,
        scope: None,
        application: None,
        file_mode: None,
        file_owner: None,
        needs_command: false,
        ..Options::default()
    }
}

fn nodes_stand_where_they_say(text: &str, node: &Node, format: Format) {
    let at = |at: usize| text.get(at..).unwrap();
    let string = |at: &str| serde_json::Deserializer::from_str(at).into_iter::<String>().next().unwrap().unwrap();
    let begins = at(node.at);
    match &node.data {
        Data::Text(value) if format == Format::Json => assert_eq!(string(begins), *value),
        Data::Number(number) if format == Format::Json => assert!(begins.starts_with(number.as_str())),
        Data::List(items) => items.iter().for_each(|item| nodes_stand_where_they_say(text, item, format)),
        Data::Table(members) => {
            for (key, value) in members {
                let begins = at(key.at);
                match format {
                    Format::Json => assert_eq!(string(begins), *key.name),
                    Format::Toml => assert!(begins.starts_with(['"', '\'']) || begins.starts_with(&*key.name)),
                }
                nodes_stand_where_they_say(text, value, format);
            }
        }
        _ => {}
    }
}

/// serde_json refuses numbers that have no value, so it may read less.
fn is_what_others_read(text: &str, root: &Node) {
    fn value(node: &Node) -> serde_json::Value {
        match &node.data {
            Data::Null => serde_json::Value::Null,
            Data::Flag(flag) => (*flag).into(),
            Data::Number(number) => serde_json::from_str(number).unwrap(),
            Data::Text(text) => text.as_str().into(),
            Data::List(items) => items.iter().map(value).collect(),
            Data::Table(members) => members.iter().map(|(key, node)| (key.name.to_string(), value(node))).collect(),
        }
    }
    if let Ok(other) = serde_json::from_str::<serde_json::Value>(text) {
        assert_eq!(value(root), other);
    }
}

/// A text is scanned, written anew, scanned again and rendered; each `${…}` in it means what it means
/// to Tapis.
pub fn template(input: &[u8]) {
    let known = |name: &str| name.len() == 1;
    match Template::scan(input, Scan::Every) {
        Ok(template) => {
            let texts = template.parts.iter().map(|part| matches!(part, Part::Text(_))).collect::<Vec<_>>();
            assert!(!texts.windows(2).any(|pair| pair[0] && pair[1]) && !template.parts.contains(&Part::Text(vec![])));
            is_the_same_written_anew(&template);
            renders_to_its_texts_and_values(&template);
        }
        Err(errors) => {
            assert!(errors.windows(2).all(|pair| pair[0].at < pair[1].at));
            assert!(errors.iter().all(|error| input[error.at] == b'$' && !error.what.to_string().is_empty()));
        }
    }
    let foreign = Template::scan(input, Scan::Known(&known));
    if !Template::is_meant(input, &known) {
        assert_eq!(foreign.unwrap().as_text().unwrap(), input);
    }
    if let Ok(text) = std::str::from_utf8(input) {
        // Each at most as long as what is before the next; more than a few of them prove no more.
        let forms = text.match_indices("${").take(64);
        forms.filter_map(|(at, _)| Some(&text[at..=at + text[at..].find('}')?])).for_each(means_the_same_to_tapis);
    }
}

/// The text that gives these literals, and `$<h:NUMBER>` for the holes.
fn is_the_same_written_anew(template: &Template<Hole>) {
    let (mut text, mut dollars, mut expected) = (Vec::new(), 0, Vec::new());
    for (number, part) in template.parts.iter().enumerate() {
        let reference = format!("$<h:{number}>").into_bytes();
        let (literal, is_hole) = match part {
            Part::Text(literal) => (literal, false),
            Part::Hole(_) => (&reference, true),
        };
        for (at, &byte) in literal.iter().enumerate() {
            if byte == b'<' || (is_hole && at == 0) {
                // Directly before `<`, a dollar is written twice; the reference's own is not.
                text.extend(std::iter::repeat_n(b'$', if is_hole && at == 1 { 0 } else { dollars }));
            }
            text.push(byte);
            dollars = if byte == b'$' { dollars + 1 } else { 0 };
        }
        expected.push(match part {
            Part::Text(literal) => Part::Text(literal.clone()),
            Part::Hole(_) => Part::Hole(format!("$<h:{number}>")),
        });
    }
    let again = Template::scan(&text, Scan::Every).unwrap();
    let shown = again.parts.into_iter().map(|part| match part {
        Part::Text(literal) => Part::Text(literal),
        Part::Hole(hole) => Part::Hole(hole.to_string()),
    });
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

/// Values that would do harm if anything looked into them.
pub(crate) const VALUES: [&[u8]; 5] = [b"$<secret:a>${secret:b}$$<", b"", b"\0\xff\n", b"${pods:secrets:A}", b"$"];

fn renders_to_its_texts_and_values(template: &Template<Hole>) {
    let values = VALUES.map(|value| Value::Bytes(Secret::from(value.to_vec())));
    let (mut expected, mut parts) = (Vec::new(), Parts::new());
    for (number, part) in template.parts.iter().enumerate() {
        parts.push(match part {
            Part::Text(text) => {
                expected.extend_from_slice(text);
                Part::Text(text.clone())
            }
            Part::Hole(hole) => {
                let source = number % VALUES.len();
                expected.extend_from_slice(VALUES[source]);
                let tail = Tail { absent: hole.absent().clone(), ..Tail::default() };
                let hole = Hole::with(hole.body.clone(), tail);
                Part::Hole(Slot { source: Source::Request(source), hole })
            }
        });
    }
    let fill = |source| match source {
        Source::Request(number) => values.get(number),
        Source::Entry(_) => None,
    };
    assert!(Template { parts }.render(&fill).unwrap().expose() == expected);
}

/// `form` is `${…}` up to its first `}`. What both read, they read alike; and what Tapis resolves is
/// never refused. (Its digits of other scripts are: `fixtures/conformance` has that difference.)
fn means_the_same_to_tapis(form: &str) {
    let scanned = Template::scan(form.as_bytes(), Scan::Every);
    let hole = match scanned.as_ref().map(|template| template.parts.as_slice()) {
        Ok([Part::Hole(hole)]) => Some(hole),
        _ => None,
    };
    let whole = |template: Template<Hole>| match template.parts.as_slice() {
        [Part::Hole(hole)] => Some(hole.body.clone()),
        _ => None,
    };
    let entry = || whole(grammar::plan_text(form, &|_| true, &mut |_| {}));
    let stack = || whole(grammar::stack_references(form, &|_| true, &mut |_| {}));
    let network = grammar::network_references(form).find(|network| network.text == form);
    let theirs = match grammar::parse_secret_reference(form, None) {
        Ok(Form::Secret { owner, name }) => {
            let path = owner.map_or_else(|| name.to_owned(), |owner| format!("{owner}:{name}"));
            Some(Body::Secret(Address { store: None, path: path.into(), version: None }.into()))
        }
        Ok(Form::Placeholder(Placeholder { default: Some(value), .. })) => Some(Body::Default(value.as_bytes().into())),
        Ok(Form::Placeholder(Placeholder { default: None, description })) => {
            Some(Body::Required(description.unwrap().into()))
        }
        Ok(Form::Literal(_)) | Err(_) => None,
    };
    let theirs = theirs.or_else(entry).or_else(stack).or_else(|| {
        network.map(|network| {
            Body::Pod(PodField::Networking((network.network.to_owned(), network.field.to_owned()).into()))
        })
    });
    if let Some(theirs) = &theirs {
        assert_eq!(Some(theirs), hole.map(|hole| &hole.body), "{form}");
    }
    match hole.map(|hole| &hole.body) {
        Some(Body::Random(length)) => assert_eq!(grammar::random_length(form), Some(length.to_string()), "{form}"),
        Some(Body::Pod(PodField::Id)) => assert_eq!(form, "${pods:pod_id}"),
        Some(Body::Pod(PodField::Url)) => assert_eq!(form, "${pods:url}"),
        Some(Body::Pod(PodField::TapisUrl)) => assert_eq!(form, "${pods:tapis_url}"),
        // One that Tapis does not know is refused by the plan, which knows the networks.
        Some(Body::Pod(PodField::Networking(_))) | None => {}
        Some(ours) => assert_eq!(Some(ours), theirs.as_ref(), "{form}"),
    }
}

/// As a report shows it.
fn without_default(hole: Hole) -> Hole {
    let tail = Tail { field: hole.field().map(str::to_owned), filters: hole.filters().to_vec(), absent: Absent::Fail };
    Hole { tapis: hole.tapis, ..Hole::with(hole.body, tail) }
}

/// A reference is read, and read again as it is shown and as it can be written.
pub fn reference(input: &[u8]) {
    if let Ok(hole) = reference::parse_brace(input) {
        let shown = hole.to_string();
        let body = shown.strip_prefix("${").unwrap().strip_suffix('}').unwrap();
        if std::str::from_utf8(input).is_ok() && !matches!(hole.body, Body::Default(_)) {
            assert_eq!(reference::parse_brace(body.as_bytes()), Ok(without_default(hole)));
        }
    }
    let Ok(body) = std::str::from_utf8(input) else { return };
    let hole = match reference::parse_angle(body) {
        Ok(hole) => hole,
        Err(malformed) => return assert!(!malformed.to_string().is_empty()),
    };
    assert_eq!(reference::parse_angle(&written(&hole)).as_ref(), Ok(&hole));
    if !body.contains('%') && !matches!(hole.body, Body::Default(_)) {
        let shown = hole.to_string();
        let shown = shown.strip_prefix("$<").unwrap().strip_suffix('>').unwrap();
        assert_eq!(reference::parse_angle(shown), Ok(without_default(hole)));
    }
}

/// A body that means the same, everything in it percent-encoded that may be.
fn written(hole: &Hole) -> String {
    let encoded = |text: &[u8]| text.iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let mut body = match &hole.body {
        Body::Secret(address) => {
            let Address { store, path, .. } = &**address;
            format!("{}:{}", store.as_deref().unwrap_or("secret"), encoded(path.as_bytes()))
        }
        Body::Entry(key) => format!("pods:secrets:{}", encoded(key.as_bytes())),
        Body::Default(value) => format!("pods:default:{}", encoded(value)),
        Body::Required(text) => format!(":?{}", encoded(text.as_bytes())),
        Body::Random(length) => format!("pods:random:{length}"),
        Body::Pod(PodField::Id) => "pods:pod_id".to_owned(),
        Body::Pod(PodField::Url) => "pods:url".to_owned(),
        Body::Pod(PodField::TapisUrl) => "pods:tapis_url".to_owned(),
        Body::Pod(PodField::Networking(of)) => {
            let (net, field) = &**of;
            format!("pods:networking:{}:{}", encoded(net.as_bytes()), encoded(field.as_bytes()))
        }
        Body::Stack(key) => format!("stack:secrets:{}", encoded(key.as_bytes())),
    };
    if let Some(field) = hole.field() {
        body += &format!("#{}", encoded(field.as_bytes()));
    }
    if let Body::Secret(address) = &hole.body
        && let Some(version) = &address.version
    {
        body += &format!("@{}", encoded(version.as_bytes()));
    }
    hole.filters().iter().for_each(|filter| body += &format!("|{}", filter.name()));
    match hole.absent() {
        Absent::Fail => {}
        Absent::Default(text) => body += &format!(":-{}", encoded(text)),
        Absent::Explain(text) => body += &format!(":?{}", encoded(text.as_bytes())),
    }
    body
}

/// A dotenv file is read, its values are read again from the quotes they are put in, and so is the
/// input itself.
pub fn dotenv(input: &[u8]) {
    let (assignments, errors) = dotenv::parse(input);
    assert!(errors.iter().all(|error| error.at < input.len()));
    assert!(errors.windows(2).all(|pair| pair[0].at < pair[1].at));
    assert!(assignments.windows(2).all(|pair| pair[0].at < pair[1].at));
    for assignment in &assignments {
        let (name, line) = (&assignment.name, &input[assignment.at..]);
        let line = line[..line.iter().position(|&byte| byte == b'=').unwrap()].trim_ascii();
        let written = line.strip_prefix(b"export").filter(|_| line != name.as_bytes()).unwrap_or(line);
        assert_eq!(written.trim_ascii(), name.as_bytes());
    }
    let values = assignments.iter().map(|assignment| assignment.value.as_slice());
    let (mut file, mut expected) = (Vec::new(), Vec::new());
    for value in values.chain([input]) {
        file.extend_from_slice(b"export QUOTED = \"");
        for byte in value {
            match byte {
                b'"' | b'\\' => file.extend_from_slice(&[b'\\', *byte]),
                _ => file.push(*byte),
            }
        }
        file.extend_from_slice(b"\" # a comment\r\n");
        expected.push(value);
        if !value.contains(&b'\'') {
            file.extend_from_slice(&[b"LITERAL='", value, b"'\n"].concat());
            expected.push(value);
        }
    }
    let (again, errors) = dotenv::parse(&file);
    assert_eq!(errors, []);
    assert!(again.iter().map(|assignment| assignment.value.as_slice()).eq(expected));
}

/// A store's document and its file are read, and what is written comes back.
#[cfg(feature = "local")]
pub fn store_file(input: &[u8]) {
    use crate::store::local::fuzzing;
    if let Ok(text) = std::str::from_utf8(input) {
        fuzzing::document(text);
    }
    fuzzing::file(input);
    fuzzing::written(input);
}

/// Stores of each remote kind, on a server that nobody asks; their login is the variable.
const STORES: [(&str, &[(&str, &str)]); 6] = [
    ("tapis", &[("url", URL), ("token", LOGIN)]),
    ("tapis", &[("url", URL), ("user", "alice"), ("password", LOGIN)]),
    ("apolo", &[("url", URL), ("token", LOGIN)]),
    ("cloudify", &[("url", URL), ("token", LOGIN)]),
    ("qovery", &[("url", URL), ("token", LOGIN), ("scope", "project"), ("id", "1")]),
    ("juju", &[("endpoints", "127.0.0.1:1"), ("model", MODEL), ("user", "alice"), ("password", LOGIN)]),
];
const URL: &str = "http://127.0.0.1:1/v1";
const LOGIN: &str = "LOGIN";
const MODEL: &str = "0c1f5d3e-7a52-4b7f-8d53-2f9d8f3f2a11";

/// What no message repeats of a reply.
const NOT_REPEATED: &str = "<hunter2>";

thread_local! {
    /// For the clocks of a deadline: nothing waits for them.
    static RUNTIME: tokio::runtime::Runtime = crate::net::runtime().unwrap();
}

/// A server's replies, each a status, a blank and a body, with a NUL between them: every kind makes a
/// value of them that stands in one, or an error that shows nothing of them. Over a websocket a reply is
/// a message, and its status is nothing.
pub fn store_replies(input: &[u8]) {
    let reply = |text: &[u8]| {
        let status = text.get(..3).and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
        let body = text.get(4..).filter(|_| status.is_some());
        (status.filter(|status| (100..1000).contains(status)).unwrap_or(200), body.unwrap_or(text).to_vec())
    };
    let replies: Vec<Canned> = input.split(|&byte| byte == 0).map(reply).collect();
    for (kind, settings) in STORES {
        for value in answers(kind, settings, &replies) {
            let bodies = || replies.iter().map(|(_, body)| serde_json::from_slice::<serde_json::Value>(body));
            // What nobody wants is passed over, so a text may have a value although it cannot be read whole.
            let is_told = bodies().any(|body| body.is_ok_and(|body| is_in(&value, &body)));
            assert!(is_told || bodies().any(|body| body.is_err()), "{kind} made up {value:?}");
        }
    }
}

/// The values that a store of the kind gives. Its failures show nothing, those of looking at secrets
/// included.
fn answers(kind: &str, settings: &[(&'static str, &str)], replies: &[Canned]) -> Vec<Vec<u8>> {
    use crate::store::{self, Context, Credential, Look, Pending, Request, Setting, Settings};
    let mut all = Settings::default();
    for (name, text) in settings {
        all.set(
            name,
            match (*name, *text) {
                (_, LOGIN) => Setting::Credential(Credential::Variable(LOGIN.to_owned())),
                ("endpoints", text) => Setting::List(vec![text.to_owned()]),
                (_, text) => Setting::Text(text.to_owned()),
            },
        );
    }
    // A token of alice's that is good for long.
    let login = c"LOGIN=eyJ9.eyJ0YXBpcy91c2VybmFtZSI6ImFsaWNlIiwiZXhwIjo5OTk5OTk5OTk5fQ.x";
    let environ = Environ::new(vec![login]);
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let context = Context::new(&environ, deadline, 0);
    let store = (store::kind(kind).unwrap().open)(&all, &context).unwrap();
    let paths = match kind {
        "juju" => ["plain", "secret:cu9nqkbmp25c7a8sqo2g", "absent"],
        _ => ["plain", "//default/my-org/my-project/plain", "absent"],
    };
    let addresses = paths.map(|path| Address { store: None, path: path.into(), version: None });
    let request = |address: &Address| Request { address: address.clone().into(), random: None, answer: None };
    let mut requests: Vec<Request> = addresses.iter().map(request).collect();
    let look = |address: &Address| Look { address: address.clone().into(), identity: String::new(), answer: None };
    let mut looks: Vec<Look> = addresses.iter().map(look).collect();
    let at_once = |mut asked: Pending<'_>| {
        let polled = asked.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        let std::task::Poll::Ready(done) = polled else { panic!("{kind} waits for something") };
        done
    };
    let (resolved, looked) = RUNTIME.with(|runtime| {
        let _clocks = runtime.enter();
        (
            canned::with(replies.iter().cloned(), || at_once(store.resolve(&mut requests))),
            canned::with(replies.iter().cloned(), || at_once(store.look(&mut looks))),
        )
    });
    let answers: Vec<_> = requests.into_iter().filter_map(|request| request.answer).collect();
    let looks: Vec<_> = looks.into_iter().filter_map(|look| look.answer).collect();
    let of_secrets = answers.iter().filter_map(|answer| answer.as_ref().err());
    let of_looks = looks.iter().filter_map(|answer| answer.as_ref().err());
    let failures = of_secrets.chain(of_looks).chain(resolved.as_ref().err()).chain(looked.as_ref().err());
    for failure in failures.map(ToString::to_string) {
        assert!(!failure.contains(NOT_REPEATED) && !failure.contains(char::is_control), "{kind}: {failure:?}");
    }
    let bytes = |value: &Value| match value {
        Value::Bytes(secret) => vec![secret.expose().to_vec()],
        Value::Fields(fields) => fields.iter().map(|(_, secret)| secret.expose().to_vec()).collect(),
    };
    answers.iter().filter_map(|answer| answer.as_ref().ok()).flat_map(bytes).collect()
}

/// As a text, as base64, or, where a kind gives any JSON, as that.
fn is_in(value: &[u8], json: &serde_json::Value) -> bool {
    use base64::Engine as _;
    let is_same = match json {
        serde_json::Value::String(text) => {
            let decoded = base64::prelude::BASE64_STANDARD.decode(text.replace(['\r', '\n'], ""));
            text.as_bytes() == value || decoded.is_ok_and(|decoded| decoded == value)
        }
        other => serde_json::from_slice::<serde_json::Value>(value).is_ok_and(|read| read == *other),
    };
    is_same
        || match json {
            serde_json::Value::Array(items) => items.iter().any(|item| is_in(value, item)),
            serde_json::Value::Object(members) => members.values().any(|member| is_in(value, member)),
            _ => false,
        }
}

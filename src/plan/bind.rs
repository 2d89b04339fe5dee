//! References to numbers: what each hole of a template is filled from.

use super::{Planner, RequestPlan};
use crate::failure::{Code, Failure, HINTS, Place, hint};
use crate::filter::Filter;
use crate::reference::{Absent, Address, Body, Hole, PodField};
use crate::template::{Part, Parts, Slot, Source, Template};
use std::rc::Rc;

impl<'a> Planner<'a> {
    /// Numbers a template's references. Each that cannot be is reported; the plan fails then, so
    /// what stands in for it does not matter.
    pub(super) fn bind(&mut self, template: Template<Hole>, place: &Place) -> Template<Slot> {
        let mut parts = Parts::with_capacity(template.parts.len());
        for part in template.parts {
            match part {
                Part::Text(text) => parts.push(Part::Text(text)),
                Part::Hole(hole) => match self.bind_hole(&hole) {
                    Ok(Bound::Source(source)) => parts.push(Part::Hole(Slot { source, hole })),
                    Ok(Bound::Text(text)) => parts.push(Part::Text(text)),
                    Err((code, message)) => {
                        self.failures.push(Failure::new(code, place, message).about(&hole));
                    }
                },
            }
        }
        Template { parts }
    }

    fn bind_hole(&mut self, hole: &Hole) -> Result<Bound, (Code, String)> {
        let missing = |what: String| match hole.absent() {
            Absent::Default(default) => Ok(Bound::Text(default.clone())),
            Absent::Explain(text) => Err((Code::Reference, text.clone())),
            Absent::Fail => Err((Code::Reference, what)),
        };
        match &hole.body {
            Body::Entry(key) => match self.spec.secret_map.position(key) {
                Some(position) => Ok(Bound::Source(Source::Entry(self.entry(position)))),
                None => {
                    let hint = match self.failures.len() {
                        ..HINTS => hint(key, self.spec.secret_map.names()),
                        _ => String::new(),
                    };
                    missing(format!("the secret_map has no entry `{key}`{hint}"))
                }
            },
            Body::Secret(address) => match self.stores.of(address, self.spec, self.options, self.environ) {
                Ok(store) => Ok(Bound::Source(Source::Request(self.number(store, Rc::clone(address), None)))),
                Err(Some(why)) => Err(why),
                Err(None) => Ok(Bound::Text(Vec::new())),
            },
            Body::Default(value) => filtered(value, hole.filters()),
            Body::Required(text) => Err((Code::Reference, format!("a value is required here: {text}"))),
            Body::Random(_) => {
                Err((Code::Reference, "a random password is the whole value of a secret_map entry only".to_owned()))
            }
            Body::Pod(field) => match self.pod_field(field) {
                Ok(Some(text)) => filtered(text.as_bytes(), hole.filters()),
                Ok(None) => missing("the configuration is no pod definition that says so".to_owned()),
                Err(message) => missing(message),
            },
            Body::Stack(key) => missing(format!("the configuration holds no stack, so there is no `{key}` of one")),
        }
    }

    pub(super) fn bind_random(&mut self, entry: &str, hole: &Hole, length: usize, place: &Place) -> Template<Slot> {
        let kept = match &self.spec.pod.id {
            Some(pod) => format!("{pod}:{entry}"),
            None => entry.to_owned(),
        };
        let address = Address { store: None, path: kept.into(), version: None }.into();
        match self.stores.for_random(self.spec, self.options, self.environ) {
            Ok(store) => {
                let number = self.number(store, address, Some(length));
                Template::hole(Slot { source: Source::Request(number), hole: hole.clone() })
            }
            Err(why) => {
                let failure = why.map(|(code, message)| Failure::new(code, place, message).about(hole));
                self.failures.extend(failure);
                Template::text("")
            }
        }
    }

    /// A request's number, until [`Self::merge_requests`].
    fn number(&mut self, store: usize, address: Rc<Address>, random: Option<usize>) -> usize {
        self.requests.push(RequestPlan { store, address, random });
        self.requests.len() - 1
    }

    /// Makes one of requests that are equal, where the first of them stood. Mostly none are, and
    /// where they rise none can be.
    pub(super) fn merge_requests<'s>(&mut self, sources: impl Iterator<Item = &'s mut Source>) {
        let requests = &self.requests;
        if requests.is_sorted_by(|one, other| one < other) {
            return;
        }
        let mut sorted: Vec<usize> = (0..requests.len()).collect();
        sorted.sort_unstable_by(|&one, &other| requests[one].cmp(&requests[other]).then(one.cmp(&other)));
        if sorted.windows(2).all(|pair| requests[pair[0]] != requests[pair[1]]) {
            return;
        }
        let mut firsts = vec![0; requests.len()];
        for equal in sorted.chunk_by(|&one, &other| requests[one] == requests[other]) {
            equal.iter().for_each(|&number| firsts[number] = equal[0]);
        }
        let mut numbers: Vec<usize> = Vec::with_capacity(firsts.len());
        for (number, request) in std::mem::take(&mut self.requests).into_iter().enumerate() {
            let first = firsts[number];
            numbers.push(if first == number { self.requests.len() } else { numbers[first] });
            if first == number {
                self.requests.push(request);
            }
        }
        for source in sources {
            if let Source::Request(number) = source {
                *number = numbers[*number];
            }
        }
    }

    /// None: no pod definition says so. Err: it has networks, and not this one.
    fn pod_field(&self, field: &PodField) -> Result<Option<String>, String> {
        let pod = &self.spec.pod;
        let net = |name: &str| pod.networking.get(name);
        let text = |fields: &[(String, Option<String>)], name: &str| {
            fields
                .iter()
                .find(|(field, _)| field == name)
                .and_then(|(_, text)| text.clone())
                .filter(|text| !text.is_empty())
        };
        let tapis_url = |url: String| url.split_once(".pods.").map(|(_, rest)| rest.to_owned());
        Ok(match field {
            PodField::Id => pod.id.clone(),
            PodField::Url => net("default").and_then(|fields| text(fields, "url")),
            PodField::TapisUrl => net("default").and_then(|fields| text(fields, "url")).and_then(tapis_url),
            PodField::Networking(of) => {
                let (name, field) = &**of;
                let Some(fields) = net(name) else {
                    let names = pod.networking.keys().map(String::as_str).take(HINTS);
                    return Err(format!("the pod definition has no network `{name}`{}", hint(name, names)));
                };
                match field.as_str() {
                    "url" | "hostname" => text(fields, "url"),
                    "port" | "protocol" => text(fields, field),
                    "tapis_url" => text(fields, "url").and_then(tapis_url),
                    _ => {
                        return Err(format!(
                            "a network has no field `{field}`; there are url, hostname, port, protocol and tapis_url"
                        ));
                    }
                }
            }
        })
    }
}

/// What fills a hole.
enum Bound {
    Source(Source),
    Text(Vec<u8>),
}

fn filtered(text: &[u8], filters: &[Filter]) -> Result<Bound, (Code, String)> {
    Filter::run_all(filters, text)
        .map(Bound::Text)
        .map_err(|filter| (Code::Reference, format!("the text does not fit the filter `{}`", filter.name())))
}

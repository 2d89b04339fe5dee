//! The secret_map's entries that are needed, in an order in which each comes after those it needs.

use super::scan::Section;
use super::{EntryPlan, Planner};
use crate::failure::{Code, Failure};
use crate::reference::{Body, Hole};
use crate::template::{Part, Template};
use std::collections::BTreeMap;

impl<'a> Planner<'a> {
    /// The entries that templates refer to, directly or through others, each after those it needs.
    pub(super) fn needed<'t>(
        &mut self,
        roots: impl Iterator<Item = &'t Template<Hole>>,
    ) -> Vec<(usize, Template<Hole>)> {
        let mut waiting: Vec<usize> = roots.flat_map(|template| self.entries_of(template)).collect();
        if self.tapis.is_some() {
            // Tapis resolves every entry, and starts nothing when one fails.
            waiting.extend(0..self.spec.secret_map.len());
        }
        let mut met = vec![false; self.spec.secret_map.len()];
        let mut parsed = Vec::with_capacity(waiting.len());
        let mut related = false;
        while let Some(position) = waiting.pop() {
            if std::mem::replace(&mut met[position], true) {
                continue;
            }
            let (name, item) = self.spec.secret_map.at(position);
            let mut template = self.scan(item, name, Section::Entries).unwrap_or_else(|| Template::text(""));
            drop_final_newline(&mut template);
            let before = waiting.len();
            waiting.extend(self.entries_of(&template));
            related |= waiting.len() > before;
            parsed.push((position, template));
        }
        // Mostly no entry refers to another, and any order will do.
        if related { self.sort(parsed.into_iter().collect()) } else { parsed }
    }

    fn entries_of<'t>(&self, template: &'t Template<Hole>) -> impl Iterator<Item = usize> + use<'a, 't> {
        let spec = self.spec;
        template.holes().filter_map(move |hole| match &hole.body {
            Body::Entry(key) => spec.secret_map.position(key),
            _ => None,
        })
    }

    /// Depth first without recursion, so that a long chain of entries is no danger to the stack.
    fn sort(&mut self, mut parsed: BTreeMap<usize, Template<Hole>>) -> Vec<(usize, Template<Hole>)> {
        let mut sorted: Vec<usize> = Vec::with_capacity(parsed.len());
        // Of an entry that was met: where it stands in the path, or None once it is sorted.
        let mut met: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        for &root in parsed.keys() {
            // Each level: an entry, and those it still waits for.
            let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
            let mut next = Some(root);
            loop {
                match next.take().map(|position| (position, met.get(&position))) {
                    Some((_, Some(None))) | None => {}
                    Some((position, Some(Some(start)))) => {
                        let circle = path[*start..].iter().map(|(entry, _)| *entry);
                        let message = format!("entries refer to one another in a circle: {}", self.circle(circle));
                        let place = &self.spec.secret_map.at(position).1.place;
                        self.failures.push(Failure::new(Code::Reference, place, message));
                    }
                    Some((position, None)) => {
                        met.insert(position, Some(path.len()));
                        path.push((position, self.entries_of(&parsed[&position]).collect()));
                    }
                }
                let Some((position, waits)) = path.last_mut() else { break };
                next = waits.pop();
                if next.is_none() {
                    met.insert(*position, None);
                    sorted.push(*position);
                    path.pop();
                }
            }
        }
        let take = |position: usize| parsed.remove(&position).map(|template| (position, template));
        sorted.into_iter().filter_map(take).collect()
    }

    /// `A -> B -> A`; of a long one its beginning.
    fn circle(&self, entries: impl ExactSizeIterator<Item = usize> + Clone) -> String {
        const SHOWN: usize = 10;
        let mut names: Vec<_> = entries.clone().take(SHOWN).map(|entry| self.spec.secret_map.at(entry).0).collect();
        let more = entries.len().saturating_sub(SHOWN);
        let others = format!("({more} others)");
        if more > 0 {
            names.push(&others);
        }
        names.extend(names.first().copied());
        names.join(" -> ")
    }

    pub(super) fn entries(&mut self, needed: Vec<(usize, Template<Hole>)>) -> Vec<EntryPlan> {
        self.order = vec![None; self.spec.secret_map.len()];
        for (at, (position, _)) in needed.iter().enumerate() {
            self.order[*position] = Some(at);
        }
        let mut entries = Vec::with_capacity(needed.len());
        for (position, template) in needed {
            let (name, item) = self.spec.secret_map.at(position);
            let place = item.place.clone();
            let template = match whole_random(&template) {
                Some((hole, length)) => self.bind_random(name, hole, length, &place),
                None => self.bind(template, &place),
            };
            entries.push(EntryPlan { template, place });
        }
        entries
    }
}

/// Tapis takes one newline after a form that is the whole value of an entry, and drops it.
fn drop_final_newline(template: &mut Template<Hole>) {
    if let [Part::Hole(hole), Part::Text(text)] = template.parts.as_slice() {
        let whole = matches!(hole.body, Body::Secret(_) | Body::Default(_) | Body::Required(_));
        if hole.tapis && whole && text == b"\n" {
            template.parts.pop();
        }
    }
}

fn whole_random(template: &Template<Hole>) -> Option<(&Hole, usize)> {
    match template.parts.as_slice() {
        [Part::Hole(hole)] => match hole.body {
            Body::Random(length) => Some((hole, length)),
            _ => None,
        },
        _ => None,
    }
}

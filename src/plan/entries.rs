//! The secret_map's entries that are needed, in an order in which each comes after those it needs.

use super::scan::Section;
use super::{Argument, EntryPlan, Planner, Target, sources};
use crate::failure::{Code, Failure};
use crate::reference::{Body, Hole};
use crate::template::{Part, Slot, Source, Template};

impl<'a> Planner<'a> {
    /// The number of the entry at a position of the secret_map, which is needed from now on.
    pub(super) fn entry(&mut self, position: usize) -> usize {
        *self.numbers_of_entries[position].get_or_insert_with(|| {
            self.needed.push(position);
            self.needed.len() - 1
        })
    }

    /// The entries by their numbers: those that templates refer to, directly or through others.
    pub(super) fn entries(&mut self) -> Vec<EntryPlan> {
        if self.tapis.is_some() {
            // Tapis resolves every entry, and starts nothing when one fails.
            for position in 0..self.spec.secret_map.len() {
                self.entry(position);
            }
        }
        let mut entries = Vec::with_capacity(self.needed.len());
        while let Some(&position) = self.needed.get(entries.len()) {
            let (name, item) = self.spec.secret_map.at(position);
            let place = item.place.clone();
            let scanned = self.scan(&item.text, name, Section::Entries, &place);
            let mut template = scanned.unwrap_or_else(|| Template::text(""));
            drop_final_newline(&mut template);
            let template = match whole_random(&template) {
                Some((hole, length)) => self.bind_random(name, hole, length, &place),
                None => self.bind(template, &place),
            };
            entries.push(EntryPlan { template, place });
        }
        entries
    }

    /// Numbers the entries anew, so that each comes after those it needs. Mostly no entry refers to
    /// another, and any order will do.
    pub(super) fn sort(&mut self, entries: &mut Vec<EntryPlan>, targets: &mut [Target], arguments: &mut [Argument]) {
        if entries.iter().all(|entry| entries_of(&entry.template).next().is_none()) {
            return;
        }
        let sorted = self.sorted(entries);
        let mut numbers = vec![0; entries.len()];
        for (new, &old) in sorted.iter().enumerate() {
            numbers[old] = new;
        }
        let mut by_number: Vec<_> = std::mem::take(entries).into_iter().zip(&numbers).collect();
        by_number.sort_unstable_by_key(|(_, number)| **number);
        entries.extend(by_number.into_iter().map(|(entry, _)| entry));
        for source in sources(entries, targets, arguments) {
            if let Source::Entry(number) = source {
                *number = numbers[*number];
            }
        }
    }

    /// Depth first without recursion, so that a long chain of entries is no danger to the stack.
    fn sorted(&mut self, entries: &[EntryPlan]) -> Vec<usize> {
        let mut sorted: Vec<usize> = Vec::with_capacity(entries.len());
        let mut met = vec![Met::Never; entries.len()];
        for root in 0..entries.len() {
            // Each level: an entry, and those it still waits for.
            let mut path: Vec<(usize, Vec<usize>)> = Vec::new();
            let mut next = Some(root);
            loop {
                match next.take().map(|number| (number, met[number])) {
                    Some((_, Met::Sorted)) | None => {}
                    Some((number, Met::At(start))) => {
                        let circle = path[start..].iter().map(|(entry, _)| *entry);
                        let message = format!("entries refer to one another in a circle: {}", self.circle(circle));
                        self.failures.push(Failure::new(Code::Reference, &entries[number].place, message));
                    }
                    Some((number, Met::Never)) => {
                        met[number] = Met::At(path.len());
                        path.push((number, entries_of(&entries[number].template).collect()));
                    }
                }
                let Some((number, waits)) = path.last_mut() else { break };
                next = waits.pop();
                if next.is_none() {
                    met[*number] = Met::Sorted;
                    sorted.push(*number);
                    path.pop();
                }
            }
        }
        sorted
    }

    /// `A -> B -> A`; of a long one its beginning.
    fn circle(&self, entries: impl ExactSizeIterator<Item = usize>) -> String {
        const SHOWN: usize = 10;
        let more = entries.len().saturating_sub(SHOWN);
        let name = |entry: usize| self.spec.secret_map.at(self.needed[entry]).0;
        let mut names: Vec<_> = entries.take(SHOWN).map(name).collect();
        let others = format!("({more} others)");
        if more > 0 {
            names.push(&others);
        }
        names.extend(names.first().copied());
        names.join(" -> ")
    }
}

/// How far sorting is with an entry.
#[derive(Clone, Copy)]
enum Met {
    Never,
    /// At this level of the path.
    At(usize),
    Sorted,
}

fn entries_of(template: &Template<Slot>) -> impl Iterator<Item = usize> {
    template.holes().filter_map(|slot| match slot.source {
        Source::Entry(number) => Some(number),
        Source::Request(_) => None,
    })
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

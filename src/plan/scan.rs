//! Texts to templates, under either dialect.

use super::{Dialect, Planner, tapis};
use crate::failure::{Code, Failure};
use crate::reference::Hole;
use crate::spec::{Item, Text};
use crate::template::{Part, Scan, Template};

impl<'a> Planner<'a> {
    /// The item's template; None when it is malformed, which is reported, or not to be set.
    pub(super) fn scan(&mut self, item: &Item, name: &str, section: Section) -> Option<Template<Hole>> {
        let scanned = match &item.text {
            Text::Template(_) if self.tapis.is_some() => return self.tapis_template(item, name, section),
            Text::Literal(text) => Ok(Template::text(text.clone())),
            Text::Reference(hole) => Ok(Template { parts: vec![Part::Hole(Hole::clone(hole))] }),
            Text::Template(text) => Template::scan(text, Scan::Every),
            Text::Inherited => {
                let value = self.environ.get(name)?;
                let known = |name: &str| self.stores.is_known(name, self.spec, self.environ);
                if self.options.scan && Template::is_meant(value, &known) {
                    Template::scan(value, Scan::Known(&known))
                } else {
                    Ok(Template::text(value))
                }
            }
        };
        scanned
            .map_err(|errors| {
                for error in errors {
                    let message = format!("{} (byte {} of the value)", error.what, error.at);
                    self.failures.push(Failure::new(Code::Reference, &item.place, message));
                }
            })
            .ok()
    }

    fn tapis_template(&mut self, item: &Item, name: &str, section: Section) -> Option<Template<Hole>> {
        let templates = self.tapis.as_ref()?;
        let template = match section {
            Section::Environment => templates.environment.get(name),
            Section::Configs => templates.configs.get(name),
            Section::Entries => match templates.entries.get(name)? {
                Ok(template) => Some(template),
                Err(error) => {
                    self.failures.push(tapis::failure(self.spec, error));
                    return None;
                }
            },
        };
        match (&item.text, template) {
            // Tapis knows text only; bytes that are none hold no reference of its.
            (Text::Template(text), _) if std::str::from_utf8(text).is_err() => Some(Template::text(text.clone())),
            (_, template) => template.cloned(),
        }
    }

    /// The command's words. One that holds a reference needs leave: every user can read it.
    pub(super) fn arguments(&mut self) -> Vec<Template<Hole>> {
        use std::os::unix::ffi::OsStrExt as _;
        let words: Vec<Vec<u8>> = if self.options.command.is_empty() {
            let command = self.spec.command.iter().flatten();
            let with_arguments =
                command.chain(self.spec.arguments.iter().flatten().filter(|_| self.spec.command.is_some()));
            with_arguments.map(|word| word.as_bytes().to_vec()).collect()
        } else {
            self.options.command.iter().map(|word| word.as_bytes().to_vec()).collect()
        };
        let known = |name: &str| self.stores.is_known(name, self.spec, self.environ);
        let mut arguments = Vec::with_capacity(words.len());
        let mut failures = Vec::new();
        for (number, word) in words.into_iter().enumerate() {
            let meant = self.options.dialect == Dialect::Strict && Template::is_meant(&word, &known);
            let mut refuse = |message: String| {
                failures.push(Failure::new(Code::Reference, format!("argument {number} of the command"), message));
            };
            if meant && number == 0 {
                refuse("the command itself cannot be a reference".to_owned());
            } else if meant && !self.options.allow_args {
                refuse(
                    "it holds a reference, and every user can read /proc/PID/cmdline; use a variable or a file, or --allow-args"
                        .to_owned(),
                );
            } else if meant {
                match Template::scan(&word, Scan::Known(&known)) {
                    Ok(template) => {
                        arguments.push(template);
                        continue;
                    }
                    Err(errors) => errors.into_iter().for_each(|error| refuse(error.what.to_string())),
                }
            }
            arguments.push(Template::text(word));
        }
        self.failures.extend(failures);
        arguments
    }
}

/// Which part of a configuration a text is in.
#[derive(Clone, Copy)]
pub(super) enum Section {
    Entries,
    Environment,
    Configs,
}

//! Texts to templates, under either dialect.

use super::{Argument, Dialect, Planner, tapis};
use crate::failure::{Code, Failure, Layer, Place};
use crate::reference::Hole;
use crate::spec::Text;
use crate::template::{Scan, Template};
use std::rc::Rc;

impl<'a> Planner<'a> {
    /// The text's template; None when it is malformed, which is reported, or not to be set.
    pub(super) fn scan(&mut self, text: &Text, name: &str, section: Section, place: &Place) -> Option<Template<Hole>> {
        let scanned = match text {
            Text::Template(_) if self.tapis.is_some() => return self.tapis_template(text, name, section),
            Text::Literal(text) => Ok(Template::text(text.clone())),
            Text::Reference(hole) => Ok(Template::hole(Hole::clone(hole))),
            Text::Template(text) => Template::scan(text, Scan::Every),
            Text::Inherited => {
                let value = self.environ.get(name)?;
                let known = self.known();
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
                    self.failures.push(Failure::new(Code::Reference, place, message));
                }
            })
            .ok()
    }

    /// Whether an inherited value is a template.
    pub(super) fn is_meant(&self, value: &[u8]) -> bool {
        match self.options.dialect {
            Dialect::Strict => Template::is_meant(value, &self.known()),
            Dialect::Tapis => std::str::from_utf8(value).is_ok_and(|text| text.contains("${pods:secrets:")),
        }
    }

    /// The template that [`Self::is_meant`] found an inherited value to be; None when it is malformed,
    /// which is reported.
    pub(super) fn scan_inherited(&mut self, value: &[u8], place: &Place) -> Option<Template<Hole>> {
        if self.options.dialect == Dialect::Tapis {
            let entry = |key: &str| self.spec.secret_map.get(key).is_some();
            return Some(crate::tapis::grammar::plan_text(std::str::from_utf8(value).ok()?, &entry, &mut |_| {}));
        }
        let scanned = Template::scan(value, Scan::Known(&self.known()));
        scanned
            .map_err(|errors| {
                for error in errors {
                    let message = format!("{}; --no-scan leaves inherited variables alone", error.what);
                    self.failures.push(Failure::new(Code::Reference, place, message));
                }
            })
            .ok()
    }

    /// Which names before a colon mean a store, in a text that was not written for `inject`.
    fn known(&self) -> impl Fn(&str) -> bool + use<'_, 'a> {
        |name| self.stores.is_known(name, self.spec, self.environ)
    }

    fn tapis_template(&mut self, text: &Text, name: &str, section: Section) -> Option<Template<Hole>> {
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
        match (text, template) {
            // Tapis knows text only; bytes that are none hold no reference of its.
            (Text::Template(text), _) if std::str::from_utf8(text).is_err() => Some(Template::text(text.clone())),
            (_, template) => template.cloned(),
        }
    }

    /// The command's words. One that holds a reference needs leave: every user can read it.
    pub(super) fn arguments(&mut self) -> Vec<Argument> {
        use std::os::unix::ffi::OsStrExt as _;
        let spec = self.spec;
        let configured = spec.command.iter().chain(spec.arguments.iter().filter(|_| spec.command.is_some())).flatten();
        let typed = self.options.command.iter().map(|word| word.as_bytes());
        let words = typed.clone().chain(configured.map(String::as_bytes).filter(|_| typed.len() == 0));
        let layer = Rc::new(Layer::named("argument of the command"));
        let mut arguments = Vec::with_capacity(typed.len());
        for (number, word) in words.enumerate() {
            let meant = self.options.dialect == Dialect::Strict && Template::is_meant(word, &self.known());
            let place = Place::of(&layer, None, number.to_string());
            let scanned = if !meant {
                Ok(Template::text(word))
            } else if number == 0 {
                Err("the command itself cannot be a reference".to_owned())
            } else if !self.options.allow_args {
                Err("it holds a reference, and every user can read /proc/PID/cmdline; use a variable or a file, or \
                     --allow-args"
                    .to_owned())
            } else {
                Template::scan(word, Scan::Known(&self.known())).map_err(|errors| {
                    let errors: Vec<_> = errors.iter().map(|error| error.what.to_string()).collect();
                    errors.join("; ")
                })
            };
            let template = match scanned {
                Ok(template) => self.bind(template, &place),
                Err(message) => {
                    let place = format!("argument {number} of the command");
                    self.failures.push(Failure::new(Code::Reference, place, message));
                    Template::text(word)
                }
            };
            arguments.push(Argument { template, place });
        }
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

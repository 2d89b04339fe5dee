//! What may be said of a secret beside its name and value: one table of options for all kinds.
//!
//! A kind says which of these it knows with each verb ([`super::Managing`]); the others are refused before a store is
//! opened or anybody is asked for anything. A new option is one word in [`Attribute`] and one row in [`OPTIONS`].

use super::Verb;
use crate::secret::Secret;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    Scope,
    Id,
    Pod,
    Tenant,
    Cluster,
    Org,
    Project,
    Description,
    Label,
    NewName,
    Readable,
    Writable,
    Visibility,
    Hidden,
    Plain,
    Schema,
    Provider,
    ProviderOptions,
    MountPath,
    Interpolation,
    AutoPrune,
    Revision,
    Passphrase,
    Recipient,
}

/// How an option is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// `--hidden` or `--hidden=false`.
    Flag,
    /// From 1.
    Number,
    /// Several; each a text.
    List,
    /// A file whose text it is.
    File,
    /// A file whose text, without a line break at its end, nobody is to see.
    Secret,
}

pub(crate) struct Row {
    pub(crate) attribute: Attribute,
    /// The long option, without its dashes.
    pub(crate) option: &'static str,
    pub(crate) form: Form,
    /// How help shows what it takes.
    pub(crate) value: &'static str,
    pub(crate) help: &'static str,
    /// Where it may mean anything at all.
    pub(crate) verbs: &'static [Verb],
}

const EVERYWHERE: &[Verb] = &{
    use Verb::*;
    [Add, Get, List, Show, Update, Remove, Alias, Override, Grant, Revoke, History, Import, Export]
};

#[rustfmt::skip]
pub(crate) static OPTIONS: &[Row] = &{
    use Attribute::*;
    use Form::*;
    use Verb::{Add, Export, Get, Grant, Import, Init, Override, Show, Update};
    const fn row(
        attribute: Attribute, option: &'static str, form: Form, value: &'static str, help: &'static str, verbs: &'static [Verb],
    ) -> Row {
        Row { attribute, option, form, value, help, verbs }
    }
    [
        row(Scope, "scope", Text, "SCOPE", "Where the secret holds", EVERYWHERE),
        row(Id, "id", Text, "ID", "The id of what the scope is: a project, an environment, a service", EVERYWHERE),
        row(Pod, "pod", Text, "ID", "The pod that the secret is for", &[Add, Import]),
        row(Tenant, "tenant", Text, "NAME", "The tenant that it belongs to", EVERYWHERE),
        row(Cluster, "cluster", Text, "NAME", "The cluster that it belongs to", EVERYWHERE),
        row(Org, "org", Text, "NAME", "The organisation that it belongs to", EVERYWHERE),
        row(Project, "project", Text, "NAME", "The project that it belongs to", EVERYWHERE),
        row(Description, "description", Text, "TEXT", "What the secret is for", &[Add, Update, Override, Verb::Alias]),
        row(Label, "label", Text, "TEXT", "A second name, which references may use", &[Add, Update]),
        row(NewName, "new-name", Text, "NAME", "Give the secret another name", &[Update]),
        row(Readable, "readable", Flag, "", "Whether `get` gives the value out; commands get it always", &[Add, Import]),
        row(Writable, "writable", Flag, "", "Whether `update` may change the value", &[Add, Import]),
        row(Visibility, "visibility", Text, "WORD", "Who sees it: private, tenant, global", &[Add, Update, Grant, Import]),
        row(Hidden, "hidden", Flag, "", "Whether its creator alone reads the value", &[Add, Update, Import]),
        row(Plain, "plain", Flag, "", "A variable, whose value its system shows, and no secret", EVERYWHERE),
        row(Schema, "schema", File, "FILE", "The JSON schema that the value keeps to", &[Add, Import]),
        row(Provider, "provider", Text, "NAME", "Who has the value in its system's place", &[Add, Update]),
        row(ProviderOptions, "provider-options", File, "FILE", "What the provider is told, JSON", &[Add, Update]),
        row(MountPath, "mount-path", Text, "PATH", "The file that commands get the value in", &[Add, Import]),
        row(Interpolation, "interpolation", Flag, "", "Whether `{{NAME}}` in that file is filled in", &[Add, Update, Override]),
        row(AutoPrune, "auto-prune", Flag, "", "Remove older revisions, now and with each new value; they are lost", &[Add, Update]),
        row(Revision, "revision", Number, "N", "This revision, as NAME@N", &[Get, Show, Verb::Remove]),
        row(Passphrase, "passphrase-file", Secret, "FILE", "Values are encrypted with what this file holds", &[Import, Export]),
        row(Recipient, "recipient", List, "KEY", "Encrypt to this age public key too; repeatable", &[Init, Export]),
    ]
};

impl Attribute {
    pub(crate) fn row(self) -> Option<&'static Row> {
        OPTIONS.iter().find(|row| row.attribute == self)
    }

    pub(crate) fn is_flag(self) -> bool {
        self.row().is_some_and(|row| row.form == Form::Flag)
    }
}

/// What was said of a secret; each attribute at most once.
#[derive(Default)]
pub(crate) struct Attributes(Vec<(Attribute, Said)>);

pub(crate) enum Said {
    Text(String),
    Flag(bool),
    Number(u64),
    List(Vec<String>),
    Secret(Secret),
}

impl Said {
    fn share(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.clone()),
            Self::Flag(flag) => Self::Flag(*flag),
            Self::Number(number) => Self::Number(*number),
            Self::List(list) => Self::List(list.clone()),
            Self::Secret(secret) => Self::Secret(secret.share()),
        }
    }
}

impl Attributes {
    /// Instead of what was said before.
    pub(crate) fn say(&mut self, attribute: Attribute, said: Said) {
        self.forget(attribute);
        self.0.push((attribute, said));
    }

    pub(crate) fn forget(&mut self, attribute: Attribute) {
        self.0.retain(|(other, _)| *other != attribute);
    }

    fn said(&self, attribute: Attribute) -> Option<&Said> {
        self.0.iter().find(|(other, _)| *other == attribute).map(|(_, said)| said)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Attribute, &Said)> {
        self.0.iter().map(|(attribute, said)| (*attribute, said))
    }

    /// These, and of `others` what is not among them.
    pub(crate) fn or(mut self, others: &Self) -> Self {
        for (attribute, said) in &others.0 {
            if self.said(*attribute).is_none() {
                self.0.push((*attribute, said.share()));
            }
        }
        self
    }

    /// Of [`Form::Text`] or [`Form::File`].
    pub(crate) fn text(&self, attribute: Attribute) -> Option<&str> {
        match self.said(attribute) {
            Some(Said::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// None where nobody said it.
    pub(crate) fn flag(&self, attribute: Attribute) -> Option<bool> {
        match self.said(attribute) {
            Some(Said::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn number(&self, attribute: Attribute) -> Option<u64> {
        match self.said(attribute) {
            Some(Said::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// Empty where nobody said one.
    pub(crate) fn list(&self, attribute: Attribute) -> &[String] {
        match self.said(attribute) {
            Some(Said::List(list)) => list,
            _ => &[],
        }
    }

    pub(crate) fn secret(&self, attribute: Attribute) -> Option<&Secret> {
        match self.said(attribute) {
            Some(Said::Secret(secret)) => Some(secret),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_has_one_option_and_no_two_share_a_name() {
        for (at, row) in OPTIONS.iter().enumerate() {
            // The table is in the enum's order, so none is missing before it.
            assert_eq!(row.attribute as usize, at, "{}", row.option);
            assert!(OPTIONS[..at].iter().all(|other| other.option != row.option));
        }
        assert_eq!(OPTIONS.len(), Attribute::Recipient as usize + 1);
    }
}

//! YAML as Juju's client writes it: mappings, lists and texts. An alias, and a name that stands twice,
//! are errors; what a text would be in other types does not matter here.

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use zeroize::Zeroizing;

/// How deep its files are, and room to spare.
const DEEPEST: usize = 32;

pub(super) enum Yaml {
    /// `null`, `~`, or nothing at all.
    Nothing,
    Text(Zeroizing<String>),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

impl Yaml {
    /// The first document. What is wrong is told without showing any of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut events = Events(Parser::new_from_str(text));
        loop {
            match events.next()? {
                Event::DocumentStart(_) => {
                    let first = events.next()?;
                    return events.node(first, DEEPEST);
                }
                Event::StreamEnd => return Ok(Self::Nothing),
                _ => {}
            }
        }
    }

    /// A member of a mapping.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A member that is a text with something in it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

struct Events<'t>(Parser<'t, StrInput<'t>>);

impl<'t> Events<'t> {
    fn next(&mut self) -> Result<Event<'t>, String> {
        match self.0.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(format!("line {} is no YAML", error.marker().line())),
            None => Ok(Event::StreamEnd),
        }
    }

    /// What begins with this event, at most so deep.
    fn node(&mut self, first: Event<'t>, depth: usize) -> Result<Yaml, String> {
        let below = depth.checked_sub(1).ok_or("it is nested too deeply")?;
        match first {
            Event::Scalar(text, ScalarStyle::Plain, ..) if ["", "~", "null"].contains(&&*text) => Ok(Yaml::Nothing),
            Event::Scalar(text, ..) => Ok(Yaml::Text(Zeroizing::new(text.into_owned()))),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        Event::SequenceEnd => return Ok(Yaml::List(items)),
                        event => items.push(self.node(event, below)?),
                    }
                }
            }
            Event::MappingStart(..) => {
                let mut members: Vec<(String, Yaml)> = Vec::new();
                loop {
                    let name = match self.next()? {
                        Event::MappingEnd => return Ok(Yaml::Map(members)),
                        Event::Scalar(name, ..) => name.into_owned(),
                        _ => return Err("a name in it is no text".to_owned()),
                    };
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err("a name stands twice in it".to_owned());
                    }
                    let event = self.next()?;
                    let value = self.node(event, below)?;
                    members.push((name, value));
                }
            }
            Event::Alias(_) => Err("it has an alias, and Juju writes none".to_owned()),
            _ => Err("it ends too early".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROLLERS: &str = "\
# a comment
controllers:
  lxd:
    api-endpoints: ['10.0.0.1:17070', \"[fd00::1]:17070\"]
    ca-cert: |
      -----BEGIN CERTIFICATE-----
      abc
      -----END CERTIFICATE-----
    public-hostname: \"\"
    controller-machine-count: 1
    region: null
  other: {}
current-controller: lxd
";

    #[test]
    fn texts_lists_and_mappings_are_found_by_name() {
        let yaml = Yaml::parse(CONTROLLERS).unwrap();
        assert_eq!(yaml.text("current-controller"), Some("lxd"));
        let lxd = yaml.get("controllers").unwrap().get("lxd").unwrap();
        let Some(Yaml::List(endpoints)) = lxd.get("api-endpoints") else { panic!() };
        let endpoints: Vec<_> = endpoints.iter().filter_map(Yaml::as_text).collect();
        assert_eq!(endpoints, ["10.0.0.1:17070", "[fd00::1]:17070"]);
        assert_eq!(lxd.text("ca-cert"), Some("-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"));
        assert_eq!(lxd.text("controller-machine-count"), Some("1"));
        for none in ["public-hostname", "region", "absent", "api-endpoints"] {
            assert_eq!(lxd.text(none), None, "{none}");
        }
    }

    #[test]
    fn a_password_is_the_text_that_was_written_whatever_it_looks_like() {
        for (written, password) in
            [("0x10", "0x10"), ("yes", "yes"), ("'it''s'", "it's"), (r#""a\tb""#, "a\tb"), ("'null'", "null")]
        {
            let yaml = Yaml::parse(&format!("password: {written}\n")).unwrap();
            assert_eq!(yaml.text("password"), Some(password));
        }
    }

    #[test]
    fn an_empty_file_has_nothing_in_it() {
        for empty in ["", "# nothing\n", "---\n", "{}"] {
            assert!(Yaml::parse(empty).unwrap().get("controllers").is_none(), "{empty:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused_and_not_shown() {
        let deep = format!("a: {}hunter2", "[".repeat(100_000));
        for wrong in
            ["a: hunter2\na: b", "a: &x hunter2\nb: *x", "a: [hunter2", "a: 'hunter2", "? [hunter2]\n: b", &deep]
        {
            let error = Yaml::parse(wrong).map(|_| ()).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

//! The inherited environment as a store: the path is the name of a variable.

use super::{Caps, Context, Kind, Pending, Request, Settings, Store, StoreError, ready};
use crate::environ::Environ;
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::Value;

pub(crate) static KIND: Kind = Kind {
    name: "env",
    about: "the inherited environment",
    caps: Caps { versions: false, network: false, random: false },
    settings: &[],
    credential_variables: &[],
    without_settings: |_| true,
    ambient: None,
    check,
    open,
    manage: None,
};

fn check(address: &Address, _: &Settings) -> Result<(), String> {
    match &*address.path {
        "" => Err("the name of a variable is missing".into()),
        name if name.contains(['=', '\0']) => Err("the name of a variable has no `=` and no NUL".into()),
        _ => Ok(()),
    }
}

fn open(_: &Settings, context: &Context<'_>) -> Result<Box<dyn Store>, StoreError> {
    Ok(Box::new(Env(context.environ.clone())))
}

struct Env(Environ);

impl Store for Env {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        for request in requests {
            let value = self.0.get(&request.address.path);
            request.answer = value.map(|value| Ok(Value::Bytes(Secret::from(value.to_vec()))));
        }
        ready(Ok(()))
    }
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::contract::{Double, Fixture};
    use std::ffi::CString;

    Fixture {
        carries: |value| !value.contains(&0),
        tells_absence: true,
        seed: |secrets| {
            let entry = |name: &str, value: &[u8]| CString::new([name.as_bytes(), b"=", value].concat()).unwrap();
            let entries = secrets.iter().map(|(name, value)| &*Box::leak(entry(name, value).into_boxed_c_str()));
            Double::open(&KIND, Settings::default(), &Environ::new(entries.collect()), None)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{answers, request};
    use super::*;

    #[test]
    fn a_name_is_any_that_a_variable_can_have() {
        let says = |name| check(&request(name).address, &Settings::default());
        assert!(says("A").is_ok());
        assert!(says("odd name.ü").is_ok());
        for bad in ["", "A=B", "=", "A\0B"] {
            assert!(says(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_variable_is_found_by_its_whole_name_and_first_entry() {
        let environ = Environ::of(["LONGER=no", "LONG=yes", "LONG=second", "BARE"]);
        let store = Env(environ);
        assert_eq!(answers(&store, &["LONG", "LON", "BARE", "long"]), [Some(Ok(b"yes".to_vec())), None, None, None]);
    }
}

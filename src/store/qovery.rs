//! Qovery: the variables of a project, an environment or a service.
//!
//! Qovery never gives the value of a secret back, by any route. Inside one of its workloads secrets and
//! variables are in the environment, and that answers. Outside, one list tells what there is: plain
//! variables have their value in it, and of each key the narrowest scope counts; the rest is refused.

mod manage;

use super::object::Object;
use super::remote::{credential, reach};
use super::{Access, Caps, Context, Form, Kind, Look, Pending, Request, Settings, Store, StoreError};
use crate::environ::Environ;
use crate::net::header::{AUTHORIZATION, HeaderValue};
use crate::net::{self, Client, Method, StatusCode, encode, secret_header};
use crate::reference::Address;
use crate::secret::Secret;
use crate::template::Value;

pub(crate) static KIND: Kind = Kind {
    name: "qovery",
    about: "the variables of a Qovery project, environment or service",
    caps: Caps { versions: false, network: true, random: false },
    settings: &[("url", Form::Address), ("token", Form::Credential), ("scope", Form::Text), ("id", Form::Text)],
    credential_variables: &[API_TOKEN, CLI_TOKENS[0], CLI_TOKENS[1]],
    without_settings: |environ| Place::of_workload(environ).is_some(),
    ambient: Some("run this inside a Qovery workload"),
    check,
    open,
    manage: Some(manage::MANAGING),
};

const API: &str = "https://api.qovery.com";
/// As the command line of Qovery has it.
const API_URL: &str = "QOVERY_API_URL";
const API_TOKEN: &str = "QOVERY_API_TOKEN";
/// These may hold an API token or a user's own.
const CLI_TOKENS: [&str; 2] = ["QOVERY_CLI_ACCESS_TOKEN", "Q_CLI_ACCESS_TOKEN"];

/// What a workload is told about itself, the narrowest first.
const IDS: [(&str, &str); 7] = [
    ("QOVERY_APPLICATION_ID", "APPLICATION"),
    ("QOVERY_CONTAINER_ID", "CONTAINER"),
    ("QOVERY_JOB_ID", "JOB"),
    ("QOVERY_HELM_ID", "HELM"),
    ("QOVERY_TERRAFORM_ID", "TERRAFORM"),
    ("QOVERY_ENVIRONMENT_ID", "ENVIRONMENT"),
    ("QOVERY_PROJECT_ID", "PROJECT"),
];

/// Those that we know.
const SCOPES: &str = "project, environment, application, container, job, helm or terraform";

fn check(address: &Address, settings: &Settings) -> Result<(), String> {
    Place::of_settings(settings)?;
    match &*address.path {
        "" => Err("the key of a variable is missing".into()),
        key if key.contains(['=', '\0']) => Err("the key of a variable has no `=` and no NUL".into()),
        _ => Ok(()),
    }
}

/// The object whose variables are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    /// In capitals, as in queries and replies.
    scope: String,
    id: String,
}

impl Place {
    fn of_settings(settings: &Settings) -> Result<Option<Self>, String> {
        Self::of(settings.text("scope"), settings.text("id"))
    }

    fn of(scope: Option<&str>, id: Option<&str>) -> Result<Option<Self>, String> {
        match (scope, id) {
            (None, None) => Ok(None),
            (Some(scope), Some(id)) if is_word(scope) && !id.is_empty() => {
                Ok(Some(Self { scope: scope.to_ascii_uppercase(), id: id.to_owned() }))
            }
            (Some(_), Some(_)) => Err(format!("`scope` is {SCOPES}, and `id` its UUID")),
            _ => Err("`scope` and `id` need each other".into()),
        }
    }

    fn of_workload(environ: &Environ) -> Option<Self> {
        IDS.iter().find_map(|(name, scope)| Some(Self { scope: (*scope).to_owned(), id: text(environ, name)? }))
    }
}

/// There may be other scopes than those we know.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

fn text(environ: &Environ, name: &str) -> Option<String> {
    let text = std::str::from_utf8(environ.get(name)?).ok()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn open(settings: &Settings, context: &Context<'_>) -> Result<Box<dyn Store>, StoreError> {
    let environ = context.environ;
    let of_settings = Place::of_settings(settings).map_err(StoreError::Settings)?;
    // Another object's variables are not those of the workload that we are in.
    let is_workload = of_settings.is_none() && Place::of_workload(environ).is_some();
    let place = of_settings.or_else(|| Place::of_workload(environ)).ok_or_else(no_place)?;
    let api = match authorization(settings, environ)? {
        Some(authorization) => Some((Api { client: client(settings, context)?, authorization }, place)),
        None if is_workload => None,
        None => return Err(no_token()),
    };
    Ok(Box::new(Qovery { workload: is_workload.then(|| environ.clone()), api }))
}

fn client(settings: &Settings, context: &Context<'_>) -> Result<Client, StoreError> {
    let url = settings.text("url").map(str::to_owned).or_else(|| text(context.environ, API_URL));
    Client::new(reach(url.as_deref().unwrap_or(API), settings, context)?)
}

fn no_place() -> StoreError {
    let text =
        "a `qovery` store needs `scope` and `id`; inside a Qovery workload QOVERY_PROJECT_ID and others say them";
    StoreError::Settings(text.to_owned())
}

fn no_token() -> StoreError {
    StoreError::Settings(format!("a `qovery` store needs `token`, or one of {API_TOKEN} and {}", CLI_TOKENS[0]))
}

fn authorization(settings: &Settings, environ: &Environ) -> Result<Option<HeaderValue>, StoreError> {
    let of_variable = |name: &str| text(environ, name).map(Secret::from);
    if let Some(token) = credential(settings, "token", environ)? {
        return secret_header(scheme(&token), &token).map(Some);
    }
    if let Some(token) = of_variable(API_TOKEN) {
        return secret_header("Token ", &token).map(Some);
    }
    let token = CLI_TOKENS.iter().find_map(|name| of_variable(name));
    token.map(|token| secret_header(scheme(&token), &token)).transpose()
}

/// A user's own token is a JWT, which has three parts (RFC 7519 section 3); an API token has one.
#[allow(clippy::disallowed_methods, reason = "only its dots are counted")]
fn scheme(token: &Secret) -> &'static str {
    match token.expose().iter().filter(|&&byte| byte == b'.').count() {
        2 => "Bearer ",
        _ => "Token ",
    }
}

struct Qovery {
    /// Of the workload that we are in.
    workload: Option<Environ>,
    /// With the place that is asked about. None: a workload without a token.
    api: Option<(Api, Place)>,
}

struct Api {
    client: Client,
    authorization: HeaderValue,
}

impl Store for Qovery {
    fn resolve<'a>(&'a self, requests: &'a mut [Request]) -> Pending<'a> {
        Box::pin(self.answer(requests))
    }

    /// By the one list that there is: it holds plain values whoever asks, and no secret ones.
    fn look<'a>(&'a self, looks: &'a mut [Look]) -> Pending<'a> {
        Box::pin(self.look_at(looks))
    }
}

impl Qovery {
    async fn answer(&self, requests: &mut [Request]) -> Result<(), StoreError> {
        let mut is_all_here = true;
        for request in &mut *requests {
            let here = self.workload.as_ref().and_then(|environ| environ.get(&request.address.path));
            request.answer = here.map(|value| Ok(Value::Bytes(Secret::from(value.to_vec()))));
            is_all_here &= here.is_some();
        }
        // All that a workload can see is in its environment since it was deployed.
        let Some((api, place)) = self.api.as_ref().filter(|_| !is_all_here) else { return Ok(()) };
        let reply = api.list(place).await?;
        let list = api.variables(&reply)?;
        for request in requests.iter_mut().filter(|request| request.answer.is_none()) {
            request.answer = api.find(&request.address.path, &list).transpose();
        }
        Ok(())
    }

    async fn look_at(&self, looks: &mut [Look]) -> Result<(), StoreError> {
        let mut elsewhere = Vec::new();
        for look in looks {
            match self.workload.as_ref().and_then(|environ| environ.get(&look.address.path)) {
                Some(_) => {
                    "the environment of this workload".clone_into(&mut look.identity);
                    look.answer = Some(Ok(Access::Readable));
                }
                None => elsewhere.push(look),
            }
        }
        let Some((api, place)) = self.api.as_ref().filter(|_| !elsewhere.is_empty()) else { return Ok(()) };
        let reply = api.list(place).await?;
        let list = api.variables(&reply)?;
        for look in elsewhere {
            look.identity = format!("{} {}", place.scope.to_ascii_lowercase(), place.id);
            let found = api.find(&look.address.path, &list).transpose();
            look.answer = found.map(|found| found.map(|_| Access::Readable));
        }
        Ok(())
    }
}

impl Api {
    /// Everything that is visible from the object, what is shadowed too; the values of secrets are not in it.
    async fn list(&self, place: &Place) -> Result<net::Reply, StoreError> {
        let Place { scope, id } = place;
        let path = format!("/variable?parent_id={}&scope={}", encode(id), encode(scope));
        let reply = self.client.send(&self.request(Method::GET, path).repeatable()).await?;
        match reply.status {
            StatusCode::OK => Ok(reply),
            _ => Err(self.refused(place, &reply)),
        }
    }

    fn request(&self, method: Method, path: String) -> net::Request {
        net::Request::new(method, path).header(AUTHORIZATION, self.authorization.clone())
    }

    /// Why the place was not told of.
    fn refused(&self, place: &Place, reply: &net::Reply) -> StoreError {
        let origin = self.client.origin();
        let scope = &place.scope;
        let about = match IDS.iter().any(|(_, known)| known == scope) {
            true => format!("may this token see the {} of that `id`, and is there one?", scope.to_ascii_lowercase()),
            false => format!("is `scope` right? It is {SCOPES}"),
        };
        match reply.status {
            // What is not there is answered like what is not one's own, mostly.
            StatusCode::FORBIDDEN => StoreError::Denied(format!("{origin} answered 403 Forbidden; {about}")),
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => {
                StoreError::Settings(format!("{origin} answered {}; {about}", reply.status.as_u16()))
            }
            _ => self.client.refusal(reply),
        }
    }

    fn variables<'r>(&self, reply: &'r net::Reply) -> Result<Vec<Object<'r>>, StoreError> {
        let list = Object::parse(&reply.body).and_then(|list| list.get("results"));
        list.ok_or_else(|| self.unexpected())
    }

    fn unexpected(&self) -> StoreError {
        StoreError::Malformed(format!("{} does not answer as Qovery's API does; is `url` right?", self.client.origin()))
    }

    /// The variable of this key that a workload would get.
    fn find(&self, key: &str, list: &[Object<'_>]) -> Result<Option<Value>, StoreError> {
        let mut narrowest: Option<(u8, &Object<'_>)> = None;
        for variable in list {
            let (Some(known), Some(scope)) = (variable.get::<String>("key"), variable.get::<String>("scope")) else {
                return Err(self.unexpected());
            };
            let width = width(&scope);
            if known == key && narrowest.is_none_or(|(narrow, _)| width < narrow) {
                narrowest = Some((width, variable));
            }
        }
        narrowest.map(|(_, variable)| self.value(variable)).transpose()
    }

    fn value(&self, variable: &Object<'_>) -> Result<Value, StoreError> {
        let origin = self.client.origin();
        let not_readable = |why: &str| Err(StoreError::NotReadable(format!("{origin}: {why}")));
        let kind = variable.get::<String>("variable_type").unwrap_or_default();
        if variable.get::<String>("secret_manager_access_id").is_some() || kind.ends_with("EXTERNAL_SECRET") {
            return not_readable(
                "Qovery has only a reference to it: the value is in a cloud's secret manager, and is fetched when a \
                 workload is deployed",
            );
        }
        if variable.get("is_secret") != Some(false) {
            return not_readable(
                "it is a secret, whose value Qovery never gives back; inside a workload of Qovery it is in the \
                 environment, elsewhere keep it in another store too",
            );
        }
        match variable.get::<String>("value") {
            Some(value) if !is_mask(&value) => Ok(Value::Bytes(Secret::from(value))),
            _ => not_readable("Qovery hides its value from this token"),
        }
    }
}

/// What Qovery shows in a value's place.
fn is_mask(value: &str) -> bool {
    value.len() >= 3 && value.bytes().all(|byte| byte == b'*')
}

/// Of a scope: of one key the narrowest counts. Services are the narrowest, and so is what we do not know.
fn width(scope: &str) -> u8 {
    match scope {
        "BUILT_IN" => 3,
        "PROJECT" => 2,
        "ENVIRONMENT" => 1,
        _ => 0,
    }
}

#[cfg(test)]
pub(crate) fn fixture() -> super::contract::Fixture {
    use super::Setting;
    use super::contract::{Double, Fixture};
    use crate::doubles::http::Wire;
    use crate::doubles::qovery::{CONTAINER, ENVIRONMENT, State, TOKEN, start};

    Fixture {
        carries: |value| std::str::from_utf8(value).is_ok(),
        tells_absence: true,
        seed: |secrets| {
            let mut state = State::new();
            for (name, value) in secrets {
                state.put(ENVIRONMENT, name, std::str::from_utf8(value).unwrap(), false);
            }
            let qovery = start(Wire::Plain, state);
            let mut settings = Settings::default();
            for (name, text) in [("url", qovery.url()), ("scope", "container"), ("id", CONTAINER)] {
                settings.set(name, Setting::Text(text.into()));
            }
            let environ = Environ::of([&*format!("QOVERY_API_TOKEN={TOKEN}")]);
            Double::open(&KIND, settings, &environ, None).on(qovery)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setting;
    use super::super::contract::request;
    use super::*;

    fn settings(values: &[(&'static str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in values {
            settings.set(name, Setting::Text((*value).into()));
        }
        settings
    }

    #[test]
    fn scope_and_id_are_given_together() {
        let says = |values: &[_]| check(&request("A").address, &settings(values));
        assert!(says(&[]).is_ok() && says(&[("scope", "job"), ("id", "1-2")]).is_ok());
        for bad in
            [&[("scope", "job")][..], &[("id", "1")], &[("scope", "a b"), ("id", "1")], &[("scope", "job"), ("id", "")]]
        {
            assert!(says(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "A=B", "A\0"] {
            assert!(check(&request(bad).address, &Settings::default()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_narrowest_object_of_a_workload_is_its_place() {
        let place = |scope: &str, id: &str| Some(Place { scope: scope.into(), id: id.into() });
        let both = Environ::of(["QOVERY_PROJECT_ID=p", "QOVERY_CONTAINER_ID=c", "QOVERY_APPLICATION_ID="]);
        assert_eq!(Place::of_workload(&both), place("CONTAINER", "c"));
        assert_eq!(Place::of_workload(&Environ::of(["QOVERY_PROJECT_ID=p"])), place("PROJECT", "p"));
        assert_eq!(Place::of_workload(&Environ::of(["QOVERY_OTHER_ID=p"])), None);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a header is looked at")]
    fn each_token_is_shown_in_its_own_scheme() {
        let shown = |variables: [&str; 2]| {
            let value = authorization(&Settings::default(), &Environ::of(variables)).unwrap();
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(shown(["QOVERY_API_TOKEN=a.b.c", "QOVERY_CLI_ACCESS_TOKEN=x"]).as_deref(), Some("Token a.b.c"));
        assert_eq!(shown(["QOVERY_API_TOKEN=", "QOVERY_CLI_ACCESS_TOKEN=a.b.c"]).as_deref(), Some("Bearer a.b.c"));
        assert_eq!(shown(["Q_CLI_ACCESS_TOKEN=qov_x", "A=b"]).as_deref(), Some("Token qov_x"));
        assert_eq!(shown(["A=b", "C=d"]), None);
    }

    #[test]
    fn a_mask_is_no_value_and_a_star_is_one() {
        assert!(is_mask("***") && is_mask("********"));
        assert!(!is_mask("*") && !is_mask("") && !is_mask("**a**"));
    }
}

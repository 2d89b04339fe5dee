//! Where the controller is, who we are, and in which model: as the settings say, else as Juju's own
//! client has it in its files and the variables beside them.

use super::yaml::Yaml;
use crate::environ::Environ;
use crate::failure::cause;
use crate::secret::Secret;
use crate::store::remote::credential;
use crate::store::{Settings, StoreError};
use std::fs;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(super) struct Login {
    /// `HOST:PORT`, at least one.
    pub(super) endpoints: Vec<String>,
    /// The controller's own authority, in PEM, and the file it is from.
    pub(super) authority: Option<(Vec<u8>, PathBuf)>,
    /// What a certificate by a public authority is for.
    pub(super) public_name: Option<String>,
    pub(super) user: String,
    pub(super) password: Secret,
    pub(super) model: Model,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Model {
    /// Its UUID.
    Id(String),
    /// The controller knows which one that is.
    Name { owner: String, name: String },
}

/// What can be said against the settings without looking further.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    let Some(endpoints) = settings.list("endpoints") else { return Ok(()) };
    if endpoints.is_empty() {
        return Err("`endpoints` is empty; leave it away to use the controller of Juju's own client".to_owned());
    }
    let is_whole = settings.text("model").is_some()
        && settings.text("user").is_some()
        && settings.credential("password").is_some();
    match is_whole {
        true => Ok(()),
        false => Err("a `juju` store with `endpoints` needs `model`, `user` and `password` too".to_owned()),
    }
}

/// Whether Juju's client knows a controller here.
pub(super) fn has_client(environ: &Environ) -> bool {
    directory(environ).is_some_and(|directory| directory.join("controllers.yaml").is_file())
}

fn directory(environ: &Environ) -> Option<PathBuf> {
    environ
        .path("JUJU_DATA")
        .or_else(|| Some(environ.path("XDG_DATA_HOME")?.join("juju")))
        .or_else(|| Some(environ.path("HOME")?.join(".local/share/juju")))
}

impl Login {
    pub(super) fn find(settings: &Settings, environ: &Environ) -> Result<Self, StoreError> {
        check(settings).map_err(StoreError::Settings)?;
        let login = match settings.list("endpoints") {
            Some(endpoints) => Self::of_settings(endpoints, settings, environ),
            None => Self::of_client(settings, environ),
        }?;
        // Such a user has no password that the controller knows.
        match login.user.split_once('@') {
            Some((_, domain)) if domain != "local" => {
                Err(no_password(&format!("`{}` is an external user", login.user)))
            }
            _ => Ok(login),
        }
    }

    fn of_settings(endpoints: &[String], settings: &Settings, environ: &Environ) -> Result<Self, StoreError> {
        let text = |name| settings.text(name).unwrap_or_default().to_owned();
        let (user, model) = (text("user"), text("model"));
        if model.contains(':') {
            let text = "`model` names a controller, and `endpoints` says which one it is; leave one of them away";
            return Err(StoreError::Settings(text.to_owned()));
        }
        Ok(Self {
            endpoints: endpoints.to_vec(),
            authority: None,
            public_name: None,
            model: Model::parse(&model, &user),
            password: credential(settings, "password", environ)?.unwrap_or_else(|| Secret::from(Vec::new())),
            user,
        })
    }

    fn of_client(settings: &Settings, environ: &Environ) -> Result<Self, StoreError> {
        let directory = directory(environ).filter(|_| has_client(environ)).ok_or_else(|| {
            StoreError::Settings(
                "a `juju` store needs `endpoints`, `model`, `user` and `password`; or the files of Juju's own client, \
                 in ~/.local/share/juju or where JUJU_DATA says"
                    .to_owned(),
            )
        })?;
        let controllers = File::read(&directory, "controllers.yaml")?;
        let said = Said::find(settings, environ)?;
        let name = said.controller.as_deref().or_else(|| controllers.yaml.text("current-controller"));
        let name = name.ok_or_else(|| {
            controllers.wrong("it has no current controller; `juju switch` chooses one, or JUJU_CONTROLLER names it")
        })?;
        let controller = controllers.controller(name).ok_or_else(|| {
            controllers.wrong(&format!("it knows no controller `{name}`; `juju controllers` lists those it does"))
        })?;
        if !matches!(controller.get("proxy-config"), None | Some(Yaml::Nothing)) {
            return Err(controllers.wrong(&format!(
                "the controller `{name}` is behind a port forward of Kubernetes, which only juju makes; name its own \
                 addresses in `endpoints`"
            )));
        }
        let endpoints = match controller.get("api-endpoints") {
            Some(Yaml::List(endpoints)) => endpoints.iter().filter_map(Yaml::as_text).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        if endpoints.is_empty() {
            return Err(controllers.wrong(&format!("the controller `{name}` has no `api-endpoints`")));
        }
        let (user, password) = account(&directory, name, settings, environ)?;
        let model = match &said.model {
            Some(model) => Model::parse(model, &user).known(&directory, name)?,
            None => Model::current(&directory, name)?,
        };
        Ok(Self {
            endpoints,
            authority: controller.text("ca-cert").map(|pem| (pem.as_bytes().to_vec(), controllers.path.clone())),
            public_name: controller.text("public-hostname").map(str::to_owned),
            user,
            password,
            model,
        })
    }
}

/// Why a login by password cannot be, and what to do.
pub(super) fn no_password(why: &str) -> StoreError {
    StoreError::Unauthenticated(format!(
        "{why}, who logs in by a macaroon or a browser; inject has neither: make a local user with `juju add-user`, and \
         name it with `user` and `password`"
    ))
}

/// The user and password of the settings, else those of the client's account.
fn account(
    directory: &Path,
    controller: &str,
    settings: &Settings,
    environ: &Environ,
) -> Result<(String, Secret), StoreError> {
    let accounts = match (settings.text("user"), credential(settings, "password", environ)?) {
        (Some(user), Some(password)) => return Ok((user.to_owned(), password)),
        given => (given, File::read(directory, "accounts.yaml")?),
    };
    let ((user, password), accounts) = accounts;
    let account = accounts.controller(controller);
    let own = account.and_then(|account| account.text("user"));
    let user = user.or(own).ok_or_else(|| {
        accounts.wrong(&format!("it has no account for the controller `{controller}`; log in with `juju login`"))
    })?;
    // A password is its own user's alone.
    let kept = account.filter(|_| own == Some(user)).and_then(|account| account.text("password"));
    let password = password.or_else(|| kept.map(|password| Secret::from(password.as_bytes().to_vec())));
    let password =
        password.ok_or_else(|| no_password(&format!("{} has no password for `{user}`", accounts.path.display())))?;
    Ok((user.to_owned(), password))
}

/// Which controller and which model are asked for; what is not said is what the client has as current.
struct Said {
    controller: Option<String>,
    model: Option<String>,
}

impl Said {
    fn find(settings: &Settings, environ: &Environ) -> Result<Self, StoreError> {
        let variable = |name: &str| {
            let text = environ.get(name).filter(|text| !text.is_empty());
            text.map(|text| String::from_utf8_lossy(text).into_owned())
        };
        let controller = variable("JUJU_CONTROLLER");
        let split = |text: &str| match text.split_once(':') {
            Some((controller, model)) => (Some(controller.to_owned()), model.to_owned()),
            None => (None, text.to_owned()),
        };
        let (of_model, model) = match (settings.text("model"), variable("JUJU_MODEL")) {
            (Some(model), _) => split(model),
            (None, Some(model)) => {
                let (of_model, model) = split(&model);
                if let (Some(one), Some(other)) = (&of_model, &controller)
                    && one != other
                {
                    let text = "JUJU_MODEL names one controller and JUJU_CONTROLLER another".to_owned();
                    return Err(StoreError::Settings(text));
                }
                (of_model, model)
            }
            (None, None) => return Ok(Self { controller, model: None }),
        };
        // `CONTROLLER:` alone is that one's current model.
        Ok(Self { controller: of_model.or(controller), model: Some(model).filter(|model| !model.is_empty()) })
    }
}

impl Model {
    /// `UUID`, `USER/NAME`, or the `NAME` of a model of ours.
    fn parse(text: &str, user: &str) -> Self {
        match text.split_once('/') {
            _ if is_uuid(text) => Self::Id(text.to_ascii_lowercase()),
            Some((owner, name)) => Self::Name { owner: bare(owner).to_owned(), name: name.to_owned() },
            None => Self::Name { owner: bare(user).to_owned(), name: text.to_owned() },
        }
    }

    /// With its UUID, where the client has met it.
    fn known(self, directory: &Path, controller: &str) -> Result<Self, StoreError> {
        let Self::Name { owner, name } = &self else { return Ok(self) };
        if !directory.join("models.yaml").exists() {
            return Ok(self);
        }
        let models = File::read(directory, "models.yaml")?;
        let id = models.model(controller, &format!("{owner}/{name}"));
        Ok(id.map_or(self, Self::Id))
    }

    fn current(directory: &Path, controller: &str) -> Result<Self, StoreError> {
        let models = File::read(directory, "models.yaml")?;
        let of_controller = models.controller(controller);
        let current = of_controller.and_then(|models| models.text("current-model"));
        let id = current.and_then(|name| models.model(controller, name));
        id.map(Self::Id).ok_or_else(|| {
            let text = "has no current model; `juju switch` chooses one, or JUJU_MODEL or `model` names it";
            models.wrong(&format!("the controller `{controller}` {text}"))
        })
    }
}

/// A local user may be written with its domain; models are not.
fn bare(user: &str) -> &str {
    user.strip_suffix("@local").unwrap_or(user)
}

pub(super) fn is_uuid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// One of the client's files.
struct File {
    path: PathBuf,
    yaml: Yaml,
}

impl File {
    fn read(directory: &Path, name: &str) -> Result<Self, StoreError> {
        let file = Self { path: directory.join(name), yaml: Yaml::Nothing };
        let text = fs::read(&file.path).map(Zeroizing::new).map_err(|error| file.wrong(&cause(&error)))?;
        let text = std::str::from_utf8(&text).map_err(|_| file.wrong("it is not UTF-8"))?;
        let yaml = Yaml::parse(text).map_err(|wrong| file.wrong(&wrong))?;
        Ok(Self { yaml, ..file })
    }

    fn controller(&self, name: &str) -> Option<&Yaml> {
        self.yaml.get("controllers")?.get(name)
    }

    /// The UUID of `USER/NAME`.
    fn model(&self, controller: &str, name: &str) -> Option<String> {
        let model = self.controller(controller)?.get("models")?.get(name)?;
        model.text("uuid").filter(|id| is_uuid(id)).map(str::to_ascii_lowercase)
    }

    fn wrong(&self, why: &str) -> StoreError {
        StoreError::Settings(format!("{}: {why}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0c1f5d3e-7a52-4b7f-8d53-2f9d8f3f2a11";

    #[test]
    fn a_model_is_a_uuid_or_the_name_of_an_owners() {
        let name = |owner: &str, name: &str| Model::Name { owner: owner.into(), name: name.into() };
        assert_eq!(Model::parse(&ID.to_uppercase(), "amy"), Model::Id(ID.into()));
        assert_eq!(Model::parse("demo", "amy"), name("amy", "demo"));
        assert_eq!(Model::parse("demo", "amy@local"), name("amy", "demo"));
        assert_eq!(Model::parse("bob/demo", "amy"), name("bob", "demo"));
        assert_eq!(Model::parse(&ID[1..], "amy"), name("amy", &ID[1..]));
    }

    #[test]
    fn the_variables_of_juju_name_controller_and_model() {
        let said = |entries: [&str; 2]| {
            Said::find(&Settings::default(), &Environ::of(entries)).map(|said| (said.controller, said.model)).ok()
        };
        let both = |controller: Option<&str>, model: Option<&str>| {
            Some((controller.map(str::to_owned), model.map(str::to_owned)))
        };
        assert_eq!(said(["A=", "JUJU_MODEL="]), both(None, None));
        assert_eq!(said(["JUJU_MODEL=here:amy/demo", "JUJU_CONTROLLER="]), both(Some("here"), Some("amy/demo")));
        assert_eq!(said(["JUJU_MODEL=demo", "JUJU_CONTROLLER=here"]), both(Some("here"), Some("demo")));
        assert_eq!(said(["JUJU_MODEL=here:", "JUJU_CONTROLLER=here"]), both(Some("here"), None));
        assert_eq!(said(["JUJU_MODEL=here:demo", "JUJU_CONTROLLER=far"]), None);
    }

    #[test]
    fn the_files_are_where_juju_keeps_them() {
        let directory = |entries: [&str; 2]| directory(&Environ::of(entries));
        assert_eq!(directory(["JUJU_DATA=/d", "HOME=/h"]), Some("/d".into()));
        assert_eq!(directory(["XDG_DATA_HOME=/x", "HOME=/h"]), Some("/x/juju".into()));
        assert_eq!(directory(["JUJU_DATA=", "HOME=/h"]), Some("/h/.local/share/juju".into()));
        assert_eq!(directory(["A=", "B="]), None);
    }
}

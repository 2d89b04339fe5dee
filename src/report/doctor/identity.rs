//! The identities that open the local stores of a launch: where they are, and who else may read them.

use super::Finding;
use crate::environ::Environ;
use crate::failure::Failure;
use crate::plan::check_store;
use crate::spec::Spec;
use crate::store::Settings;
use crate::store::local::{self, Origin, Source};
use crate::users;
use nix::unistd::geteuid;

const NAME: &str = "identity";

/// One for each local store that is configured; without any, for the one that needs no settings.
pub(super) fn examine(spec: Result<&Spec, &[Failure]>, environ: &Environ) -> Vec<Finding> {
    let spec = match spec {
        Ok(spec) => spec,
        Err(failures) => return vec![unreadable(failures)],
    };
    let mut failures = spec.failures.clone();
    let checked = spec.stores.iter().filter_map(|(name, store)| check_store(name, store, &mut failures));
    let mut settings: Vec<_> =
        checked.filter(|(kind, _)| kind.name == local::KIND.name).map(|(_, settings)| settings).collect();
    if !failures.is_empty() {
        return vec![unreadable(&failures)];
    }
    if settings.is_empty() {
        settings.push(Settings::default());
    }
    settings.iter().map(|settings| of_store(settings, environ)).collect()
}

fn unreadable(failures: &[Failure]) -> Finding {
    let found = failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Finding::weak(NAME, found, "the configuration does not say which store a launch opens", "mend it: inject check")
}

fn of_store(settings: &Settings, environ: &Environ) -> Finding {
    let source = match local::identity_source(settings, environ) {
        Ok(source) => source,
        Err(error) => {
            let means = "a launch that needs the local store stops with 125";
            let remedy = "put the identity there; inject secret init makes a new one, for a new store";
            return Finding::weak(NAME, error.to_string(), means, remedy);
        }
    };
    match source {
        Source::Nowhere(places) => {
            let places: Vec<_> = places.iter().map(Origin::to_string).collect();
            let found = format!("none, neither in INJECT_IDENTITY nor in {}", places.join(", "));
            Finding::good(NAME, found, "a launch needs one where it asks the local store")
        }
        Source::Variable(name) => Finding::good(
            NAME,
            format!("the variable {name}"),
            "whoever sees the environment that inject is started with can open the store; the command does not get it",
        ),
        Source::File { path, owner, mode, exposed } => {
            let user = users::login_name(owner).unwrap_or_else(|| owner.to_string());
            let path = path.display();
            let found = format!("{path}, of {user}, mode {mode:04o}");
            if exposed {
                let means = "whoever may read it can open the store; a launch refuses it";
                return Finding::weak(NAME, found, means, format!("chmod 600 {path}"));
            }
            if owner != 0 && owner != geteuid().as_raw() {
                let means = "its owner can open the store and put another key in its place";
                return Finding::weak(NAME, found, means, format!("chown {} {path}", geteuid()));
            }
            Finding::good(
                NAME,
                found,
                "its owner and root alone can read it, or it is delivered in memory or by a mount",
            )
        }
    }
}

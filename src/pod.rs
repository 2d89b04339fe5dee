//! `--pod ID`: a pod's definition, fetched from the service, as the lowest configuration.
//!
//! Which service that is, and how to log in there, the other configurations say. So these are read first, and laid over
//! the definition once it is here: spec goes on without stores, and a plan is made of one finished spec as ever.

use crate::environ::Environ;
use crate::failure::{Code, Failure};
use crate::net;
use crate::plan::{Options, store_of_pods};
use crate::spec::{Fetched, Inputs, Spec};
use crate::store::{Context, tapis};
use std::time::Instant;

/// All that was asked for. What fetching takes of the time is taken off the deadline for resolving.
pub(crate) fn load(inputs: &Inputs, options: &mut Options, environ: &Environ) -> Result<Spec, Vec<Failure>> {
    let spec = Spec::load(inputs, environ)?;
    match &inputs.pod {
        None => Ok(spec),
        Some(id) => lay_over(id, spec, options, environ),
    }
}

#[cold]
fn lay_over(id: &str, spec: Spec, options: &mut Options, environ: &Environ) -> Result<Spec, Vec<Failure>> {
    let (store, settings) = store_of_pods(&spec, options.store.as_deref(), environ)?;
    let begun = Instant::now();
    let context = Context::new(environ, begun + options.timeout, options.retries);
    let fetched = net::wait(tapis::definition(&settings, &context, id));
    options.timeout = options.timeout.saturating_sub(begun.elapsed());
    let failed = |code, message: String| vec![Failure::new(code, format!("--pod {id}"), message)];
    match fetched {
        Ok(Some(definition)) => spec.over_pod(Fetched { pod: id.to_owned(), store }, &definition),
        Ok(None) => {
            Err(failed(Code::NotFound, format!("the store {store} has no pod of this id; is it written right?")))
        }
        Err(error) => Err(failed(error.code(), format!("store {store}: {error}"))),
    }
}

//! `check --online`: what each store says of the secrets that a launch would ask it for, without their values where that
//! is possible. What would stop a launch is told in its words.

use super::{Answer, Wanted, ask_all, batches, report};
use crate::environ::Environ;
use crate::failure::Failure;
use crate::plan::{Plan, RequestPlan};
use crate::store::{Access, Look, Pending, Store, StoreError};
use std::path::PathBuf;
use std::rc::Rc;

/// What is known of one request of a plan.
#[derive(Default)]
pub(crate) struct Seen {
    /// As in [`Look`].
    pub(crate) identity: String,
    /// None: there is no such secret.
    pub(crate) answer: Option<Result<Access, StoreError>>,
    /// Where a launch has it as a file, too.
    pub(crate) file: Option<PathBuf>,
}

impl Wanted for Look {
    fn of(request: &RequestPlan) -> Self {
        Self { address: Rc::clone(&request.address), identity: String::new(), answer: None }
    }

    fn ask<'a>(store: &'a dyn Store, wanted: &'a mut [Self]) -> Pending<'a> {
        store.look(wanted)
    }

    fn has_failed(&self) -> bool {
        matches!(self.answer, Some(Err(_)))
    }
}

/// Each request of the plan in its order, and all that would stop a launch.
pub(crate) fn look(plan: &Plan, environ: &Environ) -> (Vec<Seen>, Vec<Failure>) {
    let mut batches = batches::<Look>(plan);
    ask_all(plan, &mut batches, environ);
    let mut seen: Vec<Seen> = plan.requests.iter().map(|_| Seen::default()).collect();
    let mut answers: Vec<Answer<()>> = plan.requests.iter().map(|_| Answer::Absent).collect();
    let mut failures = Vec::new();
    for mut batch in batches {
        failures.extend(batch.failure());
        let mounts = batch.mounts();
        for (at, look) in batch.numbers.into_iter().zip(batch.wanted) {
            let answer = match &batch.outcome {
                Ok(()) => look.answer,
                Err(error) => Some(Err(error.clone())),
            };
            // A password that nobody made yet is made by the first launch.
            let answer = answer.or_else(|| plan.requests[at].random.map(|_| Ok(Access::Made)));
            answers[at] = match &answer {
                _ if batch.outcome.is_err() => Answer::StoreFailed,
                None => Answer::Absent,
                Some(Ok(_)) => Answer::Is(()),
                Some(Err(error)) => Answer::Failed(error.clone()),
            };
            seen[at] = Seen { identity: look.identity, answer, file: None };
        }
        for mount in mounts {
            mount.requests.iter().for_each(|&at| seen[at].file = Some(mount.path.clone()));
        }
    }
    report(plan, &answers, &mut failures);
    (seen, failures)
}

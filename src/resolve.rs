//! Plan to [`Resolved`]: every request answered, or every failure told.
//!
//! Each store is opened once and asked once, all under one deadline. A plan with local stores only is
//! answered without a runtime: their futures are ready at once.

mod look;

pub(crate) use look::{Seen, look};

use crate::environ::Environ;
use crate::failure::{Code, Failure};
use crate::net;
use crate::plan::{Plan, RequestPlan, StorePlan};
use crate::reference::Absent;
use crate::store::{Aside, Context, Mount, Pending, Request, Store, StoreError, at_once};
use crate::template::{Source, Value};
use std::rc::Rc;
use std::time::Instant;

/// What each request of the plan resolved to; None where the secret does not exist and no reference
/// minds.
pub(crate) struct Resolved {
    pub(crate) values: Vec<Option<Value>>,
    /// By requests of the plan.
    pub(crate) mounts: Vec<Mount>,
    /// What failed and stops no launch.
    pub(crate) warnings: Vec<Failure>,
}

enum Answer<T> {
    Absent,
    Is(T),
    Failed(StoreError),
    /// Its whole store failed, which is told once.
    StoreFailed,
}

pub(crate) fn resolve(plan: &Plan, environ: &Environ) -> Result<Resolved, Vec<Failure>> {
    let mut batches = batches::<Request>(plan);
    ask_all(plan, &mut batches, environ);
    let mut answers: Vec<Answer<Value>> = plan.requests.iter().map(|_| Answer::Absent).collect();
    let (mut failures, mut mounts, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for mut batch in batches {
        failures.extend(batch.failure());
        mounts.extend(batch.mounts());
        warnings.extend(batch.aside.warnings.iter().map(|warning| batch.told(warning)));
        let outcome = batch.outcome;
        for (at, request) in batch.numbers.into_iter().zip(batch.wanted) {
            answers[at] = match request.answer {
                _ if outcome.is_err() => Answer::StoreFailed,
                Some(Ok(value)) => Answer::Is(value),
                Some(Err(error)) => Answer::Failed(error),
                None => Answer::Absent,
            };
        }
    }
    if !answers.iter().all(|answer| matches!(answer, Answer::Is(_))) {
        report(plan, &answers, &mut failures);
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let value = |answer| match answer {
        Answer::Is(value) => Some(value),
        _ => None,
    };
    Ok(Resolved { values: answers.into_iter().map(value).collect(), mounts, warnings })
}

/// What a store is asked about one request of the plan.
trait Wanted: Sized {
    fn of(request: &RequestPlan) -> Self;
    fn ask<'a>(store: &'a dyn Store, wanted: &'a mut [Self]) -> Pending<'a>;
    fn has_failed(&self) -> bool;
}

impl Wanted for Request {
    fn of(request: &RequestPlan) -> Self {
        Self { address: Rc::clone(&request.address), random: request.random, answer: None }
    }

    fn ask<'a>(store: &'a dyn Store, wanted: &'a mut [Self]) -> Pending<'a> {
        store.resolve(wanted)
    }

    fn has_failed(&self) -> bool {
        matches!(self.answer, Some(Err(_)))
    }
}

/// What one store is asked, and how that went.
struct Batch<'a, W> {
    store: &'a StorePlan,
    /// Of each request in the plan.
    numbers: Vec<usize>,
    wanted: Vec<W>,
    outcome: Result<(), StoreError>,
    aside: Aside,
}

impl<W: Wanted> Batch<'_, W> {
    /// Why the whole store failed, if it did.
    fn failure(&self) -> Option<Failure> {
        self.outcome.as_ref().err().map(|error| self.told(error))
    }

    /// As of the store and not of one request.
    fn told(&self, error: &StoreError) -> Failure {
        Failure::new(error.code(), format!("store {} ({})", self.store.name, self.store.kind.name), error)
    }

    /// By the numbers of the plan, where the store has them by place.
    fn mounts(&mut self) -> Vec<Mount> {
        let mut mounts = std::mem::take(&mut self.aside.mounts);
        mounts.iter_mut().flat_map(|mount| &mut mount.requests).for_each(|request| *request = self.numbers[*request]);
        mounts
    }

    /// Opens the store and asks it; it is gone afterwards, with its connections.
    async fn ask(&mut self, context: &Context<'_>) {
        self.outcome = match (self.store.kind.open)(&self.store.settings, context) {
            Ok(store) => {
                let outcome = W::ask(&*store, &mut self.wanted).await;
                self.aside = store.aside();
                outcome
            }
            Err(error) => Err(error),
        };
    }

    /// Neither the store failed nor a request.
    fn is_answered(&self) -> bool {
        self.outcome.is_ok() && !self.wanted.iter().any(W::has_failed)
    }
}

/// One for each store that is asked for something.
fn batches<W: Wanted>(plan: &Plan) -> Vec<Batch<'_, W>> {
    let mut asked = vec![0; plan.stores.len()];
    plan.requests.iter().for_each(|request| asked[request.store] += 1);
    let batch = |(store, asked)| {
        let (numbers, wanted) = (Vec::with_capacity(asked), Vec::with_capacity(asked));
        Batch { store, numbers, wanted, outcome: Ok(()), aside: Aside::default() }
    };
    let mut batches: Vec<Batch<'_, W>> = plan.stores.iter().zip(asked).map(batch).collect();
    for (number, request) in plan.requests.iter().enumerate() {
        let batch = &mut batches[request.store];
        batch.numbers.push(number);
        batch.wanted.push(W::of(request));
    }
    batches.retain(|batch| !batch.wanted.is_empty());
    batches
}

/// Asks all stores under the one deadline of the plan.
fn ask_all<W: Wanted>(plan: &Plan, batches: &mut [Batch<'_, W>], environ: &Environ) {
    let context = Context {
        scope: plan.scope.as_deref(),
        application: plan.application.as_deref(),
        ..Context::new(environ, Instant::now() + plan.timeout, plan.retries)
    };
    ask(batches, &context);
}

/// Where one is remote, at the same time.
fn ask<W: Wanted>(batches: &mut [Batch<'_, W>], context: &Context<'_>) {
    if batches.iter().any(|batch| batch.store.kind.caps.network) {
        return ask_together(batches, context);
    }
    batches.iter_mut().for_each(|batch| ask_at_once(batch, context));
}

/// Remote stores begin: while packets travel, local ones work.
fn ask_together<W: Wanted>(batches: &mut [Batch<'_, W>], context: &Context<'_>) {
    let (remote, local): (Vec<_>, Vec<_>) = batches.iter_mut().partition(|batch| batch.store.kind.caps.network);
    let runtime = match net::runtime() {
        Ok(runtime) => runtime,
        Err(failed) => {
            remote.into_iter().for_each(|batch| batch.outcome = Err(failed.clone()));
            return local.into_iter().for_each(|batch| ask_at_once(batch, context));
        }
    };
    let asked = remote.into_iter().chain(local).map(|batch| Box::pin(batch.ask(context)) as net::Task<'_>);
    let asked = net::all(asked.collect());
    // A server may be gone when we write to it.
    crate::sys::without_sigpipe(|| runtime.block_on(asked));
    if batches.iter().all(Batch::is_answered) {
        // With all that is left of connections; and joins the thread that looked names up.
        drop(runtime);
    } else {
        // Nothing is launched. A look-up that outlived the deadline would keep the report waiting.
        runtime.shutdown_background();
    }
}

/// Names every reference that cannot be filled, at each place it stands.
fn report<T>(plan: &Plan, answers: &[Answer<T>], failures: &mut Vec<Failure>) {
    let entries = plan.entries.iter().map(|entry| (&entry.place, &entry.template));
    let targets = plan.targets.iter().map(|target| (&target.place, &target.template));
    let arguments = plan.command.iter().flat_map(|command| &command.arguments);
    let arguments = arguments.map(|argument| (&argument.place, &argument.template));
    for (place, template) in entries.chain(targets).chain(arguments) {
        for slot in template.holes() {
            let Source::Request(number) = slot.source else { continue };
            let failure = match (&answers[number], slot.hole.absent()) {
                (Answer::Is(_) | Answer::StoreFailed, _) | (Answer::Absent, Absent::Default(_)) => continue,
                (Answer::Failed(error), _) => Failure::new(error.code(), place, error),
                (Answer::Absent, Absent::Explain(text)) => Failure::new(Code::NotFound, place, text),
                (Answer::Absent, Absent::Fail) => {
                    let store = &plan.stores[plan.requests[number].store];
                    let message = format!("not found in the store {} ({})", store.name, store.kind.name);
                    Failure::new(Code::NotFound, place, message)
                }
            };
            failures.push(failure.about(&slot.hole));
        }
    }
}

/// Local kinds are ready the first time they are looked at.
fn ask_at_once<W: Wanted>(batch: &mut Batch<'_, W>, context: &Context<'_>) {
    if at_once(batch.ask(context)).is_none() {
        let text = "the store waits for a network, and there is none here".to_owned();
        batch.outcome = Err(StoreError::Unavailable(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Address;
    use crate::store::{Caps, Kind, Open, Settings, Store, ready};
    use std::time::Duration;
    use tokio::sync::Semaphore;

    fn kind(network: bool, open: Open) -> &'static Kind {
        Box::leak(Box::new(Kind {
            name: "test",
            about: "",
            caps: Caps { versions: false, network, random: false },
            settings: &[],
            credential_variables: &[],
            without_settings: |_| false,
            ambient: None,
            check: |_, _| Ok(()),
            open,
            manage: None,
        }))
    }

    /// What became of asking one store of each kind.
    fn outcomes(kinds: &[&'static Kind]) -> Vec<Result<(), StoreError>> {
        let store = |kind: &&'static Kind| StorePlan { name: String::new(), kind, settings: Settings::default() };
        let stores: Vec<StorePlan> = kinds.iter().map(store).collect();
        let request = || Request {
            address: Address { store: None, path: "x".into(), version: None }.into(),
            random: None,
            answer: None,
        };
        let batch = |store| Batch {
            store,
            numbers: vec![0],
            wanted: vec![request()],
            outcome: Ok(()),
            aside: Aside::default(),
        };
        let mut batches: Vec<Batch<'_, Request>> = stores.iter().map(batch).collect();
        let environ = Environ::default();
        let context = Context::new(&environ, Instant::now() + Duration::from_secs(60), 0);
        ask(&mut batches, &context);
        batches.into_iter().map(|batch| batch.outcome).collect()
    }

    /// Works over a network until all three have begun.
    struct Meeting;

    static BEGUN: Semaphore = Semaphore::const_new(0);

    impl Store for Meeting {
        fn resolve<'a>(&'a self, _: &'a mut [Request]) -> crate::store::Pending<'a> {
            Box::pin(async {
                BEGUN.add_permits(1);
                let all = tokio::time::timeout(Duration::from_secs(30), BEGUN.acquire_many(3)).await;
                all.map(drop).map_err(|_| StoreError::TimedOut("the others never began".into()))
            })
        }
    }

    struct Local;

    impl Store for Local {
        fn resolve<'a>(&'a self, _: &'a mut [Request]) -> crate::store::Pending<'a> {
            BEGUN.add_permits(1);
            ready(Ok(()))
        }
    }

    #[test]
    fn all_stores_of_a_plan_are_asked_at_the_same_time() {
        let remote = kind(true, |_, _| Ok(Box::new(Meeting)));
        let local = kind(false, |_, _| Ok(Box::new(Local)));
        assert_eq!(outcomes(&[remote, local, remote]), [Ok(()), Ok(()), Ok(())]);
    }

    #[test]
    fn a_store_that_fails_leaves_the_others_their_answers() {
        let broken = kind(true, |_, _| Err(StoreError::Denied("no".into())));
        let local = kind(false, |_, _| Ok(Box::new(Silent)));
        assert_eq!(outcomes(&[broken, local, broken]).iter().filter(|outcome| outcome.is_ok()).count(), 1);
    }

    struct Silent;

    impl Store for Silent {
        fn resolve<'a>(&'a self, _: &'a mut [Request]) -> crate::store::Pending<'a> {
            ready(Ok(()))
        }
    }

    struct Waiting;

    impl Store for Waiting {
        fn resolve<'a>(&'a self, _: &'a mut [Request]) -> crate::store::Pending<'a> {
            Box::pin(std::future::pending())
        }
    }

    #[test]
    fn a_local_store_that_waits_is_an_error_and_no_empty_answer() {
        let waiting = kind(false, |_, _| Ok(Box::new(Waiting)));
        assert!(matches!(outcomes(&[waiting])[..], [Err(StoreError::Unavailable(_))]));
    }
}

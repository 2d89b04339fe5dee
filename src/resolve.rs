//! Plan to [`Resolved`]: every request answered, or every failure told.
//!
//! Each store is opened once and asked once, under one deadline. A plan with local stores only is
//! answered without a runtime: their futures are ready at once.

use crate::environ::Environ;
use crate::failure::{Code, Failure};
use crate::plan::Plan;
use crate::reference::Absent;
use crate::store::{Context, Pending, Request, StoreError};
use crate::template::{Source, Value};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Instant;

/// What each request of the plan resolved to; None where the secret does not exist and no reference
/// minds.
pub(crate) struct Resolved {
    pub(crate) values: Vec<Option<Value>>,
}

enum Answer {
    Absent,
    Value(Value),
    Failed(StoreError),
    /// Its whole store failed, which is told once.
    StoreFailed,
}

pub(crate) fn resolve(plan: &Plan, environ: &Environ) -> Result<Resolved, Vec<Failure>> {
    let context = Context { environ, deadline: Instant::now() + plan.timeout };
    let mut answers: Vec<Answer> = plan.requests.iter().map(|_| Answer::Absent).collect();
    let mut failures = Vec::new();
    let mut by_store = vec![Vec::new(); plan.stores.len()];
    for (number, request) in plan.requests.iter().enumerate() {
        by_store[request.store].push(number);
    }
    for (store, numbers) in plan.stores.iter().zip(by_store) {
        if numbers.is_empty() {
            continue;
        }
        let request = |&at: &usize| {
            let request = &plan.requests[at];
            Request { address: request.address.clone(), random: request.random, answer: None }
        };
        let mut requests: Vec<Request> = numbers.iter().map(request).collect();
        let asked = (store.kind.open)(&store.settings, &context).and_then(|opened| wait(opened.resolve(&mut requests)));
        if let Err(error) = &asked {
            failures.push(Failure::new(error.code(), format!("store {} ({})", store.name, store.kind.name), error));
        }
        for (at, request) in numbers.into_iter().zip(requests) {
            answers[at] = match request.answer {
                _ if asked.is_err() => Answer::StoreFailed,
                Some(Ok(value)) => Answer::Value(value),
                Some(Err(error)) => Answer::Failed(error),
                None => Answer::Absent,
            };
        }
    }
    if !answers.iter().all(|answer| matches!(answer, Answer::Value(_))) {
        report(plan, &answers, &mut failures);
    }
    if !failures.is_empty() {
        return Err(failures);
    }
    let value = |answer| match answer {
        Answer::Value(value) => Some(value),
        _ => None,
    };
    Ok(Resolved { values: answers.into_iter().map(value).collect() })
}

/// Names every reference that cannot be filled, at each place it stands.
fn report(plan: &Plan, answers: &[Answer], failures: &mut Vec<Failure>) {
    let entries = plan.entries.iter().map(|entry| (&entry.place, &entry.template));
    let targets = plan.targets.iter().map(|target| (&target.place, &target.template));
    let arguments = plan.command.iter().flat_map(|command| &command.arguments);
    let arguments = arguments.map(|argument| (&argument.place, &argument.template));
    for (place, template) in entries.chain(targets).chain(arguments) {
        for slot in template.holes() {
            let Source::Request(number) = slot.source else { continue };
            let failure = match (&answers[number], slot.hole.absent()) {
                (Answer::Value(_) | Answer::StoreFailed, _) | (Answer::Absent, Absent::Default(_)) => continue,
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

/// A local kind's future is ready the first time it is looked at.
fn wait(pending: Pending<'_>) -> Result<(), StoreError> {
    let mut pending = pin!(pending);
    match pending.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => {
            Err(StoreError::Unavailable("the store waits for a network, and there is none here".to_owned()))
        }
    }
}

//! Plan and resolved values to [`Launch`]: what the command is given, complete and checked.

pub(crate) mod env;
pub(crate) mod file;

use crate::failure::{self, Code, Failure, Layer, Place, Stop};
use crate::launch::Launch;
use crate::plan::{Plan, TargetKind};
use crate::resolve::Resolved;
use crate::secret::Secret;
use crate::template::{RenderError, Source, Template, Value};
use env::{EntryError, EnvBlock, LONGEST_STRING};
use nix::sys::resource::{Resource, getrlimit};
use std::ffi::CString;
use std::rc::Rc;

/// Renders everything and puts it where the command finds it. Values end here: what is left of them
/// is the block that execve reads.
pub(crate) fn inject(plan: Plan, resolved: Resolved) -> Result<Launch, Stop> {
    let mut failures = Vec::new();
    let mut entries: Vec<Value> = Vec::with_capacity(plan.entries.len());
    for entry in &plan.entries {
        let value = render(&entry.template, &resolved, &entries, &entry.place, &mut failures);
        entries.push(Value::Bytes(value));
    }
    let mut variables: Vec<(&[u8], Secret, &Place)> = Vec::with_capacity(plan.targets.len());
    for target in &plan.targets {
        let value = render(&target.template, &resolved, &entries, &target.place, &mut failures);
        if target.conflict.is_some_and(|inherited| !is(&value, inherited)) {
            let message = "the inherited variable of this name has another value, and --on-conflict is error";
            failures.push(Failure::new(Code::Config, &target.place, message));
        }
        match &target.kind {
            TargetKind::Variable(name) => variables.push((name, value, &target.place)),
            TargetKind::Descriptor { .. } | TargetKind::File(_) => {}
        }
    }
    let (path, arguments) = match plan.command {
        Some(command) => (command.path, command.arguments),
        None => return Err(Failure::new(Code::Launch, "", "there is no command").into()),
    };
    let arguments = strings(&arguments, &resolved, &entries, &mut failures);
    if !failures.is_empty() {
        return Err(failures.into());
    }
    drop((resolved, entries));
    let bytes = variables.iter().map(|(name, value, _)| EnvBlock::size(name, value.len())).sum();
    let mut block = EnvBlock::new(plan.passed, bytes, variables.len());
    let mut too_big = Vec::new();
    for (name, value, place) in variables {
        match block.push_secret(name, &value) {
            Ok(()) => {}
            Err(EntryError::Nul) => {
                let message = "the value has a NUL byte, which no variable can hold; use a file instead";
                failures.push(Failure::new(Code::Malformed, place, message));
            }
            Err(EntryError::TooLong(length)) => {
                let message = format!(
                    "the variable has {length} bytes, and the kernel takes {LONGEST_STRING}; use a file instead"
                );
                too_big.push(Failure::new(Code::TooBig, place, message));
            }
        }
    }
    too_big.extend(check_total(&block, &arguments));
    let status = if failures.is_empty() { failure::NOT_RUNNABLE } else { failure::OURS };
    failures.extend(too_big);
    if !failures.is_empty() {
        return Err(Stop { failures, status });
    }
    Ok(Launch { path, arguments, environment: block })
}

#[allow(clippy::disallowed_methods, reason = "compared with the inherited value, as the user asked")]
fn is(value: &Secret, inherited: &[u8]) -> bool {
    value.expose() == inherited
}

/// The template's text; an empty one where it fails, which is reported.
fn render(
    template: &Template<crate::template::Slot>,
    resolved: &Resolved,
    entries: &[Value],
    place: &Place,
    failures: &mut Vec<Failure>,
) -> Secret {
    let fill = |source| match source {
        Source::Request(number) => resolved.values.get(number).and_then(Option::as_ref),
        Source::Entry(number) => entries.get(number),
    };
    template.render(&fill).unwrap_or_else(|errors| {
        for (reference, error) in errors {
            let code = match error {
                RenderError::NotFound | RenderError::Explained(_) | RenderError::NoSuchField(_) => Code::NotFound,
                RenderError::FieldNeeded(_) => Code::Reference,
                RenderError::NotJson | RenderError::Filter(_) => Code::Malformed,
                RenderError::TooLong => Code::TooBig,
            };
            let failure = Failure::new(code, place, error);
            failures.push(if reference.is_empty() { failure } else { failure.about(reference) });
        }
        Secret::from(Vec::new())
    })
}

#[allow(clippy::disallowed_methods, reason = "--allow-args: the user wants the value on the command line")]
fn strings(
    arguments: &[Template<crate::template::Slot>],
    resolved: &Resolved,
    entries: &[Value],
    failures: &mut Vec<Failure>,
) -> Vec<CString> {
    let layer = Rc::new(Layer::named("argument of the command"));
    let string = |(number, argument): (usize, &Template<_>)| {
        let place = Place::of(&layer, None, number.to_string());
        let value = render(argument, resolved, entries, &place, failures);
        CString::new(value.expose()).unwrap_or_else(|_| {
            failures.push(Failure::new(Code::Malformed, &place, "an argument cannot hold a NUL byte"));
            CString::default()
        })
    };
    arguments.iter().enumerate().map(string).collect()
}

/// All strings and their pointers share a quarter of the stack limit, at least 128 KiB and at most
/// 6 MiB (execve(2), "Limits on size of arguments and environment").
fn check_total(block: &EnvBlock, arguments: &[CString]) -> Option<Failure> {
    let sizes = block.sizes();
    let strings = sizes
        .iter()
        .map(|(_, size)| size)
        .chain(&arguments.iter().map(|argument| argument.count_bytes() + 1).collect::<Vec<_>>())
        .sum::<usize>();
    let total = strings + (sizes.len() + arguments.len() + 2) * size_of::<usize>();
    if total <= 128 << 10 {
        return None;
    }
    let (stack, _) = getrlimit(Resource::RLIMIT_STACK).ok()?;
    let limit = usize::try_from(stack / 4).unwrap_or(usize::MAX).clamp(128 << 10, 6 << 20);
    if total <= limit {
        return None;
    }
    let (name, size) = sizes.iter().max_by_key(|(_, size)| *size)?;
    let message = format!(
        "arguments and environment have {total} bytes, and the kernel takes {limit} (a quarter of the stack limit); \
         the largest is the variable {name} with {size}; use files instead"
    );
    Some(Failure::new(Code::TooBig, "", message))
}

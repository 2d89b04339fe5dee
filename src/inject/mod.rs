//! Plan and resolved values to [`Launch`]: what the command is given, complete and checked.

pub(crate) mod env;
pub(crate) mod file;

use crate::environ::Environ;
use crate::failure::{self, Code, Failure, Place, Stop};
use crate::plan::{Argument, CommandPlan, Plan, Target, TargetKind};
use crate::resolve::Resolved;
use crate::secret::Secret;
use crate::template::{RenderError, Slot, Source, Template, Value};
use env::{EntryError, EnvBlock, LONGEST_STRING};
use file::{FileError, FileSet, FileTarget, Outlook};
use nix::sys::resource::{Resource, getrlimit};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt as _;

/// What the command is started with.
pub(crate) struct Launch<'p> {
    pub(crate) path: &'p CStr,
    /// The command's own name first.
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: EnvBlock<'p>,
}

/// Makes the plan's files, empty, and forks what removes them: before any secret is read.
pub(crate) fn prepare(plan: &Plan, environ: &Environ) -> Result<Option<FileSet>, Vec<Failure>> {
    let targets = file_targets(plan);
    if targets.is_empty() {
        return Ok(None);
    }
    file::prepare(&targets, environ).map(Some).map_err(failures)
}

/// What [`prepare`] would do; None where there are no files.
pub(crate) fn outlook(plan: &Plan, environ: &Environ) -> Result<Option<Outlook>, Vec<Failure>> {
    let targets = file_targets(plan);
    if targets.is_empty() {
        return Ok(None);
    }
    file::probe(&targets, environ).map(Some).map_err(failures)
}

fn file_targets(plan: &Plan) -> Vec<FileTarget> {
    let file = |target: &Target| match &target.kind {
        TargetKind::File(file) => Some(FileTarget { path: file.path.clone(), mode: file.mode, owner: file.owner }),
        _ => None,
    };
    plan.targets.iter().filter_map(file).collect()
}

fn failures(errors: Vec<FileError>) -> Vec<Failure> {
    errors.into_iter().map(|error| Failure::new(error.code(), "", error)).collect()
}

/// The most bytes that all entries, variables and files may have: an entry of some MiB that a thousand
/// others hold would take more memory than there is.
const MOST: usize = 256 << 20;

/// Renders everything and puts it where the command finds it. Values end here: what is left of them
/// is the block that execve reads.
pub(crate) fn inject(plan: &Plan, resolved: Resolved, files: Option<FileSet>) -> Result<Launch<'_>, Stop> {
    let mut failures = Vec::new();
    let mut total = 0;
    let mut count = |value: &Secret, place: &Place| {
        total += value.len();
        if total <= MOST {
            return Ok(());
        }
        let message = format!("with this one, all values together are longer than {} MiB", MOST >> 20);
        Err(Failure::new(Code::TooBig, place, message))
    };
    let mut entries: Vec<Value> = Vec::with_capacity(plan.entries.len());
    for entry in &plan.entries {
        let value = render(&entry.template, &resolved, &entries, &entry.place, &mut failures);
        count(&value, &entry.place)?;
        entries.push(Value::Bytes(value));
    }
    let mut values = Vec::with_capacity(plan.targets.len());
    for target in &plan.targets {
        let value = render(&target.template, &resolved, &entries, &target.place, &mut failures);
        if target.conflict.is_some_and(|inherited| !is(&value, inherited)) {
            let message = "the inherited variable of this name has another value, and --on-conflict is error";
            failures.push(Failure::new(Code::Config, &target.place, message));
        }
        count(&value, &target.place)?;
        values.push(value);
    }
    let Some(CommandPlan { path, arguments }) = &plan.command else {
        return Err(Failure::new(Code::Launch, "", "there is no command").into());
    };
    let arguments = strings(arguments, &resolved, &entries, &mut failures);
    if !failures.is_empty() {
        return Err(failures.into());
    }
    drop((resolved, entries));
    let variables = deliver_files(&plan.targets, values, files)?;
    let environment = environment(&plan.passed, &variables)?;
    drop(variables);
    match check_total(&environment, &arguments) {
        Some(failure) => Err(Stop { failures: vec![failure], status: failure::NOT_RUNNABLE }),
        None => Ok(Launch { path, arguments, environment }),
    }
}

/// A variable that the command gets. One that names a file is no secret.
struct Variable<'p> {
    name: &'p [u8],
    value: Secret,
    place: Option<&'p Place>,
}

/// Fills files and descriptors; what is left are variables.
fn deliver_files(
    targets: &[Target],
    values: Vec<Secret>,
    mut files: Option<FileSet>,
) -> Result<Vec<Variable<'_>>, Vec<Failure>> {
    let (mut variables, mut failures, mut number) = (Vec::with_capacity(targets.len() + 1), Vec::new(), 0);
    for (target, value) in targets.iter().zip(values) {
        let place = Some(&target.place);
        let path = match &target.kind {
            TargetKind::Variable(name) => {
                variables.push(Variable { name, value, place });
                continue;
            }
            TargetKind::Descriptor(plan) => file::sealed(&plan.variable, plan.mode, plan.owner, &value)
                .map(|descriptor| format!("/proc/self/fd/{descriptor}").into_bytes()),
            TargetKind::File(_) => {
                let Some(files) = &mut files else { continue };
                let written = files.write(number, &value);
                let path = files.path(number).as_os_str().as_bytes().to_vec();
                number += 1;
                written.map(|()| path)
            }
        };
        match path {
            Ok(path) => {
                let value = Secret::from(path);
                variables.extend(target.kind.variable().map(|name| Variable { name, value, place }));
            }
            Err(error) => failures.push(Failure::new(error.code(), &target.place, error)),
        }
    }
    if let Some(files) = &files {
        let value = Secret::from(files.directory().as_os_str().as_bytes().to_vec());
        variables.push(Variable { name: b"INJECT_FILES", value, place: None });
    }
    if failures.is_empty() { Ok(variables) } else { Err(failures) }
}

fn environment<'p>(passed: &'p [&'static CStr], variables: &[Variable<'_>]) -> Result<EnvBlock<'p>, Stop> {
    let bytes = variables.iter().map(|variable| EnvBlock::size(variable.name, variable.value.len())).sum();
    let mut block = EnvBlock::new(passed, bytes, variables.len());
    let (mut failures, mut status) = (Vec::new(), failure::NOT_RUNNABLE);
    for Variable { name, value, place } in variables {
        let (code, message) = match block.push_secret(name, value) {
            Ok(()) => continue,
            Err(EntryError::Nul) => {
                status = failure::OURS;
                (Code::Malformed, "the value has a NUL byte, which no variable can hold; use a file instead".to_owned())
            }
            Err(EntryError::TooLong(length)) => {
                let message = format!(
                    "the variable has {length} bytes, and the kernel takes {LONGEST_STRING}; use a file instead"
                );
                (Code::TooBig, message)
            }
        };
        let place = place.map_or_else(|| String::from_utf8_lossy(name).into_owned(), ToString::to_string);
        failures.push(Failure::new(code, place, message));
    }
    if failures.is_empty() { Ok(block) } else { Err(Stop { failures, status }) }
}

#[allow(clippy::disallowed_methods, reason = "compared with the inherited value, as the user asked")]
fn is(value: &Secret, inherited: &[u8]) -> bool {
    value.expose() == inherited
}

/// The template's text; an empty one where it fails, which is reported.
fn render(
    template: &Template<Slot>,
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
    arguments: &[Argument],
    resolved: &Resolved,
    entries: &[Value],
    failures: &mut Vec<Failure>,
) -> Vec<CString> {
    let string = |Argument { template, place }: &Argument| {
        let value = render(template, resolved, entries, place, failures);
        CString::new(value.expose()).unwrap_or_else(|_| {
            failures.push(Failure::new(Code::Malformed, place, "an argument cannot hold a NUL byte"));
            CString::default()
        })
    };
    arguments.iter().map(string).collect()
}

/// All strings and their pointers share a quarter of the stack limit, at least 128 KiB and at most
/// 6 MiB (execve(2), "Limits on size of arguments and environment").
fn check_total(block: &EnvBlock<'_>, arguments: &[CString]) -> Option<Failure> {
    let (entries, bytes) = block.total();
    let words: usize = arguments.iter().map(|argument| argument.count_bytes() + 1).sum();
    let total = words + bytes + (entries + arguments.len() + 2) * size_of::<usize>();
    if total <= 128 << 10 {
        return None;
    }
    let (stack, _) = getrlimit(Resource::RLIMIT_STACK).ok()?;
    let limit = usize::try_from(stack / 4).unwrap_or(usize::MAX).clamp(128 << 10, 6 << 20);
    if total <= limit {
        return None;
    }
    let (name, size) = block.largest()?;
    let message = format!(
        "arguments and environment have {total} bytes, and the kernel takes {limit} (a quarter of the stack limit); \
         the largest is the variable {name} with {size}; use files instead"
    );
    Some(Failure::new(Code::TooBig, "", message))
}

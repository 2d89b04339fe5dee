//! `inject [OPTIONS] -- COMMAND`: reads a secret_map, resolves its references against stores, hands
//! the values to the command as variables or in-memory files, and becomes the command.
//!
//! ```text
//!  argv, secret_map      pure             stores          bytes           one thread
//!  ──────────────► Spec ──────► Plan ───────────► Resolved ─────► Launch ─────────► the command
//!      spec            plan          resolve           inject         launch
//! ```
//!
//! Where the plan asks for a process that stays, that one is split off right behind it and holds no secret.
//!
//! Each stage takes what it uses up by value and gives what the next one needs; nothing reaches
//! back. A plan holds no secret and is all that `check` and `plan` need. Imports point down:
//!
//! main → lib → cli → report → launch, inject → pod, resolve → plan → spec → store → net → template →
//! reference → filter → secret → diag, failure, environ, users → sys, the only place for unsafe.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("inject runs on Linux, on x86-64 and aarch64");

mod cli;
#[cfg(test)]
mod conformance;
mod diag;
#[cfg(test)]
#[path = "../tests/doubles/mod.rs"]
#[allow(dead_code, reason = "it is shared with the programs in tests")]
mod doubles;
mod environ;
mod failure;
mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod inject;
mod launch;
mod manage;
mod net;
mod plan;
mod pod;
#[cfg(test)]
mod properties;
mod reference;
mod report;
mod resolve;
mod secret;
mod spec;
mod store;
mod sys;
mod tapis;
mod template;
mod users;

use cli::{Early, Verb};
use diag::Diag;
use environ::Environ;
use failure::{Failure, Stop};
use launch::supervise::Split;
use sys::Hardened;
use sys::signals::Ends;

pub use sys::{Given, Wiping};

/// Runs what the arguments ask for. Returns the status to end with; a launch that succeeds does not
/// return.
pub fn run(given: Given) -> u8 {
    diag::hide_panic_messages();
    sys::occupy_standard_descriptors();
    if sys::is_set_id() {
        let message = "this program is installed set-user-ID or set-group-ID, which would lend its owner's rights to \
                       whatever it is told to start; take the bit away with chmod ug-s";
        Diag::default().stop(&Failure::new(failure::Code::Launch, "", message).into());
        return failure::OURS;
    }
    let environ = Environ::new(given.environment);
    let cli = match cli::parse(&given.arguments, &environ) {
        Ok(cli) => cli,
        Err(Early::Text(text)) => return printed(&text),
        Err(Early::Usage(stop)) => {
            cli::diag_of_usage(&given.arguments, &environ).stop(&stop);
            return stop.status;
        }
    };
    let diag = cli.diag;
    let done = match cli.verb {
        Verb::Launch => launch(cli, &environ),
        Verb::Check { online, json } => check(cli, &environ, online, json),
        Verb::Plan { json } => show_plan(cli, &environ, json),
        Verb::Stores { json } => show_stores(&cli, &environ, json),
        Verb::Doctor { json, strict, pid: None } => doctor(&cli, &environ, json, strict),
        Verb::Doctor { json, strict, pid: Some(pid) } => examine_process(&pid, json, strict),
        Verb::Secret(manage::Task::Verb(typed)) => manage(&cli.inputs, &cli.options, typed, &environ),
        Verb::Secret(manage::Task::Copy(transfer)) => copy(&cli.inputs, &cli.options, &transfer, &environ),
    };
    done.unwrap_or_else(|stop| {
        diag.stop(&stop);
        stop.status
    })
}

/// The five stages, in order.
fn launch(mut cli: cli::Cli, environ: &Environ) -> Result<u8, Stop> {
    let hardened = Hardened::new();
    // Asked before it can have ended unnoticed.
    let parent = nix::unistd::getppid();
    sys::end_on_signals_as_init();
    if cli.inputs.pod.is_some() {
        launch::notify::ask_for_time(environ, cli.options.timeout);
    }
    let spec = pod::load(&cli.inputs, &mut cli.options, environ)?;
    let mut plan = plan::build(&spec, &cli.options, environ)?;
    for warning in &plan.warnings {
        cli.diag.warn(warning);
    }
    if let Some(places) = &plan.nothing_found {
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        cli.diag.note(&format!("nothing to inject: no reference, and no configuration at {}", places.join(", ")));
    }
    for store in &plan.stores {
        cli.diag.detail(|| format!("asking the store {} ({})", store.name, store.kind.name));
    }
    if !plan.stores.is_empty() {
        launch::notify::ask_for_time(environ, plan.timeout);
    }
    let mut ends = plan.parent_death.map(|signal| Ends { with: parent, by: signal });
    if let Some(ends) = &ends {
        ends.arm();
    }
    if plan.start.supervised {
        match launch::supervise::split(&mut plan, ends.as_ref())? {
            Split::Supervisor(supervisor) => {
                // Dropped means wiped: a configuration may say in clear text what is to be secret.
                drop((cli, spec, plan));
                sys::wipe_dead_stack();
                return Ok(supervisor.run());
            }
            Split::Command(with_supervisor) => ends = Some(with_supervisor),
        }
    }
    let mut files = inject::prepare(&plan, environ)?;
    let mut resolved = resolve::resolve(&plan, environ)?;
    if !resolved.mounts.is_empty() {
        // Files are made while no secret is in memory: what is known now is forgotten, and both begin again.
        let mounts = std::mem::take(&mut resolved.mounts);
        drop(resolved);
        files.into_iter().for_each(inject::file::FileSet::discard);
        sys::wipe_dead_stack();
        plan.mount(&mounts)?;
        files = inject::prepare(&plan, environ)?;
        resolved = resolve::resolve(&plan, environ)?;
    }
    for warning in &resolved.warnings {
        cli.diag.warn(warning);
    }
    let launch = inject::inject(&plan, resolved, files)?;
    sys::wipe_dead_stack();
    Err(launch::run(&launch, &plan.privileges, ends.as_ref(), hardened))
}

// What is no launch is cold: inlined, it would give a launch's frames its room, and each page of stack is a fault.

#[cold]
fn check(mut cli: cli::Cli, environ: &Environ, online: bool, json: bool) -> Result<u8, Stop> {
    let _hardened = Hardened::new();
    sys::end_on_signals_as_init();
    let spec = match pod::load(&cli.inputs, &mut cli.options, environ) {
        Err(failures) if json => {
            return Ok(printed_with(&report::check::report_json(&failures, &[], None), failure::OURS));
        }
        loaded => loaded?,
    };
    let mut warnings = report::check::warnings(&spec, cli.options.dialect);
    let planned = look(&spec, &cli.options, environ);
    if let Ok(plan) = &planned {
        warnings.extend(report::check::more_warnings(plan));
    }
    let (plan, mut failures) = match planned {
        Ok(plan) => (Some(plan), Vec::new()),
        Err(stop) => (None, stop.failures),
    };
    let mut seen = None;
    if let Some(plan) = plan.as_ref().filter(|_| online) {
        let (said, failed) = resolve::look(plan, environ);
        seen = Some(said);
        failures = failed;
    }
    let references = plan.as_ref().zip(seen.as_ref()).map(|(plan, seen)| report::check::Reference::all(plan, seen));
    if json {
        let status = if failures.is_empty() { 0 } else { failure::OURS };
        let report = report::check::report_json(&failures, &warnings, references.as_deref());
        return Ok(printed_with(&report, status));
    }
    for warning in &warnings {
        cli.diag.warn(warning);
    }
    let mut text = references.as_deref().map(report::check::table).unwrap_or_default();
    if let Some(plan) = plan.as_ref().filter(|_| failures.is_empty()) {
        text.push_str(&report::check::summary(plan));
    }
    match (printed(&text), failures.is_empty()) {
        (0, false) => Err(failures.into()),
        (status, _) => Ok(status),
    }
}

/// A plan that is only looked at: 126 and 127 are for commands that were to be run.
fn look(spec: &spec::Spec, options: &plan::Options, environ: &Environ) -> Result<plan::Plan, Stop> {
    plan::build(spec, options, environ).map_err(|stop| Stop { status: failure::OURS, ..stop })
}

#[cold]
fn show_plan(mut cli: cli::Cli, environ: &Environ, json: bool) -> Result<u8, Stop> {
    let _hardened = Hardened::new();
    sys::end_on_signals_as_init();
    let spec = pod::load(&cli.inputs, &mut cli.options, environ)?;
    let plan = look(&spec, &cli.options, environ)?;
    for warning in &plan.warnings {
        cli.diag.warn(warning);
    }
    let outlook = inject::outlook(&plan, environ)?;
    let report = if json { report::plan::report_json } else { report::plan::report_text };
    Ok(printed(&report(&plan, outlook.as_ref())))
}

#[cold]
fn show_stores(cli: &cli::Cli, environ: &Environ, json: bool) -> Result<u8, Stop> {
    let spec = spec::Spec::load(&cli.inputs, environ)?;
    let (text, stop) = report::stores::report(&spec, cli.options.store.as_deref(), environ, json);
    let status = printed(&text);
    stop.map_or(Ok(status), Err)
}

#[cold]
fn doctor(cli: &cli::Cli, environ: &Environ, json: bool, strict: bool) -> Result<u8, Stop> {
    let spec = spec::Spec::load(&cli.inputs, environ);
    let spec = spec.as_ref().map_err(Vec::as_slice);
    let findings = report::doctor::examine(spec, &cli.options, environ);
    let status = if strict && !report::doctor::all_good(&findings) { failure::OURS } else { 0 };
    Ok(printed_with(&report::doctor::report(&findings, json), status))
}

#[cold]
fn examine_process(pid: &str, json: bool, strict: bool) -> Result<u8, Stop> {
    let examined = report::doctor::Examined::of(pid)?;
    let status = if strict && !examined.all_good() { failure::OURS } else { 0 };
    Ok(printed_with(&examined.report(json), status))
}

#[cold]
fn manage(inputs: &spec::Inputs, options: &plan::Options, typed: manage::Typed, environ: &Environ) -> Result<u8, Stop> {
    let _hardened = Hardened::new();
    let spec = spec::Spec::load(inputs, environ)?;
    let (name, kind, settings) = plan::store_to_manage(&spec, options.store.as_deref(), environ)?;
    let (timeout, retries) = (options.timeout, options.retries);
    let session = manage::Session { kind, settings: &settings, environ, timeout, retries };
    let is_read = inputs.configs.iter().any(|config| config == "-");
    let done = manage::Io::standard(is_read).and_then(|mut io| manage::run(typed, &session, &mut io));
    done.map(|()| 0).map_err(|error| match error {
        manage::ManageError::Several(failed) => {
            let failure = |(item, error): (String, manage::ManageError)| {
                Failure::new(error.code(), format!("store {name}: {item}"), error)
            };
            failed.into_iter().map(failure).collect::<Vec<_>>().into()
        }
        error => Failure::new(error.code(), format!("store {name}"), error).into(),
    })
}

#[cold]
fn copy(
    inputs: &spec::Inputs,
    options: &plan::Options,
    transfer: &manage::Transfer,
    environ: &Environ,
) -> Result<u8, Stop> {
    let _hardened = Hardened::new();
    let spec = spec::Spec::load(inputs, environ)?;
    let (timeout, retries) = (options.timeout, options.retries);
    let from = plan::store_to_manage(&spec, Some(&transfer.from.store), environ)?;
    let to = plan::store_to_manage(&spec, Some(&transfer.to.store), environ)?;
    let [from, to] = [&from, &to].map(|(name, kind, settings)| manage::Side {
        name: name.clone(),
        session: manage::Session { kind, settings, environ, timeout, retries },
    });
    manage::copy(transfer, &from, &to)?;
    Ok(0)
}

/// The status, unless what goes with it cannot be printed.
fn printed_with(text: &str, status: u8) -> u8 {
    match printed(text) {
        0 => status,
        failed => failed,
    }
}

fn printed(text: &str) -> u8 {
    match diag::print(text) {
        Ok(()) => 0,
        Err(error) => {
            let failure = Failure::new(failure::Code::Launch, "standard output", failure::cause(&error));
            Diag::default().stop(&failure.into());
            failure::OURS
        }
    }
}

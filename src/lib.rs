#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("inject runs on Linux, on x86-64 and aarch64");

mod environ;
mod reference;
mod secret;
mod store;
mod sys;
mod template;

pub use sys::Wiping;

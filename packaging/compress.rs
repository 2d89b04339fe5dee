//! The build script: compresses the manual page and the completions, which are as long as a twentieth of the
//! binary and hardly ever asked for.

use miniz_oxide::deflate::compress_to_vec;
use std::path::Path;
use std::{env, fs, io};

const TEXTS: [&str; 4] = ["man/inject.1", "completions/inject.bash", "completions/inject.fish", "completions/_inject"];
/// The slowest of miniz's, which is the smallest.
const LEVEL: u8 = 10;

#[allow(clippy::print_stdout, reason = "that is how cargo is told")]
fn main() -> io::Result<()> {
    let to = env::var_os("OUT_DIR").unwrap_or_default();
    for text in TEXTS {
        let path = Path::new("packaging").join(text);
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path.file_name().unwrap_or_default();
        fs::write(Path::new(&to).join(name), compress_to_vec(&fs::read(&path)?, LEVEL))?;
    }
    Ok(())
}

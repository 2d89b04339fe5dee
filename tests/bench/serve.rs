//! serve DIRECTORY: two doubles of Tapis, one with HTTP/2 and one without, that take 20 ms for each
//! answer. Writes what a client needs into the directory, then a line to standard output, and serves
//! until standard input ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "it is no part of the launcher")]

#[path = "../doubles/mod.rs"]
#[allow(dead_code, reason = "it is shared with the tests")]
mod doubles;

use doubles::http::{Fault, Wire};
use doubles::tapis::{State, start, token};
use doubles::tls::Certificate;
use serde_json::{Map, json};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(20);
const SECRETS: usize = 100;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or(io::ErrorKind::InvalidInput)?);
    let names: Vec<String> = (1..=SECRETS).map(|number| format!("secret-{number:03}")).collect();
    let wires = [("h2", Wire::Tls(Certificate::Good)), ("h1", Wire::TlsHttp1(Certificate::Good))];
    let servers = wires.map(|(protocol, wire)| {
        let mut state = State::new();
        for (number, name) in names.iter().enumerate() {
            state.put("alice", name, &format!("{number:092}"));
        }
        let server = start(wire, state);
        server.always(Fault::Delay(DELAY));
        (protocol, server)
    });
    fs::write(directory.join("token"), token("alice"))?;
    for (protocol, server) in &servers {
        for count in [1, SECRETS] {
            let entries = names[..count].iter().map(|name| {
                let variable = name.replace('-', "_").to_uppercase();
                (variable, json!(format!("$<secret:{name}>")))
            });
            let configuration = json!({
                "stores": { "tapis": {
                    "kind": "tapis", "url": server.url(), "ca_file": server.ca_file(), "token": { "file": "token" },
                } },
                "secret_map": entries.collect::<Map<_, _>>(),
            });
            fs::write(directory.join(format!("{protocol}-{count}.json")), configuration.to_string())?;
        }
        let address = format!("{}\n{}\n", server.address(), server.ca_file().display());
        fs::write(directory.join(protocol), address)?;
    }
    println!("serving");
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

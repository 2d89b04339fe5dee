//! Who may know whom: imports point down the list in `src/lib.rs`, and each package has one home.

use std::fs;
use std::path::{Path, PathBuf};

/// Modules from the bottom up; one may use those before it.
const ORDER: [&str; 23] = [
    "sys",
    "users",
    "environ",
    "failure",
    "diag",
    "secret",
    "filter",
    "reference",
    "template",
    "net",
    "store",
    "spec",
    "tapis",
    "plan",
    "resolve",
    "pod",
    "inject",
    "launch",
    "manage",
    "report",
    "cli",
    "lib",
    "main",
];

/// A package and the files that may name it.
const HOMES: [(&str, &[&str]); 28] = [
    ("dlmalloc", &["sys/alloc.rs"]),
    ("miniz_oxide", &["cli/generated.rs"]),
    ("caps", &["plan/privileges.rs", "launch/privileges.rs", "report/doctor/"]),
    ("clap", &["cli.rs", "manage/cli.rs"]),
    ("clap_complete", &[]),
    ("serde_json", &["spec/", "store/", "report", "manage/", "diag.rs", "filter.rs", "template.rs", "tapis"]),
    ("regex", &["tapis", "report"]),
    ("age", &["store/local/", "manage/"]),
    ("toml", &["spec/document.rs"]),
    ("strsim", &["failure.rs"]),
    ("secrecy", &["secret.rs", "store/local/"]),
    ("base64", &["filter.rs", "store/", "net/", "manage/"]),
    ("tokio", &["net/"]),
    ("hyper", &["net/"]),
    ("hyper_util", &["net/"]),
    ("http_body_util", &["net/"]),
    ("bytes", &["net/"]),
    ("tokio_rustls", &["net/"]),
    ("webpki_roots", &["net/"]),
    ("httpdate", &["net/"]),
    ("tokio_websockets", &["net/"]),
    ("futures_core", &["net/"]),
    ("futures_sink", &["net/"]),
    ("saphyr_parser", &["store/juju/"]),
    ("aes", &["store/cloudify/"]),
    ("cbc", &["store/cloudify/"]),
    ("ring", &["store/cloudify/"]),
    ("rustls", &[]),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn each_source(mut look: impl FnMut(&str, &str)) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    assert!(found.len() > 15);
    for path in found {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        // What only tests and fuzzing compile may look around.
        if ["conformance", "properties.rs"].iter().any(|only| name.starts_with(only))
            || name.ends_with("fuzzing.rs")
            || name.ends_with("/tests.rs")
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // Tests may look around.
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        look(&name, &code.join("\n"));
    }
}

#[test]
fn imports_point_down_only() {
    let rank = |module: &str| ORDER.iter().position(|known| *known == module);
    each_source(|file, code| {
        let module = file.split(['/', '.']).next().unwrap();
        let own = rank(module).unwrap_or_else(|| panic!("{file} has no place in the order"));
        for (at, _) in code.match_indices("crate::") {
            let used: String =
                code[at + 7..].chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
            if let Some(other) = rank(&used) {
                assert!(other <= own, "{file} uses {used}, which stands above it");
            }
        }
    });
}

#[test]
fn each_package_has_one_home() {
    each_source(|file, code| {
        for (package, homes) in HOMES {
            if !homes.iter().any(|home| file.starts_with(home)) {
                let named = code.lines().any(|line| {
                    let line = line.trim_start();
                    line.starts_with(&format!("use {package}::")) || line.contains(&format!(" {package}::"))
                });
                assert!(!named, "{file} names {package}, whose home is {homes:?}");
            }
        }
    });
}

#[test]
fn unsafe_stays_behind_its_fence() {
    let mut lines = 0;
    each_source(|file, code| {
        if file.starts_with("sys/") {
            lines +=
                code.lines().filter(|line| !line.trim_start().starts_with("//") && !line.trim().is_empty()).count();
        } else if file != "main.rs" {
            assert!(!code.contains("unsafe"), "{file} speaks of unsafe");
        }
    });
    assert!(lines < 500, "sys has grown to {lines} lines");
}

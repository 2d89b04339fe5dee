//! What is shipped: the tarball, the .deb and the .rpm that `packaging/release` makes, each with exactly the
//! files it should have, installed and removed where it can be; the manual and the completions in the
//! programs that read them.

use crate::container::{packaging, release_binary};
use crate::harness::World;
use crate::{need_root, tool};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The directory of the packages, made once for all tests.
fn packages() -> &'static Path {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    PACKAGES.get_or_init(|| release(&[]))
}

fn release(arguments: &[&str]) -> PathBuf {
    release_binary();
    let done = packaging("release")
        .args(["--libc", "gnu"])
        .args(arguments)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !told.contains("is not here"), "{told}");
    PathBuf::from(String::from_utf8(done.stdout).unwrap().trim_end())
}

/// The one package whose name ends so.
fn package(end: &str) -> String {
    let entries = fs::read_dir(packages()).unwrap().map(|entry| entry.unwrap().path().display().to_string());
    let mut found: Vec<_> = entries.filter(|path| path.ends_with(end)).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Example units, as paths below their directory.
fn examples() -> Vec<String> {
    let directory = Path::new(PROJECT).join("packaging/systemd");
    let (mut found, mut open) = (Vec::new(), vec![directory.clone()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(&directory).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The files of a package, `MODE OWNER PATH`, but for the directory of zsh's functions and who owns licences.
fn expected(zsh: &str, licences: &[&str]) -> Vec<String> {
    let plain = [
        "/etc/bash_completion.d/inject",
        "/usr/share/fish/vendor_completions.d/inject.fish",
        "/usr/share/man/man1/inject.1.gz",
        zsh,
    ];
    let examples = examples().into_iter().map(|name| format!("/usr/share/doc/inject/examples/{name}"));
    let plain = plain.iter().chain(licences).map(|path| (*path).to_owned()).chain(examples);
    let mut files: Vec<_> = plain.map(|path| format!("-rw-r--r-- root/root {path}")).collect();
    files.push("-rwxr-xr-x root/root /usr/bin/inject".to_owned());
    files.sort();
    files
}

#[test]
fn the_debian_package_has_its_files_and_nothing_else() {
    let world = World::new();
    let deb = package(".deb");
    let listed = world.run(tool("dpkg-deb", "dpkg"), ["--contents", &deb]).done().quiet();
    let fields = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        format!("{} {} {}", words[0], words[1].replace("0/0", "root/root"), words[5].trim_start_matches('.'))
    };
    let (directories, mut files): (Vec<_>, Vec<_>) =
        listed.text().lines().map(fields).partition(|line| line.starts_with('d'));
    files.sort();
    assert_eq!(files, expected("/usr/share/zsh/vendor-completions/_inject", &["/usr/share/doc/inject/copyright"]));
    for directory in directories {
        let path = directory.strip_prefix("drwxr-xr-x root/root ").unwrap();
        assert!(files.iter().any(|file| file.contains(path)), "{path} is empty");
    }
    let control = world.run("sh", ["-c", "dpkg-deb --ctrl-tarfile \"$0\" | tar --list", &deb]).done().quiet();
    let mut control: Vec<_> = control.text().lines().map(|name| name.trim_start_matches("./")).collect();
    control.retain(|name| !name.is_empty());
    control.sort_unstable();
    assert_eq!(control, ["conffiles", "control"]);
    let fields = world.run("dpkg-deb", ["--field", &deb]).done().quiet();
    let has = |field: &str| fields.text().lines().any(|line| line.starts_with(field));
    assert!(has("Package: inject") && has(&format!("Version: {VERSION}")), "{}", fields.text());
    assert!(["Description: ", "Maintainer: ", "Section: ", "Installed-Size: "].into_iter().all(has), "{fields:?}");
    assert!(!["Pre-Depends:", "Recommends:", "Suggests:"].into_iter().any(has), "{fields:?}");
    // It writes the field even where there is nothing to say.
    let needed = fields.text().lines().find_map(|line| line.strip_prefix("Depends:"));
    assert_eq!(needed.unwrap_or_default().trim(), "");
    world.run("dpkg-deb", ["--extract", &deb, "."]).done().quiet();
    let manual = world.run("gzip", ["-dc", "usr/share/man/man1/inject.1.gz"]).done().quiet();
    assert_eq!(manual.out, fs::read(Path::new(PROJECT).join("packaging/man/inject.1")).unwrap());
    assert_eq!(fs::read(world.path("usr/bin/inject")).unwrap(), fs::read(release_binary()).unwrap());
}

/// In a copy of this machine that is gone with the test, and without its network.
#[test]
fn apt_installs_the_debian_package_and_leaves_nothing_after_a_purge() {
    need_root();
    let world = World::new();
    let script = r#"
        mkdir copy
        mount -t tmpfs tmpfs copy
        mkdir copy/changed copy/work copy/root
        mount -t overlay overlay -o "lowerdir=/,upperdir=$PWD/copy/changed,workdir=$PWD/copy/work" copy/root
        mount --rbind /proc copy/root/proc
        mount --rbind /dev copy/root/dev
        cp "$DEB" copy/root/inject.deb
        exec chroot copy/root sh -e -c "$INSIDE"
    "#;
    let inside = r#"
        apt() {
            apt-get -qq --yes -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@" >/log 2>&1 ||
                { cat /log >&2; exit 1; }
        }
        files() { find /usr /etc /opt /srv /var/lib/dpkg/info -xdev | sort; }
        cd /
        files >/before
        apt install ./inject.deb
        /usr/bin/inject --version
        inject -e 'V=$<env:NONE:-installed>' -- printenv V
        gzip -dc /usr/share/man/man1/inject.1.gz >/packed
        inject man | cmp - /packed
        bash --norc -c '. /etc/bash_completion.d/inject; _inject_load; [ $? -eq 124 ]; complete -p inject' | tail -n 1
        apt purge inject
        files | comm -13 /before -
        ! dpkg-query --show inject >/log 2>&1
    "#;
    let arguments = ["--mount", "--net", "--propagation", "private", "sh", "-e", "-c", script];
    let done = world.run(tool("unshare", "util-linux"), arguments);
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let done = done.env("DEB", package(".deb")).env("INSIDE", inside).env("DEBIAN_FRONTEND", "noninteractive");
    let done = done.env("PATH", path).done();
    let completes = "complete -o bashdefault -o default -o nosort -F _inject inject\n";
    assert_eq!(done.quiet().text(), format!("inject {VERSION}\ninstalled\n{completes}"));
}

#[test]
fn the_rpm_package_has_the_same_files_and_needs_nothing() {
    let world = World::new();
    let rpm = package(".rpm");
    let ask = |arguments: &[&str]| {
        let asked = world.run(tool("rpm", "rpm"), [&["-qp", &rpm], arguments].concat()).done().quiet();
        let mut lines: Vec<_> = asked.text().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let files = ask(&["--qf", r"[%{FILEMODES:perms} %{FILEUSERNAME}/%{FILEGROUPNAME} %{FILENAMES}\n]"]);
    let licences = ["/usr/share/licenses/inject/LICENSE-APACHE", "/usr/share/licenses/inject/LICENSE-MIT"];
    assert_eq!(files, expected("/usr/share/zsh/site-functions/_inject", &licences));
    let needed = ask(&["--requires"]);
    assert!(needed.iter().all(|need| need.starts_with("rpmlib(")), "{needed:?}");
    assert_eq!(
        ask(&["--qf", r"%{NAME} %{VERSION} %{BUILDHOST} %{BUILDTIME}\n"]),
        [format!("inject {VERSION} localhost 1700000000")]
    );
}

#[test]
fn the_tarball_unpacks_into_one_directory_and_all_checksums_are_right() {
    let world = World::new();
    let check = "cd \"$0\" && sha256sum --check --quiet SHA256SUMS && cut -d ' ' -f 3 SHA256SUMS && ls";
    let said = world.run("sh", ["-c", check, packages().to_str().unwrap()]).done().quiet();
    let lines: Vec<_> = said.text().lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with("inject")).count(), 6, "{lines:?}");
    let tarball = package(".tar.gz");
    let listed = world.run("tar", ["--list", "--verbose", "--numeric-owner", "--file", &tarball]).done().quiet();
    assert!(listed.text().lines().all(|line| line.contains(" 0/0 ")), "{}", listed.text());
    world.run("tar", ["--extract", "--file", &tarball]).done().quiet();
    let top = format!("inject-{VERSION}-{}-linux", std::env::consts::ARCH);
    assert_eq!(Path::new(&tarball).file_name().unwrap().to_str().unwrap(), format!("{top}.tar.gz"));
    let names = |directory: &str| {
        let entries = fs::read_dir(world.path(directory)).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("."), [&*top]);
    let mut expected =
        vec!["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "completions", "inject", "inject.1"];
    if !examples().is_empty() {
        expected.insert(5, "examples");
    }
    assert_eq!(names(&top), expected);
    assert_eq!(names(&format!("{top}/completions")), ["_inject", "inject.bash", "inject.fish"]);
    let version = world.run(world.path(&format!("{top}/inject")), ["--version"]).done().quiet();
    assert_eq!(version.text(), format!("inject {VERSION}\n"));
}

#[test]
fn the_same_sources_give_the_same_packages() {
    let world = World::new();
    let again = release(&[world.path("again").to_str().unwrap()]);
    let sums = |directory: &Path| fs::read_to_string(directory.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(&again), sums(packages()));
}

#[test]
fn the_release_binary_names_no_path_of_the_machine_it_was_built_on() {
    let binary = fs::read(release_binary()).unwrap();
    let has = |text: &str| binary.windows(text.len()).any(|window| window == text.as_bytes());
    // The places that panics name are there.
    assert!(has("/cargo/registry/src/"));
    let home = std::env::var("HOME").unwrap();
    let cargo = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    for path in [&*home, &cargo, PROJECT] {
        let path = format!("{}/", path.trim_end_matches('/'));
        assert!(!has(&path), "it has {path}");
    }
}

#[test]
fn the_manual_is_without_fault() {
    let world = World::new();
    let manual = Path::new(PROJECT).join("packaging/man/inject.1").display().to_string();
    assert_eq!(world.run(tool("mandoc", "mandoc"), ["-T", "lint", &manual]).done().quiet().text(), "");
    let shown = world.run(tool("man", "man-db"), ["--warnings", "-l", &manual]);
    let shown = shown.env("MANWIDTH", "80").env("LC_ALL", "C.UTF-8").done().quiet();
    let headings: Vec<_> =
        shown.text().lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_uppercase())).collect();
    let expected = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "VERBS",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "SECURITY",
        "EXAMPLES",
        "SEE ALSO",
    ];
    // The first line is the page's own.
    assert_eq!(headings[1..], expected);
}

#[test]
fn bash_loads_the_completions_and_completes_an_option() {
    let world = World::new();
    let installed = Path::new(PROJECT).join("packaging/completions/inject.bash");
    world.file("completions/inject", fs::read(installed).unwrap());
    let script = r#"
        . /usr/share/bash-completion/bash_completion
        _completion_loader inject
        words=$(complete -p inject)
        function=${words#*-F }
        try() {
            COMP_WORDS=(inject "$@") COMP_CWORD=$# COMPREPLY=()
            "${function%% *}" inject "${!#}" "${COMP_WORDS[$# - 1]}"
            echo "${COMPREPLY[@]}"
        }
        try --ti
        try che
        try secret u
        try completions ''
        try --mode s
    "#;
    let done = world.run("bash", ["--norc", "-c", script]).env("BASH_COMPLETION_USER_DIR", world.path("")).done();
    assert_eq!(
        done.quiet().text(),
        "--timeout\ncheck\nupdate\n-h --help bash fish zsh\nsupervise\n",
        "bash-completion is needed"
    );
}

#[test]
fn zsh_and_fish_take_their_completions() {
    let world = World::new();
    let file = |name: &str| Path::new(PROJECT).join("packaging/completions").join(name).display().to_string();
    assert_eq!(world.run(tool("zsh", "zsh"), ["-n", &file("_inject")]).done().quiet().text(), "");
    let script = "source $argv[1]; complete -C 'inject --ti'";
    let done = world.run(tool("fish", "fish"), ["--no-config", "-c", script, &file("inject.fish")]).done().quiet();
    assert!(done.text().starts_with("--timeout\t"), "{}", done.text());
}

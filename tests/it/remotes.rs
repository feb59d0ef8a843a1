//! Git remotes over http, https and ssh, crawled by the binary: a git server on loopback, the change that
//! was pushed, what is refused, and where a password must not stand.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::git_server::{Place, Server, TOKEN_LOGIN};

/// Passwords as they are written in an address, and what the second one means.
const PASSWORDS: [&str; 2] = ["opensesame-4711", "open%2Fsesame-4712"];
const SECRETS: [&str; 3] = [PASSWORDS[0], PASSWORDS[1], "open/sesame-4712"];

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Every file below `folder` with its bytes.
fn files_below(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            let bytes = fs::read(&path).unwrap();
            found.push((path, bytes));
        }
    }
}

fn assert_no_secret(place: &str, bytes: &[u8]) {
    for secret in SECRETS {
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{secret} stands in {place}: {}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn an_http_remote_is_crawled_and_what_is_pushed_is_seen() {
    let place = Place::new();
    let Some(server) = Server::start(&place.path("served")) else { return };
    let url = server.url("repo.git");
    let first = place.crawl(&url);
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    let exported = place.export();
    assert!(exported.contains("orders") && exported.contains("totals"), "{exported}");

    let unchanged = place.crawl(&url);
    assert_eq!(unchanged.status.code(), Some(0), "{}", said(&unchanged));
    assert_eq!(place.newest_outcome(), "unchanged");
    assert_eq!(place.export().lines().count(), exported.lines().count());

    place.push("late.sql", "CREATE VIEW late_arrivals AS SELECT id FROM orders;");
    let changed = place.crawl(&url);
    assert_eq!(changed.status.code(), Some(0), "{}", said(&changed));
    assert!(!exported.contains("late_arrivals") && place.export().contains("late_arrivals"));
    assert_eq!(place.newest_outcome(), "read");
}

#[test]
fn a_remote_that_is_missing_or_closed_is_an_error_that_loses_nothing() {
    let place = Place::new();
    let Some(server) = Server::start(&place.path("served")) else { return };
    for (path, reason) in [("missing/repo.git", "404"), ("closed/repo.git", "password")] {
        let refused = place.crawl(&server.url(path));
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains("cannot fetch http://127.0.0.1"), "{}", said(&refused));
        assert!(said(&refused).contains(reason), "{}", said(&refused));
    }
    assert_eq!(place.crawl(&server.url("repo.git")).status.code(), Some(0));
    let exported = place.export();
    for path in ["missing/repo.git", "closed/repo.git"] {
        let refused = place.crawl(&server.url(path));
        assert_ne!(refused.status.code(), Some(0), "{}", said(&refused));
        for line in exported.lines().filter(|line| line.contains("\"column_edge\"")) {
            assert!(place.export().contains(line), "{path}: {line} is gone");
        }
        assert!(place.export().contains("totals"));
    }
}

#[test]
fn a_password_is_not_sent_in_the_clear_and_stands_nowhere() {
    let place = Place::new();
    let Some(server) = Server::start(&place.path("served")) else { return };
    assert_eq!(place.crawl(&server.url("repo.git")).status.code(), Some(0));
    for (path, password) in ["repo.git", "closed/repo.git"].into_iter().zip(PASSWORDS) {
        let url = server.url(path).replace("http://", &format!("http://reader:{password}@"));
        let refused = place.crawl(&url);
        assert_ne!(refused.status.code(), Some(0), "{}", said(&refused));
        assert!(said(&refused).contains("clear text") && said(&refused).contains("https"), "{}", said(&refused));
        assert_no_secret("what crawl says", said(&refused).as_bytes());
    }
    assert_eq!(*server.authorizations.lock().unwrap(), Vec::<String>::new());
    let runs = place.runs();
    assert!(runs.contains("cannot fetch http://127.0.0.1"), "{runs}");
    for (said_by, text) in [("export", place.export()), ("runs", runs), ("doctor", said(&place.run(&["doctor"])))] {
        assert_no_secret(said_by, text.as_bytes());
    }
    let url = server.url("repo.git").replace("http://", &format!("http://reader:{}@", PASSWORDS[0]));
    let page = served_page(&place, &url, "/runs");
    assert!(page.contains("cannot fetch http://127.0.0.1"), "{page}");
    assert_no_secret("the page of the runs", page.as_bytes());
    let mut files = Vec::new();
    files_below(&place.path("data"), &mut files);
    assert!(files.iter().any(|(path, _)| path.extension().is_some_and(|extension| extension == "db")));
    for (path, bytes) in files {
        assert_no_secret(&path.display().to_string(), &bytes);
    }
}

/// A page as `serve` with the source at `url` answers it.
fn served_page(place: &Place, url: &str, path: &str) -> String {
    let mut serve = place.command(&["serve", "--addr", "127.0.0.1:0", url]);
    let mut server = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim().rsplit("http://").next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&addr).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    assert_eq!(server.wait().unwrap().code(), Some(0));
    answer
}

#[test]
fn an_https_remote_is_read_with_its_authority_and_a_token_that_stands_nowhere() {
    let place = Place::new();
    let Some((server, authority)) = Server::start_https(&place.path("served")) else { return };
    fs::write(place.path("authority.pem"), authority).unwrap();
    let crawl = |keys: &str, token: Option<&str>| {
        let url = server.url("guarded/repo.git");
        fs::write(place.path("wellspring.toml"), format!("[[source]]\nname = \"repo\"\nurl = \"{url}\"\n{keys}")).unwrap();
        let mut command = place.command(&["crawl", "-vv", "--config", "wellspring.toml"]);
        command.env_remove("WAREHOUSE_TOKEN").env_remove("SSL_CERT_FILE");
        command.envs(token.map(|token| ("WAREHOUSE_TOKEN", token)));
        let output = command.output().unwrap();
        assert_no_secret("what crawl says", said(&output).as_bytes());
        output
    };
    let (authority, token) = ("ca_file = \"authority.pem\"\n", "token_env = \"WAREHOUSE_TOKEN\"\n");
    for (keys, given, reason) in [
        (token.to_owned(), Some(PASSWORDS[0]), "set ca_file"),
        (authority.to_owned(), None, "set token_env"),
        (format!("{authority}{token}"), None, "WAREHOUSE_TOKEN, which token_env names, is not set"),
        (format!("{authority}{token}user = \"reader\"\n"), Some(PASSWORDS[0]), "refuses the token of `reader`"),
        (format!("ca_file = \"wellspring.toml\"\n{token}"), Some(PASSWORDS[0]), "holds no certificate"),
        (format!("ca_file = \"missing.pem\"\n{token}"), Some(PASSWORDS[0]), "missing.pem"),
    ] {
        let refused = crawl(&keys, given);
        assert_eq!(refused.status.code(), Some(2), "{keys}: {}", said(&refused));
        assert!(said(&refused).contains("cannot fetch https://127.0.0.1"), "{keys}: {}", said(&refused));
        assert!(said(&refused).contains(reason), "{keys}: {}", said(&refused));
    }
    let keys = format!("{authority}{token}");
    let crawled = crawl(&keys, Some(PASSWORDS[0]));
    assert_eq!(crawled.status.code(), Some(0), "{}", said(&crawled));
    assert!(server.authorizations.lock().unwrap().contains(&TOKEN_LOGIN.to_owned()));
    assert!(place.export().contains("totals"));
    place.push("late.sql", "CREATE VIEW late_arrivals AS SELECT id FROM orders;");
    assert_eq!(crawl(&keys, Some(PASSWORDS[0])).status.code(), Some(0));
    assert!(place.export().contains("late_arrivals"));
    let mut files = Vec::new();
    files_below(&place.path("data"), &mut files);
    for (path, bytes) in files {
        assert_no_secret(&path.display().to_string(), &bytes);
    }
}

/// An `ssh` that runs on this machine what it is asked to run on another, and says how it was called.
const LOCAL_SSH: &str = r#"#!/bin/sh
echo "$@" >> "$0.log"
while [ "${1#-}" != "$1" ]; do
    case "$1" in -o) shift ;; esac
    shift
done
[ "$1" = refused@git.example.com ] && { echo "Permission denied (publickey)." >&2; exit 255; }
shift
exec sh -c "$*"
"#;

#[test]
fn an_ssh_remote_is_fetched_through_ssh_which_asks_nothing() {
    let place = Place::new();
    let bin = place.path("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("ssh"), LOCAL_SSH).unwrap();
    fs::set_permissions(bin.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let crawl = |url: &str| place.command(&["crawl", url]).env("PATH", &path).output().unwrap();
    let repository = place.path("served/repo.git").display().to_string();

    let crawled = crawl(&format!("ssh://git@git.example.com:2222{repository}"));
    assert_eq!(crawled.status.code(), Some(0), "{}", said(&crawled));
    assert!(place.export().contains("totals"));
    place.push("late.sql", "CREATE VIEW late_arrivals AS SELECT id FROM orders;");
    let crawled = crawl(&format!("git@git.example.com:{repository}"));
    assert_eq!(crawled.status.code(), Some(0), "{}", said(&crawled));
    assert!(place.export().contains("late_arrivals"));
    let calls = fs::read_to_string(bin.join("ssh.log")).unwrap();
    assert!(calls.lines().all(|call| call.contains("BatchMode=yes")), "{calls}");
    assert!(calls.contains("-p2222"), "{calls}");

    let refused = crawl(&format!("ssh://refused@git.example.com{repository}"));
    assert_ne!(refused.status.code(), Some(0), "{}", said(&refused));
    assert!(said(&refused).contains("cannot fetch ssh://refused@git.example.com"), "{}", said(&refused));
    assert!(said(&refused).contains("ssh refused@git.example.com"), "what to try: {}", said(&refused));
    assert!(place.export().contains("late_arrivals"), "nothing is lost");
}

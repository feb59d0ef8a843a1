//! Git remotes over http and ssh, crawled by the binary: a git server on loopback, the change that
//! was pushed, what is refused, and where a password must not stand.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

/// Passwords as they are written in an address, and what the second one means.
const PASSWORDS: [&str; 2] = ["opensesame-4711", "open%2Fsesame-4712"];
const SECRETS: [&str; 3] = [PASSWORDS[0], PASSWORDS[1], "open/sesame-4712"];

/// A bare repository `repo.git`, a work tree that pushes to it, and the data folder of a catalog.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        place.git(&["init", "-q", "--bare", "-b", "main", "served/repo.git"]);
        place.git(&["clone", "-q", "served/repo.git", "work"]);
        place.push("orders.sql", "CREATE TABLE orders (id INT64, amount NUMERIC);");
        place.push("totals.sql", "CREATE VIEW totals AS SELECT id, SUM(amount) AS total FROM orders GROUP BY id;");
        place
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn git(&self, arguments: &[&str]) {
        let output = isolated_git().args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Writes a file, commits it and pushes the commit.
    fn push(&self, name: &str, text: &str) {
        fs::write(self.path("work").join(name), text).unwrap();
        self.git(&["-C", "work", "add", "-A"]);
        self.git(&["-C", "work", "commit", "-q", "-m", name]);
        self.git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wellspring"));
        command.args(arguments).arg("--data").arg(self.path("data")).current_dir(self.folder.path());
        command.env("HOME", self.path("home")).env_remove("WELLSPRING_LOG").env_remove("GIT_SSH_COMMAND").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn crawl(&self, url: &str) -> Output {
        self.run(&["crawl", "-vv", url])
    }

    /// What `export --jsonl` says.
    fn export(&self) -> String {
        let output = self.run(&["export", "--jsonl"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `runs --json` says.
    fn runs(&self) -> String {
        let output = self.run(&["runs", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What became of the one source in the newest run.
    fn newest_outcome(&self) -> String {
        let runs: serde_json::Value = serde_json::from_str(&self.runs()).unwrap();
        let newest = runs.get("runs").unwrap_or(&runs)[0].clone();
        newest["sources"][0]["outcome"].as_str().unwrap().to_owned()
    }
}

fn isolated_git() -> Command {
    let mut command = Command::new("git");
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Analyst").env(format!("GIT_{role}_EMAIL"), "analyst@example.org");
    }
    command
}

/// `git http-backend` behind HTTP/1.1 on loopback; it ends with the process.
struct Server {
    port: u16,
    /// The `Authorization` headers that came.
    authorizations: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves the repositories below `root`; `None`, with a word on stderr, where git cannot.
    /// Paths below `/closed` are answered with 401, whoever asks.
    fn start(root: &Path) -> Option<Server> {
        let folder = isolated_git().arg("--exec-path").output().unwrap().stdout;
        let backend = PathBuf::from(String::from_utf8(folder).unwrap().trim()).join("git-http-backend");
        if !backend.is_file() {
            eprintln!("skipped: this git has no http-backend");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authorizations = Arc::new(Mutex::new(Vec::new()));
        let server = Server { port: listener.local_addr().unwrap().port(), authorizations: Arc::clone(&authorizations) };
        let root = root.to_owned();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (backend, root, authorizations) = (backend.clone(), root.clone(), Arc::clone(&authorizations));
                thread::spawn(move || answer(stream, &backend, &root, &authorizations));
            }
        });
        Some(server)
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }
}

/// Answers one request and closes the connection.
fn answer(stream: TcpStream, backend: &Path, root: &Path, authorizations: &Mutex<Vec<String>>) {
    let mut input = BufReader::new(stream.try_clone().unwrap());
    let head = read_head(&mut input);
    let header = |name: &str| {
        let lines = head.iter().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
            .next()
            .unwrap_or_default()
    };
    let mut words = head.first().map_or("", String::as_str).split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
    if !header("Authorization").is_empty() {
        authorizations.lock().unwrap().push(header("Authorization"));
    }
    let body = read_body(&mut input, &header("Transfer-Encoding"), &header("Content-Length"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let answer = if path.starts_with("/closed") {
        b"Status: 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n\r\n".to_vec()
    } else {
        let mut cgi = isolated_git();
        let mut child = Command::new(backend)
            .envs(cgi.env("GIT_PROJECT_ROOT", root).get_envs().filter_map(|(name, value)| Some((name, value?))))
            .envs([("GIT_HTTP_EXPORT_ALL", "1"), ("REQUEST_METHOD", method), ("PATH_INFO", path), ("QUERY_STRING", query)])
            .envs([("CONTENT_TYPE", header("Content-Type")), ("HTTP_CONTENT_ENCODING", header("Content-Encoding"))])
            .envs([("GIT_PROTOCOL", header("Git-Protocol")), ("CONTENT_LENGTH", body.len().to_string())])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // A backend that refuses need not read what it was sent.
        drop(child.stdin.take().unwrap().write_all(&body));
        child.wait_with_output().unwrap().stdout
    };
    write_answer(stream, &answer);
}

/// The lines before the empty one.
fn read_head(input: &mut impl BufRead) -> Vec<String> {
    input.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect()
}

fn read_body(input: &mut impl BufRead, encoding: &str, length: &str) -> Vec<u8> {
    let mut body = Vec::new();
    if !encoding.eq_ignore_ascii_case("chunked") {
        input.take(length.parse().unwrap_or(0)).read_to_end(&mut body).unwrap();
        return body;
    }
    loop {
        let mut line = String::new();
        input.read_line(&mut line).unwrap();
        let size = u64::from_str_radix(line.trim(), 16).unwrap();
        input.by_ref().take(size).read_to_end(&mut body).unwrap();
        input.read_line(&mut line).unwrap();
        if size == 0 {
            return body;
        }
    }
}

/// Makes an HTTP answer of what a CGI program printed.
fn write_answer(mut stream: TcpStream, printed: &[u8]) {
    let end = printed.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(printed.len());
    let head = String::from_utf8_lossy(&printed[..end]).into_owned();
    let body = printed.get(end + 4..).unwrap_or_default();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let others: String = head.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\n{others}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // A client that has what it wanted may be gone.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}

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

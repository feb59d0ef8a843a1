//! A git server on loopback, over http or https, and a repository that it serves.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;

/// A bare repository `repo.git`, a work tree that pushes to it, and the data folder of a catalog.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        place.git(&["init", "-q", "--bare", "-b", "main", "served/repo.git"]);
        place.git(&["clone", "-q", "served/repo.git", "work"]);
        place.push("orders.sql", "CREATE TABLE orders (id INT64, amount NUMERIC);");
        place.push("totals.sql", "CREATE VIEW totals AS SELECT id, SUM(amount) AS total FROM orders GROUP BY id;");
        place
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn git(&self, arguments: &[&str]) {
        let output = isolated_git().args(arguments).current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Writes a file, commits it and pushes the commit.
    pub(crate) fn push(&self, name: &str, text: &str) {
        fs::write(self.path("work").join(name), text).unwrap();
        self.git(&["-C", "work", "add", "-A"]);
        self.git(&["-C", "work", "commit", "-q", "-m", name]);
        self.git(&["-C", "work", "push", "-q", "origin", "HEAD:main"]);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wellspring"));
        command.args(arguments).arg("--data").arg(self.path("data")).current_dir(self.folder.path());
        command.env("HOME", self.path("home")).env_remove("WELLSPRING_LOG").env_remove("GIT_SSH_COMMAND").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn crawl(&self, url: &str) -> Output {
        self.run(&["crawl", "-vv", url])
    }

    /// What `export --jsonl` says.
    pub(crate) fn export(&self) -> String {
        let output = self.run(&["export", "--jsonl"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `runs --json` says.
    pub(crate) fn runs(&self) -> String {
        let output = self.run(&["runs", "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What became of the one source in the newest run.
    pub(crate) fn newest_outcome(&self) -> String {
        let runs: serde_json::Value = serde_json::from_str(&self.runs()).unwrap();
        let newest = runs.get("runs").unwrap_or(&runs)[0].clone();
        newest["sources"][0]["outcome"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn isolated_git() -> Command {
    let mut command = Command::new("git");
    command.envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")]);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Analyst").env(format!("GIT_{role}_EMAIL"), "analyst@example.org");
    }
    command
}

/// The `Authorization` header of the user `token` with the password `opensesame-4711`.
pub(crate) const TOKEN_LOGIN: &str = "Basic dG9rZW46b3BlbnNlc2FtZS00NzEx";

/// `git http-backend` behind HTTP/1.1 on loopback; it ends with the process.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// The `Authorization` headers that came.
    pub(crate) authorizations: Arc<Mutex<Vec<String>>>,
    scheme: &'static str,
}

/// What a server answers from.
#[derive(Clone)]
struct Served {
    backend: PathBuf,
    root: PathBuf,
    authorizations: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves the repositories below `root`; `None`, with a word on stderr, where git cannot.
    /// Paths below `/closed` are answered with 401, whoever asks; those below `/guarded` to all but
    /// [`TOKEN_LOGIN`].
    pub(crate) fn start(root: &Path) -> Option<Server> {
        Server::start_with(root, None)
    }

    /// Like [`Server::start`] over https; with it comes the authority's certificate in PEM form.
    pub(crate) fn start_https(root: &Path) -> Option<(Server, String)> {
        let (authority, tls) = certify_loopback();
        Some((Server::start_with(root, Some(Arc::new(tls)))?, authority))
    }

    fn start_with(root: &Path, tls: Option<Arc<rustls::ServerConfig>>) -> Option<Server> {
        let folder = isolated_git().arg("--exec-path").output().unwrap().stdout;
        let backend = PathBuf::from(String::from_utf8(folder).unwrap().trim()).join("git-http-backend");
        if !backend.is_file() {
            eprintln!("skipped: this git has no http-backend");
            return None;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authorizations = Arc::new(Mutex::new(Vec::new()));
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let served = Served { backend, root: root.to_owned(), authorizations: Arc::clone(&authorizations) };
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (served, tls) = (served.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => served.answer(&mut stream),
                    Some(tls) => {
                        let connection = rustls::ServerConnection::new(tls).unwrap();
                        let mut stream = rustls::StreamOwned::new(connection, stream);
                        served.answer(&mut stream);
                        stream.conn.send_close_notify();
                        // A client that has what it wanted, or trusts nobody here, may be gone.
                        drop(stream.flush());
                    }
                });
            }
        });
        Some(Server { port, authorizations, scheme })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://127.0.0.1:{}/{path}", self.scheme, self.port)
    }
}

/// An authority that nobody knows, in PEM form, and what a server needs that it vouches for.
fn certify_loopback() -> (String, rustls::ServerConfig) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(params, key);
    let own_key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&own_key, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let own_key = rustls::pki_types::PrivateKeyDer::try_from(own_key.serialize_der()).unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own.der().clone()], own_key).unwrap();
    (authority.pem(), config)
}

impl Served {
    /// Answers one request; the connection is to be closed then.
    fn answer(&self, stream: &mut (impl Read + Write)) {
        let mut input = BufReader::new(&mut *stream);
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
            self.authorizations.lock().unwrap().push(header("Authorization"));
        }
        let body = read_body(&mut input, &header("Transfer-Encoding"), &header("Content-Length"));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path_inside = path.strip_prefix("/guarded").unwrap_or(path);
        let refused = path_inside != path && header("Authorization") != TOKEN_LOGIN;
        let answer = if path.starts_with("/closed") || refused {
            b"Status: 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"git\"\r\n\r\n".to_vec()
        } else {
            let mut cgi = isolated_git();
            let mut child = Command::new(&self.backend)
                .envs(cgi.env("GIT_PROJECT_ROOT", &self.root).get_envs().filter_map(|(name, value)| Some((name, value?))))
                .envs([
                    ("GIT_HTTP_EXPORT_ALL", "1"),
                    ("REQUEST_METHOD", method),
                    ("PATH_INFO", path_inside),
                    ("QUERY_STRING", query),
                ])
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
fn write_answer(stream: &mut impl Write, printed: &[u8]) {
    let end = printed.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(printed.len());
    let head = String::from_utf8_lossy(&printed[..end]).into_owned();
    let body = printed.get(end + 4..).unwrap_or_default();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let others: String = head.lines().filter(|line| !line.starts_with("Status: ")).map(|line| format!("{line}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\n{others}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // A client that has what it wanted may be gone.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)));
}

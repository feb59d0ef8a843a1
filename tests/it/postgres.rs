//! A PostgreSQL server as a source: views' lineage and use, with nothing but its address.
//!
//! The server is Debian's package, started in a folder of its own; where it is not installed the test
//! says so and checks nothing (`.ci/run` installs it).

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use wellspring::catalog::Catalog;

const PASSWORD: &str = "only for this test";

/// A server of its own, ended when dropped.
struct Server {
    bin: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
    user: Option<(u32, u32)>,
}

/// The newest installed server's programs.
fn find_server() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().find(|bin| bin.join("initdb").exists())
}

/// PostgreSQL refuses to run as root: the package's own user does.
fn other_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn program(bin: &Path, name: &str, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(bin.join(name));
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

impl Server {
    fn start(bin: PathBuf) -> Server {
        let (folder, user) = (tempfile::tempdir().unwrap(), other_user());
        let data = folder.path().join("data");
        fs::write(folder.path().join("password"), PASSWORD).unwrap();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).unwrap();
            std::os::unix::fs::chown(folder.path().join("password"), Some(uid), Some(gid)).unwrap();
        }
        let password = format!("--pwfile={}", folder.path().join("password").display());
        let made = program(&bin, "initdb", user)
            .args(["-U", "keeper", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", &password, "-D"])
            .arg(&data)
            .status()
            .unwrap();
        assert!(made.success(), "initdb");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = program(&bin, "postgres", user)
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
            .args(["-c", "shared_preload_libraries=pg_stat_statements", "-k"])
            .arg(folder.path())
            .spawn()
            .unwrap();
        let server = Server { bin, folder, port, child, user };
        let started = Instant::now();
        while !server.psql("postgres", "SELECT 1").0 {
            assert!(started.elapsed() < Duration::from_secs(60), "the server does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// Runs `sql` as the owner of everything; whether it succeeded, and what it said.
    fn psql(&self, database: &str, sql: &str) -> (bool, String) {
        let output = Command::new(self.bin.join("psql"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "keeper", "-d", database, "-v", "ON_ERROR_STOP=1"])
            .args(["-At", "-c", sql])
            .env("PGPASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    fn run(&self, database: &str, sql: &str) {
        let (succeeded, said) = self.psql(database, sql);
        assert!(succeeded, "{sql}: {said}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let stopped = program(&self.bin, "pg_ctl", self.user)
            .args(["stop", "-m", "immediate", "-D"])
            .arg(self.folder.path().join("data"))
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

fn wellspring(data: &Path, arguments: &[&str], password: Option<&str>) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wellspring"));
    command.args(arguments).arg("--data").arg(data).env_remove("PGPASSWORD").current_dir(data.parent().unwrap());
    if let Some(password) = password {
        command.env("PGPASSWORD", password);
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn rows(export: &str, kind: &str) -> Vec<Value> {
    let rows = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| row["type"] == kind).collect()
}

#[test]
fn a_live_postgres_gives_views_with_lineage_comments_and_use() {
    let Some(bin) = find_server() else {
        eprintln!("skipped: no PostgreSQL server is installed (Debian's package postgresql)");
        return;
    };
    let server = Server::start(bin);
    server.run("postgres", "CREATE DATABASE shop");
    for sql in [
        "CREATE EXTENSION pg_stat_statements",
        "CREATE SCHEMA raw; CREATE SCHEMA mart; CREATE TABLE raw.orders (id int PRIMARY KEY, customer text, amount numeric(10,2), paid boolean)",
        "COMMENT ON TABLE raw.orders IS 'Orders as the till writes them'; COMMENT ON COLUMN raw.orders.amount IS 'In euros'",
        "CREATE TABLE raw.\"Refunds\" (order_id int, amount numeric) PARTITION BY RANGE (order_id)",
        "CREATE TABLE raw.refunds_1 PARTITION OF raw.\"Refunds\" FOR VALUES FROM (0) TO (100)",
        "CREATE VIEW mart.paid AS SELECT o.customer, sum(o.amount) AS revenue FROM raw.orders o WHERE o.paid GROUP BY o.customer",
        "CREATE MATERIALIZED VIEW mart.net AS SELECT p.customer, p.revenue - coalesce(sum(r.amount), 0) AS net \
         FROM mart.paid p LEFT JOIN raw.orders o USING (customer) LEFT JOIN raw.\"Refunds\" r ON r.order_id = o.id GROUP BY 1, p.revenue",
        "CREATE FUNCTION mart.top(n int) RETURNS TABLE (customer text) LANGUAGE sql AS $$ SELECT p.customer FROM mart.paid p ORDER BY p.revenue DESC LIMIT n $$",
    ] {
        server.run("shop", sql);
    }
    for _ in 0..3 {
        server.run("shop", "SELECT customer, revenue FROM mart.paid WHERE customer = 'planted-canary-7731'");
    }
    // The server puts $1 for a SELECT's literals, and keeps those of a block as they stand.
    server.run("shop", "DO $$ BEGIN PERFORM customer FROM mart.paid WHERE customer = 'planted-canary-7731'; END $$");
    let (_, counted) = server.psql("shop", "SELECT /* wellspring */ query FROM pg_stat_statements");
    assert!(counted.contains("planted-canary-7731"), "{counted}");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let url = format!("postgres://keeper@127.0.0.1:{}/shop?sslmode=disable", server.port);

    let (code, _, said) = wellspring(&data, &["crawl", &url], Some("wrong"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("password") && !said.contains("wrong"), "{said}");
    for with_password in [url.replace("keeper@", "keeper:secret@"), format!("{url}&password=secret")] {
        let (code, out, said) = wellspring(&data, &["crawl", &with_password], None);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("PGPASSWORD") && !said.contains("secret") && !out.contains("secret"), "{said}");
    }

    let (code, out, said) = wellspring(&data, &["crawl", &url], Some(PASSWORD));
    assert_eq!(code, 0, "{out}{said}");
    let (_, export, _) = wellspring(&data, &["export", "--jsonl"], None);
    let edges: Vec<String> = rows(&export, "column_edge").iter().map(ToString::to_string).collect();
    let has = |parts: &[&str]| edges.iter().any(|edge| parts.iter().all(|part| edge.contains(part)));
    assert!(has(&["mart.paid", "revenue", "raw.orders", "amount", "AGGREGATION"]), "{edges:#?}");
    assert!(has(&["mart.net", "net", "raw.Refunds", "amount", "AGGREGATION"]), "{edges:#?}");
    let assets: Vec<String> = rows(&export, "asset").iter().map(ToString::to_string).collect();
    assert!(!assets.iter().any(|asset| asset.contains("refunds_1")), "a partition is no table of its own: {assets:#?}");
    assert!(!assets.iter().any(|asset| asset.contains("pg_stat") || asset.contains("pg_class")), "{assets:#?}");

    let (_, shown, _) = wellspring(&data, &["show", "raw.orders", "--json"], None);
    assert!(
        shown.contains("Orders as the till writes them") && shown.contains("In euros") && shown.contains("numeric(10,2)"),
        "{shown}"
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let usage = runtime.block_on(async {
        let catalog = Catalog::open(&data).await.unwrap();
        catalog.view().show_usage("postgres", "mart.paid").await.unwrap()
    });
    // Three times by hand, and once when the materialized view was filled.
    assert_eq!((usage.interactive_30, usage.queries[0].runs), (4, 3), "{:?}", usage.queries);
    assert_eq!(usage.queries[0].text, "select customer , revenue from mart . paid where customer = ?");
    assert_eq!(usage.people.iter().map(|use_| use_.person.as_str()).collect::<Vec<_>>(), ["keeper"]);
    for file in walk(&data) {
        // The journal goes away with the catalog that was just closed.
        let Ok(bytes) = fs::read(&file) else { continue };
        let found = bytes.windows(14).any(|window| window == b"planted-canary");
        assert!(!found, "a literal touched the disk in {}", file.display());
    }

    // Nothing changed: nothing is analysed. One view changed: its lineage follows.
    let (code, out, said) = wellspring(&data, &["crawl", &url], Some(PASSWORD));
    assert_eq!(code, 0, "{out}{said}");
    assert_eq!(rows(&export, "asset").iter().filter(|row| row.to_string().contains("mart/net.sql")).count(), 1);
    server.run("shop", "DROP MATERIALIZED VIEW mart.net; ALTER TABLE raw.orders RENAME COLUMN amount TO amount_eur");
    let (code, _, said) = wellspring(&data, &["crawl", &url], Some(PASSWORD));
    assert_eq!(code, 0, "{said}");
    let (_, export, _) = wellspring(&data, &["export", "--jsonl"], None);
    let edges: Vec<String> = rows(&export, "column_edge").iter().map(ToString::to_string).collect();
    let renamed = |edge: &String| ["mart.paid", "revenue", "raw.orders", "amount_eur"].iter().all(|part| edge.contains(part));
    assert!(edges.iter().any(renamed), "{edges:#?}");
    // Its definition is gone; that it was made is something that the server still counts.
    assert!(!export.contains("mart/net.sql"), "a dropped view has no definition");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files.extend(walk(&path)),
            path => files.push(path),
        }
    }
    files
}

//! The binary, run as a person or a script runs it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

fn wellspring(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wellspring"));
    command.args(arguments).env_remove("WELLSPRING_LOG").stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    wellspring(arguments).output().unwrap()
}

fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = wellspring(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn json_lines(output: &Output) -> Vec<serde_json::Value> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_command_has_help_with_an_example() {
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    assert!(commands.contains(&"lineage"), "{help}");
    for command in commands {
        let output = run(&[command, "--help"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(text.contains("Example") && text.contains(&format!("wellspring {command}")), "{command}: {text}");
    }
}

#[test]
fn wrong_usage_ends_with_2_and_prints_nothing_to_stdout() {
    for arguments in [&["nonsense"][..], &["lineage"], &["lineage", "--dialect", "klingon", "x.sql"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn jsonl_answers_every_line_in_order_and_never_fails() {
    let input = concat!(
        r#"{"id": "one", "dialect": "postgres", "sql": "select 1"}"#,
        "\n\nnot json\n",
        r#"{"id": 3, "sql": 5}"#,
        "\n",
        r#"{"id": "four", "dialect": "no such dialect", "sql": "select (", "schema": null, "default_db": null}"#,
        "\n",
    );
    let output = run_with_input(&["lineage", "--jsonl"], input.as_bytes());
    assert_eq!(output.status.code(), Some(0));
    let answers = json_lines(&output);
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [serde_json::json!("one"), serde_json::Value::Null, serde_json::json!(3), serde_json::json!("four")]);
    assert!(answers[0]["error"].is_null() && answers[3]["error"].is_null());
    assert!(answers[1]["error"].is_string() && answers[2]["error"].is_string());
}

#[test]
fn jsonl_answers_a_thousand_lines_in_order() {
    let input: String = (0..1_000).map(|id| format!("{{\"id\": {id}, \"sql\": \"select {id}\"}}\n")).collect();
    let output = run_with_input(&["lineage", "--jsonl"], input.as_bytes());
    let ids: Vec<_> = json_lines(&output).iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..1_000).collect::<Vec<_>>());
}

/// A crawled folder of plain SQL, and a home of its own.
struct Crawled {
    folder: TempDir,
}

impl Crawled {
    fn new() -> Crawled {
        let folder = TempDir::new().unwrap();
        let sql = folder.path().join("sql");
        fs::create_dir_all(&sql).unwrap();
        fs::write(sql.join("raw.sql"), "create table raw.orders (id int, amount numeric, state text);\n").unwrap();
        fs::write(
            sql.join("mart.sql"),
            "create table mart.revenue as\nselect id, sum(amount) as total from raw.orders where state = 'paid' group by id;\n",
        )
        .unwrap();
        fs::write(sql.join("broken.sql"), "create table mart.broken as select (;\n").unwrap();
        let crawled = Crawled { folder };
        let output = crawled.run(&["crawl", crawled.path("sql").to_str().unwrap(), "--json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let run: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(run["state"], "published");
        crawled
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = wellspring(arguments);
        let data = self.path("data");
        command.env("HOME", self.folder.path()).env_remove("XDG_DATA_HOME").env("WELLSPRING_DATA", data);
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }
}

#[test]
fn every_command_that_prints_data_prints_json_and_ends_with_its_code() {
    let crawled = Crawled::new();
    let commands: [(&[&str], i32); 13] = [
        (&["search", "revenue"], 0),
        (&["search", "zzzzqqqq"], 1),
        (&["show", "mart.revenue"], 0),
        (&["show", "mart.revenue.total"], 0),
        (&["trace", "mart.revenue.total"], 0),
        (&["trace", "--down", "mart.revenue.total"], 1),
        (&["impact", "raw.orders.amount"], 0),
        (&["impact", "mart.revenue"], 1),
        (&["explain", "mart.revenue.total"], 0),
        (&["runs"], 0),
        (&["diagnostics"], 1),
        (&["diagnostics", "syntax-error"], 1),
        (&["doctor"], 0),
    ];
    for (arguments, code) in commands {
        let plain = crawled.run(arguments);
        assert_eq!(plain.status.code(), Some(code), "{arguments:?} {plain:?}");
        assert!(!plain.stdout.is_empty() && !plain.stdout.contains(&0x1b), "{arguments:?} {plain:?}");
        let json = crawled.run(&[arguments, &["--json"]].concat());
        assert_eq!(json.status.code(), Some(code), "{arguments:?}");
        serde_json::from_slice::<serde_json::Value>(&json.stdout).unwrap();
    }
}

#[test]
fn an_unknown_name_prints_nothing_to_stdout_and_ends_with_1() {
    let crawled = Crawled::new();
    for command in ["show", "trace", "impact", "explain"] {
        let output = crawled.run(&[command, "mart.revenu"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
        assert!(output.stdout.is_empty(), "{command}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("mart.revenue"), "{command} suggests");
    }
}

#[test]
fn a_trace_is_a_tree_down_to_the_raw_column() {
    let crawled = Crawled::new();
    let text = String::from_utf8(crawled.run(&["trace", "mart.revenue.total"]).stdout).unwrap();
    assert!(text.starts_with("mart.revenue.total\n"), "{text}");
    assert!(text.contains("└─ raw.orders.amount  AGGREGATION\n"), "{text}");
}

#[test]
fn export_is_the_same_bytes_twice_and_json_lines() {
    let crawled = Crawled::new();
    let first = crawled.run(&["export", "--jsonl"]);
    assert_eq!(first.status.code(), Some(0));
    assert_eq!(first.stdout, crawled.run(&["export", "--jsonl"]).stdout);
    let kinds: Vec<_> = json_lines(&first).iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
    for kind in ["asset", "column_edge", "row_edge", "asset_edge", "diagnostic"] {
        assert!(kinds.iter().any(|found| found == kind), "{kind}: {kinds:?}");
    }
}

#[test]
fn a_backup_can_be_restored_and_the_index_rebuilt() {
    let crawled = Crawled::new();
    let before = crawled.run(&["export", "--jsonl"]).stdout;
    assert_eq!(crawled.run(&["backup", "copy"]).status.code(), Some(0));
    assert_eq!(crawled.run(&["backup", "copy"]).status.code(), Some(2), "a file that is there is kept");
    fs::write(crawled.path("sql/more.sql"), "create view mart.more as select id from mart.revenue;\n").unwrap();
    assert_eq!(crawled.run(&["crawl", "sql"]).status.code(), Some(0));
    assert_ne!(crawled.run(&["export", "--jsonl"]).stdout, before);
    let restored = crawled.run(&["restore", "copy"]);
    assert_eq!(restored.status.code(), Some(0), "{restored:?}");
    assert_eq!(crawled.run(&["export", "--jsonl"]).stdout, before);
    assert_eq!(crawled.run(&["reindex"]).status.code(), Some(0));
    assert_eq!(crawled.run(&["search", "mart.more", "--kind", "view"]).status.code(), Some(1));
}

#[test]
fn without_a_catalog_a_question_says_how_to_make_one() {
    let folder = TempDir::new().unwrap();
    let output = wellspring(&["search", "x"])
        .env("HOME", folder.path())
        .env_remove("XDG_DATA_HOME")
        .env_remove("WELLSPRING_DATA")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("wellspring serve PATH"));
}

#[test]
fn init_writes_a_configuration_that_crawl_reads_and_keeps_one_that_is_there() {
    let crawled = Crawled::new();
    assert_eq!(crawled.run(&["init", "sql"]).status.code(), Some(0));
    assert_eq!(crawled.run(&["init", "sql"]).status.code(), Some(2));
    let output = crawled.run(&["crawl", "--config", "sql/wellspring.toml"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn serve_binds_at_once_answers_and_stops_on_sigterm() {
    let crawled = Crawled::new();
    let mut server =
        crawled.command(&["serve", "sql", "--addr", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim().rsplit("http://").next().unwrap().to_owned();
    let mut stream = TcpStream::connect(&addr).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(Command::new("kill").arg(server.id().to_string()).status().unwrap().success());
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn people_tokens_and_governance_are_managed_in_a_terminal() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data").display().to_string();
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let added = run(&["user", "add", "Ana@Example.com", "--role", "admin", "--also", "growth", "--data", &data]);
    assert_eq!((added.status.code(), text(&added).trim().len()), (Some(0), 20), "{added:?}");
    assert_eq!(run(&["user", "add", "ana@example.com", "--data", &data]).status.code(), Some(2), "the name is taken");
    assert_eq!(run(&["user", "disable", "ana@example.com", "--data", &data]).status.code(), Some(2), "the only admin stays");
    let weak = run_with_input(&["user", "add", "bo", "--stdin", "--data", &data], b"short\n");
    assert_eq!(weak.status.code(), Some(2));
    let listed = run(&["user", "list", "--json", "--data", &data]);
    let people: serde_json::Value = serde_json::from_str(&text(&listed)).unwrap();
    assert_eq!(
        (&people[0]["name"], &people[0]["role"], &people[0]["also"][0]),
        (&"ana@example.com".into(), &"admin".into(), &"growth".into())
    );
    let made = run(&["token", "add", "ana@example.com", "--for", "a test", "--days", "5", "--data", &data]);
    assert!(text(&made).starts_with("wellspring_"), "{made:?}");
    assert!(text(&run(&["token", "list", "--data", &data])).contains("a test"));
    assert_eq!(run(&["token", "revoke", "1", "--data", &data]).status.code(), Some(0));
    assert_eq!(run(&["token", "revoke", "1", "--data", &data]).status.code(), Some(2));
    let yaml = "version: 1\nassets:\n- namespace: bigquery\n  name: a.b\n  tags:\n  - x\n";
    let import = |text: &str| run_with_input(&["governance", "import", "-", "--person", "ana", "--data", &data], text.as_bytes());
    assert_eq!(import(yaml).status.code(), Some(0));
    assert_eq!(text(&run(&["governance", "export", "--data", &data])), yaml);
    let conflict = import(&yaml.replace("- x", "- z"));
    assert_eq!(conflict.status.code(), Some(1));
    assert!(text(&conflict).contains("file:   z") && text(&conflict).contains("stated: x (ana)"), "{conflict:?}");
    let bad = import("version: 1\nassets:\n- namespace: bigquery\n  name: a.b\n  tier: gold\n");
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("-:5: "), "{bad:?}");
}

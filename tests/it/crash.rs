//! Crawls that are killed at any moment: what is there afterwards is the old run or the new one, whole.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Tables of one state of the folder.
const TABLES: usize = 240;
/// Kills in all, at moments spread over what a whole crawl takes.
const KILLS: u32 = 10;

fn wellspring(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wellspring"));
    command.args(arguments).arg("--data").arg(data);
    command.env("XDG_DATA_HOME", data).env_remove("WELLSPRING_LOG").stdin(Stdio::null());
    command
}

fn ask(data: &Path, arguments: &[&str]) -> Output {
    let output = wellspring(data, arguments).output().unwrap();
    assert_ne!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn export(data: &Path) -> String {
    String::from_utf8(ask(data, &["export", "--jsonl"]).stdout).unwrap()
}

/// Puts the state called `name` in the folder: a chain of tables that no other state has.
fn write_state(folder: &Path, name: &str) {
    for at in 0..TABLES {
        let from = if at == 0 { "raw.events".to_owned() } else { format!("shop.{name}_{}", at - 1) };
        let text = format!("create table shop.{name}_{at} as select id, amount + {at} as amount from {from} where id > {at};\n");
        fs::write(folder.join(format!("{at}.sql")), text).unwrap();
    }
}

/// Whether the first hit for the exact name of a table is that table.
fn finds(data: &Path, table: &str) -> bool {
    let output = ask(data, &["search", "--json", table]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["hits"][0]["asset"]["name"].as_str() == Some(table)
}

/// What `doctor` is not content with, the note about the crawl that was killed left out.
fn complaints(data: &Path) -> Vec<String> {
    let output = ask(data, &["doctor", "--json"]);
    let checks: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ill = checks.iter().filter(|check| check["is_well"] == false && check["what"] != "last crawl");
    ill.map(ToString::to_string).collect()
}

#[test]
fn a_crawl_that_is_killed_at_any_moment_leaves_the_old_run_or_the_new_one() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = folder.path().to_str().unwrap();
    let crawl = ["crawl", place];
    // What each state looks like when nothing goes wrong, crawled into a folder of its own.
    let whole = ["old", "new"].map(|state| {
        let fresh = tempfile::tempdir().unwrap();
        write_state(folder.path(), state);
        let started = Instant::now();
        ask(fresh.path(), &crawl);
        (state, export(fresh.path()), started.elapsed())
    });
    let longest = whole.iter().map(|(.., took)| *took).max().unwrap_or(Duration::ZERO);

    write_state(folder.path(), "old");
    ask(data.path(), &crawl);
    let mut standing = "old";
    for kill in 1..=KILLS {
        let next = if standing == "old" { "new" } else { "old" };
        write_state(folder.path(), next);
        let mut child = wellspring(data.path(), &crawl).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(longest * kill / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();

        assert_eq!(complaints(data.path()), Vec::<String>::new(), "kill {kill}");
        let found = export(data.path());
        let state = whole.iter().find(|(_, export, _)| *export == found).map(|(state, ..)| *state);
        standing = state.unwrap_or_else(|| panic!("kill {kill}: neither run is whole:\n{found}"));
        let other = if standing == "old" { "new" } else { "old" };
        let last = TABLES - 1;
        assert!(finds(data.path(), &format!("shop.{standing}_{last}")), "kill {kill}: the index lacks what stands");
        assert!(!finds(data.path(), &format!("shop.{other}_{last}")), "kill {kill}: the index holds what does not stand");
    }
    write_state(folder.path(), "new");
    ask(data.path(), &crawl);
    assert_eq!(export(data.path()), whole[1].1, "a crawl after all that ends like a first one");
}

//! The binary, run as a person or a script runs it.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

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

//! Hostile and broken files in one folder: each is a diagnostic or a right answer, and costs nothing
//! of its neighbours. (A missing git object: `sources`; a killed crawl: `crash`.)

use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Writes every bad file, and a good one.
fn write_files(folder: &Path) {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    write("good.sql", b"create view w.good as select id from w.raw");
    write("flat.sql", format!("create view w.flat as select {}1 as x", "1+".repeat(1_000_000)).as_bytes());
    write(
        "unions.sql",
        format!("create view w.unions as {}select 1 as x", "select 1 as x union all ".repeat(100_000)).as_bytes(),
    );
    let (open, close) = ("(".repeat(10_000), ")".repeat(10_000));
    write("nested.sql", format!("create view w.nested as select {open}1{close} as x").as_bytes());
    let branches: String = (0..10_000).map(|at| format!("when k = {at} then v\n")).collect();
    write("case.sql", format!("create view w.cases as select case {branches} end as x from w.raw").as_bytes());
    write("huge.sql", &vec![b' '; 50 << 20]);
    write("latin.sql", b"create view w.latin as select '\xff\xfe\xfd' as x, id from w.raw");
    write("bom.sql", b"\xef\xbb\xbfcreate view w.bom as select id from w.raw");
    write("folder.sql/inside.sql", b"create view w.inside as select id from w.raw");
    let bomb: String = (1..12).map(|at| format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 10].join(", "))).collect();
    write("sql/p/d/t/metadata.yaml", format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{bomb}").as_bytes());
    write("sql/p/d/t/query.sql", b"select id from `p.d.raw`");
    std::os::unix::fs::symlink("/etc/hostname", folder.join("leaves.sql")).unwrap();
}

#[test]
fn bad_files_are_told_and_their_neighbours_are_whole() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_files(folder.path());
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wellspring"));
        command.args(arguments).arg("--data").arg(data.path()).env_remove("WELLSPRING_LOG");
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    ask(&["crawl", folder.path().to_str().unwrap()]);
    let (mut told, mut edges) = (BTreeMap::<String, Vec<String>>::new(), BTreeMap::<String, u32>::new());
    for line in ask(&["export", "--jsonl"]).lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        match row["type"].as_str().unwrap() {
            "diagnostic" if row["severity"] != "info" => told.entry(word(&row["path"])).or_default().push(word(&row["code"])),
            "column_edge" => *edges.entry(word(&row["to"]["name"])).or_default() += 1,
            _ => {}
        }
    }
    let told: Vec<String> = told.into_iter().map(|(path, codes)| format!("{path}: {}", codes.join(" "))).collect();
    assert_eq!(
        told,
        [
            "flat.sql: limit-exceeded table-level-only",
            "huge.sql: limit-exceeded",
            "latin.sql: not-utf8",
            "leaves.sql: symlink-leaves-tree",
            "nested.sql: limit-exceeded table-level-only",
            "sql/p/d/t/metadata.yaml: limit-exceeded",
            "unions.sql: limit-exceeded table-level-only",
        ]
    );
    // A condition and a value of the CASE; one column of each of the others.
    let expected = [("p.d.t", 1), ("w.bom", 1), ("w.cases", 2), ("w.good", 1), ("w.inside", 1), ("w.latin", 1)];
    assert_eq!(edges, expected.map(|(name, count)| (name.to_owned(), count)).into());
}

//! Logs as they really come: broken, cut, twice, out of order. Everything is counted with its place, and the
//! rest is read.

use std::{collections::BTreeMap, path::Path};

use wellspring::{
    config::{Config, LogConfig},
    crawl::{LogTrial, Silent, try_log},
    model::LogSkip,
};

use crate::logs::{Company, edges};

async fn try_text(name: &str, bytes: impl AsRef<[u8]>) -> LogTrial {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    try_path(&path).await
}

async fn try_path(path: &Path) -> LogTrial {
    let log = LogConfig { name: "log".into(), path: path.to_owned(), ..LogConfig::default() };
    try_log(&Config::default(), &log, &Silent).await.unwrap()
}

/// What was left out of the only file: reason → lines.
fn left_out(trial: &LogTrial) -> BTreeMap<LogSkip, Vec<u64>> {
    trial.report.files[0].skipped.iter().map(|(why, skipped)| (*why, skipped.lines.clone())).collect()
}

fn line(query: &str, at: &str) -> String {
    serde_json::json!({"query": query, "timestamp": at, "user": "ana", "id": format!("{query} {at}")}).to_string()
}

#[tokio::test]
async fn every_kind_of_damage_is_counted_with_its_line_and_the_rest_is_read() {
    let day = "2026-11-20T01:00:00Z";
    let lines = [
        line("select a from t", day),
        r#"{"query":"select a from t","timestamp":"2026-11-2"#.to_owned(),
        r#"{"query":12,"timestamp":"2026-11-20","user":["ana"],"bytes":"many","unheard_of":{"a":[1]}}"#.to_owned(),
        r#"{"query":"select b from t","timestamp":{"at":5},"user":"ana"}"#.to_owned(),
        r#"{"query":"select b from t","timestamp":"2026-11-20","user":{"name":"ana"},"bytes":-4,"duration_ms":"x","unheard_of":[{}]}"#.to_owned(),
        line("select a from t", day),
        line("select a from t", "1970-01-01T00:00:07Z"),
        format!("select no json at all {}", "\u{fffd}".repeat(3)),
        line("select c from t", "2026-11-19T01:00:00Z"),
        r#"{"query":"select d from t","timestamp":"2026"#.to_owned(),
    ];
    let trial = try_text("damaged.jsonl", lines.join("\n")).await;
    let expected = [
        (LogSkip::Broken, vec![2, 8]),
        (LogSkip::NoText, vec![3]),
        (LogSkip::NoTime, vec![4, 7]),
        (LogSkip::Duplicate, vec![6]),
        (LogSkip::Truncated, vec![10]),
    ];
    assert_eq!(left_out(&trial), BTreeMap::from(expected));
    assert_eq!((trial.report.entries, trial.shapes), (3, 3));
}

#[tokio::test]
async fn csv_of_other_columns_and_broken_rows_is_read_around_them() {
    let rows = "note,query,odd,timestamp,user\n\
        x,select a from t,1,2026-11-20,ana\n\
        \"a note, with a comma\",\"select b\nfrom t\",2,2026-11-20,ana\n\
        too,many,cells,in,this,row,here\n\
        y,select c from t,3,when?,ana\n\
        z,select d from t,4,2026-11-20,ana\n";
    let trial = try_text("odd.csv", rows).await;
    assert_eq!(left_out(&trial), BTreeMap::from([(LogSkip::Broken, vec![5]), (LogSkip::NoTime, vec![6])]));
    assert_eq!(trial.shapes, 3);
}

#[tokio::test]
async fn a_query_of_a_megabyte_is_read_and_one_of_20_is_counted() {
    let long = format!("select a from t where b in ({})", "'some value', ".repeat(80_000) + "'x'");
    let longer = format!("select a from t where b = '{}'", "x".repeat(20 << 20));
    assert!(long.len() > 1 << 20);
    let text = [line(&long, "2026-11-20"), line(&longer, "2026-11-20"), line("select a from t", "2026-11-20")].join("\n");
    let trial = try_text("long.jsonl", text).await;
    assert_eq!((trial.report.entries, left_out(&trial)), (2, BTreeMap::from([(LogSkip::TooLong, vec![2])])));
}

/// <https://docs.snowflake.com/en/sql-reference/account-usage/query_history>: texts end after 100,000 characters.
#[tokio::test]
async fn what_the_vendor_cut_off_is_counted() {
    let row = |text: &str, id: u32| {
        let entry = serde_json::json!({"QUERY_ID": id, "QUERY_TEXT": text, "EXECUTION_STATUS": "SUCCESS",
            "USER_NAME": "ANA", "END_TIME": "2026-11-20 01:00:00.000 -0800"});
        format!("{entry}\n")
    };
    let cut: String = format!("select a from t where b = {}", "1 + ".repeat(40_000)).chars().take(100_000).collect();
    let trial = try_text("cut.jsonl", [row("select 1 as a", 1), row(&cut, 2)].concat()).await;
    assert_eq!((trial.report.entries, left_out(&trial)), (2, BTreeMap::from([(LogSkip::Cut, vec![2])])));
}

#[tokio::test]
async fn a_bomb_and_a_broken_archive_stop_their_own_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let good: String = (0..50).map(|at| line(&format!("select a from t{at}"), "2026-11-20") + "\n").collect();
    let packed = zstd::encode_all(good.as_bytes(), 3).unwrap();
    std::fs::write(folder.path().join("a_broken.jsonl.zst"), &packed[..packed.len() / 2]).unwrap();
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let blank = vec![b' '; 1 << 22];
    std::io::Write::write_all(&mut bomb, format!("{}\n", line("select 1 as a", "2026-11-20")).as_bytes()).unwrap();
    (0..70).for_each(|_| std::io::Write::write_all(&mut bomb, &blank).unwrap());
    std::fs::write(folder.path().join("b_bomb.jsonl.gz"), bomb.finish().unwrap()).unwrap();
    std::fs::write(folder.path().join("c_no_log.txt"), "Dear all,\nthis is no log.\n").unwrap();
    std::fs::write(folder.path().join("d_good.jsonl"), &good).unwrap();
    let trial = try_path(folder.path()).await;
    let failed: Vec<(&str, &str)> =
        trial.report.failed.iter().map(|(path, why)| (path.rsplit('/').next().unwrap(), why.as_str())).collect();
    assert_eq!(failed.len(), 3, "{failed:?}");
    assert_eq!(
        failed.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["a_broken.jsonl.zst", "b_bomb.jsonl.gz", "c_no_log.txt"]
    );
    assert!(failed[1].1.contains("far more than a log does"), "{failed:?}");
    assert_eq!(trial.report.files.iter().find(|file| file.path == "d_good.jsonl").unwrap().entries, 50);
}

#[tokio::test]
async fn a_clock_that_jumps_puts_nothing_out_of_use() {
    let company = Company::new(&[("orders.sql", "create table mart.orders as select id from raw.orders;")]);
    let write =
        |name: &str, lines: &[String]| std::fs::write(company.folder.path().join("logs").join(name), lines.join("\n")).unwrap();
    let days = ["2026-11-18", "2026-11-19", "2026-11-20"];
    let mut lines: Vec<String> = (0..2_000)
        .map(|at| {
            line(&format!("select id from mart.orders where id = {at}"), &format!("{}T{:02}:00:00Z", days[at % 3], at % 24))
        })
        .collect();
    lines.insert(700, line("select id from mart.orders where id = 1", "2071-01-01T00:00:00Z"));
    lines.insert(900, line("select id from mart.orders where id = 1", "1991-01-01T00:00:00Z"));
    write("a.jsonl", &lines);
    let store = company.crawl().await;
    let last = store.log_days(None).await.unwrap().last().unwrap().day;
    assert_eq!(last, 20_777, "2026-11-20");
    let run = store.latest_run().await.unwrap().unwrap();
    let asset = store.find_asset(run, "dw", "shop.mart.orders").await.unwrap().unwrap();
    assert!(store.usage_summaries(run).await.unwrap()[&asset].interactive_30 >= 2_000);
    store.close().await;
    // Numbers of the days at hand were not forgotten for those of the day that never was.
    write("b.jsonl", &lines[..500]);
    let store = company.crawl().await;
    let source = store.log_source("log").await.unwrap();
    let again = store.log_files(source).await.unwrap().into_iter().find(|file| file.path == "b.jsonl").unwrap();
    assert_eq!((again.entries, again.skipped[&LogSkip::Duplicate].count), (0, 500));
    assert_eq!(edges(&store).await, ["shop.mart.orders.id <- shop.raw.orders.id IDENTITY declared"]);
}

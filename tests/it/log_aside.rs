//! Logs whose queries are told of in more than one file: texts in pieces, clients of sessions.

use std::fmt::Write;

use wellspring::{
    config::Config,
    crawl::{Silent, try_log},
    model::{Dialect, LogFormat, LogSkip},
};

use crate::logs::{Company, edges};

/// A text of more than 4,000 characters whose tables stand behind them.
fn wide_insert(table: &str) -> String {
    let mut text = format!("insert into mart.{table} (total)\nselect 0");
    (0..500).for_each(|at| write!(text, " + amount_{at} * {at}").unwrap());
    text + " + tip as total\nfrom raw.orders where note <> 'planted-literal'"
}

fn company() -> Company {
    let mut company = Company::new(&[]);
    company.config.warehouses[0].dialect = Dialect::Redshift;
    company
}

fn write(company: &Company, name: &str, text: &str) {
    std::fs::write(company.folder.path().join("logs").join(name), text).unwrap();
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// Rows of `STL_QUERYTEXT` (<https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERYTEXT.html>): pieces of 200
/// characters, filled up with blanks, new lines as `\n`.
fn querytext(query: u32, text: &str) -> Vec<String> {
    let text = text.replace('\n', "\\n");
    let pieces = text.as_bytes().chunks(200).map(|piece| format!("{:200}", std::str::from_utf8(piece).unwrap()));
    pieces.enumerate().map(|(at, piece)| format!("100,{},77,{query},{at},{}\n", 9_000 + query, quoted(&piece))).collect()
}

/// A row of `STL_QUERY` (<https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html>): the first 4,000 characters.
fn stl_query(query: u32, user: &str, text: &str) -> String {
    let text: String = text.replace('\n', "\\n").chars().take(4_000).collect();
    format!(
        "{user},{query},default   ,{},77,shop      ,{},2026-11-20 10:00:{:02}.000001,2026-11-20 10:01:00.000001,0,0,0\n",
        9_000 + query,
        quoted(&text),
        query % 60,
    )
}

const STL_QUERY: &str =
    "userid,query,label,xid,pid,database,querytxt,starttime,endtime,aborted,insert_pristine,concurrency_scaling_status\n";
const STL_QUERYTEXT: &str = "userid,xid,pid,query,sequence,text\n";

fn total_edges(store_edges: &[String], table: &str) -> usize {
    store_edges.iter().filter(|edge| edge.starts_with(&format!("shop.mart.{table}.total <- shop.raw.orders"))).count()
}

#[tokio::test]
async fn pieces_are_the_text_of_the_query_that_the_history_tells_of() {
    let company = company();
    let history =
        format!("{STL_QUERY}{}{}", stl_query(1, "ana", &wide_insert("wide")), stl_query(2, "bo", "select id from raw.orders"));
    write(&company, "a_query.csv", &history);
    // Pieces of two texts among each other, one of them backwards.
    let (first, second) = (querytext(1, &wide_insert("wide")), querytext(2, "select id from raw.orders"));
    let pieces: String = first.into_iter().rev().chain(second).collect();
    write(&company, "b_querytext.csv", &format!("{STL_QUERYTEXT}{pieces}"));
    let store = company.crawl().await;
    let found = edges(&store).await;
    assert_eq!(total_edges(&found, "wide"), 501, "500 amounts and a tip that stands behind the first 4,000 characters");
    let source = store.log_source("log").await.unwrap();
    let files = store.log_files(source).await.unwrap();
    let said: Vec<_> = files.iter().map(|file| (file.format, file.entries, file.skipped.len())).collect();
    assert_eq!(said, [(Some(LogFormat::Redshift), 2, 0), (Some(LogFormat::RedshiftText), 0, 0)]);
    let people: Vec<_> = store.askers().await.unwrap().into_iter().filter_map(|(asker, _)| asker.person).collect();
    assert_eq!(people, ["ana", "bo"], "who asked is told by the history alone");
    store.close().await;
    for entry in std::fs::read_dir(company.data()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&entry).unwrap();
        assert!(memchr::memmem::find(&bytes, b"planted-literal").is_none(), "{}", entry.display());
    }
}

#[tokio::test]
async fn a_text_that_stays_cut_is_counted_with_its_line_and_read_as_far_as_it_goes() {
    let company = company();
    write(&company, "a_query.csv", &format!("{STL_QUERY}{}", stl_query(1, "ana", &wide_insert("wide"))));
    let trial = try_log(&Config::default(), &company.config.logs[0], &Silent).await.unwrap();
    let cut = &trial.report.files[0].skipped[&LogSkip::Cut];
    assert_eq!((cut.count, cut.lines.as_slice(), trial.report.entries), (1, [2].as_slice(), 1));
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_STATEMENTTEXT.html>
#[tokio::test]
async fn statements_in_pieces_are_queries_of_their_own_where_no_history_tells_of_them() {
    let header = "userid,xid,pid,label,starttime,endtime,sequence,type,text\n";
    let row = |xid: u32, kind: &str, at: usize, piece: &str| {
        let piece = quoted(piece);
        format!("ana,{xid},77,default,2026-11-20 10:00:{:02}.5,2026-11-20 10:00:59.5,{at},{kind},{piece}\n", xid % 60)
    };
    let text = wide_insert("wide").replace('\n', "\\n");
    // Exports may take the blanks away that a piece ends in.
    let pieces = text.as_bytes().chunks(200).map(|piece| std::str::from_utf8(piece).unwrap().trim_end());
    let query: String = pieces.enumerate().map(|(at, piece)| row(9_001, "QUERY     ", at, piece)).collect();
    let ddl = row(9_002, "DDL       ", 0, "create table mart.days as select day from raw.calendar");
    let alone = company();
    write(&alone, "statements.csv", &format!("{header}{query}{ddl}"));
    let store = alone.crawl().await;
    let found = edges(&store).await;
    assert_eq!(total_edges(&found, "wide"), 501);
    assert!(found.contains(&"shop.mart.days.day <- shop.raw.calendar.day IDENTITY observed".to_owned()), "{found:?}");

    let beside = company();
    write(&beside, "statements.csv", &format!("{header}{query}{ddl}"));
    let history = stl_query(1, "ana", &wide_insert("wide")).replace("10:00:01.000001", "10:00:01.5");
    write(&beside, "history.csv", &format!("{STL_QUERY}{history}"));
    let store = beside.crawl().await;
    assert_eq!(total_edges(&edges(&store).await, "wide"), 501, "told by transaction, process and start");
    let source = store.log_source("log").await.unwrap();
    let entries: Vec<u64> = store.log_files(source).await.unwrap().iter().map(|file| file.entries).collect();
    assert_eq!(entries, [1, 1], "the history's query once, and the DDL that stands in no history");
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_TEXT.html>
#[tokio::test]
async fn pieces_of_4_000_characters_are_told_by_their_columns() {
    let company = company();
    let text = wide_insert("wide").replace('\n', "\\n");
    let mut rows = "user_id,query_id,transaction_id,session_id,start_time,sequence,text\n".to_owned();
    for (at, piece) in text.as_bytes().chunks(4_000).enumerate() {
        let piece = quoted(std::str::from_utf8(piece).unwrap());
        writeln!(rows, "100,5001,9,3001,2026-11-20 10:00:00.000001,{at},{piece}").unwrap();
    }
    write(&company, "texts.csv", &rows);
    let store = company.crawl().await;
    assert_eq!(total_edges(&edges(&store).await, "wide"), 501);
}

/// <https://docs.snowflake.com/en/sql-reference/account-usage/sessions>
#[tokio::test]
async fn sessions_say_which_client_a_query_came_from() {
    let mut company = Company::new(&[]);
    company.config.warehouses[0].dialect = Dialect::Snowflake;
    let query = |id: u32, session: u32| {
        format!(
            "q{id},select total from mart.totals,SHOP,RAW,SELECT,{session},ANA,SUCCESS,2026-11-20 01:00:00.000 -0800,2026-11-20 01:00:01.000 -0800\n"
        )
    };
    let header =
        "QUERY_ID,QUERY_TEXT,DATABASE_NAME,SCHEMA_NAME,QUERY_TYPE,SESSION_ID,USER_NAME,EXECUTION_STATUS,START_TIME,END_TIME\n";
    let sessions = "SESSION_ID,CREATED_ON,USER_NAME,AUTHENTICATION_METHOD,LOGIN_EVENT_ID,CLIENT_APPLICATION_VERSION,CLIENT_APPLICATION_ID,CLIENT_ENVIRONMENT,CLIENT_BUILD_ID,CLIENT_VERSION\n\
        77,2026-11-20 00:59:00.000 -0800,ANA,Password,1,3.12.0,PythonConnector 3.12.0,\"{\"\"APPLICATION\"\":\"\"Hex\"\",\"\"OS\"\":\"\"Linux\"\"}\",,\n\
        78,2026-11-20 00:59:30.000 -0800,ANA,Password,2,3.8.7,JDBC 3.8.7,\"{\"\"OS\"\":\"\"Linux\"\"}\",,\n";
    write(&company, "a_queries.csv", &format!("{header}{}{}{}", query(1, 77), query(2, 78), query(3, 79)));
    write(&company, "z_sessions.csv", sessions);
    let store = company.crawl().await;
    let tools = |askers: Vec<(wellspring::model::Asker, i64)>| {
        let mut tools: Vec<String> = askers.into_iter().map(|(asker, _)| asker.tool.unwrap_or_default()).collect();
        tools.sort();
        tools
    };
    assert_eq!(tools(store.askers().await.unwrap()), ["", "Hex", "JDBC"]);
    store.close().await;
    // What was read of sessions is known to queries that come later.
    std::fs::remove_file(company.folder.path().join("logs/z_sessions.csv")).unwrap();
    write(&company, "b_queries.csv", &format!("{header}{}", query(4, 77)));
    let store = company.crawl().await;
    assert_eq!(tools(store.askers().await.unwrap()), ["", "Hex", "JDBC"], "no asker without a tool is new");
    let source = store.log_source("log").await.unwrap();
    let formats: Vec<_> = store.log_files(source).await.unwrap().iter().filter_map(|file| file.format).collect();
    assert_eq!(formats, [LogFormat::Snowflake, LogFormat::Snowflake, LogFormat::SnowflakeSessions]);
}

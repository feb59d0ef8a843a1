//! Sentences that explain a column, from the SQL that makes it.

use wellspring::{
    insight::explain::make_column,
    model::{Analysis, Dialect},
    sql::{NoLookups, Options, Script},
};

fn analyze(text: &str) -> Analysis {
    let options = Options { dialect: Dialect::BigQuery, derivations: true, ..Options::default() };
    Script::parse(text, &options).analyze(&NoLookups)
}

/// What is said of `column` of the only target.
fn explain(text: &str, column: &str) -> String {
    let analysis = analyze(text);
    let makings = make_column(&analysis, text, 0, column);
    assert_eq!(makings.len(), 1, "{analysis:?}");
    makings[0].sentence(text, &analysis)
}

#[test]
fn a_copied_parameter_is_told_as_the_parameter() {
    let text = "create table d.t as with staging as (select @day as day, x from d.s) select day, x from staging";
    assert_eq!(explain(text, "day"), "Is the parameter `@day`, given when it runs.");
    let text = "create table d.t as with staging as (select 'web' as channel, x from d.s) select channel, x from staging";
    assert_eq!(explain(text, "channel"), "Is always `'web'`.");
}

#[test]
fn tables_that_are_called_alike_are_told_with_their_dataset() {
    let union = "create view d.t as select day from ios.users union all select day from android.users";
    let said = explain(union, "day");
    assert!(said.contains("`ios.users.day` and `android.users.day`"), "{said}");
    let one = explain("create view d.t as select day from ios.users", "day");
    assert_eq!(one, "Copies `users.day`.");
}

#[test]
fn distinct_is_told_by_what_it_holds_for() {
    let text = "create table d.t as with c as (select distinct a, b as k from d.s where a > 1) select count(*) as n from c";
    let analysis = analyze(text);
    let rules = &make_column(&analysis, text, 0, "n")[0].rules;
    let distinct: Vec<&str> = rules.iter().filter(|rule| rule.word == "distinct").map(|rule| rule.span.of(text)).collect();
    assert_eq!(distinct, ["a, b as k"]);
    let words: Vec<&str> = rules.iter().map(|rule| &*rule.word).collect();
    assert_eq!(words, ["distinct", "where"], "what is counted is decided further in");
}

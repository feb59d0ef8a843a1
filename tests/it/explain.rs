//! Sentences that explain a column, from the SQL that makes it.

use wellspring::{
    insight::explain::{Making, make_column},
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

#[test]
fn keys_of_a_group_are_told_one_by_one_and_by_the_column_that_a_number_means() {
    let text = "create table d.t as select a, b, sum(x) as s from d.s group by 1, b, lower(c), d, e";
    assert_eq!(explain(text, "s"), "Sums `x`, per `a`, `b`, `lower(c)` and 2 more.");
}

#[test]
fn a_row_that_an_expression_chooses_is_told_by_what_chooses_it() {
    let text = "create table d.t as with c as (select id, x from d.a), p as (select id, x from d.b) \
        select if(c.id is not null, c, p).* from c full join p using (id)";
    let said = explain(text, "x");
    assert_eq!(said, "Is taken over from a row that `a.id` decides.");
}

#[test]
fn what_comes_through_a_star_over_an_unknown_table_is_told_so() {
    let text = "create view d.t as select *, lower(name) as small from d.unknown where id > 0";
    assert_eq!(
        explain(text, "city"),
        "Comes through `*` from `unknown.city`, whose columns are not declared here, where `id > 0`."
    );
    let analysis = analyze(text);
    let inputs = &make_column(&analysis, text, 0, "city")[0].inputs;
    assert_eq!(inputs.iter().map(|input| input.column.as_str()).collect::<Vec<_>>(), ["city"]);
}

#[test]
fn a_rule_of_a_join_says_which_join_it_is() {
    let text = "create table d.t as select a.x from d.a left join d.b using (id) join (select id from d.c) c on a.id = c.id";
    let analysis = analyze(text);
    let making = &make_column(&analysis, text, 0, "x")[0];
    let words: Vec<String> = making.rules.iter().map(|rule| Making::word_of_rule(rule, text, &analysis)).collect();
    assert_eq!(words, ["left join using", "join on"]);
}

#[test]
fn what_never_writes_a_row_is_known_and_so_is_a_null() {
    let makes = |text: &str| {
        let analysis = analyze(text);
        let making = &make_column(&analysis, text, 0, "x")[0];
        (making.writes_nothing(text), making.is_always_null(text))
    };
    assert_eq!(makes("create table d.t as select x from d.a where false"), (true, false));
    assert_eq!(makes("create table d.t as select x from d.a where x is false"), (false, false));
    assert_eq!(makes("create table d.t as select cast(null as int64) as x, y from d.a"), (false, true));
    assert_eq!(makes("create table d.t as select nullif(x, 1) as x from d.a"), (false, false));
}

#[test]
fn comments_and_quotes_around_names_are_left_out_of_sentences() {
    let text = "create table d.t as select sum(x) as s from `p.d.s` where a = 1 -- why\n and `b` = 2";
    assert_eq!(explain(text, "s"), "Sums `x`, where `a = 1 and b = 2`.");
}

#[test]
fn what_a_qualify_keeps_is_told_apart_from_what_is_read() {
    let text = "create table d.t as select max(x) over (partition by k) as m from d.s where a = 1 \
        qualify row_number() over (partition by k order by x) = 1";
    let said = explain(text, "m");
    assert!(
        said.ends_with(
            ", where `a = 1`; of the results only rows with `row_number() over (partition by k order by x) = 1` stay."
        ),
        "{said}"
    );
}

#[test]
fn tables_that_are_counted_are_told_apart() {
    let text =
        "create table d.t as select count(*) as n from (select 1 as x from ios.pings union all select 1 from android.pings)";
    assert!(explain(text, "n").starts_with("Counts rows of `android.pings` and `ios.pings`"), "{}", explain(text, "n"));
}

#[test]
fn a_pivoted_column_is_told_by_its_aggregate_and_the_key_that_it_stands_for() {
    let text = "create view d.t as select * from (select month, engine, clicks from d.s) \
        pivot (sum(clicks) for engine in ('a', 'b'))";
    assert_eq!(explain(text, "b"), "Sums `clicks`, of the rows whose `engine` this column stands for (PIVOT).");
}

#[test]
fn a_column_that_unpivot_makes_is_told_by_all_that_it_may_be() {
    let text = "create table d.t as with c as (select k, sum(x) as a, sum(y) as b, max(z) as c from d.s group by k) \
        select k, name, n from c unpivot (n for name in (a, b, c))";
    assert_eq!(explain(text, "n"), "Turns columns into rows: is the value of `a`, `b` or `c` in a row each (UNPIVOT).");
}

#[test]
fn a_struct_is_told_with_its_fields() {
    let text = "create view d.t as select s.* replace (struct(s.a as a, s.b) as both, [struct(s.c as c)] as list) from d.s as s";
    assert_eq!(explain(text, "both"), "Computes: `struct(s.a as a, s.b)`.");
    assert_eq!(explain(text, "list"), "Computes: `[struct(s.c as c)]`.");
}

#[test]
fn what_is_left_out_behind_a_union_is_told_with_it() {
    let text = "create view d.t as with u as (select lower(x) as x, k from d.a union all select x, k from d.b) \
        select x from (select x, row_number() over (partition by k) as n from u) where n = 1";
    let said = explain(text, "x");
    assert!(said.ends_with("each makes the value in its own way. Of the results, only rows with `n = 1` stay."), "{said}");
}

#[test]
fn a_condition_that_a_template_chooses_says_when_it_holds() {
    let file = "create table d.t as with c as (select min(x) as x from d.s where {% if is_init() %} day > '2010-01-01' \
        {% else %} day = @day {% endif %} group by k) select max(x) as x from c";
    let tags = ["{% if is_init() %}", "{% else %}", "{% endif %}", " day = @day "];
    let rendered = tags.iter().fold(file.to_owned(), |text, tag| text.replace(tag, &" ".repeat(tag.len())));
    let analysis = analyze(&rendered);
    let said = make_column(&analysis, &rendered, 0, "x")[0].sentence(file, &analysis);
    assert!(said.ends_with(" Only if `is_init()`."), "{said}");
}

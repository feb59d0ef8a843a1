//! Fingerprints: what only differs in literals, layout and spelling has one shape, and no shape holds
//! anything of a literal or a comment.

use proptest::prelude::*;
use wellspring::{model::Dialect, sql::fingerprint};

use Dialect::{BigQuery, ClickHouse, DuckDb, Generic, Hive, MsSql, MySql, Oracle, Postgres, Snowflake, Spark, Sqlite};

/// Pairs of one shape.
const SAME: &[(Dialect, &str, &str)] = &[
    (Postgres, "SELECT a FROM t WHERE b = 'x' -- note", "select a\nfrom t where b='y';"),
    (Postgres, "SELECT A FROM T", "select a from t"),
    (Generic, "/* by: app */ select 1", "select 2"),
    (Generic, "a in (1)", "a in (1, 2, 3)"),
    (Generic, "a in (-1, +2)", "a in (4)"),
    (Generic, "a = -1", "a = 1"),
    (Generic, "select -1, a - 1", "select 2, a - 3"),
    (Postgres, "a in ('x'::text, 'y'::character varying(20))", "a in ('z')"),
    (Postgres, "a = '1'::numeric(10, 2)", "a = 1"),
    (Postgres, "a = '{x,y}'::public.tags[]", "a = '{}'"),
    (Postgres, "a < 'x'::timestamp with time zone and b", "a < 'y' and b"),
    (Postgres, "a = any(array[1, 2, 3])", "a = any(array[4])"),
    (BigQuery, "d in (DATE '2024-01-01', DATE '2024-01-02')", "d in ('2024-01-03')"),
    (BigQuery, "d in (date('2024-01-01'), parse_date('%F', 'x'))", "d in (date('2024-01-03'))"),
    (BigQuery, "d >= date '2024-01-01'", "d >= date '2025-01-01'"),
    (BigQuery, "d >= cast('2024-01-01' as date)", "d >= safe_cast('x' as date)"),
    (BigQuery, "a in unnest([1, 2])", "a in unnest([3])"),
    (Generic, "(a, b) in ((1, 2), (3, 4))", "(a, b) in ((5, 6))"),
    (Generic, "insert into t values (1, 'a'), (2, 'b')", "insert into t values (1, 'a')"),
    (Generic, "insert into t values (1, now(), null), (2, now(), -3)", "insert into t values (1, 2)"),
    (Generic, "insert into t values (1, f(a)), (2, f(a))", "insert into t values (3, f(a))"),
    (Generic, "a in (1, 2", "a in (3"),
    (Generic, "a = 0xFF", "a = 12"),
    (Generic, "a = 1.5e-3", "a = .5"),
    (Postgres, "a = 1_000", "a = 1000"),
    (MySql, "a = 1_000", "a = 1000"),
    (Oracle, "a = 1_000", "a = 7"),
    (MySql, "a = 0b11", "a = 3"),
    (Spark, "a = 10L", "a = 2.5BD"),
    (Postgres, "a = E'it\\'s'", "a = 'x'"),
    (Postgres, "a = $tag$ it's $tag$", "a = $$x$$"),
    (Oracle, "a = q'[it's]'", "a = 'x'"),
    (MsSql, "a = N'x'", "a = 'y'"),
    (MySql, "a = _utf8'x'", "a = 'y'"),
    (MySql, "a = \"x\"", "a = 'y'"),
    (BigQuery, "a = r'\\d' or b = b'x'", "a = '''it's''' or b = \"\"\"y\"\"\""),
    (Postgres, "a = 'x' 'y'", "a = 'z'"),
    (Generic, "a = :p", "a = 1"),
    (Generic, "a in (:p, :q)", "a in (1)"),
    (Oracle, "a = :1", "a = 'x'"),
    (Postgres, "a = %s and b = %(name)s", "a = 1 and b = 2"),
    (Postgres, "a in (%s, %s)", "a in ($1, $2, $3)"),
    (Generic, "a in (?, ?)", "a in (1)"),
    (Generic, "a = ?", "a = 'x'"),
    (MsSql, "a = @p", "a = 1"),
    (MySql, "a = @p", "a = 1"),
    (BigQuery, "a in (@p, @q)", "a in (1)"),
    (Sqlite, "a = @p", "a = 1"),
    (Generic, "a = {{ day }}", "a = '2024-01-01'"),
    (Hive, "a = ${hiveconf:day}", "a = 1"),
    (ClickHouse, "a = {day:Array(UInt32)}", "a = 1"),
    (Postgres, "select 'never closed, insert", "select 'x'"),
    (Postgres, "select 1 /* never closed", "select 1"),
    (Postgres, "a = \"Smith, John\"", "a = 'x'"),
    (Postgres, "insert into t values (\"x\")", "insert into t values ('x')"),
    (Generic, "a = \"x\"", "a = 'x'"),
    (Generic, "a like 'x' escape '\\' and b = 1", "a like 'x' escape '!' and b = 2"),
];

/// Pairs of two shapes.
const DIFFERENT: &[(Dialect, &str, &str)] = &[
    (Postgres, "select \"A\" from t", "select \"a\" from t"),
    (Generic, "select a from t", "select b from t"),
    (Generic, "select 1, 2", "select 1"),
    (Generic, "select f(3, 4)", "select f(3)"),
    (Generic, "select lower('x')", "select upper('x')"),
    (Generic, "a is null", "a is true"),
    (Generic, "a in (1, b)", "a in (1)"),
    (Generic, "a in (b)", "a in (1)"),
    (Generic, "a in (select 1)", "a in (1)"),
    (Generic, "a in (select 1, 2)", "a in (select 1)"),
    (Generic, "a - 1", "a + 1"),
    (Generic, "a - 1", "a 1"),
    (Generic, "insert into t values (1, a)", "insert into t values (1)"),
    (Generic, "insert into t values (f(a)), (f(b))", "insert into t values (f(a))"),
    (Postgres, "a::text", "a::date"),
    (Generic, "a % s", "a % t"),
    (Snowflake, "select a:b from t", "select a:c from t"),
    (Postgres, "a ? 'x'", "a = 'x'"),
    (DuckDb, "select {'a': b}", "select {'a': c}"),
    (MsSql, "select a from @t", "select a from @u"),
    (Postgres, "t.\"My Col\" = 1", "t.\"Your Col\" = 1"),
    (Postgres, "a = \"b\"", "a = \"c\""),
    (BigQuery, "select a from `p-1.d.t`", "select a from `p-1.d.u`"),
    (MySql, "select /*!40001 sql_no_cache */ a", "select a"),
    (Generic, "update t set a = 1", "update t set b = 1"),
];

#[test]
fn pairs_are_told_apart_exactly_where_they_differ() {
    for (pairs, same) in [(SAME, true), (DIFFERENT, false)] {
        for (dialect, left, right) in pairs {
            let (one, two) = (fingerprint(left, *dialect), fingerprint(right, *dialect));
            assert_eq!(one.shape == two.shape, same, "{dialect}: {}\n{}", one.shape, two.shape);
            assert_eq!(one.hash == two.hash, same);
        }
    }
}

#[test]
fn shapes_are_text_that_can_be_read() {
    let shape = |text| fingerprint(text, Generic).shape;
    assert_eq!(shape("SELECT a FROM t WHERE b='x' AND c IN (1, 2)"), "select a from t where b = ? and c in ( ? )");
    assert_eq!(shape("INSERT INTO t VALUES (1, 'a'), (2, 'b')"), "insert into t values ( ? )");
    assert_eq!(shape("SELECT 1, 2, f(3, 4)"), "select ? , ? , f ( ? , ? )");
}

#[test]
fn comments_come_back_in_order() {
    let text = "/* app: x */ select 1 -- one\n, 2 /* open";
    let comments: Vec<&str> = fingerprint(text, Postgres).comments.iter().map(|span| span.of(text)).collect();
    assert_eq!(comments, ["/* app: x */", "-- one", "/* open"]);
    let hint = "select /*!40001 a */ # b";
    let comments: Vec<&str> = fingerprint(hint, MySql).comments.iter().map(|span| span.of(hint)).collect();
    assert_eq!(comments, ["# b"]);
}

/// Every way to write a literal or a comment with `secret` (letters and digits) in it, closed and not.
fn disguises(secret: &str, dialect: Dialect) -> Vec<String> {
    let is = |dialects: &[Dialect]| dialects.contains(&dialect);
    let spark = is(&[Spark, Dialect::Databricks]);
    let unknown = dialect == Generic;
    let texts_in_double_quotes = is(&[BigQuery, MySql, Hive]) || spark || unknown;
    let backslash = is(&[Snowflake, ClickHouse, Dialect::Redshift]) || texts_in_double_quotes;
    let nested_comments = is(&[Postgres, Dialect::Redshift, MsSql, DuckDb, ClickHouse, Dialect::Ansi]) || spark || unknown;
    let dollar = !is(&[BigQuery, MsSql, MySql, Sqlite, Dialect::Teradata, Oracle, Hive]);
    let escaped = is(&[Postgres, Dialect::Redshift, DuckDb]) || unknown;
    let triple = is(&[BigQuery]) || unknown;
    let everywhere: &[&str] =
        &["'§'", "'it §; -- '", "N'§'", "X'§'", "b'§'", "\"§ @\"", "\"§\n\"", "/* § */1", "-- §\n1", "{{ § }}"];
    let only: [(bool, &[&str]); 13] = [
        (!is(&[BigQuery]), &["'it''s §'"]),
        (backslash, &["'it\\'s §'", "'§\\''"]),
        (texts_in_double_quotes || is(&[Sqlite]), &["\"§\"", "\"'§\""]),
        (texts_in_double_quotes, &["\"it\\\"s §\""]),
        (triple, &["'''it's §'''", "\"\"\"a \" §\"\"\"", "r'''\\ §'''"]),
        (triple || spark, &["r'§'", "R'\\d §'"]),
        (escaped, &["E'it\\'s §'"]),
        (dollar, &["$$ it's § $$", "$tag$ $$ '§ $tag$"]),
        (is(&[Oracle]) || unknown, &["q'[it's §]'", "nq'!it's §!'"]),
        (is(&[MySql]), &["_utf8'§'"]),
        (is(&[BigQuery, MySql]) || unknown, &["# §\n1", "2 # §\n"]),
        (is(&[Snowflake]) || unknown, &["// §\n1", "2 // §\n"]),
        (nested_comments, &["/* a /* b */ § */1"]),
    ];
    let of_dialect = only.into_iter().filter(|(holds, _)| *holds).flat_map(|(_, syntaxes)| syntaxes);
    let closed = everywhere.iter().chain(of_dialect).map(|syntax| syntax.replace('§', secret));
    closed.flat_map(|text| [cut_after(&text, secret), text]).collect()
}

/// `text` up to the end of `secret`: a literal or comment that is never closed.
fn cut_after(text: &str, secret: &str) -> String {
    text.split_inclusive(secret).next().unwrap_or(text).to_owned()
}

const PLACES: [&str; 9] = [
    "select a from t where b = § and c = 1",
    "select a from t where b in (1, §, 'x')",
    "select a from t where (a, b) in ((1, §), (2, 3))",
    "insert into t values (1, §), (2, 'y')",
    "insert into t (a) values (lower(§))",
    "update t set a = § where b > -1",
    "select case when a = § then § else 'n' end from t",
    "select a from t where b like § and c between § and 'z'",
    "with x as (select a from t where b <> §) select * from x where f(a) = §::text limit 5",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_literal_and_no_comment_is_in_a_shape(
        at in 0..Dialect::ALL.len(),
        letters in "[a-z]{3}[0-9]{3}[a-z]{3}",
        digits in "[1-9][0-9]{11}",
    ) {
        let dialect = Dialect::ALL[at];
        for disguise in disguises(&letters, dialect) {
            for place in PLACES {
                // What is never closed may be closed by the next one: only the first place holds it.
                let text = place.replacen('§', &disguise, 1).replace('§', "0");
                let found = fingerprint(&text, dialect);
                prop_assert!(!found.shape.contains(&letters), "{dialect}: {text}\n{}", found.shape);
            }
        }
        let numbers = [digits.clone(), format!("-{digits}.5"), format!("1.{digits}e-3"), format!(".{digits}"),
            format!("0x{digits}"), format!("1_{digits}"), format!("{digits}e5")];
        for number in numbers {
            for place in PLACES {
                let text = place.replace('§', &number);
                let found = fingerprint(&text, dialect);
                prop_assert!(!found.shape.contains(&digits), "{dialect}: {text}\n{}", found.shape);
            }
        }
    }

    #[test]
    fn any_text_has_a_shape(text in "[ -~\n]{0,60}", at in 0..Dialect::ALL.len()) {
        let found = fingerprint(&text, Dialect::ALL[at]);
        prop_assert!(found.comments.iter().all(|span| span.start < span.end && span.end as usize <= text.len()));
    }

    #[test]
    fn any_tokens_have_a_shape(
        tokens in prop::collection::vec(prop::sample::select(&[
            "(", ")", "[", "]", ",", ";", ".", "::", ":", "?", "%", "%s", "@p", "-", "1", "'x'", "\"y\"", "$$", "{{", "}}", "${",
            "in", "values", "cast", "as", "date", "select", "with", "time", "zone", "a", "é", "/*", "*/", "--", "\n", "#", "'",
        ][..]), 0..40),
        at in 0..Dialect::ALL.len(),
    ) {
        fingerprint(&tokens.join(" "), Dialect::ALL[at]);
        fingerprint(&tokens.concat(), Dialect::ALL[at]);
    }
}

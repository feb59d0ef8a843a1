//! Metrics of one name: which calculate the same, and in what the others differ, in true sentences.

use std::sync::Arc;

use wellspring::{
    insight::conflicts::{Calculation, Facet, Form, Group, Standing, Verdict, find_groups, name_key},
    model::{Computation, Dialect},
    sql::{NoLookups, Options, Script},
};

fn computation(sql: &str) -> Computation {
    let options = Options { dialect: Dialect::BigQuery, ..Options::default() };
    Script::parse(sql, &options).computation(None, "m", &NoLookups).unwrap_or_else(|| panic!("no normal form: {sql}"))
}

fn calculation(name: &str, sql: &str) -> Calculation {
    Calculation {
        keys: vec![name_key(name)],
        form: Some(Arc::new(Form::new(Arc::new(computation(sql))))),
        ..Calculation::default()
    }
}

/// Facets and sentences of the second text against the first.
fn differences(first: &str, second: &str) -> (Verdict, Vec<(Facet, String)>) {
    let groups = find_groups(&[calculation("m", first), calculation("m", second)]);
    let [group] = groups.as_slice() else { panic!("one group, not {groups:?}") };
    let Some(class) = group.classes.get(1) else { return (group.verdict, Vec::new()) };
    (group.verdict, class.differences.iter().map(|said| (said.facet, said.sentence.clone())).collect())
}

/// The only sentence, with its facet.
fn only(first: &str, second: &str) -> (Facet, String) {
    let (verdict, mut said) = differences(first, second);
    assert_eq!((verdict, said.len()), (Verdict::Different, 1), "{said:?}");
    said.remove(0)
}

#[test]
fn a_difference_is_said_as_what_it_is() {
    for (first, second, facet, sentence) in [
        (
            "select count(distinct account_id) m from accounts",
            "select count(distinct account_id) m from accounts where plan = 'paid'",
            Facet::Filter,
            "keeps only rows where `plan = 'paid'`; the other does not ask for that",
        ),
        (
            "select count(distinct account_id) m from accounts where plan = 'paid'",
            "select count(distinct account_id) m from accounts",
            Facet::Filter,
            "takes rows that the other leaves out: the other keeps those where `plan = 'paid'`",
        ),
        (
            "select sum(amount) m from sales where status = 'paid'",
            "select sum(amount) m from sales where status = 'sent'",
            Facet::Filter,
            "keeps only rows where `status = 'sent'`, where the other keeps those where `status = 'paid'`",
        ),
        (
            "select countif(active) m from clients",
            "select countif(active and not is_bot) m from clients",
            Facet::Filter,
            "counts rows, only of rows where `not(is_bot)`; the other does not ask for that",
        ),
        (
            "select sum(dau) m from days",
            "select avg(dau) m from days",
            Facet::Aggregate,
            "averages `dau`, where the other sums `dau`",
        ),
        (
            "select count(client_id) m from pings",
            "select count(distinct client_id) m from pings",
            Facet::Aggregate,
            "counts distinct `client_id`, where the other counts rows that have `client_id`",
        ),
        (
            "select safe_divide(countif(gone), count(*)) m from accounts",
            "select safe_divide(countif(gone), count(distinct account_id)) m from accounts",
            Facet::Denominator,
            "divides by `count(distinct account_id)`, where the other divides by `count(*)`",
        ),
        (
            "select sum(clicks) / sum(views) m from ads",
            "select sum(orders) / sum(views) m from ads",
            Facet::Numerator,
            "divides `sum(orders)`, where the other divides `sum(clicks)`",
        ),
        (
            "select count(distinct id) m from pings where day > date_sub(@d, interval 28 day)",
            "select count(distinct id) m from pings where day > date_sub(@d, interval 7 day)",
            Facet::Window,
            "keeps only rows where `date_sub(@d, interval(7, day)) < day`, where the other keeps those where `date_sub(@d, interval(28, day)) < day`",
        ),
        (
            "select date_trunc(day, month) as month, count(distinct id) m from pings group by 1",
            "select day, count(distinct id) m from pings group by day",
            Facet::Grain,
            "has one value per day, where the other has one per month",
        ),
    ] {
        let (found_facet, found) = only(first, second);
        assert_eq!((found_facet, found.as_str()), (facet, sentence), "\n{first}\n{second}");
    }
}

#[test]
fn what_only_looks_different_is_no_conflict() {
    for (first, second) in [
        ("select sum(amount) m from sales s", "with x as (select amount v from sales) select sum(v) as m from x"),
        ("select sum(a) m from t where day = @day group by country", "select sum(a) m from t where date = @date group by device"),
        ("select countif(x) m from t", "select sum(case when x then 1 else 0 end) m from t"),
        ("select count(distinct id) m from desktop.pings", "select count(distinct id) m from phone.pings"),
        (
            "select day, count(distinct id) m from p group by day",
            "select day, extract(year from day) y, count(distinct id) m from p group by 1, 2",
        ),
        ("select sum(a) / sum(b) m from ads where x = 1", "select sum(a) / sum(b) m from other.adverts where x = 1"),
        ("select sum(a) * 100 / 100 m from t", "select sum(a) * 1 m from t"),
        ("select sum(a) m from t", "select coalesce(sum(ifnull(a, 0)), 0) m from t"),
        ("select sum(a) m from t", "select sum(case when a is not null then cast(a as int64) else 0 end) m from t"),
        (
            "select count(distinct id) m from t where day >= '2024-01-01'",
            "select count(distinct id) m from t where day >= '2025-06-01' and day <= '2025-07-01'",
        ),
        ("select countif(a = 1 and b) m from t where b", "select countif(a = 1 and b) m from t"),
    ] {
        let (verdict, said) = differences(first, second);
        assert!(matches!(verdict, Verdict::Identical | Verdict::OtherData), "{verdict:?} {said:?}\n{first}\n{second}");
    }
}

#[test]
fn a_condition_on_another_table_of_the_same_shape_is_no_difference_of_its_own() {
    let (verdict, said) = differences(
        "select countif(p.kind = 'a') / count(*) m from desktop.pings p where p.valid",
        "select countif(p.kind = 'b') / count(*) m from phone.pings p where p.valid",
    );
    assert_eq!(verdict, Verdict::Different);
    let facets: Vec<Facet> = said.iter().map(|(facet, _)| *facet).collect();
    assert_eq!(facets, [Facet::Filter, Facet::Source], "{said:?}");
    assert_eq!(said[1].1, "reads `phone.pings`, where the other reads `desktop.pings`");
}

fn group<'g>(groups: &'g [Group], key: &str) -> &'g Group {
    groups.iter().find(|group| group.key == key).unwrap_or_else(|| panic!("{key} is no group"))
}

#[test]
fn generic_names_over_data_that_has_nothing_in_common_are_unrelated() {
    let orders = Calculation { roots: vec![1], ..calculation("count", "select count(*) m from orders") };
    let visits = Calculation { roots: vec![2], ..calculation("count", "select count(distinct id) m from visits") };
    let paid = Calculation { roots: vec![1], ..calculation("count", "select count(*) m from orders where paid") };
    assert_eq!(group(&find_groups(&[orders.clone(), visits.clone()]), "count").verdict, Verdict::Unrelated);
    assert_eq!(group(&find_groups(&[orders.clone(), visits.clone(), paid]), "count").verdict, Verdict::Different);
    let named = |one: &Calculation| Calculation { keys: vec!["retained".to_owned()], ..one.clone() };
    assert_eq!(group(&find_groups(&[named(&orders), named(&visits)]), "retained").verdict, Verdict::Different);
}

#[test]
fn a_column_that_adds_up_another_is_no_calculation_of_its_own() {
    let fine = calculation("dau", "select day, country, count(distinct id) m from pings group by day, country");
    let coarse = Calculation { takes_up: vec![0], ..calculation("dau", "select day, sum(dau) m from by_country group by day") };
    assert_eq!(find_groups(&[fine.clone(), coarse.clone()]), []);
    let average =
        Calculation { takes_up: vec![0], ..calculation("dau", "select month, avg(dau) m from by_country group by month") };
    assert_eq!(group(&find_groups(&[fine.clone(), average]), "dau").verdict, Verdict::Different);
    // One that leaves rows out is.
    let part = Calculation {
        takes_up: vec![0],
        ..calculation("dau", "select day, sum(dau) m from by_country where country = 'SE' group by day")
    };
    assert_eq!(group(&find_groups(&[fine, part]), "dau").verdict, Verdict::Different);
}

#[test]
fn one_calculation_under_several_names_is_found_where_a_metric_is_declared() {
    let sql = "select count(distinct if(isp != 'test', id, null)) m from pings";
    let declared = Standing { declared: true, ..Standing::default() };
    let one = Calculation { standing: declared.clone(), ..calculation("daily_active_users", sql) };
    let other = calculation("client_level_dau", sql);
    let groups = find_groups(&[one.clone(), other.clone()]);
    assert_eq!((groups.len(), group(&groups, "daily_active_users").verdict), (1, Verdict::Renamed));
    assert_eq!(find_groups(&[Calculation { standing: Standing::default(), ..one }, other]), [], "columns alone are none");
    let rows = |name: &str| Calculation { standing: declared.clone(), ..calculation(name, "select count(*) m from pings") };
    assert_eq!(find_groups(&[rows("pings"), rows("events")]), [], "counting rows has any name");
}

#[test]
fn labels_and_names_make_one_group_and_subsets_none() {
    let mut one = calculation("active_users", "select count(distinct id) m from a");
    one.keys.push("dau".to_owned());
    let mut other = calculation("dau_total", "select sum(n) m from b");
    other.keys.push("dau".to_owned());
    let groups = find_groups(&[one, other]);
    assert_eq!((groups.len(), groups[0].key.as_str()), (1, "dau"));
}

#[test]
fn a_day_from_which_a_table_is_read_makes_no_calculation_of_its_own() {
    let fine = calculation("opened", "select day, countif(event = 'opened') m from events group by day");
    let coarse = Calculation {
        takes_up: vec![0],
        ..calculation("opened", "select day, sum(opened) m from daily where day >= '2021-01-01' group by day")
    };
    assert_eq!(find_groups(&[fine, coarse]), []);
}

#[test]
fn what_is_only_put_together_otherwise_is_not_called_different() {
    let one = "select sum(a.x) / sum(b.y) m from web.a left join web.b on a.id = b.id";
    let other = "select sum(a.x) / sum(b.y) m from app.a left join app.b on a.id = b.id and a.kind = b.kind";
    let (verdict, said) = differences(one, other);
    assert_eq!(verdict, Verdict::NotCompared, "{said:?}");
}

#[test]
fn what_another_adds_up_is_compared_in_its_place() {
    let desktop = calculation("clicks", "select day, countif(event = 'click') m from desktop.events group by day");
    let phone = calculation("clicks", "select day, countif(event = 'click') m from phone.events group by day");
    let shown = Calculation {
        takes_up: vec![1],
        standing: Standing { declared: true, ..Standing::default() },
        ..calculation("clicks", "select sum(clicks) m from phone.clicks_daily")
    };
    let groups = find_groups(&[desktop.clone(), phone, shown.clone()]);
    assert_eq!(group(&groups, "clicks").verdict, Verdict::RollsUp, "{groups:?}");
    let taps = calculation("clicks", "select day, countif(event = 'tap') m from phone.events group by day");
    let groups = find_groups(&[desktop, taps, shown]);
    let said = |group: &Group| {
        group.classes.iter().flat_map(|class| &class.differences).map(|said| said.sentence.clone()).collect::<Vec<_>>()
    };
    let found = said(group(&groups, "clicks"));
    assert!(found.iter().any(|sentence| sentence.contains("what the other adds up does so where `event = 'tap'`")), "{found:?}");
}

#[test]
fn days_that_are_written_out_are_told_beside_what_differs_and_are_no_difference_themselves() {
    let (verdict, said) = differences(
        "select count(distinct id) m from t where plan = 'paid' and day >= '2024-01-01'",
        "select count(distinct id) m from t where plan = 'free' and day >= '2025-01-01'",
    );
    assert_eq!(verdict, Verdict::Different);
    let days = "is of days where `day >= '2025-01-01'`, where the other is of those where `day >= '2024-01-01'`";
    assert_eq!(said[1], (Facet::Span, days.to_owned()), "{said:?}");
}

#[test]
fn a_value_out_of_a_subquery_is_what_is_computed_there() {
    let one = "select countif(a) m from web.t";
    let other = "with x as (select id, countif(a) n from app.t group by id), y as (select id from app.u) \
                 select n as m from y left join x on x.id = y.id";
    let (verdict, said) = differences(one, other);
    assert_eq!(verdict, Verdict::NotCompared, "{said:?}");
    let (verdict, said) = differences("select count(distinct a) m from web.t", other);
    assert_eq!(verdict, Verdict::Different);
    assert!(said.iter().any(|(_, sentence)| sentence == "counts rows, where the other counts distinct `a`"), "{said:?}");
    assert!(said.iter().all(|(facet, _)| *facet != Facet::Grain), "what only takes a value over says nothing of its grain");
}

#[test]
fn a_sum_of_what_is_made_elsewhere_may_meet_the_conditions_already() {
    let phones = "select sum(dau) m from metrics.users where app = 'phone'";
    let (verdict, said) = differences(phones, "select sum(dau) m from looker.phone_users");
    assert_eq!(verdict, Verdict::NotCompared, "{said:?}");
    let (verdict, said) = differences(phones, "select sum(users) m from looker.phone_users");
    assert_eq!(verdict, Verdict::Different);
    assert!(said.iter().all(|(facet, _)| *facet != Facet::Filter), "{said:?}");
    let (verdict, _) = differences(phones, "select sum(dau) m from metrics.users");
    assert_eq!(verdict, Verdict::Different, "of one table the condition is missing");
}

#[test]
fn dividing_by_nought_or_by_nothing_is_no_difference_of_formulas() {
    let (verdict, said) = differences(
        "select sum(a) / sum(b) m from web.t where x",
        "select safe_divide(coalesce(sum(a), 0), sum(ifnull(b, 0))) m from app.t where x",
    );
    assert_eq!(verdict, Verdict::OtherData, "{said:?}");
}

#[test]
fn conditions_that_only_days_tell_apart_are_of_days() {
    let sql = |day: &str| format!("select count(*) m from t where id not in (select id from gone where day >= '{day}')");
    let (verdict, said) = differences(&sql("2024-01-01"), &sql("2025-01-01"));
    assert_eq!(verdict, Verdict::OtherData, "{said:?}");
}

#[test]
fn a_factor_is_told_as_a_scale() {
    let (facet, sentence) = only("select sum(a) m from t", "select 100 * sum(a) m from t");
    assert_eq!((facet, sentence.as_str()), (Facet::Formula, "multiplies by 100, where the other does not"));
    let (_, sentence) = only("select round(100.0 * sum(a), 2) m from t", "select sum(a) m from t");
    assert_eq!(sentence, "does not multiply by 100, as the other does");
}

#[test]
fn dividing_by_a_number_only_converts_a_unit() {
    let (facet, sentence) = only("select sum(seconds) m from t", "select sum(seconds) / 3600.0 m from t");
    assert_eq!((facet, sentence.as_str()), (Facet::Formula, "divides by `3600.0`, where the other does not divide"));
}

#[test]
fn conditions_that_both_have_are_not_denied() {
    let (_, sentence) = only(
        "select count(distinct case when bounced and kind = 'view' then id end) m from t",
        "select count(distinct case when bounced then id end) m from t",
    );
    let expected = "counts distinct `id`, of rows too that the other leaves out: it does so only where `kind = 'view'`";
    assert_eq!(sentence, expected);
}

#[test]
fn tables_of_the_most_alike_names_take_the_same_part() {
    let (verdict, said) = differences(
        "select count(distinct s.client_id) m from web.last_seen s, web.deletion d where s.client_id = d.client_id and s.plan = 'a'",
        "select count(distinct s.client_id) m from app.last_seen_joined s, app.deletions d where s.client_id = d.client_id and s.plan = 'b'",
    );
    assert_eq!(verdict, Verdict::Different);
    assert_eq!(said.iter().map(|(facet, _)| *facet).collect::<Vec<_>>(), [Facet::Filter, Facet::Source], "{said:?}");
}

#[test]
fn nothing_is_claimed_of_what_has_no_normal_form() {
    let unknown = Calculation { keys: vec!["m".to_owned()], ..Calculation::default() };
    let groups = find_groups(&[calculation("m", "select sum(a) m from t"), unknown]);
    assert_eq!((groups[0].verdict, groups[0].classes[1].differences.len()), (Verdict::NotCompared, 0));
}

#[test]
fn unions_of_tables_that_take_the_same_part_are_compared_branch_by_branch() {
    let sql = |folder: &str, desktop: &str| {
        format!(
            "select count(distinct id) m from (select id, day from {folder}.{desktop} where v < 148 \
             union all select id, day from {folder}.fenix_by_client where v < 148)"
        )
    };
    let (verdict, said) = differences(&sql("amo", "desktop_by_client"), &sql("addons", "firefox_desktop_by_client"));
    assert_eq!(verdict, Verdict::OtherData, "{said:?}");
}

#[test]
fn a_condition_of_the_rows_and_of_every_aggregate_is_one() {
    let everywhere = "select coalesce(countif(kind = 'vpn' and name = 'started'), 0) m from events";
    let (verdict, said) = differences(everywhere, "select countif(name = 'started') m from events where kind = 'vpn'");
    assert_eq!((verdict, said), (Verdict::OtherData, Vec::new()), "nought in place of no rows is all that differs");
    let ratio = "select countif(kind = 'vpn' and name = 'started') / countif(kind = 'vpn') m from events";
    let (verdict, said) = differences(ratio, "select countif(name = 'started') / count(*) m from events where kind = 'vpn'");
    assert_eq!((verdict, said), (Verdict::Identical, Vec::new()));
    let by_day = |sql: &str| {
        differences(&format!("{sql} group by day"), "select count(*) m from events where kind = 'vpn' group by day").0
    };
    assert_eq!(by_day("select countif(kind = 'vpn') m from events"), Verdict::Different, "days without any are told apart");
}

//! What searching finds, in which order and why; and that an exact name always comes first.

use std::sync::Arc;

use proptest::prelude::*;
use wellspring::{
    model::{AssetId, AssetKind, RunNumber},
    search::{
        Facet, FacetFilter, SearchAnswer, SearchColumn, SearchDocument, SearchError, SearchIndex, SearchQuery, SearchView,
        Synonyms, Why,
    },
};

fn document(id: u32, name: &str) -> SearchDocument {
    SearchDocument {
        asset: AssetId(id),
        namespace: "bigquery".to_owned(),
        name: name.to_owned(),
        kind: AssetKind::Table,
        aliases: Vec::new(),
        friendly_name: None,
        synonyms: Vec::new(),
        description: String::new(),
        owners: Vec::new(),
        tags: Vec::new(),
        sources: vec!["repo".to_owned()],
        columns: Vec::new(),
        environment: None,
        deprecated: false,
        replacement: None,
        usage: 0,
        certified: false,
        changed_at: None,
    }
}

fn columns(paths: &[&str]) -> Vec<SearchColumn> {
    paths.iter().map(|path| SearchColumn { path: (*path).to_owned(), description: String::new() }).collect()
}

/// A small streaming company.
fn company() -> Vec<SearchDocument> {
    vec![
        SearchDocument {
            description: "One row per country and month: subscribers at start, cancellations, churn rate.".to_owned(),
            owners: vec!["growth-analytics".to_owned()],
            columns: columns(&["country", "churn_rate", "items", "items.sku"]),
            usage: 38,
            certified: true,
            tags: vec!["finance".to_owned()],
            ..document(1, "acme.marts.subscription_churn_monthly")
        },
        SearchDocument {
            description: "Account-level cancellations for the board pack.".to_owned(),
            owners: vec!["finance-data".to_owned()],
            usage: 6,
            sources: vec!["finance".to_owned()],
            ..document(2, "acme.finance.account_churn")
        },
        SearchDocument {
            deprecated: true,
            replacement: Some("acme.marts.subscription_churn_monthly".to_owned()),
            usage: 900,
            ..document(3, "acme.legacy.churn_daily_v1")
        },
        SearchDocument { columns: columns(&["user_id", "churn"]), usage: 5_000, ..document(4, "acme.raw.billing_events") },
        SearchDocument { description: "Counts who churned.".to_owned(), ..document(5, "acme.raw.notes") },
        SearchDocument { kind: AssetKind::View, ..document(6, "acme.telemetry.ActiveUsers") },
        SearchDocument {
            friendly_name: Some("Retention after four weeks".to_owned()),
            synonyms: vec!["stickiness".to_owned()],
            ..document(7, "acme.marts.ret_4w")
        },
    ]
}

fn index(documents: &[SearchDocument]) -> (tempfile::TempDir, SearchView) {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    let mut writer = index.writer().unwrap();
    for document in documents {
        writer.put(document).unwrap();
    }
    writer.commit(RunNumber(4)).unwrap();
    let view = index.view().unwrap();
    (folder, view)
}

fn names(answer: &SearchAnswer) -> Vec<String> {
    let show = |hit: &wellspring::search::SearchHit| match &hit.found.column {
        Some(column) => format!("{}#{column}", hit.found.name),
        None => hit.found.name.clone(),
    };
    answer.hits.iter().map(show).collect()
}

fn search(view: &SearchView, text: &str) -> Vec<String> {
    names(&view.search(&SearchQuery::new(text)).unwrap())
}

#[test]
fn stages_rank_names_before_columns_before_descriptions_and_deprecated_sinks() {
    let (_folder, view) = index(&company());
    assert_eq!(
        search(&view, "churn"),
        [
            "acme.marts.subscription_churn_monthly",
            "acme.finance.account_churn",
            "acme.raw.billing_events#churn",
            "acme.marts.subscription_churn_monthly#churn_rate",
            "acme.legacy.churn_daily_v1",
            "acme.raw.billing_events",
            "acme.raw.notes",
        ]
    );
}

#[test]
fn usage_never_lifts_over_a_stage() {
    let (_folder, view) = index(&[
        document(1, "p.d.churn_rate"),
        SearchDocument {
            description: "About churn.".to_owned(),
            usage: u32::MAX,
            certified: true,
            owners: vec!["a".to_owned()],
            ..document(2, "p.d.popular")
        },
    ]);
    assert_eq!(search(&view, "churn"), ["p.d.churn_rate", "p.d.popular"]);
}

#[test]
fn every_spelling_of_a_whole_name_puts_it_first() {
    let (_folder, view) = index(&company());
    for text in [
        "acme.marts.subscription_churn_monthly",
        "`acme.marts.subscription_churn_monthly`",
        "`acme`.`marts`.`subscription_churn_monthly`",
        "\"acme\".\"marts\".\"subscription_churn_monthly\"",
        "acme:marts.subscription_churn_monthly",
        "[acme:marts.subscription_churn_monthly]",
        "ACME.Marts.Subscription_Churn_Monthly",
        "  acme.marts.subscription_churn_monthly ; ",
        "marts.subscription_churn_monthly",
        "subscription_churn_monthly",
    ] {
        let answer = view.search(&SearchQuery::new(text)).unwrap();
        assert_eq!(answer.hits[0].found.name, "acme.marts.subscription_churn_monthly", "{text}");
        assert!(matches!(answer.hits[0].why[0], Why::ExactName | Why::ExactLastParts), "{text}: {:?}", answer.hits[0].why);
    }
}

#[test]
fn words_are_found_in_parts_of_names_and_in_other_forms() {
    let (_folder, view) = index(&company());
    assert_eq!(search(&view, "active user"), ["acme.telemetry.ActiveUsers"], "camel case, plural");
    assert_eq!(search(&view, "activeusers"), ["acme.telemetry.ActiveUsers"], "written together");
    assert_eq!(search(&view, "cancellation board"), ["acme.finance.account_churn"], "stemmed description");
    assert_eq!(search(&view, "boa"), ["acme.finance.account_churn"], "the beginning of a word of the description");
    assert_eq!(search(&view, "stickiness"), ["acme.marts.ret_4w"], "synonym");
    assert_eq!(search(&view, "retention week"), ["acme.marts.ret_4w"], "friendly name");
    assert_eq!(search(&view, "subscr"), search(&view, "subscription "), "beginning of the last word");
    let found = search(&view, "billing user_id");
    assert_eq!(found, ["acme.raw.billing_events", "acme.raw.billing_events#user_id"], "a column with a word of its asset");
    assert_eq!(search(&view, "billing_events.user_id")[0], "acme.raw.billing_events#user_id");
    assert_eq!(search(&view, "where are the billing events"), ["acme.raw.billing_events"]);
}

#[test]
fn operators_narrow() {
    let (_folder, view) = index(&company());
    let assets = |text: &str| -> Vec<String> { search(&view, text).into_iter().filter(|name| !name.contains('#')).collect() };
    assert_eq!(assets("churn -daily -monthly -counts kind:table"), ["acme.finance.account_churn", "acme.raw.billing_events"]);
    assert_eq!(assets("churn owner:growth-analytics"), ["acme.marts.subscription_churn_monthly"]);
    assert_eq!(assets("churn owner:Finance"), ["acme.finance.account_churn"], "a part of the owner");
    assert_eq!(assets("deprecated:yes"), ["acme.legacy.churn_daily_v1"]);
    assert_eq!(assets("churn tag:finance"), ["acme.marts.subscription_churn_monthly"]);
    assert_eq!(assets("source:finance"), ["acme.finance.account_churn"]);
    assert_eq!(assets("column:user_id"), ["acme.raw.billing_events"]);
    assert_eq!(assets("column:sku"), ["acme.marts.subscription_churn_monthly"], "a nested field");
    assert_eq!(assets("\"board pack\""), ["acme.finance.account_churn"]);
    assert!(assets("\"pack board\"").is_empty(), "a phrase keeps its order");
    assert_eq!(assets("kind:views"), ["acme.telemetry.ActiveUsers"]);
    assert!(assets("kind:nonsense").is_empty());
}

#[test]
fn facets_count_what_other_filters_leave() {
    let (_folder, view) = index(&company());
    let mut query = SearchQuery::new("churn");
    let values = |answer: &SearchAnswer, facet: Facet| -> Vec<(String, u64)> {
        answer.facets.iter().find(|counts| counts.facet == facet).unwrap().values.clone()
    };
    let counts = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> { pairs.iter().map(|pair| (pair.0.to_owned(), pair.1)).collect() };
    let open = view.search(&query).unwrap();
    assert_eq!(open.total, 7);
    assert_eq!(values(&open, Facet::Kind), counts(&[("table", 5), ("column", 2)]));
    assert_eq!(values(&open, Facet::Deprecated), counts(&[("no", 6), ("yes", 1)]));
    assert_eq!(values(&open, Facet::Owner), counts(&[("", 4), ("growth-analytics", 2), ("finance-data", 1)]));

    query.filters = vec![FacetFilter { facet: Facet::Kind, value: "column".to_owned(), negated: false }];
    let columns = view.search(&query).unwrap();
    assert_eq!(columns.total, 2);
    assert_eq!(values(&columns, Facet::Kind), counts(&[("table", 5), ("column", 2)]), "its own filter does not narrow it");
    assert_eq!(values(&columns, Facet::Owner), counts(&[("", 1), ("growth-analytics", 1)]));

    query.filters[0].negated = true;
    assert_eq!(view.search(&query).unwrap().total, 5);
    query.filters.push(FacetFilter { facet: Facet::Owner, value: String::new(), negated: true });
    assert_eq!(view.search(&query).unwrap().total, 2, "only what has an owner");
}

#[test]
fn misspelt_words_are_forgiven_and_named() {
    let (_folder, view) = index(&company());
    let answer = view.search(&SearchQuery::new("subscritpion chrun")).unwrap();
    assert_eq!(answer.hits[0].found.name, "acme.marts.subscription_churn_monthly");
    assert_eq!(answer.did_you_mean[0], "subscription churn");
    assert!(!answer.relaxed);
    assert!(
        answer.hits[0].why.iter().any(|why| matches!(why, Why::Spelling(pairs) if pairs.len() == 2)),
        "{:?}",
        answer.hits[0].why
    );
    assert!(view.search(&SearchQuery::new("xyz")).unwrap().hits.is_empty(), "short words are not bent");
}

#[test]
fn one_wrong_word_relaxes_instead_of_finding_nothing() {
    let (_folder, view) = index(&company());
    let answer = view.search(&SearchQuery::new("churn qqqqqqqqqqqq")).unwrap();
    assert!(answer.relaxed);
    assert!(answer.hits[..2].iter().all(|hit| hit.found.name.contains("_churn")), "{:?}", names(&answer));
    assert!(!view.search(&SearchQuery::new("churn monthly")).unwrap().relaxed);
}

#[test]
fn hits_say_why_and_mark_what_matched() {
    let (_folder, view) = index(&company());
    let answer = view.search(&SearchQuery::new("churn cancellations")).unwrap();
    let hit = &answer.hits[0];
    let shown = hit.found.shown_name();
    let marked: Vec<&str> = hit.name_marks.iter().map(|(start, end)| &shown[*start..*end]).collect();
    assert_eq!(marked, ["churn"]);
    let marked: Vec<&str> = hit.summary_marks.iter().map(|(start, end)| &hit.found.summary[*start..*end]).collect();
    assert!(marked.contains(&"cancellations"), "{marked:?}");
    assert_eq!(hit.why[0], Why::NameHas(vec!["churn".to_owned()]));
    assert!(hit.why.contains(&Why::DescriptionHas(vec!["cancellations".to_owned()])), "{:?}", hit.why);
    let answer = view.search(&SearchQuery::new("user_id kind:table")).unwrap();
    assert_eq!(answer.hits[0].why[0], Why::Columns(vec!["user_id".to_owned()]));
    assert_eq!(answer.hits[0].why[0].words(), "column user_id");
}

#[test]
fn suggestions_complete_what_is_typed() {
    let (_folder, view) = index(&company());
    let hits = view.suggest("acc", 3).unwrap();
    assert_eq!(hits[0].found.name, "acme.finance.account_churn");
    let (start, end) = hits[0].name_marks[0];
    assert_eq!(&hits[0].found.name[start..end], "acc");
    assert!(view.suggest("  ", 3).unwrap().is_empty());
    assert!(view.suggest("churn", 2).unwrap().len() <= 2);
}

#[test]
fn a_view_stays_at_its_run_and_the_next_one_has_the_changes() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    assert_eq!(index.view().unwrap().run(), None);
    let mut writer = index.writer().unwrap();
    assert!(matches!(index.writer(), Err(SearchError::Locked { .. })));
    writer.put(&SearchDocument { columns: columns(&["a", "b"]), ..document(1, "p.one") }).unwrap();
    writer.put(&document(2, "p.two")).unwrap();
    writer.commit(RunNumber(1)).unwrap();
    let first = index.view().unwrap();

    writer.put(&document(1, "p.renamed")).unwrap();
    writer.remove(AssetId(2)).unwrap();
    writer.commit(RunNumber(2)).unwrap();
    drop(writer);
    let second = SearchIndex::open(folder.path()).unwrap().view().unwrap();

    assert_eq!((first.run(), second.run()), (Some(RunNumber(1)), Some(RunNumber(2))));
    assert_eq!(search(&first, "one")[0], "p.one");
    assert_eq!(search(&first, "p.two"), ["p.two"]);
    assert_eq!(search(&second, "renamed"), ["p.renamed"]);
    assert!(!search(&second, "p.two").contains(&"p.two".to_owned()));
    assert_eq!(second.size(), 1, "columns leave with their asset");
}

#[test]
fn many_small_commits_stay_one_small_index() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    for run in 1..=40u32 {
        let mut writer = index.writer().unwrap();
        writer.put(&document(1, &format!("p.churn_{run}"))).unwrap();
        writer.put(&document(1_000 + run, &format!("p.other_{run}"))).unwrap();
        writer.commit(RunNumber(run)).unwrap();
    }
    let view = SearchIndex::open(folder.path()).unwrap().view().unwrap();
    assert_eq!((view.run(), view.size()), (Some(RunNumber(40)), 41));
    assert_eq!(search(&view, "churn"), ["p.churn_40"]);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert!(files < 120, "{files} files are left");
}

#[test]
fn a_damaged_or_foreign_folder_is_told_and_an_index_can_be_recreated() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letters.txt"), "mine").unwrap();
    assert!(matches!(SearchIndex::recreate(folder.path()), Err(SearchError::Open { .. })), "not ours to delete");
    assert!(folder.path().join("letters.txt").exists());

    let folder = tempfile::tempdir().unwrap();
    drop(SearchIndex::open(folder.path()).unwrap());
    std::fs::write(folder.path().join("meta.json"), "{ broken").unwrap();
    assert!(SearchIndex::open(folder.path()).is_err());
    assert_eq!(SearchIndex::recreate(folder.path()).unwrap().view().unwrap().run(), None);
}

#[test]
fn any_text_is_answered() {
    let (_folder, view) = index(&company());
    let long = "x".repeat(10_000);
    for text in [
        "",
        " ",
        "\"",
        "\"\"",
        "-",
        "--",
        "-\"",
        ":",
        "owner:",
        "kind:",
        "column:",
        "-owner:",
        "((",
        "*",
        "🦀",
        "\u{202e}abc",
        "a:b:c",
        "\0",
        &long,
    ] {
        view.search(&SearchQuery::new(text)).unwrap();
        view.suggest(text, 5).unwrap();
    }
    let huge = SearchQuery { offset: usize::MAX, limit: usize::MAX, ..SearchQuery::new("churn") };
    assert!(view.search(&huge).unwrap().hits.is_empty());
}

fn arb_name() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "churn", "daily", "v1", "v2", "events", "owner", "kind", "Active", "users", "the", "is", "main", "a", "tag", "clients",
    ]);
    let joint = prop::sample::select(vec!["_", "-", "", "."]);
    let part = prop::collection::vec((word, joint), 1..4).prop_map(|words| {
        let text: String = words.into_iter().map(|(word, joint)| format!("{word}{joint}")).collect();
        text.trim_matches(['.', '-', '_']).to_owned()
    });
    prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn exact_name_is_always_first(
        names in prop::collection::btree_set(arb_name(), 2..60),
        seed in any::<u32>(),
    ) {
        let names: Vec<String> = names.into_iter().collect();
        let mut documents = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let noise = names[(at + seed as usize) % names.len()].clone();
            documents.push(SearchDocument {
                deprecated: (at as u32 ^ seed).is_multiple_of(3),
                usage: (at as u32).wrapping_mul(seed) % 10_000,
                description: noise.replace(['.', '_'], " "),
                friendly_name: Some(noise.clone()),
                columns: columns(&[&noise.replace('.', "_")]),
                ..document(at as u32, name)
            });
        }
        let (_folder, view) = index(&documents);
        for name in &names {
            let bigquery = name.replacen('.', ":", 1);
            let quoted: Vec<String> = name.split('.').map(|part| format!("`{part}`")).collect();
            for text in [name.clone(), format!("`{name}`"), format!("\"{name}\""), bigquery, quoted.join(".")] {
                let answer = view.search(&SearchQuery::new(&text)).unwrap();
                let first = answer.hits.first().map(|hit| (hit.found.name.as_str(), hit.found.column.is_none()));
                prop_assert_eq!(first, Some((name.as_str(), true)), "searching {}", text);
            }
        }
    }
}

#[test]
fn names_are_found_as_they_are_said_and_but_for_their_version() {
    let (_folder, view) = index(&[
        document(1, "p.static.country_codes_v1"),
        document(2, "p.static.country_list_codes"),
        SearchDocument { columns: columns(&["country", "code"]), usage: 900, ..document(3, "p.fonts.font_list") },
        document(4, "p.telemetry.new_tab_visits"),
        document(5, "p.telemetry.newtab"),
    ]);
    assert_eq!(search(&view, "list of country codes")[0], "p.static.country_codes_v1");
    assert_eq!(search(&view, "telemetry new tab visits")[0], "p.telemetry.new_tab_visits");
    assert_eq!(
        search(&view, "new tab"),
        ["p.telemetry.new_tab_visits", "p.telemetry.newtab"],
        "neighbours are tried as one word"
    );
}

#[test]
fn a_wide_table_has_every_word_somewhere_and_is_no_answer_before_a_name() {
    let wide: Vec<String> = (0..400).map(|at| format!("column_{at}")).chain(["lost".into(), "user_country".into()]).collect();
    let wide = columns(&wide.iter().map(String::as_str).collect::<Vec<_>>());
    let (_folder, view) = index(&[
        SearchDocument { columns: wide, usage: 900, description: "Uninstalling.".into(), ..document(1, "p.raw.metrics") },
        document(2, "p.telemetry.uninstalls_by_country"),
    ]);
    let answer = view.search(&SearchQuery::new("users lost to uninstalling by country")).unwrap();
    assert_eq!(names(&answer)[0], "p.telemetry.uninstalls_by_country");
    assert!(answer.relaxed, "it does not have every word, and the answer says so");
}

#[test]
fn words_that_mean_the_same_find_each_other() {
    let (_folder, view) = index(&[document(1, "p.marts.client_ltv"), document(2, "p.events.urlbar_clicks")]);
    let synonyms = Arc::new(Synonyms::new(&[vec!["address bar".to_owned(), "urlbar".to_owned()]]));
    let ask = |text: &str| names(&view.search(&SearchQuery { synonyms: synonyms.clone(), ..SearchQuery::new(text) }).unwrap());
    assert_eq!(ask("lifetime value"), ["p.marts.client_ltv"]);
    assert_eq!(ask("clicks in the address bar"), ["p.events.urlbar_clicks"]);
    assert_eq!(search(&view, "address bar"), Vec::<String>::new(), "only what is configured means the same");
}

#[test]
fn what_is_not_prod_stands_behind_prod_and_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let index = SearchIndex::open(folder.path()).unwrap();
    let mut writer = index.writer().unwrap();
    let dev =
        SearchDocument { environment: Some("dev".to_owned()), usage: 900, certified: true, ..document(1, "acme.dev.orders") };
    writer.put(&dev).unwrap();
    writer.put(&document(2, "acme.mart.orders")).unwrap();
    writer.put(&document(3, "acme.mart.orders_daily")).unwrap();
    writer.commit(RunNumber(1)).unwrap();
    let view = index.view().unwrap();
    let names =
        |query: SearchQuery| -> Vec<String> { view.search(&query).unwrap().hits.into_iter().map(|hit| hit.found.name).collect() };
    assert_eq!(names(SearchQuery::new("orders"))[..2], ["acme.mart.orders", "acme.dev.orders"]);
    assert_eq!(names(SearchQuery::new("acme.dev.orders"))[0], "acme.dev.orders", "a whole name is always first");
    assert_eq!(names(SearchQuery::new("orders environment:dev")), ["acme.dev.orders"]);
    assert_eq!(names(SearchQuery::new("orders -environment:dev")), ["acme.mart.orders", "acme.mart.orders_daily"]);
    let answer = view.search(&SearchQuery::new("orders")).unwrap();
    let facet = answer.facets.iter().find(|facet| facet.facet == Facet::Environment).unwrap();
    assert_eq!(facet.values, [("prod".to_owned(), 2), ("dev".to_owned(), 1)]);
    let dev = answer.hits.iter().find(|hit| hit.found.name == "acme.dev.orders").unwrap();
    assert!(dev.why.contains(&Why::BesideProd("dev".to_owned())), "{:?}", dev.why);
}

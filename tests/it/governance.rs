//! What people state: it holds before files, is found at once, is taken back, and is never lost.

use wellspring::{
    catalog::{CatalogError, Edit, FieldChange, SearchQuery, Undoing, View},
    crawl::{Silent, crawl},
    model::{
        Actor, Certification, OwnerKind, Role, Scope, StatedDeprecation, StatedField, StatedOwner, StatedValue, Tier, Wrong,
    },
};

use super::catalog::{Shop, open_shop};

const CHURN: &str = "shop.marts.churn";

pub(crate) fn editor(name: &str) -> Actor {
    Actor { name: name.to_owned(), role: Role::Editor, scope: Scope::Admin, also: Vec::new() }
}

fn edit(name: &str, column: &str, value: StatedValue, seen: Option<i64>) -> Edit {
    let change = FieldChange::Set(value);
    Edit { namespace: "bigquery".to_owned(), name: name.to_owned(), column: column.to_owned(), change, seen }
}

fn owners(names: &[&str]) -> StatedValue {
    let owner = |name: &&str| StatedOwner { name: (*name).to_owned(), kind: OwnerKind::Business };
    StatedValue::Owners(names.iter().map(owner).collect())
}

async fn found(view: &View, text: &str) -> Vec<String> {
    let query = SearchQuery { text: text.to_owned(), ..SearchQuery::default() };
    let answer = view.search(&query).await.unwrap();
    answer.hits.into_iter().filter(|hit| hit.column.is_none()).map(|hit| hit.asset.name).collect()
}

async fn owner_names(shop: &Shop, name: &str) -> Vec<String> {
    let answer = shop.catalog.view().show_asset("bigquery", name).await.unwrap();
    answer.owners.into_iter().map(|owner| owner.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_holds_before_files_and_both_are_shown_and_found_without_a_crawl() {
    let shop = open_shop().await;
    let ana = editor("ana@shop.example");
    shop.catalog
        .state(
            &ana,
            vec![
                edit(CHURN, "", owners(&["quicksilver-team"]), None),
                edit(CHURN, "", StatedValue::Description("Zebrafish churn.".to_owned()), None),
                edit(CHURN, "churn_rate", StatedValue::Description("Share of quokkas.".to_owned()), None),
                edit(CHURN, "", StatedValue::Tags(vec!["board".to_owned()]), None),
                edit(CHURN, "", StatedValue::Certification(Some(Certification::default())), None),
            ],
        )
        .await
        .unwrap();
    let view = shop.catalog.view();
    let asset = view.show_asset("bigquery", CHURN).await.unwrap();
    assert_eq!(asset.owners[0].name, "quicksilver-team");
    assert_eq!((asset.owners[0].kind, asset.owners[0].origin.as_str()), (Some(OwnerKind::Business), "ana@shop.example"));
    assert_eq!(asset.governed.owners_in_files[0].name, "growth@shop.example");
    let texts: Vec<&str> = asset.descriptions.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, ["Zebrafish churn.", "Churn of subscribers by month."]);
    assert_eq!(asset.tags, ["board"]);
    assert_eq!(asset.governed.certification.unwrap().by.person, "ana@shop.example");
    let column = asset.columns.iter().find(|column| column.name == "churn_rate").unwrap();
    assert_eq!(column.description.as_ref().unwrap().text, "Share of quokkas.");
    let reading = view.show_column("bigquery", "shop.reporting.board", "churn_rate").await.unwrap();
    assert_eq!(reading.description.unwrap().text, "Share of quokkas.", "meanings that people state travel too");
    for text in ["zebrafish", "owner:quicksilver-team", "board"] {
        assert!(found(&view, text).await.contains(&CHURN.to_owned()), "{text}");
    }
    assert_eq!(view.owner("quicksilver-team").await.unwrap().assets.len(), 1);
    assert!(view.owners().await.unwrap().owners.iter().all(|owner| owner.name != "growth@shop.example" || owner.assets == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_and_a_rebuilt_index_keep_what_people_state() {
    let shop = open_shop().await;
    shop.catalog.state(&editor("ana"), vec![edit(CHURN, "", owners(&["quicksilver-team"]), None)]).await.unwrap();
    let metadata = shop.sources().join("sql/shop/marts/churn/metadata.yaml");
    let text = std::fs::read_to_string(&metadata).unwrap().replace("growth@", "other@");
    std::fs::write(&metadata, text).unwrap();
    crawl(&shop.config, shop.catalog.store(), &Silent).await.unwrap();
    assert!(shop.catalog.refresh().await.unwrap());
    assert_eq!(owner_names(&shop, CHURN).await, ["quicksilver-team"]);
    assert_eq!(found(&shop.catalog.view(), "owner:quicksilver-team").await, [CHURN]);
    shop.catalog.reindex().await.unwrap();
    assert_eq!(found(&shop.catalog.view(), "owner:quicksilver-team").await, [CHURN]);
    let withdraw = Edit { change: FieldChange::Withdraw(StatedField::Owners), ..edit(CHURN, "", owners(&[]), None) };
    shop.catalog.state(&editor("ana"), vec![withdraw]).await.unwrap();
    assert_eq!(owner_names(&shop, CHURN).await, ["other@shop.example"]);
    assert_eq!(found(&shop.catalog.view(), "owner:other@shop.example").await, [CHURN]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_who_edit_one_field_sees_the_first_ones_change() {
    let shop = open_shop().await;
    shop.catalog.state(&editor("ana"), vec![edit(CHURN, "", owners(&["first"]), Some(0))]).await.unwrap();
    let late = shop.catalog.state(&editor("bo"), vec![edit(CHURN, "", owners(&["second"]), Some(0))]).await;
    let Err(CatalogError::Overtaken(overtaken)) = late else { panic!("{late:?}") };
    assert_eq!((overtaken[0].said.as_str(), overtaken[0].by.as_ref().unwrap().person.as_str()), ("first (business)", "ana"));
    assert_eq!(owner_names(&shop, CHURN).await, ["first"]);
    let seen = Some(overtaken[0].number);
    shop.catalog.state(&editor("bo"), vec![edit(CHURN, "", owners(&["second"]), seen)]).await.unwrap();
    assert_eq!(owner_names(&shop, CHURN).await, ["second"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_taken_back_one_by_one_and_together() {
    let shop = open_shop().await;
    let names = [CHURN, "shop.finance.churn", "shop.raw.events"];
    let ana = editor("ana");
    shop.catalog.state(&ana, vec![edit(CHURN, "", owners(&["before"]), None)]).await.unwrap();
    let all = names.iter().map(|name| edit(name, "", owners(&["all"]), None)).collect();
    let numbers = shop.catalog.state(&ana, all).await.unwrap();
    shop.catalog.state(&ana, vec![edit("shop.raw.events", "", owners(&["newer"]), None)]).await.unwrap();
    assert!(matches!(shop.catalog.undo(&ana, numbers[2], Undoing::One).await, Err(CatalogError::Overtaken(_))));
    assert_eq!(shop.catalog.undo(&ana, numbers[0], Undoing::Together).await.unwrap(), 2);
    assert_eq!(owner_names(&shop, CHURN).await, ["before"]);
    assert_eq!(owner_names(&shop, "shop.finance.churn").await, ["finance@shop.example"]);
    assert_eq!(owner_names(&shop, "shop.raw.events").await, ["newer"]);
    let history = shop.catalog.view().asset_statements("bigquery", CHURN).await.unwrap();
    let told: Vec<String> = history.iter().map(|entry| format!("{} -> {}", entry.was, entry.said)).collect();
    assert_eq!(
        told,
        ["all (business) -> before (business)", "before (business) -> all (business)", "as files say -> before (business)",]
    );
    assert_eq!((history[0].undoes, history[0].is_newest, history[1].together), (Some(numbers[0]), true, 1));
    let newest = shop.catalog.view().statements(None, 10).await.unwrap();
    assert_eq!(newest.len(), 7);
    assert_eq!(newest.iter().filter(|entry| entry.together == 3).count(), 3);
    shop.catalog.undo(&ana, history[0].number, Undoing::One).await.unwrap();
    assert_eq!(owner_names(&shop, CHURN).await, ["all"], "an undoing can be undone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deprecation_reaches_its_readers_and_a_stated_none_beats_a_file() {
    let shop = open_shop().await;
    let ana = editor("ana");
    let deprecation = StatedDeprecation {
        note: "Counts twice.".to_owned(),
        date: Some("2027-01-31".to_owned()),
        replacement: Some("shop.finance.churn".to_owned()),
        columns: [("users".to_owned(), "people".to_owned())].into(),
    };
    let edits = vec![
        edit(CHURN, "", StatedValue::Deprecation(Some(deprecation)), None),
        edit("shop.finance.churn", "", StatedValue::Deprecation(None), None),
    ];
    shop.catalog.state(&ana, edits).await.unwrap();
    let view = shop.catalog.view();
    let board = view.show_asset("bigquery", "shop.reporting.board").await.unwrap();
    let inputs: Vec<&str> = board.governed.deprecated_inputs.iter().map(|input| input.asset.name.as_str()).collect();
    assert_eq!(inputs, [CHURN]);
    assert_eq!(board.governed.deprecated_inputs[0].deprecation.replacement.as_ref().unwrap().text, "shop.finance.churn");
    let churn = view.show_asset("bigquery", CHURN).await.unwrap();
    let progress = churn.governed.progress.unwrap();
    assert_eq!((progress.at_first, progress.now, progress.percent()), (1, 1, 0));
    let finance = view.show_asset("bigquery", "shop.finance.churn").await.unwrap();
    assert!(finance.deprecation.is_none() && finance.governed.deprecation_in_files.is_some());
    assert_eq!(view.deprecations().await.unwrap().len(), 1);
    let gone = StatedValue::Deprecation(Some(StatedDeprecation::default()));
    shop.catalog.state(&ana, vec![edit("shop.reporting.board", "", gone, None)]).await.unwrap();
    let churn = shop.catalog.view().show_asset("bigquery", CHURN).await.unwrap();
    let progress = churn.governed.progress.unwrap();
    assert_eq!((progress.now, progress.deprecated), (0, 1), "what reads a deprecated reader may be live");
    std::fs::remove_dir_all(shop.sources().join("sql/shop/reporting")).unwrap();
    crawl(&shop.config, shop.catalog.store(), &Silent).await.unwrap();
    shop.catalog.refresh().await.unwrap();
    let churn = shop.catalog.view().show_asset("bigquery", CHURN).await.unwrap();
    assert_eq!(churn.governed.progress.unwrap().percent(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_marks_everything_downstream_until_it_is_cleared() {
    let shop = open_shop().await;
    let ana = editor("ana");
    let wrong = Wrong { since: "2026-11-01".to_owned(), because: "Events arrive twice.".to_owned() };
    shop.catalog.state(&ana, vec![edit("shop.raw.events", "", StatedValue::Wrong(Some(wrong)), None)]).await.unwrap();
    let reached = |names: Vec<&'static str>| {
        let view = shop.catalog.view();
        async move {
            let mut reached = Vec::new();
            for name in names {
                let governed = view.show_asset("bigquery", name).await.unwrap().governed;
                reached.push((governed.wrong.is_some(), governed.wrong_upstream.len()));
            }
            reached
        }
    };
    let names = vec!["shop.raw.events", "shop.staging.users", CHURN, "shop.reporting.board"];
    assert_eq!(reached(names.clone()).await, [(true, 0), (false, 1), (false, 1), (false, 1)]);
    shop.catalog.state(&ana, vec![edit("shop.raw.events", "", StatedValue::Wrong(None), None)]).await.unwrap();
    assert_eq!(reached(names).await, [(false, 0); 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_state_what_concerns_assets_they_own_and_nothing_else() {
    let shop = open_shop().await;
    let mut viewer = Actor { role: Role::Viewer, also: vec!["Growth@shop.example".to_owned()], ..editor("vi") };
    let tier = || StatedValue::Tier(Some(Tier::Aggregated));
    let other = shop.catalog.state(&viewer, vec![edit("shop.finance.churn", "", tier(), None)]).await;
    assert!(matches!(other, Err(CatalogError::Forbidden(_))));
    shop.catalog.state(&viewer, vec![edit(CHURN, "", tier(), None)]).await.unwrap();
    viewer.scope = Scope::Read;
    assert!(matches!(shop.catalog.state(&viewer, vec![edit(CHURN, "", tier(), None)]).await, Err(CatalogError::Forbidden(_))));
    let mixed = vec![edit(CHURN, "", owners(&["x"]), None), edit("shop.finance.churn", "", tier(), None)];
    viewer.scope = Scope::Write;
    assert!(matches!(shop.catalog.state(&viewer, mixed).await, Err(CatalogError::Forbidden(_))));
    assert_eq!(owner_names(&shop, CHURN).await, ["growth@shop.example"], "all or nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_refused_and_what_says_nothing_new_is_not_kept() {
    let shop = open_shop().await;
    let ana = editor("ana");
    let wrong = Wrong { since: "soon".to_owned(), because: "x".to_owned() };
    for refused in [
        edit(CHURN, "", StatedValue::Wrong(Some(wrong)), None),
        edit(CHURN, "churn_rate", owners(&["x"]), None),
        edit(CHURN, "", owners(&[" "]), None),
    ] {
        assert!(matches!(shop.catalog.state(&ana, vec![refused]).await, Err(CatalogError::BadQuestion(_))));
    }
    for missing in [edit("no.such", "", owners(&["x"]), None), edit(CHURN, "nope", StatedValue::Description("x".into()), None)] {
        assert!(matches!(shop.catalog.state(&ana, vec![missing]).await, Err(CatalogError::NotFound { .. })));
    }
    assert_eq!(shop.catalog.state(&ana, vec![edit(CHURN, "", owners(&["x"]), None)]).await.unwrap().len(), 1);
    assert_eq!(shop.catalog.state(&ana, vec![edit(CHURN, "", owners(&["x"]), None)]).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_governance_holds_before_other_files_and_people_before_it() {
    let shop = open_shop().await;
    let file = shop.sources().join("data/governance.yaml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let stated = "version: 1\nassets:\n- namespace: bigquery\n  name: shop.marts.churn\n  owners:\n  - name: stewards\n    type: steward\n  tier: operational\n  certification:\n    note: audited\n  tags: [kept-in-git]\n  columns:\n    churn_rate:\n      description: Share of pangolins.\n";
    let crawl_with = async |text: &str| {
        std::fs::write(&file, text).unwrap();
        crawl(&shop.config, shop.catalog.store(), &Silent).await.unwrap();
        shop.catalog.refresh().await.unwrap();
        shop.catalog.view()
    };
    let view = crawl_with(stated).await;
    let asset = view.show_asset("bigquery", CHURN).await.unwrap();
    let owner = &asset.owners[0];
    assert_eq!((owner.name.as_str(), owner.kind, asset.owners.len()), ("stewards", Some(OwnerKind::Steward), 1));
    assert_eq!(asset.governed.owners_in_files[0].name, "growth@shop.example", "what other files say is shown");
    let certified = asset.governed.certification.unwrap();
    assert!(certified.by.person.starts_with("data/governance.yaml in ") && certified.by.at > 0, "{certified:?}");
    assert_eq!(asset.governed.tier.unwrap().tier, Tier::Operational);
    assert_eq!(asset.tags, ["kept-in-git"]);
    let column = asset.columns.iter().find(|column| column.name == "churn_rate").unwrap();
    assert_eq!(column.description.as_ref().unwrap().text, "Share of pangolins.");
    for text in ["pangolins", "owner:stewards", "kept-in-git"] {
        let query = SearchQuery { text: text.to_owned(), ..SearchQuery::default() };
        assert!(view.search(&query).await.unwrap().hits.iter().any(|hit| hit.asset.name == CHURN), "{text}");
    }
    assert!(!view.export_governance().unwrap().contains("stewards"), "an export holds what people state, not files");

    shop.catalog.state(&editor("ana"), vec![edit(CHURN, "", owners(&["quicksilver-team"]), None)]).await.unwrap();
    assert_eq!(owner_names(&shop, CHURN).await, ["quicksilver-team"]);
    let asset = shop.catalog.view().show_asset("bigquery", CHURN).await.unwrap();
    let [disputed] = asset.governed.disputed.as_slice() else { panic!("{:?}", asset.governed.disputed) };
    assert_eq!((disputed.field, disputed.said.contains("stewards")), (StatedField::Owners, true));
    let withdraw = Edit { change: FieldChange::Withdraw(StatedField::Owners), ..edit(CHURN, "", owners(&[]), None) };
    shop.catalog.state(&editor("ana"), vec![withdraw]).await.unwrap();
    assert_eq!(owner_names(&shop, CHURN).await, ["stewards"]);

    let view = crawl_with("version: 1\nassets:\n- namespace: bigquery\n  name: shop.marts.churn\n  owners: nobody\n").await;
    assert_eq!(owner_names(&shop, CHURN).await, ["growth@shop.example"], "a file that cannot be read states nothing");
    assert_eq!(found(&view, "owner:stewards").await, [""; 0], "and is not found any more");
    let told = view.diagnostics_of("invalid-metadata", 0, 100).await.unwrap();
    let places: Vec<_> = told.occurrences.iter().map(|one| (one.place.path.as_str(), one.place.line)).collect();
    assert_eq!(places, [("data/governance.yaml", 5)]);
}

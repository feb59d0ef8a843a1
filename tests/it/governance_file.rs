//! Everything that people state as one YAML file: there and back, conflicts, files that do not fit.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wellspring::{
    catalog::{Catalog, CatalogError, Edit, FieldChange, OnConflict},
    model::{Certification, OwnerKind, StatedDeprecation, StatedOwner, StatedValue, Tier, Wrong},
};

use super::{
    catalog::{Shop, open_shop},
    governance::editor,
};

fn edit(name: &str, column: &str, value: StatedValue) -> Edit {
    Edit {
        namespace: "bigquery".to_owned(),
        name: name.to_owned(),
        column: column.to_owned(),
        change: FieldChange::Set(value),
        seen: None,
    }
}

fn everything(text: &str) -> Vec<Edit> {
    let churn = "shop.marts.churn";
    let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let name = if name.is_empty() { "x".to_owned() } else { name };
    vec![
        edit(churn, "", StatedValue::Owners(vec![StatedOwner { name: name.clone(), kind: OwnerKind::Steward }])),
        edit(
            churn,
            "",
            StatedValue::Deprecation(Some(StatedDeprecation {
                note: text.to_owned(),
                date: Some("2027-02-28".to_owned()),
                replacement: Some(name.clone()),
                columns: BTreeMap::from([(name.clone(), "b".to_owned())]),
            })),
        ),
        edit(churn, "", StatedValue::Certification(Some(Certification { note: text.to_owned() }))),
        edit(churn, "", StatedValue::Description(text.to_owned())),
        edit(churn, "churn_rate", StatedValue::Description(format!("{text}|"))),
        edit(churn, "", StatedValue::Tags(vec![name, "yes".to_owned(), "1".to_owned()])),
        edit("shop.raw.events", "", StatedValue::Tier(Some(Tier::Operational))),
        edit("shop.raw.events", "", StatedValue::Wrong(Some(Wrong { since: "2026-01-02".to_owned(), because: "x".to_owned() }))),
        edit("shop.raw.events", "", StatedValue::Owners(Vec::new())),
        edit("shop.finance.churn", "", StatedValue::Deprecation(None)),
    ]
}

async fn import(catalog: &Catalog, text: &str, on_conflict: OnConflict) -> wellspring::catalog::ImportAnswer {
    catalog.import_governance(&editor("bo"), text, on_conflict).await.unwrap()
}

async fn export(shop: &Shop) -> String {
    shop.catalog.view().export_governance().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_imported_elsewhere_exports_the_same_bytes() {
    let (one, other) = (open_shop().await, open_shop().await);
    one.catalog.state(&editor("ana"), everything("Two\nlines: \"quoted\", # no comment\n\n  - indented")).await.unwrap();
    let yaml = export(&one).await;
    let answer = import(&other.catalog, &yaml, OnConflict::Refuse).await;
    assert_eq!((answer.applied, answer.added, answer.conflicts.len(), answer.unknown.len()), (true, 10, 0, 0), "{yaml}");
    assert_eq!(export(&other).await, yaml);
    let again = import(&other.catalog, &yaml, OnConflict::Refuse).await;
    assert_eq!((again.added, again.unchanged), (0, 10));
    assert_eq!(other.catalog.view().statements(None, 99).await.unwrap().len(), 10, "nothing new is kept");
    let empty = tempfile::TempDir::new().unwrap();
    let empty = Catalog::open(empty.path()).await.unwrap();
    let answer = import(&empty, &yaml, OnConflict::Refuse).await;
    assert_eq!(answer.unknown.len(), 3, "what no crawl knows yet is kept and told");
    assert_eq!(empty.view().export_governance().unwrap(), yaml);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_people_write_comes_back_unchanged(texts in prop::collection::vec("[ -~äß→\n\t'\"#:&*!|>%@`{}\\[\\],?-]{0,60}|true|null|~|1e3|0x1|2026-01-01|- a|a: b|<<", 3)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::TempDir::new().unwrap();
            let catalog = Catalog::open(folder.path()).await.unwrap();
            let texts: Vec<serde_json::Value> = texts.iter().map(|text| serde_json::json!(text)).collect();
            let tags: Vec<String> = texts.iter().filter_map(|text| text.as_str()).map(|text| format!("t{}", text.trim())).collect();
            let yaml = serde_json::json!({"version": 1, "assets": [{
                "namespace": "w", "name": "a.b", "description": texts[0], "certification": {"note": texts[1]}, "tags": tags,
                "columns": {"c": {"description": texts[2]}}}]});
            import(&catalog, &yaml.to_string(), OnConflict::Refuse).await;
            let written = catalog.view().export_governance().unwrap();
            let folder = tempfile::TempDir::new().unwrap();
            let other = Catalog::open(folder.path()).await.unwrap();
            import(&other, &written, OnConflict::Refuse).await;
            prop_assert_eq!(other.view().export_governance().unwrap(), written);
            let said = |catalog: &Catalog| {
                let view = catalog.view();
                async move { view.statements(None, 99).await.unwrap().into_iter().map(|one| one.said).collect::<Vec<_>>() }
            };
            let (mut one, mut two) = (said(&catalog).await, said(&other).await);
            one.sort();
            two.sort();
            prop_assert_eq!(one, two);
            Ok(())
        })?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_state_otherwise_is_shown_and_decided_upon() {
    let shop = open_shop().await;
    shop.catalog
        .state(&editor("ana"), vec![edit("shop.marts.churn", "", StatedValue::Description("By hand.".to_owned()))])
        .await
        .unwrap();
    let yaml = "version: 1\nassets:\n- namespace: bigquery\n  name: shop.marts.churn\n  description: By file.\n  tags: [new]\n";
    let refused = import(&shop.catalog, yaml, OnConflict::Refuse).await;
    assert!(!refused.applied);
    let conflict = &refused.conflicts[0];
    assert_eq!(
        (conflict.line, conflict.file.as_str(), conflict.stated.as_str(), conflict.by.person.as_str()),
        (5, "By file.", "By hand.", "ana")
    );
    assert!(!export(&shop).await.contains("new"), "nothing of it was taken over");
    assert!(!import(&shop.catalog, yaml, OnConflict::Tell).await.applied);
    let kept = import(&shop.catalog, yaml, OnConflict::Keep).await;
    assert_eq!((kept.applied, kept.added, kept.overwritten), (true, 1, 0));
    assert!(export(&shop).await.contains("By hand."));
    let over = import(&shop.catalog, yaml, OnConflict::Overwrite).await;
    assert_eq!((over.added, over.overwritten, over.unchanged), (0, 1, 1));
    assert!(export(&shop).await.contains("By file."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_fit_changes_nothing_and_every_line_is_named() {
    let shop = open_shop().await;
    let bad = "version: 1\nassets:\n- namespace: bigquery\n  name: shop.marts.churn\n  tags: [good]\n  tier: golden\n  colour: red\n- namespace: bigquery\n  name: shop.raw.events\n  wrong:\n    since: soon\n    because: x\n- name: nameless\n";
    let Err(CatalogError::BadFile(reasons)) = shop.catalog.import_governance(&editor("bo"), bad, OnConflict::Overwrite).await
    else {
        panic!("it does not fit")
    };
    let lines: Vec<u64> = reasons.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [6, 7, 11, 13], "{reasons:?}");
    for (text, line) in [
        ("version: 1\nassets:\n- namespace: [\n", 3),
        ("version: 2\nassets: []\n", 1),
        ("version: 1\nassets:\n- namespace: a\n  name: b\n\tc: d\n", 5),
        ("just words", 1),
        ("version: 1\nnonsense: 2\n", 2),
    ] {
        let Err(CatalogError::BadFile(reasons)) = shop.catalog.import_governance(&editor("bo"), text, OnConflict::Refuse).await
        else {
            panic!("{text}")
        };
        let (named, reason) = &reasons[0];
        assert!(named.abs_diff(line) <= 1, "{text}: line {named}: {reason}");
    }
    let mut bomb = "version: 1\nassets:\n- &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for at in 0..12 {
        let (one, two) = ((b'a' + at) as char, (b'b' + at) as char);
        bomb.push_str(&format!("- &{two} [*{one},*{one},*{one},*{one},*{one},*{one},*{one},*{one},*{one}]\n"));
    }
    assert!(shop.catalog.import_governance(&editor("bo"), &bomb, OnConflict::Refuse).await.is_err());
    assert_eq!(shop.catalog.view().statements(None, 9).await.unwrap().len(), 0);
}

//! The demo company of `fixtures/demo/`: what its README promises is there to find.

use std::path::Path;

use wellspring::{
    config::Config,
    model::{DocumentRole, Fact, FactKind, Reading, RelationName, Subject},
    sources::{self, At, NoProgress, Request},
};

#[test]
fn every_file_of_the_demo_is_read_without_a_complaint() {
    for (name, reading) in read_sources() {
        assert_eq!(reading.diagnostics, Vec::new(), "{name}");
        assert!(reading.documents.len() >= 20, "{name} has {} documents", reading.documents.len());
    }
}

#[test]
fn the_old_churn_table_is_deprecated_with_a_date_and_a_replacement() {
    let facts = facts_about("growth", "tidemark.legacy.churn_daily_v1");
    let found = facts.iter().find_map(|fact| match &fact.what {
        FactKind::Deprecated { date, replacement, .. } => Some((date.as_deref(), replacement.as_deref())),
        _ => None,
    });
    assert_eq!(found, Some((Some("2026-12-31"), Some("growth_reporting.churn_monthly"))));
}

#[test]
fn the_most_read_core_table_has_neither_owner_nor_reviewer() {
    assert_eq!(people("platform", "tidemark.core.account_status_daily"), Vec::<String>::new());
    let owned = people("platform", "tidemark.core.dim_account");
    assert_eq!(owned, ["owner data-platform@tidemark.example", "reviewer @tidemark/data-platform"]);
}

#[test]
fn support_takes_its_owners_from_codeowners() {
    let readings = read_sources();
    let (_, support) = readings.iter().find(|(name, _)| name == "support").unwrap();
    let report = Subject::Document("reports/churn_by_contact.sql".to_owned());
    let named: Vec<String> = support.facts.iter().filter(|fact| fact.about == report).filter_map(person).collect();
    assert_eq!(named, ["owner @tidemark/support-insights", "owner @tidemark/support-leads"]);
}

#[test]
fn checks_and_generated_files_are_known_as_such() {
    let facts = facts_about("finance", "tidemark.finance_reporting.board_pack");
    let documents = read_sources().into_iter().flat_map(|(_, reading)| reading.documents).collect::<Vec<_>>();
    let checks = documents.iter().filter(|document| document.role == DocumentRole::Check).count();
    assert_eq!(checks, documents.iter().filter(|document| document.path.ends_with("/checks.sql")).count());
    let generated = facts.iter().any(|fact| matches!(&fact.what, FactKind::Generated { by } if by.contains("render_board_pack")));
    assert!(generated, "board_pack is not known as generated");
}

/// The demo in a folder of its own, as `wellspring demo` unpacks it: inside this repository each
/// source would be a folder of it, and CODEOWNERS files count only at the top of a repository.
fn unpack_demo() -> tempfile::TempDir {
    let unpacked = tempfile::tempdir().unwrap();
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo"), unpacked.path());
    unpacked
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn read_sources() -> Vec<(String, Reading)> {
    let unpacked = unpack_demo();
    let config = Config::load(&unpacked.path().join("wellspring.toml")).unwrap();
    let read = |source| {
        let request = Request {
            config: &config,
            source,
            at: At::Tip,
            data: unpacked.path(),
            known: &sources::nothing_known,
            history_since: None,
        };
        (source.name.clone(), sources::read(&request, &NoProgress).unwrap())
    };
    config.sources.iter().map(read).collect()
}

/// What `source` says of the relation `name`, or of the documents that define it by their path.
fn facts_about(source: &str, name: &str) -> Vec<Fact> {
    let (_, reading) = read_sources().into_iter().find(|(found, _)| found == source).unwrap();
    let relation = RelationName::from_dotted(name);
    let paths: Vec<&str> = reading
        .documents
        .iter()
        .filter(|document| document.target.as_ref() == Some(&relation))
        .map(|document| &*document.path)
        .collect();
    let is_about = |fact: &&Fact| match &fact.about {
        Subject::Asset(asset) => *asset == relation,
        Subject::Document(path) => paths.contains(&path.as_str()),
    };
    reading.facts.iter().filter(is_about).cloned().collect()
}

fn people(source: &str, name: &str) -> Vec<String> {
    let mut named: Vec<String> = facts_about(source, name).iter().filter_map(person).collect();
    named.sort();
    named.dedup();
    named
}

fn person(fact: &Fact) -> Option<String> {
    match &fact.what {
        FactKind::Owner { name } => Some(format!("owner {name}")),
        FactKind::Reviewer { name } => Some(format!("reviewer {name}")),
        _ => None,
    }
}

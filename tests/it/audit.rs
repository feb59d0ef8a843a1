//! From what is found to what is decided: the board, findings, decisions, audits and their bad inputs.

use std::{collections::BTreeMap, fs};

use tempfile::TempDir;
use wellspring::{
    catalog::{
        AuditScope, CampaignAnswer, Catalog, CatalogError, ChosenCalculation, Closing, ConflictVerdict, Decided, DecisionEdit,
        FindingCode, NewCampaign, NewMetricNote, NewVerdict, Others, SearchQuery,
    },
    model::{Actor, Decision, Question, Role, Scope},
};

use super::{definitions::crawl_folder, governance::editor};

const FILES: [(&str, &str); 8] = [
    (
        "tables.sql",
        "CREATE TABLE shop.raw.accounts (account_id INT64, plan STRING, left_on DATE, month DATE);\nCREATE TABLE shop.raw.visits (visitor STRING, at TIMESTAMP);\n",
    ),
    (
        "growth.sql",
        "CREATE TABLE shop.growth.churn AS SELECT month, COUNTIF(left_on IS NOT NULL) / COUNT(*) AS churn_rate FROM shop.raw.accounts WHERE plan = 'paid' GROUP BY month;\n",
    ),
    (
        "finance.sql",
        "CREATE TABLE shop.finance.churn AS SELECT month, COUNTIF(left_on IS NOT NULL) / COUNT(DISTINCT account_id) AS churn_rate FROM shop.raw.accounts GROUP BY month;\n",
    ),
    (
        "readers.sql",
        "CREATE TABLE shop.a.one AS SELECT churn_rate FROM shop.growth.churn;\nCREATE TABLE shop.a.two AS SELECT churn_rate FROM shop.growth.churn;\nCREATE TABLE shop.a.three AS SELECT churn_rate FROM shop.growth.churn;\n",
    ),
    (
        "metrics/web.toml",
        "[data_sources.visits]\nfrom_expression = \"shop.raw.visits\"\n\n[metrics.visitors]\nselect_expression = \"COUNT(DISTINCT visitor)\"\ndata_source = \"visits\"\n\n[metrics.unique_people]\nselect_expression = \"COUNT(DISTINCT visitor)\"\ndata_source = \"visits\"\n\n[metrics.broken]\nselect_expression = \"SUM(no_such_column)\"\ndata_source = \"visits\"\n",
    ),
    (
        "decisions/plans.yaml",
        "decision: Which plans do we keep?\nowner: growth@shop.example\nevery: quarter\nquestions:\n- question: How many leave?\n  metrics:\n  - shop.growth.churn.churn_rate\n- question: What do they cost?\n  tables: [shop.nowhere.costs]\n- Why do they leave?\n",
    ),
    ("decisions/broken.yaml", "decision: [\n"),
    ("decisions/odd.yaml", "- owner: nobody\n"),
];

struct Company {
    files: TempDir,
    data: TempDir,
    catalog: Catalog,
}

async fn company() -> Company {
    let (files, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (path, text) in FILES {
        let path = files.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    crawl_folder(files.path(), data.path()).await;
    let catalog = Catalog::open(data.path()).await.unwrap();
    Company { files, data, catalog }
}

impl Company {
    /// Crawls what the folder holds now.
    async fn crawl_again(&self) {
        crawl_folder(self.files.path(), self.data.path()).await;
        self.catalog.refresh().await.unwrap();
    }
}

fn search(text: &str) -> AuditScope {
    AuditScope::Search(SearchQuery { text: text.to_owned(), ..SearchQuery::default() })
}

fn campaign(scope: AuditScope, text: &str) -> NewCampaign {
    NewCampaign {
        title: "First quarter".to_owned(),
        scope,
        scope_text: text.to_owned(),
        reviewers: vec!["rita@shop.example".to_owned()],
        due: "2999-01-31".to_owned(),
    }
}

fn read_scope(text: &str) -> Option<AuditScope> {
    Some(search(text))
}

fn ordinal(answer: &CampaignAnswer, name: &str) -> i64 {
    answer.items.iter().find(|item| item.evidence.name == name).unwrap_or_else(|| panic!("{name} in {answer:?}")).ordinal
}

fn verdict(items: Vec<(i64, i64)>, decided: Decided) -> NewVerdict {
    NewVerdict { items, decided: Some(decided), note: "As the audit found.".to_owned(), ..NewVerdict::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_churns_are_one_conflict_that_ends_when_one_is_endorsed() {
    let it = company().await;
    let board = it.catalog.view().conflicts().await.unwrap();
    let group = board.groups.iter().find(|group| group.id == "churn_rate").unwrap();
    assert_eq!((group.verdict, group.ways, group.settled), (ConflictVerdict::Different, 2, false));
    let answer = it.catalog.view().conflict("churn_rate").await.unwrap();
    let said: Vec<&str> = answer.classes[1].differences.iter().map(|said| said.sentence.as_str()).collect();
    assert_eq!(
        said,
        [
            "takes rows that the other leaves out: the other keeps those where `plan = 'paid'`",
            "divides by `count(distinct account_id)`, where the other divides by `count(*)`"
        ]
    );
    assert!(answer.classes[1].sql.iter().any(|piece| piece.differs && piece.text.contains("DISTINCT")), "what differs is marked");
    let renamed = board.groups.iter().find(|group| group.verdict == ConflictVerdict::Renamed).unwrap();
    assert_eq!((renamed.calculations, renamed.declared), (2, 2));
    let chosen = ChosenCalculation {
        metric: "churn_rate".to_owned(),
        namespace: "bigquery".to_owned(),
        name: "shop.growth.churn".to_owned(),
        column: "churn_rate".to_owned(),
    };
    it.catalog.endorse_calculation(&editor("ana"), &chosen, "Agreed.", Others::AreDeprecated).await.unwrap();
    let answer = it.catalog.view().conflict("churn_rate").await.unwrap();
    assert!(answer.summary.settled && answer.reasons[0] == "it is endorsed", "{:?}", answer.reasons);
    let other = &answer.classes[1].variants[0][0];
    assert_eq!(other.deprecated.as_ref().unwrap().replacement.as_ref().unwrap().text, "shop.growth.churn.churn_rate");
    let findings = it.catalog.view().findings().await.unwrap();
    assert!(findings.iter().all(|finding| finding.metric.as_deref() != Some("churn_rate")), "what is settled is no finding");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_that_is_meant_is_noted_until_what_is_calculated_changes() {
    let it = company().await;
    let print = it.catalog.view().conflict("churn_rate").await.unwrap().print;
    let note = |seen: Option<String>| NewMetricNote {
        metric: "churn_rate".to_owned(),
        text: "Two readers.".to_owned(),
        rename: None,
        seen,
    };
    it.catalog.note_metric(&editor("ana"), note(Some(print))).await.unwrap();
    assert!(it.catalog.view().conflict("churn_rate").await.unwrap().summary.intended.is_some());
    let changed = FILES[2].1.replace("GROUP BY", "WHERE plan <> 'trial' GROUP BY");
    fs::write(it.files.path().join(FILES[2].0), changed).unwrap();
    it.crawl_again().await;
    let answer = it.catalog.view().conflict("churn_rate").await.unwrap();
    assert!(answer.summary.intended.is_none() && answer.notes.len() == 1, "the note is shown, and holds no more");
    let stale = it.catalog.note_metric(&editor("ana"), note(Some("0".to_owned()))).await;
    assert!(matches!(stale, Err(CatalogError::BadQuestion(_))), "{stale:?}");
    let viewer = Actor { role: Role::Viewer, scope: Scope::Write, ..editor("vi") };
    assert!(matches!(it.catalog.note_metric(&viewer, note(None)).await, Err(CatalogError::Forbidden(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_keep_when_they_were_first_seen_and_can_be_snoozed() {
    let it = company().await;
    let findings = it.catalog.view().findings().await.unwrap();
    let of = |code: FindingCode| findings.iter().filter(|finding| finding.code == code).collect::<Vec<_>>();
    let broken: Vec<&str> = of(FindingCode::BrokenReference).iter().map(|finding| finding.sentence.as_str()).collect();
    assert!(broken.iter().any(|said| said.contains("no_such_column")), "a metric on a column that is not there: {broken:?}");
    assert!(broken.iter().any(|said| said.contains("shop.nowhere.costs")), "a dangling reference: {broken:?}");
    let unowned = of(FindingCode::UnownedPopular);
    assert_eq!(unowned.iter().map(|one| one.asset.as_ref().unwrap().name.as_str()).collect::<Vec<_>>(), ["shop.growth.churn"]);
    assert_eq!(of(FindingCode::DuplicateMetric).len(), 1);
    let key = unowned[0].key();
    let before = unowned[0].first_seen;
    fs::write(it.files.path().join("more.sql"), "CREATE TABLE shop.a.four AS SELECT churn_rate FROM shop.growth.churn;\n")
        .unwrap();
    it.crawl_again().await;
    let again = it.catalog.view().findings().await.unwrap();
    assert_eq!(again.iter().find(|finding| finding.key() == key).unwrap().first_seen, before);
    let ana = editor("ana");
    it.catalog.snooze(&ana, std::slice::from_ref(&key), "2999-01-01", "After the move.").await.unwrap();
    let snoozed = it.catalog.view().findings().await.unwrap();
    assert_eq!(snoozed.iter().find(|finding| finding.key() == key).unwrap().snoozed.as_ref().unwrap().reason, "After the move.");
    for (until, reason) in [("soon", "x"), ("2001-01-01", "x"), ("2999-01-01", " ")] {
        let refused = it.catalog.snooze(&ana, std::slice::from_ref(&key), until, reason).await;
        assert!(matches!(refused, Err(CatalogError::BadQuestion(_))), "{until}: {refused:?}");
    }
    it.catalog.snooze(&ana, std::slice::from_ref(&key), "", "").await.unwrap();
    assert!(it.catalog.view().findings().await.unwrap().iter().all(|finding| finding.snoozed.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_lead_to_columns_and_tell_their_gaps() {
    let it = company().await;
    let map = it.catalog.view().decisions().await.unwrap();
    let [decision] = map.decisions.as_slice() else { panic!("{:?}", map.decisions) };
    let answer = &decision.questions[0].answers[0];
    assert_eq!(
        (answer.asset.as_ref().unwrap().name.as_str(), answer.column.as_deref()),
        ("shop.growth.churn", Some("churn_rate"))
    );
    let made_of: Vec<String> = answer.made_of.iter().map(|column| format!("{}.{}", column.asset.name, column.column)).collect();
    assert!(!made_of.is_empty() && made_of.iter().all(|name| name.starts_with("shop.raw.accounts.")), "{made_of:?}");
    assert_eq!(decision.questions[1].answers[0].place.as_ref().unwrap().line, 9);
    let unanswered: Vec<&str> = map.unanswered.iter().map(|(_, question)| question.as_str()).collect();
    assert_eq!(unanswered, ["What do they cost?", "Why do they leave?"]);
    assert_eq!(map.unasked.len(), 3, "metrics that serve no question: {:?}", map.unasked);
    let wrong = it.catalog.store().diagnostics(wellspring::model::RunNumber(1)).await.unwrap();
    let wrong: Vec<(&str, u32)> =
        wrong.iter().filter(|row| row.path.starts_with("decisions/")).map(|row| (&*row.path, row.line)).collect();
    assert!(
        wrong.iter().any(|(path, _)| *path == "decisions/broken.yaml") && wrong.contains(&("decisions/odd.yaml", 1)),
        "{wrong:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_decision_holds_before_its_file_and_can_be_taken_back() {
    let it = company().await;
    let body = Decision {
        title: "Which plans stay?".to_owned(),
        questions: vec![Question { text: "How many?".to_owned(), answers: vec![("visitors".to_owned(), 0)], line: 0 }],
        ..Decision::default()
    };
    let key = "which-plans-do-we-keep".to_owned();
    let edit = |body: Option<Decision>, seen: i64| DecisionEdit { key: key.clone(), body, seen };
    it.catalog.edit_decision(&editor("ana"), edit(Some(body.clone()), 0)).await.unwrap();
    let decision = it.catalog.view().decision(&key).await.unwrap();
    assert_eq!((decision.title.as_str(), decision.differs_from_file), ("Which plans stay?", true));
    assert!(decision.questions[0].is_answered(), "a metric is found by its name");
    let late = it.catalog.edit_decision(&editor("bo"), edit(Some(body), 0)).await;
    assert!(matches!(late, Err(CatalogError::BadQuestion(_))), "the second of two editors is told: {late:?}");
    it.catalog.edit_decision(&editor("bo"), edit(None, decision.number)).await.unwrap();
    assert_eq!(it.catalog.view().decision(&key).await.unwrap().title, "Which plans do we keep?");
    fs::remove_file(it.files.path().join("decisions/plans.yaml")).unwrap();
    it.crawl_again().await;
    assert_eq!(it.catalog.view().decisions().await.unwrap().decisions, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_answers_are_counted() {
    let it = company().await;
    let coverage = it.catalog.view().five_answers().await.unwrap();
    assert_eq!((coverage.all.all, coverage.all.given[0], coverage.all.given[3]), (8, 0, 0));
    assert!(coverage.by.iter().any(|(what, rows)| *what == "tier" && rows.iter().any(|row| row.name == "aggregated")));
    assert_eq!(coverage.undescribed[0].0.name, "shop.growth.churn", "what most read comes first");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_goes_from_its_scope_to_decisions_and_on_to_what_changed_since() {
    let it = company().await;
    let ana = editor("ana@shop.example");
    let number = it.catalog.begin_campaign(&ana, campaign(search("churn"), "churn"), &read_scope).await.unwrap();
    let begun = it.catalog.view().campaign(number).await.unwrap();
    let (growth, finance) = (ordinal(&begun, "shop.growth.churn"), ordinal(&begun, "shop.finance.churn"));
    let item = begun.items.iter().find(|item| item.ordinal == growth).unwrap();
    let questions = item.evidence.questions();
    assert_eq!(questions.len(), 5);
    assert!(questions[0].evidence.contains(&"3 assets read it".to_owned()), "{questions:?}");
    assert!(questions[3].evidence.contains(&"“How many leave?”".to_owned()), "{questions:?}");
    let rita = Actor { role: Role::Viewer, scope: Scope::Write, ..editor("rita@shop.example") };
    assert_eq!(it.catalog.view().reminders(&rita).await.unwrap().len(), 1);
    let answers = BTreeMap::from([("relevant".to_owned(), "Yes, weekly.".to_owned())]);
    it.catalog.decide(&rita, number, NewVerdict { answers, ..verdict(vec![(growth, 0)], Decided::Keep) }).await.unwrap();
    let archived = verdict(vec![(finance, 0)], Decided::Archive);
    assert!(
        matches!(it.catalog.decide(&rita, number, archived.clone()).await, Err(CatalogError::Forbidden(_))),
        "who may not deprecate may not archive"
    );
    it.catalog.decide(&ana, number, archived).await.unwrap();
    let asset = it.catalog.view().show_asset("bigquery", "shop.finance.churn").await.unwrap();
    assert!(asset.deprecation.unwrap().note.contains("First quarter"), "archiving deprecates, and says where that was decided");
    let nobody = Actor { role: Role::Viewer, scope: Scope::Write, ..editor("zoe@shop.example") };
    let forbidden = it.catalog.decide(&nobody, number, verdict(vec![(growth, 0)], Decided::Keep)).await;
    assert!(matches!(forbidden, Err(CatalogError::Forbidden(_))));
    let now = it.catalog.view().campaign(number).await.unwrap();
    assert_eq!((now.summary.decided, now.summary.by_reviewer.len()), (2, 2));
    it.catalog.close_campaign(&ana, number, Closing::Close, "").await.unwrap();
    let closed = it.catalog.decide(&ana, number, verdict(vec![(growth, 1)], Decided::Fix)).await;
    assert!(matches!(closed, Err(CatalogError::BadQuestion(_))), "{closed:?}");
    // What changed since: one is read by more and has a finding, one is new in the scope.
    fs::write(it.files.path().join("new.sql"), "CREATE TABLE shop.b.churn_by_plan AS SELECT plan, COUNT(*) AS n FROM shop.raw.accounts GROUP BY plan;\nCREATE TABLE shop.b.reader AS SELECT churn_rate FROM shop.finance.churn;\n").unwrap();
    it.crawl_again().await;
    let follow = campaign(AuditScope::ChangedSince(number), "");
    let second = it.catalog.begin_campaign(&ana, follow, &read_scope).await.unwrap();
    let second = it.catalog.view().campaign(second).await.unwrap();
    assert_eq!(second.summary.follows, Some(number));
    let because = |name: &str| second.items[ordinal(&second, name) as usize - 1].evidence.because.clone();
    assert_eq!(because("shop.b.churn_by_plan"), ["it came into the scope since"]);
    assert!(because("shop.finance.churn")[0].contains("archived, and is still read"));
    assert!(second.items.iter().all(|item| item.evidence.name != "shop.growth.churn"), "what is as it was is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_reviewers_at_once_and_an_asset_that_vanishes_lose_nothing() {
    let it = company().await;
    let ana = editor("ana");
    let number = it.catalog.begin_campaign(&ana, campaign(search("churn"), "churn"), &read_scope).await.unwrap();
    let begun = it.catalog.view().campaign(number).await.unwrap();
    let (growth, finance) = (ordinal(&begun, "shop.growth.churn"), ordinal(&begun, "shop.finance.churn"));
    it.catalog.decide(&ana, number, verdict(vec![(growth, 0)], Decided::Keep)).await.unwrap();
    let late = it.catalog.decide(&editor("bo"), number, verdict(vec![(growth, 0), (finance, 0)], Decided::Fix)).await;
    let Err(CatalogError::BadQuestion(told)) = late else { panic!("{late:?}") };
    assert!(told.contains("ana of shop.growth.churn (keep)") && told.contains("Nothing was kept"), "{told}");
    assert_eq!(it.catalog.view().campaign(number).await.unwrap().summary.decided, 1);
    fs::remove_file(it.files.path().join("finance.sql")).unwrap();
    it.crawl_again().await;
    let now = it.catalog.view().campaign(number).await.unwrap();
    let gone = now.items.iter().find(|item| item.ordinal == finance).unwrap();
    assert!(gone.asset.is_none() && gone.evidence.name == "shop.finance.churn", "what was known stands");
    it.catalog.decide(&ana, number, verdict(vec![(finance, 0)], Decided::Archive)).await.unwrap();
    assert_eq!(it.catalog.view().campaign(number).await.unwrap().summary.decided, 2);
    for wrong in [
        NewVerdict { decided: Some(Decided::Merge), ..verdict(vec![(growth, 1)], Decided::Merge) },
        verdict(Vec::new(), Decided::Keep),
    ] {
        assert!(matches!(it.catalog.decide(&ana, number, wrong).await, Err(CatalogError::BadQuestion(_))));
    }
    for odd in [
        NewCampaign { title: " ".to_owned(), ..campaign(search("churn"), "") },
        NewCampaign { reviewers: Vec::new(), ..campaign(search("churn"), "") },
        NewCampaign { due: "2001-01-01".to_owned(), ..campaign(search("churn"), "") },
        campaign(search("nothing_like_it_anywhere"), ""),
    ] {
        assert!(matches!(it.catalog.begin_campaign(&ana, odd, &read_scope).await, Err(CatalogError::BadQuestion(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_items_are_one_campaign() {
    let (files, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let tables: String = (0..10_000).map(|at| format!("CREATE TABLE shop.many.t{at} (a INT64);\n")).collect();
    fs::write(files.path().join("all.sql"), &tables).unwrap();
    crawl_folder(files.path(), data.path()).await;
    let catalog = Catalog::open(data.path()).await.unwrap();
    let ana = editor("ana");
    let number = catalog.begin_campaign(&ana, campaign(search("kind:table"), ""), &read_scope).await;
    let number = number.unwrap();
    let begun = catalog.view().campaign(number).await.unwrap();
    assert!(begun.items.len() >= 10_000, "{}", begun.items.len());
    let all: Vec<(i64, i64)> = begun.items.iter().map(|item| (item.ordinal, 0)).collect();
    catalog.decide(&ana, number, verdict(all, Decided::Keep)).await.unwrap();
    assert_eq!(catalog.view().campaign(number).await.unwrap().summary.percent(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_that_is_named_by_its_title_is_the_metric_beside_it() {
    let (files, data) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let metric = |name: &str, more: &str| {
        format!("[metrics.{name}]\nselect_expression = \"COUNT(DISTINCT visitor)\"\ndata_source = \"visits\"\n{more}\n\n")
    };
    let source = "[data_sources.visits]\nfrom_expression = \"shop.raw.visits\"\n\n";
    let real = metric("real", "friendly_name = \"Visitors (real)\"");
    let seen = metric("seen", "deprecated = true\ndescription = \"\"\"Deprecated in favor of \"Visitors (real)\".\"\"\"");
    for (path, text) in [("web.toml", format!("{source}{real}{seen}")), ("app.toml", format!("{source}{real}"))] {
        fs::write(files.path().join(path), text).unwrap();
    }
    crawl_folder(files.path(), data.path()).await;
    let view = Catalog::open(data.path()).await.unwrap().view();
    let deprecated = view.deprecations().await.unwrap();
    let [only] = deprecated.as_slice() else { panic!("one deprecated metric, not {deprecated:?}") };
    let replacement = only.deprecation.replacement.as_ref().unwrap();
    assert_eq!(replacement.text, "Visitors (real)");
    let folder = |name: &str| name.rsplit_once('.').map(|(folder, _)| folder.to_owned());
    let asset = replacement.asset.as_ref().unwrap();
    assert_eq!((folder(&asset.name), asset.name.ends_with(".real")), (folder(&only.asset.name), true));
}

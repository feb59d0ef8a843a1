//! Companies made from seeds, whose tables have planted fates, and their query logs: every verdict of
//! the ledger, and what holds every edge up, is held against what was planted, both ways.
//!
//! `WELLSPRING_COMPANIES` sets how many are made.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::Path,
};

use crate::choices::Choices;
use wellspring::{
    catalog::{Catalog, StalenessRules, Verdict},
    config::Config,
    crawl::{Silent, crawl},
    model::EdgeState,
};

/// The first day of the logs, seconds since 1970 UTC: 2026-05-01.
const FIRST: i64 = 1_777_593_600;
/// Days that the logs cover; the ledger looks back over the last 90.
const DAYS: u64 = 110;
const WINDOW: u64 = 90;

/// What becomes of a table, by itself: use of what is made of it comes on top.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fate {
    /// Days on which people ask for it.
    asked: Asked,
    /// Written daily: all the time, only before the window, never.
    written: Written,
    deprecated: bool,
    owned: bool,
    is_view: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Never,
    OnlyBefore,
    Once,
    Often,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    Never,
    OnlyBefore,
    Daily,
}

struct Table {
    name: String,
    reads: Vec<usize>,
    fate: Fate,
}

/// A table that no file tells of, made from one of the others every day.
struct Shadow {
    name: String,
    reads: usize,
    /// No text says so either: the warehouse alone states it.
    only_stated: bool,
}

struct Company {
    choices: Choices,
    tables: Vec<Table>,
    shadows: Vec<Shadow>,
    jobs: Vec<(i64, String)>,
}

impl Company {
    /// Layers of tables that read the ones before, some called nearly alike.
    fn new(seed: u64) -> Company {
        let mut company = Company { choices: Choices::new(seed), tables: Vec::new(), shadows: Vec::new(), jobs: Vec::new() };
        let words = ["orders", "visits", "refunds", "invoices", "carts", "signups", "tickets", "prices"];
        let count = 30 + company.choices.below(40);
        for at in 0..count {
            let dataset = ["raw_copy", "staging", "marts"][at * 3 / count];
            let word = words[company.choices.below(8)];
            let ending = ["", "_v1", "_v2", "_daily", "_old"][company.choices.below(5)];
            let mut name = format!("{dataset}.{word}{ending}");
            while company.tables.iter().any(|table| table.name == name) {
                name.push('x');
            }
            let reads = (0..company.choices.below(3)).filter(|_| at > 0).map(|_| company.choices.below(at));
            let reads: BTreeSet<usize> = reads.collect::<Vec<_>>().into_iter().collect();
            let fate = company.fate();
            company.tables.push(Table { name, reads: reads.into_iter().collect(), fate });
        }
        for at in 0..4 {
            let mut reads = company.choices.below(count);
            while company.tables[reads].fate.is_view {
                reads = company.choices.below(count);
            }
            company.shadows.push(Shadow { name: format!("scratch.shadow_{at}"), reads, only_stated: at % 2 == 1 });
        }
        company
    }

    fn fate(&mut self) -> Fate {
        let is_view = self.choices.below(5) == 0;
        Fate {
            asked: [Asked::Never, Asked::Never, Asked::Never, Asked::OnlyBefore, Asked::Once, Asked::Often]
                [self.choices.below(6)],
            written: match is_view {
                true => Written::Never,
                false => [Written::Never, Written::OnlyBefore, Written::Daily][self.choices.below(3)],
            },
            deprecated: self.choices.below(6) == 0,
            owned: self.choices.below(2) == 0,
            is_view,
        }
    }

    /// The verdicts that were planted.
    fn truth(&self) -> BTreeMap<String, Verdict> {
        let mut used: Vec<bool> =
            self.tables.iter().map(|table| matches!(table.fate.asked, Asked::Once | Asked::Often)).collect();
        let mut refreshed: Vec<bool> = self.tables.iter().map(|table| table.fate.written == Written::Daily).collect();
        for (at, table) in self.tables.iter().enumerate().rev() {
            for read in &table.reads {
                used[*read] |= used[at];
                // What a schedule writes daily is read daily.
                refreshed[*read] |= table.fate.written == Written::Daily;
            }
        }
        for shadow in self.shadows.iter().filter(|shadow| !shadow.only_stated) {
            refreshed[shadow.reads] = true;
        }
        let verdict = |(at, table): (usize, &Table)| {
            let verdict = match (used[at], refreshed[at]) {
                (true, _) if table.fate.deprecated => Verdict::DeprecatedButUsed,
                (true, _) => Verdict::InUse,
                (false, true) => Verdict::OnlyRefreshed,
                (false, false) if table.fate.owned => Verdict::Unused,
                (false, false) => Verdict::Orphaned,
            };
            (format!("acme.{}", table.name), verdict)
        };
        self.tables.iter().enumerate().map(verdict).collect()
    }

    /// What holds every edge up, as it was planted: (to, from) → state.
    fn edges(&self) -> BTreeMap<(String, String), EdgeState> {
        let full = |name: &str| format!("acme.{name}");
        let mut edges = BTreeMap::new();
        for table in &self.tables {
            let state = if table.fate.written == Written::Never { EdgeState::Declared } else { EdgeState::Confirmed };
            edges.extend(table.reads.iter().map(|read| ((full(&table.name), full(&self.tables[*read].name)), state)));
        }
        let of_shadow = |shadow: &Shadow| (full(&shadow.name), full(&self.tables[shadow.reads].name));
        edges.extend(self.shadows.iter().map(|shadow| (of_shadow(shadow), EdgeState::Observed)));
        edges
    }

    /// What BigQuery states of a job that writes `name` from `reads`: of views, the tables below.
    fn stated(&self, name: &str, reads: &[usize]) -> serde_json::Value {
        let reference = |name: &str| {
            let (dataset, table) = name.split_once('.').unwrap();
            serde_json::json!({"project_id": "acme", "dataset_id": dataset, "table_id": table})
        };
        let (mut open, mut below) = (reads.to_vec(), BTreeSet::new());
        while let Some(at) = open.pop() {
            match self.tables[at].fate.is_view {
                true => open.extend(&self.tables[at].reads),
                false => below.extend([at]),
            }
        }
        let below: Vec<_> = below.into_iter().map(|at| reference(&self.tables[at].name)).collect();
        serde_json::json!({"destination_table": reference(name), "referenced_tables": below})
    }

    fn query(&self, at: usize) -> String {
        let inputs: Vec<String> = self.tables[at].reads.iter().map(|read| format!("acme.{}", self.tables[*read].name)).collect();
        match inputs.as_slice() {
            [] => "SELECT 1 AS id, 2 AS amount".to_owned(),
            [one] => format!("SELECT id, SUM(amount) AS amount FROM `{one}` GROUP BY id"),
            [first, rest @ ..] => {
                let joins: String = rest.iter().map(|other| format!(" LEFT JOIN {other} USING (id)")).collect();
                format!("SELECT id, {first_name}.amount FROM {first} AS {first_name}{joins}", first_name = "base")
            }
        }
    }

    fn write_repository(&self, root: &Path) {
        for (at, table) in self.tables.iter().enumerate() {
            let folder = root.join("sql/acme").join(table.name.replace('.', "/"));
            std::fs::create_dir_all(&folder).unwrap();
            let (file, text) = match table.fate.is_view {
                true => ("view.sql", format!("CREATE OR REPLACE VIEW `acme.{}` AS {}", table.name, self.query(at))),
                false => ("query.sql", self.query(at)),
            };
            std::fs::write(folder.join(file), text).unwrap();
            let mut about = format!("friendly_name: {}\n", table.name);
            if table.fate.owned {
                about.push_str("owners:\n- data@acme.example.com\n");
            }
            if table.fate.deprecated {
                about.push_str("deprecated: true\n");
            }
            std::fs::write(folder.join("metadata.yaml"), about).unwrap();
        }
    }

    fn run(&mut self, day: u64, user: &str, labels: serde_json::Value, sql: &str) {
        self.run_stated(day, user, labels, sql, serde_json::json!({}));
    }

    /// A job of which the warehouse states more.
    fn run_stated(&mut self, day: u64, user: &str, labels: serde_json::Value, sql: &str, stated: serde_json::Value) {
        let at = FIRST + (day * 86_400 + self.choices.below(86_000) as u64) as i64;
        let time = |at: i64| jiff::Timestamp::from_second(at).unwrap().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let mut line = serde_json::json!({
            "job_id": format!("job_{}", self.jobs.len()), "job_type": "QUERY", "state": "DONE", "project_id": "acme",
            "user_email": user, "creation_time": time(at), "start_time": time(at), "end_time": time(at + 3),
            "query": sql, "total_bytes_processed": "1024", "error_result": null, "labels": labels,
        });
        line.as_object_mut().unwrap().extend(stated.as_object().unwrap().clone());
        self.jobs.push((at, line.to_string()));
    }

    /// A person asks for a table, in one of the ways that people have.
    fn ask(&mut self, day: u64, at: usize) {
        let name = self.tables[at].name.clone();
        let (dataset, table) = name.split_once('.').unwrap();
        let other = self.choices.below(self.tables.len());
        let other = self.tables[other].name.clone();
        let person = format!("person{}@acme.example.com", self.choices.below(5));
        let number = self.choices.below(1_000);
        let sql = match self.choices.below(8) {
            0 => format!("SELECT * FROM acme.{name} LIMIT {number}"),
            1 => format!("select count(*) from `acme`.`{dataset}`.`{table}` where id > {number}"),
            2 => format!("WITH mine AS (SELECT id FROM `acme.{name}`) SELECT * FROM mine -- not acme.{other}"),
            3 => format!("SELECT id FROM UNNEST([{number}]) AS id WHERE id IN (SELECT id FROM acme.{name})"),
            4 => format!("SELECT 'acme.{other}' AS note, t.* FROM acme.{name} AS t"),
            5 => format!("CREATE TEMP TABLE found AS SELECT id FROM acme.{name}; SELECT COUNT(*) FROM found"),
            6 => format!("/* {other} */ SELECT MAX(amount) FROM acme.{name} WHERE note = '{other}'"),
            _ => {
                let sql =
                    format!("-- Metabase:: userID: 4 queryType: native queryHash: 5f dashboardID: 2\nSELECT id FROM acme.{name}");
                return self.run(day, "metabase@acme.iam.gserviceaccount.com", serde_json::json!([]), &sql);
            }
        };
        self.run(day, &person, serde_json::json!([]), &sql);
    }

    fn write_log(&mut self, path: &Path) {
        let begin = DAYS - WINDOW;
        for day in 0..DAYS {
            // Somebody asks for something every day, so that the log covers it.
            self.run(day, "person0@acme.example.com", serde_json::json!([]), "SELECT 1");
            for at in 0..self.tables.len() {
                let fate = self.tables[at].fate;
                if fate.written == Written::Daily || (fate.written == Written::OnlyBefore && day + 1 < begin) {
                    let labels =
                        serde_json::json!([{"key": "airflow-dag", "value": "daily"}, {"key": "airflow-task", "value": "t"}]);
                    let sql = match day % 2 {
                        0 => format!("CREATE OR REPLACE TABLE acme.{} AS {}", self.tables[at].name, self.query(at)),
                        _ => format!("INSERT INTO acme.{} {}", self.tables[at].name, self.query(at)),
                    };
                    let stated = self.stated(&self.tables[at].name, &self.tables[at].reads);
                    self.run_stated(day, "airflow@acme.iam.gserviceaccount.com", labels, &sql, stated);
                }
                let asks = match fate.asked {
                    Asked::Never => false,
                    Asked::OnlyBefore => day + 1 < begin && day % 4 == 1,
                    Asked::Once => day == begin + 1 + at as u64 % (WINDOW - 2),
                    Asked::Often => self.choices.below(10) == 0 || day == begin + 5,
                };
                if asks {
                    self.ask(day, at);
                }
            }
        }
        for day in 0..DAYS {
            for at in 0..self.shadows.len() {
                let Shadow { name, reads, only_stated } = &self.shadows[at];
                let sql = match only_stated {
                    true => "CALL acme.ops.rebuild()".to_owned(),
                    false => format!("INSERT INTO acme.{name} SELECT id FROM acme.{}", self.tables[*reads].name),
                };
                let stated = self.stated(name, &[*reads]);
                self.run_stated(day, "cron@acme.iam.gserviceaccount.com", serde_json::json!([]), &sql, stated);
            }
        }
        self.jobs.sort();
        let text: String = self.jobs.iter().map(|(_, line)| format!("{line}\n")).collect();
        std::fs::write(path, text).unwrap();
    }
}

/// What was said of a company's tables, and of its edges.
type Judged = (BTreeMap<String, Verdict>, BTreeMap<(String, String), EdgeState>);

async fn judge(company: &mut Company) -> Judged {
    let folder = tempfile::tempdir().unwrap();
    company.write_repository(&folder.path().join("repository"));
    company.write_log(&folder.path().join("jobs.jsonl"));
    let settings = "[[warehouse]]\nname = \"bigquery\"\ndialect = \"bigquery\"\ndatabase = \"acme\"\n\
         [[source]]\nname = \"repository\"\npath = \"repository\"\nlayout = \"bigquery-etl\"\nwarehouse = \"bigquery\"\n\
         [[log]]\nname = \"jobs\"\npath = \"jobs.jsonl\"\nwarehouse = \"bigquery\"\n";
    std::fs::write(folder.path().join("wellspring.toml"), settings).unwrap();
    let data = folder.path().join("data");
    let config = Config { data: Some(data.clone()), ..Config::load(&folder.path().join("wellspring.toml")).unwrap() };
    let catalog = Catalog::open(&data).await.unwrap();
    assert_eq!(crawl(&config, catalog.store(), &Silent).await.unwrap().failed, []);
    catalog.refresh().await.unwrap();
    let ledger = catalog.view().ledger(StalenessRules::default()).await.unwrap();
    let named = |name: &str| !name.starts_with("acme.scratch.");
    let entries = ledger.entries.into_iter().filter(|entry| named(&entry.asset.name));
    let verdicts = entries.map(|entry| (entry.asset.name, entry.judged.verdict)).collect();
    let mut edges = BTreeMap::new();
    for state in [EdgeState::Confirmed, EdgeState::Declared, EdgeState::Observed, EdgeState::Guessed] {
        let reads = catalog.view().evidence(Some(state)).await.unwrap().reads;
        edges.extend(reads.into_iter().map(|read| ((read.to.name, read.from.name), state)));
    }
    (verdicts, edges)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_verdict_is_the_planted_one() {
    let companies = std::env::var("WELLSPRING_COMPANIES").ok().and_then(|count| count.parse().ok()).unwrap_or(3);
    // Of each verdict: planted and given, given, planted.
    let mut counts: BTreeMap<Verdict, [usize; 3]> = BTreeMap::new();
    let mut wrong = String::new();
    // Of each state: planted and given, planted.
    let mut of_edges: BTreeMap<EdgeState, [usize; 2]> = BTreeMap::new();
    for seed in 1..=companies {
        let mut company = Company::new(seed);
        let (given, edges) = judge(&mut company).await;
        for (edge, planted) in company.edges() {
            let state = edges.get(&edge);
            of_edges.entry(planted).or_default()[1] += 1;
            of_edges.entry(planted).or_default()[0] += usize::from(state == Some(&planted));
            if state != Some(&planted) {
                writeln!(wrong, "seed {seed}: {edge:?} is {planted:?} and called {state:?}").unwrap();
            }
        }
        let planted = company.edges();
        for (edge, state) in edges.iter().filter(|(edge, _)| !planted.contains_key(*edge)) {
            writeln!(wrong, "seed {seed}: {edge:?} is called {state:?} and was never planted").unwrap();
        }
        let truth = company.truth();
        assert_eq!(given.keys().collect::<Vec<_>>(), truth.keys().collect::<Vec<_>>(), "seed {seed}");
        for (name, planted) in truth {
            let given = given[&name];
            counts.entry(given).or_default()[1] += 1;
            counts.entry(planted).or_default()[2] += 1;
            if given == planted {
                counts.entry(given).or_default()[0] += 1;
            } else {
                let table = company.tables.iter().find(|table| name.ends_with(&format!(".{}", table.name))).unwrap();
                writeln!(wrong, "seed {seed}: {name} is {planted:?} and called {given:?}: {:?}", table.fate).unwrap();
            }
        }
    }
    for (verdict, [right, given, planted]) in &counts {
        println!("{:<20} precision {right}/{given}, recall {right}/{planted}", verdict.word());
    }
    for (state, [right, planted]) in &of_edges {
        println!("{:<20} {right} of {planted} edges", state.word());
    }
    assert_eq!(wrong, "");
    let planted = [Verdict::DeprecatedButUsed, Verdict::OnlyRefreshed, Verdict::Orphaned, Verdict::Unused, Verdict::InUse];
    assert!(planted.iter().all(|verdict| counts.get(verdict).is_some_and(|counts| counts[2] > 0)), "{counts:?}");
}

//! dbt projects without dbt: names, rendering, facts, and what is said of broken ones.

use std::path::Path;

use tempfile::TempDir;
use wellspring::{
    catalog::{Catalog, SearchQuery},
    config::Config,
    crawl::{Silent, crawl},
    store::Store,
};

const SHOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/dbt/shop");

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

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

/// The project of the fixtures, in a folder of its own.
fn shop() -> TempDir {
    let folder = TempDir::new().unwrap();
    copy_folder(Path::new(SHOP), folder.path());
    folder
}

/// A project of these files, beside a plain `dbt_project.yml`.
fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    write(folder.path(), "dbt_project.yml", "name: small\nprofile: small\n");
    write(folder.path(), "profiles.yml", "small:\n  outputs:\n    dev: {type: postgres, schema: main}\n");
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    folder
}

async fn crawl_into(store: &Store, root: &Path) {
    let config = Config::for_paths(&[root.to_str().unwrap().to_owned()], None).unwrap();
    crawl(&config, store, &Silent).await.unwrap();
}

async fn export(store: &Store) -> Vec<serde_json::Value> {
    let run = store.latest_run().await.unwrap().unwrap();
    let mut out = Vec::new();
    store.export(run, &mut out).await.unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn export_cold(root: &Path) -> Vec<serde_json::Value> {
    let data = TempDir::new().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    crawl_into(&store, root).await;
    export(&store).await
}

/// Assets, edges and diagnostics in short.
fn summarise(rows: &[serde_json::Value]) -> Vec<String> {
    let place = |value: &serde_json::Value| match value.get("column") {
        Some(column) => format!("{}.{}", value["name"].as_str().unwrap(), column.as_str().unwrap()),
        None => value["name"].as_str().unwrap().to_owned(),
    };
    let names = |value: &serde_json::Value| {
        let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let name = |item: &serde_json::Value| item.as_str().or_else(|| item["name"].as_str()).unwrap_or_default().to_owned();
        items.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    rows.iter()
        .map(|row| match row["type"].as_str().unwrap() {
            "asset" => {
                let word = |field: &str| row[field].as_str().unwrap_or_default();
                let owners = names(&row["owners"]);
                let columns = [names(&row["declared_columns"]), names(&row["inferred_columns"])];
                let [declared, inferred] = columns;
                let open = if row["inferred_complete"] == false && !inferred.is_empty() { ", …" } else { "" };
                let deprecated = if row["deprecated"].is_null() { "" } else { " deprecated" };
                let owners = if owners.is_empty() { owners } else { format!(" owned by {owners}") };
                format!(
                    "{} {} {} [{declared}] ({inferred}{open}){owners}{deprecated} {}",
                    word("role"),
                    word("kind"),
                    word("name"),
                    word("description")
                )
                .trim_end()
                .to_owned()
            }
            "diagnostic" => {
                format!(
                    "{} {}:{} {}",
                    row["code"].as_str().unwrap(),
                    row["path"].as_str().unwrap(),
                    row["line"],
                    row["message"].as_str().unwrap_or_default()
                )
            }
            "asset_edge" | "routine_edge" => format!("{} => {}", place(&row["from"]), place(&row["to"])),
            _ => format!("{} -> {} {}", place(&row["from"]), place(&row["to"]), row["kind"].as_str().unwrap()),
        })
        .collect()
}

fn find<'s>(lines: &'s [String], start: &str) -> &'s str {
    lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no `{start}` in\n{}", lines.join("\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_read_from_its_files_alone() {
    let folder = shop();
    insta::assert_snapshot!(summarise(&export_cold(folder.path()).await).join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_did_not_change_is_not_read_again() {
    let folder = shop();
    let data = TempDir::new().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    crawl_into(&store, folder.path()).await;
    let first = export(&store).await;
    let config = Config::for_paths(&[folder.path().to_str().unwrap().to_owned()], None).unwrap();
    let again = crawl(&config, &store, &Silent).await.unwrap();
    assert!(again.unchanged);
    assert_eq!(export(&store).await, first);
    // A new model costs itself, and the one model whose rendering hangs on columns of the catalog.
    write(folder.path(), "models/extra.sql", "select 1 as one");
    let more = crawl(&config, &store, &Silent).await.unwrap();
    assert_eq!(more.counts.analysed, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_say_columns_of_sources_and_how_tests_ended() {
    let folder = project(&[
        (
            "models/sources.yml",
            "sources:\n  - name: raw\n    tables:\n      - name: orders\n        columns:\n          - name: id\n            data_tests: [unique]\n",
        ),
        ("models/copy.sql", "select * from {{ source('raw', 'orders') }}"),
        (
            "target/catalog.json",
            r#"{"metadata": {}, "nodes": {}, "sources": {"source.small.raw.orders": {"columns": {"amount": {"type": "numeric", "index": 2, "name": "amount", "comment": null}, "id": {"type": "integer", "index": 1, "name": "id", "comment": "Its number."}}}}}"#,
        ),
        (
            "target/manifest.json",
            r#"{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v99.json"}, "nodes": {"test.small.source_unique_raw_orders_id.1": {"resource_type": "test", "name": "source_unique_raw_orders_id", "column_name": "id", "attached_node": null, "test_metadata": {"name": "unique", "kwargs": {}}, "depends_on": {"macros": [], "nodes": ["source.small.raw.orders"]}}}}"#,
        ),
        (
            "target/run_results.json",
            r#"{"results": [{"unique_id": "test.small.source_unique_raw_orders_id.1", "status": "fail", "failures": 3}]}"#,
        ),
        (".gitignore", "target/\n"),
    ]);
    let data = TempDir::new().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    crawl_into(&store, folder.path()).await;
    let lines = summarise(&export(&store).await);
    assert_eq!(find(&lines, "source table raw.orders"), "source table raw.orders [id, amount] ()");
    assert_eq!(find(&lines, "model view main.copy"), "model view main.copy [] (id, amount)");
    find(&lines, "invalid-metadata target/manifest.json:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn crawling_edits_ends_like_crawling_their_last_state() {
    let folder = shop();
    let data = TempDir::new().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    crawl_into(&store, folder.path()).await;
    let edits: [(&str, &str); 6] = [
        // A macro that two models call.
        (
            "macros/money.sql",
            "{% macro to_major(column, digits=2) %}({{ column }} + 1){% endmacro %}{% macro payment_methods() %}{{ return(['cash']) }}{% endmacro %}{% macro day_of(c) %}date({{ c }}){% endmacro %}",
        ),
        // A model that a reference to nothing meant.
        ("models/marts/nowhere.sql", "select order_id as id from {{ ref('stg_orders') }}"),
        // A column that a star over columns of the catalog lists.
        (
            "models/staging/stg_orders.sql",
            "select id as order_id, customer as customer_id, amount_cents as amount, ordered_at as ordered_on, loaded_at as seen from {{ source('raw', 'orders') }}",
        ),
        // Where a model is built.
        (
            "models/marts/customers_v2.sql",
            "{{ config(alias='clients', schema='people') }} select customer_id, count(*) as orders from {{ ref('orders') }} group by 1",
        ),
        // A file that breaks, and is mended.
        ("models/marts/by_customer.sql", "select {{ from {{ ref('customers') }}"),
        ("models/marts/by_customer.sql", "select * from {{ ref('customers') }}"),
    ];
    for (path, text) in edits {
        write(folder.path(), path, text);
        crawl_into(&store, folder.path()).await;
        let stale = |rows: Vec<serde_json::Value>| rows.into_iter().filter(|row| row.get("stale").is_none()).collect::<Vec<_>>();
        let (warm, cold) = (stale(export(&store).await), stale(export_cold(folder.path()).await));
        if !text.contains("select {{ from") {
            assert_eq!(summarise(&warm), summarise(&cold), "after {path}");
        }
    }
    let lines = summarise(&export(&store).await);
    find(&lines, "analytics.staging.stg_orders.seen -> analytics.marts.orders.seen IDENTITY");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_broken_is_said_and_the_rest_is_read() {
    let folder = project(&[
        ("models/good.sql", "select 1 as one"),
        ("models/reader.sql", "select one, {{ absent_macro('x') }} as two from {{ ref('good') }}"),
        ("models/lost.sql", "select *\nfrom {{ ref('nothing') }}"),
        ("models/a/twin.sql", "select 1 as a"),
        ("models/b/twin.sql", "select 2 as b"),
        ("models/ring_one.sql", "select * from {{ ref('ring_two') }}"),
        ("models/ring_two.sql", "select * from {{ ref('ring_one') }}"),
        ("models/tabs.yml", "models:\n\t- name: good\n"),
        ("models/bomb.sql", "select {{ bomb(12) }} as x"),
        ("macros/bomb.sql", "{% macro bomb(n) %}{% for i in range(1000) %}{{ bomb(n - 1) if n }}{% endfor %}{% endmacro %}"),
        ("models/endless.sql", "select {{ endless() }} as x"),
        ("macros/endless.sql", "{% macro endless() %}{{ endless() }}{% endmacro %}"),
        ("models/loop_of_ephemeral.sql", "{{ config(materialized='ephemeral') }} select * from {{ ref('loop_of_ephemeral') }}"),
        ("models/reads_loop.sql", "select * from {{ ref('loop_of_ephemeral') }}"),
        ("models/holds_itself.sql", "{% set a = [] %}{% do a.append(a) %}select {{ a | length }} as n"),
    ]);
    let lines = summarise(&export_cold(folder.path()).await);
    find(&lines, "unknown-macro models/reader.sql:1 nothing defines the macro `absent_macro`");
    find(&lines, "missing-reference models/lost.sql:2 `nothing`");
    find(&lines, "defined-twice models/b/twin.sql:1 the model `twin` is defined by `models/a/twin.sql` already");
    find(&lines, "dependency-cycle models/ring_one.sql");
    find(&lines, "invalid-metadata models/tabs.yml:2");
    find(&lines, "limit-exceeded models/bomb.sql");
    find(&lines, "limit-exceeded models/endless.sql");
    find(&lines, "template-placeholder models/reads_loop.sql");
    find(&lines, "model view main.good [] (one)");
    find(&lines, "main.good.one -> main.reader.one IDENTITY");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_described_column_that_the_model_lacks_is_drift_at_its_line() {
    let folder = project(&[
        ("models/orders.sql", "select 1 as id, 2 as amount, 3 as undescribed"),
        ("models/open.sql", "select * from raw.events"),
        (
            "models/wide.sql",
            "select id, {{ dbt_utils.pivot('kind', dbt_utils.get_column_values(ref('orders'), 'kind')) }} from {{ ref('orders') }}",
        ),
        (
            "models/schema.yml",
            "models:\n  - {name: wide, columns: [{name: fresh}]}\n  - {name: open, columns: [{name: anything}]}\n  - name: orders\n    columns:\n      - name: ID\n      - name: amout\n",
        ),
    ]);
    let rows = export_cold(folder.path()).await;
    let drift: Vec<_> = rows.iter().filter(|row| row["type"] == "diagnostic" && row["code"] == "schema-drift").collect();
    let [only] = drift.as_slice() else { panic!("one drift, not {drift:?}") };
    assert_eq!((only["path"].as_str(), only["line"].as_u64()), (Some("models/schema.yml"), Some(4)), "{only}");
    assert!(only["message"].as_str().unwrap().ends_with("declares `amout`, which the SQL does not write"), "{only}");
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_of_one_repository_know_each_other() {
    let folder = TempDir::new().unwrap();
    let profiles = "p:\n  outputs:\n    dev: {type: postgres, database: db, schema: main}\n";
    let files = [
        ("profiles.yml", profiles),
        ("one/dbt_project.yml", "name: one\nprofile: p\nmodel-paths: [models, ../shared]\n"),
        ("one/models/base.sql", "select 1 as id, 2 as other"),
        ("two/dbt_project.yml", "name: two\nprofile: p\nmodel-paths: [models, ../shared]\n"),
        ("two/packages.yml", "packages:\n  - local: ../one\n"),
        (
            "two/models/top.sql",
            "select b.id, s.id as again from {{ ref('one', 'base') }} as b join {{ source('lake', 'base') }} as s on s.other = b.other",
        ),
        (
            "two/macros/source.sql",
            "{% macro source(a, b) %}{{ return(builtins.source(a, b).replace_path(database='elsewhere')) }}{% endmacro %}",
        ),
        ("shared/sources.yml", "sources:\n  - name: lake\n    schema: main\n    tables:\n      - name: base\n"),
    ];
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    let lines = summarise(&export_cold(folder.path()).await);
    find(&lines, "db.main.base.id -> db.main.top.id IDENTITY");
    // Under another database, but what the source names is what the other project builds.
    find(&lines, "db.main.base.id -> db.main.top.again IDENTITY");
}

#[tokio::test(flavor = "multi_thread")]
async fn python_in_templates_means_what_it_means_to_dbt() {
    let folder = project(&[
        (
            "models/base.sql",
            "select 1 as a, 2 as b, 3 as c",
        ),
        (
            "models/made.sql",
            "{% set names = ['a'] %}{% do names.extend(['b']) %}{% set ages = {'z': 1} %}{% do ages.update({'y': 2}) %}
select {% for name in names %}{{ name }} as {{ '%s_%s' % (name, 'x') }}, {% endfor %}
{% for key, value in ages.items() %}{{ value }} as {{ key }}, {% endfor %}
{{ wrap(names, column='c') }} from {{ ref('base') }}",
        ),
        (
            "macros/wrap.sql",
            "{% macro wrap(names, column, digits=+2) %}{% call inside() %}{{ column }}{% endcall %}{% if names | length == 2 %} as wrapped{% endif %}{% if kwargs %}x{% endif %}{% endmacro %}
{% macro inside() %}coalesce({{ caller() }}, 0){% endmacro %}",
        ),
        ("models/unpivoted.sql", "{{ dbt_utils.unpivot(relation=ref('base'), cast_to='int', exclude=['a'], field_name='what', value_name='v') }}"),
        ("models/united.sql", "select * from ({{ dbt_utils.union_relations([ref('base'), ref('made')], source_column_name=none) }}) as u"),
    ]);
    let lines = summarise(&export_cold(folder.path()).await);
    assert_eq!(find(&lines, "model view main.made"), "model view main.made [] (a_x, b_x, z, y, wrapped)");
    find(&lines, "main.base.c -> main.made.wrapped TRANSFORMATION");
    assert_eq!(find(&lines, "model view main.unpivoted"), "model view main.unpivoted [] (a, what, v)");
    find(&lines, "main.base.b -> main.unpivoted.v TRANSFORMATION");
    assert_eq!(find(&lines, "model view main.united"), "model view main.united [] (a, b, c, a_x, b_x, z, y, wrapped)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_alone_is_a_project() {
    let folder = TempDir::new().unwrap();
    copy_folder(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/definitions/dbt_manifest")), folder.path());
    // Another tool's file of that name is none.
    write(folder.path(), "web/manifest.json", r#"{"name": "shop", "icons": [], "metadata": {}}"#);
    let data = TempDir::new().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    crawl_into(&store, folder.path()).await;
    let rows = export(&store).await;
    insta::assert_snapshot!(summarise(&rows).join("\n"));
    let config = Config::for_paths(&[folder.path().to_str().unwrap().to_owned()], None).unwrap();
    assert!(crawl(&config, &store, &Silent).await.unwrap().unchanged);
    // How the last run of a test ended reaches its model.
    write(folder.path(), "docs/run_results.json", r#"{"results": []}"#);
    assert!(!crawl(&config, &store, &Silent).await.unwrap().unchanged);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_a_property_file_keeps_its_relation() {
    let folder = project(&[
        ("models/orders.sql", "select 1 as id, 2 as amount"),
        (
            "snapshots/kept.yml",
            "snapshots:\n  - name: orders_kept\n    relation: ref('orders')\n    description: Orders as they were.\n    config:\n      schema: history\n      unique_key: id\n      strategy: check\n      check_cols: all\n",
        ),
        ("models/late.sql", "select amount from {{ ref('orders_kept') }} where dbt_valid_to is null"),
    ]);
    let lines = summarise(&export_cold(folder.path()).await);
    let kept = find(&lines, "snapshot table ");
    assert!(kept.contains("orders_kept") && kept.contains("(id, amount, dbt_scd_id,"), "{kept}");
    let flows = |from: &str, to: &str| lines.iter().any(|line| line.starts_with(from) && line.contains(to));
    assert!(flows("main.orders.amount -> ", "orders_kept.amount IDENTITY"), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("orders_kept.amount -> main.late.amount IDENTITY")), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dbts_selectors_select_what_dbt_would() {
    let folder = project(&[
        ("models/staging/stg_orders.sql", "{{ config(materialized='view', tags=['daily']) }} select id, amount from raw.orders"),
        ("models/staging/stg_payments.sql", "{{ config(materialized='view') }} select id, paid from raw.payments"),
        (
            "models/marts/orders.sql",
            "{{ config(materialized='table', access='public', tags=['daily']) }} select o.id, p.paid from {{ ref('stg_orders') }} o join {{ ref('stg_payments') }} p using (id)",
        ),
        ("models/marts/totals.sql", "{{ config(materialized='table') }} select sum(paid) as paid from {{ ref('orders') }}"),
        ("seeds/rates.csv", "day,rate\n1,2\n"),
    ]);
    let data = TempDir::new().unwrap();
    let store = Store::open(data.path()).await.unwrap();
    crawl_into(&store, folder.path()).await;
    drop(store);
    let view = Catalog::open(data.path()).await.unwrap().view();
    for (text, expected) in [
        ("model:orders", "orders"),
        ("model:stg_*", "stg_orders stg_payments"),
        ("path:models/staging", "stg_orders stg_payments"),
        ("path:models/staging/", "stg_orders stg_payments"),
        ("file:totals.sql", "totals"),
        ("resource_type:seed", "rates"),
        ("config.materialized:table", "orders totals"),
        ("access:public", "orders"),
        ("package:small,materialized:view", "stg_orders stg_payments"),
        ("model:orders+1", "orders totals"),
        ("+orders,tag:daily", "orders stg_orders"),
        ("@stg_orders", "orders payments stg_orders stg_payments totals"),
        ("model:nowhere", ""),
        ("path:models/[", ""),
    ] {
        let query = SearchQuery { text: text.to_owned(), ..SearchQuery::default() };
        let answer = view.search(&query).await.unwrap();
        assert!(answer.selected.is_some(), "{text} is a selector");
        let mut names: Vec<&str> = answer.hits.iter().map(|hit| hit.asset.name.rsplit('.').next().unwrap()).collect();
        names.sort_unstable();
        // The raw table of orders has the model's last part.
        names.dedup();
        assert_eq!(names.join(" "), expected, "{text}");
    }
}

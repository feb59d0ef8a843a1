//! Names, descriptions, owners, SQL and addresses that try to run as scripts: none ever does.

use std::{fs, path::Path};

use serde_json::json;
use tempfile::TempDir;
use wellspring::{
    catalog::{Catalog, SearchQuery},
    config::Config,
    crawl::{Silent, crawl},
};

use super::{Width, reader_of};

const PAYLOADS: [&str; 6] = [
    "<script>window.hit=1</script>",
    "\"><img src=x onerror=window.hit=1>",
    "'-window.hit=1-'",
    "<svg/onload=window.hit=1>",
    "javascript:window.hit=1",
    "{{constructor.constructor('window.hit=1')()}}",
];

/// A repository in which everything that a person writes is a payload.
fn write_repository(folder: &Path) {
    let write = |path: &str, text: String| {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let markdown = "[click](javascript:window.hit=1) <a href=\"javascript:window.hit=1\" onclick=\"window.hit=1\">x</a> \
        <img src=x onerror=window.hit=1> ![x](x\"onerror=\"window.hit=1) <iframe srcdoc=\"<script>parent.hit=1</script>\"></iframe>";
    for (at, payload) in PAYLOADS.iter().enumerate() {
        let quoted = payload.replace('\'', "''");
        let yaml = |text: &str| serde_json::to_string(text).unwrap();
        write(
            &format!("sql/shop/marts/t{at}/metadata.yaml"),
            format!(
                "friendly_name: {0}\ndescription: {1}\nowners:\n- {0}\n- x@shop.example\nlabels:\n  note: {0}\n",
                yaml(payload),
                yaml(&format!("{payload} {markdown}"))
            ),
        );
        write(
            &format!("sql/shop/marts/t{at}/schema.yaml"),
            format!("fields:\n- name: id\n  type: STRING\n  description: {}\n", yaml(&format!("{payload} {markdown}"))),
        );
        write(
            &format!("sql/shop/marts/t{at}/query.sql"),
            format!(
                "-- {payload}\nSELECT id, '{quoted}' AS text, COUNT(DISTINCT id) AS `n {0}` FROM `shop.raw.{0}` WHERE note = '{quoted}' GROUP BY id\n",
                payload.replace(['`', '.'], "")
            ),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_people_write_ever_runs() {
    let folder = TempDir::new().unwrap();
    let repository = folder.path().join("shop");
    write_repository(&repository);
    let data = TempDir::new().unwrap();
    let mut config = Config::for_paths(&[repository.to_string_lossy().into_owned()], None).unwrap();
    config.data = Some(data.path().to_owned());
    let catalog = Catalog::open(data.path()).await.unwrap();
    crawl(&config, catalog.store(), &Silent).await.unwrap();
    catalog.refresh().await.unwrap();
    let everything = SearchQuery { per_page: 200, ..SearchQuery::default() };
    let hits = catalog.view().search(&everything).await.unwrap().hits;
    assert!(hits.iter().any(|hit| hit.asset.name.contains("<script>")), "payloads became names");
    drop(catalog);
    let Some(reader) = reader_of(data, Width::Desk).await else { return };
    let mut pages: Vec<String> = vec!["/".into(), "/search".into(), "/owners".into(), "/runs".into(), "/deprecations".into()];
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    for hit in &hits {
        let asset = format!("/assets/{}/{}", encode(&hit.asset.namespace), encode(&hit.asset.name));
        match &hit.column {
            Some(column) => {
                let column = encode(column);
                pages.extend([format!("{asset}/columns/{column}"), format!("{asset}/columns/{column}/explain")]);
                pages.extend([format!("{asset}/lineage?column={column}"), format!("{asset}/impact?column={column}")]);
            }
            None => {
                for tab in
                    ["", "/columns", "/lineage", "/lineage?show=table", "/lineage?show=list", "/impact", "/sql", "/history"]
                {
                    pages.push(format!("{asset}{tab}"));
                }
            }
        }
    }
    for payload in PAYLOADS {
        let payload = encode(payload);
        pages.extend(
            ["/search?q=", "/search?owner=", "/go?name=", "/query?sql=select+", "/owners/by-name/", "/diagnostics/", "/"]
                .map(|front| format!("{front}{payload}")),
        );
    }
    for page in &pages {
        reader.open(page).await;
        assert_eq!(reader.value("window.hit === undefined").await, json!(true), "{page}");
        let dangerous = reader
            .value(
                "[...document.querySelectorAll('a, iframe, object, embed, img, svg, [onclick], [onerror], [onload]')].filter(e => \
                 /^\\s*javascript:/i.test(e.getAttribute('href') || '') || ['IFRAME', 'OBJECT', 'EMBED', 'IMG'].includes(e.tagName) \
                 || [...e.attributes].some(a => a.name.startsWith('on'))).map(e => e.outerHTML.slice(0, 120))",
            )
            .await;
        assert_eq!(dangerous, json!([]), "{page}");
    }
    eprintln!("hostile: {} pages, no script ran", pages.len());
}

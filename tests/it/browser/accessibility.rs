//! axe-core over every page, light and dark: no serious or critical violation of WCAG 2.2 A and AA.

use serde_json::{Value, json};

use super::{Reader, Width, pages, reader};

const AXE: &str = include_str!("../../vendor/axe.min.js");

/// Violations that axe calls serious or critical: rule, what it asks, and where.
pub(super) async fn serious_violations(reader: &Reader) -> Value {
    reader.driver.execute(format!("{AXE}; return !!window.axe"), Vec::new()).await.unwrap();
    let run = "const done = arguments[arguments.length - 1]; \
        const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']; \
        axe.run(document, {resultTypes: ['violations'], runOnly: {type: 'tag', values: tags}}).then(found => done(found.violations \
            .filter(one => ['serious', 'critical'].includes(one.impact)) \
            .map(one => [one.id, one.help, ...one.nodes.slice(0, 4).map(node => node.html.slice(0, 160) + ' ' + (node.any[0]?.message || ''))])))";
    reader.driver.execute_async(run, Vec::new()).await.unwrap().json().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_a_serious_violation() {
    let Some(reader) = reader(Width::Desk).await else { return };
    let mut looked_at = 0;
    let mut bad: Vec<Value> = Vec::new();
    for (name, path) in pages() {
        reader.open(&path).await;
        for theme in ["light", "dark"] {
            reader.driver.execute(format!("document.documentElement.dataset.theme = '{theme}'"), Vec::new()).await.unwrap();
            let found = serious_violations(&reader).await;
            looked_at += 1;
            if found != json!([]) {
                bad.push(json!([name, theme, found]));
            }
        }
    }
    eprintln!("axe: {looked_at} views, {} with serious violations", bad.len());
    let told: Vec<String> = bad.iter().map(ToString::to_string).collect();
    assert!(bad.is_empty(), "{}", told.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_sees_what_is_wrong() {
    let Some(reader) = reader(Width::Desk).await else { return };
    reader.open("/owners").await;
    reader.driver.execute("document.querySelector('main').innerHTML = '<button></button>'", Vec::new()).await.unwrap();
    assert_ne!(serious_violations(&reader).await, json!([]), "a button without a name is a serious violation");
}

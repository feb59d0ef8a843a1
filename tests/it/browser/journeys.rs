//! The three people from start to end, by keyboard alone: the new hire, the analyst, the reviewer.

use serde_json::json;
use thirtyfour::Key;

use super::{MART, Reader, Width, reader};

impl Reader {
    /// Presses Tab until what has the focus matches `css`.
    async fn tab_to(&self, css: &str) {
        for _ in 0..250 {
            self.press(Key::Tab).await;
            if self.value(&format!("document.activeElement.matches({css:?})")).await == json!(true) {
                return;
            }
        }
        panic!("Tab never reaches {css} at {}", self.driver.current_url().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_hire_finds_what_churn_means_by_keyboard() {
    let Some(reader) = reader(Width::Desk).await else { return };
    reader.open("/").await;
    reader.press("/").await;
    reader.until("document.activeElement.matches('[data-find]')").await;
    reader.press("churn").await;
    reader.press(Key::Enter).await;
    reader.until("location.pathname === '/search' && document.querySelector('.metric-card')").await;
    reader.until("document.querySelector('.metric-card').textContent.includes('different ways')").await;
    reader.tab_to(".metric-card a.name").await;
    reader.press(Key::Enter).await;
    reader.until("location.pathname.includes('/columns/churn')").await;
    reader.press("e").await;
    reader.until("location.pathname.endsWith('/explain') && document.querySelectorAll('.steps > li').length > 1").await;
    reader.check_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_analyst_walks_from_a_number_to_the_raw_event_by_keyboard() {
    let Some(reader) = reader(Width::Desk).await else { return };
    reader.open(&format!("{MART}/columns")).await;
    reader.tab_to("#columns a[href$='/columns/churn_rate']").await;
    reader.press(Key::Enter).await;
    reader.until("location.pathname.endsWith('/columns/churn_rate')").await;
    reader.press("e").await;
    reader.until("document.querySelector('.steps')").await;
    let first = reader.value("document.querySelector('.steps > li .say').textContent").await;
    assert!(first.as_str().unwrap().contains("Divides"), "{first}");
    reader.until("document.querySelector('.steps').textContent.includes('billing_events')").await;
    reader.press("l").await;
    reader.until("location.pathname.endsWith('/lineage') && document.querySelector('svg.lineage.tracing .edge.lit')").await;
    reader.press("]").await;
    reader.until("location.search.includes('up=2')").await;
    reader.press(Key::Escape).await;
    reader.until("!document.querySelector('svg.lineage.tracing')").await;
    reader.check_quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reviewer_gets_from_the_deprecations_to_whom_to_tell_by_keyboard() {
    let Some(reader) = reader(Width::Desk).await else { return };
    reader.open("/").await;
    reader.press(Key::Escape).await;
    reader.driver.execute("document.activeElement.blur()", Vec::new()).await.unwrap();
    reader.press("gd").await;
    reader.until("location.pathname === '/deprecations'").await;
    reader.press("j").await;
    reader.until("document.activeElement.closest('[data-item]')").await;
    reader.press(Key::Enter).await;
    reader.until("document.body.dataset.asset").await;
    assert_eq!(reader.value("!!document.querySelector('.banner.warn')").await, json!(true), "it says that it is deprecated");
    reader.press("i").await;
    reader.until("location.pathname.endsWith('/impact')").await;
    reader.check_quiet().await;
}

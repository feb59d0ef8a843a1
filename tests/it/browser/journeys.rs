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

#[tokio::test(flavor = "multi_thread")]
async fn the_reviewer_takes_an_audit_from_its_scope_to_the_report_and_the_one_after_it() {
    let Some(reader) = reader(Width::Desk).await else { return };
    let fill = async |css: &str, text: &str| {
        let script = format!("document.querySelector({css:?}).value = {text:?}");
        reader.driver.execute(&script, Vec::new()).await.unwrap();
    };
    let click = async |css: &str| {
        let script = format!("document.querySelector({css:?}).click()");
        reader.driver.execute(&script, Vec::new()).await.unwrap();
    };
    reader.open("/audits/new?q=churn").await;
    reader.until("document.querySelector('form.edit [name=title]')").await;
    fill("form.edit [name=title]", "First quarter").await;
    fill("form.edit [name=reviewers]", "rita@shop.example").await;
    fill("form.edit [name=due]", "2999-03-31").await;
    click("form.edit button.go").await;
    reader.until("location.pathname === '/audits/1' && document.querySelectorAll('tbody tr').length > 1").await;
    reader.check_quiet().await;
    // One with answers, the rest at once.
    click("tbody th a").await;
    reader.until("document.querySelector('[name=answer-relevant]')").await;
    let name = reader.value("document.querySelector('h1').textContent").await;
    fill("[name=answer-relevant]", "Read every Monday.").await;
    fill("[name=note]", "The board asks for it.").await;
    click("[name=decided][value=keep]").await;
    click("form.questions button.go").await;
    reader.until("location.pathname !== '/audits/1/items/1'").await;
    reader.open("/audits/1?show=open").await;
    let open = reader.value("document.querySelectorAll('tbody .tick').length").await;
    assert!(open.as_u64().unwrap() > 0, "{open}");
    reader.driver.execute("document.querySelectorAll('tbody .tick').forEach((box) => box.click())", Vec::new()).await.unwrap();
    fill("fieldset.bulk [name=decided]", "archive").await;
    fill("fieldset.bulk [name=note]", "Nobody reads these.").await;
    click("fieldset.bulk button.go").await;
    reader.until("!document.querySelector('tbody tr')").await;
    reader.open("/audits/1").await;
    click("form[action$='/close'] button").await;
    reader.until("document.querySelector('.title-row .tag.good')").await;
    reader.open("/audits/1/report").await;
    let report = reader.value("document.querySelector('main').textContent").await;
    let report = report.as_str().unwrap();
    for told in ["Read every Monday.", "The board asks for it.", "Nobody reads these.", "Signed off by"] {
        assert!(report.contains(told), "{told}: {report}");
    }
    reader.check_quiet().await;
    reader.open("/deprecations").await;
    let deprecated = reader.value("document.querySelector('main').textContent").await;
    assert!(deprecated.as_str().unwrap().contains("First quarter"), "archiving deprecates everywhere: {deprecated}");
    // What is archived and still read comes back next time, what was kept and did not change does not.
    reader.open("/audits/new?follow=1").await;
    reader.until("document.querySelector('form.edit [name=title]')").await;
    let scope = reader.value("document.querySelector('main .rows').textContent").await;
    assert!(scope.as_str().unwrap().contains("archived, and is still read"), "{scope}");
    assert!(!scope.as_str().unwrap().contains(name.as_str().unwrap()), "{name} was kept: {scope}");
    fill("form.edit [name=due]", "2999-06-30").await;
    click("form.edit button.go").await;
    reader.until("location.pathname === '/audits/2' && document.querySelector('a[href=\"/audits/1\"]')").await;
    reader.check_quiet().await;
}

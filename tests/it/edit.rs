//! Stating things on pages: forms with and without scripts, conflicts, many at once, hostile values.

use axum::http::{StatusCode, header};

use super::access::{Door, door};

const EVENTS: &str = "/assets/bigquery/shop.raw.billing_events";

async fn open() -> (Door, String) {
    let door = door("access.sign_in = true").await;
    let cookie = door.sign_in("ed").await;
    (door, cookie)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_has_a_form_that_keeps_what_it_says() {
    let (door, cookie) = open().await;
    for (field, form, shown) in [
        ("owners", "owner=team-a&owner_type=technical&owner=bo&owner_type=business&owner=&owner_type=technical", "team-a"),
        ("deprecation", "note=Old+news&date=2027-01-31&replacement=shop.marts.x&columns=a+%3D+b", "goes away on 2027-01-31"),
        ("certification", "note=Checked+by+hand", "Checked by hand"),
        ("description", "text=Every+**event**", "<strong>event</strong>"),
        ("tags", "tags=alpha%2C+beta", "/search?tag=beta"),
        ("tier", "tier=analytical", "analytical"),
        ("wrong", "since=2026-11-01&because=Twice", "Wrong since 2026-11-01"),
    ] {
        let address = format!("{EVENTS}/edit/{field}");
        let page = door.get(&address, &cookie).await;
        assert_eq!(page.status, StatusCode::OK, "{field}");
        assert!(page.body.contains("name=\"seen\" value=\"0\"") && page.body.contains("<h1>"), "{field}");
        let saved = door.post(&address, &cookie, &format!("what=set&seen=0&{form}")).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{field}: {}", saved.body);
        assert_eq!(saved.headers[header::LOCATION], format!("{EVENTS}#field-{field}").as_str());
        let page = door.get(EVENTS, &cookie).await.body;
        assert!(page.contains(shown), "{field}: {page}");
        let history = door.get(&format!("{EVENTS}/history"), &cookie).await.body;
        assert!(history.contains("/undo"), "{field}");
    }
    for (field, shown) in [("certification", "Checked by hand"), ("wrong", "Wrong since"), ("owners", "team-a")] {
        door.post(&format!("{EVENTS}/edit/{field}"), &cookie, "what=clear").await;
        assert!(!door.get(EVENTS, &cookie).await.body.contains(shown), "{field}");
    }
    let column = format!("{EVENTS}/edit/description");
    let saved = door.post(&column, &cookie, "column=subscription_id&text=Its number").await;
    assert_eq!(saved.headers[header::LOCATION], format!("{EVENTS}/columns/subscription_id").as_str());
    assert!(door.get(&format!("{EVENTS}/columns/subscription_id"), &cookie).await.body.contains("Its number"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_editors_sees_the_first_ones_change_and_keeps_what_they_typed() {
    let (door, cookie) = open().await;
    let address = format!("{EVENTS}/edit/description");
    door.post(&address, &cookie, "seen=0&text=The+first+text").await;
    let late = door.post(&address, &cookie, "seen=0&text=The+second+text").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.body.contains("The first text") && late.body.contains("The second text") && late.body.contains("ed changed"));
    let seen = late.body.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(door.get(EVENTS, &cookie).await.body.contains("The first text"));
    let again = door.post(&address, &cookie, &format!("seen={seen}&text=The+second+text")).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER);
    assert!(door.get(EVENTS, &cookie).await.body.contains("The second text"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_comes_back_with_the_reason() {
    let (door, cookie) = open().await;
    for (field, form, reason) in [
        ("wrong", "since=soon&because=x", "must be a day like"),
        ("wrong", "since=2026-01-01&because=", "say why"),
        ("deprecation", "columns=nonsense", "write columns as"),
        ("tier", "tier=gold", "choose one of the tiers"),
        ("tags", "what=explode", "nothing that a form can want"),
    ] {
        let reply = door.post(&format!("{EVENTS}/edit/{field}"), &cookie, form).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(reply.body.contains(reason), "{field}: {}", reply.body);
    }
    for missing in ["nonsense", "tags?column=subscription_id", "description?column=nope"] {
        assert_eq!(door.get(&format!("{EVENTS}/edit/{missing}"), &cookie).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_assets_are_changed_at_once_and_taken_back_at_once() {
    let (door, cookie) = open().await;
    let search = door.get("/search?q=churn", &cookie).await.body;
    assert!(search.contains("form=\"bulk\"") && search.contains("action=\"/bulk\""));
    let all = door.post("/bulk", &cookie, "field=tags&all=%2Fsearch%3Fq%3Dchurn&back=%2Fsearch%3Fq%3Dchurn").await;
    assert_eq!(all.status, StatusCode::OK, "{}", all.body);
    let chosen = all.body.matches("name=\"asset\"").count();
    assert!(chosen > 2, "{chosen}");
    let form: String = all
        .body
        .split("name=\"asset\" value=\"")
        .skip(1)
        .map(|rest| format!("&asset={}", rest.split('"').next().unwrap().replace('%', "%25")))
        .collect();
    let seen = all.body.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let saved = door.post("/bulk/apply", &cookie, &format!("field=tags&tags=swept&what=set&mode=add&seen={seen}{form}")).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let tagged = door.get("/search?tag=swept", &cookie).await.body;
    assert_eq!(tagged.matches("class=\"tick\"").count(), chosen);
    let statements = door.get("/statements", &cookie).await.body;
    assert!(statements.contains(&format!("{chosen} together")));
    let undo = statements.split("action=\"/statements/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    door.post(&format!("/statements/{undo}/undo"), &cookie, "together=1").await;
    assert!(!door.get("/search?tag=swept", &cookie).await.body.contains("class=\"tick\""));
    let late = door.post("/bulk/apply", &cookie, &format!("field=tags&tags=late&seen={seen}{form}")).await;
    assert_eq!(late.status, StatusCode::CONFLICT, "what changed since the form was made is shown");
    assert_eq!(door.post("/bulk", &cookie, "field=tags").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(door.post("/bulk", &cookie, "field=tags&asset=bigquery/no.such").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_people_state_is_shown_as_text() {
    let (door, cookie) = open().await;
    let evil = "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E%22%27%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E%5Bx%5D(javascript%3Aalert(1))";
    for (field, form) in [
        ("owners", format!("owner={evil}&owner_type=technical")),
        ("deprecation", format!("note={evil}&replacement={evil}&columns={evil}+%3D+{evil}")),
        ("certification", format!("note={evil}")),
        ("description", format!("text={evil}")),
        ("tags", format!("tags={evil}")),
        ("wrong", format!("since=2026-01-01&because={evil}")),
    ] {
        let saved = door.post(&format!("{EVENTS}/edit/{field}"), &cookie, &form).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{field}: {}", saved.body);
    }
    door.post(&format!("{EVENTS}/edit/description"), &cookie, &format!("column=subscription_id&text={evil}")).await;
    let mut pages = vec!["/", "/search?q=img", "/owners", "/deprecations", "/statements", "/owners/none"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    for tab in ["", "/columns", "/columns/subscription_id", "/columns/subscription_id/explain", "/lineage", "/impact", "/history"]
    {
        pages.push(format!("{EVENTS}{tab}"));
    }
    for field in ["owners", "deprecation", "certification", "description", "tags", "wrong"] {
        pages.push(format!("{EVENTS}/edit/{field}"));
    }
    pages.push(format!("/owners/by-name/{}", evil.replace('+', "%20")));
    pages.push("/assets/bigquery/shop.marts.subscription_churn_monthly".to_owned());
    for page in pages {
        let reply = door.get(&page, &cookie).await;
        assert_eq!(reply.status, StatusCode::OK, "{page}");
        let body = reply.body.to_lowercase();
        for forbidden in ["<img src=x", "<script>", "href=\"javascript:", "onerror=alert(1)>\"'"] {
            assert!(!body.contains(forbidden), "{page} has {forbidden}");
        }
    }
}

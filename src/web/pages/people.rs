//! `/people`: who may sign in, and as what. For admins.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{CatalogError, NewPerson, Person, PersonChange, Token, make_password},
    model::Role,
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters, urls,
    },
};

#[derive(Template)]
#[template(path = "pages/people.html")]
struct PeoplePage {
    chrome: Chrome,
    people: Vec<Person>,
    made: Option<NewSecret>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/person.html")]
struct PersonPage {
    chrome: Chrome,
    person: Person,
    tokens: Vec<Token>,
    made: Option<NewSecret>,
    error: Option<String>,
}

/// A password that is shown once.
struct NewSecret {
    name: String,
    password: String,
}

impl PeoplePage {
    fn url(&self, person: &Person) -> String {
        url_of(&person.name)
    }
}

impl PersonPage {
    fn url(&self) -> String {
        url_of(&self.person.name)
    }
}

/// Shows everybody.
pub(crate) async fn show_people(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    let people = site.catalog.people().await?;
    visit.answer(&PeoplePage { chrome: visit.chrome.clone(), people, made: None, error: None })
}

/// Adds somebody, with a password that is shown once, or for a proxy to sign in.
pub(crate) async fn add_person(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let name = form.get("name").unwrap_or("").trim().to_lowercase();
    let password = if form.get("by_proxy").is_some() { None } else { Some(make_password()?) };
    let new = NewPerson {
        name: name.clone(),
        role: form.get("role").and_then(Role::from_word).unwrap_or(Role::Viewer),
        password: password.clone(),
        also: read_also(&form),
    };
    let (made, error) = match site.catalog.add_person(new).await {
        Ok(()) => (password.map(|password| NewSecret { name, password }), None),
        Err(CatalogError::BadQuestion(reason)) => (None, Some(format!("Not added: {reason}."))),
        Err(other) => return Err(other.into()),
    };
    let failed = error.is_some();
    let people = site.catalog.people().await?;
    Ok(once(visit.answer(&PeoplePage { chrome: visit.chrome.clone(), people, made, error })?, failed))
}

/// Shows one person.
pub(crate) async fn show_person(State(site): State<Site>, Path(name): Path<String>, visit: Visit) -> Result<Response, PageError> {
    Ok(once(show(&site, &visit, &name, None, None).await?, false))
}

/// Changes one person: role, owners they stand for, being shut out, a new password, tokens.
pub(crate) async fn change_person(
    State(site): State<Site>,
    Path(name): Path<String>,
    visit: Visit,
    body: String,
) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let mut made = None;
    let change = match form.get("what").unwrap_or("") {
        "role" => PersonChange {
            role: form.get("role").and_then(Role::from_word),
            also: Some(read_also(&form)),
            ..PersonChange::default()
        },
        "disable" => PersonChange { disabled: Some(true), ..PersonChange::default() },
        "enable" => PersonChange { disabled: Some(false), ..PersonChange::default() },
        "password" => {
            let password = make_password()?;
            made = Some(NewSecret { name: name.clone(), password: password.clone() });
            PersonChange { password: Some(password), ..PersonChange::default() }
        }
        "revoke" => {
            let id = form.get("token").and_then(|id| id.parse().ok()).unwrap_or(0);
            site.catalog.revoke_token(id, Some(&name)).await?;
            return Ok(Redirect::to(&url_of(&name)).into_response());
        }
        _ => return Err(PageError::BadRequest("The form does not say what to change.".to_owned())),
    };
    match site.catalog.change_person(&name, change).await {
        Ok(()) if made.is_some() => Ok(once(show(&site, &visit, &name, made, None).await?, false)),
        Ok(()) => Ok(Redirect::to(&url_of(&name)).into_response()),
        Err(CatalogError::BadQuestion(reason)) => {
            Ok(once(show(&site, &visit, &name, None, Some(format!("Not changed: {reason}."))).await?, true))
        }
        Err(other) => Err(other.into()),
    }
}

async fn show(
    site: &Site,
    visit: &Visit,
    name: &str,
    made: Option<NewSecret>,
    error: Option<String>,
) -> Result<Response, PageError> {
    let person = site.catalog.people().await?.into_iter().find(|person| person.name == name);
    let person = person.ok_or_else(|| PageError::NotFound(name.to_owned()))?;
    let tokens = site.catalog.tokens(Some(name)).await?;
    visit.answer(&PersonPage { chrome: visit.chrome.clone(), person, tokens, made, error })
}

/// Secrets on a page are kept nowhere.
fn once(mut response: Response, failed: bool) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if failed {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response
}

fn read_also(form: &Query) -> Vec<String> {
    form.get("also").unwrap_or("").split(',').map(str::to_owned).collect()
}

fn url_of(name: &str) -> String {
    format!("/people/{}", urls::encode(name))
}

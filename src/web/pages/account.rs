//! `/account`: one's own password, sessions and tokens.

use std::time::Instant;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    catalog::{CatalogError, NewToken, PersonChange, Token},
    model::{Role, Scope},
    web::{
        Site,
        error::PageError,
        extract::{Chrome, Query, Visit},
        filters,
    },
};

#[derive(Template)]
#[template(path = "pages/account.html")]
struct AccountPage {
    chrome: Chrome,
    role: Role,
    also: Vec<String>,
    /// Whether they have a password here.
    has_password: bool,
    /// `None` where tokens are not for them: the local user needs none.
    tokens: Option<Vec<Token>>,
    /// The secret of a token that was just made: shown once.
    secret: Option<String>,
    error: Option<String>,
}

/// Shows one's own account.
pub(crate) async fn show_account(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    show(&site, &visit, None, None).await
}

/// Changes one's own password; the old one is asked for.
pub(crate) async fn set_password(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let name = visit.actor()?.name.clone();
    let (old, new) = (form.get("old").unwrap_or(""), form.get("new").unwrap_or(""));
    if !site.access.attempts.begin(&name, visit.visitor.peer, Instant::now()) {
        return Err(PageError::TooMany("Too many attempts that did not fit. Try again in a quarter of an hour.".to_owned()));
    }
    if !site.catalog.knows_password(&name, old).await? {
        return show(&site, &visit, None, Some("The old password does not fit.".to_owned())).await;
    }
    site.access.attempts.succeed(&name, visit.visitor.peer);
    let change = PersonChange { password: Some(new.to_owned()), ..PersonChange::default() };
    match site.catalog.change_person(&name, change).await {
        // Every session ended, this one too.
        Ok(()) => Ok(Redirect::to("/sign-in").into_response()),
        Err(CatalogError::BadQuestion(reason)) => show(&site, &visit, None, Some(format!("Not changed: {reason}."))).await,
        Err(other) => Err(other.into()),
    }
}

/// Ends all of one's own sessions.
pub(crate) async fn sign_out_everywhere(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    site.catalog.sign_out_everywhere(&visit.actor()?.name).await?;
    Ok(Redirect::to("/sign-in").into_response())
}

/// Makes a token, and shows its secret once.
pub(crate) async fn make_token(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let new = NewToken {
        label: form.get("label").unwrap_or("").to_owned(),
        scope: form.get("scope").and_then(Scope::from_word).unwrap_or(Scope::Read),
        days: form.number("days", 90, 0..=u32::MAX)?,
    };
    match site.catalog.make_token(&visit.actor()?.name, new).await {
        Ok(secret) => show(&site, &visit, Some(secret), None).await,
        Err(CatalogError::BadQuestion(reason)) => show(&site, &visit, None, Some(format!("Not made: {reason}."))).await,
        Err(other) => Err(other.into()),
    }
}

/// Takes one of one's own tokens back.
pub(crate) async fn revoke_token(State(site): State<Site>, Path(id): Path<i64>, visit: Visit) -> Result<Response, PageError> {
    site.catalog.revoke_token(id, Some(&visit.actor()?.name)).await?;
    Ok(Redirect::to("/account").into_response())
}

async fn show(site: &Site, visit: &Visit, secret: Option<String>, error: Option<String>) -> Result<Response, PageError> {
    let actor = visit.actor()?;
    let person = site.catalog.people().await?.into_iter().find(|person| person.name == actor.name);
    let tokens = match (&person, site.access.needs_sign_in()) {
        (Some(_), true) => Some(site.catalog.tokens(Some(&actor.name)).await?),
        _ => None,
    };
    let page = AccountPage {
        chrome: visit.chrome.clone(),
        role: actor.role,
        also: actor.also.clone(),
        has_password: person.is_some_and(|person| person.has_password),
        tokens,
        secret,
        error,
    };
    let mut response = visit.answer(&page)?;
    if page.error.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

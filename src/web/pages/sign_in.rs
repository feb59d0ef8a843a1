//! `/sign-in` and `/sign-out`: sessions begin and end.

use std::time::Instant;

use askama::Template;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};

use crate::web::{
    Site,
    access::session_secret,
    error::PageError,
    extract::{Chrome, Query, Visit},
    filters, urls,
};

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage {
    chrome: Chrome,
    name: String,
    back: String,
    error: Option<&'static str>,
    nobody_yet: bool,
}

/// Shows the form; whoever is signed in goes on.
pub(crate) async fn show_form(State(site): State<Site>, visit: Visit) -> Result<Response, PageError> {
    let back = urls::local(visit.query.get("back").unwrap_or("/")).to_owned();
    if visit.visitor.actor.is_some() {
        return Ok(Redirect::to(&back).into_response());
    }
    let nobody_yet = site.catalog.people().await?.is_empty();
    visit.answer(&SignInPage { chrome: visit.chrome.clone(), name: String::new(), back, error: None, nobody_yet })
}

/// Begins a session.
pub(crate) async fn sign_in(State(site): State<Site>, visit: Visit, body: String) -> Result<Response, PageError> {
    let form = Query::parse(&body);
    let (name, password) = (form.get("name").unwrap_or(""), form.get("password").unwrap_or(""));
    let back = urls::local(form.get("back").unwrap_or("/"));
    let peer = visit.visitor.peer;
    if !site.access.attempts.begin(name, peer, Instant::now()) {
        let said = "Too many attempts that did not fit. Try again in a quarter of an hour.";
        return Err(PageError::TooMany(said.to_owned()));
    }
    let Some(secret) = site.catalog.sign_in(name, password).await? else {
        let page = SignInPage {
            chrome: visit.chrome.clone(),
            name: name.to_owned(),
            back: back.to_owned(),
            error: Some("Name and password do not fit."),
            nobody_yet: false,
        };
        let mut response = visit.answer(&page)?;
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    };
    site.access.attempts.succeed(name, peer);
    Ok(with_cookie(Redirect::to(back).into_response(), visit.visitor.cookie(&secret)))
}

/// Ends the session.
pub(crate) async fn sign_out(State(site): State<Site>, visit: Visit, headers: HeaderMap) -> Result<Response, PageError> {
    if let Some(secret) = session_secret(&headers, visit.visitor.speaks_https) {
        site.catalog.sign_out(secret).await?;
    }
    Ok(with_cookie(Redirect::to("/sign-in").into_response(), visit.visitor.cookie("")))
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

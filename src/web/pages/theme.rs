//! `/theme`: keeps the reader's choice of light or dark in a cookie.

use axum::{
    Form,
    http::{HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::web::{error::PageError, urls};

/// The form of the switch.
#[derive(Deserialize)]
pub(crate) struct ThemeForm {
    theme: String,
    #[serde(default)]
    back: String,
}

/// Keeps the choice and leads back to the page it was made on.
pub(crate) async fn set_theme(Form(form): Form<ThemeForm>) -> Result<Response, PageError> {
    let cookie = match form.theme.as_str() {
        "dark" => "theme=dark; Path=/; Max-Age=31536000; SameSite=Lax",
        "light" => "theme=light; Path=/; Max-Age=31536000; SameSite=Lax",
        _ => "theme=; Path=/; Max-Age=0; SameSite=Lax",
    };
    let mut response = Redirect::to(urls::local(&form.back)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_static(cookie));
    Ok(response)
}

//! `/theme`: keeps the reader's choice of light or dark in a cookie.

use axum::{
    Form,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::web::{error::PageError, headers};

/// The form of the switch.
#[derive(Deserialize)]
pub(crate) struct ThemeForm {
    theme: String,
    #[serde(default)]
    back: String,
}

/// Keeps the choice and leads back to the page it was made on.
pub(crate) async fn set_theme(headers: HeaderMap, Form(form): Form<ThemeForm>) -> Result<Response, PageError> {
    headers::check_same_origin(&headers)?;
    let cookie = match form.theme.as_str() {
        "dark" => "theme=dark; Path=/; Max-Age=31536000; SameSite=Lax",
        "light" => "theme=light; Path=/; Max-Age=31536000; SameSite=Lax",
        _ => "theme=; Path=/; Max-Age=0; SameSite=Lax",
    };
    let mut response = Redirect::to(local(&form.back)).into_response();
    response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_static(cookie));
    Ok(response)
}

/// `back` where it is a page of ours; else home.
fn local(back: &str) -> &str {
    let is_local = back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\r', '\n']);
    if is_local { back } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_never_leads_to_another_host() {
        for odd in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nx"] {
            assert_eq!(local(odd), "/", "{odd:?}");
        }
        assert_eq!(local("/search?q=a"), "/search?q=a");
    }
}

//! The catalog below a path, behind a proxy: pages are written as if they stood at the root, and
//! this is the one place that puts the path in front of the addresses in them.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, StatusCode, Uri, header, uri::PathAndQuery},
    response::{IntoResponse, Response},
};
use tower::Service;

/// Attributes that hold addresses. Templates write every value between double quotes, and escape
/// these in texts, so that none of it is found outside of a tag.
const ATTRIBUTES: [&str; 8] = ["href", "src", "action", "hx-get", "hx-post", "data-asset", "data-column", "data-copy-url"];

/// Serves `inner` below `path` (`/tools/wellspring`), whether a proxy takes the path off or not.
pub(super) fn serve_below(path: &str, inner: Router) -> Router {
    let path: Arc<str> = path.into();
    Router::new().fallback(move |mut request: Request| {
        let (mut inner, path) = (inner.clone(), path.clone());
        async move {
            take_off(&path, request.uri_mut());
            let answer = inner.call(request).await;
            match answer {
                Ok(answer) => put_in_front(&path, answer).await,
                Err(never) => match never {},
            }
        }
    })
}

/// Takes `path` off the front of `uri`, where it stands there.
fn take_off(path: &str, uri: &mut Uri) {
    let Some(rest) = uri.path().strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with('/')) else { return };
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let slash = if rest.is_empty() { "/" } else { "" };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = format!("{slash}{rest}{query}").parse::<PathAndQuery>().ok();
    if let Ok(shorter) = Uri::from_parts(parts) {
        *uri = shorter;
    }
}

/// Puts `path` in front of the addresses in an answer: redirects, cookies, pages and drawings.
async fn put_in_front(path: &str, answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let prefixed = |value: &HeaderValue, from: &str| {
        let text = value.to_str().ok().filter(|text| text.contains(from))?;
        HeaderValue::from_str(&text.replacen(from, &format!("{}{path}/", from.trim_end_matches('/')), 1)).ok()
    };
    let is_local = |value: &&HeaderValue| value.as_bytes().starts_with(b"/");
    if let Some(value) = parts.headers.get(header::LOCATION).filter(is_local).and_then(|value| prefixed(value, "/")) {
        parts.headers.insert(header::LOCATION, value);
    }
    // Browsers take a cookie with this prefix for the root of its host alone.
    let is_free = |value: &&HeaderValue| !value.as_bytes().starts_with(b"__Host-");
    if let Some(value) = parts.headers.get(header::SET_COOKIE).filter(is_free).and_then(|value| prefixed(value, "Path=/")) {
        parts.headers.insert(header::SET_COOKIE, value);
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes().to_vec()).unwrap_or_default();
    if !kind.starts_with(b"text/html") && !kind.starts_with(b"image/svg+xml") {
        return Response::from_parts(parts, body);
    }
    let Ok(bytes) = to_bytes(body, usize::MAX).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(prefix_attributes(path, &String::from_utf8_lossy(&bytes))))
}

fn prefix_attributes(path: &str, html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 16);
    let mut rest = html;
    while let Some(at) = rest.find("=\"/") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str("=\"");
        let name = before.rsplit(|letter: char| letter.is_ascii_whitespace()).next().unwrap_or("");
        if ATTRIBUTES.contains(&name) && !after.starts_with("=\"//") {
            out.push_str(path);
        }
        rest = after.get(2..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_attributes_get_the_path_and_nothing_else_does() {
        let html = "<a href=\"/runs\">x</a><a href=\"https://a.example/\"></a><input value=\"/runs\"><p>href=&quot;/</p><a\nhref=\"//x\"><i src=\"/a\">";
        let wanted = "<a href=\"/w/runs\">x</a><a href=\"https://a.example/\"></a><input value=\"/runs\"><p>href=&quot;/</p><a\nhref=\"//x\"><i src=\"/w/a\">";
        assert_eq!(prefix_attributes("/w", html), wanted);
    }

    #[test]
    fn only_the_whole_path_is_taken_off() {
        for (asked, left) in [("/w/runs?a=/w", "/runs?a=/w"), ("/w", "/"), ("/w/", "/"), ("/wide", "/wide"), ("/runs", "/runs")] {
            let mut uri: Uri = asked.parse().unwrap();
            take_off("/w", &mut uri);
            assert_eq!(uri.to_string(), left, "{asked}");
        }
    }
}

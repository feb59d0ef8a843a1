//! What every answer carries: the content security policy, its kin, entity tags, compression.

use super::error::PageError;
use crate::config::PublicUrl;
use axum::{
    Router,
    body::{Body, HttpBody, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::Response,
};
use tower_http::{CompressionLevel, compression::CompressionLayer};

/// Everything of `self` alone; what `default-src` does not cover is named (DESIGN.md §8).
pub(super) const CONTENT_SECURITY_POLICY: &str =
    "default-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'; object-src 'none'";

const ALWAYS: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Larger answers are not tagged, so that they need not be held in memory; bytes.
const MOST_TAGGED: usize = 4 << 20;

/// Wraps `router` so that every answer carries what it must.
pub(super) fn dress(router: Router) -> Router {
    router
        .layer(from_fn(tag_entity))
        .layer(CompressionLayer::new().quality(CompressionLevel::Precise(5)))
        .layer(from_fn(add_headers))
}

async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
    // One address answers with a page or with a part of it, in the reader's own colours.
    headers.append(header::VARY, HeaderValue::from_static("HX-Request, HX-Target, Cookie"));
    response
}

/// Gives whole answers a weak entity tag and leaves out bodies that the reader has already.
async fn tag_entity(request: Request, next: Next) -> Response {
    let asked = request.headers().get(header::IF_NONE_MATCH).cloned();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let response = next.run(request).await;
    let whole = response.body().size_hint().exact().is_some_and(|bytes| bytes <= MOST_TAGGED as u64);
    if !is_read || response.status() != StatusCode::OK || !whole {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MOST_TAGGED).await else {
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        return Response::from_parts(parts, Body::empty());
    };
    let tag = format!("W/\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(&bytes));
    let unchanged = asked.is_some_and(|asked| matches_tag(&asked, &tag));
    insert(&mut parts.headers, header::ETAG, &tag);
    if unchanged {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn matches_tag(asked: &HeaderValue, tag: &str) -> bool {
    let bare = tag.trim_start_matches("W/");
    asked.to_str().is_ok_and(|asked| asked.split(',').any(|one| one.trim().trim_start_matches("W/") == bare))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Refuses a change that another site asks for.
///
/// # Errors
/// [`PageError::Forbidden`] where the browser says that it comes from elsewhere.
pub(super) fn check_same_origin(headers: &HeaderMap, public: Option<&PublicUrl>) -> Result<(), PageError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let same = match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin), host) => origin.split_once("://").is_some_and(|(_, from)| {
            host == Some(from) || public.is_some_and(|public| public.origin().ends_with(&format!("://{from}")))
        }),
        (None, None, _) => true,
    };
    if same { Ok(()) } else { Err(PageError::Forbidden("This form was sent from another site.".to_owned())) }
}

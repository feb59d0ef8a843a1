//! Static files, inside the binary, under addresses that carry their checksum.

use std::{borrow::Cow, collections::BTreeMap, sync::LazyLock};

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "static/"]
#[exclude = "*.md"]
struct Files;

struct StaticFile {
    body: Cow<'static, [u8]>,
    content_type: &'static str,
    url: String,
}

static BY_NAME: LazyLock<BTreeMap<String, StaticFile>> = LazyLock::new(|| {
    let mut files = BTreeMap::new();
    for name in Files::iter() {
        if let Some(file) = Files::get(&name) {
            let sum = xxhash_rust::xxh3::xxh3_64(&file.data);
            let url = format!("/static/{sum:016x}/{name}");
            files.insert(name.to_string(), StaticFile { body: file.data, content_type: content_type(&name), url });
        }
    }
    files
});

/// The address of the static file `name`, checksum included.
pub(super) fn url(name: &str) -> &'static str {
    BY_NAME.get(name).map_or("/static/missing", |file| file.url.as_str())
}

/// The text of the static file `name`.
pub(super) fn text(name: &str) -> &'static str {
    BY_NAME.get(name).and_then(|file| std::str::from_utf8(&file.body).ok()).unwrap_or("")
}

/// Serves one static file; only the address with the right checksum may be kept for ever.
pub(super) async fn show_static(Path((sum, name)): Path<(String, String)>) -> Response {
    let Some(file) = BY_NAME.get(&name) else {
        return (StatusCode::NOT_FOUND, "no such file").into_response();
    };
    let caching = if file.url.split('/').nth(2) == Some(&sum) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let body = match &file.body {
        Cow::Borrowed(bytes) => axum::body::Body::from(*bytes),
        Cow::Owned(bytes) => axum::body::Body::from(bytes.clone()),
    };
    ([(header::CONTENT_TYPE, file.content_type), (header::CACHE_CONTROL, caching)], body).into_response()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

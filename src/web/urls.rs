//! Addresses of pages: names stay readable, everything else is percent-encoded.

use super::extract::decode;
use crate::catalog::AssetRef;

/// The asset's page.
pub(super) fn asset(asset: &AssetRef) -> String {
    named_asset(&asset.namespace, &asset.name)
}

/// The page of the asset called `name` in `namespace`.
pub(super) fn named_asset(namespace: &str, name: &str) -> String {
    format!("/assets/{}/{}", encode(namespace), encode(name))
}

/// What a form calls an asset: `namespace/name`, both encoded.
pub(super) fn form_name(asset: &AssetRef) -> String {
    format!("{}/{}", encode(&asset.namespace), encode(&asset.name))
}

/// The (namespace, name) that a form calls an asset.
pub(super) fn read_named_asset(text: &str) -> Option<(String, String)> {
    let (namespace, name) = text.split_once('/')?;
    Some((decode(namespace), decode(name)))
}

/// The page of `column` of `asset`.
pub(super) fn column(of: &AssetRef, column: &str) -> String {
    format!("{}/columns/{}", asset(of), encode(column))
}

/// The page of the owner called `name`; "" is the page of what nobody owns.
pub(super) fn owner(name: &str) -> String {
    match name {
        "" => "/owners/none".to_owned(),
        name => format!("/owners/by-name/{}", encode(name)),
    }
}

/// The page of the metrics that share the name, or the meaning, `id`.
pub(super) fn conflict(id: &str) -> String {
    format!("/conflicts/{}", encode(id))
}

/// The page of a diagnostic code.
pub(super) fn diagnostic(code: &str) -> String {
    format!("/diagnostics/{}", encode(code))
}

/// `path` with the pairs that have a value as its query.
pub(super) fn with_query<'a>(path: &str, pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut url = path.to_owned();
    let mut mark = '?';
    for (key, value) in pairs {
        url.push(mark);
        url.push_str(&encode(key));
        url.push('=');
        url.push_str(&encode(&value));
        mark = '&';
    }
    url
}

/// `back` where it is a page of ours; else home.
pub(super) fn local(back: &str) -> &str {
    let is_local = back.starts_with('/') && !back.starts_with("//") && !back.contains(['\\', '\r', '\n']);
    if is_local { back } else { "/" }
}

/// `text` as one segment of a path or one value of a query.
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' | b'@' | b'*' | b'$' | b'!' | b',' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_never_leads_to_another_host() {
        for odd in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\r\nx"] {
            assert_eq!(local(odd), "/", "{odd:?}");
        }
        assert_eq!(local("/search?q=a"), "/search?q=a");
    }

    #[test]
    fn plain_names_stay_readable_and_everything_else_is_encoded() {
        assert_eq!(encode("proj-1.mart.orders"), "proj-1.mart.orders");
        assert_eq!(encode("postgres://host:5432"), "postgres:%2F%2Fhost:5432");
        assert_eq!(encode("a b&c=d#e?é%"), "a%20b%26c%3Dd%23e%3F%C3%A9%25");
    }
}

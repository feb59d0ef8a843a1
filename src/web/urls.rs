//! Addresses of pages: names stay readable, everything else is percent-encoded.

use crate::catalog::AssetRef;

/// The asset's page.
pub(super) fn asset(asset: &AssetRef) -> String {
    format!("/assets/{}/{}", encode(&asset.namespace), encode(&asset.name))
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
    fn plain_names_stay_readable_and_everything_else_is_encoded() {
        assert_eq!(encode("proj-1.mart.orders"), "proj-1.mart.orders");
        assert_eq!(encode("postgres://host:5432"), "postgres:%2F%2Fhost:5432");
        assert_eq!(encode("a b&c=d#e?é%"), "a%20b%26c%3Dd%23e%3F%C3%A9%25");
    }
}

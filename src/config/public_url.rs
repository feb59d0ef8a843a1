//! The address under which people reach the catalog, taken apart.

use std::str::FromStr;

/// An address such as `https://data.example.com/wellspring`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    whole: String,
    host: String,
    path: String,
}

impl PublicUrl {
    /// The whole address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// Scheme, host and port, without the path.
    pub fn origin(&self) -> &str {
        self.whole.get(..self.whole.len() - self.path.len()).unwrap_or(&self.whole)
    }

    /// The host in lower case, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path that is in front of every page, without a slash at its end; "" at the root.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let whole = text.trim().trim_end_matches('/');
        let Some(rest) = whole.strip_prefix("http://").or_else(|| whole.strip_prefix("https://")) else {
            return Err(format!("`base_url` must start with http:// or https://, not `{text}`"));
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host_of(authority);
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~/".contains(letter);
        if host.is_empty() || host.contains('@') || !path.chars().all(is_plain) || path.contains("//") {
            return Err(format!("`base_url` must be a host and perhaps a plain path, not `{text}`"));
        }
        Ok(PublicUrl { host, path: path.to_owned(), whole: whole.to_owned() })
    }
}

/// The host of `host:port` in lower case, brackets of an IPv6 address and the last dot taken off.
pub fn host_of(authority: &str) -> String {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{PublicUrl, host_of};

    #[test]
    fn an_address_is_taken_apart() {
        let url: PublicUrl = "https://Data.Example.com:8443/tools/wellspring/".parse().unwrap();
        assert_eq!((url.host(), url.path()), ("data.example.com", "/tools/wellspring"));
        assert_eq!(url.origin(), "https://Data.Example.com:8443");
        assert_eq!(url.as_str(), "https://Data.Example.com:8443/tools/wellspring");
        assert_eq!("http://h".parse::<PublicUrl>().unwrap().path(), "");
        for odd in ["ftp://h", "h", "http://", "http://a@b", "http://h/a?b", "http://h/\"x", "http://h/a#b", "http://h//a"] {
            assert!(odd.parse::<PublicUrl>().is_err(), "{odd}");
        }
    }

    #[test]
    fn a_host_has_no_port_no_brackets_and_no_last_dot() {
        for (authority, host) in
            [("LOCALHOST:7171", "localhost"), ("[::1]:80", "::1"), ("a.example.", "a.example"), ("10.0.0.1", "10.0.0.1")]
        {
            assert_eq!(host_of(authority), host);
        }
    }
}

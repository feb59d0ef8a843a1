//! Which host names are answered: a foreign page must not read the catalog by pointing its own name
//! at this machine (DNS rebinding).

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::config::{PublicUrl, host_of};

/// Longest part of a refused name that is said back.
const LONGEST_SAID: usize = 100;

/// Refuses requests under names that are not the catalog's: neither an IP address, nor `localhost`,
/// nor the host of the configured address. An address cannot be rebound, a name can.
pub(super) async fn check_host(State(public): State<Option<Arc<PublicUrl>>>, request: Request, next: Next) -> Response {
    match host(request.uri(), request.headers()) {
        Some(host) if !is_ours(&host, public.as_deref()) => refuse(&host),
        _ => next.run(request).await,
    }
}

/// The host that a request names; browsers always name one.
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let named = headers.get(header::HOST).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    named.or_else(|| uri.authority().map(ToString::to_string)).map(|authority| host_of(&authority))
}

fn is_ours(host: &str, public: Option<&PublicUrl>) -> bool {
    host.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || host.ends_with(".localhost")
        || public.is_some_and(|public| public.host() == host)
}

fn refuse(host: &str) -> Response {
    let said: String = host.chars().filter(|letter| !letter.is_control()).take(LONGEST_SAID).collect();
    let text = format!(
        "This catalog does not answer to the name {said}.\n\n\
         Where people reach it under that name, say so: base_url = \"https://{said}\" in wellspring.toml,\n\
         or wellspring serve --base-url https://{said}\n"
    );
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn addresses_localhost_and_the_configured_name_are_ours() {
        let public = "https://data.example.com/w".parse().unwrap();
        for host in ["127.0.0.1", "10.1.2.3", "::1", "localhost", "data.example.com"] {
            assert!(is_ours(host, Some(&public)), "{host}");
        }
        for host in ["evil.example", "", "localhost.evil.example", "127.0.0.1.evil.example", "example.com"] {
            assert!(!is_ours(host, Some(&public)), "{host}");
        }
        assert!(!is_ours("data.example.com", None));
    }
}

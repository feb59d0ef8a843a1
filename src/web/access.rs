//! Who comes in: finds out who asks, and lets them do what they may.
//!
//! In: a request and its peer's address. Out: a [`Visitor`] among the request's extensions, and a
//! refusal where the address needs more than they are. Never trusts a header of anybody but a proxy
//! that is configured.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::{
    Site,
    attempts::Attempts,
    error::PageError,
    headers::check_same_origin,
    routes::{Needs, WEBHOOK},
    urls,
};
use crate::{
    config::{Config, Network},
    model::{Actor, Role, Scope},
};

/// The session's cookie over https: browsers keep it to this host and to https.
const SAFE_COOKIE: &str = "__Host-session";
/// The session's cookie over plain http.
const PLAIN_COOKIE: &str = "session";
/// What browsers are told that reached the catalog over https (ASVS 5, 3.4.1).
const ONLY_HTTPS: &str = "max-age=31536000; includeSubDomains";
/// Longest secret that is looked at, in bytes.
const LONGEST_SECRET: usize = 200;

/// How people come in.
#[derive(Debug)]
pub struct Access {
    /// The one local user; `None` where people sign in.
    local: Option<String>,
    proxies: Vec<Network>,
    user_header: Option<String>,
    new_people: Option<Role>,
    /// Whether the server itself speaks https.
    speaks_tls: bool,
    allows_http: bool,
    /// Failed attempts to sign in.
    pub(super) attempts: Attempts,
}

impl Access {
    /// Everybody who reaches the server is the user called `name` and may do everything: for loopback.
    pub fn local(name: &str) -> Access {
        Access { local: Some(name.to_owned()), ..Access::signed_in() }
    }

    /// As `config` says.
    pub fn new(config: &Config) -> Access {
        let access = &config.access;
        Access {
            local: (!config.needs_sign_in()).then(local_name),
            proxies: access.trusted_proxies.clone(),
            user_header: access.user_header.clone(),
            new_people: access.new_people,
            speaks_tls: access.tls_cert.is_some(),
            allows_http: access.insecure_http,
            attempts: Attempts::default(),
        }
    }

    fn signed_in() -> Access {
        Access {
            local: None,
            proxies: Vec::new(),
            user_header: None,
            new_people: None,
            speaks_tls: false,
            allows_http: false,
            attempts: Attempts::default(),
        }
    }

    /// Whether people sign in.
    pub(super) fn needs_sign_in(&self) -> bool {
        self.local.is_none()
    }

    fn trusts(&self, peer: Option<IpAddr>) -> bool {
        peer.is_some_and(|peer| self.proxies.iter().any(|network| network.holds(peer)))
    }
}

/// The name of whoever runs the process, as the environment says; `local` where it does not.
pub fn local_name() -> String {
    let named = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()));
    named.unwrap_or_else(|| "local".to_owned())
}

/// Who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct Visitor {
    /// Somebody known; `None` for everybody else.
    pub(super) actor: Option<Actor>,
    /// How we know.
    pub(super) came: Came,
    /// Whether the way to them is https, or does not leave the machine.
    pub(super) is_safe: bool,
    /// Whether they speak https with us or with a trusted proxy.
    pub(super) speaks_https: bool,
    /// The address that attempts to sign in count for.
    pub(super) peer: Option<IpAddr>,
}

/// How we know who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Came {
    /// We do not.
    #[default]
    Unknown,
    /// By a cookie.
    Session,
    /// By a token.
    Token,
    /// With a token that opens nothing.
    BadToken,
    /// A trusted proxy says so.
    Proxy,
    /// There is one local user.
    Local,
}

impl Visitor {
    /// Who asks, as everything that may be done needs it.
    ///
    /// # Errors
    /// [`PageError::Unauthorized`] where nobody known does.
    pub(super) fn actor(&self) -> Result<&Actor, PageError> {
        self.actor.as_ref().ok_or(PageError::Unauthorized)
    }

    /// Whether they sign in and out with us.
    pub(super) fn has_session(&self) -> bool {
        self.came == Came::Session
    }

    /// The `Set-Cookie` that keeps the secret of a session, or forgets it where it is "".
    pub(super) fn cookie(&self, secret: &str) -> Option<HeaderValue> {
        let (name, secure) = if self.speaks_https { (SAFE_COOKIE, "; Secure") } else { (PLAIN_COOKIE, "") };
        let age = if secret.is_empty() { "; Max-Age=0" } else { "; Max-Age=2592000" };
        HeaderValue::from_str(&format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")).ok()
    }
}

/// Finds out who asks, and puts the answer among the request's extensions.
pub(super) async fn identify(State(site): State<Site>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match find_visitor(&site, &parts).await {
        Ok(visitor) => visitor,
        Err(error) => return error.into_response(),
    };
    let speaks_https = visitor.speaks_https;
    parts.extensions.insert(visitor);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if speaks_https {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_HTTPS));
    }
    response
}

async fn find_visitor(site: &Site, request: &Parts) -> Result<Visitor, PageError> {
    let access = &site.access;
    let headers = &request.headers;
    let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let is_proxy = access.trusts(peer);
    let forwarded_https = text(headers, "x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    let speaks_https = access.speaks_tls || (is_proxy && forwarded_https);
    let mut visitor = Visitor {
        speaks_https,
        is_safe: speaks_https || (!is_proxy && peer.is_some_and(|peer| peer.to_canonical().is_loopback())),
        peer: if is_proxy { forwarded_for(headers, access).or(peer) } else { peer },
        ..Visitor::default()
    };
    (visitor.actor, visitor.came) = find_actor(site, request, is_proxy, &visitor).await?;
    Ok(visitor)
}

async fn find_actor(site: &Site, request: &Parts, is_proxy: bool, visitor: &Visitor) -> Result<(Option<Actor>, Came), PageError> {
    let (access, headers) = (&site.access, &request.headers);
    if let Some(authorization) = headers.get(header::AUTHORIZATION) {
        let secret = authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("").trim();
        return bearer(site, secret).await;
    }
    if let Some(secret) = token_in_address(request) {
        let (actor, came) = bearer(site, &secret).await?;
        // It may stand in logs and histories of others: only feeds open to it.
        return Ok((actor.map(|actor| Actor { scope: Scope::Feed, ..actor }), came));
    }
    if let Some(name) = &access.local {
        return Ok((Some(Actor { name: name.clone(), role: Role::Admin, scope: Scope::Admin, also: Vec::new() }), Came::Local));
    }
    let named = access.user_header.as_deref().filter(|_| is_proxy).and_then(|name| text(headers, name));
    if let Some(name) = named {
        let actor = site.catalog.person_of_proxy(name, access.new_people).await?;
        return Ok((actor, Came::Proxy));
    }
    match session_secret(headers, visitor.speaks_https) {
        Some(secret) => Ok((site.catalog.session(secret).await?, Came::Session)),
        None => Ok((None, Came::Unknown)),
    }
}

async fn bearer(site: &Site, secret: &str) -> Result<(Option<Actor>, Came), PageError> {
    if secret.len() > LONGEST_SECRET {
        return Ok((None, Came::BadToken));
    }
    match site.catalog.bearer(secret).await? {
        Some(actor) => Ok((Some(actor), Came::Token)),
        None => Ok((None, Came::BadToken)),
    }
}

/// `?token=` of a feed: readers of feeds keep no cookies.
fn token_in_address(request: &Parts) -> Option<String> {
    let path = request.uri.path();
    let query = request.uri.query().filter(|_| path.starts_with("/feeds/"))?;
    query.split('&').find_map(|pair| pair.strip_prefix("token=")).map(str::to_owned)
}

/// The secret of the session in a request's cookies.
pub(super) fn session_secret(headers: &HeaderMap, speaks_https: bool) -> Option<&str> {
    let name = if speaks_https { SAFE_COOKIE } else { PLAIN_COOKIE };
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let secret = pairs.find_map(|(key, value)| (key == name).then_some(value))?;
    Some(secret).filter(|secret| !secret.is_empty() && secret.len() <= LONGEST_SECRET)
}

/// The last address before our own proxies.
fn forwarded_for(headers: &HeaderMap, access: &Access) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let addresses: Vec<IpAddr> = lines.flat_map(|line| line.split(',')).filter_map(|one| one.trim().parse().ok()).collect();
    addresses.into_iter().rev().find(|address| !access.trusts(Some(*address)))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
}

/// Lets those in who may; an address that the table of routes does not know opens to nobody.
pub(super) async fn guard(State((site, needs)): State<(Site, Arc<Needs>)>, request: Request, next: Next) -> Response {
    match check(&site, &needs, &request) {
        Ok(()) => next.run(request).await,
        Err(PageError::Unauthorized) if wants_page(&request) => {
            let back = request.uri().path_and_query().map_or("/", |address| address.as_str());
            Redirect::to(&urls::with_query("/sign-in", [("back", back.to_owned())])).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn check(site: &Site, needs: &Needs, request: &Request) -> Result<(), PageError> {
    let Some(visitor) = request.extensions().get::<Visitor>() else { return Err(PageError::Unauthorized) };
    if site.access.needs_sign_in() && !visitor.is_safe && !site.access.allows_http {
        return Err(PageError::Forbidden("This catalog is served over https alone.".to_owned()));
    }
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    // A forge comes from another site on purpose; the signature of its body says who it is.
    let is_signed = path == Some(WEBHOOK);
    if changes && visitor.came != Came::Token && !is_signed {
        check_same_origin(request.headers(), site.public.as_deref())?;
        let names_origin = request.headers().contains_key("sec-fetch-site") || request.headers().contains_key(header::ORIGIN);
        if visitor.came == Came::Session && !names_origin {
            return Err(PageError::Forbidden("Browsers say which page a form is on; this request did not.".to_owned()));
        }
    }
    needs.check(path, changes, visitor)
}

/// Whether a person looks at the answer in a browser.
fn wants_page(request: &Request) -> bool {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let for_programs = ["/api/", "/feeds/"].iter().any(|start| request.uri().path().starts_with(start));
    is_read && !for_programs && !request.headers().contains_key(header::AUTHORIZATION)
}

/// Whether pages warn of plain http.
pub(super) fn warns_of_http(site: &Site, visitor: &Visitor) -> bool {
    site.access.needs_sign_in() && !visitor.is_safe
}

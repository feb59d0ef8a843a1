//! `[access]`: who may come in and how, and whom news are told.

use std::{net::IpAddr, path::PathBuf, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Config, ConfigError, host_of};
use crate::model::Role;

/// `[access]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessConfig {
    /// Whether people must sign in. Default: where `addr` is not on loopback, `base_url` names another
    /// host, or a proxy is trusted. Else everybody who uses the machine is its one local user.
    pub sign_in: Option<bool>,
    /// Addresses of proxies (`"10.0.0.5"`, `"10.0.0.0/8"`) whose `X-Forwarded-Proto`, `X-Forwarded-For`
    /// and `user_header` are believed. Nobody else's are.
    pub trusted_proxies: Vec<Network>,
    /// The header in which a trusted proxy names the person whom it signed in (`"X-Forwarded-User"`).
    /// Default: people sign in with a password.
    pub user_header: Option<String>,
    /// What becomes of people whom a trusted proxy names and nobody added yet: `"viewer"`, `"editor"` or
    /// `"admin"`. Default: they are refused.
    pub new_people: Option<Role>,
    /// Certificate chain in PEM, for https without a proxy. Default: http.
    pub tls_cert: Option<PathBuf>,
    /// The private key that belongs to it, in PEM.
    pub tls_key: Option<PathBuf>,
    /// Serve plain http elsewhere than on loopback; every page warns of it. Default: refused.
    pub insecure_http: bool,
}

/// `[notify]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Address that is told of everything that people state and remark, as JSON by POST. Default: none.
    pub webhook: Option<String>,
    /// Signs what the webhook is told: `X-Wellspring-Signature: sha256=` and the HMAC of the body.
    /// Default: unsigned.
    pub secret: Option<String>,
}

/// An address, or all that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether `address` is in it; IPv4 addresses written as IPv6 count as IPv4.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let cut = 32_u32.saturating_sub(self.bits.into());
                u32::from(ours).checked_shr(cut).unwrap_or(0) == u32::from(other).checked_shr(cut).unwrap_or(0)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let cut = 128_u32.saturating_sub(self.bits.into());
                u128::from(ours).checked_shr(cut).unwrap_or(0) == u128::from(other).checked_shr(cut).unwrap_or(0)
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let odd = || format!("`{text}` is neither an IP address nor a network like 10.0.0.0/8");
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.trim().parse().map_err(|_| odd())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse().map_err(|_| odd()))?;
        if bits > most { Err(odd()) } else { Ok(Network { address, bits }) }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        format!("{}/{}", network.address, network.bits)
    }
}

impl Config {
    /// Whether people must sign in.
    pub fn needs_sign_in(&self) -> bool {
        let access = &self.access;
        let is_reached_from_elsewhere = !self.addr.ip().is_loopback()
            || !access.trusted_proxies.is_empty()
            || self.base_url.as_deref().is_some_and(|url| !is_loopback(url));
        access.sign_in.unwrap_or(is_reached_from_elsewhere)
    }

    /// Checks that what is said of access fits together and is safe.
    ///
    /// # Errors
    /// Says what to change.
    pub fn check_access(&self) -> Result<(), ConfigError> {
        let refuse = |what: &str| Err(ConfigError::Inconsistent(what.to_owned()));
        let access = &self.access;
        let is_elsewhere = !self.addr.ip().is_loopback();
        let is_safe = access.tls_cert.is_some() || !access.trusted_proxies.is_empty() || access.insecure_http;
        match () {
            () if access.tls_cert.is_some() != access.tls_key.is_some() => {
                refuse("https needs both a certificate (--tls-cert) and its key (--tls-key)")
            }
            () if access.user_header.is_some() && access.trusted_proxies.is_empty() => {
                refuse("[access] user_header is believed of trusted proxies alone: name their addresses in trusted_proxies")
            }
            () if is_elsewhere && access.sign_in == Some(false) => {
                refuse("without sign-in the catalog listens on loopback alone: leave `sign_in = false` out of [access]")
            }
            () if is_elsewhere && !is_safe => refuse(
                "passwords do not go over plain http: give --tls-cert and --tls-key, or name the proxy that speaks https \
                 in [access] trusted_proxies, or accept the risk with --insecure-http",
            ),
            () => Ok(()),
        }
    }
}

fn is_loopback(url: &str) -> bool {
    let host = host_of(url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or(""));
    host == "localhost" || host.ends_with(".localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        for (address, holds) in [("10.1.2.3", true), ("::ffff:10.1.9.9", true), ("10.2.0.1", false), ("::1", false)] {
            assert_eq!(network.holds(address.parse().unwrap()), holds, "{address}");
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().holds("8.8.8.8".parse().unwrap()));
        assert!("fd00::/8".parse::<Network>().unwrap().holds("fd12::1".parse().unwrap()));
        assert!(!"10.0.0.5".parse::<Network>().unwrap().holds("10.0.0.6".parse().unwrap()));
        for odd in ["10.0.0.0/33", "proxy", "", "10.0.0.0/x"] {
            assert!(odd.parse::<Network>().is_err(), "{odd}");
        }
    }

    #[test]
    fn sign_in_is_needed_as_soon_as_somebody_else_can_reach_the_catalog() {
        let local = Config::default();
        assert!(!local.needs_sign_in() && local.check_access().is_ok());
        let elsewhere = Config { addr: ([0, 0, 0, 0], 7171).into(), ..Config::default() };
        assert!(elsewhere.needs_sign_in());
        assert!(elsewhere.check_access().is_err(), "plain http is refused");
        let named = Config { base_url: Some("https://data.example.com".to_owned()), ..Config::default() };
        assert!(named.needs_sign_in() && named.check_access().is_ok());
        assert!(!Config { base_url: Some("http://localhost:8080/w".to_owned()), ..Config::default() }.needs_sign_in());
        let access = AccessConfig { insecure_http: true, ..AccessConfig::default() };
        assert!(Config { access, ..elsewhere.clone() }.check_access().is_ok());
        let access = AccessConfig { insecure_http: true, sign_in: Some(false), ..AccessConfig::default() };
        assert!(Config { access, ..elsewhere }.check_access().is_err(), "nobody is let in from elsewhere unasked");
    }
}
